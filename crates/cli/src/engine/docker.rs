//! Docker, where it runs.

use super::{compose::PASSWORD_VARIABLE, env_file};
use crate::exit::HINT;
use mastra_core::{Error, Result};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Whether a Docker engine answers: an installed client alone is none.
pub(crate) fn runs() -> bool {
    let info = Command::new("docker")
        .args(["info", "--format", "{{.ServerVersion}}"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut info) = info else { return false };
    // An engine that hangs is none either.
    let deadline = Instant::now() + Duration::from_secs(10);
    while Instant::now() < deadline {
        match info.try_wait() {
            Ok(Some(status)) => return status.success(),
            Ok(None) => std::thread::sleep(Duration::from_millis(20)),
            Err(_) => return false,
        }
    }
    let _ = info.kill().and_then(|()| info.wait());
    false
}

/// Starts what a compose file describes and waits until it is healthy.
pub(crate) fn up(file: &Path, password: Option<&str>) -> Result<()> {
    run(file, password, &["up", "--detach", "--wait", "--wait-timeout", "180"], "docker compose up")
}

/// Stops it; its volumes go with `purge`.
pub(crate) fn down(file: &Path, password: Option<&str>, purge: bool) -> Result<()> {
    let arguments: &[&str] = if purge { &["down", "--volumes"] } else { &["down"] };
    run(file, password, arguments, "docker compose down")
}

fn run(file: &Path, password: Option<&str>, arguments: &[&str], what: &str) -> Result<()> {
    let mut command = Command::new("docker");
    command.arg("compose").arg("--file").arg(file).args(["--project-directory", "."]).stdin(Stdio::null());
    if Path::new(env_file::FILE).is_file() {
        command.args(["--env-file", env_file::FILE]);
    }
    if let Some(password) = password {
        command.env(PASSWORD_VARIABLE, password);
    }
    let output =
        command.args(arguments).output().map_err(|source| Error::unavailable("cannot run docker").with_source(source))?;
    if output.status.success() {
        return Ok(());
    }
    Err(Error::unavailable(format!("`{what}` failed: {}", last_lines(&output)))
        .retryable(false)
        .with("file", file.display())
        .with("status", output.status)
        .with(HINT, format!("docker compose --file {} logs", file.display())))
}

/// What a command said last, on one line.
fn last_lines(output: &Output) -> String {
    let said = String::from_utf8_lossy(if output.stderr.is_empty() { &output.stdout } else { &output.stderr }).into_owned();
    let lines: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let skipped = lines.len().saturating_sub(4);
    let last = lines.into_iter().skip(skipped).collect::<Vec<_>>().join("; ");
    if last.is_empty() { "it said nothing".to_owned() } else { last }
}
