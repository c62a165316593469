//! An import that is killed at random points and run again ends in the state of an undisturbed one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test ends by panicking")]

mod common;

use common::{Project, lines};
use serde_json::Value;
use std::time::Duration;

const RECORDS: u32 = 6_000;
const ARGUMENTS: [&str; 9] = ["records", "import", "a.jsonl", "--entity", "E", "--id-field", "id", "--batch-size", "50"];
/// So many kills have to land within the import, after its first batch and before its last.
const KILLS: usize = 4;

fn input() -> String {
    let mut text = String::new();
    for start in (0..RECORDS).step_by(500) {
        text += &lines(start..start + 500);
        text += &format!("broken {start}\n");
        // A record that is repeated later counts as it stands last.
        text += &format!("{{\"id\":\"d-{}\",\"stage\":\"again {start}\"}}\n", start / 2);
    }
    text
}

fn rejects(project: &Project) -> Vec<Value> {
    project.read("E.rejects.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A source of numbers that differ from run to run; the seed is printed for the one that fails.
fn random(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

fn killed_and_run_again(project: &Project) {
    let undisturbed = Project::new();
    undisturbed.write("a.jsonl", input());
    undisturbed.run(&ARGUMENTS).exits(6);
    project.write("a.jsonl", input());
    let mut seed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as u64 | 1;
    println!("seed {seed}");
    let (mut landed, mut attempts, mut longest) = (0, 0, 40);
    while landed < KILLS {
        attempts += 1;
        assert!(attempts < 200, "only {landed} kills landed within the import");
        let mut child = project.spawn(&ARGUMENTS);
        std::thread::sleep(Duration::from_millis(5 + random(&mut seed) % longest));
        if child.try_wait().unwrap().is_some() {
            // It was faster: the import is complete, and the next one begins anew over what is there.
            longest = (longest / 2).max(10);
            continue;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let shown = project.run(&["entities", "show", "E", "--json"]);
        let cursor = if shown.code == 0 { shown.json()["lastSyncId"].clone() } else { Value::Null };
        if cursor.as_str().is_some_and(|cursor| cursor.contains("\"records\":")) {
            landed += 1;
        } else {
            longest += 20;
        }
    }
    let report = project.run(&[&ARGUMENTS[..], &["--json"]].concat()).exits(6).json();
    assert!(report["resumed"].is_object(), "the last kill landed within the import, so this goes on: {report}");
    assert_eq!(project.state("E"), undisturbed.state("E"));
    assert_eq!(rejects(project), rejects(&undisturbed));
    assert_eq!(project.json(&["entities", "show", "E"])["lastSyncId"], Value::Null, "the mark is gone at the end");
}

#[test]
fn on_sqlite() {
    killed_and_run_again(&Project::new());
}

#[test]
fn on_postgres() {
    killed_and_run_again(&Project::postgres());
}

#[cfg(unix)]
#[test]
fn an_interrupt_stops_behind_a_batch() {
    // The import may end before the signal arrives; then a longer one is interrupted.
    for part in [40, 160, 640] {
        let records = part * 1_000;
        let project = Project::new();
        project.write("a.jsonl", (0..part).map(|part| lines(part * 1_000..(part + 1) * 1_000)).collect::<String>());
        let mut child =
            project.command(&ARGUMENTS).stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap();
        // Until the first batches are stored.
        while project.run(&["entities", "show", "E"]).code != 0 && child.try_wait().unwrap().is_none() {}
        // A process that has ended meanwhile takes no signal; how it ended tells.
        let _ = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
        let ended = child.wait().unwrap();
        if ended.success() {
            continue;
        }
        assert_eq!(ended.code(), Some(130));
        let stored = project.count("E");
        assert!(stored > 0 && stored < u64::from(records) && stored.is_multiple_of(50), "{stored}");
        let report = project.json(&ARGUMENTS);
        assert_eq!(report["resumed"]["records"].as_u64(), Some(stored));
        assert_eq!(project.count("E"), u64::from(records));
        return;
    }
    panic!("each import ended before it could be interrupted");
}
