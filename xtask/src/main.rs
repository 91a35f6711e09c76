//! Chores of the project: `cargo xtask` without arguments lists them.
//!
//! No dependency outside the standard library: this is compiled before anything else can be said about a fresh clone.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line program prints")]

mod bench;
mod e2e;
mod fuzz;
mod process;
mod project;
mod release;
mod report;
mod steps;
mod suite;
mod tally;
mod tidy;
mod wasm;
mod worker;

use std::process::ExitCode;
use std::time::Duration;

use project::Project;
use report::Report;
use steps::{Kind, STEPS};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let project = match Project::find() {
        Ok(project) => project,
        Err(error) => return refuse(&error.to_string()),
    };
    match Chore::of(&arguments) {
        Ok(Chore::Help) => {
            println!("{}", help());
            ExitCode::SUCCESS
        }
        Ok(chore) => match chore.run(&project) {
            Ok(report) => {
                report.print();
                if report.ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
            }
            Err(why) => refuse(&why),
        },
        Err(why) => refuse(&format!("{why}\n\n{}", help())),
    }
}

fn refuse(why: &str) -> ExitCode {
    eprintln!("xtask: {why}");
    ExitCode::from(2)
}

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
enum Chore {
    /// Measure under load.
    Bench(Vec<String>),
    /// Count instructions, or, `update`, write the list of counts anew.
    Instructions {
        update: bool,
    },
    Check,
    /// Real clients against the gateway: these, or all.
    Clients(Vec<String>),
    E2e {
        suites: Vec<String>,
        extra: Vec<String>,
    },
    Fuzz {
        target: Option<String>,
        each: Duration,
    },
    Help,
    InstallTools,
    /// The binary for users; `pgo`: arranged by what it does under load.
    Release {
        pgo: bool,
    },
    /// These steps, in the order of the table.
    Steps(Vec<&'static str>),
    /// What follows goes to the script.
    WorkerBench(Vec<String>),
}

impl Chore {
    fn of(arguments: &[String]) -> Result<Self, String> {
        let Some((name, rest)) = arguments.split_first() else { return Ok(Self::Help) };
        match name.as_str() {
            "help" | "--help" | "-h" => Ok(Self::Help),
            "bench" => bench_chore(rest),
            "check" if rest.is_empty() => Ok(Self::Check),
            "clients" => Ok(Self::Clients(rest.to_vec())),
            "e2e" => e2e_chore(rest),
            "fuzz" => fuzz_chore(rest),
            "release" if rest.is_empty() => Ok(Self::Release { pgo: false }),
            "release" if rest == ["--pgo"] => Ok(Self::Release { pgo: true }),
            "test" => test_chore(rest),
            "worker-bench" => Ok(Self::WorkerBench(rest.to_vec())),
            // Any step by its name.
            name => match STEPS.iter().find(|step| step.name == name) {
                Some(step) if rest.is_empty() => Ok(Self::Steps(vec![step.name])),
                _ => Err(format!("`{}` is not a chore", arguments.join(" "))),
            },
        }
    }

    fn run(&self, project: &Project) -> Result<Report, String> {
        match self {
            Self::Bench(extra) => {
                let mut report = Report::default();
                report.step("bench", || bench::load(project, extra));
                Ok(report)
            }
            Self::Instructions { update } => Ok(instructions(project, *update)),
            Self::Check => Ok(steps::run(project, |step| step.kind == Kind::Check)),
            Self::Clients(names) => Ok(run_clients(project, names)),
            Self::E2e { suites, extra } => Ok(run_suites(project, suites, extra)),
            Self::Fuzz { target, each } => fuzz::run(project, target.as_deref(), *each),
            Self::Help => Ok(Report::default()),
            Self::InstallTools => Ok(steps::install_tools(project)),
            Self::Release { pgo } => Ok(release::run(project, *pgo)),
            Self::WorkerBench(extra) => Ok(run_worker_bench(project, extra)),
            Self::Steps(names) => Ok(steps::run(project, |step| names.contains(&step.name))),
        }
    }
}

fn run_suites(project: &Project, wanted: &[String], extra: &[String]) -> Report {
    let mut report = Report::default();
    report.step("build", || e2e::build(project));
    let chosen = |suite: &suite::Suite| wanted.is_empty() || wanted.iter().any(|name| name == suite.name);
    if suite::ALL.iter().any(|suite| chosen(suite) && suite.host != suite::Host::Native) {
        report.step("worker", || worker::build(project));
    }
    for suite in suite::ALL.iter().filter(|suite| chosen(suite)) {
        report.step(suite.name, || e2e::run(project, suite, extra));
    }
    report
}

fn run_worker_bench(project: &Project, extra: &[String]) -> Report {
    let mut report = Report::default();
    report.step("worker", || worker::build(project));
    report.step("worker-bench", || worker::bench(project, extra));
    report
}

fn instructions(project: &Project, update: bool) -> Report {
    let mut report = Report::default();
    report.step("instructions", || if update { bench::update(project) } else { bench::guard(project) });
    report
}

fn bench_chore(rest: &[String]) -> Result<Chore, String> {
    match rest.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["--instructions"] => Ok(Chore::Instructions { update: false }),
        ["--instructions", "--update"] => Ok(Chore::Instructions { update: true }),
        ["--update" | "--instructions", ..] => Err("--instructions stands alone, or with --update".to_owned()),
        _ => Ok(Chore::Bench(rest.to_vec())),
    }
}

fn run_clients(project: &Project, names: &[String]) -> Report {
    let mut report = Report::default();
    report.step("build", || e2e::build(project));
    report.step("clients", || e2e::run(project, &suite::ALL_CLIENTS, names));
    report
}

fn test_chore(rest: &[String]) -> Result<Chore, String> {
    let mut names: Vec<&'static str> = STEPS.iter().map(|step| step.name).collect();
    let mut arguments = rest.iter();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--install-tools" => return Ok(Chore::InstallTools),
            "--fast" => names.retain(|name| STEPS.iter().any(|step| step.name == *name && step.kind != Kind::EndToEnd)),
            "--only" => {
                let list = arguments.next().ok_or("--only needs names of steps, with commas between")?;
                names = only(list)?;
            }
            other => {
                names =
                    only(other.strip_prefix("--only=").ok_or_else(|| format!("`{other}` is not an option of test"))?)?;
            }
        }
    }
    Ok(Chore::Steps(names))
}

/// The named steps; a suite brings the build it needs.
fn only(list: &str) -> Result<Vec<&'static str>, String> {
    let mut names = Vec::new();
    for wanted in list.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        let step =
            STEPS.iter().find(|step| step.name == wanted).ok_or_else(|| format!("there is no step `{wanted}`"))?;
        if step.kind == Kind::EndToEnd && step.name != "worker" {
            names.push("build");
        }
        if step.name.starts_with("worker-") {
            names.push("worker");
        }
        names.push(step.name);
    }
    Ok(names)
}

fn e2e_chore(rest: &[String]) -> Result<Chore, String> {
    let mut parts = rest.splitn(2, |argument| argument == "--");
    let suites = parts.next().unwrap_or_default().to_vec();
    let extra = parts.next().unwrap_or_default().to_vec();
    match suites.iter().find(|name| !suite::ALL.iter().any(|suite| suite.name == **name)) {
        Some(unknown) => Err(format!("there is no e2e suite `{unknown}`")),
        None => Ok(Chore::E2e { suites, extra }),
    }
}

fn fuzz_chore(rest: &[String]) -> Result<Chore, String> {
    let mut target = None;
    let mut each = Duration::from_mins(1);
    let mut arguments = rest.iter();
    while let Some(argument) = arguments.next() {
        let seconds = match argument.as_str() {
            "--seconds" => Some(arguments.next().map_or("", String::as_str)),
            other => other.strip_prefix("--seconds="),
        };
        match seconds {
            Some(number) => {
                let number = number.parse().map_err(|_| "--seconds needs a whole number")?;
                each = Duration::from_secs(number);
            }
            None if target.is_none() && !argument.starts_with('-') => target = Some(argument.clone()),
            None => return Err(format!("`{argument}` is not an option of fuzz")),
        }
    }
    Ok(Chore::Fuzz { target, each })
}

fn help() -> String {
    let mut text = vec![
        "cargo xtask test [--fast] [--only STEP,..]   everything below; --fast: without the end-to-end suites"
            .to_owned(),
        "cargo xtask test --install-tools             installs cargo-nextest, cargo-deny, cargo-insta".to_owned(),
        "cargo xtask check                            the steps that only look: fmt tidy clippy wasm doc".to_owned(),
        "cargo xtask clients [CLIENT..]               installs and runs every client, or these (minutes to an hour)"
            .to_owned(),
        "cargo xtask e2e [SUITE..] [-- ARGS]          suites: [worker-]python, cloudflare, js, clients; worker-own; ARGS go to pytest or node"
            .to_owned(),
        "cargo xtask fuzz [TARGET] [--seconds N]      each target for N seconds (60)".to_owned(),
        "cargo xtask worker-bench [ARGS]              CPU time per request of the Worker; ARGS go to e2e/worker/bench.mjs"
            .to_owned(),
        "cargo xtask bench [ARGS]                     under load, beside nginx; ARGS: --scenarios s1,s3 --rounds 5 --secs 2 ..".to_owned(),
        "cargo xtask bench --instructions [--update]  counts instructions with callgrind; --update writes the list anew".to_owned(),
        "cargo xtask release [--pgo]                  the binary for users; --pgo: built, put under load, and built anew by what was seen".to_owned(),
        "cargo xtask STEP                             one step:".to_owned(),
    ];
    text.extend(STEPS.iter().map(|step| format!("  {:<10} {}", step.name, step.about)));
    text.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chore(line: &str) -> Result<Chore, String> {
        Chore::of(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn understands_its_command_line() {
        assert_eq!(chore(""), Ok(Chore::Help));
        assert_eq!(chore("check"), Ok(Chore::Check));
        assert_eq!(chore("test --only fmt,python"), Ok(Chore::Steps(vec!["fmt", "build", "python"])));
        assert_eq!(chore("test --only worker-js"), Ok(Chore::Steps(vec!["build", "worker", "worker-js"])));
        assert_eq!(chore("worker"), Ok(Chore::Steps(vec!["worker"])));
        let extra = vec!["--rounds".to_owned(), "3".to_owned()];
        assert_eq!(chore("worker-bench --rounds 3"), Ok(Chore::WorkerBench(extra)));
        assert_eq!(chore("release"), Ok(Chore::Release { pgo: false }));
        assert_eq!(chore("release --pgo"), Ok(Chore::Release { pgo: true }));
        assert_eq!(chore("bench --rounds 3"), Ok(Chore::Bench(vec!["--rounds".into(), "3".into()])));
        assert_eq!(chore("bench --instructions --update"), Ok(Chore::Instructions { update: true }));

        assert_eq!(chore("clients pi-chat"), Ok(Chore::Clients(vec!["pi-chat".into()])));
        assert_eq!(chore("tidy"), Ok(Chore::Steps(vec!["tidy"])));
        assert_eq!(chore("test --install-tools"), Ok(Chore::InstallTools));
        let all = Duration::from_mins(10);
        assert_eq!(chore("fuzz --seconds 600"), Ok(Chore::Fuzz { target: None, each: all }));
        assert_eq!(chore("fuzz sse --seconds=600"), Ok(Chore::Fuzz { target: Some("sse".into()), each: all }));
        let extra = vec!["-k".to_owned(), "stream".to_owned()];
        assert_eq!(chore("e2e python -- -k stream"), Ok(Chore::E2e { suites: vec!["python".into()], extra }));
    }

    #[test]
    fn fast_leaves_out_the_suites_and_their_build() {
        let Ok(Chore::Steps(names)) = chore("test --fast") else { panic!("not steps") };
        assert!(names.contains(&"unit") && !names.contains(&"build") && !names.contains(&"js"));
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        for line in [
            "bench --update",
            "release --fast",
            "check now",
            "test --slow",
            "test --only nothing",
            "e2e ruby",
            "fuzz --seconds x",
        ] {
            assert!(chore(line).is_err(), "{line}");
        }
    }
}
