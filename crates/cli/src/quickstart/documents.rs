//! The documents to load: those of this program, or what files hold.

use super::{
    folder::{File, Kind},
    read::Content,
    skipped::Reason,
};
use chrono::{DateTime, SecondsFormat, Utc};
use mastra_core::NewRecord;
use mastra_rag::document::Document;
use serde_json::{Map, Value, json};

macro_rules! built_in {
    ($($name:literal,)*) => {
        /// The documents of this program, by name.
        const BUILT_IN: &[(&str, &str)] = &[$(($name, include_str!(concat!("../../assets/documents/", $name))),)*];
    };
}

built_in![
    "agent-memory.md",
    "btree-indexes.md",
    "chunking-documents.md",
    "connection-pooling.md",
    "embedded-or-server.md",
    "full-text-search.md",
    "hybrid-search.md",
    "idempotent-sync.md",
    "json-documents-in-sql.md",
    "measuring-honestly.md",
    "retrieval-augmented-generation.md",
    "schema-migrations.md",
    "transactions-and-isolation.md",
    "vector-search.md",
    "write-ahead-logging.md",
];

/// The most records of one file: more are a table rather than documents.
const MEMBERS: usize = 10_000;
/// The keys that may name a JSON document.
const NAMES: [&str; 4] = ["title", "name", "subject", "question"];
/// The longest title, in characters.
const TITLE: usize = 120;

/// The documents of this program.
pub(super) fn built_in() -> Vec<NewRecord> {
    BUILT_IN.iter().map(|(name, text)| About::of(name, "markdown").record(name, markdown(text))).collect()
}

/// The documents of one file: one, or, of a list of JSON objects, one a member.
pub(super) fn of(file: &File, content: Content) -> Result<Vec<NewRecord>, Reason> {
    let Content { text, modified } = content;
    if text.trim().is_empty() {
        return Err(Reason::Blank);
    }
    let kind = match file.kind {
        Kind::Markdown => "markdown",
        Kind::Text => "text",
        Kind::Html => "html",
        Kind::Json | Kind::JsonLines => "json",
    };
    let mut about = About::of(&file.name, kind);
    about.modified = modified.map(|time| DateTime::<Utc>::from(time).to_rfc3339_opts(SecondsFormat::Secs, true));
    let document = match file.kind {
        Kind::Markdown => markdown(&text),
        Kind::Text => (None, text),
        Kind::Html => html(&text),
        Kind::Json => match serde_json::from_str(&text).map_err(|_| Reason::Malformed)? {
            Value::Array(members) if members.iter().any(Value::is_object) => return about.members(members),
            value if is_empty(&value) => return Err(Reason::Blank),
            value => json_text(&value),
        },
        Kind::JsonLines => {
            let lines = text.lines().filter(|line| !line.trim().is_empty()).take(MEMBERS + 1);
            let members: Result<Vec<Value>, _> = lines.map(serde_json::from_str).collect();
            return about.members(members.map_err(|_| Reason::Malformed)?);
        }
    };
    if document.1.trim().is_empty() {
        return Err(Reason::Blank);
    }
    Ok(vec![about.record(&file.name, document)])
}

/// What a document's file says of it.
struct About {
    path: String,
    kind: &'static str,
    modified: Option<String>,
}

impl About {
    fn of(path: &str, kind: &'static str) -> Self {
        Self { path: path.to_owned(), kind, modified: None }
    }

    fn record(&self, id: &str, (title, text): (Option<String>, String)) -> NewRecord {
        let mut data = Map::new();
        let title = title.map(|title| shortened(&title)).filter(|title| !title.is_empty());
        // U+0000 comes from JSON only; Postgres has no place for it.
        data.insert("title".to_owned(), json!(title.unwrap_or_else(|| first_line(&text, &self.path)).replace('\0', "\u{fffd}")));
        data.insert("path".to_owned(), json!(self.path));
        data.insert("kind".to_owned(), json!(self.kind));
        if let Some(modified) = &self.modified {
            data.insert("modified".to_owned(), json!(modified));
        }
        data.insert("text".to_owned(), json!(text.replace('\0', "\u{fffd}")));
        NewRecord::new(id, Value::Object(data))
    }

    fn members(&self, members: Vec<Value>) -> Result<Vec<NewRecord>, Reason> {
        if members.len() > MEMBERS {
            return Err(Reason::Members);
        }
        let filled = members.iter().enumerate().filter(|(_, member)| !is_empty(member));
        let member = |(index, member): (usize, &Value)| self.record(&format!("{}#{index}", self.path), json_text(member));
        let records: Vec<NewRecord> = filled.map(member).collect();
        if records.is_empty() { Err(Reason::Blank) } else { Ok(records) }
    }
}

/// Title and text. All texts are indexed as Markdown: it is what HTML is turned into, and plain text reads as itself.
fn markdown(text: &str) -> (Option<String>, String) {
    let document = Document::from_markdown(text);
    (document.title().map(str::to_owned), document.text().to_owned())
}

fn html(text: &str) -> (Option<String>, String) {
    let page = Document::from_html(text);
    let title = page.title().map(str::to_owned);
    // A page without a first heading is headed by its title, so that its passages can be cited by something.
    let headed = page.headings().iter().any(|heading| heading.level == 1 && !heading.title.is_empty());
    let text =
        if page.text().trim().is_empty() || headed { page.text().to_owned() } else { under(title.as_deref(), page.text()) };
    (title, text)
}

fn json_text(value: &Value) -> (Option<String>, String) {
    let title = NAMES.iter().find_map(|key| value.get(*key)?.as_str()).map(shortened).filter(|title| !title.is_empty());
    let document = Document::from_json(value);
    let text = under(title.as_deref(), document.text());
    (title, text)
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Array(members) => members.iter().all(is_empty),
        Value::Object(members) => members.values().all(is_empty),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// A text below a heading.
fn under(title: Option<&str>, text: &str) -> String {
    match title {
        Some(title) => format!("# {title}\n\n{text}"),
        None => text.to_owned(),
    }
}

/// The first line that says something, else the file's name.
fn first_line(text: &str, name: &str) -> String {
    let line = text.lines().map(|line| line.trim().trim_start_matches(['#', '=', '-', '*']).trim()).find(|line| !line.is_empty());
    line.map_or_else(|| name.to_owned(), shortened)
}

/// On one line, and no longer than a title.
fn shortened(title: &str) -> String {
    let line = title.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() > TITLE { line.chars().take(TITLE - 1).chain(['…']).collect() } else { line }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, kind: Kind, text: &str) -> Result<Vec<NewRecord>, Reason> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, text).unwrap();
        let content = super::super::read::text(&path)?;
        of(&File { path, name: name.to_owned(), kind }, content)
    }

    #[test]
    fn the_built_in_documents_are_real_ones() {
        let documents = built_in();
        assert!(documents.len() >= 12);
        for document in documents {
            let text = document.data["text"].as_str().unwrap();
            assert!(text.split_whitespace().count() > 200, "{}", document.external_id);
            assert!(text.starts_with(&format!("# {}", document.data["title"].as_str().unwrap())));
        }
    }

    #[test]
    fn each_kind_has_a_title_and_a_text() {
        let one = |kind, text| read("x", kind, text).unwrap().remove(0).data;
        let guide = one(Kind::Markdown, "intro\n# The guide\ntext");
        assert_eq!((&guide["title"], &guide["text"]), (&json!("The guide"), &json!("intro\n# The guide\ntext")));
        assert_eq!(guide["kind"], "markdown");
        assert!(guide["modified"].as_str().unwrap().ends_with('Z'));
        assert_eq!(one(Kind::Text, "\n  First line\nmore")["title"], "First line");
        let page = one(Kind::Html, "<title>Page</title><script>no</script><p>Caf&eacute;");
        assert_eq!((&page["title"], &page["text"]), (&json!("Page"), &json!("# Page\n\nCafé\n")));
        assert_eq!(one(Kind::Html, "<title>T - Site</title><h1>T</h1><p>Body")["text"], "# T\n\nBody\n");
        let object = one(Kind::Json, r#"{"name":"Oolong","n":1,"nul":"a\u0000b"}"#);
        assert_eq!(object["title"], "Oolong");
        assert!(object["text"].as_str().unwrap().starts_with("# Oolong\n\nn: 1\nname: Oolong"), "{}", object["text"]);
        assert!(!object["text"].as_str().unwrap().contains('\0'));
    }

    #[test]
    fn lists_of_objects_are_a_document_each() {
        let list = read("l.json", Kind::Json, r#"[{"title":"One","n":1},{},{"body":{"deep":"Two"}}]"#).unwrap();
        assert_eq!(list.iter().map(|record| record.external_id.as_str()).collect::<Vec<_>>(), ["l.json#0", "l.json#2"]);
        assert_eq!(list[1].data["title"], "body.deep: Two");
        assert_eq!(list[1].data["path"], "l.json");
        let lines = read("l.jsonl", Kind::JsonLines, "{\"title\":\"One\"}\n\n{\"title\":\"Two\"}\n").unwrap();
        assert_eq!(lines.len(), 2);
        assert_eq!(read("n.json", Kind::Json, "[1,2,3]").unwrap().len(), 1);
        assert_eq!(read("b.json", Kind::Json, "{").unwrap_err(), Reason::Malformed);
        assert_eq!(read("b.jsonl", Kind::JsonLines, "{}\n{").unwrap_err(), Reason::Malformed);
        assert_eq!(read("m.jsonl", Kind::JsonLines, &"{\"a\":1}\n".repeat(MEMBERS + 1)).unwrap_err(), Reason::Members);
        assert_eq!(read("b.md", Kind::Markdown, " \n").unwrap_err(), Reason::Blank);
        assert_eq!(read("b.html", Kind::Html, "<script>x</script>").unwrap_err(), Reason::Blank);
    }
}
