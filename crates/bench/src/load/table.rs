//! What was measured, for people and as JSON.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};

use crate::client::Seen;
use crate::scenario::{Kind, Scenario};

/// One window.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) seen: Seen,
    /// Of the gateway; none where there is none.
    pub(crate) cpu: Option<Duration>,
    /// KiB.
    pub(crate) memory: u64,
    pub(crate) window: Duration,
}

/// All windows.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: Vec<Row>,
    programs: BTreeMap<String, Program>,
}

#[derive(Debug)]
struct Row {
    scenario: Scenario,
    program: String,
    windows: Vec<Figures>,
}

/// Of one window.
#[derive(Clone, Copy, Debug, Default)]
struct Figures {
    /// CPU microseconds for each request, or delta.
    cpu: f64,
    /// Requests or streams a second.
    rate: f64,
    p50: f64,
    p99: f64,
    /// MiB.
    memory: f64,
    wrong: u64,
}

#[derive(Debug, Default)]
struct Program {
    ready: Duration,
    idle: u64,
    rest: u64,
}

impl Table {
    pub(crate) fn start(&mut self, program: &str, ready: Duration, idle: u64) {
        self.programs.insert(program.to_owned(), Program { ready, idle, rest: 0 });
    }

    pub(crate) fn rest(&mut self, program: &str, memory: u64) {
        if let Some(program) = self.programs.get_mut(program) {
            program.rest = memory;
        }
    }

    pub(crate) fn add(&mut self, scenario: &Scenario, program: &str, measured: Measured) {
        if let Some(complaint) = &measured.seen.complaint {
            eprintln!("{} {program}: {complaint}", scenario.name);
        }
        let figures = Figures::of(scenario, measured);
        let same = |row: &&mut Row| row.scenario.name == scenario.name && row.program == program;
        match self.rows.iter_mut().find(same) {
            Some(row) => row.windows.push(figures),
            None => self.rows.push(Row { scenario: *scenario, program: program.to_owned(), windows: vec![figures] }),
        }
    }

    /// Answers that were not what they should be.
    pub(crate) fn wrong(&self) -> u64 {
        self.rows.iter().flat_map(|row| &row.windows).map(|window| window.wrong).sum()
    }

    /// In Markdown: the median of the rounds, and how far they spread.
    pub(crate) fn text(&self, rest: Duration) -> String {
        let mut out = String::from(
            "| scenario | program | CPU µs | of | spread | per second | added p50 µs | added p99 µs | MiB | wrong |\n|---|---|---|---|---|---|---|---|---|---|\n",
        );
        for row in self.rows.iter().filter(|row| row.program != "direct") {
            let direct = self.rows.iter().find(|r| r.program == "direct" && r.scenario.name == row.scenario.name);
            let added = |figure: fn(&Figures) -> f64| row.median(figure) - direct.map_or(0.0, |r| r.median(figure));
            let unit = if row.scenario.is_stream() { "delta" } else { "request" };
            // Writing into memory cannot fail.
            let _ = writeln!(
                out,
                "| {}: {} | {} | {:.2} | {unit} | ±{:.0} % | {:.0} | {:.0} | {:.0} | {:.1} | {} |",
                row.scenario.name,
                row.scenario.about,
                row.program,
                row.median(|w| w.cpu),
                row.spread() * 100.0,
                row.median(|w| w.rate),
                added(|w| w.p50),
                added(|w| w.p99),
                row.median(|w| w.memory),
                row.windows.iter().map(|w| w.wrong).sum::<u64>(),
            );
        }
        let _ = writeln!(
            out,
            "\n| program | ready after ms | idle MiB | MiB {} s after the last window | paced streams in 1 GiB |\n|---|---|---|---|---|",
            rest.as_secs()
        );
        for (name, program) in &self.programs {
            let ready = program.ready.as_secs_f64() * 1000.0;
            let streams = self.streams(name, program).map_or_else(String::new, |n| format!("{n:.0}"));
            let (idle, rest) = (mib(program.idle), mib(program.rest));
            let _ = writeln!(out, "| {name} | {ready:.0} | {idle:.1} | {rest:.1} | {streams} |");
        }
        out
    }

    /// How many streams fit in 1 GiB, by what those of the paced scenario took beyond the idle program.
    fn streams(&self, name: &str, program: &Program) -> Option<f64> {
        let paced = |row: &&Row| row.program == name && row.scenario.kind == Kind::Paced;
        let row = self.rows.iter().find(paced)?;
        let each = (row.median(|w| w.memory) - mib(program.idle)) / count(row.scenario.connections);
        (each > 0.0).then(|| (1024.0 - mib(program.idle)) / each)
    }

    /// Every window of every program.
    pub(crate) fn json(&self) -> String {
        let window = |w: &Figures| json!({"cpu_us": w.cpu, "per_second": w.rate, "p50_us": w.p50, "p99_us": w.p99, "rss_mib": w.memory, "wrong": w.wrong});
        let rows: Vec<Value> = self
            .rows
            .iter()
            .map(|row| {
                let windows: Vec<Value> = row.windows.iter().map(window).collect();
                json!({"scenario": row.scenario.name, "program": row.program, "windows": windows})
            })
            .collect();
        let programs: Vec<Value> = self
            .programs
            .iter()
            .map(|(name, p)| {
                json!({"program": name, "ready_ms": p.ready.as_secs_f64() * 1000.0, "idle_mib": mib(p.idle), "rest_mib": mib(p.rest)})
            })
            .collect();
        json!({"windows": rows, "programs": programs}).to_string()
    }
}

impl Row {
    fn median(&self, figure: impl Fn(&Figures) -> f64) -> f64 {
        let mut all: Vec<f64> = self.windows.iter().map(figure).collect();
        all.sort_by(f64::total_cmp);
        all.get(all.len() / 2).copied().unwrap_or(0.0)
    }

    /// Half of the way from the least to the most CPU, by the median.
    fn spread(&self) -> f64 {
        let all = || self.windows.iter().map(|w| w.cpu);
        let (least, most) = (all().fold(f64::MAX, f64::min), all().fold(0.0, f64::max));
        (most - least) / 2.0 / self.median(|w| w.cpu).max(f64::EPSILON)
    }
}

impl Figures {
    fn of(scenario: &Scenario, measured: Measured) -> Self {
        let Measured { seen, cpu, memory, window } = measured;
        let units = if scenario.is_stream() { seen.deltas } else { seen.answers };
        let mut times = if seen.delays.is_empty() { seen.took } else { seen.delays };
        times.sort_unstable();
        let at = |share: usize| times.get(times.len() * share / 100).copied().map_or(0.0, f64::from);
        Self {
            cpu: cpu.map_or(0.0, |cpu| cpu.as_secs_f64() * 1e6 / count(units.max(1))),
            rate: count(seen.answers) / window.as_secs_f64(),
            p50: at(50),
            p99: at(99),
            memory: mib(memory),
            wrong: seen.wrong,
        }
    }
}

fn mib(kib: u64) -> f64 {
    count(kib) / 1024.0
}

/// Counts of a few seconds, and KiB of a process, fit.
fn count(n: impl TryInto<u32>) -> f64 {
    n.try_into().map_or(f64::INFINITY, f64::from)
}
