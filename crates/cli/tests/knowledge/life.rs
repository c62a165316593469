//! The whole life of a knowledge base, on SQLite and on Postgres.

use crate::common::Project;
use crate::rig::ARTICLES;
use serde_json::{Value, json};

#[test]
fn on_sqlite() {
    whole_life(&Project::new().describes(""));
}

#[test]
fn on_postgres() {
    let project = Project::postgres().describes("");
    project.load(ARTICLES);
    let refused = project.run(&["index"]).exits(1);
    assert!(refused.stderr.contains("mastra vectors migrate"), "{}", refused.stderr);
    project.run(&["vectors", "migrate"]).ok();
    whole_life(&project);
}

fn whole_life(project: &Project) {
    project.load(ARTICLES);
    let missing = project.run(&["search", "tea"]).exits(3);
    assert!(missing.stderr.contains("not indexed yet") && missing.stderr.contains("mastra index articles"), "{}", missing.stderr);

    let report = project.json(&["index"]);
    let done = &report["knowledge"][0];
    assert_eq!((&report["interrupted"], &report["failed"]), (&json!(false), &json!([])));
    let counts = |done: &Value| {
        ["records", "deleted", "chunks", "embedded", "reused", "setAside", "waiting"].map(|key| done[key].as_u64().unwrap())
    };
    assert_eq!(counts(done), [3, 0, 3, 3, 0, 0, 0], "{report}");
    assert_eq!((&done["state"], &done["knowledge"], &done["lexical"]), (&json!("complete"), &json!("articles"), &json!(true)));
    assert_eq!(done["transactional"], json!(true), "one database, one transaction");
    assert_eq!(counts(&project.json(&["index", "articles"])["knowledge"][0]), [0; 7], "an unchanged run embeds nothing");

    assert_eq!(project.found(&["how is green tea steeped?"])[0], "tea");
    assert_eq!(project.found(&["Fahrrad", "--filter", r#"{"lang": "en"}"#, "--mode", "text"]), Vec::<String>::new());

    // What changes is not shown as it was, and told until it is indexed.
    project.load(ARTICLES.replace("75 degrees", "80 degrees").lines().take(2).fold(String::new(), |all, line| all + line + "\n"));
    let answer = project.json(&["search", "75 degrees", "--mode", "text"]);
    assert_eq!((&answer["waiting"], &answer["passages"]), (&json!(1), &json!([])), "{answer}");
    let told = project.run(&["search", "green tea"]).ok();
    assert!(told.stderr.contains("1 change not indexed yet"), "{}", told.stderr);
    let behind = project.run(&["verify"]).exits(1);
    assert!(behind.stdout.contains("1 stale") && behind.stderr.contains("mastra index articles"), "{behind:?}");
    project.run(&["records", "delete", "--entity", "Articles", "--external-id", "fahrrad", "--yes"]).ok();
    assert_eq!(counts(&project.json(&["index"])["knowledge"][0]), [1, 1, 1, 1, 0, 0, 0]);
    assert_eq!(project.found(&["80 degrees", "--mode", "text"]), ["tea"]);
    let verified = project.json(&["verify"]);
    assert_eq!((&verified["clean"], &verified["knowledge"][0]["points"]), (&json!(true), &json!(2)), "{verified}");

    another_recipe(project);
    lost_points(project);
    listed_and_deleted(project);
}

fn another_recipe(project: &Project) {
    let before = project.read("mastra.toml");
    project.write("mastra.toml", format!("{before}chunker = {{ max_size = 30, overlap = 0 }}\n"));
    for command in [["index", "articles"], ["search", "tea"], ["verify", "articles"]] {
        let refused = project.run(&command).exits(1);
        assert!(refused.stderr.contains("mastra reindex articles"), "{}", refused.stderr);
    }
    let plan = project.json(&["reindex", "--dry-run"]);
    assert_eq!((&plan["records"], &plan["resumes"], &plan["from"]["number"]), (&json!(2), &json!(false), &json!(1)), "{plan}");
    let refused = project.run(&["reindex"]).exits(2);
    assert!(refused.stdout.contains(&format!("{} texts", plan["texts"])) && refused.stderr.contains("--yes"), "{refused:?}");
    let report = project.json(&["reindex", "articles", "--yes"]);
    assert_eq!((&report["index"]["chunks"], &report["version"]["number"]), (&plan["texts"], &json!(2)), "{report}");
    assert_eq!(project.found(&["minutes", "--mode", "text"]), ["tea"]);
    project.run(&["verify"]).ok();
    assert_eq!(project.json(&["reindex", "--yes"])["needed"], json!(false));
}

fn lost_points(project: &Project) {
    project.run(&["vectors", "delete", "kb-articles-2", "--filter", r#"{"externalId": "tea"}"#, "--yes"]).ok();
    let found = project.run(&["verify", "--json"]).exits(1).json();
    assert_eq!((&found["clean"], &found["knowledge"][0]["missing"]), (&json!(false), &json!(1)), "{found}");
    let mended = project.json(&["verify", "articles", "--repair"]);
    let one = &mended["knowledge"][0];
    assert_eq!((&one["missing"], &one["queued"], &one["after"]["missing"]), (&json!(1), &json!(1), &json!(0)), "{mended}");
    assert_eq!(one["repaired"]["records"], json!(1), "{mended}");
    project.run(&["verify"]).ok();
}

fn listed_and_deleted(project: &Project) {
    let item = &project.json(&["knowledge", "list"])["items"][0];
    assert_eq!(
        (&item["name"], &item["active"]["number"], &item["lag"]["waiting"]),
        (&json!("articles"), &json!(2), &json!(0)),
        "{item}"
    );
    let shown = project.json(&["knowledge", "show", "articles"]);
    assert_eq!((&shown["state"], &shown["active"]["model"]), (&json!("up to date"), &json!("hash/384")), "{shown}");
    project.run(&["knowledge", "show", "nobody"]).exits(3);

    let before = project.json(&["knowledge", "delete", "articles", "--dry-run"]);
    assert_eq!(before["dryRun"], json!(true));
    project.run(&["knowledge", "delete", "articles"]).exits(2);
    assert_eq!(project.found(&["green tea", "--top-k", "1"]), ["tea"], "nothing was deleted so far");
    project.json(&["knowledge", "delete", "articles", "--yes"]);
    project.run(&["search", "tea"]).exits(3);
    assert_eq!(project.json(&["vectors", "list"])["items"], json!([]), "its index goes");
    assert_eq!(project.count("Articles"), 2, "the records stay");
    assert_eq!(project.json(&["knowledge", "list"])["items"][0]["active"], Value::Null);
    project.run(&["knowledge", "delete", "articles", "--yes"]).exits(3);
    assert_eq!(project.json(&["index"])["knowledge"][0]["records"], json!(2), "and it can be made again");
}

#[test]
fn several_are_indexed_and_one_that_fails_keeps_nobody_up() {
    let project = Project::new().describes("");
    project.load(ARTICLES);
    let block = project.read("mastra.toml");
    let other = block.replace("\"articles\"", "\"other\"").replace("\"Articles\"", "\"Absent\"");
    let third = block.replace("\"articles\"", "\"titles\"").replace("[\"title\", \"body\"]", "[\"title\"]");
    project.write("mastra.toml", format!("{block}{other}{third}"));
    let ended = project.run(&["index", "--json"]).exits(3);
    let report: Value = serde_json::from_str(&ended.stdout).unwrap();
    let names: Vec<&str> =
        report["knowledge"].as_array().unwrap().iter().map(|done| done["knowledge"].as_str().unwrap()).collect();
    assert_eq!(names, ["articles", "titles"]);
    assert_eq!((&report["failed"][0]["knowledge"], &report["failed"][0]["kind"]), (&json!("other"), &json!("not_found")));
    assert!(ended.failure()["context"]["hint"].as_str().unwrap().contains("mastra records import FILE --entity Absent"));
    let unclear = project.run(&["search", "tea"]).exits(2);
    assert!(unclear.stderr.contains("articles, other, titles"), "{}", unclear.stderr);
    assert_eq!(project.found(&["Refunds", "--knowledge", "titles", "--top-k", "1"]), ["refund"]);
    let near = project.run(&["index", "title"]).exits(3);
    assert!(near.stderr.contains("did you mean titles?"), "{}", near.stderr);
}

#[test]
fn another_store_or_entity_is_never_answered_from() {
    let project = Project::new().describes("");
    project.load(ARTICLES);
    project.run(&["index"]).ok();
    let block = project.read("mastra.toml");
    // Points in another store than the records: what was indexed elsewhere is indexed here.
    project.write("mastra.toml", format!("{block}vectors = \"sqlite:vectors.db\"\n"));
    project.run(&["search", "tea"]).exits(3);
    let done = &project.json(&["index"])["knowledge"][0];
    assert_eq!((&done["records"], &done["transactional"]), (&json!(3), &json!(false)));
    project.run(&["verify"]).ok();
    // Named by a variable.
    project.write("mastra.toml", format!("{block}vectors_env = \"STORE_OF_VECTORS\"\n"));
    let unset = project.run(&["search", "tea"]).exits(2);
    assert!(unset.stderr.contains("STORE_OF_VECTORS"), "{}", unset.stderr);
    project.write(".env", "STORE_OF_VECTORS=sqlite:vectors.db\n");
    assert_eq!(project.found(&["green tea", "--top-k", "1"]), ["tea"]);

    project.write("mastra.toml", block.replace("\"Articles\"", "\"Others\""));
    project.run(&["records", "import", "articles.jsonl", "--entity", "Others", "--id-field", "id"]).ok();
    for command in [["index", "articles"], ["search", "tea"]] {
        let refused = project.run(&command).exits(4);
        assert!(refused.stderr.contains("mastra knowledge delete articles"), "{}", refused.stderr);
    }
}

#[test]
fn an_entity_that_is_deleted_and_loaded_again_is_followed_again() {
    let project = Project::new().describes("");
    project.load(ARTICLES);
    project.run(&["index"]).ok();
    project.run(&["entities", "delete", "Articles", "--yes"]).ok();
    for command in [["index", "articles"], ["search", "tea"]] {
        let absent = project.run(&command).exits(3);
        assert!(absent.stderr.contains("mastra records import"), "{}", absent.stderr);
    }
    project.load(ARTICLES.lines().next().unwrap());
    let unindexed = project.run(&["search", "tea"]).exits(3);
    assert!(unindexed.stderr.contains("mastra index articles"), "{}", unindexed.stderr);
    assert_eq!(project.json(&["index"])["knowledge"][0]["records"], json!(1));
    assert_eq!(project.found(&["green tea customer Fahrrad", "--top-k", "9"]), ["tea"], "nothing is left of the old ones");
    project.run(&["verify"]).ok();
}
