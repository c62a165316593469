//! What the runners counted, and how it is told.

use mastra_core::{Error, Result};

/// The counts of one runner, or of several together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
}

impl Counts {
    /// Adds what one line of a runner's output says, where it is a summary.
    pub(super) fn read(&mut self, line: &str) {
        if let Some(counts) = summary_of_nextest(line).or_else(|| summary_of_cargo(line)) {
            self.passed += counts.passed;
            self.failed += counts.failed;
            self.skipped += counts.skipped;
        }
    }
}

/// How the tests ended.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    counts: Counts,
    unreachable: Vec<String>,
    left_out: Vec<String>,
}

impl Outcome {
    /// Adds what a runner counted and which backends its tests named.
    pub(super) fn add(&mut self, (counts, unreachable): (Counts, Vec<String>)) {
        self.counts.passed += counts.passed;
        self.counts.failed += counts.failed;
        self.counts.skipped += counts.skipped;
        unreachable.into_iter().for_each(|backend| self.unreachable(backend));
    }

    /// Adds another outcome.
    pub(crate) fn merge(&mut self, Self { counts, unreachable, left_out }: Self) {
        self.add((counts, unreachable));
        self.left_out.extend(left_out);
    }

    /// An error where not everything ran and passed.
    pub(crate) fn result(&self) -> Result<()> {
        if self.is_success() { Ok(()) } else { Err(Error::internal("not every test passed")) }
    }

    /// Notes a backend that could not be reached, once.
    pub(crate) fn unreachable(&mut self, backend: String) {
        if !self.unreachable.contains(&backend) {
            self.unreachable.push(backend);
        }
    }

    /// Notes what was not asked for, so that nobody takes it for tested.
    pub(super) fn left_out(&mut self, what: String) {
        self.left_out.push(what);
    }

    /// Whether everything ran and passed.
    pub(crate) fn is_success(&self) -> bool {
        self.counts.failed == 0 && self.unreachable.is_empty()
    }

    /// Prints the last lines: what was left out, what could not be reached, and the count.
    pub(crate) fn print(&self) {
        println!();
        if self.counts.skipped > 0 {
            println!(
                "{} not run: filtered out, or ignored (`cargo xtask test --soak` runs what needs no server)",
                self.counts.skipped
            );
        }
        for what in &self.left_out {
            println!("not run: {what}");
        }
        for backend in &self.unreachable {
            println!("could not be reached: {backend}");
        }
        println!("{} passed, {} failed", self.counts.passed, self.counts.failed);
    }
}

/// `Summary [ 1.2s] 5/9 tests run: 3 passed (1 slow, 1 flaky), 1 failed, 1 timed out, 4 skipped`
fn summary_of_nextest(line: &str) -> Option<Counts> {
    let line = line.trim_start();
    line.strip_prefix("Summary [")?;
    let (_, list) = line.split_once(" run: ")?;
    let mut counts = Counts::default();
    for part in without_parentheses(list).split(',') {
        let Some((number, what)) = number_and_word(part) else { continue };
        match what {
            "passed" => counts.passed += number,
            "skipped" => counts.skipped += number,
            // failed, timed out, exec failed, or what a later version may count: none of it is a pass.
            _ => counts.failed += number,
        }
    }
    Some(counts)
}

/// `test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out; finished in 0.01s`
fn summary_of_cargo(line: &str) -> Option<Counts> {
    // At the very beginning of a line: indented, it is the output of a test that nextest shows and counts itself.
    let (_, list) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let mut counts = Counts::default();
    for part in list.split(';') {
        let Some((number, what)) = number_and_word(part) else { continue };
        match what {
            "passed" => counts.passed += number,
            "failed" => counts.failed += number,
            "ignored" | "filtered out" => counts.skipped += number,
            _ => {}
        }
    }
    Some(counts)
}

fn number_and_word(part: &str) -> Option<(u64, &str)> {
    let (number, what) = part.trim().split_once(' ')?;
    Some((number.parse().ok()?, what.trim()))
}

fn without_parentheses(text: &str) -> String {
    let mut depth = 0usize;
    text.chars()
        .filter(|c| {
            match c {
                '(' => depth += 1,
                ')' => {
                    depth = depth.saturating_sub(1);
                    return false;
                }
                _ => {}
            }
            depth == 0
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Counts {
        let mut counts = Counts::default();
        counts.read(line);
        counts
    }

    #[test]
    fn summaries_of_both_runners() {
        let line = "     Summary [   1.234s] 5/9 tests run: 3 passed (1 slow, 1 flaky), 1 failed, 1 timed out, 4 skipped";
        assert_eq!(read(line), Counts { passed: 3, failed: 2, skipped: 4 });
        let line = "test result: FAILED. 5 passed; 1 failed; 1 ignored; 0 measured; 2 filtered out; finished in 0.01s";
        assert_eq!(read(line), Counts { passed: 5, failed: 1, skipped: 3 });
        assert_eq!(read(&format!("    {line}")), Counts::default(), "shown by the other runner");
        assert_eq!(read("all 7 passed"), Counts::default());
    }

    #[test]
    fn an_unreachable_backend_fails_the_run() {
        let mut outcome = Outcome::default();
        assert!(outcome.is_success());
        outcome.unreachable("qdrant".into());
        outcome.unreachable("qdrant".into());
        assert!(!outcome.is_success());
        assert_eq!(outcome.unreachable.len(), 1);
    }
}
