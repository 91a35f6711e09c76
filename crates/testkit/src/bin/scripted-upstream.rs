//! The scripted upstream as a process: `scripted-upstream [--port N] [--log FILE]`.
#![allow(clippy::print_stderr, reason = "it is a command")]

use std::collections::HashSet;
use std::fs::File;
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use apex_testkit::{Outcome, Upstream};

fn main() -> ExitCode {
    let (port, log) = match arguments() {
        Ok(arguments) => arguments,
        Err(problem) => {
            eprintln!("scripted-upstream: {problem}\nusage: scripted-upstream [--port N] [--log FILE]");
            return ExitCode::from(2);
        }
    };
    let upstream = match Upstream::start_on(port) {
        Ok(upstream) => upstream,
        Err(error) => {
            eprintln!("scripted-upstream: port {port}: {error}");
            return ExitCode::FAILURE;
        }
    };
    eprintln!("listening on {}", upstream.url());
    let mut logged = HashSet::new();
    loop {
        std::thread::sleep(Duration::from_millis(if log.is_some() { 100 } else { 60_000 }));
        let Some(mut log) = log.as_ref() else { continue };
        for request in upstream.requests() {
            if request.outcome != Outcome::Pending && logged.insert(request.id) {
                let line = format!(
                    "{} {} {} on connection {}: {:?}\n{}\n",
                    request.id,
                    request.method,
                    request.target,
                    request.connection,
                    request.outcome,
                    request.body_text()
                );
                // A full disk must not end the upstream.
                let _ = log.write_all(line.as_bytes());
            }
        }
    }
}

fn arguments() -> Result<(u16, Option<File>), String> {
    let (mut port, mut log) = (0, None);
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{name} needs a value"));
        match name.as_str() {
            "--port" => port = value()?.parse().map_err(|_| "--port is not a port number".to_owned())?,
            "--log" => {
                let path = value()?;
                log = Some(File::create(&path).map_err(|error| format!("{path}: {error}"))?);
            }
            _ => return Err(format!("unknown argument {name}")),
        }
    }
    Ok((port, log))
}
