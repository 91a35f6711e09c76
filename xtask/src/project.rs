//! Where things are, and how tools are called from there.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Command;
use std::{env, io};

/// The checkout this runs in, and whether somebody watches.
#[derive(Debug)]
pub(crate) struct Project {
    pub(crate) root: PathBuf,
    pub(crate) target: PathBuf,
    /// `CI=true`: nobody installs what is missing, so a missing tool is a failure and not a skip.
    pub(crate) ci: bool,
}

impl Project {
    pub(crate) fn find() -> io::Result<Self> {
        // cargo says where the package is; the path of the build machine is only right on the build machine.
        let package =
            env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = package.parent().map(PathBuf::from).ok_or_else(|| io::Error::other("xtask has no parent folder"))?;
        // This program is `<target>/<profile>/xtask`, whatever variable or file chose the folder.
        let target = env::current_exe()?
            .ancestors()
            .nth(2)
            .map(PathBuf::from)
            .ok_or_else(|| io::Error::other("xtask does not run from a build folder"))?;
        Ok(Self { root, target, ci: env::var("CI").is_ok_and(|ci| !ci.is_empty() && ci != "false" && ci != "0") })
    }

    /// A program, run from the root of the checkout.
    pub(crate) fn tool(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root);
        forget_ourselves(&mut command);
        command
    }

    /// cargo, of the toolchain that runs this.
    pub(crate) fn cargo<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Command {
        let mut command = self.tool(env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()));
        command.args(args).env("CARGO_TARGET_DIR", &self.target);
        command
    }
}

/// `cargo run` describes xtask in variables. Build scripts (ring's) watch some of them: handed down, they would rebuild
/// half the tree each time a developer alternates between `cargo test` and `cargo xtask test`.
fn forget_ourselves(command: &mut Command) {
    for (name, _) in env::vars_os() {
        let Some(name) = name.to_str() else { continue };
        let ours = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_NAME", "CARGO_PRIMARY_PACKAGE"];
        if ours.iter().any(|prefix| name.starts_with(prefix)) {
            command.env_remove(name);
        }
    }
}
