//! The registry: which syncs there are, and what they work with.

mod builder;
mod call;
mod runs;

pub use builder::MastraBuilder;
pub use call::Call;
pub(crate) use runs::NO_LEDGER;
pub use runs::Runs;

use crate::{
    SyncDefinition, SyncError, SyncErrorKind,
    context::Services,
    define::ErasedSync,
    schema::{Validator, Violations},
};
use mastra_core::Engine;
use serde::Serialize;
use serde_json::Value;
use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::Arc,
};

/// The registry of an application's syncs, with the engine and whatever else they work with. Cheap to clone.
///
/// A run happens in the process, and in the future, of its caller: there is no scheduler, and no queue. It needs a tokio runtime with time.
///
/// ```
/// use mastra_sync::{Mastra, SyncErrorKind, define};
/// use schemars::JsonSchema;
/// use serde::{Deserialize, Serialize};
/// use serde_json::json;
/// use std::sync::Arc;
///
/// #[derive(Serialize, Deserialize, JsonSchema)]
/// struct Pages {
///     first: u32,
///     count: u32,
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let last = define("last-page").input::<Pages>().output::<u32>().execute(|ctx| async move {
///     let pages = ctx.input();
///     Ok(pages.first + pages.count)
/// });
/// let engine = Arc::new(mastra_mock::connect("mock://").await?);
/// let mastra = Mastra::builder().engine(engine).sync(last.clone()).build()?;
///
/// assert_eq!(mastra.run(&last, Pages { first: 3, count: 4 }).await?.output, 7);
/// assert_eq!(mastra.sync("last-page", json!({ "first": 3, "count": 4 })).await?.output, 7);
///
/// let unknown = mastra.sync("lst-page", json!({})).await.unwrap_err();
/// assert_eq!(unknown.kind(), SyncErrorKind::UnknownSync);
/// assert_eq!(unknown.nearest(), ["last-page"]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Mastra(Arc<Registry>);

pub(crate) struct Registry {
    pub(crate) engine: Option<Arc<dyn Engine>>,
    pub(crate) services: Arc<Services>,
    /// In the order of registration.
    syncs: Vec<Registered>,
    /// Ids and keys.
    names: HashMap<String, usize>,
}

/// A sync of the registry.
pub(crate) struct Registered {
    key: Option<String>,
    pub(crate) sync: Box<dyn ErasedSync>,
    pub(crate) input: Validator,
    pub(crate) output: Validator,
}

/// A sync as lists show it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SyncInfo {
    /// The key that it is registered under; its id, where it was given none.
    pub key: String,
    /// Its id.
    pub id: String,
    /// What people call it.
    pub label: Option<String>,
    /// What it does.
    pub description: Option<String>,
    /// What it takes, as JSON Schema.
    pub input_schema: Value,
    /// What it gives back, as JSON Schema.
    pub output_schema: Value,
}

impl Mastra {
    /// Begins a registry.
    pub fn builder() -> MastraBuilder {
        MastraBuilder::default()
    }

    /// Runs a sync, by its id or the key that it is registered under, with input as JSON. Await the call; its options come first.
    ///
    /// Errors: see [`SyncErrorKind`].
    pub fn sync(&self, name: impl Into<String>, input: impl Into<Value>) -> Call<Value> {
        Call::new(Arc::clone(&self.0), name.into(), Ok(input.into()))
    }

    /// Runs a sync with a typed input, for a typed output. It is the sync registered under this one's id that runs, and it has to be of the
    /// same type; the input is validated as any other.
    pub fn run<S: SyncDefinition>(&self, sync: &S, input: S::Input) -> Call<S::Output> {
        let id = sync.id().to_owned();
        let registered = self.0.find(&id).filter(|registered| registered.sync.definition().is::<S>());
        let input = match registered {
            Some(_) => serde_json::to_value(input).map_err(|_| {
                SyncError::new(SyncErrorKind::InvalidInput, &id, "the input is not valid")
                    .with_violations(Violations::whole("it cannot be written as JSON"))
            }),
            None => Err(self.0.unknown(&id)),
        };
        Call::new(Arc::clone(&self.0), id, input)
    }

    /// The syncs, in the order in which they were registered.
    pub fn syncs(&self) -> Vec<SyncInfo> {
        let info = |registered: &Registered| {
            let sync = &registered.sync;
            SyncInfo {
                key: registered.key.as_deref().unwrap_or(sync.id()).to_owned(),
                id: sync.id().to_owned(),
                label: sync.label().map(str::to_owned),
                description: sync.description().map(str::to_owned),
                input_schema: sync.input_schema(),
                output_schema: sync.output_schema(),
            }
        };
        self.0.syncs.iter().map(info).collect()
    }

    /// The engine, where the registry has one.
    pub fn engine(&self) -> Option<&Arc<dyn Engine>> {
        self.0.engine.as_ref()
    }

    /// The ledger: what every run did. `InvalidInput` where there is no engine, `Unsupported` where it keeps no ledger.
    pub fn runs(&self) -> mastra_core::Result<Runs> {
        let engine = self.engine().ok_or_else(|| mastra_core::Error::invalid_input(NO_ENGINE))?;
        Runs::new(Arc::clone(engine))
    }
}

/// What to do about it.
pub(crate) const NO_ENGINE: &str = "the registry has no engine; hand one to `Mastra::builder().engine(…)`";

impl fmt::Debug for Mastra {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<_> = self.0.syncs.iter().map(|registered| registered.sync.id()).collect();
        f.debug_struct("Mastra").field("engine", &self.0.engine).field("syncs", &ids).finish_non_exhaustive()
    }
}

impl Registry {
    /// The sync of that id or key.
    pub(crate) fn find(&self, name: &str) -> Option<&Registered> {
        self.names.get(name).and_then(|at| self.syncs.get(*at))
    }

    /// The error about a sync that is not there.
    pub(crate) fn unknown(&self, name: &str) -> SyncError {
        let message = match (self.syncs.is_empty(), self.find(name).is_some()) {
            (true, _) => "no sync is registered",
            (false, true) => "the sync registered under this id is of another type",
            (false, false) => "no sync of this id or key is registered",
        };
        SyncError::new(SyncErrorKind::UnknownSync, name, message).with_nearest(self.nearest(name))
    }

    /// Up to three names like this one.
    fn nearest(&self, name: &str) -> Vec<String> {
        let asked = name.to_lowercase();
        // By rank, so that no float has to be ordered; of equals, by name.
        let mut ranked: BTreeMap<(u32, &str), ()> = BTreeMap::new();
        for known in self.names.keys().filter(|known| *known != name) {
            let alike = strsim::jaro_winkler(&asked, &known.to_lowercase());
            if alike >= 0.75 {
                ranked.insert((((1.0 - alike) * 1e6) as u32, known), ());
            }
        }
        ranked.into_keys().take(3).map(|(_, known)| known.to_owned()).collect()
    }
}
