//! A server that somebody else runs, by its URL.

use std::path::PathBuf;
use std::process::Command;

use mastra_core::{Error, Result};
use mastra_postgres::server::{Binaries, home_for};

use super::apt::Apt;
use super::state::State;
use super::{URL_VARIABLE, is_new_enough, progress};
use crate::flags::Source;
use crate::process::{Workspace, capture, on_path};

/// What the server says about itself.
pub(super) struct Answer {
    pub(super) port: u16,
    pub(super) version: String,
    pub(super) pgvector: String,
}

/// Takes the server where it answers and has what the tests need.
pub(super) fn up(workspace: &Workspace, url: &str) -> Result<State> {
    progress(&format!("asking the server that {URL_VARIABLE} names"));
    fetch_psql(workspace)?;
    let answer = check(workspace, url)?;
    Ok(State {
        url: url.to_owned(),
        port: answer.port,
        version: answer.version,
        pgvector: answer.pgvector,
        source: Source::Given,
        directory: None,
        pg_bin: None,
        pgbouncer: None,
        problems: Vec::new(),
    })
}

/// Asks the server for its version, pgvector and default collation.
///
/// # Errors
/// `Unavailable` where it does not answer, `InvalidInput` where it does not fit.
pub(super) fn check(workspace: &Workspace, url: &str) -> Result<Answer> {
    let parts = Parts::of(url)?;
    let mut command = psql(workspace).ok_or_else(|| {
        Error::not_found("psql is needed to ask the server; on Debian or Ubuntu: apt-get install postgresql-client")
    })?;
    // The URL would be an argument that every user of the machine can read; the variables are not.
    command
        .env("PGHOST", &parts.host)
        .env("PGPORT", parts.port.to_string())
        .env("PGUSER", &parts.user)
        .env("PGPASSWORD", &parts.password)
        .env("PGDATABASE", &parts.database)
        .env("PGCONNECT_TIMEOUT", "10")
        .args(["-X", "-A", "-t", "-q", "-F", "|", "-v", "ON_ERROR_STOP=1", "-c", QUESTION]);
    if let Some(mode) = &parts.ssl_mode {
        command.env("PGSSLMODE", mode);
    }
    let said = capture(&mut command)?;
    let mut fields = said.split('|');
    let mut next = || fields.next().unwrap_or_default().to_owned();
    let (version, pgvector, by_language) = (next(), next(), next());
    let version = version.split_whitespace().next().unwrap_or_default().to_owned();
    if !is_new_enough(&pgvector) {
        return Err(Error::invalid_input("the server needs the extension vector, 0.8 or newer")
            .with("server", version)
            .with("vector", if pgvector.is_empty() { "none" } else { &pgvector }));
    }
    if by_language != "t" {
        return Err(Error::invalid_input(
            "the server's database sorts text by code point; the tests need one with a default collation such as en-US",
        )
        .with("server", version));
    }
    Ok(Answer { port: parts.port, version, pgvector })
}

/// Version, pgvector, and whether the default collation is that of a language: there a small letter sorts before a capital.
const QUESTION: &str = "SELECT current_setting('server_version'), \
    coalesce((SELECT default_version FROM pg_available_extensions WHERE name = 'vector'), ''), \
    'a'::text < 'B'::text";

/// `psql` of the machine, else the one that was fetched.
fn psql(workspace: &Workspace) -> Option<Command> {
    let machine = on_path("psql").or_else(|| Binaries::find().ok().map(|binaries| binaries.folder().join("psql")));
    if let Some(machine) = machine {
        return Some(Command::new(machine));
    }
    let root = client(workspace).ok()?;
    let versions = std::fs::read_dir(root.join("usr/lib/postgresql")).ok()?.flatten();
    let fetched = versions.map(|entry| entry.path().join("bin/psql")).find(|path| path.is_file())?;
    let mut command = Command::new(fetched);
    command.env("LD_LIBRARY_PATH", root.join("libraries"));
    Some(command)
}

/// Sees to it that there is a `psql`.
pub(super) fn fetch_psql(workspace: &Workspace) -> Result<()> {
    if psql(workspace).is_some() {
        return Ok(());
    }
    progress("fetching psql from the distribution's packages");
    let apt = Apt::open(&home_for(&workspace.join(".services"))?.join("apt"))?;
    apt.unpack_with_dependencies(&["postgresql-client"], &client(workspace)?)
}

fn client(workspace: &Workspace) -> Result<PathBuf> {
    Ok(home_for(&workspace.join(".services"))?.join("client"))
}

/// A connection URL, taken apart.
#[derive(Debug, PartialEq, Eq)]
struct Parts {
    user: String,
    password: String,
    host: String,
    port: u16,
    database: String,
    ssl_mode: Option<String>,
}

impl Parts {
    fn of(url: &str) -> Result<Self> {
        // The URL holds a password: no error quotes it.
        let malformed = || Error::invalid_input("not a URL of the form postgres://user:password@host:port/database");
        let rest = url.strip_prefix("postgres://").or_else(|| url.strip_prefix("postgresql://")).ok_or_else(malformed)?;
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, database) = rest.split_once('/').ok_or_else(malformed)?;
        let (login, address) = authority.rsplit_once('@').unwrap_or(("postgres", authority));
        let (user, password) = login.split_once(':').unwrap_or((login, ""));
        let (host, port) = match address.rsplit_once(':') {
            // The colons of an IPv6 address stand in brackets.
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().map_err(|_| malformed())?),
            _ => (address, 5432),
        };
        let ssl_mode = query.split('&').find_map(|pair| pair.strip_prefix("sslmode="));
        let decode = |text: &str| decode(text).ok_or_else(malformed);
        Ok(Self {
            user: decode(user)?,
            password: decode(password)?,
            host: decode(host.trim_start_matches('[').trim_end_matches(']'))?,
            port,
            database: decode(database)?,
            ssl_mode: ssl_mode.map(str::to_owned),
        })
    }
}

/// Undoes percent encoding; `None` where it is malformed.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || char::from(rest.next()?).to_digit(16);
        let (high, low) = (digit()?, digit()?);
        bytes.push(u8::try_from(high * 16 + low).ok()?);
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_with_everything() {
        let parts = Parts::of("postgres://me:p%40ss%3A@[::1]:6000/db?x=1&sslmode=require").unwrap();
        let expected = Parts {
            user: "me".into(),
            password: "p@ss:".into(),
            host: "::1".into(),
            port: 6000,
            database: "db".into(),
            ssl_mode: Some("require".into()),
        };
        assert_eq!(parts, expected);
    }

    #[test]
    fn errors_keep_the_password() {
        for url in ["mysql://a:secret@h/d", "postgres://a:secret@h:x/d", "postgres://a:%zz@h/d", "postgres://a:secret@h"] {
            let error = Parts::of(url).unwrap_err();
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }
}
