//! `mastra mcp`, over its standard input and output.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test ends by panicking")]

mod common;

use common::{Ended, Project, lines};
use serde_json::{Value, json};
use sqlx::Connection as _;
use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

/// Two knowledge bases, of which one was never indexed.
const CONFIG: &str = r#"
[[knowledge]]
name = "articles"
entity = "Articles"
fields = ["title", "body"]
embedder = "hash/384"

[[knowledge]]
name = "later"
entity = "Articles"
fields = ["body"]
embedder = "hash/384"
"#;

/// Three hundred deals, and three articles that are searched by words and by meaning, one of them larger than an answer may be.
fn fill(project: &Project) {
    project.write("mastra.toml", CONFIG);
    project.write("deals.jsonl", lines(1..301));
    let article = |id: &str, title: &str, body: &str| json!({ "id": id, "title": title, "body": body }).to_string();
    let long: String = (0..9_000).map(|n| format!("Brücke {n} über den Fluß. ")).collect();
    let articles = [
        article("tea", "Tea", "Green tea is steeped at seventy-five degrees for two minutes."),
        article("coffee", "Coffee", "Coffee is roasted, ground and brewed with hot water."),
        article("huge", "A long one", &long),
    ];
    project.write("articles.jsonl", articles.join("\n"));
    for (entity, file) in [("Deals", "deals.jsonl"), ("Articles", "articles.jsonl")] {
        project.run(&["records", "import", file, "--entity", entity, "--connection", "crm", "--id-field", "id"]).ok();
    }
    project.run(&["records", "index", "--entity", "Articles", "--fields", "title,body"]).ok();
    project.run(&["index", "articles"]).ok();
}

/// The session of `tests/typescript/mcp.mjs`; what the server logged meanwhile.
fn official_client(project: &Project, arguments: &[&str]) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/typescript");
    let sdk = folder.join("node_modules/@modelcontextprotocol/sdk/package.json");
    assert!(sdk.exists(), "run `cargo xtask test`, or `npm ci` in tests/typescript, to have the official MCP client");
    // Its surroundings are those of a command of the project: the engine is named there, and nothing else is.
    let surroundings = project.command(&[]);
    let mut command = Command::new("node");
    command.arg(folder.join("mcp.mjs")).arg(env!("CARGO_BIN_EXE_mastra")).arg(project.path("")).args(arguments);
    for (name, value) in surroundings.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let ended = Ended::of(command.output().unwrap()).ok();
    let told = ended.json();
    assert_eq!((&told["tools"], &told["resources"]), (&json!(7), &json!(303)));
    told["log"].as_str().unwrap().to_owned()
}

/// Grows with every commit of another connection that changed something.
async fn data_version(connection: &mut sqlx::SqliteConnection) -> i64 {
    sqlx::query_scalar("PRAGMA data_version").fetch_one(connection).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_official_client_reads_a_file_and_changes_nothing() {
    let project = Project::new();
    fill(&project);
    let url = format!("sqlite:{}?mode=rw", project.path(".mastra/mastra.db").display());
    let mut watching = sqlx::SqliteConnection::connect(&url).await.unwrap();
    let before = data_version(&mut watching).await;
    let log = official_client(&project, &[]);
    assert_eq!(log, "", "nothing is logged unless it is asked for");
    assert_eq!(data_version(&mut watching).await, before, "something was committed");
    project.run(&["records", "import", "deals.jsonl", "--entity", "Other", "--connection", "crm", "--id-field", "id"]).ok();
    assert_ne!(data_version(&mut watching).await, before, "the test would have seen it");
}

/// A role that may read the project's schema and nothing else; the engine's URL by it.
async fn reader(project: &Project) -> (String, Role) {
    let mut url = url::Url::parse(&project.engine().unwrap()).unwrap();
    let schema = url.query_pairs().find(|(key, _)| key == "schema").unwrap().1.into_owned();
    let role = Role { name: format!("{schema}_reader"), server: std::env::var("MASTRA_TEST_POSTGRES_URL").unwrap() };
    role.run(&format!(
        "CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}'; GRANT USAGE ON SCHEMA {schema} TO {role}; \
         GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {role}",
        role = role.name
    ))
    .await;
    url.set_username(&role.name).unwrap();
    url.set_password(Some(PASSWORD)).unwrap();
    (url.into(), role)
}

/// What no log and no answer may hold.
const PASSWORD: &str = "hunter2-of-the-reader";

struct Role {
    name: String,
    server: String,
}

impl Role {
    async fn run(&self, statements: &str) {
        let mut connection = sqlx::PgConnection::connect(&self.server).await.unwrap();
        sqlx::raw_sql(sqlx::AssertSqlSafe(statements.to_owned())).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_official_client_reads_postgres_by_a_role_that_cannot_write_and_logs_hold_no_secret() {
    let project = Project::postgres();
    project.run(&["vectors", "migrate"]).ok();
    fill(&project);
    let (url, role) = reader(&project).await;
    let log = official_client(&project, &["-vvv", "--engine", &url]);
    role.run(&format!("DROP OWNED BY {role}; DROP ROLE {role}", role = role.name)).await;
    assert!(log.contains("rmcp"), "the log is there");
    for secret in ["seventy-five", "Brücke", "number 7\"", PASSWORD] {
        assert!(!log.contains(secret), "it is in the log: {secret}");
    }
}

/// A server as an assistant starts it.
struct Server {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

impl Server {
    fn start(project: &Project, arguments: &[&str]) -> Self {
        let arguments: Vec<&str> = ["mcp"].iter().chain(arguments).copied().collect();
        let mut child =
            project.command(&arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (stdin, stdout) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
        let mut server = Self { child, stdin, stdout };
        let about = json!({ "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": { "name": "t", "version": "1" } });
        server.ask("initialize", about);
        server
    }

    fn ask(&mut self, method: &str, params: Value) -> Value {
        let request = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        writeln!(self.stdin.as_mut().unwrap(), "{request}").unwrap();
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
    }

    fn call(&mut self, tool: &str, arguments: Value) -> Value {
        self.ask("tools/call", json!({ "name": tool, "arguments": arguments }))["result"].take()
    }

    /// How it ends, with what it still said.
    fn end(mut self) -> Ended {
        drop(self.stdin.take());
        let Self { child, stdout, .. } = self;
        let rest: Vec<String> = stdout.lines().map(Result::unwrap).collect();
        assert!(rest.is_empty(), "{rest:?}");
        Ended::of(child.wait_with_output().unwrap())
    }
}

#[test]
fn it_ends_with_its_client_and_at_an_interrupt() {
    let project = Project::new();
    fill(&project);
    let mut server = Server::start(&project, &[]);
    assert_eq!(server.call("list_entities", json!({}))["isError"], false);
    assert_eq!(server.end().ok().stderr, "");

    let server = Server::start(&project, &[]);
    let killed = Command::new("kill").args(["-INT", &server.child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    // Its standard input is still open: the signal alone ends it.
    let Server { child, stdin, .. } = server;
    let ended = Ended::of(child.wait_with_output().unwrap()).exits(130);
    drop(stdin);
    assert_eq!(ended.stderr, "interrupted\n");
}

#[test]
fn what_is_shown_can_be_narrowed() {
    let project = Project::new();
    fill(&project);
    let mut server = Server::start(&project, &["--entities", "crm/Deals"]);
    let listed = server.call("list_entities", json!({}))["structuredContent"].take();
    assert_eq!((listed["entities"].as_array().unwrap().len(), &listed["entities"][0]["name"]), (1, &json!("Deals")));
    assert_eq!(server.call("query_records", json!({ "entity": "Articles" }))["isError"], true);
    server.end().ok();

    let mut server = Server::start(&project, &["--knowledge", "articles", "--max-bytes", "20000"]);
    let found = server.call("search_knowledge", json!({ "query": "tea" }))["structuredContent"].take();
    assert_eq!(found["knowledge"], "articles", "the only one needs no name");
    server.end().ok();

    let elsewhere = Project::new();
    let mut server = Server::start(&elsewhere, &["--project", project.path("").to_str().unwrap()]);
    let told = server.call("list_knowledge", json!({}))["structuredContent"].take();
    assert_eq!(told["knowledge"][0]["status"], "ready", "{told}");
    server.end().ok();
    elsewhere.run(&["mcp", "--project", "nowhere"]).exits(3);

    project.run(&["mcp", "--knowledge", "artikles"]).exits(3);
    project.run(&["mcp", "--max-bytes", "10"]).exits(2);
    project.run(&["mcp", "--timeout", "0"]).exits(2);
}

#[test]
fn an_index_that_is_behind_the_configuration_is_told_of_until_it_is_there() {
    let project = Project::new();
    fill(&project);
    project.write("mastra.toml", CONFIG.replacen("hash/384", "hash/512", 1));
    let mut server = Server::start(&project, &["--knowledge", "articles"]);
    let told = server.call("list_knowledge", json!({}))["structuredContent"]["knowledge"][0].take();
    assert_eq!((&told["status"], &told["error"]["kind"]), (&json!("unavailable"), &json!("schema_mismatch")));
    let failed = server.call("search_knowledge", json!({ "query": "tea" }));
    let failure: Value = serde_json::from_str(failed["content"][0]["text"].as_str().unwrap()).unwrap();
    assert!(failure["hint"].as_str().unwrap().contains("mastra reindex articles"), "{failure}");
    assert_eq!(server.call("query_records", json!({ "entity": "Deals" }))["isError"], false);

    project.run(&["reindex", "articles", "--yes"]).ok();
    assert_eq!(
        server.call("search_knowledge", json!({ "query": "tea" }))["isError"],
        false,
        "the same server, without a new start"
    );
    server.end().ok();
}

#[test]
fn a_model_that_is_not_there_keeps_nothing_else_from_working() {
    let project = Project::new();
    fill(&project);
    let more = "\n[[knowledge]]\nname = \"local\"\nentity = \"Articles\"\nfields = [\"body\"]\nembedder = \"local/no/such\"\n\
        \n[[knowledge]]\nname = \"nothing\"\nentity = \"Nothing\"\nfields = [\"body\"]\nembedder = \"hash/384\"\n";
    project.write("mastra.toml", format!("{CONFIG}{more}"));
    let mut server = Server::start(&project, &[]);
    let told = server.call("list_knowledge", json!({}))["structuredContent"]["knowledge"].take();
    let states: Vec<&str> = told.as_array().unwrap().iter().map(|one| one["status"].as_str().unwrap()).collect();
    assert_eq!(states, ["ready", "unavailable", "unavailable", "unavailable"], "{told}");
    for (at, name) in [(2, "local"), (3, "nothing")] {
        let failed = server.call("search_knowledge", json!({ "query": "tea", "knowledge": name }));
        let failure: Value = serde_json::from_str(failed["content"][0]["text"].as_str().unwrap()).unwrap();
        assert_eq!(failure["kind"], told[at]["error"]["kind"], "{failure}");
        assert_eq!(failure["context"]["knowledge"], name, "{failure}");
    }
    assert_eq!(server.call("search_knowledge", json!({ "query": "tea", "knowledge": "articles" }))["isError"], false);
    server.end().ok();
}

#[test]
fn without_an_engine_it_says_so_and_standard_output_stays_empty() {
    let project = Project::new();
    let ended = project.run(&["mcp"]).exits(3);
    assert_eq!(ended.stdout, "");
    assert!(ended.stderr.contains("no engine here yet"), "{}", ended.stderr);
    let help = project.run(&["mcp", "--help"]).ok().stdout;
    assert!(help.contains("mcpServers") && help.contains("list_entities"), "{help}");
}
