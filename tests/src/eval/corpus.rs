//! Documents and labelled questions, read and checked.

use mastra_core::{Error, Result};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, HashSet},
    fmt, fs,
    ops::Range,
    path::Path,
};

/// What is searched and asked.
#[derive(Debug, Default)]
pub(super) struct Corpus {
    /// The documents' texts, by their paths.
    pub(super) documents: BTreeMap<String, String>,
    pub(super) questions: Vec<Question>,
}

/// How a question is put; tests/eval-data/SOURCES.md describes each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    Lexical,
    Paraphrase,
    Identifier,
    Number,
    Name,
    Multi,
    User,
}

impl Kind {
    pub(super) const ALL: [Self; 7] =
        [Self::Lexical, Self::Paraphrase, Self::Identifier, Self::Number, Self::Name, Self::Multi, Self::User];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Lexical => "lexical",
            Self::Paraphrase => "paraphrase",
            Self::Identifier => "identifier",
            Self::Number => "number",
            Self::Name => "name",
            Self::Multi => "multi",
            Self::User => "user",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A question, and where it is answered.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Question {
    pub(super) id: String,
    pub(super) kind: Kind,
    pub(super) question: String,
    pub(super) answers: Vec<Answer>,
}

/// Words of a document that answer a question.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Answer {
    pub(super) document: String,
    pub(super) quote: String,
    /// Wherever the quote occurs in its document, in bytes.
    #[serde(skip)]
    pub(super) spans: Vec<Range<usize>>,
}

impl Question {
    /// What has to be found: each answer where all are needed, else any of them.
    pub(super) fn targets(&self) -> Vec<&[Answer]> {
        if self.kind == Kind::Multi { self.answers.chunks(1).collect() } else { vec![&self.answers] }
    }
}

impl Corpus {
    /// Reads `corpus/` and `questions.jsonl` of a folder.
    ///
    /// Errors: `InvalidInput` for a question without an answer, an id that was given twice, or a quote that its document does not hold.
    pub(super) fn read(folder: &Path) -> Result<Self> {
        let mut documents = BTreeMap::new();
        collect(&folder.join("corpus"), "", &mut documents)?;
        let path = folder.join("questions.jsonl");
        let lines = fs::read_to_string(&path).map_err(|source| unreadable(&path, source))?;
        Self::new(documents, &lines)
    }

    pub(super) fn new(documents: BTreeMap<String, String>, lines: &str) -> Result<Self> {
        let (mut questions, mut ids) = (Vec::new(), HashSet::new());
        for (number, line) in (1..).zip(lines.lines()) {
            let wrong = |message: String| Error::invalid_input(message).with("line", number);
            let mut question: Question =
                serde_json::from_str(line).map_err(|source| wrong(format!("the question cannot be read: {source}")))?;
            if !ids.insert(question.id.clone()) {
                return Err(wrong(format!("the id {} was given twice", question.id)));
            }
            if question.question.trim().is_empty() || question.answers.is_empty() {
                return Err(wrong(format!("{} lacks its question or its answer", question.id)));
            }
            for answer in &mut question.answers {
                let text = documents
                    .get(&answer.document)
                    .ok_or_else(|| wrong(format!("{} names {}, which is not there", question.id, answer.document)))?;
                if answer.quote.trim().is_empty() {
                    return Err(wrong(format!("{} has a blank quote", question.id)));
                }
                answer.spans = text.match_indices(&answer.quote).map(|(at, quote)| at..at + quote.len()).collect();
                if answer.spans.is_empty() {
                    return Err(wrong(format!("{}: {} does not hold its quote", question.id, answer.document)));
                }
            }
            questions.push(question);
        }
        Ok(Self { documents, questions })
    }

    pub(super) fn bytes(&self) -> usize {
        self.documents.values().map(String::len).sum()
    }
}

/// The files below a folder, by their paths within it.
fn collect(folder: &Path, below: &str, documents: &mut BTreeMap<String, String>) -> Result<()> {
    for entry in fs::read_dir(folder).map_err(|source| unreadable(folder, source))? {
        let entry = entry.map_err(|source| unreadable(folder, source))?;
        let (path, name) = (entry.path(), format!("{below}{}", entry.file_name().to_string_lossy()));
        if path.is_dir() {
            collect(&path, &format!("{name}/"), documents)?;
        } else {
            documents.insert(name, fs::read_to_string(&path).map_err(|source| unreadable(&path, source))?);
        }
    }
    Ok(())
}

fn unreadable(path: &Path, source: std::io::Error) -> Error {
    Error::not_found("the data of the evaluation cannot be read").with("path", path.display()).with_source(source)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_label_of_the_repository_holds() {
        let corpus = Corpus::read(&super::super::options::data_folder()).unwrap();
        assert!(corpus.questions.len() >= 120, "{}", corpus.questions.len());
        assert!(corpus.documents.len() >= 50, "{}", corpus.documents.len());
        assert!(corpus.bytes() < 600_000, "{}", corpus.bytes());
        for kind in Kind::ALL {
            assert!(corpus.questions.iter().filter(|question| question.kind == kind).count() >= 8, "{kind}");
        }
        for question in corpus.questions.iter().filter(|question| question.kind == Kind::Multi) {
            assert!(question.answers.len() >= 2, "{}", question.id);
        }
    }

    #[test]
    fn wrong_labels_are_told_by_their_line() {
        let documents = || BTreeMap::from([("a.txt".to_owned(), "one two, one".to_owned())]);
        let line = |id: &str, document: &str, quote: &str| {
            format!(r#"{{"id":"{id}","kind":"name","question":"?","answers":[{{"document":"{document}","quote":"{quote}"}}]}}"#)
        };
        let good = line("q1", "a.txt", "one");
        let corpus = Corpus::new(documents(), &good).unwrap();
        assert_eq!(corpus.questions[0].answers[0].spans, [0..3, 9..12]);
        for bad in
            [line("q1", "a.txt", "two"), line("q2", "b.txt", "two"), line("q2", "a.txt", "three"), line("q2", "a.txt", " ")]
        {
            let error = Corpus::new(documents(), &format!("{good}\n{bad}")).unwrap_err();
            assert_eq!(error.get("line"), Some("2"), "{bad}");
        }
    }
}
