//! The real binary from outside: sockets, signals, files.

mod clients;
mod configuration;
#[cfg(test)] // so that clippy takes its helpers for what they are
mod ending;
#[cfg(test)]
mod gateway;
mod heads;
mod relay;
mod reload;
#[cfg(test)]
mod tls;
