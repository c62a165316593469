//! `mastra vectors query`.

use super::ScopeArgs;
use crate::{
    context::Context,
    exit::{Exit, HINT, Outcome, file_error},
    output::{grid::Grid, text},
    records::select,
};
use clap::{Args, ValueEnum};
use mastra_core::vector::{Exactness, Include, Shortfall, Vector, VectorQuery};
use mastra_core::{Error, Result};
use serde_json::Value;
use std::io::Read as _;
use std::time::Instant;

const EXAMPLES: &str = "\
Examples:
  mastra vectors query docs --vector '[0.1, 0.9]' --top-k 5
  mastra vectors query docs --vector question.json --filter '{\"lang\": \"en\"}' --min-score 0.5
  mastra vectors query docs --text 'recall \"at ten\"'              by words
  mastra vectors query docs --vector question.json --text recall    both, fused by reciprocal ranks
  mastra vectors query docs --vector - --include vector --json < question.json";

/// What is looked for.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
#[command(group = clap::ArgGroup::new("search").required(true).multiple(true).args(["vector", "text"]))]
pub(crate) struct Query {
    #[command(flatten)]
    scope: ScopeArgs,
    /// The nearest to this vector: a JSON list of numbers, a file that holds one, or - for standard input
    #[arg(long, value_name = "FILE|JSON", allow_hyphen_values = true)]
    vector: Option<String>,
    /// The points whose text holds these words
    #[arg(long, value_name = "WORDS")]
    text: Option<String>,
    /// Only points whose metadata matches
    #[arg(long, value_name = "JSON")]
    filter: Option<String>,
    /// At most so many hits
    #[arg(long, value_name = "N", default_value_t = 10)]
    top_k: usize,
    /// Only hits of the vector that score this much or more
    #[arg(long, value_name = "SCORE", allow_negative_numbers = true, requires = "vector")]
    min_score: Option<f64>,
    /// Show this part of the points too; metadata and text are shown anyway
    #[arg(long, value_enum, value_name = "PART", value_delimiter = ',')]
    include: Vec<Part>,
    /// Look at every point that matches, whatever index there is
    #[arg(long)]
    exact: bool,
    /// Candidates that a graph search keeps
    #[arg(long, value_name = "N")]
    ef: Option<u32>,
    /// Clusters that are looked at
    #[arg(long, value_name = "N")]
    probes: Option<u32>,
    /// The model that made the vector: refused where the index names another
    #[arg(long, requires = "vector")]
    model: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    Vector,
    Metadata,
    Text,
}

impl Query {
    pub(crate) async fn run(&self, context: &Context) -> Outcome {
        let query = self.query()?;
        let store = context.connect_existing_vectors().await?;
        let began = Instant::now();
        let answer = store.query(&self.scope.scope(), &query).await?;
        let took = began.elapsed();
        context.out.document(&answer)?;
        if answer.hits.is_empty() {
            context.out.say(format!("no points match ({})", text::took(took)))?;
            return Ok(Exit::Done);
        }
        let mut lead = vec!["id", "score"];
        lead.extend(query.include.vector.then_some("vector"));
        let empty = Value::Null;
        let rows = answer.hits.iter().map(|hit| {
            let mut first = vec![text::clean(&hit.id), format!("{:.4}", hit.score)];
            first.extend(hit.vector.as_ref().map(|vector| format!("{:?}", vector.as_slice())));
            (first, hit.metadata.as_ref().unwrap_or(&empty))
        });
        context.out.grid(&Grid::of_documents(&lead, rows).right(&[1]))?;
        let sure = match answer.exactness {
            Exactness::Exact => "exact",
            Exactness::Approximate => "approximate",
        };
        let hits = text::plural(answer.hits.len() as u64, "hit");
        context.out.say(context.out.dim(&format!("{hits} in {}, {sure}", text::took(took))))?;
        if answer.shortfall == Some(Shortfall::IndexGaveUp) {
            context.out.note("the index stopped looking before it had enough: more with --exact, or a larger --ef or --probes");
        }
        Ok(Exit::Done)
    }

    fn query(&self) -> Result<VectorQuery> {
        let vector = self.vector.as_deref().map(vector).transpose()?;
        let mut query = match (vector, self.text.as_deref()) {
            (Some(vector), Some(text)) => VectorQuery::hybrid(vector, text),
            (Some(vector), None) => VectorQuery::vector(vector),
            (None, text) => VectorQuery::text(text.unwrap_or_default()),
        };
        let include = Include { vector: self.include.contains(&Part::Vector), ..Include::default() };
        query = query.top_k(self.top_k).filter(select::filter(self.filter.as_deref())?).include(include).exact(self.exact);
        (query.min_score, query.ef, query.probes) = (self.min_score, self.ef, self.probes);
        query.model.clone_from(&self.model);
        Ok(query)
    }
}

/// A vector as the command line gives it.
fn vector(given: &str) -> Result<Vector> {
    let given = given.trim();
    let text = match given {
        json if json.starts_with('[') => json.to_owned(),
        "-" => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).map_err(|source| file_error("cannot read", "-", source))?;
            text
        }
        path => std::fs::read_to_string(path).map_err(|source| file_error("cannot read the vector", path, source))?,
    };
    serde_json::from_str(&text).map_err(|error| {
        Error::invalid_input(format!("not a vector: {error}"))
            .with(HINT, "a JSON list of numbers, such as '[0.1, 0.9]', or a file of one")
    })
}
