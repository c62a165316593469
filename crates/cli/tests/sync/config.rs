//! What is wrong in `[[sync]]` is told with its line and what was meant, before anything is opened.

use crate::common::Project;
use crate::rig::BLOCK;

/// A block with another source, on its sixth line.
fn from(source: &str) -> String {
    BLOCK.replace(r#"source = { kind = "jsonl", path = "contacts.jsonl" }"#, source)
}

#[test]
fn what_is_wrong_is_named() {
    let project = Project::new();
    // A line behind the block is the seventh of the file; each error says all of these.
    let cases: &[(&str, &[&str])] = &[
        ("mapp = {}", &["there is no key mapp", "did you mean map?", "line=7"]),
        ("sorce = 1", &["did you mean source?", "line=7"]),
        ("guard = { maxshare = 1 }", &["did you mean max_share?", "line=7"]),
        ("guard = { max_share = 2.0 }", &["between 0 and 1", "line=7"]),
        ("limits = { batch = 0 }", &["1 to 10,000", "line=7"]),
        ("limits = { timeout_seconds = 0 }", &["a second at least", "line=7"]),
        ("limits = { lease_seconds = 0 }", &["between a second and an hour", "line=7"]),
        ("keep = true", &["there is no map", "line=7"]),
        ("map = { name = { pth = 'x' } }", &["did you mean path?", "line=7"]),
        ("map = { name = 'a..b' }", &["malformed path", "line=7"]),
        ("map = { name = 3 }", &["a path of the item", "line=7"]),
        ("map = { name = { path = 'a', value = 1 } }", &["one of them is enough", "line=7"]),
        ("map = { name = { required = true } }", &["a path of the item, or of a value", "line=7"]),
        ("merge = { name = 'newest' }", &["keep_manual", "line=7"]),
        ("merge = { name = [] }", &["one sync at least", "line=7"]),
        ("merge = { name = { newestBy = 'x' } }", &["did you mean newest_by?", "line=7"]),
        ("scope_field = 'url'", &["replace_scope", "line=7"]),
        ("connection = ' '", &["connection", "line=7"]),
    ];
    for (line, parts) in cases {
        project.write("mastra.toml", format!("{BLOCK}{line}\n"));
        told(&project, line, parts);
    }
    let sources: &[(&str, &[&str])] = &[
        ("source = 7", &["a source is a table", "line=6"]),
        ("source = { path = 'x' }", &["missing field `kind`", "line=6"]),
        ("source = { kind = 'jsnl', path = 'x' }", &["did you mean jsonl?", "line=6"]),
        ("source = { kind = 'jsonl' }", &["missing field `path`", "line=6"]),
        (
            "source = { kind = 'jsonl', path = 'x', delimiter = ';' }",
            &["there is no key delimiter", "known are path, page_items"],
        ),
        ("source = { kind = 'csv', path = 'x', delimiter = 'é' }", &["one ASCII character", "line=6"]),
        ("source = { kind = 'folder', path = 'x' }", &["there is no id_field", "line=5"]),
        ("source = { kind = 'http', url = 'https://u:s3cret@h/x' }", &["a key never stands in this file", "line=6"]),
        ("source = { kind = 'http', url = 'https://h/x?api_key=s3cret' }", &["a key never stands in this file", "line=6"]),
        ("source = { kind = 'http', url = 'ftp://h/x' }", &["http:// or https://", "line=6"]),
        ("source = { kind = 'http', url = 'https://h/', bearer = 's3cret' }", &["there is no key bearer", "line=6"]),
        (
            "source = { kind = 'http', url = 'https://h/', web = { bearer = 's3cret' } }",
            &["bearer_env names the variable", "line=6"],
        ),
        ("source = { kind = 'http', url = 'https://h/', web = { bearer_env = 's3cret-key' } }", &["names a variable", "line=6"]),
        ("source = { kind = 'http', url = 'https://h/', web = { headers = { Authorization = 's3cret' } } }", &["headers_env"]),
        ("source = { kind = 'http', url = 'https://h/', query = { token = 's3cret' } }", &["query_env", "line=6"]),
        (
            "source = { kind = 'http', url = 'https://h/', web = { bearer_env = 'NO_SUCH_KEY' } }",
            &["variable=NO_SUCH_KEY", "line=6"],
        ),
        ("source = { kind = 'http', url = 'https://h/', pagination = { kind = 'cursor', parameter = 'c' } }", &["needs next"]),
        ("source = { kind = 'http', url = 'https://h/', pagination = { kind = 'link', next = 'c' } }", &["has no next"]),
        ("source = { kind = 'sql', query = 'SELECT 1' }", &["url_env", "line=6"]),
        (
            "source = { kind = 'sql', url = 'postgres://u:s3cret@h/d', query = 'SELECT 1' }",
            &["url_env names the variable", "line=6"],
        ),
        ("source = { kind = 'sql', url_env = 'NO_SUCH_URL', query = 'SELECT 1' }", &["variable=NO_SUCH_URL", "line=6"]),
        ("source = { kind = 'sql', url = 'mysql://h/d', query = 'SELECT 1' }", &["postgres:// or sqlite:", "line=6"]),
        ("source = { kind = 'sql', url = 'sqlite:a.db', query = ' ' }", &["the query is blank", "line=6"]),
        ("[sync.source]\nkind = 'sql'\nurl = 'sqlite:a.db'\nquery = ''", &["the query is blank", "line=9"]),
        ("[sync.source]\nkind = 'csv'\npath = 'a'\ninfr = true", &["did you mean infer?", "line=9"]),
    ];
    for (source, parts) in sources {
        project.write("mastra.toml", from(source));
        told(&project, source, parts);
    }
    assert!(!project.path(".mastra").exists(), "nothing was opened");
}

#[track_caller]
fn told(project: &Project, what: &str, parts: &[&str]) {
    let ended = project.run(&["sync", "run", "contacts"]).exits(2);
    for part in parts {
        assert!(ended.stderr.contains(part), "{what}: {part} is not in {}", ended.stderr);
    }
    assert!(!ended.stderr.contains("s3cret"), "{}", ended.stderr);
}

#[test]
fn what_a_block_lacks_and_what_is_there_twice() {
    let project = Project::new();
    for (gone, part) in [
        ("id =", "missing field `id`"),
        ("entity", "missing field `entity`"),
        ("source", "missing field `source`"),
        ("id_field", "jsonl needs id_field"),
    ] {
        let block: String = BLOCK.lines().filter(|line| !line.starts_with(gone)).map(|line| format!("{line}\n")).collect();
        project.write("mastra.toml", block);
        let ended = project.run(&["sync", "list"]).exits(2);
        assert!(ended.stderr.contains(part), "{part}: {}", ended.stderr);
    }
    project.write("mastra.toml", format!("{BLOCK}{BLOCK}"));
    let twice = project.run(&["sync", "list"]).exits(2);
    assert!(twice.stderr.contains("two syncs have this id") && twice.stderr.contains("line=8"), "{}", twice.stderr);
    project.write("mastra.toml", BLOCK.replace("[[sync]]", "[sync]"));
    assert!(project.run(&["sync", "list"]).exits(2).stderr.contains("[[sync]]"));
    // A mistake in a sync stops every command, so that nobody runs by half of a file.
    project.write("mastra.toml", format!("{BLOCK}mapp = 1\n"));
    project.run(&["records", "query", "--entity", "X"]).exits(2);
}

#[test]
fn without_any_the_block_to_add_is_shown_and_works() {
    let project = Project::new();
    let ended = project.run(&["sync", "run", "contacts"]).exits(3);
    let block: String =
        ended.stderr.lines().skip_while(|line| !line.starts_with("[[sync]]")).map(|line| format!("{line}\n")).collect();
    project.write("mastra.toml", block);
    project.contacts(0..2);
    project.run(&["sync", "run", "contacts"]).ok();
    assert_eq!(project.count("Contacts"), 2);
}

#[test]
fn an_id_that_is_not_there_is_answered_with_the_one_that_is() {
    let project = Project::new().syncs("");
    let ended = project.run(&["sync", "run", "contact"]).exits(3);
    assert!(ended.stderr.contains("did you mean contacts?"), "{}", ended.stderr);
    project.run(&["sync", "run"]).exits(2);
    project.run(&["sync", "run", "contacts", "--all"]).exits(2);
    project.run(&["sync", "run", "contacts", "--wait", "soon"]).exits(2);
    assert!(!project.path(".mastra").exists());
}
