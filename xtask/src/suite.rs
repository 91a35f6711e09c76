//! What each end-to-end suite needs before it can run. All of it lands in the build folder, never beside the sources.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::process::{self, Echo};
use crate::project::Project;
use crate::tally::{self, Tally};

/// Tests of a folder of `e2e/`, and the gateway they are written for.
pub(crate) struct Suite {
    pub(crate) name: &'static str,
    pub(crate) folder: &'static str,
    /// The gateway's configuration, in `e2e/`.
    pub(crate) config: &'static str,
    /// `APEX_VIA`: tells the tests how that gateway reaches its providers.
    pub(crate) via: &'static str,
    pub(crate) host: Host,
    /// No suite may hold the gate for longer.
    pub(crate) limit: Duration,
    /// Installs what is missing and returns the command that runs the tests.
    pub(crate) prepare: fn(&Project, &Path) -> Result<Command, Unready>,
    pub(crate) count: fn(&[String]) -> Tally,
}

/// Which gateway a suite talks to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Host {
    /// The Worker, and beside it the native one to compare with.
    Both,
    Native,
    Worker,
}

#[derive(Debug)]
pub(crate) enum Unready {
    /// The machine lacks a program.
    Missing(String),
    Failed(String),
}

pub(crate) const PYTHON: Suite = direct("python", pytest, tally::pytest);
pub(crate) const CLOUDFLARE: Suite =
    Suite { name: "cloudflare", config: "gateway-cloudflare.toml", via: "cloudflare", ..PYTHON };
pub(crate) const JS: Suite = direct("js", node, tally::node);
pub(crate) const CLIENTS: Suite = direct("clients", node, tally::node);
/// Every client there is, far too slow for the gate: `cargo xtask clients`.
pub(crate) const ALL_CLIENTS: Suite = Suite {
    name: "all-clients",
    folder: "clients",
    limit: Duration::from_mins(120),
    ..direct("clients", every_client, tally::node)
};
pub(crate) const WORKER_PYTHON: Suite = Suite { name: "worker-python", host: Host::Worker, ..PYTHON };
pub(crate) const WORKER_CLOUDFLARE: Suite = Suite { name: "worker-cloudflare", host: Host::Worker, ..CLOUDFLARE };
pub(crate) const WORKER_JS: Suite = Suite { name: "worker-js", host: Host::Worker, ..JS };
pub(crate) const WORKER_CLIENTS: Suite = Suite { name: "worker-clients", host: Host::Worker, ..CLIENTS };
pub(crate) const WORKER_OWN: Suite =
    Suite { name: "worker-own", folder: "worker", host: Host::Both, ..direct("worker", node, tally::node) };
pub(crate) const ALL: &[&Suite] = &[
    &PYTHON,
    &CLOUDFLARE,
    &JS,
    &CLIENTS,
    &WORKER_PYTHON,
    &WORKER_CLOUDFLARE,
    &WORKER_JS,
    &WORKER_CLIENTS,
    &WORKER_OWN,
];

/// A suite whose gateway talks to the providers themselves.
const fn direct(
    name: &'static str,
    prepare: fn(&Project, &Path) -> Result<Command, Unready>,
    count: fn(&[String]) -> Tally,
) -> Suite {
    let limit = Duration::from_mins(15);
    Suite { name, folder: name, config: "gateway.toml", via: "direct", host: Host::Native, limit, prepare, count }
}

const INSTALL: Duration = Duration::from_mins(10);
/// Remembers, inside what was installed, from which file.
const STAMP: &str = ".installed-from";

fn pytest(project: &Project, source: &Path) -> Result<Command, Unready> {
    let venv = project.target.join("e2e").join("venv");
    let python = venv.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    let requirements = source.join("requirements.txt");
    let wanted = fs::read(&requirements).map_err(|error| failed(&requirements, &error))?;
    if !python.exists() || fs::read(venv.join(STAMP)).ok().as_ref() != Some(&wanted) {
        if !process::answers(project.tool("python3").arg("--version")) {
            return Err(Unready::Missing("python3 is not installed".into()));
        }
        let made =
            process::run(project.tool("python3").args(["-m", "venv", "--clear"]).arg(&venv), INSTALL, Echo::Lines);
        if !made.ok() {
            let why = "python3 has no working `venv` module (Debian and Ubuntu: the package python3-venv)";
            return Err(Unready::Missing(why.into()));
        }
        let mut pip = project.tool(&python);
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"]).arg(&requirements);
        installed(&mut pip, "pip install", &venv, &wanted)?;
    }
    let mut tests = Command::new(python);
    tests.current_dir(source).env("PYTHONDONTWRITEBYTECODE", "1").env("PYTHONUNBUFFERED", "1").args([
        "-m",
        "pytest",
        "-rs",
        "--tb=short",
        "-p",
        "no:cacheprovider",
    ]);
    Ok(tests)
}

fn node(project: &Project, source: &Path) -> Result<Command, Unready> {
    let copy = install(project, source)?;
    // The suite's own script knows its files. What follows `--` goes to it.
    let mut tests = Command::new("npm");
    tests.current_dir(&copy).args(["test", "--silent", "--"]);
    Ok(tests)
}

/// Installs and runs the clients named after it, all of them if none is.
fn every_client(project: &Project, source: &Path) -> Result<Command, Unready> {
    let copy = install(project, source)?;
    let mut tests = Command::new("node");
    tests.current_dir(&copy).arg("all.mjs").arg(project.target.join("e2e").join("installed-clients"));
    Ok(tests)
}

/// npm installs beside `package.json`: so the folder is copied to the build folder and runs there.
pub(crate) fn install(project: &Project, source: &Path) -> Result<PathBuf, Unready> {
    for program in ["node", "npm"] {
        if !process::answers(project.tool(program).arg("--version")) {
            return Err(Unready::Missing(format!("{program} is not installed")));
        }
    }
    let name = source.file_name().unwrap_or_default();
    let copy = project.target.join("e2e").join(name);
    mirror(source, &copy).map_err(|error| failed(&copy, &error))?;
    let locked = copy.join("package-lock.json").exists();
    let wanted =
        ["package.json", "package-lock.json"].map(|file| fs::read(copy.join(file)).unwrap_or_default()).concat();
    let modules = copy.join("node_modules");
    if fs::read(modules.join(STAMP)).ok().as_ref() != Some(&wanted) {
        let mut npm = project.tool("npm");
        npm.current_dir(&copy).args([
            if locked { "ci" } else { "install" },
            "--no-audit",
            "--no-fund",
            "--loglevel=error",
        ]);
        installed(&mut npm, "npm", &modules, &wanted)?;
    }
    Ok(copy)
}

fn installed(command: &mut Command, what: &str, dir: &Path, from: &[u8]) -> Result<(), Unready> {
    let done = process::run(command, INSTALL, Echo::Lines);
    if !done.ok() {
        return Err(Unready::Failed(format!("{what}: {}", done.reason())));
    }
    fs::create_dir_all(dir).and_then(|()| fs::write(dir.join(STAMP), from)).map_err(|error| failed(dir, &error))
}

fn failed(path: &Path, error: &io::Error) -> Unready {
    Unready::Failed(format!("{}: {error}", path.display()))
}

const KEPT: &str = "node_modules";

/// Makes `to` the same as `from`, except for what was installed in it.
fn mirror(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(to)? {
        let entry = entry?;
        if entry.file_name() != OsStr::new(KEPT) {
            remove(&entry.path())?;
        }
    }
    copy(from, to)
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        if name == OsStr::new(KEPT) {
            continue;
        }
        let copied: PathBuf = to.join(&name);
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &copied)?;
        } else {
            fs::copy(entry.path(), copied).map(drop)?;
        }
    }
    Ok(())
}

fn remove(path: &Path) -> io::Result<()> {
    if path.symlink_metadata()?.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mirror_follows_its_source_and_keeps_what_was_installed() {
        let dir = std::env::temp_dir().join(format!("xtask-mirror-{}", std::process::id()));
        let (from, to) = (dir.join("from"), dir.join("to"));
        fs::create_dir_all(from.join("helpers")).unwrap();
        fs::write(from.join("a.test.mjs"), "1").unwrap();
        fs::write(from.join("helpers/b.mjs"), "2").unwrap();
        fs::create_dir_all(to.join(KEPT)).unwrap();
        fs::write(to.join(KEPT).join("installed"), "3").unwrap();
        fs::write(to.join("removed-since.mjs"), "4").unwrap();
        mirror(&from, &to).unwrap();
        assert_eq!(fs::read(to.join("helpers/b.mjs")).unwrap(), b"2");
        assert!(to.join(KEPT).join("installed").exists());
        assert!(!to.join("removed-since.mjs").exists());
        fs::remove_dir_all(dir).unwrap();
    }
}
