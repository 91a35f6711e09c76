//! Entries of the request log in columns, one line each.

use apex_store::Entry;

use super::text;

const COLUMNS: [&str; 9] = ["TIME", "STATUS", "OUTCOME", "DURATION", "IN", "OUT", "MODEL", "PROVIDER", "REQUEST"];

/// Lines that are aligned with those before them.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// None before the first line.
    widths: Option<[usize; 9]>,
}

impl Table {
    /// `entries` as lines, with the names of the columns before the first ones.
    pub(super) fn rows(&mut self, entries: &[Entry]) -> String {
        if entries.is_empty() {
            return String::new();
        }
        let mut rows: Vec<[String; 9]> = Vec::with_capacity(entries.len() + 1);
        if self.widths.is_none() {
            rows.push(COLUMNS.map(str::to_owned));
        }
        rows.extend(entries.iter().map(cells));
        let widths = self.widths.get_or_insert_default();
        for row in &rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let mut out = String::new();
        for row in &rows {
            let line: Vec<String> = row.iter().zip(&*widths).map(|(cell, width)| format!("{cell:width$}")).collect();
            out.push_str(line.join("  ").trim_end());
            out.push('\n');
        }
        out
    }
}

fn cells(entry: &Entry) -> [String; 9] {
    let said = |name: &str| entry.text(name).map_or_else(|| "-".to_owned(), text::plain);
    let count = |name: &str| entry.number(name).map_or_else(|| "-".to_owned(), |n| n.to_string());
    let error = entry.text("error").map(|error| format!("  {}", text::plain(error))).unwrap_or_default();
    [
        text::moment(entry.started),
        count("status"),
        said("outcome"),
        entry.time("duration_ms").map(text::time).unwrap_or_default(),
        count("input_tokens"),
        count("output_tokens"),
        said("model"),
        said("provider"),
        said("request_id") + &error,
    ]
}
