//! What each step did, as it happens and in one table at the end.

use std::time::{Duration, Instant};

use crate::process::Finished;
use crate::tally::Tally;

#[derive(Debug)]
pub(crate) enum Outcome {
    Passed(Tally),
    Failed { why: String, tally: Tally },
    Skipped(String),
}

impl Outcome {
    pub(crate) fn passed() -> Self {
        Self::Passed(Tally::default())
    }

    pub(crate) fn failed(why: impl Into<String>) -> Self {
        Self::Failed { why: why.into(), tally: Tally::default() }
    }

    /// A runner of tests. One that is content with no test at all does not see that it looked in the wrong place.
    pub(crate) fn of_tests(done: &Finished, tally: Tally) -> Self {
        if !done.ok() {
            Self::Failed { why: done.reason(), tally }
        } else if tally.passed + tally.failed == 0 {
            Self::Failed { why: "not one test ran".to_owned(), tally }
        } else {
            Self::Passed(tally)
        }
    }

    /// A tool is not here: a skip for a person, who reads it; a failure where nobody does.
    pub(crate) fn missing(ci: bool, why: impl Into<String>) -> Self {
        if ci { Self::failed(why) } else { Self::Skipped(why.into()) }
    }

    /// A step that checks instead of counting tests: it fails as one test would.
    fn tally(&self) -> Tally {
        match self {
            Self::Passed(tally) => tally.clone(),
            Self::Failed { tally, .. } if tally.failed > 0 => tally.clone(),
            Self::Failed { tally, .. } => Tally { failed: 1, ..tally.clone() },
            Self::Skipped(why) => Tally { skipped: 1, reasons: vec![why.clone()], ..Tally::default() },
        }
    }
}

/// All steps of a run.
#[derive(Debug, Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    name: &'static str,
    outcome: Outcome,
    took: Duration,
}

impl Report {
    /// Runs a step and says so. A failing step never keeps the later ones from running: one run shows everything.
    pub(crate) fn step(&mut self, name: &'static str, step: impl FnOnce() -> Outcome) {
        println!("==> {name}");
        let begun = Instant::now();
        let outcome = step();
        let took = begun.elapsed();
        let seconds = took.as_secs_f64();
        match &outcome {
            Outcome::Passed(_) => println!("<== {name}: ok in {seconds:.1} s\n"),
            Outcome::Failed { why, .. } => println!("<== {name}: FAILED in {seconds:.1} s: {why}\n"),
            Outcome::Skipped(why) => println!("<== {name}: skipped: {why}\n"),
        }
        self.rows.push(Row { name, outcome, took });
    }

    pub(crate) fn ok(&self) -> bool {
        !self.rows.iter().any(|row| matches!(row.outcome, Outcome::Failed { .. }))
    }

    /// The table, every skip with its reason, and alone on the last line the totals.
    pub(crate) fn print(&self) {
        println!("{}", self.text());
    }

    fn text(&self) -> String {
        let mut text = vec![format!("{:<10} {:<8} {:>8}  tests", "step", "result", "seconds")];
        let mut total = Tally::default();
        let mut skips = Vec::new();
        for Row { name, outcome, took } in &self.rows {
            let tally = outcome.tally();
            let (result, remark) = match outcome {
                Outcome::Passed(Tally { passed: 0, failed: 0, skipped: 0, .. }) => ("ok", String::new()),
                Outcome::Passed(tally) => ("ok", tally.to_string()),
                Outcome::Failed { why, tally: counted } if *counted == Tally::default() => ("FAILED", why.clone()),
                Outcome::Failed { why, tally: counted } => ("FAILED", format!("{counted} ({why})")),
                Outcome::Skipped(_) => ("skipped", String::new()),
            };
            let line = format!("{name:<10} {result:<8} {:>8.1}  {remark}", took.as_secs_f64());
            text.push(line.trim_end().to_owned());
            skips.extend(tally.reasons.iter().map(|reason| format!("  {name}: {reason}")));
            total += &tally;
        }
        if !skips.is_empty() {
            text.push("\nskipped:".to_owned());
            text.append(&mut skips);
        }
        text.push(format!("\n{total}"));
        text.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::process::{self, Echo};

    #[test]
    fn the_last_line_is_the_totals() {
        let mut report = Report::default();
        let unit = Tally { passed: 5, failed: 0, skipped: 1, reasons: vec!["slow: needs a key".into()] };
        report.step("fmt", Outcome::passed);
        report.step("unit", || Outcome::Passed(unit));
        report.step("clippy", || Outcome::failed("exit status: 101"));
        report.step("deny", || Outcome::Skipped("cargo-deny is not installed".into()));
        let text = report.text();
        assert_eq!(text.lines().last(), Some("5 passed, 1 failed, 2 skipped"));
        assert!(text.contains("  unit: slow: needs a key\n  deny: cargo-deny is not installed\n"), "{text}");
        assert!(!report.ok());
    }

    #[test]
    fn failed_tests_are_not_counted_twice() {
        let tally = Tally { passed: 1, failed: 2, ..Tally::default() };
        let mut report = Report::default();
        report.step("unit", || Outcome::Failed { why: "exit status: 100".into(), tally });
        assert_eq!(report.text().lines().last(), Some("1 passed, 2 failed, 0 skipped"));
    }

    #[test]
    fn a_suite_without_tests_fails() {
        let content = || process::run(Command::new("sh").args(["-c", "exit 0"]), Duration::from_mins(1), Echo::Silent);
        let skipped = Tally { skipped: 3, ..Tally::default() };
        for tally in [Tally::default(), skipped] {
            let outcome = Outcome::of_tests(&content(), tally);
            assert!(matches!(&outcome, Outcome::Failed { why, .. } if why == "not one test ran"));
        }
        let ran = Tally { passed: 1, ..Tally::default() };
        assert!(matches!(Outcome::of_tests(&content(), ran), Outcome::Passed(_)));
    }

    #[test]
    fn a_missing_tool_fails_only_where_nobody_reads() {
        assert!(matches!(Outcome::missing(false, "no node"), Outcome::Skipped(_)));
        assert!(matches!(Outcome::missing(true, "no node"), Outcome::Failed { .. }));
    }
}
