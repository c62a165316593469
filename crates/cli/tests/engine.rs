//! `mastra engine`: which one and why, migrations, the doctor, and a Postgres of one's own.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test ends by panicking")]

mod common;

use common::Project;
use saphyr::{LoadableYamlNode as _, Yaml};
use serde_json::{Value, json};

fn chosen(project: &Project, environment: &[(&str, &str)], arguments: &[&str]) -> (String, String) {
    let mut command = project.command(&[&["engine", "status", "--json"], arguments].concat());
    let output = command.envs(environment.iter().copied()).output().unwrap();
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = |key: &str| document["engine"][key].as_str().unwrap().to_owned();
    (text("url"), text("chosenBy"))
}

#[test]
fn the_engine_is_the_first_that_is_named() {
    let project = Project::new();
    assert_eq!(chosen(&project, &[], &[]).0, "sqlite:.mastra/mastra.db");
    project.write("mastra.toml", "[engine]\nurl = 'mock://toml'\n");
    assert_eq!(chosen(&project, &[], &[]).0, "mock://toml");
    project.write(".env", "DB_URL=mock://dotenv-db\n");
    assert_eq!(chosen(&project, &[], &[]), ("mock://dotenv-db".into(), "DB_URL of .env".into()));
    project.write(".env", "DB_URL=mock://dotenv-db\nMASTRA_ENGINE_URL=mock://dotenv\n");
    assert_eq!(chosen(&project, &[], &[]).0, "mock://dotenv");
    assert_eq!(chosen(&project, &[("DB_URL", "mock://env-db")], &[]).0, "mock://env-db");
    assert_eq!(chosen(&project, &[("DB_URL", "mock://env-db"), ("DATABASE_URL", "mock://env")], &[]).0, "mock://env");
    let environment = [("DATABASE_URL", "mock://env"), ("MASTRA_ENGINE_URL", "mock://first")];
    assert_eq!(chosen(&project, &environment, &[]), ("mock://first".into(), "MASTRA_ENGINE_URL of the environment".into()));
    assert_eq!(chosen(&project, &environment, &["--engine", "mock://flag"]), ("mock://flag".into(), "--engine".into()));
    project.run(&["engine", "status", "--engine", "nosuch://x", "--json"]).exits(2);
}

#[test]
fn a_password_is_never_shown() {
    let project = Project::new();
    let url = "postgres://user:s3cret@127.0.0.1:1/app?password=s3cret";
    for command in [
        &["engine", "status"][..],
        &["engine", "doctor"],
        &["engine", "migrate"],
        &["records", "delete", "--entity", "E", "--all", "--yes"],
    ] {
        for form in [&[][..], &["--json"], &["-vvv"]] {
            let ended = project.command(&[command, form, &["--engine", url]].concat()).output().unwrap();
            let said = format!("{}{}", String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
            assert!(!said.contains("s3cret"), "{command:?} {form:?}: {said}");
            assert!(!ended.status.success());
        }
    }
}

#[test]
fn a_schema_is_planned_checked_and_migrated() {
    for project in [Project::new(), Project::postgres()] {
        let postgres = project.json(&["engine", "status"])["engine"]["url"].as_str().unwrap().starts_with("postgres");
        if !postgres {
            let plan = project.json(&["engine", "migrate", "--plan"]);
            assert_eq!((&plan["state"], &plan["upToDate"]), (&json!("behind"), &json!(false)));
            assert!(!plan["pending"].as_array().unwrap().is_empty());
            project.run(&["engine", "migrate", "--check"]).exits(1);
            let sql = project.run(&["engine", "migrate", "--sql"]).ok().stdout;
            assert!(sql.contains("CREATE TABLE"), "{sql}");
            assert!(!project.path(".mastra/mastra.db").exists(), "looking makes nothing");
            assert!(!project.json(&["engine", "migrate"])["applied"].as_array().unwrap().is_empty());
        }
        assert_eq!(project.json(&["engine", "migrate"])["applied"], json!([]));
        project.run(&["engine", "migrate", "--check"]).ok();
        let status = project.json(&["engine", "status"]);
        assert_eq!(
            (&status["state"], &status["schema"]["state"], &status["entities"]),
            (&json!("reachable"), &json!("up_to_date"), &json!(0))
        );
        assert!(status["server"].as_str().is_some_and(|server| server.chars().any(|c| c.is_ascii_digit())));
    }
}

#[test]
fn a_schema_that_is_behind_names_the_command() {
    let project = Project::postgres();
    let url = std::env::var("MASTRA_TEST_POSTGRES_URL").unwrap();
    let fresh = format!("{url}{}schema=cli_never_made", if url.contains('?') { '&' } else { '?' });
    let failure = project.run(&["entities", "list", "--engine", &fresh, "--json"]).exits(1).failure();
    assert_eq!((&failure["kind"], &failure["context"]["hint"]), (&json!("schema_mismatch"), &json!("mastra engine migrate")));
    project.run(&["engine", "migrate", "--check", "--engine", &fresh]).exits(1);
    let doctor = project.run(&["engine", "doctor", "--engine", &fresh, "--json"]).exits(1).json();
    let schema = doctor["findings"].as_array().unwrap().iter().find(|finding| finding["check"] == "schema").unwrap();
    assert_eq!((&schema["level"], &schema["cure"]), (&json!("problem"), &json!("mastra engine migrate")));
}

#[test]
fn the_doctor_finds_what_is_wrong_and_how_to_mend_it() {
    let project = Project::new();
    assert_eq!(project.json(&["engine", "doctor"])["warnings"], 1, "the file is not there yet");
    project.run(&["engine", "migrate"]).ok();
    assert_eq!(project.json(&["engine", "doctor"])["problems"], 0);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let execute = |statement: String| {
        use sqlx::Connection as _;
        let url = format!("sqlite:{}", project.path(".mastra/mastra.db").display());
        runtime.block_on(async {
            let mut connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
            sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
        });
    };
    execute("DROP INDEX records_in_order".to_owned());
    let found = project.run(&["engine", "doctor", "--json"]).exits(1).json();
    let index = found["findings"].as_array().unwrap().iter().find(|finding| finding["level"] == "problem").unwrap();
    let cure = index["cure"].as_str().unwrap();
    assert!(cure.contains("CREATE INDEX records_in_order"), "{index}");
    // The cure is what it says: pasted, it cures.
    execute(cure.split('\'').nth(1).unwrap().to_owned());
    assert_eq!(project.json(&["engine", "doctor"])["problems"], 0);

    project.write("broken.db", "SQLite format 3\0 and then nothing of the kind".repeat(100));
    let broken = project.run(&["engine", "doctor", "--engine", "broken.db", "--json"]).exits(1).json();
    assert!(broken["problems"].as_u64() > Some(0));
    project.run(&["engine", "doctor", "--engine", "absent.db"]).exits(1);
    let postgres = Project::postgres().json(&["engine", "doctor"]);
    assert_eq!(postgres["problems"], 0, "{postgres}");
    let checks: Vec<&str> =
        postgres["findings"].as_array().unwrap().iter().map(|finding| finding["check"].as_str().unwrap()).collect();
    for check in [
        "reachable",
        "version",
        "schema",
        "pooler",
        "pgvector",
        "indexes",
        "fsync",
        "max_connections",
        "shared_buffers",
        "statement_timeout",
        "wal_level",
    ] {
        assert!(checks.contains(&check), "{check} of {checks:?}");
    }
}

#[test]
fn a_server_that_is_down_is_unavailable() {
    let project = Project::new();
    let status = project.run(&["engine", "status", "--engine", "postgres://u:p@127.0.0.1:1/d", "--json"]).exits(5).json();
    assert_eq!(status["state"], "unreachable");
    assert_eq!(
        project.run(&["engine", "doctor", "--engine", "postgres://u:p@127.0.0.1:1/d", "--json"]).exits(1).json()["problems"],
        1
    );
}

#[test]
fn a_compose_file_and_its_url_agree() {
    let project = Project::new();
    let added = project.json(&["engine", "add", "--no-start", "--name", "My App"]);
    let text = project.read("mastra.compose.yaml");
    let yaml = &Yaml::load_from_str(&text).unwrap()[0];
    let service = &yaml["services"]["postgres"];
    assert_eq!(service["image"].as_str(), Some("pgvector/pgvector:pg17"));
    let port = service["ports"][0].as_str().unwrap().strip_prefix("127.0.0.1:").unwrap().strip_suffix(":5432").unwrap();
    assert_eq!(port, added["port"].to_string());
    assert!(service["healthcheck"]["test"][1].as_str().unwrap().contains("pg_isready"));
    let volume = service["volumes"][0].as_str().unwrap().split(':').next().unwrap();
    assert!(yaml["volumes"].as_mapping_get(volume).is_some(), "the volume is declared");
    assert!(yaml["name"].as_str().unwrap().starts_with("mastra-my-app-"));

    let env = project.read(".env");
    let value = |name: &str| env.lines().find_map(|line| line.strip_prefix(&format!("{name}="))).unwrap();
    let password = value("MASTRA_ENGINE_PASSWORD");
    assert_eq!(value("MASTRA_ENGINE_URL"), format!("postgres://mastra:{password}@127.0.0.1:{port}/mastra"));
    assert!(password.len() >= 32 && !text.contains(password), "the file can be committed");
    assert!(!added.to_string().contains(password));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(project.path(".env")).unwrap().permissions().mode() & 0o077, 0);
    }
}

#[test]
fn nothing_that_is_there_is_written_over() {
    let project = Project::new();
    project.write("mastra.compose.yaml", "mine: true\n");
    let failure = project.run(&["engine", "add", "--no-start", "--json"]).exits(4).failure();
    assert!(failure["context"]["hint"].as_str().unwrap().contains("-f"));
    assert_eq!(project.read("mastra.compose.yaml"), "mine: true\n");
    assert!(!project.path(".env").exists());

    // A local URL that is there is what the compose file follows.
    project.write(".env", "OTHER=1\nMASTRA_ENGINE_URL=postgres://me:pass@localhost:6543/app");
    let added = project.json(&["engine", "add", "--no-start", "-f", "own.yaml"]);
    assert_eq!((&added["port"], &added["kept"]), (&json!(6543), &json!(["MASTRA_ENGINE_URL"])));
    assert!(project.read(".env").starts_with("OTHER=1\nMASTRA_ENGINE_URL=postgres://me:pass@localhost:6543/app\n"));
    assert!(project.read(".env").contains("\nMASTRA_ENGINE_PASSWORD=pass\n"));
    let compose = project.read("own.yaml");
    assert!(
        compose.contains("\"127.0.0.1:6543:5432\"")
            && compose.contains("POSTGRES_USER: \"me\"")
            && compose.contains("POSTGRES_DB: \"app\"")
    );

    // Any other stays, and the user is told.
    let remote = Project::new();
    remote.write(".env", "MASTRA_ENGINE_URL=postgres://u:p@db.example.com/app\n");
    let ended = remote.run(&["engine", "add", "--no-start"]).ok();
    assert!(remote.read(".env").starts_with("MASTRA_ENGINE_URL=postgres://u:p@db.example.com/app\n"));
    assert!(ended.stdout.contains("kept") && ended.stderr.contains("names another engine"), "{ended:?}");
}

#[test]
fn there_is_nothing_to_start_or_stop_before_add() {
    let project = Project::new();
    for command in ["up", "down"] {
        let failure = project.run(&["engine", command, "--json"]).exits(3).failure();
        assert!(failure["context"]["hint"].as_str().unwrap().contains("mastra engine add"));
    }
    project.run(&["engine", "add", "--no-start"]).ok();
    assert_eq!(project.json(&["engine", "down"])["stopped"], false);
}

#[test]
fn a_malformed_compose_file_starts_nothing() {
    let project = Project::new();
    project.run(&["engine", "add", "--no-start"]).ok();
    for (name, text) in [("broken.yaml", "services:\n  postgres: [\n"), ("other.yaml", "mine: true\n"), ("empty.yaml", "")] {
        project.write(name, text);
        let failure = project.run(&["engine", "up", "-f", name, "--json"]).exits(2).failure();
        assert_eq!(failure["context"]["file"], name, "{failure}");
    }
    assert!(!project.path(".mastra/server.json").exists() && !project.path(".mastra/postgres").exists());
}

/// A folder with a `docker` that does as the script says, in front of the search path.
#[cfg(unix)]
fn path_with_docker(project: &Project, script: &str) -> String {
    use std::os::unix::fs::PermissionsExt as _;
    let docker = project.write("bin/docker", format!("#!/bin/sh\n{script}\n"));
    std::fs::set_permissions(&docker, std::fs::Permissions::from_mode(0o755)).unwrap();
    format!("{}:{}", project.path("bin").display(), std::env::var("PATH").unwrap())
}

/// Ends a test's server however the test ends.
#[cfg(unix)]
struct Purge<'a>(&'a Project, &'a str);

#[cfg(unix)]
impl Drop for Purge<'_> {
    fn drop(&mut self) {
        // Where the test itself purged it, there is nothing to stop.
        let _ = self.0.command(&["engine", "down", "--purge", "--yes"]).env("PATH", self.1).output();
    }
}

#[cfg(unix)]
#[test]
fn without_docker_the_machines_own_postgres_makes_the_url_true() {
    let project = Project::new();
    let mut path = path_with_docker(&project, "exit 1");
    if let Ok(folder) = std::env::var("MASTRA_TEST_PG_BIN") {
        path = format!("{path}:{folder}");
    }
    let _purge = Purge(&project, &path);
    let run = |arguments: &[&str]| {
        let output = project.command(arguments).env("PATH", &path).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let (code, stdout, stderr) = run(&["engine", "add", "--yes", "--json"]);
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    let added: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((&added["server"]["kind"], &added["migrated"]), (&json!("private"), &json!(true)));
    // The URL of .env is what every other command now works on.
    project.write("a.jsonl", common::lines(0..10));
    project.run(&["records", "import", "a.jsonl", "--entity", "Deals", "--id-field", "id"]).ok();
    assert!(project.json(&["engine", "status"])["engine"]["chosenBy"].as_str().unwrap().contains(".env"));
    assert_eq!(run(&["engine", "up"]).0, Some(0), "what runs is left running");
    assert_eq!(run(&["engine", "down"]).0, Some(0));
    project.run(&["engine", "status"]).exits(5);
    assert_eq!(run(&["engine", "up"]).0, Some(0));
    assert_eq!(project.count("Deals"), 10, "the data stayed");
    let (code, _, stderr) = run(&["engine", "down", "--purge"]);
    assert!(code == Some(2) && stderr.contains("--yes"), "{stderr}");
    assert_eq!(run(&["engine", "down", "--purge", "--dry-run"]).0, Some(0));
    assert_eq!(project.count("Deals"), 10);
    assert_eq!(run(&["engine", "down", "--purge", "--yes"]).0, Some(0));
    assert!(!project.path(".mastra/postgres/data").exists());
}

#[cfg(unix)]
#[test]
fn with_docker_it_is_asked_and_its_failure_told() {
    let project = Project::new();
    project.run(&["engine", "add", "--no-start"]).ok();
    let said = project.path("said");
    let script = format!(
        "echo \"$@\" >> {}\ncase \"$1\" in info) exit 0;; esac\necho 'first line' >&2\necho 'no space left on device' >&2\nexit 17",
        said.display()
    );
    let path = path_with_docker(&project, &script);
    let output = project.command(&["engine", "up", "--json"]).env("PATH", &path).output().unwrap();
    assert_eq!(output.status.code(), Some(5));
    let failure: Value = serde_json::from_slice(&output.stderr).unwrap();
    assert!(failure["error"]["message"].as_str().unwrap().contains("no space left on device"), "{failure}");
    let asked = std::fs::read_to_string(&said).unwrap();
    assert!(asked.contains("compose --file mastra.compose.yaml") && asked.contains("--wait"), "{asked}");
    assert!(!project.path(".mastra/server.json").exists(), "a start that failed decides nothing");
    let other = project.command(&["engine", "up", "-f", "absent.yaml"]).env("PATH", &path).output().unwrap();
    assert_eq!(other.status.code(), Some(3));
}

#[test]
fn types_are_generated_and_checked() {
    let project = Project::new();
    project.write("a.jsonl", common::lines(0..10));
    project.run(&["records", "import", "a.jsonl", "--entity", "Deals", "--id-field", "id"]).ok();
    project.run(&["engine", "generate", "--out", "types", "--check"]).exits(1);
    assert!(!project.path("types").exists());
    let made = project.json(&["engine", "generate", "--out", "types"]);
    assert!(made["files"].as_array().unwrap().iter().all(|file| file["state"] == "created"), "{made}");
    assert_eq!(project.json(&["engine", "generate", "--out", "types", "--check"])["current"], true);
    project.write("b.jsonl", "{\"id\":\"new\",\"somethingElse\":true}\n");
    project.run(&["records", "import", "b.jsonl", "--entity", "Deals", "--id-field", "id"]).ok();
    project.run(&["engine", "generate", "--out", "types", "--check"]).exits(1);

    project.write("own/mod.rs", "mod mine;\n");
    project.run(&["engine", "generate", "--out", "own"]).exits(4);
    assert_eq!(project.read("own/mod.rs"), "mod mine;\n");
    assert!(!project.path("own/entities.rs").exists(), "all or nothing");
}
