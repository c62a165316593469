//! Failures on request, at exactly the call that a test asks for.

use mastra_core::{Error, ErrorKind, Result};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What is to go wrong, at which call.
///
/// Calls are counted from the moment the fault is added, 1 being the next. Operations have the names of the methods of
/// `RecordStore` and `Engine`, of `ChangeQueue` and `SyncStore`, of `VectorOperations` and `VectorStore`, `commit` and `rollback`; calls on
/// an engine, on its vectors and in its transactions count alike.
///
/// ```
/// use mastra_core::{ErrorKind, RecordStore as _, EntityQuery};
/// use mastra_mock::{Fault, MockEngine};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let engine = MockEngine::new().checked();
/// engine.inner().faults().add(Fault::on("list_entities").nth(2).fail(ErrorKind::Unavailable));
/// assert!(engine.list_entities(&EntityQuery::default()).await.is_ok());
/// let error = engine.list_entities(&EntityQuery::default()).await.unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Unavailable);
/// assert!(engine.list_entities(&EntityQuery::default()).await.is_ok());
/// # }
/// ```
#[derive(Clone)]
pub struct Fault {
    operation: Option<&'static str>,
    calls: Calls,
    effect: Effect,
    seen: u64,
}

/// The faults of a test, to be set all at once.
pub type FaultPlan = Vec<Fault>;

#[derive(Debug, Clone, Copy)]
enum Calls {
    Nth(u64),
    From(u64),
}

#[derive(Clone)]
enum Effect {
    Fail(Arc<dyn Fn() -> Error + Send + Sync>),
    Delay(Duration),
    Lose(Lost),
}

/// What a broken connection took with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lost {
    /// Nothing was done.
    Request,
    /// All was done, and nobody heard of it.
    Acknowledgement,
}

/// A fault whose effect is still to be said; it is on the next call unless [`FaultOn::nth`] or [`FaultOn::every`] says otherwise.
#[derive(Debug, Clone, Copy)]
#[must_use = "say what goes wrong"]
pub struct FaultOn {
    operation: Option<&'static str>,
    calls: Calls,
}

impl Fault {
    /// A fault on this operation.
    pub fn on(operation: &'static str) -> FaultOn {
        FaultOn { operation: Some(operation), calls: Calls::Nth(1) }
    }

    /// A fault on any operation.
    pub fn on_any() -> FaultOn {
        FaultOn { operation: None, calls: Calls::Nth(1) }
    }
}

impl FaultOn {
    /// On the nth such call, counted from 1, and only there.
    pub fn nth(self, nth: u64) -> Self {
        Self { calls: Calls::Nth(nth), ..self }
    }

    /// On the nth such call, counted from 1, and on all behind it.
    pub fn from(self, nth: u64) -> Self {
        Self { calls: Calls::From(nth), ..self }
    }

    /// On every such call.
    pub fn every(self) -> Self {
        self.from(1)
    }

    /// The call fails with an error of this kind, without any effect. A `Conflict` made so cannot be retried; see
    /// [`FaultOn::deadlock`].
    pub fn fail(self, kind: ErrorKind) -> Fault {
        self.fail_with(move || Error::new(kind, "a fault that was asked for"))
    }

    /// The call fails with this error, without any effect.
    pub fn fail_with(self, error: impl Fn() -> Error + Send + Sync + 'static) -> Fault {
        self.effect(Effect::Fail(Arc::new(error)))
    }

    /// The call fails as a database's choice of a deadlock's victim does: a `Conflict` that a retry can help.
    pub fn deadlock(self) -> Fault {
        self.fail_with(|| Error::conflict("a deadlock that was asked for").retryable(true))
    }

    /// The call takes this much longer.
    pub fn delay(self, latency: Duration) -> Fault {
        self.effect(Effect::Delay(latency))
    }

    /// The connection breaks before the call did anything: `Unavailable`. An open transaction is rolled back.
    pub fn lose_request(self) -> Fault {
        self.effect(Effect::Lose(Lost::Request))
    }

    /// The connection breaks once the call has done its work: `Unavailable`, and yet the batch is stored. Inside a transaction
    /// all is rolled back, since it never committed; on `commit`, all is stored. A stream breaks off half-way.
    pub fn lose_acknowledgement(self) -> Fault {
        self.effect(Effect::Lose(Lost::Acknowledgement))
    }

    fn effect(self, effect: Effect) -> Fault {
        Fault { operation: self.operation, calls: self.calls, effect, seen: 0 }
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let effect = match &self.effect {
            Effect::Fail(error) => format!("fail as {}", error().kind()),
            Effect::Delay(latency) => format!("delay {latency:?}"),
            Effect::Lose(lost) => format!("lose {lost:?}"),
        };
        f.debug_struct("Fault").field("operation", &self.operation).field("calls", &self.calls).field("effect", &effect).finish()
    }
}

/// The faults of one engine, and how often its operations were called.
#[derive(Debug, Default)]
pub struct Faults(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    faults: Vec<Fault>,
    calls: BTreeMap<&'static str, u64>,
}

impl Faults {
    /// Adds a fault to those that are there.
    pub fn add(&self, fault: Fault) {
        self.lock().faults.push(fault);
    }

    /// Replaces all faults.
    pub fn set(&self, plan: FaultPlan) {
        self.lock().faults = plan;
    }

    /// Removes all faults.
    pub fn clear(&self) {
        self.set(FaultPlan::new());
    }

    /// How often an operation was called, the failed calls included, and those that [`Checked`](mastra_core::Checked) refused not.
    pub fn calls(&self, operation: &str) -> u64 {
        self.lock().calls.get(operation).copied().unwrap_or(0)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What becomes of a call that begins now; waits for as long as its faults say.
    pub(crate) async fn meet(&self, operation: &'static str) -> Result<Option<Lost>> {
        let effects = self.lock().count(operation);
        for effect in &effects {
            if let Effect::Delay(latency) = effect {
                tokio::time::sleep(*latency).await;
            }
        }
        for effect in effects {
            match effect {
                Effect::Delay(_) => {}
                Effect::Fail(error) => return Err(error()),
                Effect::Lose(lost) => return Ok(Some(lost)),
            }
        }
        Ok(None)
    }
}

impl Inner {
    fn count(&mut self, operation: &'static str) -> Vec<Effect> {
        *self.calls.entry(operation).or_default() += 1;
        let met = self.faults.iter_mut().filter(|fault| fault.operation.is_none_or(|on| on == operation));
        let due = met.filter_map(|fault| {
            fault.seen += 1;
            let hit = match fault.calls {
                Calls::Nth(nth) => fault.seen == nth,
                Calls::From(nth) => fault.seen >= nth,
            };
            hit.then(|| fault.effect.clone())
        });
        due.collect()
    }
}
