//! Child processes: run one and keep what it said, or hold one for as long as a guard lives.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

/// How a finished child ended, and every line it printed (stdout and stderr as they came).
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) ended: Ended,
    pub(crate) lines: Vec<String>,
}

#[derive(Debug)]
pub(crate) enum Ended {
    Exited(ExitStatus),
    NotStarted(std::io::Error),
    TimedOut(Duration),
}

impl Finished {
    pub(crate) fn ok(&self) -> bool {
        matches!(&self.ended, Ended::Exited(status) if status.success())
    }

    /// Why it is not `ok`, for the summary.
    pub(crate) fn reason(&self) -> String {
        match &self.ended {
            Ended::Exited(status) => status.to_string(),
            Ended::NotStarted(error) => format!("could not be started: {error}"),
            Ended::TimedOut(limit) => format!("killed after {} s", limit.as_secs()),
        }
    }

    pub(crate) fn says(&self, text: &str) -> bool {
        self.lines.iter().any(|line| line.contains(text))
    }
}

/// What is printed while a child runs.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Echo {
    Lines,
    Silent,
    /// The lines this says yes to.
    Some(fn(&str) -> bool),
}

/// Runs a command without stdin until it ends or the limit is over.
pub(crate) fn run(command: &mut Command, limit: Duration, echo: Echo) -> Finished {
    let deadline = Instant::now() + limit;
    let spawned = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = match spawned {
        Ok(child) => Guard(child),
        Err(error) => return Finished { ended: Ended::NotStarted(error), lines: Vec::new() },
    };
    let (sender, receiver) = mpsc::channel();
    if let Some(out) = child.0.stdout.take() {
        forward(out, sender.clone());
    }
    if let Some(err) = child.0.stderr.take() {
        forward(err, sender);
    }

    let mut lines = Vec::new();
    let mut exited = None;
    loop {
        match receiver.recv_timeout(Duration::from_millis(200)) {
            Ok(line) => {
                let shown = match echo {
                    Echo::Lines => true,
                    Echo::Silent => false,
                    Echo::Some(wanted) => wanted(&line),
                };
                if shown {
                    println!("{line}");
                }
                lines.push(line);
            }
            Err(RecvTimeoutError::Disconnected) => break,
            // A grandchild that outlives its parent keeps the pipe open: it is not waited for.
            Err(RecvTimeoutError::Timeout) if exited.is_some() => break,
            Err(RecvTimeoutError::Timeout) => exited = child.0.try_wait().ok().flatten(),
        }
        if Instant::now() > deadline {
            return Finished { ended: Ended::TimedOut(limit), lines };
        }
    }
    let ended = match child.0.wait() {
        Ok(status) => Ended::Exited(status),
        Err(error) => Ended::NotStarted(error),
    };
    Finished { ended, lines }
}

/// Whether a program answers `--version` (or whatever `args` ask).
pub(crate) fn answers(command: &mut Command) -> bool {
    run(command, Duration::from_mins(1), Echo::Silent).ok()
}

/// A child that is killed, with its descendants, when this is dropped.
#[derive(Debug)]
pub(crate) struct Guard(pub(crate) Child);

impl Drop for Guard {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(Some(_))) {
            return;
        }
        let mut doomed = descendants(self.0.id(), &parents());
        doomed.push(self.0.id());
        kill(&doomed);
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn forward(from: impl Read + Send + 'static, to: Sender<String>) {
    thread::spawn(move || {
        let mut reader = BufReader::new(from);
        let mut line = Vec::new();
        while matches!(reader.read_until(b'\n', &mut line), Ok(1..)) {
            let text = String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']).to_owned();
            line.clear();
            if to.send(text).is_err() {
                return;
            }
        }
    });
}

/// pid -> parent pid, of every process: from `/proc` where there is one (a bare container has no `ps`).
fn parents() -> BTreeMap<u32, u32> {
    let from_proc: BTreeMap<u32, u32> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
            let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
            // The name is in parentheses and may hold anything: the state and the parent follow the last one.
            let parent = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()?;
            Some((pid, parent))
        })
        .collect();
    if !from_proc.is_empty() {
        return from_proc;
    }
    let Ok(output) = Command::new("ps").args(["-A", "-o", "pid=,ppid="]).output() else { return from_proc };
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| {
            let mut numbers = line.split_whitespace().map(str::parse);
            Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
        })
        .collect()
}

fn descendants(of: u32, parents: &BTreeMap<u32, u32>) -> Vec<u32> {
    let mut found = Vec::new();
    let mut wave = vec![of];
    while !wave.is_empty() {
        wave = parents.iter().filter(|(_, parent)| wave.contains(parent)).map(|(pid, _)| *pid).collect();
        wave.retain(|pid| !found.contains(pid));
        found.extend_from_slice(&wave);
    }
    found
}

fn kill(pids: &[u32]) {
    let pids: Vec<String> = pids.iter().map(u32::to_string).collect();
    let done = if cfg!(windows) {
        Command::new("taskkill").args(["/F", "/T"]).args(pids.iter().flat_map(|pid| ["/PID", pid])).output()
    } else {
        Command::new("sh").args(["-c", "kill -KILL \"$@\"", "sh"]).args(&pids).output()
    };
    drop(done); // what is already gone cannot be killed
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECONDS: Duration = Duration::from_secs(20);

    #[test]
    fn keeps_what_was_said_and_how_it_ended() {
        let done = run(Command::new("sh").args(["-c", "echo out; echo err >&2; exit 3"]), SECONDS, Echo::Silent);
        assert!(done.says("out") && done.says("err"));
        assert!(!done.ok());
        assert!(done.reason().contains('3'), "{}", done.reason());
    }

    #[test]
    fn a_missing_program_is_a_reason() {
        let done = run(&mut Command::new("no-such-program-here"), SECONDS, Echo::Silent);
        assert!(done.reason().starts_with("could not be started"));
    }

    #[test]
    fn a_limit_kills_the_grandchildren_too() {
        let begun = Instant::now();
        let mut command = Command::new("sh");
        command.args(["-c", "sh -c 'echo $$; exec sleep 100' & wait"]);
        let done = run(&mut command, Duration::from_millis(500), Echo::Silent);
        assert!(matches!(done.ended, Ended::TimedOut(_)));
        assert!(begun.elapsed() < SECONDS);
        let grandchild: u32 = done.lines.first().unwrap().parse().unwrap();
        // Killed: gone, or waiting to be reaped by a process that is not ours.
        let gone = (0..100).any(|_| {
            thread::sleep(Duration::from_millis(20));
            fs::read_to_string(format!("/proc/{grandchild}/stat")).map_or(true, |stat| stat.contains(") Z "))
        });
        assert!(gone);
    }

    #[test]
    fn finds_all_descendants() {
        let parents = BTreeMap::from([(2, 1), (3, 2), (4, 2), (5, 4), (6, 1)]);
        let mut found = descendants(2, &parents);
        found.sort_unstable();
        assert_eq!(found, [3, 4, 5]);
    }
}
