//! The native server of apex-ai-proxy: sockets, TLS, HTTP, configuration files, signals.
//!
//! It decides nothing about requests: each goes to `apex_service::serve`, through the platform this crate provides.
//! Layout: `config` reads what the operator wrote; `server`, `listener` and `connection` bring requests in; `client`
//! takes them to upstreams; `report` tells what happened; `platform` is what the driver sees of all this.

mod banner;
mod cli;
mod client;
mod config;
mod connect;
mod connection;
mod drain;
mod head;
mod inspect;
mod listener;
mod local;
mod log;
mod metrics;
mod models;
mod otel;
mod platform;
mod reload;
mod replies;
mod report;
mod server;
mod signals;
mod socket;
mod tls;
mod turn;
mod watch;

use std::error::Error;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;

use apex_core::report::aepipe::Store;
use apex_service::Gauge;
use arc_swap::ArcSwap;
use clap::{CommandFactory as _, Parser as _};
use clap_complete::Shell;
use tokio::runtime::{Builder, LocalOptions};

use cli::{Cli, Command, Options};
use config::{Environment, Loaded, Sources};
use listener::Listeners;
use log::{Log, Verbosity};
use metrics::Metrics;
use platform::{Clock, Shared, Snapshot};
use reload::Reload;
use replies::Replies;
use report::{Aepipe, Lines, Reporting, Requests, Sink};
use server::Phase;
use signals::Signals;

/// Faster than glibc's, and what a burst took is given back (docs/adr/0014).
#[cfg(all(feature = "jemalloc", target_os = "linux", target_env = "gnu"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let Cli { command, options } = Cli::parse();
    let done = match command.unwrap_or(Command::Serve) {
        Command::Serve => serve(&options),
        Command::Check => check(&options),
        Command::Models { names } => resolve(&options, &names),
        Command::Logs(asked) => inspect::logs(&sources(&options), &asked),
        Command::Explain { id, json } => inspect::explain(&sources(&options), &id, json),
        Command::Connect(asked) => connect::connect(&asked, &Environment::of_process()),
        Command::Completions { shell } => completions(shell),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Before the log, and for people: not an event.
            let _ = writeln!(io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

fn completions(shell: Shell) -> Result<(), Box<dyn Error>> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "apex-ai-proxy", &mut script);
    // The bash generator spells a name with hyphens in two ways, so that its commands are never found.
    let script = String::from_utf8(script)?.replace("apex__subcmd__ai__subcmd__proxy", "apex__ai__proxy");
    io::stdout().write_all(script.as_bytes())?;
    Ok(())
}

fn sources(options: &Options) -> Sources {
    let data_dir = options.data_dir.as_ref().map(|dir| dir.to_string_lossy().into_owned());
    Sources { file: options.config.clone(), listen: options.listen.clone(), data_dir }
}

fn check(options: &Options) -> Result<(), Box<dyn Error>> {
    let loaded = config::load(&sources(options), &Environment::of_process(), None)?;
    write!(io::stdout(), "{loaded}")?;
    Ok(())
}

/// Without names: what is reachable. With names: how each resolves.
fn resolve(options: &Options, names: &[String]) -> Result<(), Box<dyn Error>> {
    let loaded = config::load(&sources(options), &Environment::of_process(), None)?;
    let mut out = io::stdout().lock();
    let mut misses = 0;
    for name in names {
        match apex_core::models::explain(name, &loaded.catalog) {
            Ok(lines) => writeln!(out, "{}", lines.join("\n"))?,
            Err(refusal) => {
                misses += 1;
                writeln!(out, "{name}: {refusal}")?;
            }
        }
    }
    if !names.is_empty() {
        return if misses == 0 {
            Ok(())
        } else {
            Err(format!("{misses} of {} names lead nowhere", names.len()).into())
        };
    }
    for provider in banner::live(&loaded.catalog) {
        writeln!(out, "{} ({})", provider.id, provider.via.as_str())?;
    }
    for (alias, target) in &loaded.catalog.aliases {
        writeln!(out, "{alias} -> {target}")?;
    }
    if loaded.catalog.fetch_models.is_some() {
        listed(&loaded, &mut out)?;
    }
    Ok(())
}

/// What the providers themselves say they have, asked now.
fn listed(loaded: &Loaded, out: &mut impl io::Write) -> Result<(), Box<dyn Error>> {
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default())?;
    let answers = runtime.block_on(models::fetch_all(loaded));
    for (id, answer) in answers {
        match answer {
            None => {}
            Some(Ok(names)) => {
                for name in names {
                    writeln!(out, "{name}#{id}")?;
                }
            }
            Some(Err(reason)) => writeln!(out, "{id}: its models cannot be listed: {reason}")?,
        }
    }
    Ok(())
}

fn serve(options: &Options) -> Result<(), Box<dyn Error>> {
    let sources = sources(options);
    let loaded = config::load(&sources, &Environment::of_process(), None)?;
    let cores = || thread::available_parallelism().map_or(1, usize::from);
    let threads = options.threads.map_or_else(cores, usize::from);
    let address = loaded.bind.address;
    let listeners = Listeners::bind(address, threads)
        .map_err(|error| format!("cannot listen on {address}: {error}; stop what listens there, or use --listen"))?;
    let address = listeners.address;

    let log = Log::start(options.log_format);
    log.verbosity(Verbosity::of(&loaded.catalog));
    let snapshot = Snapshot::new(&loaded);
    let lines = Lines::new(log.writer.clone(), log.format);
    let requests = Requests::new(loaded.data_dir.clone());
    apex_core::price::prepare();
    let metrics = Metrics::new();
    let counter = metrics::Counter::new(metrics.clone());
    let aepipe = |store| Box::new(Aepipe::new(store));
    let sinks: Vec<Box<dyn Sink>> = vec![
        Box::new(lines),
        Box::new(requests),
        Box::new(counter),
        aepipe(Store::Requests),
        aepipe(Store::Raw),
        Box::new(otel::Traces::new()),
    ];
    let reporting = Reporting::start(sinks, &snapshot)?;
    let main = Builder::new_current_thread().enable_all().max_blocking_threads(threads).build()?;
    let clock = Clock::new();
    let replies = Replies::new(clock, loaded.data_dir.clone(), &loaded.catalog);
    let shared = Arc::new(Shared {
        snapshot: ArcSwap::from_pointee(snapshot),
        gauge: Gauge::default(),
        upstream: Arc::default(),
        metrics,
        own: address,
        reports: reporting.reports.clone(),
        clock,
        replies,
        offload: main.handle().clone(),
    });
    if let Some(address) = loaded.bind.metrics {
        let listener = std::net::TcpListener::bind(address)
            .map_err(|error| format!("cannot listen on {address} for metrics: {error}"))?;
        listener.set_nonblocking(true)?;
        tracing::info!(address = %listener.local_addr()?, "metrics");
        main.spawn(metrics::serve(listener, shared.clone()));
    }
    let (phase, told) = tokio::sync::watch::channel(Phase::Serving);
    let threads = server::start(listeners, threads, &shared, &told)?;
    let ended_well = main.block_on(async {
        let mut signals = Signals::new()?;
        let mut reload = Reload::new(sources, shared.clone(), &loaded);
        io::stderr().write_all(banner::banner(&loaded, address).as_bytes())?;
        let told = drain::until_told(&mut signals, &mut reload, &log, &threads).await;
        drain::drain(&mut signals, &shared, &phase, threads).await;
        Ok::<_, io::Error>(told)
    })?;
    main.shutdown_background();
    shared.replies.finish();
    reporting.finish();
    log.finish();
    if ended_well { Ok(()) } else { Err("a thread ended unexpectedly".into()) }
}
