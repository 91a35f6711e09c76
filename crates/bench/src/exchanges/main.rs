//! Runs one kind of exchange, whole and many times over, through core and the driver, with a host that is all memory:
//! no socket, no clock. Run under callgrind by `cargo xtask bench --instructions`, which takes the difference of two
//! runs: what a process costs before its first exchange is in both.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line program prints")]

mod cases;
mod memory;

use std::process::ExitCode;

use cases::{CASES, Case};
use memory::Host;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let Some(name) = arguments.next() else {
        CASES.iter().for_each(|case| println!("{}", case.name));
        return ExitCode::SUCCESS;
    };
    let times = arguments.next().and_then(|text| text.parse::<u32>().ok());
    if let (Some(case), Some(times)) = (CASES.iter().find(|case| case.name == name), times) {
        return run(case, times);
    }
    eprintln!("apex-exchanges [CASE TIMES]: without arguments the cases are listed");
    ExitCode::from(2)
}

/// Every answer must be the one of the first time, and that one must be what the case expects.
fn run(case: &Case, times: u32) -> ExitCode {
    let scene = match case.scene() {
        Ok(scene) => scene,
        Err(problems) => {
            eprintln!("{problems:?}");
            return ExitCode::FAILURE;
        }
    };
    let host = Host::new(scene.reply);
    let mut first = None;
    for _ in 0..times {
        let answer = host.answer(&scene.catalog, scene.request.build());
        let ends = |text: &str| answer.body.ends_with(text.as_bytes());
        if answer.status != case.status || !ends(case.ends) {
            eprintln!("{}: {} {}", case.name, answer.status, String::from_utf8_lossy(&answer.body));
            return ExitCode::FAILURE;
        }
        if *first.get_or_insert(answer.body.len()) != answer.body.len() {
            eprintln!("{}: an answer of another length", case.name);
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
