//! Measures the gateway under load, beside nginx where it is installed. Upstream and clients live in this process; it
//! belongs on another core than what is measured. `cargo xtask bench` builds everything and runs this.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line program prints")]

mod client;
mod http;
mod http2;
mod options;
mod process;
mod reports;
mod scenario;
mod table;
mod tls;
mod upstream;

use std::io;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::runtime::{Builder, LocalOptions};
use tokio::task::spawn_local;
use tokio::time::sleep;

use client::Load;
use options::Options;
use process::{Gateway, Upstream};
use scenario::{Scenario, Wire};
use table::{Measured, Table};
use tls::Identity;

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
    let identity = Rc::new(Identity::new()?);
    let upstream = start_upstream(&identity).await?;
    let gateways = start_gateways(options, upstream, &identity).await?;
    sleep(SETTLE).await;
    let mut table = Table::default();
    for gateway in &gateways {
        table.start(&gateway.name, gateway.ready, gateway.memory());
    }
    for round in 0..options.rounds {
        for scenario in &options.scenarios {
            table.add(scenario, "direct", direct(scenario, upstream, &identity, options.window).await);
            for gateway in gateways.iter().filter(|gateway| gateway.serves(scenario)) {
                table.add(scenario, &gateway.name, measure(scenario, gateway, &identity, options.window).await);
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

async fn start_upstream(identity: &Identity) -> io::Result<Upstream> {
    let bind = || TcpListener::bind("127.0.0.1:0");
    let (plain, tls, http2) = (bind().await?, bind().await?, bind().await?);
    let addresses = Upstream { plain: plain.local_addr()?, tls: tls.local_addr()?, http2: http2.local_addr()? };
    spawn_local(upstream::serve(plain, None));
    spawn_local(upstream::serve(tls, Some(identity.acceptor("http/1.1")?)));
    spawn_local(http2::serve(http2, identity.acceptor("h2")?));
    Ok(addresses)
}

/// One process for each program, and one more where scenarios want TLS.
async fn start_gateways(options: &Options, upstream: Upstream, identity: &Rc<Identity>) -> io::Result<Vec<Gateway>> {
    let Options { pin, threads, .. } = options;
    let wants = |tls: bool| options.scenarios.iter().any(|scenario| (scenario.wire != Wire::Plain) == tls);
    let mut gateways = Vec::new();
    for tls in [false, true].into_iter().filter(|&tls| wants(tls)) {
        let shown = tls.then(|| identity.clone());
        for (name, binary) in &options.gateways {
            let name = if tls { format!("{name}-tls") } else { name.clone() };
            let start =
                |name: &str, more: &str| Gateway::apex(name, binary, upstream, more, *threads, shown.clone(), pin);
            if options.reports.is_empty() {
                gateways.push(start(&name, "")?);
            }
            for reports in &options.reports {
                let more = reports.start().await?;
                let alone = options.gateways.len() == 1 && !tls;
                let name = if alone { reports.name.to_owned() } else { format!("{name}-{}", reports.name) };
                gateways.push(start(&name, &more)?);
            }
        }
        if let Some(nginx) = &options.nginx {
            gateways.push(Gateway::nginx(nginx, upstream, shown.clone(), pin)?);
        }
    }
    Ok(gateways)
}

async fn measure(scenario: &Scenario, gateway: &Gateway, identity: &Identity, window: Duration) -> Measured {
    let load = Load::start(scenario, gateway.address, identity);
    warm_up(scenario).await;
    load.take();
    let before = gateway.cpu();
    let window = scenario.window(window);
    sleep(window).await;
    let cpu = gateway.cpu().saturating_sub(before);
    Measured { seen: load.take(), cpu: Some(cpu), memory: gateway.memory(), window }
}

/// Without a gateway: what its time is added to.
async fn direct(scenario: &Scenario, upstream: Upstream, identity: &Identity, window: Duration) -> Measured {
    // The clients speak HTTP/1.1.
    let address = if scenario.wire == Wire::Plain { upstream.plain } else { upstream.tls };
    let load = Load::start(scenario, address, identity);
    warm_up(scenario).await;
    load.take();
    let window = scenario.window(window);
    sleep(window).await;
    Measured { seen: load.take(), cpu: None, memory: 0, window }
}

async fn warm_up(scenario: &Scenario) {
    sleep(SETTLE + scenario.ramp()).await;
}

const SETTLE: Duration = Duration::from_millis(700);
