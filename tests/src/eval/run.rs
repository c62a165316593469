//! What is measured, one after another.

use super::{
    corpus::Corpus,
    embedders::{self, Named},
    metrics::{DEPTH, Found, Judgement},
    options::{Cut, Options, data_folder},
    reference::{Reference, Words, fused},
    report::{ReferenceRow, Report, Row, Section},
    search::{Indexed, Manner, Store, judge_all},
};
use mastra_core::{Error, Result, vector::leg_depth};
use mastra_rag::knowledge::SearchMode;
use std::time::Instant;

pub(super) async fn run(options: &Options) -> Result<Report> {
    let mut corpus = Corpus::read(&options.data.clone().unwrap_or_else(data_folder))?;
    corpus.questions.truncate(options.questions.unwrap_or(usize::MAX));
    let choice = embedders::choose(options).await?;
    let standard = options.chunkers.first().ok_or_else(|| Error::invalid_input("--chunker names none"))?;
    let began = Instant::now();
    let mut report = Report::new(&corpus, standard, choice.missing);
    let steps = choice.embedders.len() * options.chunkers.len();
    let mut done = 0;
    for (first, named) in choice.embedders.iter().enumerate().map(|(at, named)| (at == 0, named)) {
        for cut in &options.chunkers {
            done += 1;
            let seconds = began.elapsed().as_secs();
            eprintln!("[{seconds:>4} s] {done} of {steps}: {} with {}", cut.name, named.name);
            let (before, start) = (named.embedder.stats().misses, Instant::now());
            let indexed = Indexed::new(&corpus, Store::Sqlite, &cut.config, named.embedder.clone()).await?;
            let (texts, took) = (named.embedder.stats().misses - before, start.elapsed().as_secs_f64());
            if texts > 0 {
                eprintln!("         {texts} texts embedded and indexed, {:.1} a second", texts as f64 / took);
            }
            let asked = Asked { corpus: &corpus, indexed: &indexed, cut, named };
            for mode in &options.modes {
                // Words alone are the same whatever made the vectors.
                if *mode != SearchMode::Text || first {
                    report.add(Section::Chunkers, asked.by(Manner::by(*mode)).await?);
                }
            }
            if cut == standard {
                for manner in manners(&options.modes) {
                    report.add(Section::Manners, asked.by(manner).await?);
                }
                asked.references(&mut report, first).await?;
                report.alike.push(asked.alike_on_mock(&options.modes).await?);
                if options.misses {
                    asked.tell_misses(&options.modes).await?;
                }
            }
        }
    }
    eprintln!("[{:>4} s] done", began.elapsed().as_secs());
    Ok(report)
}

/// The ways of asking that are compared, over one chunker.
fn manners(modes: &[SearchMode]) -> Vec<Manner> {
    let vectors = modes.iter().filter(|mode| **mode != SearchMode::Text);
    let of = |mode: &SearchMode| {
        let plain = Manner::by(*mode);
        [
            plain,
            Manner { relevance: 1.0, ..plain },
            Manner { relevance: 0.85, ..plain },
            Manner { relevance: 0.5, ..plain },
            Manner { neighbours: 1, ..plain },
            Manner { neighbours: 2, ..plain },
            Manner { one_per_record: true, ..plain },
        ]
    };
    vectors.flat_map(of).collect()
}

/// A knowledge base and what it was made of.
struct Asked<'a> {
    corpus: &'a Corpus,
    indexed: &'a Indexed,
    cut: &'a Cut,
    named: &'a Named,
}

impl Asked<'_> {
    async fn by(&self, manner: Manner) -> Result<Row> {
        let answers = self.indexed.ask(self.corpus, manner).await?;
        Ok(Row {
            chunker: self.cut.name.clone(),
            chunks: self.indexed.chunks,
            embedder: self.named.name.clone(),
            manner,
            judged: judge_all(self.corpus, &answers),
        })
    }

    /// How many questions, over all modes, have the same passages in the same order from the mock.
    async fn alike_on_mock(&self, modes: &[SearchMode]) -> Result<(String, usize, usize)> {
        let mock = Indexed::new(self.corpus, Store::Mock, &self.cut.config, self.named.embedder.clone()).await?;
        let (mut alike, mut all) = (0, 0);
        for mode in modes {
            let manner = Manner::by(*mode);
            let (ours, theirs) = (self.indexed.ask(self.corpus, manner).await?, mock.ask(self.corpus, manner).await?);
            all += ours.len();
            alike += ours.iter().zip(&theirs).filter(|(ours, theirs)| ours == theirs).count();
        }
        Ok((self.named.name.clone(), alike, all))
    }

    /// Other ways of matching words, alone and beside the product's vectors.
    async fn references(&self, report: &mut Report, alone: bool) -> Result<()> {
        let reference = Reference::new(self.corpus, &self.cut.config)?;
        let manner = Manner { relevance: 1.0, top_k: leg_depth(DEPTH), ..Manner::by(SearchMode::Vector) };
        let vectors = self.indexed.ask(self.corpus, manner).await?;
        for words in Words::ALL {
            let found: Vec<Vec<Found>> =
                self.corpus.questions.iter().map(|question| reference.find(&question.question, words)).collect();
            let both: Vec<Vec<Found>> = vectors.iter().zip(&found).map(|(vector, words)| fused(vector, words)).collect();
            let mut row = |embedder: Option<&str>, answers: &[Vec<Found>]| {
                let judged = judge_all(self.corpus, answers);
                report.references.push(ReferenceRow { words, embedder: embedder.map(str::to_owned), judged });
            };
            if alone {
                row(None, &found);
            }
            row(Some(&self.named.name), &both);
        }
        Ok(())
    }

    async fn tell_misses(&self, modes: &[SearchMode]) -> Result<()> {
        for mode in modes {
            let row = self.by(Manner::by(*mode)).await?;
            let missed = |judged: &Judgement| judged.passage.get(1).is_some_and(|recall| *recall < 1.0);
            for (question, _) in self.corpus.questions.iter().zip(&row.judged).filter(|(_, judged)| missed(judged)) {
                eprintln!("missed by {} {mode}: {} {} {}", self.named.name, question.id, question.kind, question.question);
            }
        }
        Ok(())
    }
}
