//! What goes wrong, and when.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tonic::Status;
use tonic::metadata::MetadataValue;

/// Something that goes wrong at a call.
///
/// A call is named as in the protocol: `Query` is every service's call of that name, `Collections/Get` that of one service.
///
/// Mind that `qdrant-client` makes a call on points a second time, on its own, where the first failed with `Internal`,
/// `Unavailable`, `Cancelled` or `Unknown`, as a lost connection does.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use mastra_doubles::Qdrant;
/// use mastra_doubles::qdrant::Fault;
/// use tonic::Code;
///
/// let qdrant = Qdrant::start().await?;
/// let client = qdrant_client::Qdrant::from_url(&qdrant.url()).skip_compatibility_check().build()?;
///
/// qdrant.faults().add(Fault::on("Collections/List").nth(2).fail(Code::Unavailable));
/// assert!(client.list_collections().await.is_ok());
/// assert!(client.list_collections().await.is_err());
/// assert!(client.list_collections().await.is_ok());
/// assert_eq!(qdrant.faults().calls("Collections/List"), 3);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Fault {
    call: Option<&'static str>,
    calls: Calls,
    effect: Effect,
    seen: u64,
}

#[derive(Debug, Clone, Copy)]
enum Calls {
    Nth(u64),
    From(u64),
}

/// What a fault does to a call.
#[derive(Debug, Clone)]
pub(super) enum Effect {
    Fail(Status),
    Delay(Duration),
    LoseRequest,
    LoseAcknowledgement,
    Truncate,
}

/// A fault whose effect is still to be said; it is on the next call unless [`FaultOn::nth`] or [`FaultOn::every`] says otherwise.
#[derive(Debug, Clone, Copy)]
#[must_use = "say what goes wrong"]
pub struct FaultOn {
    call: Option<&'static str>,
    calls: Calls,
}

impl Fault {
    /// A fault on this call.
    pub fn on(call: &'static str) -> FaultOn {
        FaultOn { call: Some(call), calls: Calls::Nth(1) }
    }

    /// A fault on any call.
    pub fn on_any() -> FaultOn {
        FaultOn { call: None, calls: Calls::Nth(1) }
    }
}

impl FaultOn {
    /// On the nth such call from now, counted from 1, and only there.
    pub fn nth(self, nth: u64) -> Self {
        Self { calls: Calls::Nth(nth), ..self }
    }

    /// On the nth such call from now, counted from 1, and on all behind it.
    pub fn from(self, nth: u64) -> Self {
        Self { calls: Calls::From(nth), ..self }
    }

    /// On every such call.
    pub fn every(self) -> Self {
        self.from(1)
    }

    /// The call fails with this code, without any effect.
    pub fn fail(self, code: tonic::Code) -> Fault {
        self.effect(Effect::Fail(Status::new(code, "a fault that was asked for")))
    }

    /// The call fails as those over a rate limit do: `ResourceExhausted`, with the seconds to wait in `retry-after`, rounded up.
    pub fn throttle(self, retry_after: Duration) -> Fault {
        let mut status = Status::resource_exhausted("Rate limiting exceeded: a fault that was asked for");
        let seconds = retry_after.as_secs() + u64::from(retry_after.subsec_nanos() > 0);
        status.metadata_mut().insert("retry-after", MetadataValue::from(seconds));
        self.effect(Effect::Fail(status))
    }

    /// The call takes this much longer to begin.
    pub fn delay(self, latency: Duration) -> Fault {
        self.effect(Effect::Delay(latency))
    }

    /// The connection breaks before the call did anything. Other calls on the same connection break with it.
    pub fn lose_request(self) -> Fault {
        self.effect(Effect::LoseRequest)
    }

    /// The connection breaks once the call has done its work, and nobody hears of it. Other calls on the same connection break
    /// with it.
    pub fn lose_acknowledgement(self) -> Fault {
        self.effect(Effect::LoseAcknowledgement)
    }

    /// The call does its work, and its answer ends half-way.
    pub fn truncate(self) -> Fault {
        self.effect(Effect::Truncate)
    }

    fn effect(self, effect: Effect) -> Fault {
        Fault { call: self.call, calls: self.calls, effect, seen: 0 }
    }
}

/// The faults of one server, and how often its calls were made.
#[derive(Debug, Default)]
pub struct Faults(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    faults: Vec<Fault>,
    calls: BTreeMap<String, u64>,
}

impl Faults {
    /// Adds a fault to those that are there.
    pub fn add(&self, fault: Fault) {
        self.lock().faults.push(fault);
    }

    /// Removes all faults. What was counted stays.
    pub fn clear(&self) {
        self.lock().faults.clear();
    }

    /// How often a call reached the server, those that failed included. Of `Get`, which two services have, it is the sum.
    pub fn calls(&self, call: &str) -> u64 {
        self.lock().calls.iter().filter(|(path, _)| is(path, call)).map(|(_, count)| count).sum()
    }

    /// How many calls reached the server.
    pub fn all_calls(&self) -> u64 {
        self.lock().calls.values().sum()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What happens to the call of this path, which begins now.
    pub(super) fn meet(&self, path: &str) -> Vec<Effect> {
        let mut inner = self.lock();
        *inner.calls.entry(path.to_owned()).or_default() += 1;
        let met = inner.faults.iter_mut().filter(|fault| fault.call.is_none_or(|call| is(path, call)));
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

/// Whether `/qdrant.Points/Query` is `Points/Query` or `Query`.
fn is(path: &str, call: &str) -> bool {
    let name = path.strip_prefix("/qdrant.").unwrap_or(path);
    name == call || name.split_once('/').is_some_and(|(_, method)| method == call)
}
