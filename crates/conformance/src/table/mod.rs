//! The table of what backends can do, from what they claim and what a run of the suites proved.

mod claims;

use crate::runner::{CaseResult, Results, Subject};
use mastra_core::{Capabilities, vector::VectorCapabilities};
use serde::Serialize;
use serde_json::Value;
use std::fmt::Write as _;

/// A backend, what it claims, and what its run came to.
#[derive(Debug)]
pub struct Column<'r> {
    /// As it stands above the column.
    pub name: String,
    /// What it claims as an engine, if it is one.
    pub engine: Option<Capabilities>,
    /// What it claims as a store of vectors, if it is one.
    pub vectors: Option<VectorCapabilities>,
    /// What the suites came to on it.
    pub results: &'r Results,
}

/// How a claim stands after a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Claimed, and cases of it ran and passed.
    Proved,
    /// Claimed, and a case of it failed.
    Failed,
    /// Claimed, and no case of it ran.
    Unproved,
    /// Not claimed, and no case says otherwise.
    Absent,
    /// Not claimed, and a case that looks for the refusal failed.
    NotRefused,
}

impl Standing {
    /// How a capability stands: `path` is its place in the JSON of the capabilities, such as `filter.elemMatch`.
    pub fn of(results: &Results, subject: Subject, path: &str, claimed: bool) -> Self {
        let patterns = claims::cases(subject, path);
        let about =
            |case: &&CaseResult| case.subject == subject && patterns.iter().any(|pattern| claims::fits(pattern, &case.name));
        let cases: Vec<&CaseResult> = results.cases.iter().filter(about).collect();
        match (claimed, cases.iter().any(|case| !case.failed.is_empty())) {
            (true, true) => Self::Failed,
            (true, false) if cases.iter().any(|case| case.not_run.is_none()) => Self::Proved,
            (true, false) => Self::Unproved,
            (false, true) => Self::NotRefused,
            (false, false) => Self::Absent,
        }
    }

    /// Behind a value in the table; nothing where all is well.
    fn mark(self) -> &'static str {
        match self {
            Self::Proved | Self::Absent => "",
            Self::Failed => " **fails**",
            Self::Unproved => " **unproved**",
            Self::NotRefused => " **not refused**",
        }
    }
}

/// The table as Markdown: engines, stores of vectors, their limits, and what the run came to. The same claims and results give the same
/// text.
pub fn markdown(columns: &[Column<'_>]) -> String {
    let mut text = String::new();
    let engines: Vec<&Column<'_>> = columns.iter().filter(|column| column.engine.is_some()).collect();
    if !engines.is_empty() {
        text.push_str("## Engines\n\n");
        grid(&mut text, Subject::Engine, &engines, |column| members(&column.engine), |_| true);
    }
    let stores: Vec<&Column<'_>> = columns.iter().filter(|column| column.vectors.is_some()).collect();
    if !stores.is_empty() {
        text.push_str("\n## Stores of vectors\n\n");
        grid(&mut text, Subject::Vectors, &stores, |column| members(&column.vectors), |path| !path.starts_with("limits."));
        text.push_str("\n## Limits of stores of vectors\n\nBeyond these a call is refused before any I/O; – is no limit of the store's own.\n\n");
        grid(&mut text, Subject::Vectors, &stores, |column| members(&column.vectors), |path| path.starts_with("limits."));
    }
    text.push_str("\n## The run\n\n| backend | suite | passed | failed | not claimed |\n|---|---|---|---|---|\n");
    for column in columns {
        for (subject, there) in [(Subject::Engine, column.engine.is_some()), (Subject::Vectors, column.vectors.is_some())] {
            let cases = || column.results.cases.iter().filter(move |case| case.subject == subject);
            let passed: usize = cases().map(|case| case.passed).sum();
            let failed: usize = cases().map(|case| case.failed.len()).sum();
            let other = cases().filter(|case| case.not_run.is_some()).count();
            if there {
                // Writing to a string cannot fail.
                let _ = writeln!(text, "| {} | {subject} | {passed} | {failed} | {other} |", column.name);
            }
        }
    }
    text
}

/// A line a capability, a column a backend.
fn grid(
    text: &mut String,
    subject: Subject,
    columns: &[&Column<'_>],
    claims: impl Fn(&Column<'_>) -> Vec<(String, Value)>,
    shown: impl Fn(&str) -> bool,
) {
    let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    let _ = writeln!(text, "| | {} |\n|---|{}", names.join(" | "), "---|".repeat(names.len()));
    let claimed: Vec<Vec<(String, Value)>> = columns.iter().map(|column| claims(column)).collect();
    let paths = claimed.first().into_iter().flatten().map(|(path, _)| path.as_str()).filter(|path| shown(path));
    let mut paths: Vec<&str> = paths.collect();
    // Whatever order JSON keeps its keys in.
    paths.sort_by_key(|path| (claims::place(subject, path), *path));
    for path in paths {
        let cells: Vec<String> = columns
            .iter()
            .zip(&claimed)
            .map(|(column, claims)| {
                let value = claims.iter().find(|(other, _)| other == path).map_or(&Value::Null, |(_, value)| value);
                let standing = Standing::of(column.results, subject, path, !matches!(value, Value::Null | Value::Bool(false)));
                format!("{}{}", cell(value), standing.mark())
            })
            .collect();
        let _ = writeln!(text, "| `{path}` | {} |", cells.join(" | "));
    }
}

fn cell(value: &Value) -> String {
    match value {
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) | Value::Null => "–".to_owned(),
        other => other.to_string(),
    }
}

/// The members of a struct of structs by their paths.
fn members(capabilities: &impl Serialize) -> Vec<(String, Value)> {
    let mut members = Vec::new();
    if let Ok(Value::Object(groups)) = serde_json::to_value(capabilities) {
        for (group, inner) in groups {
            if let Value::Object(inner) = inner {
                members.extend(inner.into_iter().map(|(name, value)| (format!("{group}.{name}"), value)));
            }
        }
    }
    members
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Failure, Verdict, vectors::Level};

    fn results(cases: impl IntoIterator<Item = (&'static str, Verdict)>) -> Results {
        let mut results = Results::default();
        results.cases.extend(cases.into_iter().map(|(name, verdict)| CaseResult::of(Subject::Vectors, name, verdict)));
        results
    }

    #[test]
    fn proof_is_a_case_that_ran_and_passed() {
        let standing = |claimed, cases: Vec<(&'static str, Verdict)>| {
            Standing::of(&results(cases), Subject::Vectors, "search.text", claimed)
        };
        let (words, claims) = ("text::words_find_what_core_finds", "claims::search_claims_are_true");
        assert_eq!(standing(true, vec![(words, Verdict::Passed)]), Standing::Proved);
        assert_eq!(
            standing(true, vec![(words, Verdict::Passed), (claims, Verdict::Failed(Failure::new("x")))]),
            Standing::Failed
        );
        assert_eq!(standing(true, vec![]), Standing::Unproved);
        assert_eq!(standing(true, vec![(words, Verdict::BeyondLevel(Level::Text))]), Standing::Unproved);
        assert_eq!(standing(true, vec![("walks::pages_cover_everything_once", Verdict::Passed)]), Standing::Unproved);
        assert_eq!(
            standing(false, vec![(words, Verdict::NotClaimed("search.text")), (claims, Verdict::Passed)]),
            Standing::Absent
        );
        assert_eq!(standing(false, vec![(claims, Verdict::Failed(Failure::new("x")))]), Standing::NotRefused);
    }

    #[test]
    fn what_is_not_proved_is_visible() {
        let mut can = VectorCapabilities::all();
        can.limits.top_k = Some(10_000);
        can.metric.dot = false;
        let results = results([("walks::pages_cover_everything_once", Verdict::Passed)]);
        let text = markdown(&[Column { name: "Mine".into(), engine: None, vectors: Some(can), results: &results }]);
        for line in [
            "| `search.scroll` | yes |",
            "| `search.text` | yes **unproved** |",
            "| `metric.dot` | – |",
            "| `limits.topK` | 10000 **unproved** |",
            "| Mine | vectors | 1 | 0 | 0 |",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
        assert!(!text.contains("## Engines"));
    }
}
