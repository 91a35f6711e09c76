//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use crate::process::Pinning;
use crate::reports::{REPORTS, Reports};
use crate::scenario::{SCENARIOS, Scenario};

pub(crate) const HELP: &str =
    "apex-load [NAME=]GATEWAY.. [--scenarios s1,s3] [--reports off,all,down] [--rounds 5] [--secs 2] [--rest 60]
          [--threads 1] [--cores 1] [--realtime] [--nginx PROGRAM] [--json FILE]
--scenarios    by default all that take seconds; s7m (5,000 streams) is measured if it is named
--reports      what is switched on, one process for each: by default as the gateway comes";

/// What is to be measured.
#[derive(Debug)]
pub(crate) struct Options {
    /// Binaries of the gateway, by name: two of them are compared in one run.
    pub(crate) gateways: Vec<(String, PathBuf)>,
    pub(crate) nginx: Option<PathBuf>,
    pub(crate) scenarios: Vec<Scenario>,
    /// What each gateway reports: one process for each; none is as it comes.
    pub(crate) reports: Vec<Reports>,
    pub(crate) rounds: u32,
    pub(crate) window: Duration,
    /// How long after the last window memory is looked at once more.
    pub(crate) rest: Duration,
    pub(crate) threads: u32,
    pub(crate) pin: Pinning,
    pub(crate) json: Option<PathBuf>,
}

impl Options {
    pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self {
            gateways: Vec::new(),
            nginx: None,
            scenarios: SCENARIOS.iter().filter(|scenario| !scenario.is_rare()).copied().collect(),
            reports: Vec::new(),
            rounds: 5,
            window: Duration::from_secs(2),
            rest: Duration::from_secs(60),
            threads: 1,
            pin: Pinning { cores: "1".to_owned(), realtime: false },
            json: None,
        };
        let mut arguments = arguments;
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| format!("{argument} needs a value"));
            match argument.as_str() {
                "--scenarios" => options.scenarios = named("scenario", &value()?, SCENARIOS, |s| s.name)?,
                "--reports" => options.reports = named("set of reports", &value()?, REPORTS, |r| r.name)?,
                "--rounds" => options.rounds = number(&value()?)?,
                "--secs" => options.window = seconds(&value()?)?,
                "--rest" => options.rest = seconds(&value()?)?,
                "--threads" => options.threads = number(&value()?)?,
                "--cores" => options.pin.cores = value()?,
                "--realtime" => options.pin.realtime = true,
                "--nginx" => options.nginx = Some(value()?.into()),
                "--json" => options.json = Some(value()?.into()),
                other if other.starts_with('-') => return Err(format!("`{other}` is not an option")),
                other => {
                    let (name, path) = other.split_once('=').unwrap_or(("apex", other));
                    options.gateways.push((name.to_owned(), path.into()));
                }
            }
        }
        if options.gateways.is_empty() { Err("which gateway?".to_owned()) } else { Ok(options) }
    }
}

/// Those of `all` that `list` names.
fn named<T: Copy>(kind: &str, list: &str, all: &[T], name: fn(&T) -> &'static str) -> Result<Vec<T>, String> {
    let find = |wanted: &str| {
        all.iter().find(|one| name(one) == wanted).copied().ok_or_else(|| {
            let known: Vec<_> = all.iter().map(name).collect();
            format!("no {kind} `{wanted}`; there are {}", known.join(", "))
        })
    };
    list.split(',').map(find).collect()
}

fn number(text: &str) -> Result<u32, String> {
    text.parse().map_err(|_| format!("`{text}` is no number"))
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds.ok_or_else(|| format!("`{text}` is no number of seconds"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, String> {
        Options::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn understands_its_command_line() {
        let options =
            parse("old=a/b c --scenarios s1,s3b --reports off,down --rounds 3 --secs 1.5 --nginx nginx --realtime")
                .unwrap();
        assert_eq!(options.gateways, [("old".to_owned(), "a/b".into()), ("apex".to_owned(), "c".into())]);
        assert_eq!(options.scenarios.iter().map(|s| s.name).collect::<Vec<_>>(), ["s1", "s3b"]);
        assert_eq!(options.reports.iter().map(|r| r.name).collect::<Vec<_>>(), ["off", "down"]);
        assert_eq!((options.rounds, options.window, options.pin.realtime), (3, Duration::from_millis(1500), true));
        for wrong in ["", "a --scenarios s0", "a --reports some", "a --rounds x", "a --secs -1", "a --what", "a --json"]
        {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
