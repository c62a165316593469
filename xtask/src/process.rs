//! The workspace, and running programs: arguments as a list, errors that carry what the program said.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use mastra_core::{Error, Result};

/// The workspace that this command works on.
#[derive(Debug, Clone)]
pub(crate) struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// The workspace of the xtask that cargo runs.
    pub(crate) fn find() -> Result<Self> {
        // At run time, not compile time: a target directory may be shared between clones.
        let manifest = std::env::var_os("CARGO_MANIFEST_DIR")
            .ok_or_else(|| Error::invalid_input("run this as `cargo xtask`, inside the repository"))?;
        let root = Path::new(&manifest).parent().ok_or_else(|| Error::internal("xtask has no parent folder"))?;
        Ok(Self { root: root.to_owned() })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// A path below the root.
    pub(crate) fn join(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.root.join(relative)
    }

    /// `cargo` in the root, without the variables that `cargo run` set for this very process: with them, build scripts would be
    /// run again for nothing.
    pub(crate) fn cargo(&self) -> Command {
        let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(program);
        command.current_dir(&self.root).stdin(Stdio::null());
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
                command.env_remove(name);
            }
        }
        command
    }
}

/// Runs a program to its end and keeps what it printed, whatever its exit status.
pub(crate) fn output(command: &mut Command) -> Result<Output> {
    let name = name(command);
    command.stdin(Stdio::null()).output().map_err(|source| cannot_run(&name, source))
}

/// Runs a program and returns what it printed, trimmed. A failure carries its last lines.
pub(crate) fn capture(command: &mut Command) -> Result<String> {
    let output = output(command)?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    let text = [output.stdout.as_slice(), b"\n", output.stderr.as_slice()].concat();
    Err(failed(&name(command), &last_lines(&String::from_utf8_lossy(&text), 12)).with("status", output.status))
}

/// Runs a program whose output goes to the terminal.
pub(crate) fn show(command: &mut Command) -> Result<()> {
    let name = name(command);
    let status = command.stdin(Stdio::null()).status().map_err(|source| cannot_run(&name, source))?;
    if status.success() { Ok(()) } else { Err(failed(&name, "see above").with("status", status)) }
}

/// Whether a program is on `PATH`.
pub(crate) fn on_path(program: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// The last lines that are not blank.
pub(crate) fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    lines.get(lines.len().saturating_sub(count)..).unwrap_or_default().join("\n")
}

/// An error of the file system with its path.
pub(crate) fn file_error(message: &'static str, path: &Path, source: io::Error) -> Error {
    let kind = match source.kind() {
        io::ErrorKind::PermissionDenied => mastra_core::ErrorKind::PermissionDenied,
        io::ErrorKind::NotFound => mastra_core::ErrorKind::NotFound,
        _ => mastra_core::ErrorKind::Unavailable,
    };
    Error::new(kind, format!("{message}: {source}")).with("path", path.display()).with_source(source)
}

/// The program with its first arguments, as a reader would name it. The rest may hold a secret or fill a page.
fn name(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let words = std::iter::once(program).chain(command.get_args().take(2).filter(|word| !starts_with_dash(word)));
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}

fn starts_with_dash(word: &OsStr) -> bool {
    word.as_encoded_bytes().starts_with(b"-")
}

fn cannot_run(name: &str, source: io::Error) -> Error {
    Error::unavailable(format!("cannot run `{name}`: {source}")).with_source(source)
}

fn failed(name: &str, said: &str) -> Error {
    Error::unavailable(format!("`{name}` failed:\n{said}\n"))
}
