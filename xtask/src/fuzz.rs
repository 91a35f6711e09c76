//! The fuzz targets of `fuzz/`, on the toolchain that is here.
//!
//! `cargo fuzz` wants a nightly compiler for the address sanitizer, and our code has no `unsafe` for it to watch. What
//! guides the fuzzer is LLVM's coverage pass, and that the stable compiler has too: so `cargo xtask fuzz` builds with it
//! directly. The layout is cargo-fuzz's, and `cargo +nightly fuzz run <target>` works as well.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::process::{self, Echo};
use crate::project::Project;
use crate::report::{Outcome, Report};
use crate::steps::LIMIT;
use crate::tally::Tally;

/// What cargo-fuzz passes, minus the sanitizer. The counters need one codegen unit's worth of order, not speed.
const COVERAGE: &[&str] = &[
    "--cfg=fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Cdebug-assertions",
    "-Ccodegen-units=1",
];

/// One input may take this long: nothing a caller sends may make the parser slower.
const ONE_INPUT: u32 = 10;

/// `cargo xtask test`: every target still builds, and no input that once mattered makes it fail again.
pub(crate) fn replay(project: &Project) -> Outcome {
    let targets = match ready(project, None) {
        Ok(targets) => targets,
        Err(outcome) => return outcome,
    };
    let mut tally = Tally::default();
    let mut failing = Vec::new();
    for target in &targets {
        let seeds = corpus(project, target);
        let mut command = program(project, target);
        // A failing seed is written down once more: not into the sources.
        command.arg(format!("-artifact_prefix={}/", project.target.join("fuzz").display()));
        let done = process::run(command.arg("-runs=0").arg(&seeds), LIMIT, Echo::Silent);
        let count = fs::read_dir(&seeds).map_or(0, Iterator::count);
        if done.ok() {
            println!("{target}: {count} seeds pass");
            tally.passed += 1;
        } else {
            done.lines.iter().rev().take(60).rev().for_each(|line| println!("{line}"));
            println!("{target}: a seed fails: {}", done.reason());
            tally.failed += 1;
            failing.push(target.as_str());
        }
    }
    if tally.failed == 0 {
        Outcome::Passed(tally)
    } else {
        Outcome::Failed { why: format!("seeds fail in {}", failing.join(", ")), tally }
    }
}

/// `cargo xtask fuzz [target] [--seconds N]`: each target in turn, for so long each.
pub(crate) fn run(project: &Project, only: Option<&str>, each: Duration) -> Result<Report, String> {
    let targets = match ready(project, only) {
        Ok(targets) => targets,
        Err(Outcome::Failed { why, .. } | Outcome::Skipped(why)) => return Err(why),
        Err(Outcome::Passed(_)) => return Ok(Report::default()),
    };
    let mut report = Report::default();
    for target in targets {
        let name: &'static str = target.leak(); // a handful, for the life of the program
        report.step(name, || fuzz(project, name, each));
    }
    Ok(report)
}

fn fuzz(project: &Project, target: &str, each: Duration) -> Outcome {
    // New inputs go to the first folder, in the build folder; the seeds are only read.
    let found = project.target.join("fuzz").join("corpus").join(target);
    let artifacts = project.root.join("fuzz").join("artifacts").join(target);
    for dir in [&found, &artifacts] {
        if let Err(error) = fs::create_dir_all(dir) {
            return Outcome::failed(format!("{}: {error}", dir.display()));
        }
    }
    let mut command = program(project, target);
    command
        .arg(format!("-max_total_time={}", each.as_secs()))
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .arg(&found)
        .arg(corpus(project, target));
    let done = process::run(&mut command, each + LIMIT, Echo::Some(worth_reading));
    let executions = executions(&done.lines);
    let findings: Vec<&str> =
        done.lines.iter().filter_map(|line| Some(line.split_once("Test unit written to ")?.1)).collect();
    println!("{target}: {executions} executions, {} findings", findings.len());
    for finding in &findings {
        println!("  {finding} (again: {} {finding})", command.get_program().display());
    }
    if done.ok() {
        return Outcome::passed();
    }
    Outcome::failed(if findings.is_empty() { done.reason() } else { format!("found {}", findings.join(", ")) })
}

/// libFuzzer prints a line for each input it keeps, thousands of them: its pulse, and what it found, are enough.
fn worth_reading(line: &str) -> bool {
    let progress = line.starts_with('#') && line.get(1..2).is_some_and(|c| c.bytes().all(|b| b.is_ascii_digit()));
    let telling = ["INITED", "pulse", "DONE"].iter().any(|word| line.contains(word));
    let dictionary = line.starts_with('"') || line.contains("ecommended dictionary");
    (!progress || telling) && !dictionary && !line.starts_with("INFO:")
}

/// Builds the targets and names them.
fn ready(project: &Project, only: Option<&str>) -> Result<Vec<String>, Outcome> {
    let all = targets(&project.root.join("fuzz"));
    let wanted: Vec<String> = all.iter().filter(|target| only.is_none_or(|only| only == *target)).cloned().collect();
    if wanted.is_empty() {
        return Err(Outcome::failed(format!("no such fuzz target; there are {}", all.join(", "))));
    }
    if !["c++", "g++", "clang++"].iter().any(|compiler| process::answers(project.tool(compiler).arg("--version"))) {
        return Err(Outcome::Skipped("no C++ compiler: libFuzzer is built from source".into()));
    }
    let mut build =
        project.cargo(["build", "--release", "--manifest-path", "fuzz/Cargo.toml", "--target", &triple(project)]);
    build.args(wanted.iter().flat_map(|target| ["--bin", target]));
    build.env("CARGO_TARGET_DIR", project.target.join("fuzz")).env("CARGO_ENCODED_RUSTFLAGS", COVERAGE.join("\x1f"));
    let built = process::run(&mut build, LIMIT, Echo::Lines);
    if built.ok() { Ok(wanted) } else { Err(Outcome::failed(format!("building the targets: {}", built.reason()))) }
}

/// The name of this machine: with `--target`, build scripts and macros are built without the coverage flags.
fn triple(project: &Project) -> String {
    let version = process::run(project.tool("rustc").arg("-vV"), LIMIT, Echo::Silent);
    version.lines.iter().find_map(|line| line.strip_prefix("host: ")).unwrap_or("x86_64-unknown-linux-gnu").to_owned()
}

fn program(project: &Project, target: &str) -> Command {
    let mut command = project.tool(project.target.join("fuzz").join(triple(project)).join("release").join(target));
    command.args(["-print_final_stats=1", "-rss_limit_mb=2048"]).arg(format!("-timeout={ONE_INPUT}"));
    let dictionary = project.root.join("fuzz").join("dict").join(format!("{target}.dict"));
    if dictionary.is_file() {
        command.arg(format!("-dict={}", dictionary.display()));
    }
    command
}

fn corpus(project: &Project, target: &str) -> PathBuf {
    project.root.join("fuzz").join("corpus").join(target)
}

/// Every file of `fuzz_targets/` is a target.
fn targets(fuzz: &Path) -> Vec<String> {
    let files = fs::read_dir(fuzz.join("fuzz_targets")).into_iter().flatten().flatten();
    let mut names: Vec<String> =
        files.filter_map(|file| Some(file.file_name().to_str()?.strip_suffix(".rs")?.to_owned())).collect();
    names.sort();
    names
}

fn executions(lines: &[String]) -> u64 {
    let stat = |line: &String| line.strip_prefix("stat::number_of_executed_units:")?.trim().parse().ok();
    // A crash ends before the statistics: then the last `#123` of the progress counts.
    let progress = |line: &String| line.strip_prefix('#')?.split_whitespace().next()?.parse().ok();
    lines.iter().rev().find_map(stat).or_else(|| lines.iter().rev().find_map(progress)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_closing_lines_of_libfuzzer() {
        let done = ["#2\tINITED cov: 3 ft: 4", "stat::number_of_executed_units: 1234"].map(str::to_owned);
        assert_eq!(executions(&done), 1234);
        let crashed =
            ["#2\tINITED cov: 3 ft: 4", "#99\tNEW    cov: 5", "SUMMARY: libFuzzer: deadly signal"].map(str::to_owned);
        assert_eq!(executions(&crashed), 99);
    }
}
