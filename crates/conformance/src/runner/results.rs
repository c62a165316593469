//! What a run came to.

use crate::{Verdict, case_file::FailedCase, vectors::Level};
use serde::{Serialize, Serializer};
use std::fmt;

/// What a case is asked of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Subject {
    /// An engine.
    Engine,
    /// A store of vectors.
    Vectors,
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Engine => "engine",
            Self::Vectors => "vectors",
        })
    }
}

/// What one case came to, or one case file with its lines.
#[derive(Debug)]
#[non_exhaustive]
pub struct CaseResult {
    /// What it was asked of.
    pub subject: Subject,
    /// The case's name, such as `upsert::unchanged_records_are_left_alone`; that of a file is its path.
    pub name: String,
    /// Whether it ran in transactions.
    pub in_transaction: bool,
    /// How much did what it has to: one case, or lines of a file.
    pub passed: usize,
    /// What did otherwise.
    pub failed: Vec<FailedCase>,
    /// Why it had nothing to run.
    pub not_run: Option<NotRun>,
}

/// Why a case had nothing to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotRun {
    /// It is about this capability, which the backend does not claim. Where the law says what happens then, that was seen.
    NotClaimed(&'static str),
    /// It belongs to this level, which is beyond the one that was asked for.
    BeyondLevel(Level),
}

impl CaseResult {
    pub(super) fn new(subject: Subject, name: impl Into<String>) -> Self {
        Self { subject, name: name.into(), in_transaction: false, passed: 0, failed: Vec::new(), not_run: None }
    }

    /// The result of a case that came to this.
    pub fn of(subject: Subject, name: impl Into<String>, verdict: Verdict) -> Self {
        Self::new(subject, name).verdict(verdict)
    }

    pub(super) fn verdict(mut self, verdict: Verdict) -> Self {
        match verdict {
            Verdict::Passed => self.passed = 1,
            Verdict::NotClaimed(capability) => self.not_run = Some(NotRun::NotClaimed(capability)),
            Verdict::BeyondLevel(level) => self.not_run = Some(NotRun::BeyondLevel(level)),
            Verdict::Failed(failure) => {
                let (suite, case) = (self.subject.to_string(), self.full_name());
                self.failed.push(FailedCase { suite, case, message: failure.to_string() });
            }
        }
        self
    }

    /// The name as a case shows it, with what distinguishes it from the same case elsewhere.
    pub fn full_name(&self) -> String {
        let place = match (self.in_transaction, self.subject) {
            (false, _) => "",
            (true, Subject::Engine) => " (in a transaction)",
            (true, Subject::Vectors) => " (in transactions)",
        };
        format!("{}{place}", self.name)
    }

    /// `passed`, `failed`, `notClaimed` or `beyondLevel`.
    pub fn outcome(&self) -> &'static str {
        match self.not_run {
            Some(NotRun::NotClaimed(_)) => "notClaimed",
            Some(NotRun::BeyondLevel(_)) => "beyondLevel",
            None if self.failed.is_empty() => "passed",
            None => "failed",
        }
    }
}

impl Serialize for CaseResult {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct as _;
        let mut object = serializer.serialize_struct("CaseResult", 5)?;
        object.serialize_field("subject", &self.subject)?;
        object.serialize_field("case", &self.full_name())?;
        object.serialize_field("outcome", self.outcome())?;
        object.serialize_field("passed", &self.passed)?;
        object.serialize_field("failed", &self.failed.len())?;
        object.end()
    }
}

/// What a run came to.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Results {
    /// Every case that ended, in the order of the suites.
    pub cases: Vec<CaseResult>,
    /// Whether the run was stopped before its end.
    pub stopped: bool,
}

impl Results {
    /// How many cases and lines of files did what they have to.
    pub fn passed(&self) -> usize {
        self.cases.iter().map(|case| case.passed).sum()
    }

    /// Those that did otherwise.
    pub fn failed(&self) -> impl Iterator<Item = &FailedCase> {
        self.cases.iter().flat_map(|case| &case.failed)
    }

    /// How many did otherwise.
    pub fn failures(&self) -> usize {
        self.cases.iter().map(|case| case.failed.len()).sum()
    }

    /// How many had nothing to run, since they are about what is not claimed.
    pub fn not_claimed(&self) -> usize {
        self.cases.iter().filter(|case| matches!(case.not_run, Some(NotRun::NotClaimed(_)))).count()
    }

    /// How many are beyond the level that was asked for.
    pub fn beyond_level(&self) -> usize {
        self.cases.iter().filter(|case| matches!(case.not_run, Some(NotRun::BeyondLevel(_)))).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Failure;

    #[test]
    fn every_verdict_is_counted_once() {
        let verdicts = [
            Verdict::Passed,
            Verdict::Failed(Failure::new("wrong")),
            Verdict::NotClaimed("search.text"),
            Verdict::BeyondLevel(Level::Text),
        ];
        let cases: Vec<CaseResult> =
            verdicts.into_iter().map(|verdict| CaseResult::new(Subject::Vectors, "a::case").verdict(verdict)).collect();
        let outcomes: Vec<&str> = cases.iter().map(CaseResult::outcome).collect();
        assert_eq!(outcomes, ["passed", "failed", "notClaimed", "beyondLevel"]);
        let results = Results { cases, stopped: false };
        let counts = [results.passed(), results.failures(), results.not_claimed(), results.beyond_level()];
        assert_eq!(counts, [1; 4]);
        assert!(results.failed().all(|failed| failed.to_string().starts_with("vectors / a::case: wrong")));
    }
}
