//! The Worker: its module, its JavaScript, and how it is started for the suites.

use std::path::PathBuf;
use std::process::Command;

use crate::process::{self, Echo};
use crate::project::Project;
use crate::report::Outcome;
use crate::steps::{LIMIT, checked};
use crate::suite::{self, Unready};
use crate::wasm::{self, TARGET};

/// Where `wrangler` and the suites find it.
pub(crate) const DIST: &str = "crates/worker/dist";

/// Builds the module, makes its bindings and packs both into [`DIST`]; fails when that is too large to be deployed.
pub(crate) fn build(project: &Project) -> Outcome {
    if let Err(why) = wasm::target(project) {
        return Outcome::missing(project.ci, why);
    }
    match make(project) {
        Ok(()) => Outcome::passed(),
        Err(Unready::Missing(why)) => Outcome::missing(project.ci, why),
        Err(Unready::Failed(why)) => Outcome::failed(why),
    }
}

fn make(project: &Project) -> Result<(), Unready> {
    let pack = suite::install(project, &project.root.join("crates/worker/pack"))?;
    done(&mut project.cargo(["build", "--profile", "worker", "--target", TARGET, "-p", "apex-worker"]))?;
    let module = project.target.join(TARGET).join("worker").join("apex_worker.wasm");
    let bindings = project.target.join("worker-bindings");
    let mut bindgen = project.cargo(["run", "--quiet", "-p", "xtask-bindgen", "--"]);
    done(bindgen.arg(&module).arg(&bindings))?;
    done(project.tool("node").arg(pack.join("pack.mjs")).arg(&bindings).arg(project.root.join(DIST)))
}

fn done(command: &mut Command) -> Result<(), Unready> {
    let program = command.get_program().to_string_lossy().into_owned();
    let done = process::run(command, LIMIT, Echo::Lines);
    if done.ok() { Ok(()) } else { Err(Unready::Failed(format!("{program}: {}", done.reason()))) }
}

/// Measures the built Worker; prints a table.
pub(crate) fn bench(project: &Project, extra: &[String]) -> Outcome {
    let folder = match suite::install(project, &project.root.join("e2e/worker")) {
        Ok(folder) => folder,
        Err(Unready::Missing(why)) => return Outcome::missing(project.ci, why),
        Err(Unready::Failed(why)) => return Outcome::failed(why),
    };
    checked(project.tool("node").arg(folder.join("bench.mjs")).arg(project.root.join(DIST)).args(extra))
}

/// The command that runs the built Worker with a configuration of the suites, in the real runtime.
pub(crate) fn serve(project: &Project, config: &str) -> Result<(PathBuf, Vec<PathBuf>), Unready> {
    let folder = suite::install(project, &project.root.join("e2e/worker"))?;
    let arguments = vec![folder.join("run.mjs"), project.root.join(DIST), project.root.join("e2e").join(config)];
    Ok((PathBuf::from("node"), arguments))
}
