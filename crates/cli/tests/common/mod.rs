//! Running the real binary in a folder of its own.
#![allow(dead_code, reason = "each test file uses a part of it")]

use serde_json::Value;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// Names the server that tests may use.
const POSTGRES_VARIABLE: &str = "MASTRA_TEST_POSTGRES_URL";

/// A folder with the engine of a project.
pub(crate) struct Project {
    folder: tempfile::TempDir,
    engine: Option<String>,
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Project {
    /// A new folder, whose engine is the default: a file of its own.
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), engine: None }
    }

    /// A new folder, whose engine is a schema of its own in the Postgres server of the tests, migrated.
    pub(crate) fn postgres() -> Self {
        let project = Self { folder: tempfile::tempdir().unwrap(), engine: Some(postgres_url()) };
        project.run(&["engine", "migrate"]).ok();
        project
    }

    /// The URL of its engine, where that is not the default file.
    pub(crate) fn engine(&self) -> Option<String> {
        self.engine.clone()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// The command, without what the surroundings would decide.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mastra"));
        command.current_dir(self.folder.path()).args(arguments).stdin(Stdio::null());
        for name in [
            "MASTRA_ENGINE_URL",
            "DATABASE_URL",
            "DB_URL",
            "RUST_LOG",
            "COLUMNS",
            "MASTRA_ENGINE_PASSWORD",
            "OPENAI_API_KEY",
            "OPENAI_BASE_URL",
        ] {
            command.env_remove(name);
        }
        if let Some(engine) = &self.engine {
            command.env("MASTRA_ENGINE_URL", engine);
        }
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        Ended::of(self.command(arguments).output().unwrap())
    }

    /// Runs a command with text on its standard input.
    pub(crate) fn fed(&self, arguments: &[&str], input: &[u8]) -> Ended {
        let mut command = self.command(arguments);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_vec();
        let feeding = std::thread::spawn(move || stdin.write_all(&input));
        let ended = Ended::of(child.wait_with_output().unwrap());
        // A command that refuses does not read to the end.
        let _ = feeding.join().unwrap();
        ended
    }

    /// Runs a command that has to succeed, and reads its one JSON document.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let arguments: Vec<&str> = arguments.iter().copied().chain(["--json"]).collect();
        self.run(&arguments).ok().json()
    }

    pub(crate) fn spawn(&self, arguments: &[&str]) -> Child {
        self.command(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// Every record of an entity as exported, in order of external id.
    pub(crate) fn state(&self, entity: &str) -> Vec<Value> {
        let exported = self.run(&["records", "export", "--entity", entity]).ok().stdout;
        let mut records: Vec<Value> = exported.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        records.sort_by_key(|record| record["externalId"].as_str().unwrap().to_owned());
        records
    }

    pub(crate) fn count(&self, entity: &str) -> u64 {
        self.json(&["records", "query", "--entity", entity, "--count"])["count"].as_u64().unwrap()
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        if let Some(url) = &self.engine {
            drop_schema(url);
        }
    }
}

impl Ended {
    pub(crate) fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        // A process that a signal ended has no code.
        Self { code: output.status.code().unwrap_or(-1), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        self.exits(0)
    }

    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        self
    }

    /// Standard output, which has to be one JSON document on one line.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.stdout.lines().count(), 1, "{}", self.stdout);
        serde_json::from_str(&self.stdout).unwrap()
    }

    /// The failure on standard error, which has to be one JSON document of the documented form.
    #[track_caller]
    pub(crate) fn failure(&self) -> Value {
        let document: Value = serde_json::from_str(&self.stderr).unwrap_or_else(|error| panic!("{error}: {}", self.stderr));
        let failure = document["error"].as_object().unwrap();
        let mut keys: Vec<&str> = failure.keys().map(String::as_str).collect();
        keys.sort_unstable();
        assert_eq!(keys, ["context", "kind", "message", "operation", "retryable"]);
        document["error"].clone()
    }
}

/// The server of the tests with a schema that no other test uses.
fn postgres_url() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let Ok(url) = std::env::var(POSTGRES_VARIABLE) else {
        panic!("{POSTGRES_VARIABLE} names no server; `cargo xtask test` brings one up and sets it");
    };
    let schema = format!("cli_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    format!("{url}{}schema={schema}", if url.contains('?') { '&' } else { '?' })
}

fn drop_schema(url: &str) {
    use sqlx::Connection as _;
    let (base, schema) = url.rsplit_once("schema=").unwrap();
    let drop = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut connection = sqlx::PgConnection::connect(base.trim_end_matches(['?', '&'])).await?;
            let statement = format!("DROP SCHEMA IF EXISTS {schema} CASCADE");
            sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&mut connection).await?;
            connection.close().await
        })
    };
    // On a thread of its own: the test may have a runtime.
    let dropped = std::thread::scope(|scope| scope.spawn(drop).join()).unwrap();
    // The test has said what it had to say; a left-over schema only costs room.
    if let Err(error) = dropped {
        eprintln!("the schema {schema} stays: {error}");
    }
}

/// Lines of JSON: numbered records with some variety.
pub(crate) fn lines(numbers: std::ops::Range<u32>) -> String {
    numbers
        .map(|n| {
            let stage = ["won", "open", "lost"][n as usize % 3];
            format!("{{\"id\":\"d-{n}\",\"stage\":\"{stage}\",\"amount\":{n}.50,\"tags\":[\"t{}\",\"all\"],\"note\":\"number {n}\"}}\n", n % 7)
        })
        .collect()
}
