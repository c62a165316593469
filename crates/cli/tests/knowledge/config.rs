//! What is wrong in `mastra.toml` is told with its line and what was meant, before anything is opened.

use crate::common::Project;
use crate::rig::BLOCK;

#[test]
fn what_is_wrong_is_named() {
    let project = Project::new();
    // The line is the fifth of the file; each error says all of these.
    let cases: &[(&str, i32, &[&str])] = &[
        ("filterfields = [\"x\"]", 2, &["filterfields", "did you mean filter_fields?", "line=5"]),
        ("chunker = { maxsize = 9 }", 2, &["did you mean max_size?", "line=5"]),
        ("chunker = { strategy = \"sentense\" }", 2, &["did you mean sentence?", "line=5"]),
        ("chunker = { max_size = 10, overlap = 10 }", 2, &["overlap", "knowledge=articles"]),
        ("search = { topk = 3 }", 2, &["did you mean top_k?", "line=5"]),
        ("search = { mode = \"fuzzy\" }", 2, &["vector, text or hybrid", "line=5"]),
        ("search = { top_k = 0 }", 2, &["one passage", "search.top_k"]),
        ("search = { relevance = 2.0 }", 2, &["between 0 and 1"]),
        ("search = { mode = \"text\", min_score = 0.5 }", 2, &["min_score"]),
        ("index = { batch = 0 }", 2, &["1 to 200"]),
        ("index = { lease_seconds = 0 }", 2, &["lease"]),
        ("embedder = \"hash\"", 2, &["provider/model"]),
        ("embedder = \"hasch/384\"", 2, &["no such provider", "hash, openai"]),
        ("embedder = 7", 2, &["provider/model", "line=5"]),
        ("embedder = { model = \"hash/64\", modle = 1 }", 2, &["did you mean model?", "line=5"]),
        ("embedder = { model = \"openai/m\", api_key = \"sk-secret\" }", 2, &["api_key_env", "line=5"]),
        ("embedder = { model = \"openai/m\", api_key_env = \"NO_SUCH_KEY\" }", 2, &["variable=NO_SUCH_KEY", "line=1"]),
        ("embedder = { model = \"openai/m\", api_key_env = \"sk-secret\" }", 2, &["names a variable", "embedder.api_key_env"]),
        ("vectors_env = \"postgres://u:s3cret@h/d\"", 2, &["names a variable", "vectors_env"]),
        ("embedder = \"openai/text-embedding-3-small\"", 2, &["variable=OPENAI_API_KEY"]),
        ("embedder = { model = \"hash/64\", base_url = \"http://127.0.0.1:1\" }", 1, &["no such option", "option=base_url"]),
        ("vectors = \"vectors.db\"", 2, &["URL"]),
        ("vectors = \"sqlite:a.db\"\nvectors_env = \"B\"", 2, &["one of them"]),
        ("vectors = \"nosuch://u:s3cret@h/d\"", 2, &["scheme"]),
        ("cache = 3", 2, &["folder, or false", "line=5"]),
        ("format = \"docx\"", 2, &["unknown format", "line=5"]),
        ("connection = [", 2, &["malformed"]),
    ];
    project.run(&["records", "import", "-", "--entity", "Articles", "--id-field", "id"]).ok();
    for (line, code, parts) in cases {
        project.write("mastra.toml", format!("{BLOCK}{line}\n"));
        let ended = project.run(&["search", "tea"]).exits(*code);
        for part in *parts {
            assert!(ended.stderr.contains(part), "{line}: {part} is not in {}", ended.stderr);
        }
        assert!(!ended.stderr.contains("sk-secret") && !ended.stderr.contains("s3cret"), "{}", ended.stderr);
    }
}

#[test]
fn a_block_that_lacks_what_it_needs_says_so() {
    let project = Project::new();
    for (gone, part) in
        [("name", "missing field `name`"), ("entity", "missing field `entity`"), ("fields", "missing field `fields`")]
    {
        let block: String = BLOCK.lines().filter(|line| !line.starts_with(gone)).map(|line| format!("{line}\n")).collect();
        project.write("mastra.toml", block);
        let ended = project.run(&["index"]).exits(2);
        assert!(ended.stderr.contains(part), "{}", ended.stderr);
    }
    for (from, to, part) in [
        ("name = \"articles\"", "name = \"My Articles\"", "lower-case letters"),
        ("entity = \"Articles\"", "entity = \" \"", "entity"),
        ("fields = [\"title\", \"body\"]", "fields = []", "field whose text is indexed"),
    ] {
        project.write("mastra.toml", BLOCK.replace(from, to));
        let ended = project.run(&["index"]).exits(2);
        assert!(ended.stderr.contains(part) && ended.stderr.contains("line=1"), "{}", ended.stderr);
    }
    project.write("mastra.toml", format!("{BLOCK}{BLOCK}"));
    let twice = project.run(&["index"]).exits(2);
    assert!(twice.stderr.contains("two knowledge bases have this name") && twice.stderr.contains("line=5"), "{}", twice.stderr);
}

#[test]
fn without_any_the_block_to_add_is_shown() {
    let project = Project::new();
    for command in [&["index"][..], &["search", "tea"], &["reindex"], &["verify"]] {
        let ended = project.run(command).exits(3);
        assert!(ended.stderr.contains("[[knowledge]]") && ended.stderr.contains("fields = ["), "{}", ended.stderr);
    }
    assert!(!project.path(".mastra").exists(), "a question makes no file");
}

#[test]
fn an_entity_that_is_not_there_says_what_to_run() {
    let project = Project::new().describes("");
    let absent = project.run(&["index"]).exits(3);
    assert!(absent.stderr.contains("mastra records import"), "{}", absent.stderr);
    project.run(&["records", "import", "-", "--entity", "Others", "--id-field", "id"]).ok();
    let absent = project.run(&["index"]).exits(3);
    assert!(absent.stderr.contains("mastra records import FILE --entity Articles"), "{}", absent.stderr);
}

#[test]
fn what_is_listed_holds_no_password() {
    let project = Project::new();
    project.write("mastra.toml", format!("{BLOCK}vectors = \"postgres://u:s3cret@127.0.0.1:1/d\"\nembedder = {{ model = \"openai/m\", base_url = \"http://u:s3cret@127.0.0.1:1/v1\" }}\n"));
    project.run(&["records", "import", "-", "--entity", "Articles", "--id-field", "id"]).ok();
    let listed = project.json(&["knowledge", "list"]).to_string();
    assert!(listed.contains("postgres://u:***@") && !listed.contains("s3cret"), "{listed}");
    for command in [["index", "articles"], ["search", "tea"], ["verify", "articles"]] {
        let failed = project.run(&command);
        assert!(failed.code != 0 && !failed.stderr.contains("s3cret"), "{}", failed.stderr);
    }
}
