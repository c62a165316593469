//! `--table`: docs/capabilities.md, written from a run of every backend.

use super::backend::{Backend, block_on};
use super::{engines, progress, read, stores};
use mastra_conformance::runner::Results;
use mastra_conformance::table::{Column, markdown};
use mastra_core::{Capabilities, Error, Result, vector::VectorCapabilities};
use std::path::Path;
use std::process::ExitCode;

const FILE: &str = "docs/capabilities.md";

const HEAD: &str = "\
# What each backend can do

<!-- Written by `cargo xtask conformance --table`; do not edit. -->

What a backend claims in its `Capabilities`, held against a run of the conformance suites: **yes** is claimed, and the cases of it ran and
passed; **–** is not claimed, and refused where it is asked for. A claim that a case contradicts is marked **fails**, one that no case ran
for **unproved**, one that is denied and works all the same **not refused**. The differential runs are a sample;
`cargo xtask test --soak` runs them at length.

";

/// What stands before how the column of Qdrant was made: the one line that may differ from machine to machine.
const QDRANT: &str = "Qdrant stands for ";

/// The backends, as they stand above the columns.
const COLUMNS: [(Backend, &str); 5] = [
    (Backend::Mock, "Memory"),
    (Backend::Sqlite, "SQLite"),
    (Backend::Postgres, "Postgres"),
    (Backend::Pgvector, "pgvector alone"),
    (Backend::Qdrant, "Qdrant"),
];

/// Runs every backend, and writes the page or compares it.
pub(super) fn run(root: &Path, check: bool) -> Result<ExitCode> {
    let mut ran = Vec::new();
    for (backend, name) in COLUMNS {
        let results = backend.runner()?.watch(progress).run()?;
        eprintln!("{name}: {} passed, {} failed", results.passed(), results.failures());
        results.failed().for_each(|failed| eprintln!("FAIL {}", failed.to_string().replace('\n', " ")));
        ran.push((name, claims(backend)?, results));
    }
    let page = page(&ran);
    let path = root.join(FILE);
    if !check {
        std::fs::write(&path, page)
            .map_err(|source| Error::invalid_input("the table cannot be written").with("file", FILE).with_source(source))?;
        println!("wrote {FILE}");
        return Ok(ExitCode::SUCCESS);
    }
    let differing = differing(&read(&path)?, &page);
    if differing.is_empty() {
        println!("{FILE} is what the run proved");
        return Ok(ExitCode::SUCCESS);
    }
    println!("{FILE} is stale:\n{}\nfix: run `cargo xtask conformance --table` and commit", differing.join("\n"));
    Ok(ExitCode::FAILURE)
}

type Claims = (Option<Capabilities>, VectorCapabilities);

fn claims(backend: Backend) -> Result<Claims> {
    block_on(async {
        let engine = if backend.is_engine() {
            let fresh = engines::fresh(backend).await?;
            let claims = *fresh.engine().capabilities();
            fresh.end().await;
            Some(claims)
        } else {
            None
        };
        let fresh = stores::fresh(backend).await?;
        let claims = *fresh.store().capabilities();
        fresh.end().await;
        Ok((engine, claims))
    })
}

fn page(ran: &[(&str, Claims, Results)]) -> String {
    let columns: Vec<Column<'_>> = ran
        .iter()
        .map(|(name, (engine, vectors), results)| Column {
            name: (*name).to_owned(),
            engine: *engine,
            vectors: Some(*vectors),
            results,
        })
        .collect();
    let qdrant = match std::env::var_os("QDRANT_URL") {
        Some(_) => "a Qdrant server",
        None => "the loopback double, which keeps Qdrant's documented rules: no server was named by QDRANT_URL",
    };
    format!("{HEAD}{}\n{QDRANT}{qdrant}. Postgres is the engine with pgvector beside it.\n", markdown(&columns))
}

/// The lines in which two pages differ, as a diff shows them. Both have a line a capability, so that no more than a comparison by line is
/// needed; how the column of Qdrant was made is no difference.
fn differing(committed: &str, made: &str) -> Vec<String> {
    let lines =
        |text: &str| -> Vec<String> { text.lines().map(str::to_owned).filter(|line| !line.starts_with(QDRANT)).collect() };
    let (committed, made) = (lines(committed), lines(made));
    let gone = committed.iter().filter(|line| !made.contains(line)).map(|line| format!("-{line}"));
    let come = made.iter().filter(|line| !committed.contains(line)).map(|line| format!("+{line}"));
    let mut differing: Vec<String> = gone.chain(come).collect();
    if differing.is_empty() && committed != made {
        differing.push("the same lines stand in another order".to_owned());
    }
    differing
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_page_is_told_by_its_lines() {
        let page = |cell: &str, qdrant: &str| format!("# Page\n| `a` | {cell} |\n{QDRANT}{qdrant}.\n");
        assert!(differing(&page("yes", "a server"), &page("yes", "the double")).is_empty());
        assert_eq!(differing(&page("yes", "x"), &page("–", "x")), ["-| `a` | yes |", "+| `a` | – |"]);
        assert_eq!(differing("a\nb\n", "b\na\n").len(), 1);
    }
}
