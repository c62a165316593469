//! How a command ends: its exit code, and what stops it early.

use mastra_core::{Error, ErrorKind};
use std::process::ExitCode;

/// Shown under `mastra --help`, and the source of the table in docs/cli.md.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0    done
  1    it failed, or a check found something to mend
  2    the command line or its input is malformed; nothing was changed
  3    the entity, record or file is not there
  4    a conflict: several entities match, something exists already, or a sync is busy or refused
  5    the engine or a model cannot be reached, or a time limit ran out
  6    done in part: an import put lines aside, or a sync or an indexing set records aside
  130  interrupted";

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Done = 0,
    Failed = 1,
    Usage = 2,
    NotFound = 3,
    Conflict = 4,
    Unavailable = 5,
    Partial = 6,
    Interrupted = 130,
}

impl From<&Error> for Exit {
    fn from(error: &Error) -> Self {
        match error.kind() {
            ErrorKind::InvalidInput => Self::Usage,
            ErrorKind::NotFound => Self::NotFound,
            ErrorKind::Conflict | ErrorKind::AlreadyExists => Self::Conflict,
            ErrorKind::Unavailable | ErrorKind::Timeout => Self::Unavailable,
            _ => Self::Failed,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// What ends a command before its end.
#[derive(Debug)]
pub(crate) enum Stop {
    /// Something failed.
    Error(Error),
    /// Whoever read standard output has enough: no failure of ours.
    ClosedPipe,
    /// The user pressed Ctrl-C.
    Interrupted,
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        // The engines name the entity that is not there; the command that lists those that are is ours to name.
        if error.is_not_found() && error.get("entity").is_some() && error.get(HINT).is_none() {
            return Self::Error(error.with(HINT, "mastra entities list shows what is there; mastra records import makes one"));
        }
        if error.is_not_found() && error.get("index").is_some() && error.get(HINT).is_none() {
            return Self::Error(error.with(HINT, "mastra vectors list shows what is there; mastra vectors create makes one"));
        }
        Self::Error(error)
    }
}

/// What a command gives back.
pub(crate) type Outcome<T = Exit> = Result<T, Stop>;

/// An error of the file system; the path goes into the context.
pub(crate) fn file_error(what: &str, path: impl AsRef<std::path::Path>, source: std::io::Error) -> Error {
    let kind = match source.kind() {
        std::io::ErrorKind::NotFound => ErrorKind::NotFound,
        std::io::ErrorKind::PermissionDenied => ErrorKind::PermissionDenied,
        std::io::ErrorKind::AlreadyExists => ErrorKind::AlreadyExists,
        _ => ErrorKind::Internal,
    };
    Error::new(kind, format!("{what}: {source}")).with("file", path.as_ref().display()).with_source(source)
}

/// The context key whose value is shown as advice on a line of its own.
pub(crate) const HINT: &str = "hint";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_of_the_table_is_an_exit() {
        use Exit::*;
        for exit in [Done, Failed, Usage, NotFound, Conflict, Unavailable, Partial, Interrupted] {
            let code = format!("\n  {:<5}", exit as u8);
            assert!(EXIT_CODES.contains(&code), "{exit:?} is not documented");
        }
    }
}
