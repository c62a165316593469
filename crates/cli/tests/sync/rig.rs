//! A project with a described sync.

use crate::common::Project;
use serde_json::{Value, json};

/// What every test begins with; the source stands on its sixth line.
pub(crate) const BLOCK: &str = r#"[[sync]]
id = "contacts"
entity = "Contacts"
mode = "full"
id_field = "id"
source = { kind = "jsonl", path = "contacts.jsonl" }
"#;

impl Project {
    /// A project whose sync `contacts` is described, with more lines of that table.
    pub(crate) fn syncs(self, more: &str) -> Self {
        self.write("mastra.toml", format!("{BLOCK}{more}\n"));
        self
    }

    /// What the source of it has.
    pub(crate) fn contacts(&self, numbers: impl IntoIterator<Item = u32>) {
        let line =
            |n: u32| format!("{}\n", json!({ "id": format!("c-{n:05}"), "profile": { "name": format!("Name {n}") }, "age": n }));
        self.write("contacts.jsonl", numbers.into_iter().map(line).collect::<String>());
    }

    /// The last line that a run wrote under `--json`: the results.
    pub(crate) fn ran(&self, arguments: &[&str], code: i32) -> Value {
        let ended = self.run(&[&["sync", "run", "--json"], arguments].concat()).exits(code);
        result(&ended.stdout)
    }

    /// Everything that a plan could have changed.
    pub(crate) fn snapshot(&self) -> Value {
        json!({
            "records": self.state("Contacts"),
            "deleted": self.json(&["records", "query", "--entity", "Contacts", "--include-deleted", "--limit", "1000"]),
            "runs": self.json(&["sync", "runs"]),
            "list": self.json(&["sync", "list"]),
            "failed": self.json(&["sync", "failed", "contacts"]),
            "entity": self.json(&["entities", "show", "Contacts"]),
        })
    }
}

/// The results behind the events.
pub(crate) fn result(stdout: &str) -> Value {
    let last: Value = serde_json::from_str(stdout.lines().last().unwrap()).unwrap();
    assert_eq!(last["type"], "result", "{last}");
    last
}

/// The counts of the only sync of a result.
pub(crate) fn counts(result: &Value) -> Value {
    result["syncs"][0]["run"]["targets"][0]["counts"].clone()
}
