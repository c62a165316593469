//! A container, where a Docker engine really runs.

use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::Command;

use mastra_core::{Error, Result};
use sha2::{Digest as _, Sha256};

use super::state::State;
use super::{given, progress};
use crate::flags::Source;
use crate::process::{Workspace, capture, file_error, output};

/// The services in Docker's own words.
const COMPOSE: &str = include_str!("compose.yaml");

/// Whether an engine answers, and the client knows compose files: an installed client alone is no engine.
pub(super) fn engine_runs() -> bool {
    let succeeds =
        |arguments: &[&str]| output(Command::new("docker").args(arguments)).is_ok_and(|output| output.status.success());
    succeeds(&["info"]) && succeeds(&["compose", "version"])
}

/// Brings the container up and waits until it is healthy.
pub(super) fn up(workspace: &Workspace) -> Result<State> {
    given::fetch_psql(workspace)?;
    progress("starting the container");
    let port =
        State::load(workspace)?.filter(|state| state.source == Source::Docker).map_or_else(free_port, |state| Ok(state.port))?;
    capture(compose(workspace)?.env("MASTRA_PORT", port.to_string()).args(["up", "--detach", "--wait"]))?;
    let url = format!("postgres://mastra:{}@127.0.0.1:{port}/mastra", password(workspace));
    let answer = given::check(workspace, &url)?;
    Ok(State {
        url,
        port,
        version: answer.version,
        pgvector: answer.pgvector,
        source: Source::Docker,
        directory: None,
        pg_bin: None,
        pgbouncer: None,
        problems: Vec::new(),
    })
}

/// Stops the container; its data goes with `purge`.
pub(super) fn down(workspace: &Workspace, purge: bool) -> Result<()> {
    let mut command = compose(workspace)?;
    command.env("MASTRA_PORT", "0").arg(if purge { "down" } else { "stop" });
    if purge {
        command.arg("--volumes");
    }
    capture(&mut command).map(drop)
}

fn compose(workspace: &Workspace) -> Result<Command> {
    let file: PathBuf = workspace.join(".services/compose.yaml");
    std::fs::write(&file, COMPOSE).map_err(|source| file_error("cannot write", &file, source))?;
    let mut command = Command::new("docker");
    command
        .env("MASTRA_PASSWORD", password(workspace))
        .args(["compose", "--project-name"])
        .arg(format!("mastra-{}", digest(workspace, "project").get(..12).unwrap_or_default()))
        .arg("--file")
        .arg(file);
    Ok(command)
}

/// The container listens on 127.0.0.1 and holds test data only: a password that can be made again serves, and stays out of files.
fn password(workspace: &Workspace) -> String {
    digest(workspace, "password")
}

fn digest(workspace: &Workspace, purpose: &str) -> String {
    let hash = Sha256::new().chain_update(purpose).chain_update(workspace.root().as_os_str().as_encoded_bytes()).finalize();
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn free_port() -> Result<u16> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|source| Error::unavailable("no free port on 127.0.0.1").with_source(source))
}
