//! What a search shows.

use super::plain;
use crate::{
    exit::Outcome,
    knowledge::KnowledgeConfig,
    output::{Output, text},
    records::highlighted,
};
use mastra_core::{
    Path, RecordStore as _, Result,
    text::{Snippet, TextQuery, snippet, tokens},
};
use mastra_rag::{
    document::Format,
    embed::EmbedderExt as _,
    knowledge::{KnowledgeBase, Passage, Retrieval, Retrieved, Scores, SearchMode},
};
use serde::Serialize;
use serde_json::{Value, json};
use std::{collections::HashMap, time::Duration};

/// Words shorter than this say little, and are not marked where there are longer ones.
const TELLING: usize = 4;
/// The most words of a question that are marked.
const MARKED: usize = 32;

/// The answer to a question.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Answer {
    knowledge: String,
    query: String,
    mode: SearchMode,
    model: String,
    /// Whether words are compared and no meanings.
    lexical: bool,
    passages: Vec<Shown>,
    exactness: Value,
    waiting: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    steps: Vec<mastra_rag::knowledge::Step>,
    milliseconds: f64,
}

/// A passage, with what names it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    rank: usize,
    citation: String,
    title: Option<String>,
    snippet: Snippet,
    #[serde(flatten)]
    passage: Passage,
    /// Whether the passage is Markdown, which HTML is turned into.
    #[serde(skip)]
    markdown: bool,
}

impl Answer {
    pub(super) async fn of(
        config: &KnowledgeConfig,
        base: &KnowledgeBase,
        retrieval: &Retrieval,
        found: Retrieved,
        took: Duration,
    ) -> Result<Self> {
        let titles = titles(config, base, &found.passages).await?;
        let words = words(&retrieval.query);
        let markdown = matches!(config.format, Format::Markdown | Format::Html);
        let readable = |passage: &Passage| match markdown {
            true => plain::lines(&passage.text, &passage.headings).join(" "),
            false => passage.text.clone(),
        };
        let passages = found.passages.into_iter().enumerate().map(|(place, passage)| Shown {
            rank: place + 1,
            citation: format!("{}/{}:{}-{}", config.name, passage.external_id, passage.span.start, passage.span.end),
            title: titles.get(&passage.external_id).cloned(),
            snippet: marked(&readable(&passage), words.as_ref()),
            markdown,
            passage,
        });
        let embedder = base.embedder();
        Ok(Self {
            knowledge: config.name.clone(),
            query: retrieval.query.clone(),
            mode: retrieval.mode,
            model: embedder.model().to_owned(),
            lexical: embedder.info().lexical,
            passages: passages.collect(),
            exactness: json!(found.exactness),
            waiting: found.waiting,
            steps: found.steps,
            milliseconds: (took.as_secs_f64() * 1e4).round() / 10.0,
        })
    }

    pub(super) fn show(&self, out: &Output, full: bool) -> Outcome<()> {
        out.document(self)?;
        self.show_passages(out, full)?;
        if !self.steps.is_empty() {
            out.say(out.bold("how it was found"))?;
            for step in &self.steps {
                out.say(format!("  {:<13} {:>5}  {}", step.step, step.left, text::clean(&step.detail)))?;
            }
        }
        out.say(out.dim(&self.summary()))?;
        if self.waiting > 0 {
            out.note(format!("{} not indexed yet, and not searched: mastra index", text::plural(self.waiting, "change")));
        }
        if self.lexical && self.mode != SearchMode::Text {
            out.note(format!(
                "{} compares words, not meanings; another embedder in mastra.toml, then mastra reindex, finds meanings",
                self.model
            ));
        }
        Ok(())
    }

    /// The passages alone, for commands that say the rest in their own place.
    pub(crate) fn show_passages(&self, out: &Output, full: bool) -> Outcome<()> {
        self.passages.iter().try_for_each(|shown| shown.show(out, &self.query, full, !self.steps.is_empty()))
    }

    /// How many there are, of what, how they were found, and how fast.
    pub(crate) fn summary(&self) -> String {
        format!(
            "{} of {} by {} in {}",
            text::plural(self.passages.len() as u64, "passage"),
            text::clean(&self.knowledge),
            self.mode,
            text::took(Duration::from_secs_f64(self.milliseconds / 1e3)),
        )
    }
}

impl Shown {
    fn show(&self, out: &Output, query: &str, full: bool, explained: bool) -> Outcome<()> {
        let passage = &self.passage;
        let id = text::clean(&passage.external_id);
        let name = match self.title.as_deref().map(text::clean).filter(|title| *title != id) {
            Some(title) => format!("{}  {id}", out.bold(&title)),
            None => out.bold(&id),
        };
        out.say(format!("{:>2}  {}  {name}", self.rank, out.good(&format!("{:.3}", passage.score))))?;
        // A heading that the document is named by is not said twice.
        let below =
            passage.headings.iter().enumerate().filter(|(level, heading)| *level > 0 || Some(*heading) != self.title.as_ref());
        let mut headings: Vec<String> = below.map(|(_, heading)| text::clean(heading)).collect();
        headings.dedup_by(|below, above| below.to_lowercase() == above.to_lowercase());
        let place = if headings.is_empty() { String::new() } else { format!("{}  ", headings.join(" > ")) };
        out.say(format!("    {place}{}", out.dim(&format!("[{}]", text::clean(&self.citation)))))?;
        if explained {
            out.say(out.dim(&format!("    {}", made_of(&passage.scores))))?;
        }
        if full {
            let words = words(query);
            for line in self.lines() {
                for part in text::wrapped(&line, out.width().saturating_sub(4)) {
                    out.say(format!("    {}", highlighted(&whole(&part, words.as_ref()), out)))?;
                }
            }
        } else {
            out.say(format!("    {}", highlighted(&self.snippet, out)))?;
        }
        out.say("")
    }

    /// The lines of the passage, as they are read.
    fn lines(&self) -> Vec<String> {
        if self.markdown {
            let mut lines = plain::lines(&self.passage.text, &self.passage.headings);
            // What overlaps with the passage before begins within a sentence.
            if let Some(first) = lines.first_mut().filter(|line| line.starts_with(char::is_lowercase)) {
                first.insert(0, '…');
            }
            return lines;
        }
        self.passage.text.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect()
    }
}

/// The parts of a score.
fn made_of(scores: &Scores) -> String {
    let part = |name: &str, score: Option<f64>| score.map(|score| format!("{name} {score:.3}"));
    let parts = [
        part("vector", scores.vector),
        part("store", Some(scores.store)),
        part("semantic", scores.semantic),
        part("position", Some(scores.position)),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// The titles of the records of the passages, by external id.
async fn titles(config: &KnowledgeConfig, base: &KnowledgeBase, passages: &[Passage]) -> Result<HashMap<String, String>> {
    let default: Path = "title".parse()?;
    let path = config.title_field.as_ref().unwrap_or(&default);
    let mut ids: Vec<String> = passages.iter().map(|passage| passage.external_id.clone()).collect();
    ids.sort_unstable();
    ids.dedup();
    let records = match base.engine().get_records_by_external_ids(&base.entity(), &ids).await {
        // It was deleted just now.
        Err(error) if error.is_not_found() => Vec::new(),
        records => records?,
    };
    let title = |data: &Value| {
        let value = path.segments().iter().try_fold(data, |value, key| value.get(key.as_str()))?;
        match value {
            Value::String(title) if !title.trim().is_empty() => Some(title.trim().to_owned()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    };
    Ok(records
        .into_iter()
        .filter_map(|record| Some((title(&record.data)?, record.external_id)))
        .map(|(title, id)| (id, title))
        .collect())
}

/// The words of a question that are worth marking.
fn words(query: &str) -> Option<TextQuery> {
    let all: Vec<String> = tokens(query).take(MARKED).collect();
    let telling: Vec<&str> = all.iter().map(String::as_str).filter(|word| word.chars().count() >= TELLING).collect();
    let chosen = if telling.is_empty() { all.iter().map(String::as_str).collect() } else { telling };
    TextQuery::parse(&chosen.join(" ")).ok()
}

/// The piece of a passage with the most words of the question; its beginning where none is in it.
fn marked(passage: &str, words: Option<&TextQuery>) -> Snippet {
    match (words, "text".parse::<Path>()) {
        (Some(words), Ok(path)) => snippet(&json!({ "text": passage }), &[path], words),
        _ => Snippet { text: passage.to_owned(), highlights: Vec::new() },
    }
}

/// A line with its words marked, all of it.
fn whole(line: &str, words: Option<&TextQuery>) -> Snippet {
    use mastra_core::text::tokens as tokens_of;
    let known: Vec<&str> =
        words.iter().flat_map(|words| words.clauses()).flat_map(|clause| &clause.tokens).map(String::as_str).collect();
    let mut highlights = Vec::new();
    let mut start = 0;
    for word in line.split_inclusive(|c: char| !c.is_alphanumeric()) {
        let bare = word.trim_end_matches(|c: char| !c.is_alphanumeric());
        if tokens_of(bare).any(|token| known.contains(&token.as_str())) {
            highlights.push(start..start + bare.len());
        }
        start += word.len();
    }
    Snippet { text: line.to_owned(), highlights }
}
