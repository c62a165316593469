//! Help, completions, documentation.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test ends by panicking")]

mod common;

use common::Project;

/// Every command, by its words.
fn commands(project: &Project, prefix: &[&str]) -> Vec<Vec<String>> {
    let help = project.run(&[prefix, &["--help"]].concat()).ok().stdout;
    let Some((_, listed)) = help.split_once("Commands:\n") else {
        return vec![prefix.iter().map(|word| (*word).to_owned()).collect()];
    };
    // A description that is too long goes on in the next line, further to the right.
    let entries = listed.lines().take_while(|line| !line.is_empty()).filter(|line| !line.starts_with("   "));
    let names = entries.filter_map(|line| line.split_whitespace().next());
    let below = names.filter(|name| *name != "help").flat_map(|name| commands(project, &[prefix, &[name]].concat()));
    below.collect()
}

#[test]
fn every_command_teaches_by_examples_and_stands_in_the_documentation() {
    let project = Project::new();
    let commands = commands(&project, &[]);
    assert!(commands.len() >= 20, "{commands:?}");
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/cli.md")).unwrap();
    for command in commands {
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        let help = project.run(&[&words[..], &["--help"]].concat()).ok().stdout;
        let spelled = format!("mastra {}", words.join(" "));
        assert!(help.contains("Examples:") && help.matches(&spelled).count() >= 2, "{spelled}: {help}");
        assert!(page.contains(&format!("### `{spelled}")), "docs/cli.md lacks a section on {spelled}");
        let examples = page.lines().filter(|line| line.starts_with(&spelled)).count();
        assert!(examples >= 1, "docs/cli.md has no example of {spelled}");
    }
}

#[test]
fn the_exit_codes_of_the_help_stand_in_the_documentation() {
    let help = Project::new().run(&["--help"]).ok().stdout;
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/cli.md")).unwrap();
    let codes: Vec<&str> =
        help.split_once("Exit codes:\n").unwrap().1.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    assert_eq!(codes.len(), 8);
    for line in codes {
        let (code, meaning) = line.split_once(char::is_whitespace).unwrap();
        assert!(page.contains(&format!("| {code} | {} |", meaning.trim())), "{line}");
    }
}

#[test]
fn completions_for_the_shells() {
    let project = Project::new();
    for (shell, mark) in [("bash", "complete -F"), ("zsh", "#compdef mastra"), ("fish", "complete -c mastra")] {
        let script = project.run(&["completions", shell]).ok().stdout;
        assert!(script.contains(mark) && script.contains("quickstart"), "{shell}");
    }
    project.run(&["completions", "nosuch"]).exits(2);
}

#[test]
fn help_and_version_are_results() {
    let project = Project::new();
    assert!(project.run(&["--version"]).ok().stdout.starts_with("mastra "));
    project.run(&["help", "records", "import"]).ok();
    let nothing = project.run(&[]).exits(2);
    assert!(nothing.stderr.contains("quickstart"));
}

#[test]
fn a_configuration_that_cannot_be_read_is_named() {
    let project = Project::new();
    project.write("mastra.toml", "[engine\n");
    let failure = project.run(&["entities", "list", "--json"]).exits(2).failure();
    assert_eq!(failure["context"]["file"], "mastra.toml");
    std::fs::remove_file(project.path("mastra.toml")).unwrap();
    std::fs::create_dir(project.path(".env")).unwrap();
    assert_eq!(project.run(&["engine", "status", "--json"]).exits(1).failure()["context"]["file"], ".env");
    std::fs::remove_dir(project.path(".env")).unwrap();
    let blank = project.run(&["entities", "list", "--engine", "", "--json"]).exits(2).failure();
    assert!(blank["message"].as_str().unwrap().contains("--engine"));
    project.run(&["completions", "bash"]).ok();
}
