//! `mastra conformance`: the published suites on a backend of the registry.

mod place;

use crate::{
    exit::{Exit, HINT, Outcome, Stop, file_error},
    interrupt::Interrupts,
    output::{Output, progress, text},
    resolve::redacted,
};
use clap::Args;
use mastra_conformance::{
    runner::{self, Results, Runner},
    vectors::Level,
};
use mastra_core::{Error, Result};
use mastra_engine::Registry;
use place::Place;
use serde_json::json;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  mastra conformance 'mystore:/tmp/try/{}'                    every case on a fresh store
  mastra conformance 'mystore:/tmp/try/{}' --level basic      a newcomer: write, search and delete first
  mastra conformance mystore:one --only scores::              one store, which must be empty, and some cases
  mastra conformance 'sqlite:/tmp/try/{}.db' --cases mine.json
  mastra conformance 'mystore:{}' --list

The URL's scheme decides: what is registered as an engine is held against the suite of engines, what is registered as a store of \
vectors against that of vectors, and both may be. {} becomes a name of its own for each case, and cases run at once; without it they run one \
after another on the one store, which must be empty before and which nothing else may use meanwhile. A case deletes the entities and \
indexes that it made; files and folders that a name stood for stay. A backend that claims persistence or sharing is opened again by the same URL.

The last line is `N passed, N failed`; the exit code is 1 where a case failed.";

/// What to run, and on what.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Conformance {
    /// The backend; {} in it becomes a fresh name for each case
    url: String,
    /// Run this case file instead of the suites; may be repeated
    #[arg(long, value_name = "FILE")]
    cases: Vec<PathBuf>,
    /// How far a store of vectors goes so far: later levels are left out
    #[arg(long, value_name = "LEVEL", default_value = "approximate", hide_default_value = true, value_parser = level())]
    level: String,
    /// Run only cases whose name contains this; may be repeated
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Take the operators that a store of vectors claims for all that it has to have
    #[arg(long)]
    partial_filters: bool,
    /// Print the names of the cases and stop
    #[arg(long)]
    list: bool,
}

fn level() -> clap::builder::PossibleValuesParser {
    Level::ALL.map(Level::as_str).into()
}

impl Conformance {
    pub(crate) async fn run(&self, registry: &Registry, out: &Output) -> Outcome {
        let place = Place::new(registry, &self.url, self.partial_filters)?;
        let runner = self.runner(&place)?;
        if self.list {
            let names = runner.list()?;
            out.document(&json!({ "cases": names }))?;
            out.say(names.join("\n"))?;
            return Ok(Exit::Done);
        }
        // A store that cannot be reached, or is not empty, is one error and not hundreds of failed cases.
        place.check().await?;
        let stop = runner::Stop::default();
        let bar = progress::cases();
        let watching = bar.clone();
        let runner = runner.stop(stop.clone()).watch(move |progress| {
            watching.set_length(progress.all as u64);
            watching.set_position(progress.done as u64);
            watching.set_message(progress.last.name.clone());
        });
        let mut running = tokio::task::spawn_blocking(move || runner.run());
        let mut interrupts = Interrupts::listen();
        let ended = tokio::select! {
            ended = &mut running => ended,
            () = interrupts.pressed() => {
                bar.finish_and_clear();
                out.note("stopping, and deleting what the cases made");
                stop.now();
                running.await
            }
        };
        bar.finish_and_clear();
        let results = ended.map_err(|source| Error::internal("the run ended badly").with_source(source))??;
        if results.stopped {
            return Err(Stop::Interrupted);
        }
        self.show(&results, out)?;
        Ok(if results.failures() == 0 { Exit::Done } else { Exit::Failed })
    }

    fn runner(&self, place: &Place) -> Result<Runner> {
        let level = Level::ALL.into_iter().find(|level| level.as_str() == self.level).unwrap_or(Level::Approximate);
        let mut runner = place.factories(Runner::new().up_to(level));
        for path in &self.cases {
            let json = std::fs::read_to_string(path).map_err(|source| file_error("cannot read the case file", path, source))?;
            runner = runner.case_file(path.display().to_string(), json);
        }
        Ok(self.only.iter().fold(runner, Runner::only))
    }

    fn show(&self, results: &Results, out: &Output) -> Outcome<()> {
        let (passed, failed) = (results.passed(), results.failures());
        let failures: Vec<_> = results
            .failed()
            .map(|failed| json!({ "suite": failed.suite, "case": failed.case, "message": failed.message }))
            .collect();
        out.document(&json!({
            "url": redacted(&self.url),
            "passed": passed,
            "failed": failed,
            "notClaimed": results.not_claimed(),
            "beyondLevel": results.beyond_level(),
            "failures": failures,
            "cases": results.cases,
        }))?;
        for failed in results.failed() {
            out.say(format!("{} {} / {}", out.bad("FAIL"), text::clean(&failed.suite), text::clean(&failed.case)))?;
            failed.message.lines().try_for_each(|line| out.say(format!("     {}", text::clean_line(line))))?;
        }
        let left_out = [
            (results.not_claimed(), "what is not claimed".to_owned()),
            (results.beyond_level(), format!("levels beyond {}", self.level)),
        ];
        for (count, about) in left_out.into_iter().filter(|(count, _)| *count > 0) {
            out.say(format!("not run: {} of {about}", text::plural(count as u64, "case")))?;
        }
        out.say(format!("{passed} passed, {failed} failed"))
    }
}

/// An unknown scheme, with those that are known.
fn unknown(registry: &Registry, scheme: &str) -> Error {
    let known: std::collections::BTreeSet<&str> = registry.schemes().chain(registry.vector_schemes()).collect();
    Error::invalid_input("the URL names no backend that is registered")
        .with("scheme", scheme)
        .with("known", known.into_iter().collect::<Vec<_>>().join(", "))
        .with(HINT, "mastra conformance SCHEME:…")
}
