//! `cargo xtask services`: what the tests need beside this repository, brought up without touching the machine.

mod apt;
mod docker;
mod given;
mod machine;
mod pgbouncer;
mod pgvector;
mod sources;
mod state;

use std::fs::{File, OpenOptions};
use std::process::ExitCode;

use mastra_core::{Error, Result};
use mastra_postgres::server::{Binaries, home_for};

use crate::flags::{self, Source};
use crate::process::{Workspace, file_error};

pub(crate) use pgbouncer::VARIABLE as PGBOUNCER_VARIABLE;
pub(crate) use state::State;

/// The oldest pgvector that the tests run on: iterative scans came with it.
const OLDEST_PGVECTOR: (u32, u32) = (0, 8);

/// The variable that names a server to test on.
pub(crate) const URL_VARIABLE: &str = "MASTRA_TEST_POSTGRES_URL";

/// Runs one of the commands.
pub(crate) fn run(workspace: &Workspace, command: flags::Services) -> Result<ExitCode> {
    match command {
        flags::Services::Up { json, source } => {
            let state = up(workspace, source)?;
            print(&state, json)?;
            Ok(ExitCode::SUCCESS)
        }
        flags::Services::Down { purge } => down(workspace, purge).map(|()| ExitCode::SUCCESS),
        flags::Services::Status { json } => match status(workspace)? {
            Some(state) => {
                print(&state, json)?;
                Ok(ExitCode::SUCCESS)
            }
            None => {
                eprintln!("down; bring it up with: cargo xtask services up");
                Ok(ExitCode::FAILURE)
            }
        },
    }
}

/// Brings everything up, or finds that it is.
pub(crate) fn up(workspace: &Workspace, source: Option<Source>) -> Result<State> {
    let _lock = lock(workspace)?;
    let given = std::env::var(URL_VARIABLE).ok().filter(|url| !url.is_empty());
    if let Some(state) = State::load(workspace)?
        && is_wanted(&state, source, given.as_deref())
        && answers(workspace, &state)
    {
        return Ok(state);
    }
    let state = match (source, given) {
        (Some(Source::Given), None) => {
            return Err(Error::invalid_input(format!("{URL_VARIABLE} is not set")));
        }
        (None | Some(Source::Given), Some(url)) => given::up(workspace, &url)?,
        (Some(Source::Docker), _) => docker::up(workspace)?,
        (None, None) if docker::engine_runs() => docker::up(workspace)?,
        (None | Some(Source::Machine), _) => machine::up(workspace)?,
    };
    let state = with_pgbouncer(workspace, state);
    state.save(workspace)?;
    Ok(state)
}

/// Whether what came up earlier is what is asked for now, and whole.
fn is_wanted(state: &State, source: Option<Source>, given: Option<&str>) -> bool {
    let same_server = match given {
        Some(url) if source.is_none_or(|source| source == Source::Given) => state.url == url,
        _ => state.source != Source::Given,
    };
    same_server && source.is_none_or(|source| source == state.source) && state.problems.is_empty()
}

/// What is up, or `None`.
fn status(workspace: &Workspace) -> Result<Option<State>> {
    Ok(State::load(workspace)?.filter(|state| answers(workspace, state)))
}

fn down(workspace: &Workspace, purge: bool) -> Result<()> {
    let _lock = lock(workspace)?;
    if let Some(state) = State::load(workspace)? {
        match state.source {
            Source::Given => {}
            Source::Docker => docker::down(workspace, purge)?,
            Source::Machine => machine::down(&state)?,
        }
        State::forget(workspace)?;
    }
    if purge {
        // The private directory may stand elsewhere; the one in the workspace is only the usual place.
        for folder in [home_for(&workspace.join(".services"))?, workspace.join(".services")] {
            if folder.exists() {
                std::fs::remove_dir_all(&folder).map_err(|source| file_error("cannot remove", &folder, source))?;
            }
        }
    }
    Ok(())
}

fn answers(workspace: &Workspace, state: &State) -> bool {
    match state.source {
        Source::Machine => machine::server(state).is_ok_and(|server| server.is_some()),
        Source::Given | Source::Docker => given::check(workspace, &state.url).is_ok(),
    }
}

/// The pooler's binary, and whatever server binaries there are for tests that start a server of their own. Neither is needed to
/// begin: the tests that need one fail and say so.
fn with_pgbouncer(workspace: &Workspace, mut state: State) -> State {
    match pgbouncer::find_or_fetch(workspace) {
        Ok(path) => state.pgbouncer = Some(path),
        Err(error) => {
            eprintln!("warning: no pgbouncer: {error}");
            state.problems.push(format!("pgbouncer: {error}"));
        }
    }
    if state.pg_bin.is_none() {
        match Binaries::find() {
            Ok(binaries) => state.pg_bin = Some(binaries.folder().to_owned()),
            Err(error) => state.problems.push(format!("server binaries: {error}")),
        }
    }
    state
}

fn print(state: &State, json: bool) -> Result<()> {
    if json {
        println!("{}", state.to_json()?);
    } else {
        println!("{}", state.url);
    }
    Ok(())
}

/// Holds other `cargo xtask services` of this workspace off until the file is dropped.
fn lock(workspace: &Workspace) -> Result<File> {
    let folder = workspace.join(".services");
    std::fs::create_dir_all(&folder).map_err(|source| file_error("cannot create", &folder, source))?;
    let path = folder.join("lock");
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(|source| file_error("cannot open the lock file", &path, source))?;
    if file.try_lock().is_err() {
        progress("waiting for another `cargo xtask services`");
        file.lock().map_err(|source| file_error("cannot lock", &path, source))?;
    }
    Ok(file)
}

/// A line for whoever waits, apart from what the command prints as its result.
fn progress(line: &str) {
    eprintln!("services: {line}…");
}

/// Whether a version such as `0.8.0` or `0.8.1-2` is new enough.
fn is_new_enough(version: &str) -> bool {
    let mut numbers = version.split(|c: char| !c.is_ascii_digit()).map(|part| part.parse::<u32>().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= OLDEST_PGVECTOR
}

#[cfg(test)]
mod tests {
    use super::is_new_enough;

    #[test]
    fn versions_are_compared_as_numbers() {
        for new in ["0.8.0", "0.8.0-1", "0.10.0", "1.0"] {
            assert!(is_new_enough(new), "{new}");
        }
        for old in ["0.7.4", "0.4.4-1", ""] {
            assert!(!is_new_enough(old), "{old}");
        }
    }
}
