//! What the programs that measure share: how they end, and where their tables go.

use mastra_core::{Error, Result};
use std::{error::Error as _, path::Path, process::ExitCode};

/// The exit code of a run; an error is told first, with its causes.
pub fn ended(result: Result<()>) -> ExitCode {
    let Err(error) = result else { return ExitCode::SUCCESS };
    eprintln!("error: {error}");
    let mut source = error.source();
    while let Some(cause) = source {
        eprintln!("  because: {cause}");
        source = cause.source();
    }
    ExitCode::FAILURE
}

/// Puts tables between the markers of their parts, which have to be there.
pub fn put_between_markers(path: &Path, parts: impl Iterator<Item = (String, String)>) -> Result<()> {
    let bad = |message: &str| Error::invalid_input(message).with("path", path.display());
    let mut text = std::fs::read_to_string(path).map_err(|source| bad("cannot read the file").with_source(source))?;
    for (part, tables) in parts {
        let (begin, end) = (format!("<!-- measured: {part} -->\n"), format!("<!-- end: {part} -->"));
        let missing = |marker: &str| bad("the file has no marker").with("marker", marker.trim());
        let (before, rest) = text.split_once(&begin).ok_or_else(|| missing(&begin))?;
        let (_, after) = rest.split_once(&end).ok_or_else(|| missing(&end))?;
        text = format!("{before}{begin}{tables}{end}{after}");
    }
    std::fs::write(path, text).map_err(|source| bad("cannot write the file").with_source(source))
}
