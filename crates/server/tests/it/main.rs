//! The real binary from outside: sockets, signals, files.

mod clients;
mod configuration;
mod ending;
mod gateway;
mod heads;
mod relay;
mod reload;
mod tls;
