//! What goes wrong, and when.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::http::Response;

/// Something that goes wrong at a call.
#[derive(Debug, Clone)]
pub struct Fault {
    on: FaultOn,
    effect: Effect,
    seen: u64,
}

/// A fault whose effect is still to be said.
#[derive(Debug, Clone, Copy)]
#[must_use = "say what goes wrong"]
pub struct FaultOn {
    first: u64,
    last: u64,
}

/// What a fault does to a call.
#[derive(Clone)]
pub(super) enum Effect {
    Delay(Duration),
    Hang,
    Drop,
    Truncate,
    Answer(Response),
    Change(Change),
}

type Change = Arc<dyn Fn(Vec<u8>) -> Vec<u8> + Send + Sync>;

impl std::fmt::Debug for Effect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Delay(_) => "Delay",
            Self::Hang => "Hang",
            Self::Drop => "Drop",
            Self::Truncate => "Truncate",
            Self::Answer(_) => "Answer",
            Self::Change(_) => "Change",
        })
    }
}

impl Fault {
    /// On the nth call from now, counted from 1, and only there.
    pub fn nth(nth: u64) -> FaultOn {
        FaultOn { first: nth, last: nth }
    }

    /// On the first `count` calls from now.
    pub fn first(count: u64) -> FaultOn {
        FaultOn { first: 1, last: count }
    }

    /// On every call.
    pub fn every() -> FaultOn {
        FaultOn { first: 1, last: u64::MAX }
    }

    /// Adds a header to the answer of [`FaultOn::status`]; of another fault nothing.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let Effect::Answer(response) = &mut self.effect {
            response.headers.push((name.to_owned(), value.to_owned()));
        }
        self
    }

    /// Puts a code into the error of [`FaultOn::status`], such as `insufficient_quota`; of another fault nothing.
    #[must_use]
    pub fn code(mut self, code: &str) -> Self {
        if let Effect::Answer(response) = &mut self.effect {
            response.body = error(code);
        }
        self
    }

    pub(super) fn meet(&mut self) -> Option<Effect> {
        self.seen += 1;
        (self.on.first..=self.on.last).contains(&self.seen).then(|| self.effect.clone())
    }
}

impl FaultOn {
    /// The call fails with this status; the message of the error repeats the call's key and a text, as servers do.
    pub fn status(self, status: u16) -> Fault {
        self.effect(Effect::Answer(Response { status, headers: Vec::new(), body: error("a_fault") }))
    }

    /// The answer is this, with status 200.
    pub fn body(self, body: impl Into<Vec<u8>>) -> Fault {
        self.effect(Effect::Answer(Response { status: 200, headers: Vec::new(), body: body.into() }))
    }

    /// The answer comes this much later.
    pub fn delay(self, latency: Duration) -> Fault {
        self.effect(Effect::Delay(latency))
    }

    /// No answer ever comes.
    pub fn hang(self) -> Fault {
        self.effect(Effect::Hang)
    }

    /// The connection breaks without an answer.
    pub fn drop_connection(self) -> Fault {
        self.effect(Effect::Drop)
    }

    /// The answer ends in the middle, and the connection with it.
    pub fn truncate(self) -> Fault {
        self.effect(Effect::Truncate)
    }

    /// The list of vectors in the answer is changed: `{"index", "embedding"}` each.
    pub fn change(self, change: impl Fn(&mut Vec<Value>) + Send + Sync + 'static) -> Fault {
        self.effect(Effect::Change(Arc::new(move |body| {
            let mut answer: Value = serde_json::from_slice(&body).unwrap_or_default();
            if let Some(data) = answer.get_mut("data").and_then(Value::as_array_mut) {
                change(data);
            }
            answer.to_string().into_bytes()
        })))
    }

    fn effect(self, effect: Effect) -> Fault {
        Fault { on: self, effect, seen: 0 }
    }
}

fn error(code: &str) -> Vec<u8> {
    let message = "a fault that was asked for; your key sk-secret and your text «confidential» are repeated here";
    json!({"error": {"message": message, "type": "server_error", "param": null, "code": code}}).to_string().into_bytes()
}
