//! A backend of somebody else's, through the whole command line: `conformance`, `bench`, and every other command.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test ends by panicking")]

use serde_json::Value;
use std::process::{Command, Output};
use tempfile::TempDir;

/// Runs the binary in an empty folder of its own.
fn run(folder: &TempDir, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_own-backend"));
    for variable in ["MASTRA_ENGINE_URL", "DATABASE_URL", "DB_URL"] {
        command.env_remove(variable);
    }
    // A sample: that the suite is thorough is shown elsewhere.
    command.env("MASTRA_TEST_PAIRS", "4000");
    command.args(arguments).current_dir(folder).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_owned()).unwrap()
}

#[track_caller]
fn exits(output: Output, code: i32) -> (String, String) {
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{stdout}\n{stderr}");
    (stdout, stderr)
}

#[track_caller]
fn json(output: Output, code: i32) -> Value {
    let (stdout, _) = exits(output, code);
    assert_eq!(stdout.lines().count(), 1, "{stdout}");
    serde_json::from_str(&stdout).unwrap()
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn conformance_passes_on_a_backend_of_ones_own() {
    let (stdout, stderr) = exits(run(&folder(), &["conformance", "mystore:{}"]), 0);
    let last = stdout.lines().last().unwrap();
    let passed: usize = last.strip_suffix(" passed, 0 failed").unwrap().parse().unwrap();
    assert!(passed > 1_000, "{last}");
    assert!(!stdout.contains("FAIL"), "{stdout}");
    assert_eq!(stderr, "", "nothing but the report is said");
}

#[test]
fn a_mistake_is_named_by_its_case_and_ends_with_1() {
    let folder = folder();
    let (stdout, _) = exits(run(&folder, &["conformance", "broken:{}", "--level", "basic"]), 1);
    let failed: Vec<&str> = stdout.lines().filter(|line| line.starts_with("FAIL ")).collect();
    assert!(failed.contains(&"FAIL vectors / scores::ties_go_by_id"), "{stdout}");
    let last = stdout.lines().last().unwrap();
    assert!(last.ends_with(&format!(" passed, {} failed", failed.len())), "{last}");
    assert!(stdout.contains("of levels beyond basic"), "{stdout}");

    let asked = ["conformance", "broken:{}", "--only", "scores::ties_go_by_id", "--json"];
    let report = json(run(&folder, &asked), 1);
    assert_eq!((&report["failed"], &report["failures"][0]["case"]), (&1.into(), &"scores::ties_go_by_id".into()));
    assert_eq!(report["cases"][0]["outcome"], "failed");
}

#[test]
fn one_store_is_used_again_and_left_empty() {
    let folder = folder();
    // An engine and a store of vectors in one file: the cases of both, one after another.
    let report = json(run(&folder, &["conformance", "sqlite:one.db", "--only", "basics::", "--only", "reads::", "--json"]), 0);
    assert!(report["passed"].as_u64().unwrap() > 30, "{report}");
    let on_engines = report["cases"].as_array().unwrap().iter().filter(|case| case["subject"] == "engine");
    assert!(on_engines.count() > 10, "{report}");
    assert_eq!(json(run(&folder, &["vectors", "list", "--engine", "sqlite:one.db", "--json"]), 0)["items"], Value::Array(vec![]));

    exits(run(&folder, &["vectors", "create", "mine", "--dimension", "2", "--engine", "sqlite:one.db"]), 0);
    let (stdout, stderr) = exits(run(&folder, &["conformance", "sqlite:one.db"]), 4);
    assert!(stdout.is_empty() && stderr.contains("indexes") && stderr.contains("{}"), "{stdout}{stderr}");
    exits(run(&folder, &["vectors", "describe", "mine", "--engine", "sqlite:one.db"]), 0);
}

#[test]
fn case_files_are_asked_of_what_they_are_about() {
    let folder = folder();
    let rows = r#"{"suites": [{"name": "mine", "rows": [{"id": "a", "vector": [1, 0], "metadata": {"n": 1}}], "cases": [
        {"name": "right", "filter": {"n": 1}, "expect_ids": ["a"]}, {"name": "wrong", "filter": {"n": 1}, "expect_ids": []}]}]}"#;
    let records = r#"{"suites": [{"name": "records", "records": [{"externalId": "a", "data": {"n": 1}}], "cases": [
        {"name": "right", "filter": {"n": 1}, "expect_external_ids": ["a"]}]}]}"#;
    std::fs::write(folder.path().join("rows.json"), rows).unwrap();
    std::fs::write(folder.path().join("records.json"), records).unwrap();
    let asked = ["conformance", "sqlite:{}.db", "--cases", "rows.json", "--cases", "records.json"];
    let (stdout, _) = exits(run(&folder, &asked), 1);
    assert!(stdout.contains("FAIL mine / wrong"), "{stdout}");
    assert!(stdout.ends_with("\n2 passed, 1 failed\n"), "{stdout}");
    exits(run(&folder, &["conformance", "mystore:{}", "--cases", "absent.json"]), 3);
}

#[test]
fn names_are_listed_and_mistakes_of_usage_told() {
    let folder = folder();
    let (both, _) = exits(run(&folder, &["conformance", "mystore:{}", "--list"]), 0);
    let (vectors, _) = exits(run(&folder, &["conformance", "broken:{}", "--list"]), 0);
    for listed in [&both, &vectors] {
        assert!(listed.lines().any(|line| line == "vectors / scores::ties_go_by_id"), "{listed}");
    }
    assert_eq!((both.contains("engine / "), vectors.contains("engine / ")), (true, false), "what the schemes are registered as");
    let (_, stderr) = exits(run(&folder, &["conformance", "nosuch:{}"]), 2);
    assert!(stderr.contains("mystore") && stderr.contains("sqlite"), "{stderr}");
    exits(run(&folder, &["conformance", "mystore:{}", "--only", "no such case"]), 2);
    exits(run(&folder, &["conformance", "mystore:{}", "--level", "nosuch"]), 2);
}

#[test]
fn bench_measures_and_leaves_nothing() {
    let folder = folder();
    let small = ["--points", "300", "--questions", "5", "--dimension", "16"];
    let report = json(run(&folder, &[&["bench", "mystore:bench", "--json"][..], &small].concat()), 0);
    assert_eq!(report["points"], 300);
    assert!(report["query_top10_c1"]["recall@10"].as_f64().unwrap() > 0.9, "{report}");
    assert!(report["vector_upsert_hnsw"]["per_s"].as_f64().unwrap() > 0.0, "{report}");

    let (stdout, _) = exits(run(&folder, &[&["bench", "sqlite:b.db"][..], &small].concat()), 0);
    assert!(stdout.contains("recall@10"), "{stdout}");
    let listed = || json(run(&folder, &["vectors", "list", "--engine", "sqlite:b.db", "--json"]), 0);
    assert_eq!(listed()["items"], Value::Array(vec![]));
    exits(run(&folder, &["vectors", "create", "mastra-bench", "--dimension", "2", "--engine", "sqlite:b.db"]), 0);
    exits(run(&folder, &[&["bench", "sqlite:b.db"][..], &small].concat()), 4);
    assert_eq!(listed()["items"][0]["name"], "mastra-bench");
}

#[test]
fn every_other_command_serves_it_too() {
    let folder = folder();
    std::fs::write(folder.path().join("points.jsonl"), "{\"id\": \"a\", \"vector\": [1, 0]}\n").unwrap();
    exits(run(&folder, &["vectors", "create", "docs", "--dimension", "2", "--engine", "sqlite:a.db"]), 0);
    exits(run(&folder, &["vectors", "upsert", "docs", "points.jsonl", "--engine", "sqlite:a.db"]), 0);
    let copied = json(run(&folder, &["vectors", "copy", "sqlite:a.db#docs", "mystore:b#docs", "--json"]), 0);
    assert_eq!((&copied["copied"], &copied["verified"]), (&1.into(), &true.into()));
}
