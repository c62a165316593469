//! `mastra vectors create`.

use crate::{
    context::Context,
    exit::{Exit, HINT, Outcome},
    output::text,
    records::select,
};
use clap::{Args, ValueEnum};
use mastra_core::vector::{Element, IndexKind, IndexSpec, Metric, Provenance};
use mastra_core::{Error, Path, Result};

const EXAMPLES: &str = "\
Examples:
  mastra vectors create docs --dimension 384
  mastra vectors create docs --dimension 1536 --metric dot --kind hnsw --field lang --list-field tags
  mastra vectors create docs --dimension 384 --model local/all-minilm-l6-v2      queries of another model are refused

Flat looks at every point and is exact; hnsw and ivfflat are faster on many points and approximate. Filters work on every \
metadata field; those that are named are served by an index.";

/// The index to make.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Create {
    /// Its name
    name: String,
    /// The length of its vectors
    #[arg(long, value_name = "N")]
    dimension: usize,
    /// How nearness is measured
    #[arg(long, value_enum, default_value = "cosine")]
    metric: MetricName,
    /// How neighbours are found
    #[arg(long, value_enum, default_value = "flat")]
    kind: KindName,
    /// Neighbours of a point, of hnsw [default: 16]
    #[arg(long, value_name = "N")]
    m: Option<u32>,
    /// Candidates while building, of hnsw [default: 64]
    #[arg(long, value_name = "N")]
    ef_construction: Option<u32>,
    /// The number of clusters, of ivfflat
    #[arg(long, value_name = "N", required_if_eq("kind", "ivfflat"))]
    lists: Option<u32>,
    /// What numbers are stored as
    #[arg(long, value_enum, default_value = "f32")]
    element: ElementName,
    /// A metadata field that filters are served on; may be repeated
    #[arg(long, value_name = "PATH", value_parser = select::path)]
    field: Vec<Path>,
    /// The same for a field that holds lists
    #[arg(long, value_name = "PATH", value_parser = select::path)]
    list_field: Vec<Path>,
    /// The embedding model, as provider/model
    #[arg(long)]
    model: Option<String>,
    /// The model's revision
    #[arg(long, requires = "model")]
    revision: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum MetricName {
    /// The angle between two vectors
    Cosine,
    /// The inner product
    Dot,
    /// The straight line between two points
    Euclidean,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum KindName {
    /// Look at every point
    Flat,
    /// A graph of neighbours
    Hnsw,
    /// Clusters
    #[value(name = "ivfflat")]
    IvfFlat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ElementName {
    /// 32 bits
    F32,
    /// 16 bits
    F16,
}

impl Create {
    pub(crate) async fn run(&self, context: &Context) -> Outcome {
        let spec = self.spec()?;
        let store = context.connect_vectors().await?;
        store.create_index(&spec).await?;
        context.out.document(&spec)?;
        context.out.say(format!("made the index {} of {}", text::clean(&spec.name), context.choice.shown()))?;
        Ok(Exit::Done)
    }

    fn spec(&self) -> Result<IndexSpec> {
        let foreign = |option: &str, kind: &str| {
            Error::invalid_input(format!("{option} belongs to another kind of index")).with(HINT, format!("--kind {kind}"))
        };
        if self.kind != KindName::Hnsw && (self.m.is_some() || self.ef_construction.is_some()) {
            return Err(foreign("--m and --ef-construction", "hnsw"));
        }
        let kind = match (self.kind, self.lists) {
            (KindName::Flat | KindName::Hnsw, Some(_)) => return Err(foreign("--lists", "ivfflat")),
            (KindName::Flat, None) => IndexKind::Flat,
            (KindName::Hnsw, None) => {
                IndexKind::Hnsw { m: self.m.unwrap_or(16), ef_construction: self.ef_construction.unwrap_or(64) }
            }
            (KindName::IvfFlat, lists) => IndexKind::IvfFlat { lists: lists.unwrap_or_default() },
        };
        let metric = match self.metric {
            MetricName::Cosine => Metric::Cosine,
            MetricName::Dot => Metric::Dot,
            MetricName::Euclidean => Metric::Euclidean,
        };
        let element = match self.element {
            ElementName::F32 => Element::F32,
            ElementName::F16 => Element::F16,
        };
        let mut spec = IndexSpec::new(&self.name, self.dimension).metric(metric).kind(kind).element(element);
        spec = self.field.iter().cloned().fold(spec, IndexSpec::field);
        spec = self.list_field.iter().cloned().fold(spec, IndexSpec::list_field);
        if let Some(model) = &self.model {
            let provenance = Provenance::new(model);
            spec = spec.provenance(match &self.revision {
                Some(revision) => provenance.revision(revision),
                None => provenance,
            });
        }
        Ok(spec)
    }
}
