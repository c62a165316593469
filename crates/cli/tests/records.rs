//! Query, get, export, delete, purge, search, index: their documents and exit codes, on SQLite and Postgres.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test ends by panicking")]

mod common;

use common::{Project, lines};
use serde_json::{Value, json};

fn loaded(project: Project) -> Project {
    project.write("a.jsonl", lines(0..30));
    project.run(&["records", "import", "a.jsonl", "--entity", "Deals", "--id-field", "id"]).ok();
    project
}

fn both(test: impl Fn(&Project)) {
    for project in [loaded(Project::new()), loaded(Project::postgres())] {
        test(&project);
    }
}

fn ids(page: &Value) -> Vec<&str> {
    page["items"].as_array().unwrap().iter().map(|record| record["externalId"].as_str().unwrap()).collect()
}

#[test]
fn a_query_filters_sorts_and_pages() {
    both(|project| {
        let query = [
            "records",
            "query",
            "--entity",
            "Deals",
            "--filter",
            r#"{"stage":"won","amount":{"$gt":9}}"#,
            "--sort",
            "-amount",
            "--limit",
            "3",
        ];
        let first = project.json(&query);
        assert_eq!(ids(&first), ["d-27", "d-24", "d-21"]);
        let cursor = first["nextCursor"].as_str().unwrap();
        let second = project.json(&[&query[..], &["--cursor", cursor]].concat());
        assert_eq!(ids(&second), ["d-18", "d-15", "d-12"]);
        let last = project.json(&[&query[..query.len() - 1], &["50", "--offset", "6"]].concat());
        assert_eq!((ids(&last), &last["nextCursor"]), (vec!["d-9"], &Value::Null));
        // The cursor belongs to its query.
        project.run(&["records", "query", "--entity", "Deals", "--cursor", cursor]).exits(2);

        let fields = project.json(&["records", "query", "--entity", "Deals", "--fields", "stage,tags", "--limit", "1"]);
        assert_eq!(fields["items"][0]["data"].as_object().unwrap().keys().collect::<Vec<_>>(), ["stage", "tags"]);
        let count = project.json(&["records", "query", "--entity", "Deals", "--filter", r#"{"tags":"t1"}"#, "--count"]);
        assert_eq!(count, json!({ "count": 5, "capped": false }));
        let older = r#"{"filters":[{"field":"data.stage","operator":"eq","value":"won"}],"sort":[{"field":"data.amount","direction":"DESC"}],"limit":2,"offset":1}"#;
        assert_eq!(ids(&project.json(&["records", "query", "--entity", "Deals", "--query", older])), ["d-24", "d-21"]);
        assert_eq!(project.json(&["records", "query", "--entity", "Deals", "--updated-after", "2999-01-01"])["items"], json!([]));
        assert_eq!(
            ids(&project.json(&["records", "query", "--entity", "Deals", "--updated-after", "1h", "--limit", "99"])).len(),
            30
        );
        let plan =
            project.json(&["records", "query", "--entity", "Deals", "--filter", r#"{"note":{"$regex":"1$"}}"#, "--explain"]);
        assert!(!plan["plan"].as_array().unwrap().is_empty() && plan["finishedInCore"].is_array());
    });
}

#[test]
fn what_is_malformed_says_so_before_anything_happens() {
    let project = loaded(Project::new());
    for arguments in [
        &["records", "query", "--entity", "Deals", "--filter", "{stage"][..],
        &["records", "query", "--entity", "Deals", "--filter", r#"{"a":{"$near":1}}"#],
        &["records", "query", "--entity", "Deals", "--query", r#"{"filters":[{"field":"a","operator":"like","value":1}]}"#],
        &["records", "query", "--entity", "Deals", "--sort", "a..b"],
        &["records", "query", "--entity", "Deals", "--updated-after", "soon"],
        &["records", "query"],
        &["records", "get", "not-a-uuid"],
        &["records", "get", "--external-id", "d-1"],
        &["records", "delete", "--entity", "Deals"],
        &["records", "delete", "--entity", "Deals", "--filter", "{}", "--yes"],
        &["records", "search", "x", "--entity", "Deals"],
        &["records", "frobnicate"],
    ] {
        let failure = project.run(&[arguments, &["--json"]].concat()).exits(2).failure();
        assert_eq!(failure["kind"], "invalid_input", "{arguments:?}");
        assert!(!failure["message"].as_str().unwrap().is_empty());
    }
    let failure = project.run(&["records", "query", "--entity", "Nobody", "--json"]).exits(3).failure();
    assert_eq!(failure["kind"], "not_found");
    project.run(&["records", "get", "--entity", "Deals", "--external-id", "d-99"]).exits(3);
    Project::new().run(&["records", "query", "--entity", "Deals"]).exits(3);
}

#[test]
fn one_record_by_either_id() {
    both(|project| {
        let record = project.json(&["records", "get", "--entity", "Deals", "--external-id", "d-4"]);
        assert_eq!(record["data"]["note"], "number 4");
        let id = record["id"].as_str().unwrap();
        assert_eq!(project.json(&["records", "get", id]), record);
        let shown = project.run(&["records", "get", id]).ok().stdout;
        assert!(shown.contains("\"note\": \"number 4\""), "{shown}");
    });
}

#[test]
fn what_was_exported_can_be_imported() {
    both(|project| {
        project.run(&["records", "export", "--entity", "Deals", "-o", "out.jsonl"]).ok();
        project.run(&["records", "import", "out.jsonl", "--entity", "Copy"]).ok();
        let strip =
            |entity: &str| -> Vec<Value> { project.state(entity).into_iter().map(|mut record| record["data"].take()).collect() };
        assert_eq!(strip("Copy"), strip("Deals"));

        project
            .run(&["records", "export", "--entity", "Deals", "--format", "csv", "--fields", "id,stage,amount", "-o", "out.csv"])
            .ok();
        assert!(project.read("out.csv").starts_with("externalId,entityType,id,stage,amount\n"));
        project.run(&["records", "import", "out.csv", "--entity", "FromCsv", "--infer"]).ok();
        assert_eq!(project.count("FromCsv"), 30);
        let back = project.json(&["records", "get", "--entity", "FromCsv", "--external-id", "d-2"]);
        assert_eq!((&back["data"]["stage"], &back["entityType"]), (&json!("lost"), &json!("Deals")));
        assert_eq!(back["data"]["amount"].as_f64(), Some(2.5));
        let whole = project.run(&["records", "export", "--entity", "Deals", "--format", "csv"]).ok().stdout;
        assert!(whole.starts_with("externalId,entityType,amount,id,note,stage,tags\n"), "{whole}");
    });
}

#[test]
fn an_export_never_writes_over_a_file_unasked() {
    let project = loaded(Project::new());
    project.write("out.jsonl", "mine\n");
    project.run(&["records", "export", "--entity", "Deals", "-o", "out.jsonl"]).exits(4);
    assert_eq!(project.read("out.jsonl"), "mine\n");
    project.run(&["records", "export", "--entity", "Nobody", "-o", "other.jsonl"]).exits(3);
    assert!(!project.path("other.jsonl").exists());
    assert_eq!(project.json(&["records", "export", "--entity", "Deals", "-o", "out.jsonl", "--force"])["records"], 30);
    assert_eq!(project.read("out.jsonl").lines().count(), 30);
}

#[cfg(unix)]
#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let project = Project::new();
    project.write("a.jsonl", (0..20).map(|part| lines(part * 1_000..(part + 1) * 1_000)).collect::<String>());
    project.run(&["records", "import", "a.jsonl", "--entity", "Deals", "--id-field", "id"]).ok();
    let mut child = project
        .command(&["records", "export", "--entity", "Deals"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let ended = child.wait_with_output().unwrap();
    assert_eq!((ended.status.code(), String::from_utf8(ended.stderr).unwrap().as_str()), (Some(0), ""));
}

#[test]
fn deletions_are_counted_first_and_asked_for() {
    both(|project| {
        let lost = ["records", "delete", "--entity", "Deals", "--filter", r#"{"stage":"lost"}"#];
        assert_eq!(project.json(&[&lost[..], &["--dry-run"]].concat()), json!({ "dryRun": true, "deleted": 10 }));
        // Nobody can be asked here.
        let refused = project.run(&lost).exits(2);
        assert!(refused.stderr.contains("--yes") && refused.stderr.contains("engine:"), "{}", refused.stderr);
        assert_eq!(project.count("Deals"), 30);
        assert_eq!(project.json(&[&lost[..], &["--yes"]].concat())["deleted"], 10);
        assert_eq!(
            project.json(&["records", "delete", "--entity", "Deals", "--external-id", "d-0", "--external-id", "nobody", "--yes"])
                ["deleted"],
            1
        );
        let id = project.json(&["records", "get", "--entity", "Deals", "--external-id", "d-1"])["id"].clone();
        assert_eq!(project.json(&["records", "delete", id.as_str().unwrap(), "--yes"])["deleted"], 1);
        assert_eq!(project.count("Deals"), 18);
        let deleted = project.json(&["records", "query", "--entity", "Deals", "--include-deleted", "--count"]);
        assert_eq!(deleted["count"], 30);

        let purge = ["records", "purge", "--entity", "Deals"];
        assert_eq!(project.json(&[&purge[..], &["--deleted-before", "1d", "--dry-run"]].concat())["deleted"], 0);
        assert_eq!(project.json(&[&purge[..], &["--dry-run"]].concat())["deleted"], 12);
        project.run(&purge).exits(2);
        assert_eq!(project.json(&[&purge[..], &["--yes"]].concat())["deleted"], 12);
        assert_eq!(project.json(&["records", "delete", "--entity", "Deals", "--all", "--yes"])["deleted"], 18);

        let show = project.json(&["entities", "show", "Deals"]);
        assert_eq!((&show["records"], &show["deletedRecords"]), (&json!(0), &json!(18)));
        assert_eq!(project.json(&["entities", "delete", "Deals", "--dry-run"])["records"], 18);
        project.run(&["entities", "delete", "Deals"]).exits(2);
        assert_eq!(project.json(&["entities", "delete", "Deals", "--yes"])["records"], 18);
        assert_eq!(project.json(&["entities", "list"]), json!({ "items": [] }));
        project.run(&["entities", "delete", "Deals", "--yes"]).exits(3);
    });
}

#[test]
fn search_over_declared_fields() {
    both(|project| {
        let index = project.json(&["records", "index", "--entity", "Deals", "--fields", "note"]);
        assert_eq!((&index["textFields"], &index["fieldIndexes"]), (&json!(["note"]), &json!([])));
        let results = project.json(&["records", "search", "number 2*", "--filter", r#"{"stage":"lost"}"#, "--limit", "2"]);
        assert_eq!((results["total"].as_u64(), results["hits"].as_array().unwrap().len()), (Some(5), 2));
        let hit = &results["hits"][0];
        assert!(hit["score"].as_f64().unwrap() > 0.0 && hit["snippet"]["text"].as_str().unwrap().contains("number"));
        assert_eq!(project.json(&["records", "search", "\"number 7\""])["total"], 1);
        project.json(&["records", "index", "--entity", "Deals", "--no-fields"]);
        project.run(&["records", "search", "number", "--entity", "Deals"]).exits(2);
    });
}

#[test]
fn field_indexes_are_made_shown_and_dropped() {
    both(|project| {
        let made = project.json(&["records", "index", "--entity", "Deals", "--field", "amount"]);
        assert_eq!((&made["fieldIndexes"][0]["path"], &made["fieldIndexes"][0]["kind"]), (&json!("amount"), &json!("scalar")));
        project.json(&["records", "index", "--entity", "Deals", "--field", "tags", "--kind", "multi"]);
        assert_eq!(project.json(&["entities", "show", "Deals"])["fieldIndexes"].as_array().unwrap().len(), 2);
        let left = project.json(&["records", "index", "--entity", "Deals", "--field", "amount", "--drop"]);
        assert_eq!(left["fieldIndexes"].as_array().unwrap().len(), 1);
        project.run(&["records", "index", "--entity", "Deals", "--field", "amount", "--drop"]).exits(3);
    });
}

#[test]
fn a_name_in_two_connections_has_to_be_told_apart() {
    let project = loaded(Project::new());
    project.run(&["records", "import", "a.jsonl", "--entity", "Deals", "--connection", "other", "--id-field", "id"]).ok();
    let failure = project.run(&["records", "query", "--entity", "Deals", "--json"]).exits(4).failure();
    assert_eq!(failure["kind"], "conflict");
    assert!(failure["context"]["matches"].as_str().unwrap().contains("other"));
    let id = project.json(&["entities", "show", "Deals", "--connection", "other"])["id"].clone();
    assert_eq!(project.json(&["records", "query", "--entity", id.as_str().unwrap(), "--count"])["count"], 30);
}

#[test]
fn tables_fit_and_data_cannot_steer_the_terminal() {
    let project = Project::new();
    project.write(
        "a.jsonl",
        format!("{{\"id\":\"1\",\"evil\":\"\\u001b[31mred\",\"long\":\"{}\",\"more\":1}}\n", "long ".repeat(50)),
    );
    project.run(&["records", "import", "a.jsonl", "--entity", "E", "--id-field", "id"]).ok();
    let shown =
        String::from_utf8(project.command(&["records", "query", "--entity", "E"]).env("COLUMNS", "40").output().unwrap().stdout)
            .unwrap();
    assert!(!shown.contains('\u{1b}'), "{shown}");
    assert!(shown.lines().take(3).all(|line| line.chars().count() <= 40), "{shown}");
}
