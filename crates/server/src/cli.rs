//! The command line.

use std::path::PathBuf;

use apex_core::record::Outcome;
use apex_store::StatusFilter;
use clap::builder::PossibleValuesParser;
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::connect::Connect;
use crate::inspect::{When, status, when};

/// An LLM gateway: OpenAI and Anthropic clients in, every provider out.
#[derive(Debug, Parser)]
#[command(name = "apex-ai-proxy", version, after_help = EXAMPLES, subcommand_negates_reqs = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) options: Options,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Answer requests (what happens without a command)
    Serve,
    /// Validate the configuration and print what it amounts to, secrets masked
    Check,
    /// List what can be reached, or tell how names are understood
    Models {
        /// Model names as a client would send them
        names: Vec<String>,
    },
    /// Show what the request log has
    Logs(Asked),
    /// Tell everything about one request
    Explain {
        /// Its x-apex-request-id, or the beginning of it
        id: String,
        /// One JSON object
        #[arg(long)]
        json: bool,
    },
    /// Print the settings that point a client at this gateway, or write them
    Connect(Connect),
    /// Print a completion script for a shell
    Completions { shell: Shell },
}

/// Which requests are shown, and how. All that is given must hold.
#[derive(Args, Debug)]
pub(crate) struct Asked {
    /// Began since then: 90s, 15m, 1h, 7d ago, or a date like 2026-11-25 or 2026-11-25T18:00:00Z
    #[arg(long, value_name = "WHEN", value_parser = when)]
    pub(crate) since: Option<When>,
    /// Began before then
    #[arg(long, value_name = "WHEN", value_parser = when)]
    pub(crate) until: Option<When>,
    #[arg(long, value_name = "ID", help = "Went to this provider, or host in passthrough")]
    pub(crate) provider: Option<String>,
    /// Asked for this model, or was sent with it; `*` stands for any text
    #[arg(long, value_name = "NAME")]
    pub(crate) model: Option<String>,
    /// Answered so: 429, or 5xx
    #[arg(long, value_name = "STATUS", value_parser = status)]
    pub(crate) status: Option<StatusFilter>,
    /// Ended so
    #[arg(long, value_name = "OUTCOME", value_parser = PossibleValuesParser::new(Outcome::ALL.map(Outcome::as_str)))]
    pub(crate) outcome: Option<String>,
    /// Failed: a status of 400 or more, or no whole reply
    #[arg(long)]
    pub(crate) errors: bool,
    /// Routed so
    #[arg(long, value_name = "MODE", value_parser = ["gateway", "passthrough"])]
    pub(crate) mode: Option<String>,
    /// At most so many, the newest
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub(crate) limit: u32,
    /// Go on with what comes in
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// One JSON object a line
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Options {
    /// Configuration file [default: ./apex.toml, then apex-ai-proxy/apex.toml in the user's configuration directory]
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) config: Option<PathBuf>,
    /// Address to listen on, port 0 for any [default: 127.0.0.1:8787]
    #[arg(long, value_name = "ADDR", global = true)]
    pub(crate) listen: Option<String>,
    /// Directory of the request log [default: apex-ai-proxy in the user's data directory]
    #[arg(long, value_name = "DIR", global = true)]
    pub(crate) data_dir: Option<PathBuf>,
    /// Threads that answer requests [default: one for each core]
    #[arg(long, value_name = "N", global = true, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) threads: Option<u16>,
    /// How log lines look [default: text on a terminal, else json]
    #[arg(long, value_name = "FORMAT", global = true)]
    pub(crate) log_format: Option<LogFormat>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    Json,
    Text,
}

const EXAMPLES: &str = "\
Examples:
  apex-ai-proxy                                  listen on 127.0.0.1:8787, keys from OPENAI_API_KEY and the like
  apex-ai-proxy --listen 0.0.0.0:8080            for others too; needs a gateway token (GATEWAY_TOKEN)
  apex-ai-proxy --config apex.toml check         is the file right, and what does it amount to?
  apex-ai-proxy models gpt-5.5#openai            where would this model go?
  apex-ai-proxy logs --errors --since 1h         what went wrong in the last hour
  apex-ai-proxy explain req_4fKc                 everything about one request
  apex-ai-proxy connect codex --dry-run          how Codex would be set up for this gateway
  apex-ai-proxy completions zsh > _apex-ai-proxy";

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
        let cli = Cli::parse_from(["apex-ai-proxy", "check", "--config", "a.toml", "--listen", "127.0.0.1:0"]);
        assert!(matches!(cli.command, Some(Command::Check)));
        assert_eq!(cli.options.listen.as_deref(), Some("127.0.0.1:0"));
        assert!(Cli::try_parse_from(["apex-ai-proxy", "--threads", "0"]).is_err());
    }
}
