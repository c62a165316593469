//! `mastra bench`: the workload of the benchmark on a store of vectors of the registry.

use crate::{
    exit::{Exit, HINT, Outcome, Stop},
    interrupt::Interrupts,
    output::{Output, progress, text},
    resolve::redacted,
};
use clap::Args;
use mastra_conformance::bench::{BenchOptions, DataSet, Shape, VectorFigures, bench_vectors};
use mastra_core::vector::VectorStore;
use mastra_core::{Error, ErrorKind, Result};
use mastra_engine::Registry;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Duration;

const EXAMPLES: &str = "\
Examples:
  mastra bench mystore:/tmp/try
  mastra bench postgres://app@localhost/app --json
  mastra bench mystore:/tmp/try --points 2000 --questions 50 --dimension 64
  mastra bench mystore:/tmp/try --data FOLDER       its vectors.jsonl and queries.jsonl

Loads points into an index of its own, by default 20,000 unit vectors of 384 numbers around 64 centres, then asks every question four \
times: among all points and among the one in sixteen that a filter leaves, one after another and 16 at once. Beside each rate stands recall@10, \
measured against every point looked at. The index is a graph where the store has graphs, else flat; it must not be there before, and is \
deleted in the end, also after a failure or Ctrl-C.

The figures are the store's as it is reached from here. What hand-written code on the same driver would do stands beside ours in the \
project's own benchmark, and cannot be measured here.";

/// What to measure.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Bench {
    /// The store of vectors
    url: String,
    /// A folder with vectors.jsonl and queries.jsonl, instead of data that is made
    #[arg(long, value_name = "DIR", conflicts_with_all = ["dimension"])]
    data: Option<PathBuf>,
    /// How many points
    #[arg(long, value_name = "N", default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    points: u32,
    /// How many questions
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    questions: u32,
    /// The length of the vectors
    #[arg(long, value_name = "N", default_value_t = 384, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    dimension: u32,
    /// Points written in one call
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    batch_size: u32,
    /// Candidates that a search of a graph keeps
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    ef: u32,
    /// The name of the index
    #[arg(long, value_name = "NAME", default_value = "mastra-bench")]
    index: String,
}

impl Bench {
    pub(crate) async fn run(&self, registry: &Registry, out: &Output) -> Outcome {
        let mut interrupts = Interrupts::listen();
        let store = registry.connect_vectors(&self.url).await?;
        self.refuse_what_is_there(&*store).await?;
        let bar = progress::waiting("measuring");
        let measuring = {
            let (store, data) = (store.clone(), self.data_set());
            let options = BenchOptions::default().batch(self.batch_size as usize).ef(self.ef).index(&self.index);
            async move {
                let data = tokio::task::spawn_blocking(data).await;
                let data = data.map_err(|source| Error::internal("making the data ended badly").with_source(source))??;
                let figures = bench_vectors(&store, &data, &options).await?;
                Ok::<_, Error>((figures, data))
            }
        };
        let mut running = tokio::spawn(measuring);
        let ended = tokio::select! {
            ended = &mut running => Some(ended),
            () = interrupts.pressed() => None,
        };
        bar.finish_and_clear();
        let Some(ended) = ended else {
            out.note("stopping, and deleting the index");
            running.abort();
            // A call that is under way has to be over before the index goes. What computes for longer than this calls nothing.
            let _ = tokio::time::timeout(Duration::from_secs(5), running).await;
            self.delete(&*store).await?;
            return Err(Stop::Interrupted);
        };
        let ended = ended.map_err(|source| Error::internal("the benchmark ended badly").with_source(source));
        match ended.and_then(|measured| measured) {
            Ok((figures, data)) => self.show(&figures, &data, out),
            Err(error) => {
                // An index that somebody else made meanwhile is theirs.
                if error.kind() != ErrorKind::AlreadyExists {
                    self.delete(&*store).await?;
                }
                Err(error.into())
            }
        }
    }

    /// Reads or makes the points, on a thread that may block.
    fn data_set(&self) -> impl FnOnce() -> Result<DataSet> + Send + 'static {
        let (folder, points, questions) = (self.data.clone(), self.points as usize, self.questions as usize);
        let dimension = self.dimension as usize;
        move || match folder {
            Some(folder) => Ok(DataSet::load(&folder)?.first(points, questions)),
            None => {
                let mut shape = Shape::default();
                (shape.points, shape.questions, shape.dimension) = (points, questions, dimension);
                Ok(DataSet::generate(shape))
            }
        }
    }

    async fn refuse_what_is_there(&self, store: &dyn VectorStore) -> Result<()> {
        match store.describe_index(&self.index).await {
            Err(error) if error.is_not_found() => Ok(()),
            Err(error) => Err(error),
            Ok(_) => Err(Error::already_exists("the index is there already, and the benchmark only deletes what it made")
                .with("index", &self.index)
                .with("url", redacted(&self.url))
                .with(HINT, "--index NAME")),
        }
    }

    async fn delete(&self, store: &dyn VectorStore) -> Result<()> {
        match store.delete_index(&self.index).await {
            Err(error) if !error.is_not_found() => Err(error.with(HINT, format!("mastra vectors delete {}", self.index))),
            _ => Ok(()),
        }
    }

    fn show(&self, figures: &VectorFigures, data: &DataSet, out: &Output) -> Outcome {
        let mut document = json!({
            "url": redacted(&self.url),
            "points": data.points().len(),
            "questions": data.questions().len(),
            "dimension": data.dimension(),
        });
        let measured = serde_json::to_value(figures).map_err(|source| Error::internal("no JSON").with_source(source))?;
        if let (Value::Object(document), Value::Object(measured)) = (&mut document, measured) {
            document.extend(measured);
        }
        out.document(&document)?;
        out.say(format!(
            "{} of {} numbers, {}, an index of the kind {}",
            text::plural(data.points().len() as u64, "point"),
            data.dimension(),
            text::plural(data.questions().len() as u64, "question"),
            figures.kind
        ))?;
        out.say(figures.to_string().trim_end())?;
        Ok(Exit::Done)
    }
}
