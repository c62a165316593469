//! The example's five lines are the whole command: indexes made, loaded, searched, and carried to another store and back.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// The example, which is built with the tests and lies beside them.
fn mastra() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let built = test.ancestors().nth(2).unwrap();
    built.join("examples").join(format!("mastra{}", std::env::consts::EXE_SUFFIX))
}

fn run(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new(mastra())
        .current_dir(folder)
        .env_remove("MASTRA_ENGINE_URL")
        .env_remove("DATABASE_URL")
        .env_remove("DB_URL")
        .args(arguments)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{arguments:?}: {text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

#[test]
fn an_index_is_made_loaded_searched_and_carried_there_and_back() {
    let folder = tempfile::tempdir().unwrap();
    let on = |arguments: &[&str]| run(folder.path(), &[&["--json", "--engine", "jsonl:vectors", "vectors"], arguments].concat());
    let points = "{\"id\":\"a\",\"vector\":[0.1,0.9],\"metadata\":{\"lang\":\"en\"},\"text\":\"words\"}\n\
                  {\"id\":\"b\",\"vector\":[0.9,0.1],\"metadata\":{\"lang\":\"de\"}}\n";
    std::fs::write(folder.path().join("points.jsonl"), points).unwrap();

    on(&["create", "docs", "--dimension", "2"]);
    on(&["upsert", "docs", "points.jsonl"]);
    let found = on(&["query", "docs", "--vector", "[1,0]", "--filter", "{\"lang\":\"en\"}"]);
    assert!(found.contains("\"a\"") && !found.contains("\"b\""), "{found}");
    assert!(on(&["query", "docs", "--text", "words"]).contains("\"a\""));

    for (from, to) in [("jsonl:vectors#docs", "sqlite:there.db#docs"), ("sqlite:there.db#docs", "jsonl:back#docs")] {
        let report = run(folder.path(), &["--json", "vectors", "copy", from, to, "--verify", "all"]);
        assert!(report.contains("\"verified\": true") || report.contains("\"verified\":true"), "{report}");
    }
    let kept = |file: &str| std::fs::read_to_string(folder.path().join(file)).unwrap();
    let numbers = |text: &str| text.matches("[0.1,0.9]").count() + text.matches("[0.9,0.1]").count();
    assert_eq!(numbers(&kept("back/docs.jsonl")), 2, "{}", kept("back/docs.jsonl"));
}
