//! The end-to-end suites: real SDKs and clients talk to the built gateway, which talks to a scripted upstream.

use std::collections::hash_map::RandomState;
use std::ffi::OsString;
use std::fs;
use std::hash::BuildHasher as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::process::{self, Echo, Guard};
use crate::project::Project;
use crate::report::Outcome;
use crate::steps::checked;
use crate::{suite, worker};

const READY: Duration = Duration::from_secs(30);
/// Where recordings are that the upstream can replay; it looks for them itself where this says nothing.
const CORPUS: &str = "APEX_CORPUS";
const LISTENING: &str = "listening on ";
const LOG_TAIL: usize = 60;

pub(crate) fn build(project: &Project) -> Outcome {
    checked(&mut project.cargo([
        "build",
        "-p",
        "apex-ai-proxy",
        "-p",
        "apex-testkit",
        "--bin",
        "apex-ai-proxy",
        "--bin",
        "scripted-upstream",
    ]))
}

pub(crate) fn python(project: &Project) -> Outcome {
    run(project, &suite::PYTHON, &[])
}

pub(crate) fn cloudflare(project: &Project) -> Outcome {
    run(project, &suite::CLOUDFLARE, &[])
}

pub(crate) fn js(project: &Project) -> Outcome {
    run(project, &suite::JS, &[])
}

pub(crate) fn clients(project: &Project) -> Outcome {
    run(project, &suite::CLIENTS, &[])
}

/// Prepares one suite, starts a gateway and an upstream of its own, runs it, and stops both.
pub(crate) fn run(project: &Project, suite: &suite::Suite, extra: &[String]) -> Outcome {
    let source = project.root.join("e2e").join(suite.folder);
    let mut command = match (suite.prepare)(project, &source) {
        Ok(command) => command,
        Err(suite::Unready::Missing(why)) => return Outcome::missing(project.ci, why),
        Err(suite::Unready::Failed(why)) => return Outcome::failed(why),
    };
    let host = match Host::start(project, suite) {
        Ok(host) => host,
        Err(suite::Unready::Missing(why)) => return Outcome::missing(project.ci, why),
        Err(suite::Unready::Failed(why)) => return Outcome::failed(why),
    };
    host.describe_to(&mut command);
    let done = process::run(command.env("APEX_VIA", suite.via).args(extra), suite.limit, Echo::Lines);
    let outcome = Outcome::of_tests(&done, (suite.count)(&done.lines));
    if matches!(outcome, Outcome::Failed { .. }) {
        host.print_logs();
    }
    outcome
}

/// The gateway and its upstream on free ports of loopback, killed when this goes.
#[derive(Debug)]
struct Host {
    gateway: Server,
    /// The native gateway, where the suite compares.
    native: Option<Server>,
    upstream: Server,
    token: String,
    kind: suite::Host,
    /// The built Worker.
    dist: PathBuf,
    /// The built native gateway.
    binary: PathBuf,
    docs: PathBuf,
}

impl Host {
    fn start(project: &Project, suite: &suite::Suite) -> Result<Self, suite::Unready> {
        let logs = project.target.join("e2e");
        let failed = suite::Unready::Failed;
        fs::create_dir_all(&logs).map_err(|error| failed(format!("{}: {error}", logs.display())))?;
        let token = token();
        let log = |of: &str| logs.join(format!("{}-{of}.log", suite.name));
        let mut upstream = ours(project, "scripted-upstream");
        upstream.envs(std::env::var_os(CORPUS).map(|folder| (CORPUS, folder)));
        let upstream = Server::start(upstream, log("upstream")).map_err(failed)?;
        let start = |mut command: Command, of: &str| {
            command.env("E2E_UPSTREAM", &upstream.url).env("E2E_TOKEN", &token);
            Server::start(command, log(of)).map_err(failed)
        };
        let native = || {
            let mut native = ours(project, "apex-ai-proxy");
            native.env("APEX_DATA_DIR", logs.join(format!("{}-data", suite.name)));
            native.args(["--config", &format!("e2e/{}", suite.config), "--listen", "127.0.0.1:0"]);
            native
        };
        let gateway = if suite.host == suite::Host::Native {
            native()
        } else {
            let (program, arguments) = worker::serve(project, suite.config)?;
            let mut worker = hermetic(project, program);
            worker.args(arguments);
            worker
        };
        let gateway = start(gateway, "gateway")?;
        let native = if suite.host == suite::Host::Both { Some(start(native(), "native")?) } else { None };
        println!("gateway {}, upstream {}", gateway.url, upstream.url);
        let (dist, binary) = (project.root.join(worker::DIST), built(project, "apex-ai-proxy"));
        let docs = project.root.join("docs");
        Ok(Self { gateway, native, upstream, token, kind: suite.host, dist, binary, docs })
    }

    /// What a suite knows of its host: these variables, and none of the developer's own keys.
    fn describe_to(&self, command: &mut Command) {
        for (name, _) in std::env::vars_os() {
            let personal = ["OPENAI_", "ANTHROPIC_", "CLAUDE", "APEX_", "GEMINI_", "GOOGLE_"];
            let personal = |name: &str| name != "APEX_GOLDEN" && personal.iter().any(|prefix| name.starts_with(prefix));
            if name.to_str().is_some_and(personal) {
                command.env_remove(name);
            }
        }
        command
            .env("APEX_URL", &self.gateway.url)
            .env("APEX_TOKEN", &self.token)
            .env("APEX_UPSTREAM", &self.upstream.url)
            .env("APEX_HOST_KIND", if self.kind == suite::Host::Native { "native" } else { "worker" })
            .env("APEX_DIST", &self.dist)
            .env("APEX_NATIVE_BINARY", &self.binary)
            .env("APEX_DOCS", &self.docs)
            .env("APEX_NATIVE_URL", self.native.as_ref().map_or("", |native| &native.url))
            .env("NO_PROXY", "127.0.0.1,localhost")
            .env("no_proxy", "127.0.0.1,localhost");
    }

    fn print_logs(&self) {
        for server in [&self.gateway, &self.upstream].into_iter().chain(&self.native) {
            print_tail(&server.log);
        }
    }
}

/// One of our programs with its log, once it said where it listens.
#[derive(Debug)]
struct Server {
    url: String,
    log: PathBuf,
    _guard: Guard,
}

impl Server {
    fn start(mut command: Command, log: PathBuf) -> Result<Self, String> {
        let program = command.get_program().to_string_lossy().into_owned();
        let file = fs::File::create(&log).map_err(|error| format!("{}: {error}", log.display()))?;
        let errors = file.try_clone().map_err(|error| format!("{}: {error}", log.display()))?;
        let child = command
            .stdin(Stdio::null())
            .stdout(file)
            .stderr(errors)
            .spawn()
            .map_err(|error| format!("{program} could not be started: {error}"))?;
        let mut guard = Guard(child);
        let deadline = Instant::now() + READY;
        loop {
            if let Some(url) = fs::read(&log).ok().and_then(|said| listening(&String::from_utf8_lossy(&said))) {
                return Ok(Self { url, log, _guard: guard });
            }
            if let Ok(Some(status)) = guard.0.try_wait() {
                print_tail(&log);
                return Err(format!("{program} ended before it listened: {status}"));
            }
            if Instant::now() > deadline {
                print_tail(&log);
                return Err(format!("{program} did not say where it listens within {} s", READY.as_secs()));
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}

fn ours(project: &Project, program: &str) -> Command {
    hermetic(project, built(project, program))
}

fn built(project: &Project, program: &str) -> PathBuf {
    project.target.join("debug").join(program)
}

/// A program in an environment of its own: a developer's keys and files must not reach a test.
fn hermetic(project: &Project, program: PathBuf) -> Command {
    let mut command = Command::new(program);
    let kept: Vec<(OsString, OsString)> = ["PATH", "RUST_LOG", "RUST_BACKTRACE", "LLVM_PROFILE_FILE", "SystemRoot"]
        .iter()
        .filter_map(|name| Some((OsString::from(name), std::env::var_os(name)?)))
        .collect();
    command.current_dir(&project.root).env_clear().envs(kept).env("HOME", project.target.join("e2e"));
    command
}

/// The address in a complete `listening on http://127.0.0.1:PORT` line, bare or inside a log line.
fn listening(log: &str) -> Option<String> {
    log.split_inclusive('\n').filter(|line| line.ends_with('\n')).find_map(|line| {
        let (_, url) = line.split_once(LISTENING)?;
        let url = url.split(|c: char| c.is_whitespace() || c == '"').next()?.trim_end_matches('/');
        url.starts_with("http").then(|| url.to_owned())
    })
}

/// Unguessable enough for a gateway that lives for a minute on loopback, and different each time.
fn token() -> String {
    format!("apex-e2e-{:016x}{:016x}", RandomState::new().hash_one(1), RandomState::new().hash_one(2))
}

fn print_tail(log: &Path) {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    let from = lines.len().saturating_sub(LOG_TAIL);
    println!("---- the end of {} ({} lines in all)", log.display(), lines.len());
    for line in lines.iter().skip(from) {
        println!("{line}");
    }
    println!("----");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_address() {
        assert_eq!(listening("listening on http://127.0.0.1:87"), None, "the line is not complete");
        assert_eq!(listening("hello\nlistening on http://127.0.0.1:8787\n").as_deref(), Some("http://127.0.0.1:8787"));
        let logged = "12:00 INFO listening on http://127.0.0.1:1 workers=2\n";
        assert_eq!(listening(logged).as_deref(), Some("http://127.0.0.1:1"));
    }

    #[test]
    fn tokens_differ() {
        assert_ne!(token(), token());
    }
}
