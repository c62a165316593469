//! Why a case failed.

use mastra_core::{Error, ErrorKind};
use std::fmt;
use std::panic::Location;

/// What a case comes to.
pub type Outcome<T = ()> = Result<T, Failure>;

/// Longer values are cut in messages.
const SHOWN: usize = 2_000;

/// What a backend did otherwise than it has to, and the line of the suite that saw it; or why a case has nothing to ask of it.
pub struct Failure {
    message: String,
    location: &'static Location<'static>,
    not_claimed: Option<&'static str>,
}

impl Failure {
    /// A failure seen by the caller.
    #[track_caller]
    pub fn new(message: impl Into<String>) -> Self {
        let mut message = message.into();
        if let Some((cut, _)) = message.char_indices().nth(SHOWN) {
            message.truncate(cut);
            message.push('…');
        }
        Self { message, location: Location::caller(), not_claimed: None }
    }

    /// No failure, but the end of a case: what it is about the backend does not claim, and what the law says of that was seen.
    #[track_caller]
    pub fn not_claimed(capability: &'static str) -> Self {
        Self { not_claimed: Some(capability), ..Self::new(format!("{capability} is not claimed")) }
    }

    /// The capability that the case is about, where the backend does not claim it.
    pub fn lacking(&self) -> Option<&'static str> {
        self.not_claimed
    }

    /// What happened.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Says what the failure was about.
    #[must_use]
    pub fn about(mut self, what: impl fmt::Display) -> Self {
        self.message = format!("{what}: {}", self.message);
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}:{})", self.message, self.location.file(), self.location.line())
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Failure {}

impl From<Error> for Failure {
    #[track_caller]
    fn from(error: Error) -> Self {
        let mut message = format!("unexpected error of kind {}: {error}", error.kind());
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            message = format!("{message}; caused by: {cause}");
            source = cause.source();
        }
        Self::new(message)
    }
}

impl From<serde_json::Error> for Failure {
    #[track_caller]
    fn from(error: serde_json::Error) -> Self {
        Self::new(format!("malformed JSON: {error}"))
    }
}

/// Ends a case that is about what the backend does not claim.
#[track_caller]
pub(crate) fn not_claimed<T>(capability: &'static str) -> Outcome<T> {
    Err(Failure::not_claimed(capability))
}

/// Takes the error of a call that has to fail as `kind`.
#[track_caller]
pub fn refused<T: fmt::Debug>(result: mastra_core::Result<T>, kind: ErrorKind) -> Outcome<Error> {
    match result {
        Err(error) if error.kind() == kind => Ok(error),
        Err(error) => Err(Failure::new(format!("has to fail as {kind}, but failed as {}: {error}", error.kind()))),
        Ok(value) => Err(Failure::new(format!("has to fail as {kind}, but gave {value:?}"))),
    }
}

/// Fails the case unless the condition holds.
macro_rules! ensure {
    ($condition:expr, $($message:tt)+) => {
        if !bool::from($condition) {
            return Err($crate::Failure::new(format!($($message)+)));
        }
    };
}

/// Fails the case unless both are equal.
macro_rules! ensure_eq {
    ($found:expr, $expected:expr, $($message:tt)+) => {
        match (&$found, &$expected) {
            (found, expected) => {
                if *found != *expected {
                    return Err($crate::Failure::new(format!(
                        "{}: found {found:?}, expected {expected:?}", format_args!($($message)+)
                    )));
                }
            }
        }
    };
}

pub(crate) use {ensure, ensure_eq};
