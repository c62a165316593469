//! `mastra vectors list` and `mastra vectors describe`.

use super::shown_namespace;
use crate::{
    context::Context,
    exit::{Exit, Outcome},
    output::{grid::Grid, text},
};
use clap::Args;
use mastra_core::vector::{Element, IndexKind, IndexSpec};
use serde_json::json;

pub(super) const LIST: &str = "\
Examples:
  mastra vectors list
  mastra vectors list --engine postgres://app@localhost/app --json";

pub(super) const DESCRIBE: &str = "\
Examples:
  mastra vectors describe docs
  mastra vectors describe docs --engine qdrant://localhost:6334 --json";

#[derive(Debug, Args)]
pub(crate) struct List {}

#[derive(Debug, Args)]
pub(crate) struct Describe {
    /// The index
    index: String,
}

impl List {
    pub(crate) async fn run(&self, context: &Context) -> Outcome {
        let store = context.connect_existing_vectors().await?;
        let items = store.list_indexes().await?;
        context.out.document(&json!({ "items": items }))?;
        if items.is_empty() {
            context.out.say("no indexes yet: `mastra vectors create NAME --dimension N` makes one")?;
            return Ok(Exit::Done);
        }
        let mut grid = Grid::new(["name", "dimension", "metric", "kind", "element", "fields", "model"]).right(&[1]);
        for spec in &items {
            grid.row([
                text::clean(&spec.name),
                text::count(spec.dimension as u64),
                spec.metric.to_string(),
                kind(spec.kind),
                element(spec.element).to_owned(),
                fields(spec),
                model(spec),
            ]);
        }
        context.out.grid(&grid)?;
        Ok(Exit::Done)
    }
}

impl Describe {
    pub(crate) async fn run(&self, context: &Context) -> Outcome {
        let store = context.connect_existing_vectors().await?;
        let description = store.describe_index(&self.index).await?;
        let namespaces = store.list_namespaces(&self.index).await?;
        let mut document = serde_json::to_value(&description).unwrap_or_default();
        if let Some(map) = document.as_object_mut() {
            map.insert("namespaces".into(), json!(namespaces));
        }
        context.out.document(&document)?;
        let spec = &description.spec;
        let or_none = |text: String| if text.is_empty() { "none".to_owned() } else { text };
        let pairs = [
            ("name", text::clean(&spec.name)),
            ("points", text::count(description.count)),
            ("dimension", text::count(spec.dimension as u64)),
            ("metric", spec.metric.to_string()),
            ("kind", kind(spec.kind)),
            ("element", element(spec.element).to_owned()),
            ("fields", or_none(fields(spec))),
            ("model", or_none(model(spec))),
        ];
        for (name, value) in pairs {
            context.out.say(format!("{}  {value}", context.out.bold(&format!("{name:>9}"))))?;
        }
        if namespaces.len() > 1 || namespaces.iter().any(|namespace| !namespace.name.is_empty()) {
            let mut grid = Grid::new(["namespace", "points"]).right(&[1]);
            for namespace in &namespaces {
                grid.row([shown_namespace(&namespace.name), text::count(namespace.count)]);
            }
            context.out.grid(&grid)?;
        }
        Ok(Exit::Done)
    }
}

fn kind(kind: IndexKind) -> String {
    match kind {
        IndexKind::Hnsw { m, ef_construction } => format!("hnsw (m {m}, ef_construction {ef_construction})"),
        IndexKind::IvfFlat { lists } => format!("ivfflat (lists {lists})"),
        other => other.as_str().to_owned(),
    }
}

fn element(element: Element) -> &'static str {
    match element {
        Element::F16 => "f16",
        _ => "f32",
    }
}

fn fields(spec: &IndexSpec) -> String {
    spec.fields.iter().map(|field| text::clean(&field.path.to_string())).collect::<Vec<_>>().join(", ")
}

fn model(spec: &IndexSpec) -> String {
    spec.provenance.as_ref().map(|provenance| text::clean(&provenance.model)).unwrap_or_default()
}
