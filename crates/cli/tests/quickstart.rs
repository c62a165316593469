//! `mastra quickstart`, as a new user runs it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test ends by panicking")]

mod common;

use common::Project;
use serde_json::{Value, json};

fn loaded<'a>(report: &'a Value, entity: &str) -> &'a Value {
    report["loaded"].as_array().unwrap().iter().find(|loaded| loaded["entity"] == entity).unwrap()
}

#[test]
fn it_loads_asks_and_changes_nothing_the_second_time() {
    for project in [Project::new(), Project::postgres()] {
        let first = project.json(&["quickstart"]);
        assert!(loaded(&first, "Articles")["created"].as_u64() >= Some(12));
        assert_eq!(loaded(&first, "Deals")["created"], 200);
        let items = first["query"]["items"].as_array().unwrap();
        let amounts: Vec<f64> = items.iter().map(|record| record["data"]["amount"].as_f64().unwrap()).collect();
        assert!(amounts.len() == 5 && amounts.is_sorted_by(|a, b| a >= b) && amounts[4] >= 20_000.0, "{amounts:?}");
        assert!(first["search"]["total"].as_u64() >= Some(2));
        assert!(first["query"]["seconds"].as_f64() > Some(0.0) && first["search"]["seconds"].as_f64() > Some(0.0));

        let second = project.json(&["quickstart"]);
        for entity in ["Articles", "Deals"] {
            let again = loaded(&second, entity);
            assert_eq!((&again["created"], &again["updated"]), (&json!(0), &json!(0)));
        }
        let shown = project.run(&["quickstart"]).ok().stdout;
        assert!(shown.contains("unchanged") && shown.contains("mastra records search"), "{shown}");
        // The commands that it shows do what they say.
        let search = project.json(&["records", "search", "crash*", "--entity", "Articles", "--limit", "3"]);
        assert_eq!(search["total"], first["search"]["total"]);
    }
}

#[test]
fn it_loads_a_folder_of_ones_own() {
    let project = Project::new();
    project.write("docs/a.md", "# The budget of May\n\nWe spent it on **coffee**.");
    project.write(
        "docs/deep/b.html",
        "<html><head><title>Budget review</title></head><body><p>Less coffee &amp; more tea</p></body></html>",
    );
    project.write("docs/c.txt", "A picnic\n\nwith tea");
    project.write("docs/d.json", r#"[{"title":"Garden","body":"roses"},{"title":"Library"}]"#);
    project.write("docs/picture.png", [0, 159, 146, 150]);
    let report = project.json(&["quickstart", "docs", "--search", "coffee"]);
    assert_eq!(loaded(&report, "Documents")["created"], 5);
    let hits: Vec<&str> =
        report["search"]["hits"].as_array().unwrap().iter().map(|hit| hit["record"]["externalId"].as_str().unwrap()).collect();
    assert_eq!((hits.len(), report["search"]["total"].as_u64()), (2, Some(2)));
    assert!(hits.contains(&"docs/a.md") && hits.contains(&"docs/deep/b.html"));
    project.write("docs/a.md", "# The budget of May\n\nWe spent it on tea.");
    let again = project.json(&["quickstart", "docs"]);
    let documents = loaded(&again, "Documents");
    assert_eq!((&documents["updated"], &documents["unchanged"]), (&json!(1), &json!(4)));
    assert!(again["search"]["total"].as_u64() >= Some(2), "a word of the titles: {}", again["search"]["command"]);
    project.run(&["quickstart", "absent"]).exits(3);
    project.write("none/x.png", "");
    project.run(&["quickstart", "none"]).exits(3);
}
