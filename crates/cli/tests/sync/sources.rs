//! Every kind of source, from its description to its records.

use crate::common::Project;
use crate::rig::counts;
use mastra_doubles::Web;
use mastra_doubles::web::Reply;
use serde_json::{Value, json};

fn block(source: &str) -> String {
    format!("[[sync]]\nid = \"it\"\nentity = \"It\"\nmode = \"full\"\n{source}\n")
}

/// The data of all records, by id.
fn records(project: &Project) -> Value {
    project
        .state("It")
        .into_iter()
        .map(|record| (record["externalId"].as_str().unwrap().to_owned(), record["data"].clone()))
        .collect()
}

#[test]
fn files() {
    let project = Project::new();
    project.write("a.csv", "id;n;name\n1;007;Ada\n2;8;\n");
    project
        .write("mastra.toml", block("id_field = 'id'\nsource = { kind = 'csv', path = 'a.csv', delimiter = ';', infer = true }"));
    project.run(&["sync", "run", "it"]).ok();
    let expected = json!({ "1": { "id": 1, "n": "007", "name": "Ada" }, "2": { "id": 2, "n": 8, "name": null } });
    assert_eq!(records(&project), expected);

    let project = Project::new();
    project.write("a.jsonl", "{\"meta\":{\"id\":5},\"x\":1}\n");
    project.write("mastra.toml", block("id_field = 'meta.id'\nsource = { kind = 'jsonl', path = 'a.jsonl' }"));
    project.run(&["sync", "run", "it"]).ok();
    assert_eq!(records(&project), json!({ "5": { "meta": { "id": 5 }, "x": 1 } }));

    let project = Project::new();
    project.write("docs/a.md", "# Tea\n\nLeaves.");
    project.write("docs/old/b.md", "# Old");
    project.write("mastra.toml", block("source = { kind = 'folder', path = 'docs', pass_over = ['old'] }"));
    project.run(&["sync", "run", "it"]).ok();
    let read = records(&project);
    assert_eq!((&read["a.md"]["title"], read.as_object().unwrap().len()), (&json!("Tea"), 1));
    // The file is as it was: it is not even sent.
    assert_eq!(counts(&project.ran(&["it"], 0))["unchanged"], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_with_a_key_in_a_variable() {
    let web = Web::start().await.unwrap();
    web.answer("/crm", |request| match request.header("authorization") {
        Some("Bearer s3cret-token") => match request.query("after") {
            None => Reply::json(&json!({ "results": [{ "id": 1, "name": "Ada" }], "next": "two" })),
            Some(_) => Reply::json(&json!({ "results": [{ "id": 2, "name": "Bob" }] })),
        },
        _ => Reply::status(401),
    });
    let project = Project::new();
    let source = |web_options: &str| {
        block(&format!(
            "id_field = 'id'\n\n[sync.source]\nkind = 'http'\nurl = '{}'\nitems = 'results'\npagination = {{ kind = 'cursor', next = 'next', parameter = 'after' }}\nweb = {{ {web_options} }}",
            web.url("/crm")
        ))
    };
    // An address of this machine is refused unless it is allowed.
    project.write("mastra.toml", source("bearer_env = 'CRM_TOKEN', attempts = 1"));
    let mut refused = project.command(&["sync", "run", "it"]);
    let refused = crate::common::Ended::of(refused.env("CRM_TOKEN", "s3cret-token").output().unwrap());
    assert!(refused.code == 1 && refused.stderr.contains("address"), "{}: {}", refused.code, refused.stderr);
    assert!(web.requests().is_empty(), "it was not asked");

    project.write("mastra.toml", source("bearer_env = 'CRM_TOKEN', allow_private_addresses = true"));
    let missing = project.run(&["sync", "run", "it"]).exits(2);
    assert!(missing.stderr.contains("variable=CRM_TOKEN") && missing.stderr.contains("line=12"), "{}", missing.stderr);
    project.write(".env", "CRM_TOKEN=wrong\n");
    let forbidden = project.run(&["sync", "run", "it"]).exits(1);
    assert!(forbidden.stderr.contains("401"), "{}", forbidden.stderr);
    project.write(".env", "CRM_TOKEN=s3cret-token\n");
    let ended = project.run(&["sync", "run", "it", "--json", "-v"]).ok();
    assert_eq!(records(&project), json!({ "1": { "id": 1, "name": "Ada" }, "2": { "id": 2, "name": "Bob" } }));
    assert!(!format!("{}{}", ended.stdout, ended.stderr).contains("s3cret"));
    let listed = project.run(&["sync", "list", "--json"]).ok().stdout;
    assert!(!listed.contains("s3cret"), "{listed}");

    // A server that fails for long is the source's fault, and what is stored stays.
    web.route("/crm", [Reply::status(404)]);
    project.run(&["sync", "run", "it", "--restart"]).exits(3);
    assert_eq!(project.count("It"), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_site() {
    let web = Web::start().await.unwrap();
    web.page(
        "/guide/",
        "<title>Guide</title><main><h1>Guide</h1><p>Read <a href='/guide/tea'>tea</a> or <a href='/blog'>blog</a>.</main>",
    );
    web.page("/guide/tea", "<title>Tea</title><main><h1>Tea</h1><p>Leaves in water.</main>");
    web.page("/blog", "<title>Blog</title><main>Nothing.</main>");
    let project = Project::new();
    let source = format!(
        "[sync.source]\nkind = 'crawl'\nurl = '{}'\npath_regex = '^/guide/'\nchunk = 8190\ndelay_seconds = 0\nweb = {{ allow_private_addresses = true }}",
        web.url("/guide/")
    );
    project.write("mastra.toml", block(&source));
    project.run(&["sync", "run", "it"]).ok();
    let titles: Vec<Value> = project.state("It").iter().map(|record| record["data"]["title"].clone()).collect();
    assert_eq!(titles, ["Guide", "Tea"]);
    // A page says something else now: its chunks replace the earlier ones.
    web.page("/guide/tea", "<title>Tea</title><main><h1>Tea</h1><p>Leaves in hot water.</main>");
    let ran = project.ran(&["it"], 0);
    assert_eq!((&counts(&ran)["updated"], &counts(&ran)["deleted"]), (&json!(1), &json!(0)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database() {
    use sqlx::Connection as _;
    let project = Project::new();
    let path = project.path("crm.db");
    let mut crm = sqlx::SqliteConnection::connect(&format!("sqlite:{}?mode=rwc", path.display())).await.unwrap();
    let run = async |crm: &mut sqlx::SqliteConnection, sql: &'static str| {
        sqlx::raw_sql(sql).execute(&mut *crm).await.unwrap();
    };
    run(&mut crm, "CREATE TABLE contacts (id INTEGER PRIMARY KEY, name TEXT, changed INTEGER NOT NULL)").await;
    run(&mut crm, "INSERT INTO contacts VALUES (1, 'Ada', 10), (2, 'Bob', 20)").await;
    let source = "id_field = 'id'\nmap = { name = 'name' }\n\n[sync.source]\nkind = 'sql'\nurl = 'sqlite:crm.db'\nquery = 'SELECT * FROM contacts'\nhigh_water = 'changed'\noverlap = 5";
    project.write("mastra.toml", block(source).replace("full", "incremental"));
    project.run(&["sync", "run", "it"]).ok();
    assert_eq!(records(&project), json!({ "1": { "name": "Ada" }, "2": { "name": "Bob" } }));
    run(&mut crm, "UPDATE contacts SET name = 'Robert', changed = 30 WHERE id = 2").await;
    let ran = project.ran(&["it"], 0);
    assert_eq!((&counts(&ran)["updated"], &counts(&ran)["read"]), (&json!(1), &json!(1)), "only what has changed is read");
    assert_eq!(records(&project)["2"]["name"], "Robert");
    run(&mut crm, "DROP TABLE contacts").await;
    project.run(&["sync", "run", "it"]).exits(1);
}

#[test]
fn a_map_that_was_changed_is_a_reason_to_read_everything_again() {
    let project = Project::new();
    let described = |map: &str| block(&format!("id_field = 'id'\n{map}\nsource = {{ kind = 'jsonl', path = 'a.jsonl' }}"));
    project.write("a.jsonl", "{\"id\":1,\"a\":\"x\"}\n");
    for (map, expected) in [
        ("", json!({ "id": 1, "a": "x" })),
        ("map = { b = 'a' }", json!({ "b": "x" })),
        ("map = { c = 'a' }", json!({ "c": "x" })),
        ("", json!({ "id": 1, "a": "x" })),
    ] {
        for mode in ["incremental", "full"] {
            project.write("mastra.toml", described(map).replace("full", mode));
            project.run(&["sync", "run", "it"]).ok();
            assert_eq!(records(&project), json!({ "1": expected }), "{map} {mode}");
            let again = project.ran(&["it"], 0);
            assert_eq!(counts(&again)["updated"], 0, "{map} {mode}");
        }
    }
    // The same for documents, which are known by their content.
    let described = |map: &str| block(&format!("{map}\nsource = {{ kind = 'folder', path = 'docs' }}")).replace("It", "Docs");
    project.write("docs/a.md", "# Tea");
    project.write("mastra.toml", described(""));
    project.run(&["sync", "run", "it"]).ok();
    project.write("mastra.toml", described("map = { name = 'title' }"));
    project.run(&["sync", "run", "it"]).ok();
    assert_eq!(project.state("Docs")[0]["data"], json!({ "name": "Tea" }));
    assert_eq!(counts(&project.ran(&["it"], 0))["unchanged"], 1);
}
