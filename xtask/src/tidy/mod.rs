//! What the project promises and no compiler checks: a table of rules over the files of the checkout.

mod links;
mod rules;
mod source;

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::process::{self, Echo};
use crate::project::Project;
use crate::report::Outcome;
use source::Source;

/// A text file of the checkout.
#[derive(Debug)]
pub(crate) struct File {
    /// From the root, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
    /// Of Rust files.
    pub(crate) source: Option<Source>,
}

impl File {
    fn new(path: &str, text: String) -> Self {
        let source = has_extension(path, "rs").then(|| Source::of(&text));
        Self { path: path.to_owned(), text, source }
    }

    /// Whether all of it is tests; a test module at its end is the business of [`Source::shipped`].
    pub(crate) fn is_test(&self) -> bool {
        self.path.contains("/tests/") || self.path.ends_with("/tests.rs") || self.path.ends_with("_tests.rs")
    }
}

pub(crate) fn has_extension(path: &str, extension: &str) -> bool {
    Path::new(path).extension().is_some_and(|found| found == extension)
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// From 1; 0: the file as a whole.
    pub(crate) line: usize,
    pub(crate) what: String,
    pub(crate) weight: Weight,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weight {
    Fails,
    Warns,
}

impl Finding {
    fn new(line: usize, what: impl Into<String>) -> Self {
        Self { line, what: what.into(), weight: Weight::Fails }
    }
}

pub(crate) fn step(project: &Project) -> Outcome {
    let files = files(project);
    let mut failures = 0_usize;
    let mut warnings = 0_usize;
    for file in &files {
        let from_rules = rules::TABLE
            .iter()
            .filter(|rule| (rule.applies)(file))
            .flat_map(|rule| (rule.find)(file).into_iter().map(|finding| (rule.why, finding)));
        let from_links =
            links::broken(&project.root, file).into_iter().map(|finding| ("links lead somewhere", finding));
        for (why, finding) in from_rules.chain(from_links) {
            let label = match finding.weight {
                Weight::Fails => {
                    failures += 1;
                    "error"
                }
                Weight::Warns => {
                    warnings += 1;
                    "warning"
                }
            };
            println!("{label}: {}:{}: {} ({why})", file.path, finding.line, finding.what);
        }
    }
    println!("{} files, {failures} errors, {warnings} warnings", files.len());
    if failures == 0 { Outcome::passed() } else { Outcome::failed(format!("{failures} findings")) }
}

/// Every text file git knows or would add; in a checkout without git, every file that is not obviously built.
fn files(project: &Project) -> Vec<File> {
    let listed = process::run(
        project.tool("git").args([
            "-c",
            "core.quotePath=off",
            "ls-files",
            "--cached",
            "--others",
            "--exclude-standard",
        ]),
        Duration::from_mins(1),
        Echo::Silent,
    );
    let mut paths = if listed.ok() { listed.lines } else { walk(&project.root) };
    paths.sort();
    paths.dedup();
    paths
        .into_iter()
        .filter_map(|path| {
            // Deleted but not yet committed, or not text: nothing to check.
            let text = fs::read_to_string(project.root.join(&path)).ok()?;
            Some(File::new(&path, text))
        })
        .collect()
}

fn walk(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![root.to_owned()];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(&dir).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let built = ["target", "node_modules", ".git", ".venv", "artifacts", "__pycache__"];
            if built.contains(&name.as_str()) {
                continue;
            }
            let path = entry.path();
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                open.push(path);
            } else if let Ok(relative) = path.strip_prefix(root) {
                found.push(relative.to_string_lossy().replace('\\', "/"));
            }
        }
    }
    found
}
