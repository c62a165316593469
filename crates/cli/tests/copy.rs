//! A copy of vectors that is killed at random points and run again, while the source changes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test ends by panicking")]

mod common;

use common::Project;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

const POINTS: u32 = 400;
const TO: &str = "sqlite:other.db";
const ARGUMENTS: [&str; 6] = ["vectors", "copy", "docs", "sqlite:other.db#docs", "--batch-size", "1"];
/// So many kills have to land within the copy, behind its first point and before its last.
const KILLS: usize = 4;

fn line(n: u32, mark: &str) -> String {
    let namespace = if n.is_multiple_of(2) { "" } else { "tenant" };
    let point = json!({"id": format!("p{n:03}"), "vector": [1, n + 1], "metadata": {"n": n, "mark": mark}, "text": mark, "namespace": namespace});
    format!("{point}\n")
}

fn loaded() -> Project {
    let project = Project::new();
    project.run(&["vectors", "create", "docs", "--dimension", "2"]).ok();
    project.write("points.jsonl", (0..POINTS).map(|n| line(n, "first")).collect::<String>());
    project.run(&["vectors", "upsert", "docs", "points.jsonl"]).ok();
    project
}

/// Every point of a store, with all that it holds.
fn state(project: &Project, store: &[&str]) -> BTreeMap<String, Value> {
    let hits = |namespace: &str| {
        let query = ["vectors", "query", "docs", "--vector", "[1, 1]", "--top-k", "1000", "--include", "vector"];
        let answer = project.json(&[&query[..], &["--namespace", namespace], store].concat());
        answer["hits"].as_array().unwrap().clone()
    };
    let points = ["", "tenant"].into_iter().flat_map(|namespace| hits(namespace).into_iter().map(move |hit| (namespace, hit)));
    points.map(|(namespace, hit)| (format!("{namespace}/{}", hit["id"].as_str().unwrap()), hit)).collect()
}

fn mark(project: &Project) -> Option<Value> {
    let files = std::fs::read_dir(project.path(".mastra")).unwrap().map(|entry| entry.unwrap().path());
    let mut marks = files.filter(|path| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.starts_with("copy-") && name.ends_with(".json")
    });
    marks.next().map(|path| serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap())
}

/// How many points the killed runs had copied.
fn killed(project: &Project) -> u64 {
    let (mut landed, mut attempts, mut pause) = (0, 0, 20);
    loop {
        attempts += 1;
        assert!(attempts < 200, "only {landed} kills landed within the copy");
        let before = mark(project).map_or(0, |mark| mark["copied"].as_u64().unwrap());
        let mut child = project.spawn(&ARGUMENTS);
        std::thread::sleep(Duration::from_millis(pause));
        if child.try_wait().unwrap().is_some() {
            // It was faster: what it copied goes, and the next begins anew.
            project.run(&["vectors", "delete", "docs", "--yes", "--engine", TO]);
            (landed, pause) = (0, (pause / 2).max(5));
            continue;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let copied = mark(project).map_or(0, |mark| mark["copied"].as_u64().unwrap());
        if copied > before {
            landed += 1;
        } else {
            pause += 7;
        }
        if landed == KILLS {
            return copied;
        }
    }
}

#[test]
fn a_killed_copy_is_completed_and_nothing_in_it_is_stale() {
    let project = loaded();
    let copied = killed(&project);
    assert!(copied >= KILLS as u64 && copied < u64::from(POINTS), "{copied}");
    assert!(!state(&project, &["--engine", TO]).is_empty());
    // Behind the position one point changes and one goes; another is spoilt where it was copied to.
    project.write("changed.jsonl", line(0, "second"));
    project.run(&["vectors", "upsert", "docs", "changed.jsonl"]).ok();
    project.run(&["vectors", "delete", "docs", "--id", "p002", "--yes"]).ok();
    project.write("spoilt.jsonl", line(4, "spoilt"));
    project.run(&["vectors", "upsert", "docs", "spoilt.jsonl", "--engine", TO]).ok();

    let report = project.json(&ARGUMENTS);
    assert_eq!((&report["resumed"], &report["verified"], &report["differing"]), (&json!(copied), &json!(true), &json!([])));
    assert_eq!((&report["renewed"], &report["removed"]), (&json!(2), &json!(0)), "{report}");
    let left = state(&project, &["--engine", TO]).len();
    assert_eq!(left, POINTS as usize, "what only the other side holds may be anybody's");
    let pruned = project.json(&[&ARGUMENTS[..], &["--prune"]].concat());
    assert_eq!((&pruned["removed"], &pruned["verified"]), (&json!(1), &json!(true)), "{pruned}");
    let there = state(&project, &["--engine", TO]);
    assert_eq!(there.len(), POINTS as usize - 1);
    assert_eq!(there, state(&project, &[]));
    assert_eq!(mark(&project), None, "the position is forgotten at the end");
}
