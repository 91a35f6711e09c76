//! `cargo xtask bench`: the gateway under load, beside nginx where it is installed.
//! `cargo xtask bench --instructions`: how many instructions a fixed set of exchanges costs, against a list that is part
//! of the checkout. Times here differ by a fifth from run to run; these counts do not.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use crate::process::{self, Echo, Finished};
use crate::project::Project;
use crate::report::Outcome;
use crate::steps::LIMIT;
use crate::tally::Tally;

/// Where the counts are kept.
const BASELINE: &str = "crates/bench/instructions.txt";
/// How much more than the list says is still the same, in percent: hash seeds, another libc, another processor.
const TOLERANCE: u64 = 3;
/// Two runs of different length: their difference has no start of a process in it.
const FEW: u32 = 10;
const MANY: u32 = 40;

/// Builds what is needed and measures; `extra` goes to the program that does (crates/bench/src/load/options.rs).
pub(crate) fn load(project: &Project, extra: &[String]) -> Outcome {
    let mut build = project.cargo(["build", "--release", "-p", "apex-ai-proxy"]);
    let built = process::run(&mut build, LIMIT, Echo::Lines);
    if !built.ok() {
        return Outcome::failed(format!("the gateway does not build: {}", built.reason()));
    }
    let program = match build_load(project) {
        Ok(program) => program,
        Err(why) => return Outcome::failed(why),
    };
    let gateway = project.target.join("release").join("apex-ai-proxy");
    if let Ok(file) = fs::metadata(&gateway) {
        println!("the binary has {}.{} MB", file.len() / 1_000_000, file.len() / 100_000 % 10);
    }
    let json = project.target.join("bench.json");
    // Load and upstream on one core, what is measured on the other.
    let pinned = process::answers(project.tool("taskset").arg("--version"));
    let mut command = project.tool("sh");
    // A thousand streams are more files than a shell allows unasked.
    command.args(["-c", r#"ulimit -n "$(ulimit -H -n)" 2>/dev/null; exec "$@""#, "sh"]);
    if pinned {
        command.args(["taskset", "-c", "0"]);
    }
    command.arg(&program).arg(&gateway).arg("--json").arg(&json).args(extra);
    if process::answers(project.tool("nginx").arg("-v")) {
        command.args(["--nginx", "nginx"]);
    } else {
        println!("nginx is not installed: measured without it");
    }
    let done = process::run(&mut command, 10 * LIMIT, Echo::Lines);
    println!("every window is in {}", json.display());
    if done.ok() { Outcome::passed() } else { Outcome::failed(done.reason()) }
}

/// The program that makes the load (crates/bench/src/load).
pub(crate) fn build_load(project: &Project) -> Result<PathBuf, String> {
    let mut command = project.cargo(["build", "--profile", "bench", "-p", "apex-bench", "--bin", "apex-load"]);
    let built = process::run(&mut command, LIMIT, Echo::Lines);
    if !built.ok() {
        return Err(format!("apex-load does not build: {}", built.reason()));
    }
    // The profile inherits from `release`, and so does its folder.
    Ok(project.target.join("release").join("apex-load"))
}

/// The step of the gate.
pub(crate) fn guard(project: &Project) -> Outcome {
    if !valgrind(project) {
        // The counts guard speed and nothing else: no machine has to have valgrind.
        return Outcome::Skipped("valgrind is not installed (apt-get install valgrind)".to_owned());
    }
    match counts(project) {
        Ok(counts) => compare(project, &counts),
        Err(why) => Outcome::failed(why),
    }
}

/// Writes the list anew.
pub(crate) fn update(project: &Project) -> Outcome {
    if !valgrind(project) {
        return Outcome::failed("valgrind is not installed");
    }
    let written = counts(project).and_then(|counts| {
        let mut lines = vec![format!("compiler {}", compiler(project)?)];
        lines.extend(counts.iter().map(|(name, count)| format!("{name} {count}")));
        let text = lines.join("\n") + "\n";
        fs::write(project.root.join(BASELINE), text).map_err(|error| format!("{BASELINE}: {error}"))?;
        Ok(counts)
    });
    match written {
        Ok(counts) => {
            counts.iter().for_each(|(name, count)| println!("{name:<26} {count:>12}"));
            Outcome::passed()
        }
        Err(why) => Outcome::failed(why),
    }
}

fn valgrind(project: &Project) -> bool {
    cfg!(target_os = "linux") && process::answers(project.tool("valgrind").arg("--version"))
}

/// Instructions of one exchange of each case.
fn counts(project: &Project) -> Result<BTreeMap<String, u64>, String> {
    let program = build(project)?;
    let listed = process::run(&mut project.tool(&program), LIMIT, Echo::Silent);
    if !listed.ok() {
        return Err(format!("apex-exchanges: {}", listed.reason()));
    }
    let mut counts = BTreeMap::new();
    for case in &listed.lines {
        let run = |times| instructions(project, &program, case, times);
        let each = run(MANY)?.saturating_sub(run(FEW)?) / u64::from(MANY - FEW);
        counts.insert(case.clone(), each);
    }
    Ok(counts)
}

fn build(project: &Project) -> Result<PathBuf, String> {
    let mut command = project.cargo(["build", "--profile", "bench", "-p", "apex-bench", "--bin", "apex-exchanges"]);
    let built = process::run(&mut command, LIMIT, Echo::Lines);
    if !built.ok() {
        return Err(format!("apex-exchanges does not build: {}", built.reason()));
    }
    // The profile inherits from `release`, and so does its folder.
    Ok(project.target.join("release").join("apex-exchanges"))
}

fn instructions(project: &Project, program: &PathBuf, case: &str, times: u32) -> Result<u64, String> {
    let mut command = project.tool("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(program).args([case, &times.to_string()]);
    let done = process::run(&mut command, LIMIT, Echo::Silent);
    collected(&done).ok_or_else(|| format!("{case}: {}; it said: {}", done.reason(), done.lines.join(" | ")))
}

/// `==123== Collected : 456`
fn collected(done: &Finished) -> Option<u64> {
    let line = done.lines.iter().find(|line| line.contains("Collected :"))?;
    line.rsplit(' ').next()?.parse().ok().filter(|_| done.ok())
}

fn compiler(project: &Project) -> Result<String, String> {
    let said = process::run(project.tool("rustc").arg("--version"), LIMIT, Echo::Silent);
    said.lines.first().cloned().ok_or_else(|| "rustc does not tell its version".to_owned())
}

fn compare(project: &Project, counts: &BTreeMap<String, u64>) -> Outcome {
    let text = fs::read_to_string(project.root.join(BASELINE)).unwrap_or_default();
    let (then, baseline) = parse(&text);
    let now = compiler(project).unwrap_or_default();
    if then != now {
        println!("the list was made by {then}, this is {now}: counts may differ for that alone");
    }
    let mut tally = Tally::default();
    println!("{:<26} {:>12} {:>12} {:>8}", "exchange", "listed", "now", "change");
    for (name, &count) in counts {
        let verdict = verdict(baseline.get(name).copied(), count);
        let listed = baseline.get(name).copied().unwrap_or(0);
        println!("{name:<26} {listed:>12} {count:>12} {:>8}{}", change(listed, count), verdict.remark());
        if verdict == Verdict::Worse {
            tally.failed += 1;
        } else {
            tally.passed += 1;
        }
    }
    if tally.failed == 0 {
        return Outcome::Passed(tally);
    }
    let why = format!(
        "more instructions than {BASELINE} says; if that is meant, `cargo xtask bench --instructions --update` (made by {then})"
    );
    // Another compiler makes other code: that is news for a reader, not the fault of a change.
    if then == now { Outcome::Failed { why, tally } } else { Outcome::Skipped(why) }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Better,
    Same,
    Worse,
}

impl Verdict {
    const fn remark(self) -> &'static str {
        match self {
            Self::Better => "  less: update the list",
            Self::Same => "",
            Self::Worse => "  MORE",
        }
    }
}

fn verdict(listed: Option<u64>, count: u64) -> Verdict {
    let Some(listed) = listed else { return Verdict::Worse };
    if count * 100 > listed * (100 + TOLERANCE) {
        Verdict::Worse
    } else if count * (100 + TOLERANCE) < listed * 100 {
        Verdict::Better
    } else {
        Verdict::Same
    }
}

fn change(listed: u64, count: u64) -> String {
    if listed == 0 {
        return "new".to_owned();
    }
    let tenths = (i128::from(count) - i128::from(listed)) * 1000 / i128::from(listed);
    format!("{}{}.{} %", if tenths < 0 { "-" } else { "+" }, tenths.abs() / 10, tenths.abs() % 10)
}

/// The compiler, and the count of each case.
fn parse(text: &str) -> (String, BTreeMap<String, u64>) {
    let mut compiler = String::new();
    let mut counts = BTreeMap::new();
    for (name, rest) in text.lines().filter_map(|line| line.split_once(' ')) {
        if name == "compiler" {
            rest.clone_into(&mut compiler);
        } else if let Ok(count) = rest.trim().parse() {
            counts.insert(name.to_owned(), count);
        }
    }
    (compiler, counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_read_as_it_is_written() {
        let (compiler, counts) = parse("compiler rustc 1.95.0 (abc)\nrelay-json 1000\n");
        assert_eq!((compiler.as_str(), counts.get("relay-json")), ("rustc 1.95.0 (abc)", Some(&1000)));
    }

    #[test]
    fn a_little_more_is_the_same() {
        assert_eq!(verdict(Some(1000), 1030), Verdict::Same);
        assert_eq!(verdict(Some(1000), 1031), Verdict::Worse);
        assert_eq!(verdict(Some(1000), 970), Verdict::Better);
        assert_eq!(verdict(Some(1000), 971), Verdict::Same);
        assert_eq!(verdict(None, 1), Verdict::Worse);
        assert_eq!((change(1000, 1031).as_str(), change(1000, 985).as_str()), ("+3.1 %", "-1.5 %"));
    }
}
