//! What a search shows.

use crate::common::Project;
use crate::rig::ARTICLES;
use serde_json::json;

fn indexed(more: &str) -> Project {
    let project = Project::new().describes(more);
    project.load(ARTICLES);
    project.run(&["index"]).ok();
    project
}

#[test]
fn an_answer_for_people() {
    let project = indexed("");
    let shown = project.run(&["search", "when", "may", "customers", "cancel?"]).ok();
    let lines: Vec<&str> = shown.stdout.lines().collect();
    assert!(lines[0].starts_with(" 1  ") && lines[0].ends_with("Refunds  refund"), "{}", shown.stdout);
    assert!(lines[1].trim_start().starts_with("[articles/refund:0-"), "{}", shown.stdout);
    assert!(lines[2].contains("cancel an order"), "{}", shown.stdout);
    assert!(shown.stdout.contains("passages of articles by hybrid in "), "{}", shown.stdout);
    assert!(shown.stderr.contains("hash/384 compares words, not meanings"), "{}", shown.stderr);
    assert!(!shown.stdout.contains('\u{1b}'), "no colours where there is no terminal");
    let marked = project.command(&["search", "cancel"]).env("CLICOLOR_FORCE", "1").output().unwrap();
    assert!(String::from_utf8(marked.stdout).unwrap().contains("\u{1b}[1;33mcancel\u{1b}[0m"), "words are marked");
    let none = project.run(&["search", "zyzzyva", "--mode", "text"]).ok();
    assert!(none.stdout.starts_with("0 passages of articles by text"), "{}", none.stdout);
    assert!(!none.stderr.contains("compares words"), "of a search by words there is nothing to say: {}", none.stderr);
}

#[test]
fn an_answer_as_json() {
    let project = indexed("");
    let answer = project.json(&["search", "green tea steeped", "--top-k", "2"]);
    let first = &answer["passages"][0];
    let text = "Green tea\n\nGreen tea is steeped at 75 degrees for two minutes.";
    assert_eq!(first["citation"], json!(format!("articles/tea:0-{}", text.len())));
    assert_eq!((&first["rank"], &first["title"], &first["text"]), (&json!(1), &json!("Green tea"), &json!(text)));
    assert_eq!((&first["span"], &first["order"]), (&json!({ "start": 0, "end": text.len() }), &json!(0)));
    assert!(first["scores"]["vector"].as_f64().unwrap() > 0.3 && first["score"].as_f64().unwrap() > 0.0, "{first}");
    let marked: Vec<&str> = first["snippet"]["highlights"]
        .as_array()
        .unwrap()
        .iter()
        .map(|range| {
            &first["snippet"]["text"].as_str().unwrap()
                [range["start"].as_u64().unwrap() as usize..range["end"].as_u64().unwrap() as usize]
        })
        .collect();
    assert!(marked.contains(&"steeped"), "{first}");
    assert_eq!((&answer["mode"], &answer["model"], &answer["lexical"]), (&json!("hybrid"), &json!("hash/384"), &json!(true)));
    assert_eq!((&answer["waiting"], &answer["knowledge"]), (&json!(0), &json!("articles")));
    assert!(answer.get("steps").is_none());
    let explained = project.json(&["search", "green tea", "--explain"]);
    assert!(explained["steps"].as_array().unwrap().len() >= 4, "{explained}");
    let shown = project.run(&["search", "green tea", "--explain"]).ok().stdout;
    assert!(shown.contains("how it was found") && shown.contains("vector 0."), "{shown}");
}

#[test]
fn what_is_asked_for_bounds_the_answer() {
    let project = indexed("search = { top_k = 1, mode = \"text\" }\ntitle_field = \"lang\"");
    let answer = project.json(&["search", "tea customer Fahrrad"]);
    assert_eq!(answer["mode"], json!("text"), "the file's defaults");
    let hybrid = project.json(&["search", "tea customer Fahrrad", "--mode", "hybrid"]);
    assert_eq!(hybrid["passages"].as_array().unwrap().len(), 1, "the file's top_k");
    let all = project.json(&["search", "tea customer Fahrrad", "--mode", "vector", "--top-k", "9", "--min-score", "-1"]);
    assert_eq!(all["passages"].as_array().unwrap().len(), 3);
    let near = project.json(&["search", "green tea is steeped", "--mode", "vector", "--top-k", "9", "--min-score", "0.5"]);
    assert_eq!(near["passages"].as_array().unwrap().len(), 1, "{near}");
    assert_eq!(near["passages"][0]["title"], json!("en"), "the title is the field that was named");
    let german =
        project.found(&["tea customer Fahrrad", "--mode", "vector", "--top-k", "9", "--filter", r#"{"lang": {"$ne": "en"}}"#]);
    assert_eq!(german, ["fahrrad"]);
    let tokens = project.json(&["search", "tea customer Fahrrad", "--mode", "vector", "--top-k", "9", "--max-tokens", "1"]);
    assert_eq!(tokens["passages"].as_array().unwrap().len(), 1, "the first is always given");
    project.run(&["search", "tea", "--min-score", "0.1"]).exits(2);
    project.run(&["search", "tea", "--top-k", "0"]).exits(2);
    let unknown = project.run(&["search", "tea", "--filter", r#"{"title": "x"}"#]).exits(2);
    assert!(unknown.stderr.contains("filter_fields in mastra.toml"), "{}", unknown.stderr);
    project.run(&["search", "tea", "--filter", "lang = en"]).exits(2);
}

#[test]
fn chunks_beside_and_whole_passages() {
    let project = Project::new().describes("format = \"markdown\"\nchunker = { max_size = 40, overlap = 0 }");
    project.load(r##"{"id":"g","body":"# Guide\n\nFirst comes the kettle and water.\n\n## Steep\n\nThen the leaves are steeped long.\n\n## Serve\n\nAt last it is poured into cups."}"##);
    project.run(&["index"]).ok();
    let alone = project.json(&["search", "leaves steeped", "--top-k", "1"]);
    let passage = &alone["passages"][0];
    assert_eq!(passage["headings"], json!(["Guide", "Steep"]), "{passage}");
    assert!(!passage["text"].as_str().unwrap().contains("kettle"));
    let beside = project.json(&["search", "leaves steeped", "--top-k", "1", "--neighbours", "2"]);
    let text = beside["passages"][0]["text"].as_str().unwrap();
    assert!(text.contains("kettle") && text.contains("poured"), "{text}");
    let shown = project.run(&["search", "leaves steeped", "--top-k", "1", "--neighbours", "2", "--full"]).ok().stdout;
    assert!(
        shown.contains("Guide > Steep") && shown.contains("kettle") && shown.contains("At last it is poured into"),
        "{shown}"
    );
    assert_eq!(project.found(&["kettle leaves poured", "--top-k", "5", "--one-per-record"]), ["g"]);
    assert!(project.found(&["kettle leaves poured", "--top-k", "5"]).len() > 1);
}

#[test]
fn the_question_comes_from_standard_input() {
    let project = indexed("");
    let answer = project.fed(&["search", "-", "--json"], b"how is green tea steeped?\n").ok().json();
    assert_eq!((&answer["query"], &answer["passages"][0]["externalId"]), (&json!("how is green tea steeped?"), &json!("tea")));
    project.fed(&["search", "-"], b" \n").exits(2);
    project.run(&["search", ""]).exits(2);
}
