//! `cargo xtask release`: the binary as it is given to users. With `--pgo` the compiler is told what the gateway does under
//! load: a first build counts, the load of `cargo xtask bench` runs against it, and the second build is arranged by that.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::bench;
use crate::process::{self, Echo};
use crate::project::Project;
use crate::report::{Outcome, Report};

/// Everything on the path of a request: both kinds of body, streams, bursts and tool calls, relayed and translated both
/// ways, names of every kind, and errors.
const TRAINING: &str = "s1,s1-alias,s1-mapping,s1-refused,s2b,s3,s3b,s3t,s4,s5,s5b,s5t,s6a,s6-refused,s6b,s6bb,s9";
/// The whole optimizer on one core.
const LIMIT: Duration = Duration::from_hours(2);

/// Builds; the report says what failed.
pub(crate) fn run(project: &Project, pgo: bool) -> Report {
    let mut report = Report::default();
    if !pgo {
        report.step("build", || build(&mut project.cargo(["build", "--release", "-p", "apex-ai-proxy"])));
        report.step("size", || tell(&project.target.join("release").join("apex-ai-proxy")));
        return report;
    }
    let tools = host(project).and_then(|host| profdata(project, &host).map(|tool| (host, tool)));
    let Some((host, tool)) = tools else {
        // Asked before the long builds.
        report.step("tools", || Outcome::failed("llvm-profdata is missing: rustup component add llvm-tools"));
        return report;
    };
    let folder = project.target.join("pgo");
    // A name of its own: cargo looks at the flag, and not into the file.
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let (counts, profile) = (folder.join("counts"), folder.join(format!("profile-{}", since.as_secs())));
    let binary = folder.join(&host).join("release").join("apex-ai-proxy");
    let steps: [(&'static str, &dyn Fn() -> Outcome); 5] = [
        ("counting build", &|| counting(project, &host, &counts)),
        ("training", &|| train(project, &binary, &counts)),
        ("profile", &|| merge(project, &tool, &counts, &profile)),
        ("build", &|| {
            let mut command = for_host(project, &host);
            build(command.env("RUSTFLAGS", format!("-Cprofile-use={}", profile.display())))
        }),
        ("size", &|| tell(&binary)),
    ];
    for (name, step) in steps {
        report.step(name, step);
        if !report.ok() {
            // What is left would take the binary of another day.
            break;
        }
    }
    report
}

/// A build with an explicit target: only then are flags kept away from build scripts and macros.
fn for_host(project: &Project, host: &str) -> Command {
    let mut command = project.cargo(["build", "--release", "-p", "apex-ai-proxy", "--target", host]);
    command.env("CARGO_TARGET_DIR", project.target.join("pgo"));
    command
}

fn build(command: &mut Command) -> Outcome {
    let built = process::run(command, LIMIT, Echo::Lines);
    if built.ok() { Outcome::passed() } else { Outcome::failed(built.reason()) }
}

/// Settings are those of the release: names of functions depend on them, and counts go by names.
fn counting(project: &Project, host: &str, counts: &Path) -> Outcome {
    // Those of another build would be read along.
    let _ = fs::remove_dir_all(counts);
    let mut command = for_host(project, host);
    build(command.env("RUSTFLAGS", format!("-Cprofile-generate={}", counts.display())))
}

fn train(project: &Project, binary: &Path, counts: &Path) -> Outcome {
    let load = match bench::build_load(project) {
        Ok(load) => load,
        Err(why) => return Outcome::failed(why),
    };
    let mut command = project.tool(load);
    command.arg(binary).args(["--scenarios", TRAINING, "--rounds", "1", "--secs", "2", "--rest", "0", "--cores", ""]);
    let done = process::run(&mut command, LIMIT, Echo::Silent);
    if !done.ok() {
        return Outcome::failed(format!("{}; it said: {}", done.reason(), done.lines.join(" | ")));
    }
    let written = fs::read_dir(counts).is_ok_and(|mut files| files.next().is_some());
    if written { Outcome::passed() } else { Outcome::failed("the counting build left no counts") }
}

fn merge(project: &Project, tool: &Path, counts: &Path, profile: &Path) -> Outcome {
    let mut command = project.tool(tool);
    command.args(["merge", "--output"]).arg(profile).arg(counts);
    let merged = process::run(&mut command, LIMIT, Echo::Lines);
    if merged.ok() { Outcome::passed() } else { Outcome::failed(merged.reason()) }
}

/// Of the toolchain itself: another version may not read its counts.
fn profdata(project: &Project, host: &str) -> Option<PathBuf> {
    let said = process::run(project.tool("rustc").args(["--print", "sysroot"]), LIMIT, Echo::Silent);
    let tool = Path::new(said.lines.first()?).join("lib/rustlib").join(host).join("bin").join("llvm-profdata");
    tool.is_file().then_some(tool)
}

fn host(project: &Project) -> Option<String> {
    let said = process::run(project.tool("rustc").arg("-vV"), LIMIT, Echo::Silent);
    said.lines.iter().find_map(|line| line.strip_prefix("host: ")).map(str::to_owned)
}

fn tell(binary: &Path) -> Outcome {
    match fs::metadata(binary) {
        Ok(file) => {
            println!("{}: {}.{} MB", binary.display(), file.len() / 1_000_000, file.len() / 100_000 % 10);
            Outcome::passed()
        }
        Err(error) => Outcome::failed(format!("{}: {error}", binary.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_trained_with_what_is_measured() {
        let measured = include_str!("../../crates/bench/src/load/scenario.rs");
        for name in TRAINING.split(',') {
            assert!(measured.contains(&format!("name: \"{name}\"")), "there is no scenario {name}");
        }
    }
}
