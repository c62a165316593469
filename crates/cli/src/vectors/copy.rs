//! `mastra vectors copy`: an index from store to store, page by page, resumable and verified.

mod mark;
mod prune;
mod verify;

use super::{place::IndexPlace, shown_namespace};
use crate::{
    context::Context,
    exit::{Exit, HINT, Outcome},
    output::{progress, text},
};
use clap::{Args, ValueEnum};
use mark::Mark;
use mastra_core::vector::{
    Include, IndexSpec, NamespaceInfo, NewPoint, Point, PointCountQuery, PointUpsertOptions, Scope, ScrollQuery, VectorStore,
};
use mastra_core::{Error, ErrorKind, OptionalExt as _, Result};
use serde::Serialize;
use std::{collections::HashSet, time::Instant};
use verify::{Fidelity, differing};

/// Of a sample, every so many points are read back; the first of each page always.
const SAMPLE: usize = 20;

const EXAMPLES: &str = "\
Examples:
  mastra vectors copy docs postgres://app@localhost/app#docs
  mastra vectors copy sqlite:old.db#docs qdrant://localhost:6334#docs --verify all
  mastra vectors copy sqlite:old.db sqlite:new.db --index docs --dry-run

FROM and TO are URL#INDEX, a URL with --index, or an index of the engine that --engine names. Where TO is not there it is made like FROM; \
an index of another dimension, metric, element or model is refused. A copy that was stopped or killed goes on where it was when the same \
command runs again (its position is kept in .mastra/); what it had copied is compared, and written again where either side changed since. \
Points that only TO holds are left alone and told, or removed with --prune. Points are read back and compared, and counted in the end; \
exit code 1 where they differ.";

/// What to carry, and how.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Copy {
    /// The index to read
    from: String,
    /// The index to write
    to: String,
    /// The name of both indexes, where FROM and TO name stores alone
    #[arg(long, value_name = "NAME")]
    index: Option<String>,
    /// Points read and written in one call
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    batch_size: u32,
    /// Which points are read back and compared
    #[arg(long, value_enum, default_value = "sample")]
    verify: Verify,
    /// Begin at the first point, whatever an earlier run has copied
    #[arg(long)]
    restart: bool,
    /// Remove points of TO that FROM does not hold, whoever wrote them
    #[arg(long)]
    prune: bool,
    /// Say what would be copied, change nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Verify {
    /// Some points of every page
    Sample,
    /// Every point
    All,
}

/// What was copied.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    from: String,
    to: String,
    dry_run: bool,
    /// Whether the index had to be made.
    created: bool,
    /// How many points an earlier run had copied.
    resumed: u64,
    /// The points of this run.
    copied: u64,
    /// Points of an earlier run that were written again, since they were no longer the same.
    renewed: u64,
    /// Points that only TO held, and that were removed from there.
    removed: u64,
    /// How many were read back and compared.
    compared: u64,
    /// The ids of those that differ.
    differing: Vec<String>,
    namespaces: Vec<Counts>,
    /// Whether what was compared is the same, and no namespace holds fewer points than it should.
    verified: bool,
    seconds: f64,
}

/// How much a namespace holds on both sides.
#[derive(Debug, Serialize)]
struct Counts {
    name: String,
    from: u64,
    to: u64,
}

/// Both sides.
struct Sides<'s> {
    from: &'s dyn VectorStore,
    to: &'s dyn VectorStore,
    from_index: String,
    to_index: String,
    fidelity: Fidelity,
}

impl Copy {
    pub(crate) async fn run(&self, context: &Context) -> Outcome {
        let began = Instant::now();
        let from_place = IndexPlace::parse(&self.from, self.index.as_deref(), context)?;
        let to_place = IndexPlace::parse(&self.to, self.index.as_deref(), context)?;
        if from_place == to_place {
            return Err(Error::invalid_input("this would copy an index onto itself").into());
        }
        let (from, to) = (from_place.connect(context).await?, to_place.connect(context).await?);
        let source = from.describe_index(&from_place.index).await?;
        let namespaces = from.list_namespaces(&from_place.index).await?;
        let found = to.get_index(&to_place.index).await.optional()?;
        if let Some(found) = &found {
            same_shape(&source.spec, found)?;
        }
        let mut report = Report {
            from: from_place.shown(),
            to: to_place.shown(),
            dry_run: self.dry_run,
            created: found.is_none(),
            resumed: 0,
            copied: 0,
            renewed: 0,
            removed: 0,
            compared: 0,
            differing: Vec::new(),
            namespaces: Vec::new(),
            verified: false,
            seconds: 0.0,
        };
        if self.dry_run {
            report.namespaces =
                namespaces.iter().map(|info| Counts { name: info.name.clone(), from: info.count, to: 0 }).collect();
            report.copied = source.count;
            context.out.document(&report)?;
            let made = if report.created { "make the index and copy " } else { "copy " };
            context.out.say(format!("would {made}{} to {}", text::plural(source.count, "point"), report.to))?;
            return Ok(Exit::Done);
        }
        let mut mark = Mark::open(&report.from, &report.to, self.restart)?;
        if found.is_none() {
            // Whatever was copied went with the index.
            mark.begin()?;
            let mut spec = source.spec.clone();
            spec.name.clone_from(&to_place.index);
            to.create_index(&spec).await.map_err(|error| {
                error.with(HINT, "where the store takes another kind of index: mastra vectors create, then the copy")
            })?;
        }
        report.resumed = mark.copied();
        let fidelity = Fidelity::between(&*from, &*to, &source.spec);
        let (from_index, to_index) = (from_place.index, to_place.index);
        let sides = Sides { from: &*from, to: &*to, from_index, to_index, fidelity };
        let bar = progress::waiting("copying");
        for namespace in &namespaces {
            self.namespace(&sides, namespace, &mut mark, &mut report, |copied| {
                bar.set_message(format!("{} of {}", text::count(copied), text::plural(source.count, "point")));
            })
            .await
            .map_err(|error| error.with(HINT, "the same command again: it goes on behind the last points that were written"))?;
        }
        bar.set_message("counting");
        if self.prune {
            report.removed = sides.prune().await?;
        }
        for namespace in &namespaces {
            report.namespaces.push(sides.counts(&namespace.name).await?);
        }
        bar.finish_and_clear();
        mark.end()?;
        report.verified = report.differing.is_empty() && report.namespaces.iter().all(|counts| counts.to >= counts.from);
        report.seconds = (began.elapsed().as_secs_f64() * 1e6).round() / 1e6;
        report.show(context)?;
        Ok(if report.verified { Exit::Done } else { Exit::Failed })
    }

    async fn namespace(
        &self,
        sides: &Sides<'_>,
        namespace: &NamespaceInfo,
        mark: &mut Mark,
        report: &mut Report,
        tell: impl Fn(u64),
    ) -> Result<()> {
        let (source, target) = sides.scopes(&namespace.name);
        let mut walk = ScrollQuery::new().limit(self.batch_size as usize).include(Include::ALL);
        loop {
            let page = sides.from.scroll(&source, &walk).await?;
            let (past, ahead): (Vec<Point>, Vec<Point>) =
                page.items.into_iter().partition(|point| mark.is_past(&namespace.name, &point.id));
            sides.renew(&target, &past, report).await?;
            if let Some(last) = ahead.last() {
                sides.write(&target, &ahead).await?;
                let step = if self.verify == Verify::All { 1 } else { SAMPLE };
                let chosen: Vec<&Point> = ahead.iter().step_by(step).collect();
                let differing = sides.compare(&target, &chosen, report).await?;
                report.differing.extend(differing);
                report.copied += ahead.len() as u64;
                mark.move_to(&namespace.name, &last.id, ahead.len() as u64)?;
            }
            tell(mark.copied());
            match page.next_cursor {
                Some(next) => walk = walk.cursor(Some(next)),
                None => return mark.finish(&namespace.name),
            }
        }
    }
}

impl Sides<'_> {
    async fn write(&self, target: &Scope, points: &[Point]) -> Result<()> {
        let points = points.iter().map(new_point).collect::<Result<Vec<_>>>()?;
        self.to.upsert(target, &points, &PointUpsertOptions::new()).await.map(drop)
    }

    /// Reads points back: the ids of those that are other than they should be.
    async fn compare(&self, target: &Scope, points: &[&Point], report: &mut Report) -> Result<Vec<String>> {
        let ids: Vec<String> = points.iter().map(|point| point.id.clone()).collect();
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let read = self.to.get(target, &ids, Include::ALL).await?;
        report.compared += ids.len() as u64;
        Ok(differing(points, &read, self.fidelity))
    }

    /// What an earlier run wrote is compared, all of it: either side may have changed since, and what that run found is forgotten.
    async fn renew(&self, target: &Scope, past: &[Point], report: &mut Report) -> Result<()> {
        let all: Vec<&Point> = past.iter().collect();
        let other: HashSet<String> = self.compare(target, &all, report).await?.into_iter().collect();
        let again: Vec<Point> = past.iter().filter(|point| other.contains(&point.id)).cloned().collect();
        if again.is_empty() {
            return Ok(());
        }
        self.write(target, &again).await?;
        report.renewed += again.len() as u64;
        let differing = self.compare(target, &again.iter().collect::<Vec<_>>(), report).await?;
        report.differing.extend(differing);
        Ok(())
    }

    fn scopes(&self, namespace: &str) -> (Scope, Scope) {
        let scope = |index: &str| Scope::index(index).in_namespace(namespace);
        (scope(&self.from_index), scope(&self.to_index))
    }

    async fn counts(&self, namespace: &str) -> Result<Counts> {
        let (source, target) = self.scopes(namespace);
        let all = PointCountQuery::new();
        let (from, to) = (self.from.count(&source, &all).await?.value, self.to.count(&target, &all).await?.value);
        Ok(Counts { name: namespace.to_owned(), from, to })
    }
}

impl Report {
    fn show(&self, context: &Context) -> Outcome<()> {
        let out = &context.out;
        out.document(self)?;
        let before = if self.resumed > 0 { format!(", {} by an earlier run", text::count(self.resumed)) } else { String::new() };
        out.say(format!(
            "copied {}{before} to {} ({:.1} s); {} read back",
            text::plural(self.copied, "point"),
            self.to,
            self.seconds,
            text::count(self.compared),
        ))?;
        if self.renewed > 0 {
            out.note(format!("  {} of an earlier run were no longer the same", text::plural(self.renewed, "point")));
        }
        if self.removed > 0 {
            out.note(format!("  {} removed: not in {}", text::plural(self.removed, "point"), self.from));
        }
        for id in self.differing.iter().take(5) {
            out.note(out.bad(&format!("  differs: {}", text::clean(id))));
        }
        for counts in self.namespaces.iter().filter(|counts| counts.to != counts.from) {
            let (name, from, to) = (shown_namespace(&counts.name), text::count(counts.from), text::count(counts.to));
            let more = if counts.to > counts.from { ": what only TO holds was left alone (--prune)" } else { "" };
            out.note(format!("  namespace {name}: {from} points here, {to} there{more}"));
        }
        if self.verified {
            out.say(out.good("verified"))
        } else {
            out.say(out.bad("not the same: the copy is not to be relied on"))
        }
    }
}

/// Points keep their scores only where these are the same.
fn same_shape(from: &IndexSpec, to: &IndexSpec) -> Result<()> {
    let model =
        |spec: &IndexSpec| spec.provenance.as_ref().map(|provenance| (provenance.model.clone(), provenance.revision.clone()));
    let what = if from.dimension != to.dimension {
        "dimension"
    } else if from.metric != to.metric {
        "metric"
    } else if from.element != to.element {
        "element"
    } else if model(from) != model(to) {
        "model"
    } else {
        return Ok(());
    };
    Err(Error::new(ErrorKind::Conflict, format!("the index to write is of another {what}"))
        .with("index", &to.name)
        .with(HINT, "another name for it: TO is URL#INDEX"))
}

fn new_point(point: &Point) -> Result<NewPoint> {
    let vector = point.vector.clone().ok_or_else(|| Error::internal("the store gave a point without its vector"))?;
    let mut new = NewPoint::new(&point.id, vector);
    new.metadata = point.metadata.clone().unwrap_or(new.metadata);
    new.text.clone_from(&point.text);
    Ok(new)
}
