//! `mastra records import`: formats, rejects, modes, resuming.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test ends by panicking")]

mod common;

use common::{Project, lines};
use serde_json::{Value, json};

const IMPORT: [&str; 2] = ["records", "import"];

fn import<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    IMPORT.iter().chain(arguments).copied().collect()
}

fn data(project: &Project, entity: &str) -> Vec<Value> {
    project.state(entity).into_iter().map(|mut record| record["data"].take()).collect()
}

#[test]
fn every_format_gives_the_same_records() {
    let project = Project::new();
    project.write("a.jsonl", "{\"id\":\"1\",\"name\":\"Ada\"}\r\n\r\n{\"id\":\"2\",\"name\":\"B, \\\"B\\\"\"}");
    project.write("a.json", "\u{feff}[\n {\"id\":\"1\",\"name\":\"Ada\"},\n {\"id\":\"2\",\"name\":\"B, \\\"B\\\"\"}\n]\n");
    project.write("a.csv", "\u{feff}id,name\r\n1,Ada\r\n2,\"B, \"\"B\"\"\"\r\n");
    let expected = [json!({ "id": "1", "name": "Ada" }), json!({ "id": "2", "name": "B, \"B\"" })];
    for (entity, file) in [("Lines", "a.jsonl"), ("List", "a.json"), ("Csv", "a.csv")] {
        let report = project.json(&import(&[file, "--entity", entity, "--id-field", "id"]));
        assert_eq!((&report["created"], &report["rejected"], &report["complete"]), (&json!(2), &json!(0), &json!(true)));
        assert_eq!(data(&project, entity), expected, "{file}");
    }
    let piped = project.fed(&import(&["-", "--entity", "Piped", "--id-field", "id"]), project.read("a.json").as_bytes());
    piped.ok();
    assert_eq!(data(&project, "Piped"), expected);
    // A CSV cannot be told from text by looking at it.
    let refused = project.fed(&import(&["-", "--entity", "Piped", "--id-field", "id"]), b"id,name\n1,Ada\n").exits(2);
    assert!(refused.stderr.contains("--format"), "{}", refused.stderr);
    project.fed(&import(&["-", "--entity", "P2", "--id-field", "id", "--format", "csv"]), project.read("a.csv").as_bytes()).ok();
    assert_eq!(data(&project, "P2"), expected);
}

#[test]
fn records_that_say_their_ids_need_no_field() {
    let project = Project::new();
    project.write(
        "a.jsonl",
        "{\"externalId\":\"x\",\"data\":{\"n\":1.0},\"entityType\":\"Lead\"}\n{\"externalId\":7,\"data\":{}}\n",
    );
    project.json(&import(&["a.jsonl", "--entity", "E"]));
    let state = project.state("E");
    assert_eq!(state[0], json!({ "externalId": "7", "data": {}, "entityType": "E" }));
    assert_eq!(state[1]["entityType"], "Lead");
}

#[test]
fn without_an_id_the_import_ends_before_anything_is_made() {
    let project = Project::new();
    project.write("a.jsonl", lines(0..3));
    let failure = project.run(&import(&["a.jsonl", "--entity", "E", "--json"])).exits(2).failure();
    assert_eq!(failure["kind"], "invalid_input");
    assert_eq!(failure["context"]["hint"], "--id-field id");
    for arguments in [
        &["absent.jsonl", "--entity", "E", "--id-field", "id"][..],
        &["a.jsonl", "absent.jsonl", "--entity", "E", "--id-field", "id"],
    ] {
        project.run(&import(arguments)).exits(3);
    }
    project.run(&import(&["a.jsonl", "--entity", " ", "--id-field", "id"])).exits(2);
    assert!(!project.path(".mastra").exists(), "nothing was made");
}

#[test]
fn bad_lines_are_put_aside_with_their_places() {
    let project = Project::new();
    let mut text = b"{\"id\":\"1\"}\nbroken\n\n{\"id\":\"2\",\"s\":\"\xff\"}\n{\"noId\":1}\n[1]\n{\"id\":\"3\"}\r\n".to_vec();
    text.extend_from_slice(format!("{{\"id\":\"4\",\"deep\":{}1{}}}\n", "[".repeat(110), "]".repeat(110)).as_bytes());
    text.extend_from_slice(format!("{{\"id\":\"{}\"}}\n", "x".repeat(2000)).as_bytes());
    project.write("a.jsonl", text);
    let ended = project.run(&import(&["a.jsonl", "--entity", "E", "--id-field", "id", "--json"])).exits(6);
    let report = ended.json();
    assert_eq!((&report["created"], &report["rejected"]), (&json!(2), &json!(6)));
    assert_eq!(report["rejectsFile"], "E.rejects.jsonl");
    let rejects: Vec<Value> = project.read("E.rejects.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let places: Vec<_> = rejects.iter().map(|reject| reject["line"].as_u64().unwrap()).collect();
    assert_eq!(places, [2, 4, 5, 6, 8, 9]);
    assert!(rejects.iter().all(|reject| !reject["reason"].as_str().unwrap().is_empty() && reject["file"] == "a.jsonl"));
    assert_eq!(rejects[0]["text"], "broken");

    // A second run without bad lines leaves no old rejects behind.
    project.write("a.jsonl", "{\"id\":\"1\"}\n");
    project.run(&import(&["a.jsonl", "--entity", "E", "--id-field", "id"])).ok();
    assert!(!project.path("E.rejects.jsonl").exists());
}

#[test]
fn a_file_that_is_no_rejects_file_is_never_written_over() {
    let project = Project::new();
    project.write("a.jsonl", "broken\n{\"id\":\"1\"}\n");
    project.write("mine.txt", "precious\n");
    project.run(&import(&["a.jsonl", "--entity", "E", "--id-field", "id", "--rejects", "mine.txt"])).exits(4);
    assert_eq!(project.read("mine.txt"), "precious\n");
}

#[test]
fn too_many_rejects_stop_the_import_and_it_can_go_on() {
    let project = Project::new();
    project.write("a.jsonl", format!("{}bad\nbad\nbad\n{}", lines(0..10), lines(10..20)));
    let arguments =
        import(&["a.jsonl", "--entity", "E", "--id-field", "id", "--batch-size", "4", "--max-rejects", "2", "--json"]);
    let report = project.run(&arguments).exits(6).json();
    assert_eq!((&report["complete"], &report["stopped"]), (&json!(false), &json!("maxRejects")));
    assert!(project.count("E") < 20);
    let report =
        project.run(&import(&["a.jsonl", "--entity", "E", "--id-field", "id", "--batch-size", "4", "--json"])).exits(6).json();
    assert_eq!((&report["complete"], &report["rejected"]), (&json!(true), &json!(3)));
    assert!(report["resumed"]["line"].as_u64().unwrap() > 1);
    assert_eq!(project.count("E"), 20);
    assert_eq!(project.read("E.rejects.jsonl").lines().count(), 3);
}

#[test]
fn a_dry_run_counts_and_changes_nothing() {
    let project = Project::new();
    project.write("a.jsonl", lines(0..10));
    let dry = |file: &str| project.json(&import(&[file, "--entity", "E", "--id-field", "id", "--dry-run"]));
    let report = dry("a.jsonl");
    assert_eq!((&report["created"], &report["dryRun"]), (&json!(10), &json!(true)));
    assert!(!project.path(".mastra").exists());
    project.run(&import(&["a.jsonl", "--entity", "E", "--id-field", "id"])).ok();
    let before = project.state("E");
    project.write(
        "b.jsonl",
        format!("{}{{\"id\":\"d-3\",\"stage\":\"new\"}}\n{{\"id\":\"d-4\",\"stage\":\"open\"}}\n", lines(8..12)),
    );
    let report = dry("b.jsonl");
    assert_eq!((&report["created"], &report["updated"], &report["unchanged"]), (&json!(2), &json!(1), &json!(3)));
    assert_eq!(project.state("E"), before);
    let report = project.json(&import(&["b.jsonl", "--entity", "E", "--id-field", "id"]));
    assert_eq!(
        (&report["created"], &report["updated"], &report["unchanged"]),
        (&json!(2), &json!(1), &json!(3)),
        "the dry run was right"
    );
}

#[test]
fn modes_of_meeting_what_is_there() {
    let project = Project::new();
    project.write("a.jsonl", r#"{"id":"1","a":{"x":1},"b":1}"#);
    project.write("b.jsonl", r#"{"id":"1","a":{"y":2}}"#);
    for (mode, expected) in [
        ("merge", json!({ "id": "1", "a": { "y": 2 }, "b": 1 })),
        ("replace", json!({ "id": "1", "a": { "y": 2 } })),
        ("deep-merge", json!({ "id": "1", "a": { "x": 1, "y": 2 }, "b": 1 })),
    ] {
        project.run(&import(&["a.jsonl", "--entity", mode, "--id-field", "id"])).ok();
        project.run(&import(&["b.jsonl", "--entity", mode, "--id-field", "id", "--mode", mode])).ok();
        assert_eq!(data(&project, mode), [expected], "{mode}");
    }
}

#[test]
fn numbers_keep_their_spelling() {
    let project = Project::new();
    project.write("a.jsonl", "{\"id\":\"1\",\"n\":123456789012345678901234567890.10,\"m\":9007199254740993}\n");
    project.run(&import(&["a.jsonl", "--entity", "E", "--id-field", "id"])).ok();
    let exported = project.run(&["records", "export", "--entity", "E"]).ok().stdout;
    assert!(exported.contains("9007199254740993") && exported.contains("123456789012345678901234567890.1"), "{exported}");
}

#[test]
fn several_files_of_several_kinds_in_one_go() {
    let project = Project::new();
    project.write("a.jsonl", lines(0..5));
    project.write("b.json", "[{\"id\":\"x\"},{\"id\":\"d-1\",\"stage\":\"b\"}]");
    project.write("empty.jsonl", "");
    project.write("empty.csv", "id,name\n");
    project.write("nothing.json", "[]");
    let files = ["a.jsonl", "empty.jsonl", "b.json", "empty.csv", "nothing.json"];
    let arguments: Vec<&str> =
        IMPORT.iter().chain(&files).copied().chain(["--entity", "E", "--id-field", "id", "--connection", "c"]).collect();
    let report = project.json(&arguments);
    assert_eq!((&report["created"], &report["updated"], &report["files"]), (&json!(6), &json!(1), &json!(files)));
    let entity = project.json(&["entities", "show", "E"]);
    assert_eq!((&entity["connectionId"], &entity["records"], &entity["lastSyncId"]), (&json!("c"), &json!(6), &Value::Null));
    // Without a connection, the one of the entity that is there.
    assert_eq!(project.json(&arguments[..arguments.len() - 2])["created"], 0);
    assert_eq!(project.json(&["entities", "list"])["items"].as_array().unwrap().len(), 1);
}

#[test]
fn an_empty_file_makes_its_entity() {
    let project = Project::new();
    project.write("a.jsonl", "");
    assert_eq!(project.json(&import(&["a.jsonl", "--entity", "E"]))["created"], 0);
    assert_eq!(project.count("E"), 0);
}

#[test]
fn a_record_of_many_megabytes_is_one_record() {
    let project = Project::new();
    let text = "word ".repeat(600_000);
    project.write("a.jsonl", format!("{{\"id\":\"1\",\"text\":\"{text}\"}}\n{{\"id\":\"2\"}}\n"));
    assert_eq!(project.json(&import(&["a.jsonl", "--entity", "E", "--id-field", "id"]))["created"], 2);
    assert_eq!(data(&project, "E")[0]["text"], text);
}

#[test]
fn the_cursor_of_an_applications_own_sync_survives() {
    let project = Project::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    std::fs::create_dir(project.path(".mastra")).unwrap();
    let url = format!("sqlite:{}", project.path(".mastra/mastra.db").display());
    runtime.block_on(async {
        let engine = mastra_engine::connect(&url).await.unwrap();
        engine.sync_records(&mastra_core::SyncBatch::new("E", "crm", []).last_sync_id("page-7")).await.unwrap();
        engine.close().await.unwrap();
    });
    project.write("a.jsonl", format!("{}bad\n{}", lines(0..10), lines(10..20)));
    project.run(&import(&["a.jsonl", "--entity", "E", "--id-field", "id", "--batch-size", "4", "--max-rejects", "0"])).exits(6);
    assert_ne!(project.json(&["entities", "show", "E"])["lastSyncId"], "page-7", "the mark stands in its place meanwhile");
    project.run(&import(&["a.jsonl", "--entity", "E", "--id-field", "id", "--batch-size", "4"])).exits(6);
    assert_eq!(project.json(&["entities", "show", "E"])["lastSyncId"], "page-7");
}

#[test]
fn a_restart_begins_at_the_first_record() {
    let project = Project::new();
    project.write("a.jsonl", format!("{}bad\n{}", lines(0..10), lines(10..20)));
    let common = ["a.jsonl", "--entity", "E", "--id-field", "id", "--batch-size", "4", "--json"];
    project.run(&import(&[&common[..], &["--max-rejects", "0"]].concat())).exits(6);
    let report = project.run(&import(&[&common[..], &["--restart"]].concat())).exits(6).json();
    assert_eq!((&report["resumed"], &report["records"]), (&Value::Null, &json!(20)));
    assert_eq!(project.read("E.rejects.jsonl").lines().count(), 1);
}

#[test]
fn a_file_that_changed_is_another_import() {
    let project = Project::new();
    project.write("a.jsonl", format!("{}bad\n{}", lines(0..10), lines(10..20)));
    let common = ["a.jsonl", "--entity", "E", "--id-field", "id", "--batch-size", "4", "--json"];
    project.run(&import(&[&common[..], &["--max-rejects", "0"]].concat())).exits(6);
    project.write("a.jsonl", lines(0..25));
    let report = project.run(&import(&common)).ok().json();
    assert_eq!((&report["resumed"], &report["records"]), (&Value::Null, &json!(25)));
    assert_eq!(project.count("E"), 25);
}

#[test]
fn csv_values_and_rows() {
    let project = Project::new();
    project.write("a.csv", "id,n,b,code,note\n1,1.50,true,007,\n2,x,false,-3,\"two\nlines\"\n3,only\n4,1,2,3,4,5\n");
    let report = project.run(&import(&["a.csv", "--entity", "E", "--id-field", "id", "--infer", "--json"])).exits(6).json();
    assert_eq!((&report["created"], &report["rejected"]), (&json!(2), &json!(2)));
    let rows = data(&project, "E");
    assert_eq!(rows[0]["n"].to_string(), "1.50");
    assert_eq!((&rows[0]["b"], &rows[0]["code"], &rows[0]["note"]), (&json!(true), &json!("007"), &Value::Null));
    assert_eq!((&rows[1]["n"], &rows[1]["code"], &rows[1]["note"]), (&json!("x"), &json!(-3), &json!("two\nlines")));
    project.write("b.csv", "name,name\n");
    project.run(&import(&["b.csv", "--entity", "E", "--id-field", "name"])).exits(2);
    project.write("c.csv", "id,name\n");
    let missing = project.run(&import(&["c.csv", "--entity", "E", "--id-field", "dealId"])).exits(2);
    assert!(missing.stderr.contains("id, name"), "{}", missing.stderr);
}
