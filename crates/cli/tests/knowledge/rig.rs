//! A project with records and a knowledge base over them.

use crate::common::Project;
use std::fmt::Write as _;

/// What every test begins with.
pub(crate) const BLOCK: &str = "[[knowledge]]\nname = \"articles\"\nentity = \"Articles\"\nfields = [\"title\", \"body\"]\n";

/// Articles that questions can tell apart.
pub(crate) const ARTICLES: &str = r#"{"id":"tea","title":"Green tea","body":"Green tea is steeped at 75 degrees for two minutes.","lang":"en"}
{"id":"refund","title":"Refunds","body":"A customer may cancel an order within fourteen days.","lang":"en"}
{"id":"fahrrad","title":"Fahrrad","body":"Ein Fahrrad braucht Luft in beiden Reifen.","lang":"de"}
"#;

impl Project {
    /// A project whose knowledge base `articles` is described, with more lines of that table.
    pub(crate) fn describes(self, more: &str) -> Self {
        self.write("mastra.toml", format!("{BLOCK}filter_fields = [\"lang\"]\n{more}\n"));
        self
    }

    /// Loads articles, a line each.
    pub(crate) fn load(&self, lines: impl AsRef<[u8]>) {
        self.write("articles.jsonl", lines);
        let import = ["records", "import", "articles.jsonl", "--entity", "Articles", "--id-field", "id", "--mode", "replace"];
        self.run(&[&import[..], &["--restart"]].concat()).ok();
    }

    /// The ids of the records that answer.
    pub(crate) fn found(&self, arguments: &[&str]) -> Vec<String> {
        let answer = self.json(&[&["search"], arguments].concat());
        answer["passages"].as_array().unwrap().iter().map(|passage| passage["externalId"].as_str().unwrap().to_owned()).collect()
    }
}

/// So many articles of several chunks each.
pub(crate) fn many(count: usize) -> String {
    (0..count).fold(String::new(), |mut lines, n| {
        let body = format!(
            "Paragraph one of article {n} speaks of topic{n}.\\n\\nParagraph two of it speaks of matter{n} and of nothing else."
        );
        let _ = writeln!(lines, "{{\"id\":\"a-{n}\",\"title\":\"Article {n}\",\"body\":\"{body}\",\"lang\":\"en\"}}");
        lines
    })
}
