//! `mastra quickstart`, as a new user runs it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test ends by panicking")]

mod common;

use common::Project;
use serde_json::{Value, json};

fn loaded<'a>(report: &'a Value, entity: &str) -> &'a Value {
    report["loaded"].as_array().unwrap().iter().find(|loaded| loaded["entity"] == entity).unwrap()
}

/// The files that answer the question of that number.
fn cited(report: &Value, question: usize) -> Vec<&str> {
    let passages = report["answers"][question]["passages"].as_array().unwrap();
    passages.iter().map(|passage| passage["externalId"].as_str().unwrap()).collect()
}

/// A project on each engine, with what its vectors need.
fn projects() -> [Project; 2] {
    let postgres = Project::postgres();
    postgres.run(&["vectors", "migrate"]).ok();
    [Project::new(), postgres]
}

/// Documents of every kind.
fn documents(project: &Project) {
    project
        .write("docs/a.md", "# The budget of May\n\nWe spent it on **coffee**.\n\n## Savings\n\nNothing was saved on umbrellas.");
    project.write(
        "docs/deep/b.html",
        "<html><head><title>Budget review</title></head><body><p>Less coffee &amp; more tea</p></body></html>",
    );
    project.write("docs/c.txt", "A picnic\n\nwith sandwiches");
    project.write("docs/d.json", r#"[{"title":"Garden","body":"roses"},{"title":"Library","body":"shelves"}]"#);
    project.write("docs/picture.png", [0, 159, 146, 150]);
}

#[test]
fn it_loads_asks_and_changes_nothing_the_second_time() {
    for project in projects() {
        let first = project.json(&["quickstart"]);
        assert!(loaded(&first, "Articles")["created"].as_u64() >= Some(12));
        assert_eq!(loaded(&first, "Deals")["created"], 200);
        let items = first["query"]["items"].as_array().unwrap();
        let amounts: Vec<f64> = items.iter().map(|record| record["data"]["amount"].as_f64().unwrap()).collect();
        assert!(amounts.len() == 5 && amounts.is_sorted_by(|a, b| a >= b) && amounts[4] >= 20_000.0, "{amounts:?}");
        assert!(cited(&first, 0).contains(&"write-ahead-logging.md"), "{:?}", cited(&first, 0));
        assert!(first["index"]["embedded"].as_u64() >= Some(12));

        let second = project.json(&["quickstart"]);
        for entity in ["Articles", "Deals"] {
            let again = loaded(&second, entity);
            assert_eq!((&again["created"], &again["updated"]), (&json!(0), &json!(0)));
        }
        assert_eq!((&second["index"]["records"], &second["index"]["embedded"]), (&json!(0), &json!(0)));
        assert_eq!(cited(&second, 0), cited(&first, 0));
        let shown = project.run(&["quickstart"]).ok().stdout;
        assert!(shown.contains("unchanged") && shown.contains("mastra search"), "{shown}");
        // The commands that it shows do what they say.
        let query = project.json(&["records", "query", "--entity", "Deals", "--sort", "-amount", "--limit", "5"]);
        assert_eq!(query["items"].as_array().unwrap().len(), 5);
    }
}

#[test]
fn a_folder_is_asked_and_stays_true_as_its_files_change() {
    for project in projects() {
        documents(&project);
        let first = project.json(&["quickstart", "docs", "--ask", "what was the coffee budget?", "--ask", "roses"]);
        let created = loaded(&first, "docs");
        assert_eq!((&created["created"], &created["connectionId"]), (&json!(5), &json!("quickstart:docs")));
        assert_eq!(first["leftOut"], json!({ "other": { "count": 1, "examples": ["picture.png"] } }));
        let mut coffee = cited(&first, 0)[..2].to_vec();
        coffee.sort_unstable();
        assert_eq!(coffee, ["a.md", "deep/b.html"]);
        assert_eq!(cited(&first, 1)[0], "d.json#0");
        assert_eq!(first["answers"][1]["passages"][0]["title"], "Garden");

        // Nothing changed: nothing is written, and nothing is embedded.
        let state = project.state("docs");
        let second = project.json(&["quickstart", "./docs/", "--ask", "coffee"]);
        let unchanged = loaded(&second, "docs");
        assert_eq!((&unchanged["unchanged"], &unchanged["updated"], &unchanged["removed"]), (&json!(5), &json!(0), &json!(0)));
        assert_eq!((&second["index"]["records"], &second["index"]["embedded"]), (&json!(0), &json!(0)));
        assert_eq!(project.state("docs"), state);

        // One changed, one gone, a list shorter: none of them answers as it was.
        project.write("docs/a.md", "# The budget of May\n\nWe spent it on cocoa.");
        std::fs::remove_file(project.path("docs/deep/b.html")).unwrap();
        project.write("docs/d.json", r#"[{"title":"Garden","body":"tulips"}]"#);
        let third = project.json(&["quickstart", "docs", "--ask", "coffee", "--ask", "cocoa", "--ask", "shelves roses"]);
        let changed = loaded(&third, "docs");
        assert_eq!((&changed["updated"], &changed["unchanged"], &changed["removed"]), (&json!(2), &json!(1), &json!(2)));
        assert!(!third["answers"].to_string().contains("offee &") && !cited(&third, 0).contains(&"deep/b.html"));
        assert_eq!(cited(&third, 1)[0], "a.md");
        assert!(!cited(&third, 2).contains(&"d.json#1") && !third["answers"][2]["passages"].to_string().contains("roses"));
    }
}

#[test]
fn later_commands_know_what_was_loaded() {
    for project in projects() {
        documents(&project);
        assert_eq!(project.json(&["quickstart", "docs"])["config"], "created");
        let found = project.json(&["search", "umbrellas"]);
        assert_eq!(found["passages"][0]["externalId"], "a.md");
        assert_eq!(found["passages"][0]["headings"], json!(["The budget of May"]));
        let filtered = project.json(&["search", "coffee", "--filter", r#"{"kind": "html"}"#]);
        assert_eq!(filtered["passages"].as_array().unwrap().len(), 1);
        project.run(&["verify"]).ok();
        project.run(&["index"]).ok();
        assert_eq!(project.json(&["quickstart", "docs"])["config"], "described");
        // A second folder of the same name is another entity and another knowledge base.
        project.write("other/docs/x.md", "# Elsewhere\n\nPenguins live here.");
        let second = project.json(&["quickstart", "other/docs", "--ask", "penguins"]);
        assert_eq!((&second["config"], &second["index"]["knowledge"]), (&json!("added"), &json!("docs-2")));
        assert_eq!(cited(&second, 0), ["x.md"]);
        assert_eq!(project.json(&["search", "penguins", "--knowledge", "docs-2"])["passages"][0]["externalId"], "x.md");
        assert_eq!(project.json(&["quickstart", "docs", "--ask", "penguins"])["index"]["knowledge"], "docs");
    }
}

#[test]
fn a_configuration_of_ones_own_is_left_alone() {
    let project = Project::new();
    documents(&project);
    let mine = "# mine\n[engine]\nschema = \"app\"\n";
    project.write("mastra.toml", mine);
    let shown = project.run(&["quickstart", "docs", "--ask", "roses"]).ok().stdout;
    assert_eq!(project.read("mastra.toml"), mine);
    // What it says to add is what later commands need.
    let block: String = shown
        .split_inclusive('\n')
        .skip_while(|line| !line.starts_with("[[knowledge]]"))
        .take_while(|line| !line.trim().is_empty())
        .collect();
    project.write("mastra.toml", format!("{mine}\n{block}"));
    assert_eq!(project.json(&["search", "roses"])["passages"][0]["externalId"], "d.json#0");
    assert_eq!(project.json(&["quickstart", "docs"])["config"], "described");
    project.run(&["quickstart", "docs", "--embedder", "hash/64"]).exits(2);

    let project = Project::new();
    documents(&project);
    assert_eq!(project.json(&["quickstart", "docs", "--no-config", "--ask", "roses"])["config"], "off");
    assert!(!project.path("mastra.toml").exists());
    // The same again, without a description of it: it is found by its name. Another model is refused with what to do.
    assert_eq!(project.json(&["quickstart", "docs", "--no-config"])["index"]["embedded"], 0);
    let other = project.run(&["quickstart", "docs", "--no-config", "--embedder", "hash/64"]);
    assert!(other.stderr.contains("mastra knowledge delete docs"), "{}", other.stderr);
    other.exits(1);
}

#[test]
fn paths_that_hold_nothing_are_refused_and_change_nothing() {
    let project = Project::new();
    project.run(&["quickstart", "absent"]).exits(3);
    project.write("none/x.png", "");
    let nothing = project.run(&["quickstart", "none"]).exits(3);
    assert!(nothing.stderr.contains("1 of another kind"), "{}", nothing.stderr);
    std::fs::create_dir(project.path("empty")).unwrap();
    project.run(&["quickstart", "empty"]).exits(3);
    project.write("docs/a.md", "# A");
    project.run(&["quickstart", "docs", "--embedder", "nonsense/x"]).exits(2);
    project.run(&["quickstart", "docs", "--ask", ""]).exits(2);
    let mut keyless = project.command(&["quickstart", "docs", "--embedder", "openai/x"]);
    let keyless = keyless.env_remove("OPENAI_API_KEY").env_remove("OPENAI_BASE_URL").output().unwrap();
    assert_eq!(keyless.status.code(), Some(2));
    assert!(String::from_utf8(keyless.stderr).unwrap().contains("OPENAI_API_KEY"));
    assert!(!project.path(".mastra").exists() && !project.path("mastra.toml").exists());
}

#[test]
fn most_of_a_folder_does_not_go_unasked() {
    let project = Project::new();
    for n in 0..15 {
        project.write(&format!("docs/{n}.md"), format!("# Number {n}\n\nIt speaks of topic{n}."));
    }
    project.json(&["quickstart", "docs"]);
    for n in 1..15 {
        std::fs::remove_file(project.path(&format!("docs/{n}.md"))).unwrap();
    }
    let refused = project.run(&["quickstart", "docs"]).exits(4);
    assert!(refused.stderr.contains("--yes"), "{}", refused.stderr);
    assert_eq!(project.count("docs"), 15);
    let report = project.json(&["quickstart", "docs", "--yes", "--ask", "topic7"]);
    assert_eq!(loaded(&report, "docs")["removed"], 14);
    assert_eq!(cited(&report, 0), ["0.md"]);
    // Nothing at all is no folder of documents: its records stay.
    std::fs::remove_file(project.path("docs/0.md")).unwrap();
    project.run(&["quickstart", "docs", "--yes"]).exits(3);
    assert_eq!(project.count("docs"), 1);
}

#[test]
fn what_cannot_be_read_is_told_and_the_rest_is_loaded() {
    let project = Project::new();
    project.write("docs/good.md", "# Good\n\nwords");
    project.write("docs/latin.txt", b"caf\xe9");
    project.write("docs/binary.txt", b"a\0b");
    project.write("docs/broken.json", "{");
    project.write("docs/blank.md", "\n");
    project.write("docs/large.txt", "");
    // Its length alone takes no room on the disk.
    std::fs::File::options().write(true).open(project.path("docs/large.txt")).unwrap().set_len(200 << 20).unwrap();
    let report = project.json(&["quickstart", "docs", "--ask", "words"]);
    assert_eq!(loaded(&report, "docs")["created"], 1);
    let reasons: Vec<&str> = report["leftOut"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(reasons, ["binary", "blank", "large", "malformed", "notUtf8"]);
    let told = project.run(&["quickstart", "docs"]).ok().stdout;
    assert!(told.contains("1 larger than 4 MiB (large.txt); 1 not UTF-8 (latin.txt)"), "{told}");
    // A text that was known and is not one any more does not answer any more.
    project.write("docs/other.md", "# Other");
    project.write("docs/good.md", b"\xff");
    let report = project.json(&["quickstart", "docs", "--ask", "words"]);
    assert_eq!(loaded(&report, "docs")["removed"], 1);
    assert_eq!(cited(&report, 0), ["other.md"]);
}

#[test]
fn answers_are_shown_with_their_place() {
    let project = Project::new();
    documents(&project);
    let shown = project.run(&["quickstart", "docs", "--ask", "Was anything saved on umbrellas?"]).ok().stdout;
    let lines: Vec<&str> = shown.lines().skip_while(|line| !line.starts_with(" 1  ")).collect();
    assert!(lines[0].ends_with("The budget of May  a.md") && lines[1].contains("[docs/a.md:0-"), "{shown}");
    assert_eq!(lines[2..5], ["    We spent it on coffee.", "    Savings", "    Nothing was saved on umbrellas."], "{shown}");
    assert!(shown.contains("hash/384 compares words, not meanings") && !shown.contains("Next"), "{shown}");
    // Without a question and without a terminal it says what to do next.
    let next = project.run(&["quickstart", "docs"]).ok().stdout;
    assert!(next.contains("mastra search 'your question'") && !next.contains(" 1  "), "{next}");
}

#[test]
fn several_at_once_make_one_knowledge_base() {
    let project = Project::new();
    documents(&project);
    let mut children: Vec<_> = (0..3).map(|_| project.spawn(&["quickstart", "docs", "--ask", "coffee"])).collect();
    assert!(children.iter_mut().all(|child| child.wait().unwrap().success()));
    assert_eq!(project.read("mastra.toml").matches("[[knowledge]]").count(), 1);
    assert_eq!(project.count("docs"), 5);
    project.run(&["verify"]).ok();
}

#[test]
fn one_file_is_enough() {
    let project = Project::new();
    documents(&project);
    let report = project.json(&["quickstart", "docs/a.md", "--ask", "umbrellas"]);
    assert_eq!((&loaded(&report, "a")["created"], cited(&report, 0)), (&json!(1), vec!["a.md"; cited(&report, 0).len()]));
    project.write("NOTES", "Notes without an ending\n\nabout lighthouses");
    let report = project.json(&["quickstart", "NOTES", "--ask", "lighthouses"]);
    assert_eq!(cited(&report, 0), ["NOTES"]);
}

#[test]
fn ten_thousand_files_are_loaded_and_found() {
    let project = Project::new();
    for n in 0..10_000 {
        project.write(&format!("docs/{}/{n}.txt", n % 100), format!("Note {n}\n\nIt mentions marker{n} once."));
    }
    let report = project.json(&["quickstart", "docs", "--ask", "marker7777"]);
    assert_eq!((&loaded(&report, "docs")["created"], cited(&report, 0)[0]), (&json!(10_000), "77/7777.txt"));
    let again = project.json(&["quickstart", "docs"]);
    assert_eq!((&loaded(&again, "docs")["unchanged"], &again["index"]["embedded"]), (&json!(10_000), &json!(0)));
}

#[test]
fn the_sync_that_it_describes_goes_on_from_there() {
    for project in projects() {
        documents(&project);
        let shown = project.run(&["quickstart", "docs"]).ok().stdout;
        assert!(shown.contains("the knowledge base docs and the sync docs") && shown.contains("mastra sync run docs"), "{shown}");
        let config: toml::Value = toml::from_str(&project.read("mastra.toml")).unwrap();
        let source = &config["sync"][0]["source"];
        assert_eq!((source["kind"].as_str(), source["path"].as_str()), (Some("documents"), Some("docs")));

        // Nothing changed: nothing is written.
        let state = project.state("docs");
        let ran = |arguments: &[&str]| {
            let ended = project.run(&[&["sync", "run", "docs", "--json"], arguments].concat()).ok().stdout;
            let last: Value = serde_json::from_str(ended.lines().last().unwrap()).unwrap();
            last["syncs"][0].clone()
        };
        let same = ran(&[]);
        assert_eq!((&same["run"]["targets"][0]["counts"]["unchanged"], &same["knowledge"]), (&json!(5), &json!([])));
        assert_eq!(project.state("docs"), state);

        project.write("docs/a.md", "# The budget of May\n\nWe spent it on cocoa.");
        std::fs::remove_file(project.path("docs/deep/b.html")).unwrap();
        project.write("docs/d.json", r#"[{"title":"Garden","body":"tulips"}]"#);
        let changed = ran(&[]);
        let counts = &changed["run"]["targets"][0]["counts"];
        assert_eq!((&counts["updated"], &counts["unchanged"], &counts["deleted"]), (&json!(2), &json!(1), &json!(2)));
        assert_eq!(changed["knowledge"], json!(["docs"]));
        project.run(&["index"]).ok();
        assert_eq!(project.json(&["search", "cocoa"])["passages"][0]["externalId"], "a.md");
        // And back: what the sync did, quickstart need not do.
        let report = project.json(&["quickstart", "docs", "--ask", "cocoa"]);
        assert_eq!((&loaded(&report, "docs")["unchanged"], &report["index"]["embedded"]), (&json!(3), &json!(0)));
        assert_eq!(project.read("mastra.toml").matches("[[sync]]").count(), 1);
        // A folder that is not there is no reason to delete what was in it.
        std::fs::remove_dir_all(project.path("docs")).unwrap();
        project.run(&["sync", "run", "docs"]).exits(3);
        assert_eq!(project.count("docs"), 3);
    }
}

#[test]
fn what_was_loaded_before_there_were_syncs_is_taken_over() {
    for project in projects() {
        documents(&project);
        project.json(&["quickstart", "docs"]);
        let toml = project.read("mastra.toml");
        let (knowledge, _) = toml.split_once("[[sync]]").unwrap();
        // As an earlier program left it: records that no sync wrote, one of them of a file that has gone since, and no sync in the file.
        let exported = project.run(&["records", "export", "--entity", "docs"]).ok().stdout;
        project.run(&["entities", "delete", "docs", "--yes"]).ok();
        project.run(&["knowledge", "delete", "docs", "--yes"]).ok();
        let gone =
            r#"{"externalId":"gone.md","data":{"title":"Gone","path":"gone.md","kind":"markdown","text":"umbrellas are gone"}}"#;
        let mine = r#"{"externalId":"mine","data":{"title":"Mine","text":"a record of my own"}}"#;
        project.write("old.jsonl", format!("{exported}{gone}\n{mine}\n"));
        project.run(&["records", "import", "old.jsonl", "--entity", "docs", "--connection", "quickstart:docs"]).ok();
        project.write("mastra.toml", knowledge.trim_end());

        let report = project.json(&["quickstart", "docs", "--ask", "umbrellas"]);
        let taken = loaded(&report, "docs");
        assert_eq!((&taken["created"], &taken["removed"], &report["config"]), (&json!(5), &json!(1), &json!("added")));
        assert_eq!(cited(&report, 0)[0], "a.md");
        assert_eq!(project.read("mastra.toml").matches("[[sync]]").count(), 1);
        let ids: Vec<String> =
            project.state("docs").iter().map(|record| record["externalId"].as_str().unwrap().to_owned()).collect();
        assert_eq!(ids, ["a.md", "c.txt", "d.json#0", "d.json#1", "deep/b.html", "mine"]);
        // From now on they are the sync's.
        std::fs::remove_file(project.path("docs/c.txt")).unwrap();
        project.run(&["sync", "run", "docs"]).ok();
        assert_eq!(project.count("docs"), 5);
    }
}
