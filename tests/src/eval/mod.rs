//! Measuring what knowledge bases find: `cargo xtask eval`.
//!
//! Documents and labelled questions lie in tests/eval-data, and were committed before anything was searched. Every figure goes through
//! `KnowledgeBase::search` itself; docs/quality.md says what each means.

mod corpus;
mod embedders;
mod interval;
mod metrics;
mod options;
mod reference;
mod report;
mod run;
mod search;

use clap::Parser as _;
use mastra_core::{Error, Result};
use options::Options;
use std::process::ExitCode;

/// Runs the command line.
pub(crate) fn main() -> ExitCode {
    mastra_tests::measured::ended(run(&Options::parse()))
}

fn run(options: &Options) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|source| Error::internal("the runtime does not start").with_source(source))?;
    let report = runtime.block_on(run::run(options))?;
    let tables = report.tables();
    if options.json {
        println!("{:#}", report.to_json());
        eprint!("{tables}");
    } else {
        print!("{tables}");
    }
    if let Some(path) = &options.markdown {
        mastra_tests::measured::put_between_markers(path, [("quality".to_owned(), format!("\n{tables}\n"))].into_iter())?;
    }
    Ok(())
}
