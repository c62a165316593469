//! Models behind a server: keys, calls that are paid for once, servers that fail, records that are refused.

use crate::common::{Ended, Project};
use crate::rig::ARTICLES;
use mastra_doubles::Models;
use mastra_doubles::models::{Fault, Settings};
use serde_json::json;

fn settings() -> Settings {
    Settings::default().model("small", 8).api_key("sk-right")
}

fn embedder(models: &Models, more: &str) -> String {
    format!("embedder = {{ model = \"openai/small\", base_url = \"{}\", api_key_env = \"TEA_KEY\"{more} }}", models.url())
}

impl Project {
    fn with_key(&self, arguments: &[&str], key: &str) -> Ended {
        let mut command = self.command(arguments);
        command.env("TEA_KEY", key);
        Ended::of(command.output().unwrap())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_text_is_paid_for_once() {
    let models = Models::start_with(settings()).await.unwrap();
    let project = Project::new().describes(&embedder(&models, ""));
    project.load(ARTICLES);
    let unset = project.run(&["index"]).exits(2);
    assert!(unset.stderr.contains("variable=TEA_KEY"), "{}", unset.stderr);
    let wrong = project.with_key(&["index"], "sk-wrong").exits(1);
    assert!(wrong.stderr.contains("TEA_KEY") && !wrong.stderr.contains("sk-wrong"), "{}", wrong.stderr);

    project.write(".env", "TEA_KEY=sk-right\n");
    let done = &project.json(&["index"])["knowledge"][0];
    assert_eq!((&done["model"], &done["lexical"], &done["embedded"]), (&json!("openai/small"), &json!(false), &json!(3)));
    let embedded = |models: &Models| {
        let texts = models.requests().iter().map(|request| request.inputs().len()).sum::<usize>();
        // Every process asks once for the dimension.
        let asked = models.requests().iter().filter(|request| request.inputs() == ["dimension"]).count();
        texts - asked
    };
    let paid = embedded(&models);
    assert_eq!(paid, 3);
    // Built anew with another choice of fields for the filter, the texts are the same.
    project.write("mastra.toml", project.read("mastra.toml").replace("filter_fields = [\"lang\"]", "filter_fields = []"));
    let report = project.json(&["reindex", "--yes"]);
    assert_eq!(report["index"]["chunks"], json!(3));
    assert_eq!(embedded(&models), paid, "the cache has them");
    assert!(project.path(".mastra/cache/embeddings").is_dir());

    let shown = project.run(&["search", "green tea", "--top-k", "1"]).ok();
    assert!(!shown.stderr.contains("not meanings"), "{}", shown.stderr);
    let shown = project.run(&["knowledge", "show", "articles", "--json"]).ok();
    assert!(!shown.stdout.contains("sk-right"), "{}", shown.stdout);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cache_that_cannot_be_had_costs_calls_only() {
    let models = Models::start_with(settings()).await.unwrap();
    let project = Project::new().describes(&format!("{}\ncache = \"articles.jsonl\"", embedder(&models, "")));
    project.write(".env", "TEA_KEY=sk-right\n");
    project.load(ARTICLES);
    let told = project.run(&["index"]).ok();
    assert!(told.stderr.contains("without the cache of embeddings") && told.stdout.contains("up to date"), "{told:?}");
    assert_eq!(project.read("articles.jsonl"), ARTICLES);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_fails_leaves_the_changes_waiting() {
    let models = Models::start_with(settings()).await.unwrap();
    let project = Project::new().describes(&embedder(&models, ", retries = 0"));
    project.load(ARTICLES);
    project.write(".env", "TEA_KEY=sk-right\n");
    models.fault(Fault::nth(2).status(503));
    let ended = project.run(&["index", "--json"]).exits(5);
    let done = &ended.json()["knowledge"][0];
    assert_eq!((&done["state"], &done["waiting"], &done["failed"]), (&json!("waiting"), &json!(3), &json!(3)), "{done}");
    assert!(done["error"].as_str().unwrap().starts_with("unavailable"), "{done}");
    // It answers again: what failed is waited for.
    let done = &project.json(&["index"])["knowledge"][0];
    assert_eq!((&done["state"], &done["records"]), (&json!("complete"), &json!(3)));

    // Where it does not answer at all, what needs no model still works.
    drop(models);
    for command in [&["index"][..], &["search", "tea"], &["verify", "--repair"]] {
        let away = project.run(command).exits(5);
        assert!(away.stderr.contains("cannot be reached") && away.stderr.contains("127.0.0.1"), "{}", away.stderr);
    }
    let verified = project.run(&["verify"]).ok();
    assert!(verified.stderr.contains("looking without it") && verified.stdout.contains("clean"), "{verified:?}");
    assert_eq!(project.json(&["knowledge", "list"])["items"][0]["points"], json!(3));
    project.run(&["knowledge", "delete", "articles", "--yes"]).ok();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_is_refused_is_set_aside_alone() {
    let models = Models::start_with(settings().limits(2_048, 20, 300_000)).await.unwrap();
    let project = Project::new().describes(&embedder(&models, ""));
    project.write(".env", "TEA_KEY=sk-right\n");
    let long = "word ".repeat(60);
    project.load(format!("{ARTICLES}{{\"id\":\"long\",\"title\":\"Long\",\"body\":\"{long}\",\"lang\":\"en\"}}\n"));
    let ended = project.run(&["index", "--json"]).exits(6);
    let done = &ended.json()["knowledge"][0];
    assert_eq!((&done["state"], &done["records"], &done["setAside"]), (&json!("partial"), &json!(3), &json!(1)), "{done}");
    let aside = &done["setAsideRecords"][0];
    assert_eq!(aside["externalId"], json!("long"));
    assert!(aside["error"].as_str().unwrap().starts_with("invalid_input"), "{aside}");
    let told = project.run(&["index"]).exits(6);
    assert!(told.stderr.contains("1 record set aside") && told.stderr.contains("long: invalid_input"), "{}", told.stderr);
    let shown = project.run(&["knowledge", "show", "articles"]).ok().stdout;
    assert!(shown.contains("partial") && shown.contains("long: invalid_input"), "{shown}");
    let found = project.run(&["verify", "--json"]).exits(1).json();
    assert_eq!(found["knowledge"][0]["missing"], json!(1));

    let before = models.requests().len();
    project.run(&["index", "--retry-set-aside"]).exits(6);
    assert!(models.requests().len() > before + 1, "it is tried again");
    // Mended, it comes by itself.
    project.load("{\"id\":\"long\",\"title\":\"Long\",\"body\":\"short\",\"lang\":\"en\"}\n");
    let done = &project.json(&["index"])["knowledge"][0];
    assert_eq!((&done["state"], &done["records"]), (&json!("complete"), &json!(1)));
    project.run(&["verify"]).ok();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_model_is_refused_until_it_is_reindexed() {
    let models = Models::start_with(settings()).await.unwrap();
    let project = Project::new().describes("");
    project.write(".env", "TEA_KEY=sk-right\n");
    project.load(ARTICLES);
    project.run(&["index"]).ok();
    let hash = project.read("mastra.toml");
    project.write("mastra.toml", format!("{hash}{}\n", embedder(&models, ", retries = 0")));
    let refused = project.run(&["search", "tea"]).exits(1);
    assert!(
        refused.stderr.contains("indexed by another model") && refused.stderr.contains("mastra reindex articles"),
        "{}",
        refused.stderr
    );
    // A reindexing that fails goes on later, and what is searched is as before.
    models.fault(Fault::nth(2).status(500));
    project.run(&["reindex", "--yes"]).exits(5);
    let new = project.read("mastra.toml");
    project.write("mastra.toml", &hash);
    assert_eq!(project.found(&["green tea", "--top-k", "1"]), ["tea"]);
    assert_eq!(project.json(&["knowledge", "show", "articles"])["state"], json!("reindexing"));
    project.write("mastra.toml", new);
    let plan = project.json(&["reindex", "--dry-run"]);
    assert_eq!(
        (&plan["resumes"], &plan["from"]["model"], &plan["to"]["model"]),
        (&json!(true), &json!("hash/384"), &json!("openai/small"))
    );
    let report = project.json(&["reindex", "--yes"]);
    assert_eq!((&report["version"]["model"], &report["index"]["records"]), (&json!("openai/small"), &json!(3)), "{report}");
    project.run(&["verify"]).ok();
}
