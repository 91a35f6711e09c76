//! How many tests ran: read from the closing lines of the runners, because that is what a reader of the log sees.

use std::ops::AddAssign;

/// What one step, or all of them, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
    /// One line per skip the runner explained.
    pub(crate) reasons: Vec<String>,
}

impl AddAssign<&Self> for Tally {
    fn add_assign(&mut self, other: &Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
        self.reasons.extend_from_slice(&other.reasons);
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

/// nextest's `Summary [...] 3/5 tests run: 2 passed (1 slow), 1 failed, 1 timed out, 0 skipped`.
///
/// Tests a failed set-up kept from running have no word of their own: they are the rest of `3/5`, and count as failed.
pub(crate) fn nextest<S: AsRef<str>>(lines: &[S]) -> Tally {
    let mut tally = Tally::default();
    for line in lines {
        let line = plain(line.as_ref());
        let Some((head, counts)) =
            line.trim_start().strip_prefix("Summary [").and_then(|rest| rest.split_once(" run: "))
        else {
            continue;
        };
        tally = Tally::default(); // the last summary is the true one
        for (count, word) in counted(counts) {
            match word.as_str() {
                "passed" => tally.passed += count,
                "failed" | "timed out" | "exec failed" => tally.failed += count,
                "skipped" => tally.skipped += count,
                _ => {}
            }
        }
        if let Some((ran, of)) = head.rsplit(' ').nth(1).and_then(|word| word.split_once('/'))
            && let (Ok(ran), Ok(of)) = (ran.parse::<u64>(), of.parse::<u64>())
        {
            tally.failed += of.saturating_sub(ran);
        }
    }
    explain(&mut tally, "ignored or filtered out");
    tally
}

/// libtest's `test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out`, one per binary.
pub(crate) fn libtest<S: AsRef<str>>(lines: &[S]) -> Tally {
    let mut tally = Tally::default();
    for line in lines {
        let line = plain(line.as_ref());
        let Some((_, counts)) = line.strip_prefix("test result: ").and_then(|rest| rest.split_once(". ")) else {
            continue;
        };
        for (count, word) in counted(&counts.replace(';', ",")) {
            match word.as_str() {
                "passed" => tally.passed += count,
                "failed" => tally.failed += count,
                "ignored" => tally.skipped += count,
                _ => {}
            }
        }
    }
    explain(&mut tally, "ignored");
    tally
}

/// pytest's `== 2 failed, 1 passed, 1 skipped, 1 warning in 0.12s ==` and, with `-rs`, its `SKIPPED [1] file:3: reason`.
pub(crate) fn pytest<S: AsRef<str>>(lines: &[S]) -> Tally {
    let mut tally = Tally::default();
    let mut reasons = Vec::new();
    for line in lines {
        let line = plain(line.as_ref());
        if let Some(reason) = line.strip_prefix("SKIPPED ") {
            reasons.push(reason.to_owned());
        }
        let Some((counts, _)) =
            line.trim_matches(['=', ' ']).rsplit_once(" in ").filter(|(_, time)| time.contains('s'))
        else {
            continue;
        };
        let counts = counted(counts);
        if counts.is_empty() {
            continue;
        }
        tally = Tally::default(); // words of a test's own output look alike: the last line is pytest's
        for (count, word) in counts {
            match word.as_str() {
                "passed" | "xpassed" => tally.passed += count,
                "failed" | "error" | "errors" => tally.failed += count,
                "skipped" | "xfailed" => tally.skipped += count,
                _ => {}
            }
        }
    }
    tally.reasons = reasons;
    explain(&mut tally, "skipped or expected to fail");
    tally
}

/// node's `ℹ pass 5`, `ℹ fail 0`, `ℹ cancelled 0`, `ℹ skipped 1`, `ℹ todo 0` (`# pass 5` in TAP).
pub(crate) fn node<S: AsRef<str>>(lines: &[S]) -> Tally {
    let mut tally = Tally::default();
    for line in lines {
        let line = plain(line.as_ref());
        if let Some(skip) = line.trim_start().strip_prefix('\u{fe63}') {
            let named = skip.trim().to_owned();
            if !tally.reasons.contains(&named) {
                tally.reasons.push(named);
            }
        }
        let Some(rest) = line.strip_prefix("\u{2139} ").or_else(|| line.strip_prefix("# ")) else { continue };
        let Some((word, count)) = rest.split_once(' ') else { continue };
        let Ok(count) = count.parse::<u64>() else { continue };
        match word {
            "pass" => tally.passed = count,
            "fail" | "cancelled" => tally.failed += count,
            "skipped" | "todo" => tally.skipped += count,
            _ => {}
        }
    }
    explain(&mut tally, "skipped or to do");
    tally
}

/// A skip without a reason still gets a line.
fn explain(tally: &mut Tally, why: &str) {
    if tally.skipped > 0 && tally.reasons.is_empty() {
        tally.reasons.push(format!("{} {why}", tally.skipped));
    }
}

/// `2 passed (1 slow), 1 timed out` -> `[(2, "passed"), (1, "timed out")]`.
fn counted(text: &str) -> Vec<(u64, String)> {
    let mut flat = String::new();
    let mut depth = 0_u32;
    for c in text.chars() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            c if depth == 0 => flat.push(c),
            _ => {}
        }
    }
    flat.split(',')
        .filter_map(|part| {
            let (count, word) = part.trim().split_once(' ')?;
            Some((count.parse().ok()?, word.trim().to_owned()))
        })
        .collect()
}

/// The line without terminal colours.
fn plain(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        if c == '\u{1b}' {
            let _ = chars.find(char::is_ascii_alphabetic);
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(tally: &Tally) -> (u64, u64, u64) {
        (tally.passed, tally.failed, tally.skipped)
    }

    #[test]
    fn nextest_closing_lines() {
        let cases: &[(&str, (u64, u64, u64))] = &[
            ("     Summary [   0.005s] 3 tests run: 3 passed, 0 skipped", (3, 0, 0)),
            ("     Summary [   0.005s] 1 test run: 1 passed, 2 skipped", (1, 0, 2)),
            (
                "     Summary [   9.0s] 4 tests run: 2 passed (1 slow, 1 flaky), 1 failed, 1 timed out, 0 skipped",
                (2, 2, 0),
            ),
            ("     Summary [   9.0s] 3/5 tests run: 2 passed, 1 failed, 0 skipped", (2, 3, 0)),
            (
                "\u{1b}[32;1m     Summary\u{1b}[0m [   0.0s] \u{1b}[1m7\u{1b}[0m tests run: \u{1b}[1m7\u{1b}[0m passed, 0 skipped",
                (7, 0, 0),
            ),
            ("     Summary [   0.000s] 0 tests run: 0 passed, 0 skipped", (0, 0, 0)),
            ("a test printed: 3 passed, 0 skipped", (0, 0, 0)),
        ];
        for (line, want) in cases {
            assert_eq!(counts(&nextest(&[line])), *want, "{line}");
        }
    }

    #[test]
    fn libtest_closing_lines_add_up() {
        let lines = [
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s",
            "test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s",
        ];
        assert_eq!(counts(&libtest(&lines)), (4, 2, 1));
    }

    #[test]
    fn pytest_closing_lines() {
        let cases: &[(&str, (u64, u64, u64))] = &[
            ("============================== 3 passed in 0.12s ===============================", (3, 0, 0)),
            ("3 passed, 1 skipped in 0.12s", (3, 0, 1)),
            ("==== 2 failed, 1 passed, 1 error, 3 warnings in 75.10s (0:01:15) ====", (1, 3, 0)),
            ("=== 1 passed, 2 deselected, 1 xfailed, 1 xpassed in 1.00s ===", (2, 0, 1)),
            ("no tests ran in 0.01s", (0, 0, 0)),
        ];
        for (line, want) in cases {
            assert_eq!(counts(&pytest(&[line])), *want, "{line}");
        }
    }

    #[test]
    fn pytest_skips_keep_their_reason() {
        let tally = pytest(&["SKIPPED [1] test_a.py:3: no key", "3 passed, 1 skipped in 0.12s"]);
        assert_eq!(tally.reasons, ["[1] test_a.py:3: no key"]);
    }

    #[test]
    fn node_closing_lines() {
        let spec = [
            "\u{fe63} streams (0.1ms) # needs a key",
            "\u{2139} tests 9",
            "\u{2139} suites 2",
            "\u{2139} pass 5",
            "\u{2139} fail 1",
            "\u{2139} cancelled 1",
            "\u{2139} skipped 1",
            "\u{2139} todo 1",
            "\u{2139} duration_ms 52.5",
        ];
        assert_eq!(counts(&node(&spec)), (5, 2, 2));
        assert_eq!(node(&spec).reasons, ["streams (0.1ms) # needs a key"]);
        assert_eq!(counts(&node(&["# tests 2", "# pass 2", "# fail 0", "# skipped 0"])), (2, 0, 0));
    }

    #[test]
    fn a_skip_without_reason_is_still_named() {
        assert_eq!(
            nextest(&["Summary [ 0.0s] 1 test run: 1 passed, 2 skipped"]).reasons,
            ["2 ignored or filtered out"]
        );
    }
}
