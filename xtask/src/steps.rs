//! The steps of the gate that are cargo's work. The other steps: `tidy`, `wasm`, `e2e`, `fuzz`.

use std::process::Command;
use std::time::Duration;

use crate::process::{self, Echo};
use crate::project::Project;
use crate::report::{Outcome, Report};
use crate::{bench, e2e, fuzz, suite, tally, tidy, wasm, worker};

/// One step of `cargo xtask test`.
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    /// Part of `cargo xtask check` / left out by `cargo xtask test --fast`.
    pub(crate) kind: Kind,
    run: fn(&Project) -> Outcome,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Check,
    Test,
    EndToEnd,
}

/// In the order they run: the quick and the telling first.
pub(crate) const STEPS: &[Step] = &[
    Step { name: "fmt", about: "rustfmt has nothing to change", kind: Kind::Check, run: fmt },
    Step {
        name: "tidy",
        about: "the rules the compiler cannot check, links in *.md",
        kind: Kind::Check,
        run: tidy::step,
    },
    Step { name: "clippy", about: "clippy of the workspace, warnings denied", kind: Kind::Check, run: clippy },
    Step {
        name: "wasm",
        about: "core, service and worker build for wasm; core and service import nothing",
        kind: Kind::Check,
        run: wasm::step,
    },
    Step { name: "doc", about: "rustdoc of core and service, warnings denied", kind: Kind::Check, run: doc },
    Step { name: "deny", about: "licences, bans, sources and advisories (cargo-deny)", kind: Kind::Test, run: deny },
    Step { name: "unit", about: "unit, golden, property and exchange tests", kind: Kind::Test, run: unit },
    Step { name: "doctest", about: "the examples in the documentation", kind: Kind::Test, run: doctest },
    Step {
        name: "fuzz",
        about: "the fuzz targets build and pass their seed corpus",
        kind: Kind::Test,
        run: fuzz::replay,
    },
    Step {
        name: "instructions",
        about: "exchanges cost no more instructions than listed (valgrind)",
        kind: Kind::Test,
        run: bench::guard,
    },
    Step { name: "build", about: "the gateway and the scripted upstream", kind: Kind::EndToEnd, run: e2e::build },
    Step { name: "python", about: "e2e/python against a running gateway", kind: Kind::EndToEnd, run: e2e::python },
    Step {
        name: "cloudflare",
        about: "e2e/python against a gateway behind Cloudflare AI Gateway",
        kind: Kind::EndToEnd,
        run: e2e::cloudflare,
    },
    Step { name: "js", about: "e2e/js against a running gateway", kind: Kind::EndToEnd, run: e2e::js },
    Step { name: "clients", about: "e2e/clients against a running gateway", kind: Kind::EndToEnd, run: e2e::clients },
    Step { name: "worker", about: "the Worker, and its size", kind: Kind::EndToEnd, run: worker::build },
    Step {
        name: "worker-python",
        about: "e2e/python against the Worker",
        kind: Kind::EndToEnd,
        run: |project| e2e::run(project, &suite::WORKER_PYTHON, &[]),
    },
    Step {
        name: "worker-cloudflare",
        about: "e2e/python against the Worker behind Cloudflare AI Gateway",
        kind: Kind::EndToEnd,
        run: |project| e2e::run(project, &suite::WORKER_CLOUDFLARE, &[]),
    },
    Step {
        name: "worker-js",
        about: "e2e/js against the Worker",
        kind: Kind::EndToEnd,
        run: |project| e2e::run(project, &suite::WORKER_JS, &[]),
    },
    Step {
        name: "worker-clients",
        about: "e2e/clients against the Worker",
        kind: Kind::EndToEnd,
        run: |project| e2e::run(project, &suite::WORKER_CLIENTS, &[]),
    },
    Step {
        name: "worker-own",
        about: "e2e/worker: parity with the native gateway, secrets, clients that leave",
        kind: Kind::EndToEnd,
        run: |project| e2e::run(project, &suite::WORKER_OWN, &[]),
    },
];

/// The longest a step of cargo may take, a first build of everything on a slow machine included.
pub(crate) const LIMIT: Duration = Duration::from_mins(40);

/// Runs the steps `wanted` says, all of them, whatever fails.
pub(crate) fn run(project: &Project, wanted: impl Fn(&Step) -> bool) -> Report {
    let mut report = Report::default();
    for step in STEPS.iter().filter(|step| wanted(step)) {
        report.step(step.name, || (step.run)(project));
    }
    report
}

/// A command that passes or fails as a whole.
pub(crate) fn checked(command: &mut Command) -> Outcome {
    let done = process::run(command, LIMIT, Echo::Lines);
    if done.ok() { Outcome::passed() } else { Outcome::failed(done.reason()) }
}

fn fmt(project: &Project) -> Outcome {
    if let Err(why) = component(project, "rustfmt", "fmt") {
        return Outcome::failed(why);
    }
    let ours = checked(&mut project.cargo(["fmt", "--all", "--check"]));
    let fuzz = checked(&mut project.cargo(["fmt", "--manifest-path", "fuzz/Cargo.toml", "--check"])); // its own workspace
    if matches!(ours, Outcome::Failed { .. }) { ours } else { fuzz }
}

fn clippy(project: &Project) -> Outcome {
    if let Err(why) = component(project, "clippy", "clippy") {
        return Outcome::failed(why);
    }
    checked(&mut project.cargo(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))
}

fn doc(project: &Project) -> Outcome {
    let mut command = project.cargo(["doc", "--no-deps", "-p", "apex-core", "-p", "apex-service"]);
    checked(command.env("RUSTDOCFLAGS", "-D warnings"))
}

fn deny(project: &Project) -> Outcome {
    if !process::answers(&mut project.cargo(["deny", "--version"])) {
        return Outcome::Skipped("cargo-deny is not installed; `cargo xtask test --install-tools` installs it".into());
    }
    let offline_checks = checked(&mut project.cargo(["deny", "check", "licenses", "bans", "sources"]));
    if matches!(offline_checks, Outcome::Failed { .. }) {
        return offline_checks;
    }
    let advisories = process::run(&mut project.cargo(["deny", "check", "advisories"]), LIMIT, Echo::Lines);
    if advisories.ok() {
        Outcome::passed()
    } else if advisories.says("failed to fetch advisory database") {
        Outcome::Skipped("licences, bans and sources pass; the advisory database cannot be fetched from here".into())
    } else {
        Outcome::failed(advisories.reason())
    }
}

fn unit(project: &Project) -> Outcome {
    let nextest = process::answers(&mut project.cargo(["nextest", "--version"]));
    let (mut command, count): (_, fn(&[String]) -> tally::Tally) = if nextest {
        (project.cargo(["nextest", "run", "--workspace"]), tally::nextest)
    } else {
        println!("cargo-nextest is not installed: using `cargo test`");
        (project.cargo(["test", "--workspace", "--lib", "--bins", "--tests", "--no-fail-fast"]), tally::libtest)
    };
    counted(&mut command, count)
}

/// nextest runs no doctests.
fn doctest(project: &Project) -> Outcome {
    counted(&mut project.cargo(["test", "--workspace", "--doc", "--no-fail-fast"]), tally::libtest)
}

fn counted(command: &mut Command, count: impl Fn(&[String]) -> tally::Tally) -> Outcome {
    let done = process::run(command, LIMIT, Echo::Lines);
    let tally = count(&done.lines);
    Outcome::of_tests(&done, tally)
}

/// A component of the toolchain; a minimal toolchain gets it now.
fn component(project: &Project, name: &str, subcommand: &str) -> Result<(), String> {
    if process::answers(&mut project.cargo([subcommand, "--version"])) {
        return Ok(());
    }
    let added = process::run(project.tool("rustup").args(["component", "add", name]), LIMIT, Echo::Lines);
    if added.ok() {
        Ok(())
    } else {
        Err(format!("{name} is missing and `rustup component add {name}`: {}", added.reason()))
    }
}

/// `cargo xtask test --install-tools`: what the steps use when it is there.
pub(crate) fn install_tools(project: &Project) -> Report {
    let mut report = Report::default();
    for (step, subcommand, package) in
        [("nextest", "nextest", "cargo-nextest"), ("deny", "deny", "cargo-deny"), ("insta", "insta", "cargo-insta")]
    {
        report.step(step, || {
            if process::answers(&mut project.cargo([subcommand, "--version"])) {
                return Outcome::passed();
            }
            let mut install = project.cargo(["install", "--locked", package]);
            checked(install.env("CARGO_TARGET_DIR", project.target.join("tools")))
        });
    }
    report
}
