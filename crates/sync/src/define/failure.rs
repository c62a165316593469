//! Why a sync's own code gave up.

use crate::error::SyncError;
use mastra_core::Error;
use std::{any::type_name, error::Error as StdError, fmt};

/// Why a sync's own code gave up. Any error becomes one by `?`.
///
/// The ledger keeps one line of it, and that line must hold no record data and no secret. A [`mastra_core::Error`] and a [`SyncError`] promise
/// that and are kept as they are. Of any other error only the type is kept, since its text may hold anything; the whole error is the source of
/// the [`SyncError`] that the caller gets. To keep a line of your own, write one:
///
/// ```
/// use mastra_sync::Failure;
///
/// fn port(text: &str) -> Result<u16, Failure> {
///     text.parse().map_err(|error| Failure::message("the port in the settings is no number").with_source(error))
/// }
/// assert_eq!(port("x").unwrap_err().to_string(), "the port in the settings is no number");
///
/// fn number(text: &str) -> Result<u16, Failure> {
///     Ok(text.parse()?)
/// }
/// assert_eq!(number("secret").unwrap_err().to_string(), "a core::num::error::ParseIntError");
/// ```
pub struct Failure {
    line: String,
    retryable: bool,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Failure {
    /// A failure that says this, in one line without record data and secrets; a retry does not help it unless said so.
    pub fn message(line: impl Into<String>) -> Self {
        Self { line: line.into(), retryable: false, source: None }
    }

    /// A failure of an error whose type is hidden already, such as `anyhow`'s, which turns into such a box.
    pub fn from_boxed(source: Box<dyn StdError + Send + Sync>) -> Self {
        Self::of(source, "an error of a type that is not known")
    }

    /// Keeps the underlying error for the caller. The ledger does not see it.
    #[must_use]
    pub fn with_source(mut self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.source = Some(Box::new(source));
        self
    }

    /// Says whether running the sync again may help.
    #[must_use]
    pub fn retryable(mut self, retryable: bool) -> Self {
        self.retryable = retryable;
        self
    }

    /// Whether running the sync again may help: what a [`mastra_core::Error`] says of itself.
    pub fn is_retryable(&self) -> bool {
        self.retryable
    }

    /// The error of core that it is, where it is one.
    pub fn core(&self) -> Option<&Error> {
        self.source.as_deref()?.downcast_ref()
    }

    fn of(source: Box<dyn StdError + Send + Sync>, else_line: &str) -> Self {
        let (line, retryable) = if let Some(error) = source.downcast_ref::<Error>() {
            (error.to_string(), error.is_retryable())
        } else if let Some(error) = source.downcast_ref::<SyncError>() {
            (error.to_string(), error.is_retryable())
        } else {
            (else_line.to_owned(), false)
        };
        Self { line, retryable, source: Some(source) }
    }

    pub(crate) fn into_source(self) -> Option<Box<dyn StdError + Send + Sync>> {
        self.source
    }
}

// It is no `std::error::Error` itself: the conversion of every error into it would then overlap with that of a type into itself.
impl<E: StdError + Send + Sync + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::of(Box::new(error), &format!("a {}", type_name::<E>()))
    }
}

/// The line that the ledger keeps.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line)
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Failure")
            .field("line", &self.line)
            .field("retryable", &self.retryable)
            .field("source", &self.source)
            .finish()
    }
}
