//! The tables of a run, for people and for programs.

use super::{
    corpus::{Corpus, Kind},
    interval::Mean,
    metrics::{DEPTH, DEPTHS, Judgement, SHOWN},
    options::Cut,
    reference::Words,
    search::Manner,
};
use serde_json::{Map, Value, json};
use std::fmt::Write as _;

/// What a run came to.
#[derive(Debug)]
pub(super) struct Report {
    kinds: Vec<Kind>,
    documents: usize,
    bytes: usize,
    standard: String,
    rows: Vec<(Section, Row)>,
    /// Embedder, questions whose passages the mock gives alike, and all.
    pub(super) alike: Vec<(String, usize, usize)>,
    /// Other ways of matching words.
    pub(super) references: Vec<ReferenceRow>,
    missing: Vec<(String, String)>,
}

/// All questions, by a way of matching words that is not the product's.
#[derive(Debug)]
pub(super) struct ReferenceRow {
    pub(super) words: Words,
    /// Whose vectors they were fused with; none for words alone.
    pub(super) embedder: Option<String>,
    pub(super) judged: Vec<Judgement>,
}

/// What a row is compared for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Section {
    Chunkers,
    Manners,
}

/// All questions, asked in one way.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) chunker: String,
    pub(super) chunks: u64,
    pub(super) embedder: String,
    pub(super) manner: Manner,
    pub(super) judged: Vec<Judgement>,
}

/// A figure of a judgement.
type Figure = fn(&Judgement) -> f64;

const PASSAGE: [Figure; 3] = [|j| j.passage[0], |j| j.passage[1], |j| j.passage[2]];
const DOCUMENT: [Figure; 3] = [|j| j.document[0], |j| j.document[1], |j| j.document[2]];
const RECIPROCAL: Figure = |j| j.reciprocal_rank;
const NDCG: Figure = |j| j.ndcg;
const WHOLE: Figure = |j| j.whole;
const CONTEXT: Figure = |j| j.context;

impl Row {
    fn values(&self, figure: Figure) -> Vec<f64> {
        values(&self.judged, figure)
    }

    fn mean(&self, figure: Figure) -> f64 {
        average(&self.judged, figure)
    }

    fn embedder(&self) -> &str {
        if self.manner.mode == mastra_rag::knowledge::SearchMode::Text { "none" } else { &self.embedder }
    }
}

fn average(judged: &[Judgement], figure: Figure) -> f64 {
    judged.iter().map(figure).sum::<f64>() / judged.len().max(1) as f64
}

fn values(judged: &[Judgement], figure: Figure) -> Vec<f64> {
    judged.iter().map(figure).collect()
}

impl Report {
    pub(super) fn new(corpus: &Corpus, standard: &Cut, missing: Vec<(String, String)>) -> Self {
        Self {
            kinds: corpus.questions.iter().map(|question| question.kind).collect(),
            documents: corpus.documents.len(),
            bytes: corpus.bytes(),
            standard: standard.name.clone(),
            rows: Vec::new(),
            alike: Vec::new(),
            references: Vec::new(),
            missing,
        }
    }

    pub(super) fn add(&mut self, section: Section, row: Row) {
        self.rows.push((section, row));
    }

    fn of(&self, section: Section) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(move |(of, _)| *of == section).map(|(_, row)| row)
    }

    /// What a row is compared with: the same but for the chunker, or but for the manner.
    fn base(&self, section: Section, row: &Row) -> Option<&Row> {
        let same = |base: &&Row| base.embedder == row.embedder && base.manner.mode == row.manner.mode;
        match section {
            Section::Chunkers => self.of(section).filter(same).find(|base| base.chunker == self.standard),
            Section::Manners => self.of(section).filter(same).find(|base| base.manner == Manner::by(row.manner.mode)),
        }
    }

    /// Everything in Markdown.
    pub(super) fn tables(&self) -> String {
        let mut out = String::new();
        self.write(&mut out).unwrap_or_default();
        out
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        let (questions, documents, kilobytes) = (self.kinds.len(), self.documents, self.bytes / 1_000);
        writeln!(out, "{questions} questions over {documents} documents ({kilobytes} kB).\n\n### Chunkers and modes\n")?;
        writeln!(
            out,
            "| chunker | chunks | embedder | mode | passage @{} | @{} (95 %) | @{} | document @{} | @{} | @{} | MRR@{DEPTH} | nDCG@{DEPTH} (95 %) | whole @{SHOWN} | characters |",
            DEPTHS[0], DEPTHS[1], DEPTHS[2], DEPTHS[0], DEPTHS[1], DEPTHS[2]
        )?;
        writeln!(out, "|---|---|---|---|---|---|---|---|---|---|---|---|---|---|")?;
        for row in self.of(Section::Chunkers) {
            write!(out, "| {} | {} | {} | {} |", row.chunker, row.chunks, row.embedder(), row.manner.mode)?;
            write_figures(out, row)?;
        }
        writeln!(
            out,
            "\n### Against `{}`\n\nThe difference question by question, of passage recall @{SHOWN} and of nDCG; in bold where the interval leaves zero out.\n",
            self.standard
        )?;
        writeln!(out, "| chunker | embedder | mode | passage @{SHOWN} (95 %) | nDCG (95 %) |\n|---|---|---|---|---|")?;
        for row in self.of(Section::Chunkers).filter(|row| row.chunker != self.standard) {
            write!(out, "| {} | {} | {} |", row.chunker, row.embedder(), row.manner.mode)?;
            self.write_differences(out, Section::Chunkers, row)?;
        }
        writeln!(out, "\n### Modes against one another, over `{}`\n", self.standard)?;
        writeln!(out, "| embedder | mode | less | passage @{SHOWN} (95 %) | nDCG (95 %) |\n|---|---|---|---|---|")?;
        self.write_modes(out)?;
        writeln!(out, "\n### Ways of asking, over `{}`\n", self.standard)?;
        writeln!(out, "`relevance` 1 is without maximal marginal relevance. The differences are to the defaults.\n")?;
        writeln!(
            out,
            "| embedder | mode | relevance | neighbours | one per record | passage @{SHOWN} | document @{SHOWN} | whole @{SHOWN} | characters | passage @{SHOWN}, difference (95 %) | nDCG, difference (95 %) |"
        )?;
        writeln!(out, "|---|---|---|---|---|---|---|---|---|---|---|")?;
        for row in self.of(Section::Manners) {
            let Manner { mode, relevance, neighbours, one_per_record, .. } = row.manner;
            let one = if one_per_record { "yes" } else { "no" };
            write!(out, "| {} | {mode} | {relevance} | {neighbours} | {one} |", row.embedder())?;
            let (passage, document) = (row.mean(PASSAGE[1]), row.mean(DOCUMENT[1]));
            write!(out, " {passage:.3} | {document:.3} | {:.3} | {:.0} |", row.mean(WHOLE), row.mean(CONTEXT))?;
            self.write_differences(out, Section::Manners, row)?;
        }
        writeln!(out, "\n### Passage recall @{SHOWN} by kind of question, over `{}`\n", self.standard)?;
        self.write_kinds(out)?;
        self.write_references(out)?;
        writeln!(
            out,
            "\n### SQLite and the mock\n\n| embedder | questions with the same passages in the same order, over all modes |\n|---|---|"
        )?;
        for (embedder, alike, all) in &self.alike {
            writeln!(out, "| {embedder} | {alike} of {all} |")?;
        }
        writeln!(out, "\n### Not measured\n\n| what | why |\n|---|---|")?;
        for (what, why) in &self.missing {
            writeln!(out, "| `{what}` | {why} |")?;
        }
        writeln!(out, "| a `Reranker` | none is part of the library; the trait takes one of yours |")
    }

    fn write_differences(&self, out: &mut String, section: Section, row: &Row) -> std::fmt::Result {
        let base = self.base(section, row);
        for figure in [PASSAGE[1], NDCG] {
            match base {
                Some(base) if base.chunker != row.chunker || base.manner != row.manner => {
                    write_difference(out, &Mean::of_difference(&row.values(figure), &base.values(figure)))?;
                }
                _ => write!(out, " |")?,
            }
        }
        writeln!(out)
    }

    /// Each mode less each later one.
    fn write_modes(&self, out: &mut String) -> std::fmt::Result {
        let rows: Vec<&Row> = self.of(Section::Chunkers).filter(|row| row.chunker == self.standard).collect();
        for (at, row) in rows.iter().enumerate() {
            let same = |other: &&&Row| other.embedder() == "none" || other.embedder == row.embedder;
            for other in rows.iter().enumerate().filter(|(place, _)| *place != at).map(|(_, other)| other).filter(same) {
                if (row.manner.mode as u8) <= (other.manner.mode as u8) {
                    continue;
                }
                write!(out, "| {} | {} | {} |", row.embedder(), row.manner.mode, other.manner.mode)?;
                for figure in [PASSAGE[1], NDCG] {
                    write_difference(out, &Mean::of_difference(&row.values(figure), &other.values(figure)))?;
                }
                writeln!(out)?;
            }
        }
        Ok(())
    }

    fn write_references(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "\n### Other ways of matching words, over `{}`\n", self.standard)?;
        writeln!(
            out,
            "Not the product: the same chunks, matched by hand, and fused with its vectors without maximal marginal relevance. The differences are to the first way.\n"
        )?;
        writeln!(
            out,
            "| words | with vectors of | passage @1 | @{SHOWN} | @{DEPTH} | nDCG | passage @{SHOWN}, difference (95 %) | nDCG, difference (95 %) |"
        )?;
        writeln!(out, "|---|---|---|---|---|---|---|---|")?;
        for row in &self.references {
            write!(out, "| {} | {} |", row.words.as_str(), row.embedder.as_deref().unwrap_or("none"))?;
            for figure in PASSAGE.into_iter().chain([NDCG]) {
                write!(out, " {:.3} |", average(&row.judged, figure))?;
            }
            let first = self.references.iter().find(|first| first.embedder == row.embedder && first.words == Words::Every);
            for figure in [PASSAGE[1], NDCG] {
                match first {
                    Some(first) if first.words != row.words => {
                        write_difference(
                            out,
                            &Mean::of_difference(&values(&row.judged, figure), &values(&first.judged, figure)),
                        )?;
                    }
                    _ => write!(out, " |")?,
                }
            }
            writeln!(out)?;
        }
        Ok(())
    }

    fn write_kinds(&self, out: &mut String) -> std::fmt::Result {
        write!(out, "| embedder | mode |")?;
        for kind in Kind::ALL {
            write!(out, " {kind} ({}) |", self.kinds.iter().filter(|of| **of == kind).count())?;
        }
        writeln!(out, "\n|---|---|{}", "---|".repeat(Kind::ALL.len()))?;
        for row in self.of(Section::Chunkers).filter(|row| row.chunker == self.standard) {
            write!(out, "| {} | {} |", row.embedder(), row.manner.mode)?;
            for kind in Kind::ALL {
                match self.by_kind(row, kind) {
                    Some(recall) => write!(out, " {recall:.2} |")?,
                    None => write!(out, " |")?,
                }
            }
            writeln!(out)?;
        }
        Ok(())
    }

    fn by_kind(&self, row: &Row, kind: Kind) -> Option<f64> {
        let of = self.kinds.iter().zip(&row.judged).filter(|(of, _)| **of == kind);
        let values: Vec<f64> = of.map(|(_, judged)| PASSAGE[1](judged)).collect();
        (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
    }

    /// The same for programs; differences are theirs to take, from `judged`.
    pub(super) fn to_json(&self) -> Value {
        let row = |(section, row): &(Section, Row)| {
            let kinds: Map<String, Value> =
                Kind::ALL.iter().map(|kind| (kind.to_string(), json!(self.by_kind(row, *kind)))).collect();
            let Manner { mode, relevance, neighbours, one_per_record, .. } = row.manner;
            json!({
                "section": if *section == Section::Chunkers { "chunkers" } else { "manners" },
                "chunker": row.chunker, "chunks": row.chunks, "embedder": row.embedder(), "mode": mode,
                "relevance": relevance, "neighbours": neighbours, "onePerRecord": one_per_record,
                "passageRecall": at_depths(row, PASSAGE), "documentRecall": at_depths(row, DOCUMENT),
                "mrr": interval(row, RECIPROCAL), "ndcg": interval(row, NDCG),
                "whole": interval(row, WHOLE), "characters": row.mean(CONTEXT), "passageRecallAt5ByKind": kinds,
            })
        };
        let missing: Map<String, Value> = self.missing.iter().map(|(what, why)| (what.clone(), why.as_str().into())).collect();
        json!({
            "questions": self.kinds.len(), "documents": self.documents, "bytes": self.bytes, "standard": self.standard,
            "rows": self.rows.iter().map(row).collect::<Vec<_>>(),
            "alikeOnMock": self.alike.iter().map(|(embedder, alike, of)| json!({"embedder": embedder, "alike": alike, "of": of})).collect::<Vec<_>>(),
            "references": self.references.iter().map(|row| json!({
                "words": row.words.as_str(), "embedder": row.embedder, "passageRecallAt5": average(&row.judged, PASSAGE[1]),
                "ndcg": average(&row.judged, NDCG),
            })).collect::<Vec<_>>(),
            "notMeasured": missing,
        })
    }
}

fn at_depths(row: &Row, figures: [Figure; 3]) -> Value {
    DEPTHS.iter().zip(figures).map(|(depth, figure)| (depth.to_string(), interval(row, figure))).collect::<Map<_, _>>().into()
}

fn interval(row: &Row, figure: Figure) -> Value {
    let Mean { mean, low, high } = Mean::of(&row.values(figure));
    json!({"mean": mean, "low": low, "high": high})
}

fn write_figures(out: &mut String, row: &Row) -> std::fmt::Result {
    let (recall, ndcg) = (Mean::of(&row.values(PASSAGE[1])), Mean::of(&row.values(NDCG)));
    let [first, _, tenth] = PASSAGE.map(|figure| row.mean(figure));
    write!(out, " {first:.3} | **{:.3}** ({:.3} to {:.3}) | {tenth:.3} |", recall.mean, recall.low, recall.high)?;
    for figure in DOCUMENT {
        write!(out, " {:.3} |", row.mean(figure))?;
    }
    write!(out, " {:.3} | {:.3} ({:.3} to {:.3}) |", row.mean(RECIPROCAL), ndcg.mean, ndcg.low, ndcg.high)?;
    writeln!(out, " {:.3} | {:.0} |", row.mean(WHOLE), row.mean(CONTEXT))
}

fn write_difference(out: &mut String, difference: &Mean) -> std::fmt::Result {
    let bold = if difference.is_clear() { "**" } else { "" };
    write!(out, " {bold}{:+.3}{bold} ({:+.3} to {:+.3}) |", difference.mean, difference.low, difference.high)
}
