//! What a run consists of, and running one part of it.

use super::{CaseResult, Runner, Subject};
use crate::{
    BUILT_IN, Case, Failure, Outcome, Report, Verdict,
    case_file::run_case_file,
    harness::TestEngine,
    suite::engine_cases,
    vectors::{Level, TestVectors, VECTOR_BUILT_IN, VectorCase, run_vector_case_file, vector_cases},
    verdict::within,
};
use futures::future::LocalBoxFuture;
use mastra_core::{Error, Result};
use serde_json::Value;
use std::borrow::Cow;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

/// A file that takes longer hangs.
const HANGS: Duration = Duration::from_secs(600);

/// What is run on one fresh backend.
pub(super) enum Work {
    Engine(Case),
    Vectors(VectorCase),
    File { subject: Subject, name: String, json: Cow<'static, str>, level: Level },
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Engine(case) => write!(f, "engine / {case}"),
            Self::Vectors(case) => write!(f, "vectors / {case}"),
            Self::File { subject, name, .. } => write!(f, "{subject} / {name}"),
        }
    }
}

/// Everything that the backends are held to. Cases that stand for a case file are run as that file, which counts each line of it.
pub(super) fn suites(runner: &Runner) -> Vec<Work> {
    let file = |files: &'static [(&'static str, &'static str)], case: &str| {
        let name = case.strip_prefix("filters::")?;
        files.iter().find(|(file, _)| *file == name).map(|(_, json)| Cow::Borrowed(*json))
    };
    let mut work = Vec::new();
    if runner.engines.is_some() {
        work.extend(engine_cases().into_iter().map(|case| match file(BUILT_IN, case.name) {
            Some(json) if !case.in_transaction => {
                Work::File { subject: Subject::Engine, name: case.name.into(), json, level: Level::Basic }
            }
            _ => Work::Engine(case),
        }));
    }
    if runner.stores.is_some() {
        work.extend(vector_cases().into_iter().map(|case| match file(VECTOR_BUILT_IN, case.name) {
            Some(json) if !case.in_transaction => {
                Work::File { subject: Subject::Vectors, name: case.name.into(), json, level: case.level }
            }
            _ => Work::Vectors(case),
        }));
    }
    work
}

/// The files that were given. One that cannot be read is told by whoever runs it.
pub(super) fn files(runner: &Runner) -> Result<Vec<Work>> {
    let subject = |name: &str, json: &str| match (&runner.engines, &runner.stores) {
        (Some(_), Some(_)) if has_rows(json) => Ok(Subject::Vectors),
        (Some(_), None) if has_rows(json) => {
            Err(Error::invalid_input("the case file is one of vectors, and the backend is an engine alone").with("file", name))
        }
        (None, _) => Ok(Subject::Vectors),
        (Some(_), _) => Ok(Subject::Engine),
    };
    let work = |(name, json): &(String, String)| {
        let subject = subject(name, json)?;
        Ok(Work::File { subject, name: name.clone(), json: Cow::Owned(json.clone()), level: Level::Basic })
    };
    runner.files.iter().map(work).collect()
}

/// Whether a case file is one of vectors.
fn has_rows(json: &str) -> bool {
    let file: Value = serde_json::from_str(json).unwrap_or_default();
    file.get("suites").and_then(Value::as_array).is_some_and(|suites| suites.iter().any(|suite| suite.get("rows").is_some()))
}

impl Work {
    fn result(&self) -> CaseResult {
        match self {
            Self::Engine(case) => {
                CaseResult { in_transaction: case.in_transaction, ..CaseResult::new(Subject::Engine, case.name) }
            }
            Self::Vectors(case) => {
                CaseResult { in_transaction: case.in_transaction, ..CaseResult::new(Subject::Vectors, case.name) }
            }
            Self::File { subject, name, .. } => CaseResult::new(*subject, name),
        }
    }

    fn level(&self) -> Level {
        match self {
            Self::Engine(_) => Level::Basic,
            Self::Vectors(case) => case.level,
            Self::File { level, .. } => *level,
        }
    }

    /// Runs it to its end; `None` where the run was stopped in the meantime. A backend that panics fails the case, and no more.
    pub(super) fn run(&self, runner: &Runner) -> Option<CaseResult> {
        if self.level() > runner.level {
            return Some(self.result().verdict(Verdict::BeyondLevel(self.level())));
        }
        let ran = catch_unwind(AssertUnwindSafe(|| {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
            let runtime = runtime.map_err(|error| Failure::new(format!("no runtime: {error}")))?;
            runtime.block_on(self.on(runner))
        }));
        let ran = ran.unwrap_or_else(|_| Err(Failure::new("the backend panicked while it was made or let go")));
        match ran {
            Ok(None) => None,
            Ok(Some(Ran::Verdict(verdict))) => Some(self.result().verdict(verdict)),
            Ok(Some(Ran::File(report))) => Some(CaseResult { passed: report.passed, failed: report.failed, ..self.result() }),
            Err(failure) => Some(self.result().verdict(Verdict::Failed(failure))),
        }
    }

    async fn on(&self, runner: &Runner) -> Outcome<Option<Ran>> {
        let engine = || -> LocalBoxFuture<'_, Result<TestEngine>> {
            match &runner.engines {
                Some(factory) => factory(),
                None => Box::pin(async { Err(Error::invalid_input("there is no engine to run on")) }),
            }
        };
        let store = || -> LocalBoxFuture<'_, Result<TestVectors>> {
            match &runner.stores {
                Some(factory) => factory(),
                None => Box::pin(async { Err(Error::invalid_input("there is no store to run on")) }),
            }
        };
        match self {
            Self::Engine(case) => Ok(case.verdict_unless(&engine, runner.stop.wait()).await.map(Ran::Verdict)),
            Self::Vectors(case) => Ok(case.verdict_unless(&store, runner.stop.wait()).await.map(Ran::Verdict)),
            Self::File { subject: Subject::Engine, json, .. } => {
                let fresh = engine().await?;
                let ran = within(HANGS, run_case_file(fresh.engine(), json), runner.stop.wait()).await;
                fresh.end().await;
                ran.map(|report| report.map(Ran::File)).transpose()
            }
            Self::File { json, level, .. } => {
                let fresh = store().await?;
                let ran = if *level > fresh.level {
                    Some(Ok(Ran::Verdict(Verdict::BeyondLevel(*level))))
                } else {
                    let ran = within(HANGS, run_vector_case_file(fresh.store(), json), runner.stop.wait()).await;
                    ran.map(|report| report.map(Ran::File))
                };
                fresh.end().await;
                ran.transpose()
            }
        }
    }
}

enum Ran {
    Verdict(Verdict),
    File(Report),
}
