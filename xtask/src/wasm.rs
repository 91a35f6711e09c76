//! Core and service must run in a Worker: they build for `wasm32-unknown-unknown` and ask nothing of their host.

use std::path::Path;

use crate::process::{self, Echo};
use crate::project::Project;
use crate::report::Outcome;
use crate::steps::{LIMIT, checked};

pub(crate) const TARGET: &str = "wasm32-unknown-unknown";
const PACKAGES: &[&str] = &["apex-core", "apex-service"];

pub(crate) fn step(project: &Project) -> Outcome {
    if let Err(why) = target(project) {
        return Outcome::missing(project.ci, why);
    }
    let mut clippy = project.cargo(["clippy", "--target", TARGET]);
    clippy
        .args(PACKAGES.iter().chain(&["apex-worker"]).flat_map(|package| ["-p", package]))
        .args(["--", "-D", "warnings"]);
    let lint = checked(&mut clippy);
    for package in PACKAGES {
        if let Err(why) = imports_nothing(project, package) {
            return Outcome::failed(why);
        }
    }
    lint
}

/// The target is part of the toolchain; rustup fetches it on a fresh machine.
pub(crate) fn target(project: &Project) -> Result<(), String> {
    let libdir =
        process::run(project.tool("rustc").args(["--print", "target-libdir", "--target", TARGET]), LIMIT, Echo::Silent);
    if libdir.ok() && libdir.lines.iter().any(|dir| Path::new(dir).is_dir()) {
        return Ok(());
    }
    let added = process::run(project.tool("rustup").args(["target", "add", TARGET]), LIMIT, Echo::Lines);
    if added.ok() { Ok(()) } else { Err(format!("no {TARGET} and `rustup target add` says: {}", added.reason())) }
}

/// Links the library alone as a module. An import is a function the linker did not find: `env` means a C library or a
/// clock, `__wbindgen_*` means JavaScript; neither belongs below the Worker crate.
fn imports_nothing(project: &Project, package: &str) -> Result<(), String> {
    let dir = project.target.join("wasm-imports");
    let mut build = project.cargo(["rustc", "--lib", "--crate-type", "cdylib", "--target", TARGET, "-p", package]);
    // Nothing is exported: without the flags neither compiler nor linker would leave anything to look at.
    build.env("CARGO_TARGET_DIR", &dir).args(["--", "-C", "link-dead-code", "-C", "link-arg=--no-gc-sections"]);
    let built = process::run(&mut build, LIMIT, Echo::Lines);
    if !built.ok() {
        return Err(format!("{package} as a wasm module: {}", built.reason()));
    }
    let file = dir.join(TARGET).join("debug").join(format!("{}.wasm", package.replace('-', "_")));
    let module = std::fs::read(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    let imports = imports(&module).ok_or_else(|| format!("{} is not a wasm module", file.display()))?;
    println!("{package}: {} KiB of wasm, {} imports", module.len() / 1024, imports.len());
    if imports.is_empty() { Ok(()) } else { Err(format!("the wasm of {package} imports {}", imports.join(", "))) }
}

/// The imports of a module as `module.name`, by <https://webassembly.github.io/spec/core/binary/modules.html>.
fn imports(module: &[u8]) -> Option<Vec<String>> {
    let mut rest = module.strip_prefix(b"\0asm\x01\0\0\0")?;
    while let Some((&id, after)) = rest.split_first() {
        rest = after;
        let size = number(&mut rest)?;
        let (mut section, after) = rest.split_at_checked(size)?;
        rest = after;
        if id == 2 {
            let count = number(&mut section)?;
            return (0..count).map(|_| import(&mut section)).collect();
        }
    }
    Some(Vec::new())
}

fn import(section: &mut &[u8]) -> Option<String> {
    let name = format!("{}.{}", name(section)?, name(section)?);
    let (&kind, after) = section.split_first()?;
    *section = after;
    match kind {
        0 => skip(section, 1),                                    // function: its type
        1 => byte(section).and_then(|_| limits(section)),         // table: what it holds, how many
        2 => limits(section),                                     // memory
        3 => byte(section).and_then(|_| byte(section)).map(drop), // global: type, mutability
        4 => byte(section).and_then(|_| skip(section, 1)),        // tag
        _ => None,
    }?;
    Some(name)
}

fn limits(section: &mut &[u8]) -> Option<()> {
    let has_maximum = byte(section)? & 1 == 1;
    skip(section, if has_maximum { 2 } else { 1 })
}

fn skip(section: &mut &[u8], numbers: usize) -> Option<()> {
    (0..numbers).try_for_each(|_| number(section).map(drop))
}

fn name(section: &mut &[u8]) -> Option<String> {
    let length = number(section)?;
    let (name, after) = section.split_at_checked(length)?;
    *section = after;
    Some(String::from_utf8_lossy(name).into_owned())
}

fn byte(section: &mut &[u8]) -> Option<u8> {
    let (&byte, after) = section.split_first()?;
    *section = after;
    Some(byte)
}

/// LEB128.
fn number(section: &mut &[u8]) -> Option<usize> {
    let mut value = 0_usize;
    for shift in (0..35).step_by(7) {
        let byte = byte(section)?;
        value |= usize::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &[u8] = b"\0asm\x01\0\0\0";

    #[test]
    fn a_module_without_imports() {
        assert_eq!(imports(HEAD), Some(vec![]));
        assert_eq!(imports(&[HEAD, &[1, 2, 9, 9]].concat()), Some(vec![]));
    }

    #[test]
    fn names_every_import() {
        // A custom section, then two imports: a function and a memory with a maximum.
        let section = [b"\x02\x03env\x03now\x00\x07".as_slice(), b"\x03env\x06memory\x02\x01\x01\x80\x02"].concat();
        let length = u8::try_from(section.len()).unwrap();
        let module = [HEAD, &[0, 1, 7], &[2, length], &section].concat();
        assert_eq!(imports(&module), Some(vec!["env.now".to_owned(), "env.memory".to_owned()]));
    }

    #[test]
    fn a_cut_module_is_no_module() {
        assert_eq!(imports(b"\0asm"), None);
        assert_eq!(imports(&[HEAD, &[2, 9, 1]].concat()), None);
    }
}
