//! A sync's life: planned, run, looked at, refused, confirmed, mended, pruned.

use crate::common::Project;
use crate::rig::{BLOCK, counts};
use serde_json::{Value, json};

fn everything(project: Project) {
    let project =
        project.syncs("map = { name = 'profile.name', from = { value = 'crm' }, age = { path = 'age', required = true } }");
    project.contacts(0..40);
    let planned = project.json(&["sync", "plan", "contacts"]);
    assert_eq!(planned["plans"][0]["target"]["counts"]["created"], 40);
    assert_eq!(planned["plans"][0]["samples"][0]["after"], json!({ "name": "Name 0", "from": "crm", "age": 0 }));
    match project.engine() {
        None => assert!(!project.path(".mastra").exists(), "a plan makes no file"),
        Some(_) => assert_eq!(project.json(&["sync", "runs"])["items"], json!([]), "a plan is in no ledger"),
    }

    // Every step is a line; the last one holds the results.
    let ended = project.run(&["sync", "run", "contacts", "--json"]).ok();
    let lines: Vec<Value> = ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let types: Vec<&str> = lines.iter().map(|line| line["type"].as_str().unwrap()).collect();
    assert_eq!((types[0], types[types.len() - 2], types[types.len() - 1]), ("started", "finished", "result"), "{types:?}");
    assert!(types[1..types.len() - 2].iter().all(|kind| *kind == "page"), "{types:?}");
    let last = lines.last().unwrap();
    assert_eq!((&last["interrupted"], &last["syncs"][0]["error"]), (&json!(false), &Value::Null));
    assert_eq!((&counts(last)["created"], &counts(last)["read"]), (&json!(40), &json!(40)));
    assert_eq!(project.state("Contacts")[7]["data"], json!({ "name": "Name 7", "from": "crm", "age": 7 }));

    // Again: nothing is written.
    let before = project.state("Contacts");
    let again = project.ran(&["contacts"], 0);
    assert_eq!((&counts(&again)["created"], &counts(&again)["updated"]), (&json!(0), &json!(0)));
    assert_eq!(project.state("Contacts"), before);

    // A plan says what a run would do, and changes nothing.
    project.contacts((0..36).chain(50..52));
    let snapshot = project.snapshot();
    let shown = project.run(&["sync", "plan", "contacts"]).ok().stdout;
    assert!(shown.contains("2 new") && shown.contains("4 deleted"), "{shown}");
    assert!(shown.contains("  + c-00050\n      + age: 50\n") && shown.contains("  - c-00036\n      - age: 36\n"), "{shown}");
    assert_eq!(project.snapshot(), snapshot);
    let ran = project.ran(&["contacts"], 0);
    assert_eq!((&counts(&ran)["created"], &counts(&ran)["deleted"]), (&json!(2), &json!(4)));
    assert_eq!(project.count("Contacts"), 38);

    // The guard: most of it is gone.
    project.contacts(0..5);
    let planned = project.run(&["sync", "plan", "contacts"]).exits(4);
    assert!(planned.stdout.contains("the guard would refuse"), "{}", planned.stdout);
    let refused = project.run(&["sync", "run", "contacts"]).exits(4);
    assert!(refused.stderr.contains("nothing was deleted") && refused.stderr.contains("--confirm-deletes"), "{}", refused.stderr);
    assert_eq!(project.count("Contacts"), 38);
    let refused = project.ran(&["contacts"], 4);
    assert_eq!(refused["syncs"][0]["error"]["kind"], "refused");
    assert_eq!(counts(&project.ran(&["contacts", "--confirm-deletes"], 0))["deleted"], 33);
    assert_eq!(project.count("Contacts"), 5);

    // The ledger.
    let runs = project.json(&["sync", "runs", "contacts"]);
    let states: Vec<&str> = runs["items"].as_array().unwrap().iter().map(|run| run["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["succeeded", "failed", "failed", "succeeded", "succeeded", "succeeded"]);
    let failed = project.json(&["sync", "runs", "--state", "failed", "--limit", "1"]);
    assert_eq!((failed["items"].as_array().unwrap().len(), &failed["items"][0]["error"]["kind"]), (1, &json!("refused")));
    let next = failed["nextBefore"].as_i64().unwrap().to_string();
    let behind = project.json(&["sync", "runs", "--state", "failed", "--before", &next]);
    assert_eq!(behind["items"].as_array().unwrap().len(), 1);
    let run = project.json(&["sync", "show", "contacts"]);
    assert_eq!(run, runs["items"][0]);
    assert_eq!(project.json(&["sync", "show", run["id"].as_str().unwrap()]), run);
    assert_eq!(project.json(&["sync", "show", &run["number"].to_string()]), run);
    let shown = project.run(&["sync", "show", "contacts"]).ok().stdout;
    assert!(shown.contains("contacts succeeded") && shown.contains("full from jsonl into Contacts (SYSTEM)"), "{shown}");
    assert!(project.run(&["sync", "show", "nosuch"]).exits(3).stderr.contains("mastra sync runs"));
    project.run(&["sync", "watch", "contacts"]).ok();
    let of_refused = failed["items"][0]["id"].as_str().unwrap();
    project.run(&["sync", "watch", of_refused]).exits(4);

    let listed = project.json(&["sync", "list"]);
    let item = &listed["items"][0];
    assert_eq!(
        (&item["id"], &item["described"]["source"], &item["described"]["line"]),
        (&json!("contacts"), &json!("jsonl"), &json!(1))
    );
    assert_eq!((&item["targets"][0]["stakes"], &item["lastRun"]["state"]), (&json!(5), &json!("succeeded")));
    let shown = project.run(&["sync", "list"]).ok().stdout;
    assert!(shown.contains("jsonl contacts") && shown.contains("succeeded"), "{shown}");

    // Those that the file no longer describes are known still.
    project.write("mastra.toml", BLOCK.replace("\"contacts\"", "\"others\""));
    let listed = project.json(&["sync", "list"]);
    assert_eq!((&listed["items"][0]["lastRun"], &listed["items"][1]["described"]), (&Value::Null, &Value::Null));

    assert_eq!(project.json(&["sync", "prune", "--older-than", "30d", "--dry-run"])["runs"], 0);
    project.run(&["sync", "prune", "--older-than", "0s"]).exits(2);
    assert_eq!(project.json(&["sync", "prune", "--older-than", "0s", "--dry-run"])["runs"], 5);
    assert_eq!(project.json(&["sync", "prune", "--older-than", "0s", "--yes"])["runs"], 5);
    assert_eq!(project.json(&["sync", "runs"])["items"].as_array().unwrap().len(), 1, "the newest of each sync stays");
}

#[test]
fn everything_on_sqlite() {
    everything(Project::new());
}

#[test]
fn everything_on_postgres() {
    everything(Project::postgres());
}

fn set_aside_and_tried_again(project: Project) {
    let strict = "map = { name = { path = 'profile.name', required = true } }";
    let project = project.syncs(strict);
    project.write(
        "contacts.jsonl",
        "{\"id\":\"a\",\"profile\":{\"name\":\"Ada\"}}\n{\"id\":\"b\",\"phone\":\"555-secret\"}\n{\"id\":\"c\",\"phone\":\"556\"}\n",
    );
    assert_eq!(project.run(&["sync", "plan", "contacts"]).exits(6).code, 6);
    let ended = project.run(&["sync", "run", "contacts"]).exits(6);
    assert!(
        ended.stderr.contains("b: the item lacks") && ended.stderr.contains("mastra sync retry-failed contacts"),
        "{}",
        ended.stderr
    );
    assert!(!format!("{}{}", ended.stdout, ended.stderr).contains("555"), "no data is told");
    assert_eq!((project.count("Contacts"), project.json(&["sync", "show", "contacts"])["state"].clone()), (1, json!("partial")));

    let failed = project.run(&["sync", "failed", "contacts"]).ok().stdout;
    assert!(failed.contains(" b ") && failed.contains("1 ×") && !failed.contains("555"), "{failed}");
    assert!(project.run(&["sync", "failed", "contacts", "--data"]).ok().stdout.contains("555-secret"));
    let listed = project.json(&["sync", "failed", "contacts", "--limit", "1"]);
    assert_eq!((&listed["total"], listed["items"].as_array().unwrap().len()), (&json!(2), 1));
    assert_eq!(listed["items"][0]["raw"]["record"]["data"]["phone"], "555-secret");

    // Not mended yet: they fail once more.
    project.run(&["sync", "retry-failed", "contacts"]).exits(6);
    assert_eq!(project.json(&["sync", "failed", "contacts"])["items"][0]["attempts"], 2);
    // The map is mended, and the source is not asked.
    std::fs::remove_file(project.path("contacts.jsonl")).unwrap();
    project.write("mastra.toml", format!("{BLOCK}map = {{ name = {{ path = 'profile.name', default = '?' }} }}\n"));
    let ended = project.run(&["sync", "retry-failed", "contacts", "--json"]).ok();
    assert_eq!(counts(&crate::rig::result(&ended.stdout))["created"], 2);
    assert_eq!(project.state("Contacts")[1]["data"], json!({ "name": "?" }));
    assert_eq!(project.json(&["sync", "failed", "contacts"]), json!({ "items": [], "total": 0 }));
}

#[test]
fn set_aside_on_sqlite() {
    set_aside_and_tried_again(Project::new());
}

#[test]
fn set_aside_on_postgres() {
    set_aside_and_tried_again(Project::postgres());
}

#[test]
fn a_run_of_an_id_is_done_once() {
    let project = Project::new().syncs("");
    project.contacts(0..3);
    let first = project.ran(&["contacts", "--run-id", "night-1"], 0);
    assert_eq!(first["syncs"][0]["recorded"], false);
    project.contacts(0..9);
    let second = project.ran(&["contacts", "--run-id", "night-1"], 0);
    assert_eq!((&second["syncs"][0]["recorded"], counts(&second)), (&json!(true), counts(&first)));
    assert_eq!(project.count("Contacts"), 3);
    let told = project.run(&["sync", "run", "contacts", "--run-id", "night-1"]).ok().stdout;
    assert!(told.contains("was done before"), "{told}");
}

#[test]
fn one_that_fails_does_not_keep_the_others_from_running() {
    let project = Project::new();
    let other = BLOCK.replace("contacts\"", "others\"").replace("Contacts", "Others").replace("contacts.jsonl", "others.jsonl");
    project.write("mastra.toml", format!("{BLOCK}{other}"));
    project.write("others.jsonl", "{\"id\":1}\n");
    // The file of the first is not there.
    let ran = project.ran(&["--all"], 3);
    assert_eq!((&ran["syncs"][0]["error"]["kind"], &ran["syncs"][1]["run"]["state"]), (&json!("failed"), &json!("succeeded")));
    assert_eq!(project.count("Others"), 1);
    let told = project.run(&["sync", "run", "--all"]).exits(3);
    assert!(told.stderr.contains("contacts.jsonl") && told.stdout.contains("others"), "{} {}", told.stdout, told.stderr);
    project.contacts(0..1);
    project.run(&["sync", "run", "others", "contacts"]).ok();
}

#[test]
fn a_knowledge_base_that_follows_is_named() {
    let project = Project::new();
    let knowledge = "[[knowledge]]\nname = \"people\"\nentity = \"Contacts\"\nfields = [\"age\"]\n";
    project.write("mastra.toml", format!("{BLOCK}{knowledge}"));
    project.contacts(0..3);
    assert!(project.run(&["sync", "run", "contacts"]).ok().stdout.contains("mastra index people"));
    assert!(!project.run(&["sync", "run", "contacts"]).ok().stdout.contains("mastra index"), "nothing was changed");
    project.contacts(0..4);
    assert_eq!(project.ran(&["contacts"], 0)["syncs"][0]["knowledge"], json!(["people"]));
    project.run(&["index"]).ok();
}

#[test]
fn fields_are_merged_as_they_say() {
    let project = Project::new().syncs("merge = { age = 'keep_manual' }");
    project.contacts(0..2);
    project.run(&["sync", "run", "contacts"]).ok();
    project.write("edit.jsonl", "{\"externalId\":\"c-00001\",\"data\":{\"age\":\"forty\"}}\n");
    project.run(&["records", "import", "edit.jsonl", "--entity", "Contacts", "--connection", "SYSTEM"]).ok();
    project.write("contacts.jsonl", "{\"id\":\"c-00000\",\"age\":10}\n{\"id\":\"c-00001\",\"age\":11}\n");
    project.run(&["sync", "run", "contacts"]).ok();
    let records = project.state("Contacts");
    assert_eq!((&records[0]["data"]["age"], &records[1]["data"]["age"]), (&json!(10), &json!("forty")));
}
