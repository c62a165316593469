//! Work that is stopped or killed goes on where it was; work that watches follows.

use crate::common::Project;
use crate::rig::{ARTICLES, many};
use mastra_doubles::Models;
use mastra_doubles::models::{Fault, Settings};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

const RECORDS: usize = 60;

/// Indexing by one record at a time, each of which takes a while.
async fn slow() -> (Models, String) {
    let models = Models::start_with(Settings::default().model("small", 8)).await.unwrap();
    models.fault(Fault::every().delay(Duration::from_millis(30)));
    let more = format!(
        "embedder = {{ model = \"openai/small\", base_url = \"{}\" }}\ncache = false\nindex = {{ batch = 2, lease_seconds = 2 }}",
        models.url()
    );
    (models, more)
}

fn spawn(project: &Project, arguments: &[&str]) -> Child {
    project.command(arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

/// Waits until the server was asked so often.
fn asked(models: &Models, calls: usize, child: &mut Child) {
    while models.requests().len() < calls {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it could be stopped");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args([name, &child.id().to_string()]).status().unwrap().success());
}

fn count(report: &Value, key: &str) -> usize {
    report["knowledge"][0][key].as_u64().unwrap() as usize
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupt_stops_behind_a_batch_with_a_report() {
    let (models, more) = slow().await;
    let project = Project::new().describes(&more);
    project.load(many(RECORDS));
    for name in ["-INT", "-TERM"] {
        let calls = models.requests().len();
        let mut child = spawn(&project, &["index", "--json"]);
        asked(&models, calls + 4, &mut child);
        signal(&child, name);
        let ended = child.wait_with_output().unwrap();
        assert_eq!(ended.status.code(), Some(130));
        let report: Value = serde_json::from_slice(&ended.stdout).unwrap();
        let one = &report["knowledge"][0];
        assert_eq!((&report["interrupted"], &one["state"], &one["stopped"]), (&json!(true), &json!("interrupted"), &json!(true)));
        assert_eq!(one["lag"]["claimed"], json!(0), "nothing stays in hand: {one}");
        assert!(count(&report, "records") > 0 && count(&report, "waiting") > 0, "{report}");
    }
    let rest = project.json(&["index"]);
    assert!(count(&rest, "records") < RECORDS, "{rest}");
    assert_eq!(project.json(&["verify"])["clean"], json!(true));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_on_sqlite() {
    killed_and_run_again(Project::new()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_on_postgres() {
    let project = Project::postgres();
    project.run(&["vectors", "migrate"]).ok();
    killed_and_run_again(project).await;
}

async fn killed_and_run_again(project: Project) {
    let (models, more) = slow().await;
    let project = project.describes(&more);
    project.load(many(RECORDS));
    for kill in 1..=3 {
        let calls = models.requests().len();
        let mut child = spawn(&project, &["index"]);
        asked(&models, calls + 2 + kill, &mut child);
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let status = project.json(&["knowledge", "show", "articles"]);
    assert_eq!(status["state"], json!("behind"), "the kills landed within: {status}");
    // What the killed ones held is waited for.
    let report = project.json(&["index"]);
    assert_eq!((&report["knowledge"][0]["state"], count(&report, "waiting")), (&json!("complete"), 0), "{report}");
    let verified = project.json(&["verify"]);
    assert_eq!((&verified["clean"], &verified["knowledge"][0]["records"]), (&json!(true), &json!(RECORDS)), "{verified}");

    // The same for building anew.
    project.write("mastra.toml", project.read("mastra.toml").replace("[\"title\", \"body\"]", "[\"body\"]"));
    let calls = models.requests().len();
    let mut child = spawn(&project, &["reindex", "--yes"]);
    asked(&models, calls + 4, &mut child);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(project.json(&["reindex", "--dry-run"])["resumes"], json!(true));
    let report = project.json(&["reindex", "--yes"]);
    assert!(report["index"]["records"].as_u64().unwrap() < RECORDS as u64, "{report}");
    assert_eq!(project.json(&["verify"])["clean"], json!(true));
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupted_reindexing_goes_on() {
    let (models, more) = slow().await;
    let project = Project::new().describes(&more);
    project.load(many(20));
    project.run(&["index", "--batch", "100"]).ok();
    project.write("mastra.toml", project.read("mastra.toml").replace("[\"title\", \"body\"]", "[\"body\"]"));
    let calls = models.requests().len();
    let mut child = spawn(&project, &["reindex", "--yes"]);
    asked(&models, calls + 3, &mut child);
    signal(&child, "-INT");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(project.json(&["reindex", "--dry-run"])["resumes"], json!(true));
    assert_eq!(project.json(&["reindex", "--yes"])["version"]["number"], json!(2));
    project.run(&["verify"]).ok();
}

/// The next line, which has to be of that event.
fn line(lines: &mut std::io::Lines<BufReader<ChildStdout>>, event: &str) -> Value {
    let line: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    assert_eq!((&line["event"], &line["knowledge"]), (&json!(event), &json!("articles")), "{line}");
    line
}

#[cfg(unix)]
fn watched(project: &Project) {
    project.load(ARTICLES);
    let mut child = spawn(project, &["index", "--watch", "--interval", "0.1", "--json"]);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(line(&mut lines, "started")["records"], json!(3));
    project.load(ARTICLES.replace("75 degrees", "80 degrees"));
    let changed = line(&mut lines, "indexed");
    assert_eq!((&changed["records"], &changed["embedded"]), (&json!(1), &json!(1)), "{changed}");
    assert_eq!(project.found(&["80 degrees", "--mode", "text"]), ["tea"]);
    project.run(&["records", "delete", "--entity", "Articles", "--external-id", "refund", "--yes"]).ok();
    assert_eq!(line(&mut lines, "indexed")["deleted"], json!(1));
    signal(&child, "-INT");
    let stopped = line(&mut lines, "stopped");
    assert_eq!((&stopped["records"], &stopped["deleted"]), (&json!(1), &json!(1)), "what was done since the start: {stopped}");
    assert!(lines.next().is_none());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    project.run(&["verify"]).ok();
}

#[cfg(unix)]
#[test]
fn watching_on_sqlite() {
    watched(&Project::new().describes(""));
}

#[cfg(unix)]
#[test]
fn watching_on_postgres() {
    let project = Project::postgres().describes("");
    project.run(&["vectors", "migrate"]).ok();
    watched(&project);
}

#[test]
fn watching_ends_when_the_knowledge_base_goes() {
    let project = Project::new().describes("");
    project.load(ARTICLES);
    let mut command = project.command(&["index", "--watch", "--interval", "0.1", "--json"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    line(&mut lines, "started");
    project.run(&["knowledge", "delete", "articles", "--yes"]).ok();
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(3), "{}", String::from_utf8_lossy(&ended.stderr));
    let failure: Value = serde_json::from_slice(&ended.stderr).unwrap();
    assert!(failure["error"]["message"].as_str().unwrap().contains("deleted meanwhile"), "{failure}");
    assert_eq!(project.json(&["knowledge", "list"])["items"][0]["active"], Value::Null, "it was not made again");
}
