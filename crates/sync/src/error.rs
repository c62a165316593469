//! Why a sync did not come to a result.

use crate::schema::{MAX_VIOLATIONS, Violation, Violations};
use mastra_core::{Error, ErrorKind, sync::RunId};
use std::{error::Error as StdError, fmt};

/// What kept a sync from a result, and so what the caller can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SyncErrorKind {
    /// The registry was built without an engine.
    MissingEngine,
    /// No sync of that id or key is registered; [`SyncError::nearest`] names similar ones.
    UnknownSync,
    /// The input breaks the sync's schema; nothing was begun. [`SyncError::violations`] lists where.
    InvalidInput,
    /// The sync returned what breaks its schema. What it wrote is written.
    InvalidOutput,
    /// Another run has that id, or writes the entity.
    Busy,
    /// More would have been deleted than the guard allows.
    Refused,
    /// The sync failed.
    Failed,
    /// It was cancelled.
    Cancelled,
    /// It took longer than it was given.
    TimedOut,
    /// It gave no sign of life for longer than its lease, and another run took over.
    Lost,
    /// The engine could not begin or end the run: its error is the [source](StdError::source).
    Engine,
}

impl SyncErrorKind {
    /// Every kind.
    pub const ALL: [Self; 11] = [
        Self::MissingEngine,
        Self::UnknownSync,
        Self::InvalidInput,
        Self::InvalidOutput,
        Self::Busy,
        Self::Refused,
        Self::Failed,
        Self::Cancelled,
        Self::TimedOut,
        Self::Lost,
        Self::Engine,
    ];

    /// The kind's stable name, as it stands in the ledger.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MissingEngine => "missingEngine",
            Self::UnknownSync => "unknownSync",
            Self::InvalidInput => "invalidInput",
            Self::InvalidOutput => "invalidOutput",
            Self::Busy => "busy",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::TimedOut => "timedOut",
            Self::Lost => "lost",
            Self::Engine => "engine",
        }
    }

    /// The kind of core that tells a caller the same.
    const fn of_core(self) -> ErrorKind {
        match self {
            Self::MissingEngine | Self::InvalidInput => ErrorKind::InvalidInput,
            Self::UnknownSync => ErrorKind::NotFound,
            Self::InvalidOutput | Self::Failed | Self::Engine => ErrorKind::Internal,
            Self::Busy | Self::Refused | Self::Lost => ErrorKind::Conflict,
            Self::Cancelled => ErrorKind::Unavailable,
            Self::TimedOut => ErrorKind::Timeout,
        }
    }
}

impl fmt::Display for SyncErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a sync did not come to a result.
///
/// `Display` is one line without record data, which is what the ledger keeps too. An error that the sync's own code met may say more than is
/// to be kept: it is the [source](StdError::source), and only there.
pub struct SyncError(Box<Inner>);

struct Inner {
    kind: SyncErrorKind,
    sync: String,
    run: Option<RunId>,
    message: String,
    violations: Violations,
    nearest: Vec<String>,
    retryable: bool,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl SyncError {
    pub(crate) fn new(kind: SyncErrorKind, sync: impl Into<String>, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            sync: sync.into(),
            run: None,
            message: message.into(),
            violations: Violations { listed: Vec::new(), more: false },
            nearest: Vec::new(),
            retryable: matches!(kind, SyncErrorKind::Busy | SyncErrorKind::TimedOut),
            source: None,
        }))
    }

    /// Of an engine that could not do its part.
    pub(crate) fn engine(sync: impl Into<String>, message: &str, source: Error) -> Self {
        let retryable = source.is_retryable();
        let mut error = Self::new(SyncErrorKind::Engine, sync, format!("{message}: {source}"));
        error.0.retryable = retryable;
        error.0.source = Some(Box::new(source));
        error
    }

    pub(crate) fn with_run(mut self, run: &RunId) -> Self {
        self.0.run = Some(run.clone());
        self
    }

    pub(crate) fn with_violations(mut self, violations: Violations) -> Self {
        self.0.violations = violations;
        self
    }

    pub(crate) fn with_nearest(mut self, nearest: Vec<String>) -> Self {
        self.0.nearest = nearest;
        self
    }

    pub(crate) fn with_source(mut self, source: Option<Box<dyn StdError + Send + Sync>>, retryable: bool) -> Self {
        self.0.source = source;
        self.0.retryable = retryable;
        self
    }

    /// What kept the sync from a result.
    pub fn kind(&self) -> SyncErrorKind {
        self.0.kind
    }

    /// The sync's id, or what was asked for where there is none of it.
    pub fn sync_id(&self) -> &str {
        &self.0.sync
    }

    /// The run, where one was begun or asked for.
    pub fn run_id(&self) -> Option<&RunId> {
        self.0.run.as_ref()
    }

    /// The message alone, without sync and run.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What is wrong with input or output, at most 20; empty for other kinds.
    pub fn violations(&self) -> &[Violation] {
        &self.0.violations.listed
    }

    /// Names like the one that was asked for, the nearest first; only of [`SyncErrorKind::UnknownSync`].
    pub fn nearest(&self) -> &[String] {
        &self.0.nearest
    }

    /// Whether the same call may succeed when it is made again: another run is in the way, time ran out, or the error that the sync met says so.
    pub fn is_retryable(&self) -> bool {
        self.0.retryable
    }
}

impl fmt::Display for SyncError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &*self.0;
        f.write_str(&inner.message)?;
        for (index, violation) in inner.violations.listed.iter().enumerate() {
            write!(f, "{}{violation}", if index == 0 { ": " } else { "; " })?;
        }
        if inner.violations.more {
            write!(f, "; and more than these {MAX_VIOLATIONS}")?;
        }
        if !inner.nearest.is_empty() {
            write!(f, "; did you mean {}?", inner.nearest.join(", ").escape_debug())?;
        }
        write!(f, " (sync={}", inner.sync.escape_debug())?;
        if let Some(run) = &inner.run {
            write!(f, ", run={}", run.as_str().escape_debug())?;
        }
        f.write_str(")")
    }
}

impl fmt::Debug for SyncError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SyncError")
            .field("kind", &self.0.kind)
            .field("sync", &self.0.sync)
            .field("run", &self.0.run)
            .field("message", &self.0.message)
            .field("violations", &self.0.violations.listed)
            .field("nearest", &self.0.nearest)
            .field("retryable", &self.0.retryable)
            .field("source", &self.0.source)
            .finish()
    }
}

impl StdError for SyncError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

/// The same as an error of core, whose kind is that of the source where the source is one.
impl From<SyncError> for Error {
    fn from(error: SyncError) -> Self {
        let of_source = error.0.source.as_deref().and_then(|source| source.downcast_ref::<Self>()).map(Self::kind);
        let kind = match error.kind() {
            SyncErrorKind::Failed | SyncErrorKind::Engine => of_source.unwrap_or(ErrorKind::Internal),
            kind => kind.of_core(),
        };
        Self::new(kind, error.to_string()).retryable(error.is_retryable()).with_source(error)
    }
}
