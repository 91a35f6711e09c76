//! The effective configuration as text that could be written into a file again, secrets masked.

use std::fmt::{self, Write as _};
use std::time::Duration;

use apex_core::catalog::{FETCH_INTERVAL, Place};
use figment::value::Value;

use super::Loaded;
use super::problem::dotted;
use super::read::is_secret;

impl fmt::Display for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for leaf in &self.leaves {
            let value = if is_secret(&leaf.path) { "\"***\"".to_owned() } else { toml(&leaf.value) };
            writeln!(f, "{} = {value}  # {}", leaf.path, leaf.origin)?;
        }
        for (path, value) in self.unwritten() {
            if self.leaves.iter().all(|leaf| leaf.path != path) {
                writeln!(f, "{path} = {value}  # default")?;
            }
        }
        Ok(())
    }
}

impl Loaded {
    /// What applies where nothing was written.
    fn unwritten(&self) -> Vec<(&'static str, String)> {
        let (timeouts, limits, passthrough) = (&self.catalog.timeouts, &self.catalog.limits, &self.catalog.passthrough);
        let seconds = |d: Duration| d.as_secs_f64().to_string();
        let bytes = |n: u64| {
            let units = [(30, " GiB"), (20, " MiB")];
            let (unit, name) = units.into_iter().find(|(unit, _)| n.is_multiple_of(1 << unit)).unwrap_or((0, ""));
            format!("\"{}{name}\"", n >> unit)
        };
        let age = |d: Duration| {
            let units = [(86_400, " days"), (3600, " h"), (60, " min")];
            let n = d.as_secs();
            let (unit, name) = units.into_iter().find(|(unit, _)| n.is_multiple_of(*unit)).unwrap_or((1, " s"));
            format!("\"{}{name}\"", n / unit)
        };
        let (log, responses) = (&self.catalog.request_log, self.catalog.responses.unwrap_or_default());
        let store = match self.catalog.responses.map(|kept| kept.place) {
            None => "\"off\"",
            Some(Place::Disk) => "\"disk\"",
            Some(Place::Memory) => "\"memory\"",
        };
        let data_dir = self.data_dir.as_ref().map(|dir| ("data_dir", quoted(&dir.to_string_lossy())));
        let rest = vec![
            ("aepipe.bodies", self.catalog.aepipe.as_ref().is_none_or(|sink| sink.bodies).to_string()),
            ("log.lines", self.catalog.log_lines.to_string()),
            ("passthrough.mode", format!("\"{:?}\"", passthrough.mode).to_lowercase()),
            ("passthrough.max_concurrent", passthrough.max_concurrent.to_string()),
            ("passthrough.max_concurrent_per_client", passthrough.max_concurrent_per_client.to_string()),
            ("providers.mock.enabled", self.catalog.mock.to_string()),
            ("timeouts.connect", seconds(timeouts.connect)),
            ("timeouts.first_byte", seconds(timeouts.first_byte)),
            ("timeouts.idle", seconds(timeouts.idle)),
            ("timeouts.total", seconds(timeouts.total)),
            ("timeouts.client_head", seconds(timeouts.client_head)),
            ("timeouts.client_write", seconds(timeouts.client_write)),
            ("timeouts.drain", seconds(timeouts.drain)),
            ("timeouts.keep_alive", seconds(timeouts.keep_alive)),
            ("limits.body", bytes(limits.body)),
            ("limits.buffered_total", bytes(limits.buffered_total)),
            ("limits.head", bytes(limits.head)),
            ("limits.headers", limits.headers.to_string()),
            ("limits.capture", bytes(limits.capture)),
            ("limits.capture_total", bytes(limits.capture_total)),
            ("limits.uri", bytes(u64::try_from(limits.uri).unwrap_or(u64::MAX))),
            ("log.requests", log.enabled.to_string()),
            ("log.bodies", log.bodies.to_string()),
            ("log.max_age", age(log.max_age)),
            ("log.max_size", bytes(log.max_size)),
            ("models.fetch", self.catalog.fetch_models.is_some().to_string()),
            ("models.interval", age(self.catalog.fetch_models.unwrap_or(FETCH_INTERVAL))),
            ("responses.store", store.to_owned()),
            ("responses.max_age", age(responses.max_age)),
            ("responses.max_entries", responses.max_entries.to_string()),
            ("responses.max_size", bytes(responses.max_size)),
        ];
        data_dir.into_iter().chain(rest).collect()
    }
}

fn toml(value: &Value) -> String {
    match value {
        Value::String(_, text) => quoted(text),
        Value::Char(_, c) => quoted(&c.to_string()),
        Value::Bool(_, b) => b.to_string(),
        Value::Num(_, n) => n
            .to_u128()
            .map(|n| n.to_string())
            .or_else(|| n.to_i128().map(|n| n.to_string()))
            .or_else(|| n.to_f64().map(|n| n.to_string()))
            .unwrap_or_default(),
        Value::Array(_, items) => {
            let items: Vec<String> = items.iter().map(toml).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Dict(_, dict) => {
            let members: Vec<String> = dict
                .iter()
                .map(|(key, value)| format!("{} = {}", dotted(std::slice::from_ref(key)), toml(value)))
                .collect();
            format!("{{ {} }}", members.join(", "))
        }
        Value::Empty(..) => "{}".to_owned(),
    }
}

/// A TOML basic string: no control character gets to a terminal.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
