//! Measures the gateway under load, beside nginx where it is installed. Upstream and clients live in this process; it
//! belongs on another core than what is measured. `cargo xtask bench` builds everything and runs this.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line program prints")]

mod client;
mod http;
mod options;
mod process;
mod reports;
mod scenario;
mod table;
mod upstream;

use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::runtime::{Builder, LocalOptions};
use tokio::task::spawn_local;
use tokio::time::sleep;

use client::Load;
use options::Options;
use process::Gateway;
use scenario::{Kind, Scenario};
use table::{Measured, Table};

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(why) => {
            eprintln!("{why}\n{}", options::HELP);
            return ExitCode::from(2);
        }
    };
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
    match runtime.and_then(|runtime| runtime.block_on(run(&options))) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Everything, in turn; false if an answer was wrong.
async fn run(options: &Options) -> io::Result<bool> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let upstream = listener.local_addr()?;
    spawn_local(upstream::serve(listener));
    let mut gateways = Vec::new();
    for (name, binary) in &options.gateways {
        let start = |name: &str, more: &str| Gateway::apex(name, binary, upstream, more, options.threads, &options.pin);
        if options.reports.is_empty() {
            gateways.push(start(name, "")?);
        }
        for reports in &options.reports {
            let more = reports.start().await?;
            let alone = options.gateways.len() == 1;
            let name = if alone { reports.name.to_owned() } else { format!("{name}-{}", reports.name) };
            gateways.push(start(&name, &more)?);
        }
    }
    if let Some(nginx) = &options.nginx {
        gateways.push(Gateway::nginx(nginx, upstream, &options.pin)?);
    }
    sleep(SETTLE).await;
    let mut table = Table::default();
    for gateway in &gateways {
        table.start(&gateway.name, gateway.ready, gateway.memory());
    }
    for round in 0..options.rounds {
        for scenario in &options.scenarios {
            table.add(scenario, "direct", direct(scenario, upstream, options.window).await);
            for gateway in gateways.iter().filter(|g| !g.relays_only || scenario.is_relay()) {
                table.add(scenario, &gateway.name, measure(scenario, gateway, options.window).await);
            }
            eprintln!("round {} of {}: {} done", round + 1, options.rounds, scenario.name);
        }
    }
    sleep(options.rest).await;
    for gateway in &gateways {
        table.rest(&gateway.name, gateway.memory());
    }
    println!("{}", table.text(options.rest));
    if let Some(file) = &options.json {
        std::fs::write(file, table.json())?;
    }
    Ok(table.wrong() == 0)
}

async fn measure(scenario: &Scenario, gateway: &Gateway, window: Duration) -> Measured {
    let load = Load::start(scenario, gateway.address);
    warm_up(scenario).await;
    load.take();
    let before = gateway.cpu();
    let window = scenario.window(window);
    sleep(window).await;
    let cpu = gateway.cpu().saturating_sub(before);
    Measured { seen: load.take(), cpu: Some(cpu), memory: gateway.memory(), window }
}

/// Without a gateway: what its time is added to.
async fn direct(scenario: &Scenario, upstream: SocketAddr, window: Duration) -> Measured {
    let load = Load::start(scenario, upstream);
    warm_up(scenario).await;
    load.take();
    let window = scenario.window(window);
    sleep(window).await;
    Measured { seen: load.take(), cpu: None, memory: 0, window }
}

async fn warm_up(scenario: &Scenario) {
    // Paced streams begin one after the other.
    let ramp = if scenario.kind == Kind::Paced { Duration::from_secs(6) } else { Duration::ZERO };
    sleep(SETTLE + ramp).await;
}

const SETTLE: Duration = Duration::from_millis(700);
