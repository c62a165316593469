//! Runs that are stopped, killed, and run at the same time as others.

use crate::common::Project;
use crate::rig::{counts, result};
use mastra_doubles::Web;
use mastra_doubles::web::Reply;
use serde_json::{Value, json};
use sqlx::Connection as _;
use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

const ITEMS: u64 = 5;

/// How many pages there are; without end until a test says so, lest a run be faster than what is to stop it.
type Pages = Arc<AtomicU64>;

/// A list of many pages, each of which takes a while.
async fn slow(project: Project) -> (Web, Project, Pages) {
    let web = Web::start().await.unwrap();
    let pages = Pages::new(AtomicU64::new(u64::MAX));
    let there = Arc::clone(&pages);
    web.answer("/items", move |request| {
        let page: u64 = request.query("page").unwrap().parse().unwrap();
        let items = if page > there.load(Ordering::Relaxed) { 0 } else { ITEMS };
        let items: Vec<Value> = (0..items).map(|n| json!({ "id": page * 100 + n, "page": page })).collect();
        Reply::json(&json!(items)).delay(Duration::from_millis(40))
    });
    describe(&project, &web);
    (web, project, pages)
}

fn describe(project: &Project, web: &Web) {
    let block = format!(
        r#"[[sync]]
id = "items"
entity = "Items"
mode = "full"
id_field = "id"
limits = {{ lease_seconds = 20 }}

[sync.source]
kind = "http"
url = "{}"
pagination = {{ kind = "page", parameter = "page" }}
web = {{ allow_private_addresses = true }}
"#,
        web.url("/items")
    );
    project.write("mastra.toml", block);
}

fn spawn(project: &Project, arguments: &[&str]) -> Child {
    project.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Waits until the server was asked so often.
fn asked(web: &Web, calls: usize, child: &mut Child) {
    while web.requests().len() < calls {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it could be stopped");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args([name, &child.id().to_string()]).status().unwrap().success());
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn interrupted_on_sqlite() {
    an_interrupt_stops_behind_a_page_and_the_next_run_goes_on(Project::new()).await;
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn interrupted_on_postgres() {
    an_interrupt_stops_behind_a_page_and_the_next_run_goes_on(Project::postgres()).await;
}

#[cfg(unix)]
async fn an_interrupt_stops_behind_a_page_and_the_next_run_goes_on(project: Project) {
    let (web, project, pages) = slow(project).await;
    for name in ["-INT", "-TERM"] {
        web.forget();
        let mut child = spawn(&project, &["sync", "run", "items", "--json"]);
        asked(&web, 6, &mut child);
        signal(&child, name);
        let ended = child.wait_with_output().unwrap();
        assert_eq!(ended.status.code(), Some(130));
        let result = result(&String::from_utf8(ended.stdout).unwrap());
        assert_eq!((&result["interrupted"], &result["syncs"][0]["error"]["kind"]), (&json!(true), &json!("cancelled")));
        assert!(counts(&result)["created"].as_u64().unwrap() > 0, "{result}");
        assert_eq!(project.json(&["sync", "show", "items"])["state"], "cancelled");
    }
    let stored = project.count("Items");
    assert!(stored >= 8 * ITEMS, "{stored}");
    pages.store(stored / ITEMS + 10, Ordering::Relaxed);
    web.forget();
    let last = project.ran(&["items"], 0);
    assert_eq!(web.requests().len(), 11, "it went on behind the {stored} that were stored");
    assert_eq!(project.count("Items"), stored + 10 * ITEMS);
    assert_eq!(counts(&last)["deleted"], 0, "what the stopped runs had seen is not taken for gone");
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_interrupt_stops_at_once() {
    let (web, project, pages) = slow(Project::new()).await;
    let mut child = spawn(&project, &["sync", "run", "items"]);
    asked(&web, 4, &mut child);
    // Nobody else can write: not even the end of the run.
    let path = format!("sqlite:{}", project.path(".mastra/mastra.db").display());
    let mut lock = sqlx::SqliteConnection::connect(&path).await.unwrap();
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut lock).await.unwrap();
    signal(&child, "-INT");
    // The first is heard before the second is sent: two that come together count once.
    let mut heard = [0_u8; 8];
    std::io::Read::read_exact(child.stderr.as_mut().unwrap(), &mut heard).unwrap();
    assert_eq!(&heard, b"stopping");
    assert!(child.try_wait().unwrap().is_none(), "it waits for the page in hand");
    signal(&child, "-INT");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    sqlx::raw_sql("ROLLBACK").execute(&mut lock).await.unwrap();
    let stored = project.count("Items");
    pages.store(stored / ITEMS + 10, Ordering::Relaxed);
    project.run(&["sync", "run", "items"]).ok();
    assert_eq!(project.count("Items"), stored + 10 * ITEMS);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_on_sqlite() {
    a_killed_run_is_waited_for_and_gone_on_with(Project::new()).await;
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_on_postgres() {
    a_killed_run_is_waited_for_and_gone_on_with(Project::postgres()).await;
}

#[cfg(unix)]
async fn a_killed_run_is_waited_for_and_gone_on_with(project: Project) {
    let (web, project, pages) = slow(project).await;
    let mut child = spawn(&project, &["sync", "run", "items"]);
    asked(&web, 6, &mut child);
    child.kill().unwrap();
    child.wait().unwrap();
    let stored = project.count("Items");
    assert!(stored > 0, "{stored}");
    pages.store(stored / ITEMS + 10, Ordering::Relaxed);
    // Whoever does not want to wait is told until when.
    let refused = project.run(&["sync", "run", "items", "--wait", "0"]).exits(4);
    assert!(refused.stderr.contains("until=") && refused.stderr.contains("--wait"), "{}", refused.stderr);
    let listed = project.json(&["sync", "list"]);
    assert_eq!(listed["items"][0]["targets"][0]["holder"].as_array().unwrap().len(), 2, "{listed}");
    web.forget();
    let ended = project.run(&["sync", "run", "items"]).ok();
    assert!(ended.stderr.contains("waiting for run") && ended.stderr.contains("takes over at"), "{}", ended.stderr);
    assert_eq!(web.requests().len(), 11, "it went on where the killed one was");
    assert_eq!(project.count("Items"), stored + 10 * ITEMS);
    let runs = project.json(&["sync", "runs", "items"]);
    let states: Vec<&str> = runs["items"].as_array().unwrap().iter().map(|run| run["state"].as_str().unwrap()).collect();
    assert_eq!((states[0], *states.last().unwrap()), ("succeeded", "lost"), "{runs}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_two_waits_and_a_run_is_followed() {
    let (web, project, pages) = slow(Project::new()).await;
    let mut first = spawn(&project, &["sync", "run", "items"]);
    asked(&web, 3, &mut first);
    let mut watching = spawn(&project, &["sync", "watch", "items", "--json"]);
    // It follows the run that is the newest when it looks: that has to be this one.
    let mut followed = BufReader::new(watching.stdout.take().unwrap()).lines().map(Result::unwrap);
    let running: Value = serde_json::from_str(&followed.next().unwrap()).unwrap();
    assert_eq!(running["state"], "running");
    let busy = project.run(&["sync", "run", "items", "--wait", "0", "--json"]).exits(4);
    assert_eq!(result(&busy.stdout)["syncs"][0]["error"]["kind"], "busy");
    let mut second = spawn(&project, &["sync", "run", "items", "--wait", "10m", "--json"]);
    let mut steps = BufReader::new(second.stdout.take().unwrap()).lines();
    let step = steps.find(|line| line.as_ref().unwrap().contains("\"waiting\"")).unwrap().unwrap();
    assert!(step.contains("\"until\""), "{step}");
    pages.store(web.requests().len() as u64, Ordering::Relaxed);
    assert_eq!(first.wait().unwrap().code(), Some(0));
    let stored = json!(project.count("Items"));
    let last = result(&steps.last().unwrap().unwrap());
    assert_eq!((second.wait().unwrap().code(), &counts(&last)["unchanged"]), (Some(0), &stored));
    let ended: Value = serde_json::from_str(&followed.last().unwrap()).unwrap();
    assert_eq!((&ended["state"], &ended["targets"][0]["counts"]["created"]), (&json!("succeeded"), &stored));
    assert_eq!(watching.wait().unwrap().code(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_takes_too_long_keeps_what_it_wrote() {
    let (_web, project, pages) = slow(Project::new()).await;
    let ended = project.run(&["sync", "run", "items", "--timeout", "1s"]).exits(5);
    assert!(ended.stderr.contains("longer than it was given") && ended.stderr.contains("--timeout"), "{}", ended.stderr);
    let stored = project.count("Items");
    pages.store(stored / ITEMS + 10, Ordering::Relaxed);
    project.run(&["sync", "run", "items"]).ok();
    assert_eq!(project.count("Items"), stored + 10 * ITEMS);
}
