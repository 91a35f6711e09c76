//! The operator's file of prices.

use std::path::{Path, PathBuf};

use apex_core::price::Sheet;
use apex_core::settings::Settings;
use figment::providers::{Format as _, Toml};
use figment::{Figment, Profile};

use super::problem::Problem;
use super::without_snippet;

/// The rows of a file, behind those of the configuration.
#[derive(Debug)]
pub(super) struct PriceFile {
    pub(super) path: PathBuf,
    /// Rows of the configuration itself.
    before: usize,
}

impl PriceFile {
    /// Adds the rows of the file that `settings` name, if they do.
    pub(super) fn read(settings: &mut Settings, beside: &Path, problems: &mut Vec<Problem>) -> Option<Self> {
        let path = beside.join(settings.prices.file.as_ref()?);
        let before = settings.prices.rows.len();
        match std::fs::read_to_string(&path) {
            Ok(text) => settings.prices.rows.extend(rows(&path, &text, problems)),
            Err(error) => problems.push(Problem::new("prices.file", format!("cannot be read: {error}"))),
        }
        Some(Self { path, before })
    }

    /// A problem of a row of the file is told with its place there.
    pub(super) fn place(&self, problem: Problem) -> Problem {
        let place = || {
            let (number, rest) = problem.path.strip_prefix("prices.rows[")?.split_once(']')?;
            Some(format!("rows[{}]{rest}", number.parse::<usize>().ok()?.checked_sub(self.before)?))
        };
        match place() {
            Some(path) => Problem { path, ..problem }.from(self.path.display().to_string()),
            None => problem,
        }
    }
}

fn rows(path: &Path, text: &str, problems: &mut Vec<Problem>) -> Vec<apex_core::price::Row> {
    let name = path.display().to_string();
    let sheet = if path.extension().is_some_and(|e| e == "json") {
        serde_json::from_str::<Sheet>(text).map_err(|error| vec![error.to_string()])
    } else {
        let figment = Figment::from(Toml::string(text).profile(Profile::Default));
        figment.extract::<Sheet>().map_err(|errors| errors.into_iter().map(|e| e.to_string()).collect())
    };
    match sheet {
        Ok(sheet) => sheet.rows,
        Err(errors) => {
            let new = |error: &String| Problem::new("prices.file", without_snippet(error)).from(&name);
            problems.extend(errors.iter().map(new));
            Vec::new()
        }
    }
}
