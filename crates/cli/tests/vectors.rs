//! `mastra vectors`: its documents and exit codes, on SQLite, and copies to Postgres.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test ends by panicking")]

mod common;

use common::Project;
use serde_json::{Value, json};

/// Points on a circle, of two namespaces.
fn points(count: u32) -> String {
    (0..count)
        .map(|n| {
            let angle = f64::from(n) / f64::from(count);
            let (lang, namespace) = if n % 2 == 0 { ("en", "") } else { ("de", "tenant") };
            format!(
                "{{\"id\":\"p{n:03}\",\"vector\":[{},{}],\"metadata\":{{\"n\":{n},\"lang\":\"{lang}\"}},\"text\":\"number {n}\",\"namespace\":\"{namespace}\"}}\n",
                angle.cos(),
                angle.sin()
            )
        })
        .collect()
}

fn loaded(project: Project) -> Project {
    project.run(&["vectors", "migrate"]).ok();
    project.run(&["vectors", "create", "docs", "--dimension", "2", "--field", "lang"]).ok();
    project.write("points.jsonl", points(40));
    let report = project.json(&["vectors", "upsert", "docs", "points.jsonl", "--batch-size", "7"]);
    assert_eq!((&report["points"], &report["rejected"], &report["complete"]), (&json!(40), &json!(0), &json!(true)));
    project
}

fn ids(answer: &Value) -> Vec<&str> {
    answer["hits"].as_array().unwrap().iter().map(|hit| hit["id"].as_str().unwrap()).collect()
}

#[test]
fn an_index_is_made_loaded_searched_and_deleted() {
    for project in [loaded(Project::new()), loaded(Project::postgres())] {
        let listed = project.json(&["vectors", "list"]);
        assert_eq!((&listed["items"][0]["name"], &listed["items"][0]["dimension"]), (&json!("docs"), &json!(2)));
        let described = project.json(&["vectors", "describe", "docs"]);
        assert_eq!(described["count"], 40);
        assert_eq!(described["namespaces"], json!([{"name": "", "count": 20}, {"name": "tenant", "count": 20}]));
        project.run(&["vectors", "create", "docs", "--dimension", "2"]).exits(4);

        let nearest = project.json(&["vectors", "query", "docs", "--vector", "[1, 0]", "--top-k", "2"]);
        assert_eq!(ids(&nearest), ["p000", "p002"]);
        assert_eq!(nearest["exactness"], "exact");
        project.write("question.json", "[1, 0]");
        let tenant = ["vectors", "query", "docs", "--vector", "question.json", "--namespace", "tenant", "--include", "vector"];
        let tenants = project.json(&[&tenant[..], &["--filter", r#"{"n": {"$lt": 4}}"#]].concat());
        assert_eq!(ids(&tenants), ["p001", "p003"]);
        assert_eq!(tenants["hits"][0]["vector"].as_array().unwrap().len(), 2);
        let words = project.json(&["vectors", "query", "docs", "--text", "12"]);
        assert_eq!(ids(&words), ["p012"]);
        let both = project.json(&["vectors", "query", "docs", "--text", "12", "--vector", "[1,0]", "--top-k", "1"]);
        assert_eq!(both["hits"].as_array().unwrap().len(), 1);
        let best = project.json(&["vectors", "query", "docs", "--vector", "[1, 0]", "--min-score", "0.9999"]);
        assert_eq!(ids(&best)[0], "p000");
        assert!(project.run(&["vectors", "query", "docs", "--vector", "[1, 0]"]).ok().stdout.contains("p000"));

        assert_eq!(project.json(&["vectors", "count", "docs", "--filter", r#"{"lang": "en"}"#])["count"], 20);
        let dry = project.json(&["vectors", "delete", "docs", "--filter", r#"{"n": {"$lt": 4}}"#, "--dry-run"]);
        assert_eq!((&dry["points"], &dry["dryRun"]), (&json!(2), &json!(true)));
        assert_eq!(project.json(&["vectors", "count", "docs"])["count"], 20);
        project.run(&["vectors", "delete", "docs", "--filter", r#"{"n": {"$lt": 4}}"#]).exits(2);
        project.run(&["vectors", "delete", "docs", "--filter", "{}", "--yes"]).exits(2);
        project.run(&["vectors", "delete", "docs", "--filter", r#"{"n": {"$lt": 4}}"#, "--yes"]).ok();
        project.run(&["vectors", "delete", "docs", "--id", "p004", "--yes"]).ok();
        assert_eq!(project.json(&["vectors", "count", "docs"])["count"], 17);
        assert_eq!(project.json(&["vectors", "delete", "docs", "--namespace", "tenant", "--yes"])["points"], 20);
        project.run(&["vectors", "delete", "docs", "--yes"]).ok();
        let failure = project.run(&["vectors", "describe", "docs", "--json"]).exits(3).failure();
        assert_eq!(failure["kind"], "not_found");
    }
}

#[test]
fn lines_that_are_no_points_are_put_aside() {
    let project = loaded(Project::new());
    let lines = [
        r#"{"id": "good", "vector": [1, 1]}"#,
        r#"{"id": "long", "vector": [1, 1, 1]}"#,
        r#"{"id": "zero", "vector": [0, 0]}"#,
        "not json",
        r#"{"id": "typo", "vector": [1, 1], "meta": {}}"#,
        r#"{"id": "", "vector": [1, 1]}"#,
        r#"{"id": "good", "vector": [0, 1], "metadata": {"last": true}}"#,
        r#"{"vector": [1, 2]}"#,
    ];
    project.write("bad.jsonl", lines.join("\n"));
    let upsert = ["vectors", "upsert", "docs", "bad.jsonl", "--json"];
    let dry = project.run(&[&upsert[..], &["--dry-run"]].concat()).exits(6).json();
    assert_eq!((&dry["rejected"], &dry["replaced"], &dry["points"]), (&json!(5), &json!(0), &json!(3)));
    assert!(!project.path("docs.rejects.jsonl").exists());
    assert_eq!(project.json(&["vectors", "count", "docs"])["count"], 20);
    let report = project.run(&upsert).exits(6).json();
    assert_eq!((&report["rejected"], &report["rejectsFile"]), (&json!(5), &json!("docs.rejects.jsonl")));
    let rejects = project.read("docs.rejects.jsonl");
    let numbers: Vec<u64> =
        rejects.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["line"].as_u64().unwrap()).collect();
    assert_eq!(numbers, [2, 3, 4, 5, 6]);
    let reason = |at: usize| serde_json::from_str::<Value>(rejects.lines().nth(at).unwrap()).unwrap()["reason"].clone();
    assert_eq!(reason(0), "the vector has another dimension than the index (dimension=3, expected=2)");
    assert_eq!(reason(2), "not a point: expected ident at column 2");
    assert_eq!(project.json(&["vectors", "count", "docs"])["count"], 22);
    assert_eq!(project.json(&["vectors", "count", "docs", "--filter", r#"{"last": true}"#])["count"], 1);
    project.run(&["vectors", "upsert", "absent", "bad.jsonl"]).exits(3);
    project.run(&["vectors", "upsert", "docs", "absent.jsonl"]).exits(3);
}

#[test]
fn the_rejects_of_any_index_have_a_file() {
    let project = loaded(Project::new());
    project.run(&["vectors", "create", "a/b", "--dimension", "2"]).ok();
    project.write("bad.jsonl", "{\"vector\": [1, 1]}\n{\"vector\": [1]}\n");
    let report = project.run(&["vectors", "upsert", "a/b", "bad.jsonl", "--json"]).exits(6).json();
    assert_eq!((&report["points"], &report["rejectsFile"]), (&json!(1), &json!("a_b.rejects.jsonl")));
    assert!(project.read("a_b.rejects.jsonl").contains("dimension=1, expected=2"));
}

#[test]
fn files_of_which_no_line_can_be_loaded_are_refused_whole() {
    let project = loaded(Project::new());
    project.write("points.jsonl.gz", [0x1f, 0x8b, 8, 0, b'\n', b'\n']);
    let failure = project.run(&["vectors", "upsert", "docs", "points.jsonl.gz", "--json"]).exits(2).failure();
    assert!(failure["context"]["hint"].as_str().unwrap().starts_with("gunzip"), "{failure}");
    project.write("wide.jsonl", [0xff, 0xfe, b'{', 0]);
    project.run(&["vectors", "upsert", "docs", "wide.jsonl"]).exits(2);
    project.write("marked.jsonl", b"\xef\xbb\xbf{\"id\":\"m\",\"vector\":[1,0]}\r\n");
    assert_eq!(project.json(&["vectors", "upsert", "docs", "marked.jsonl"])["points"], 1);

    project.run(&["vectors", "create", "modelled", "--dimension", "2", "--model", "local/small"]).ok();
    let other = ["vectors", "upsert", "modelled", "points.jsonl", "--model", "local/large"];
    project.run(&other).exits(2);
    project.run(&[&other[..], &["--dry-run"]].concat()).exits(2);
    assert!(!project.path("modelled.rejects.jsonl").exists());
}

#[test]
fn half_of_a_password_is_no_name_of_an_index() {
    let project = loaded(Project::new());
    for url in ["postgres://user:half#secret@127.0.0.1:1/app", "postgres://user:half#secret@127.0.0.1:1/app#docs"] {
        let ended = project.run(&["vectors", "copy", url, "sqlite:other.db", "--index", "docs"]);
        assert!(!ended.stderr.contains("half") && !ended.stderr.contains("secret"), "{}", ended.stderr);
    }
}

#[test]
fn an_index_is_carried_to_other_stores() {
    let project = loaded(Project::new());
    let dry = project.json(&["vectors", "copy", "docs", "sqlite:other.db#docs", "--dry-run"]);
    assert_eq!((&dry["copied"], &dry["created"]), (&json!(40), &json!(true)));
    let report = project.json(&["vectors", "copy", "docs", "sqlite:other.db#docs", "--batch-size", "6", "--verify", "all"]);
    assert_eq!((&report["copied"], &report["compared"], &report["verified"]), (&json!(40), &json!(40), &json!(true)));
    let there = project.json(&["vectors", "describe", "docs", "--engine", "sqlite:other.db"]);
    assert_eq!(there, project.json(&["vectors", "describe", "docs"]));
    // The position of a finished copy is forgotten, and the same copy writes the same points.
    let again = project.json(&["vectors", "copy", "sqlite:.mastra/mastra.db", "sqlite:other.db", "--index", "docs"]);
    assert_eq!((&again["resumed"], &again["created"], &again["verified"]), (&json!(0), &json!(false), &json!(true)));

    project.run(&["vectors", "create", "flatland", "--dimension", "2", "--metric", "dot"]).ok();
    project.run(&["vectors", "copy", "docs", "sqlite:.mastra/mastra.db#flatland"]).exits(4);
    project.run(&["vectors", "copy", "docs", "docs"]).exits(2);
    project.run(&["vectors", "copy", "absent", "other"]).exits(3);
}

#[test]
fn an_index_is_carried_to_postgres_and_back() {
    let project = loaded(Project::postgres());
    let report = project.json(&["vectors", "copy", "docs", "sqlite:here.db#docs", "--verify", "all"]);
    assert_eq!(report["verified"], true);
    let report = project.json(&["vectors", "copy", "sqlite:here.db#docs", "again", "--verify", "all"]);
    assert_eq!((&report["verified"], &report["copied"]), (&json!(true), &json!(40)));
    assert_eq!(project.json(&["vectors", "describe", "again"])["count"], 40);
}
