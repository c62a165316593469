//! The one error of the workspace: a kind a caller can act on, and the context to act with.

use std::error::Error as StdError;
use std::{fmt, io};

/// A result whose error is [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What the caller can do about an [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The entity, record or other named thing does not exist.
    NotFound,
    /// Something with the same unique key exists.
    AlreadyExists,
    /// An argument is malformed; nothing was sent to the backend.
    InvalidInput,
    /// The backend does not offer this, and says so in its capabilities.
    Unsupported,
    /// The call collides with the present state or with another writer.
    Conflict,
    /// The backend cannot be reached, or dropped the connection.
    Unavailable,
    /// A limit on time ran out.
    Timeout,
    /// The role lacks a right; the message carries what a privileged role can run.
    PermissionDenied,
    /// The schema is older or newer than this client can serve.
    SchemaMismatch,
    /// Stored data breaks an invariant of the store.
    Corrupt,
    /// A defect, in this workspace or in a driver.
    Internal,
}

impl ErrorKind {
    /// The kind's stable name in snake case, as it stands in `--json` output.
    ///
    /// ```
    /// assert_eq!(mastra_core::ErrorKind::NotFound.as_str(), "not_found");
    /// ```
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::AlreadyExists => "already_exists",
            Self::InvalidInput => "invalid_input",
            Self::Unsupported => "unsupported",
            Self::Conflict => "conflict",
            Self::Unavailable => "unavailable",
            Self::Timeout => "timeout",
            Self::PermissionDenied => "permission_denied",
            Self::SchemaMismatch => "schema_mismatch",
            Self::Corrupt => "corrupt",
            Self::Internal => "internal",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An error of any backend.
///
/// `Display` is one line that a user can act on: the message, then the context as `key=value` pairs. Messages and context
/// never hold record data, keys or connection strings.
///
/// ```
/// use mastra_core::{Error, ErrorKind};
///
/// let error = Error::not_found("no entity has this name")
///     .with_operation("get_entity")
///     .with("name", "Contacts");
/// assert_eq!(error.kind(), ErrorKind::NotFound);
/// assert!(!error.is_retryable());
/// assert_eq!(error.to_string(), "get_entity: no entity has this name (name=Contacts)");
/// ```
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
    retryable: bool,
    operation: Option<&'static str>,
    context: Vec<(&'static str, String)>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

macro_rules! constructors {
    ($($(#[$doc:meta])* $name:ident => $kind:ident,)*) => {
        impl Error {
            $($(#[$doc])* pub fn $name(message: impl Into<String>) -> Self {
                Self::new(ErrorKind::$kind, message)
            })*
        }
    };
}

constructors! {
    /// An error of kind [`ErrorKind::NotFound`].
    not_found => NotFound,
    /// An error of kind [`ErrorKind::AlreadyExists`].
    already_exists => AlreadyExists,
    /// An error of kind [`ErrorKind::InvalidInput`].
    invalid_input => InvalidInput,
    /// An error of kind [`ErrorKind::Unsupported`].
    unsupported => Unsupported,
    /// An error of kind [`ErrorKind::Conflict`]; not retryable unless said with [`Error::retryable`].
    conflict => Conflict,
    /// An error of kind [`ErrorKind::Unavailable`], which a retry can help.
    unavailable => Unavailable,
    /// An error of kind [`ErrorKind::Timeout`], which a retry can help.
    timeout => Timeout,
    /// An error of kind [`ErrorKind::PermissionDenied`].
    permission_denied => PermissionDenied,
    /// An error of kind [`ErrorKind::SchemaMismatch`].
    schema_mismatch => SchemaMismatch,
    /// An error of kind [`ErrorKind::Corrupt`].
    corrupt => Corrupt,
    /// An error of kind [`ErrorKind::Internal`].
    internal => Internal,
}

impl Error {
    /// An error of `kind`; retryable when the kind is `Unavailable` or `Timeout`.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        let retryable = matches!(kind, ErrorKind::Unavailable | ErrorKind::Timeout);
        Self(Box::new(Inner { kind, message: message.into(), retryable, operation: None, context: Vec::new(), source: None }))
    }

    /// An error of the file system, of the kind that tells what the caller can do: `PermissionDenied`, `NotFound`, `AlreadyExists`,
    /// else `Unavailable`. It is not retryable unless said so: a full disk stays full.
    ///
    /// ```
    /// use mastra_core::{Error, ErrorKind};
    ///
    /// let source = std::fs::read("no/such/file").unwrap_err();
    /// let error = Error::io("cannot read the file", source);
    /// assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::NotFound, false));
    /// ```
    pub fn io(message: impl fmt::Display, source: io::Error) -> Self {
        let kind = match source.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => ErrorKind::PermissionDenied,
            io::ErrorKind::NotFound => ErrorKind::NotFound,
            io::ErrorKind::AlreadyExists => ErrorKind::AlreadyExists,
            _ => ErrorKind::Unavailable,
        };
        Self::new(kind, format!("{message}: {source}")).retryable(false).with_source(source)
    }

    /// Says whether the same call may succeed when it is made again.
    #[must_use]
    pub fn retryable(mut self, retryable: bool) -> Self {
        self.0.retryable = retryable;
        self
    }

    /// Names the operation that failed; the innermost name stays.
    #[must_use]
    pub fn with_operation(mut self, operation: &'static str) -> Self {
        self.0.operation.get_or_insert(operation);
        self
    }

    /// Adds a context pair. Never pass record data or a secret.
    #[must_use]
    pub fn with(mut self, key: &'static str, value: impl fmt::Display) -> Self {
        self.0.context.push((key, value.to_string()));
        self
    }

    /// Keeps the underlying error as the source.
    #[must_use]
    pub fn with_source(mut self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.0.source = Some(Box::new(source));
        self
    }

    /// What the caller can do about it.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Whether the same call may succeed when it is made again.
    pub fn is_retryable(&self) -> bool {
        self.0.retryable
    }

    /// Whether the kind is [`ErrorKind::NotFound`].
    pub fn is_not_found(&self) -> bool {
        self.0.kind == ErrorKind::NotFound
    }

    /// The message alone, without operation and context.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The operation that failed, by its method name.
    pub fn operation(&self) -> Option<&'static str> {
        self.0.operation
    }

    /// The context pairs, in the order in which they were added.
    pub fn context(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.context.iter().map(|(key, value)| (*key, value.as_str()))
    }

    /// The first context value of that key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.context().find(|(k, _)| *k == key).map(|(_, value)| value)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(operation) = self.0.operation {
            write!(f, "{operation}: ")?;
        }
        f.write_str(&self.0.message)?;
        for (index, (key, value)) in self.context().enumerate() {
            f.write_str(if index == 0 { " (" } else { ", " })?;
            // Context comes from callers: a line break in it must not break the one line.
            write!(f, "{key}={}", value.escape_debug())?;
        }
        f.write_str(if self.0.context.is_empty() { "" } else { ")" })
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("message", &self.0.message)
            .field("retryable", &self.0.retryable)
            .field("operation", &self.0.operation)
            .field("context", &self.0.context)
            .field("source", &self.0.source)
            .finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

/// Turns "there is none" into `None`.
pub trait OptionalExt<T> {
    /// `Ok(None)` where the error is [`ErrorKind::NotFound`].
    ///
    /// ```
    /// use mastra_core::{Error, OptionalExt as _, Result};
    ///
    /// let absent: Result<u8> = Err(Error::not_found("no such record"));
    /// assert!(absent.optional().is_ok_and(|found| found.is_none()));
    /// ```
    fn optional(self) -> Result<Option<T>>;
}

impl<T> OptionalExt<T> for Result<T> {
    fn optional(self) -> Result<Option<T>> {
        match self {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_whatever_the_context_holds() {
        let error = Error::invalid_input("bad path").with("path", "a\nb").with("n", 3);
        assert_eq!(error.to_string(), "bad path (path=a\\nb, n=3)");
        assert_eq!(error.get("n"), Some("3"));
    }

    #[test]
    fn the_innermost_operation_stays() {
        let error = Error::timeout("late").with_operation("inner").with_operation("outer");
        assert_eq!(error.operation(), Some("inner"));
        assert!(error.is_retryable());
    }
}
