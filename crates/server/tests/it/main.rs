//! The real binary from outside: sockets, signals, files.

mod burst;
#[cfg(test)]
mod canary;
#[cfg(test)] // so that clippy takes its helpers for what they are
mod cancel;
mod clients;
mod configuration;
#[cfg(test)]
mod ending;
#[cfg(test)]
mod gateway;
mod heads;
#[cfg(test)]
mod heavy;
#[cfg(test)]
mod inspect;
mod metrics;
#[cfg(test)]
mod models;
mod relay;
mod reload;
#[cfg(test)]
mod requests;
#[cfg(test)]
mod responses;
#[cfg(test)]
mod scripted;
#[cfg(test)]
mod sinks;
#[cfg(test)]
mod tls;
#[cfg(test)]
mod traces;
#[cfg(test)]
mod whole;
