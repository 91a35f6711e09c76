//! Recorded traffic of real providers: everything is understood, translated, and comes out in a form the official SDKs
//! accept. The recordings are no part of the product; without them the test says so and passes.
//!
//! `cargo test -p apex-core --test it corpus -- --nocapture` prints the table.

pub(crate) mod grammar;
mod known;
mod replies;
mod requests;
pub(crate) mod responses;

use std::collections::BTreeMap;
use std::path::Path;

use apex_core::dialect::Dialect;
use apex_core::provider::Quirks;
use apex_core::provider::table::row;
use serde::Deserialize;
use serde_json::value::RawValue;

/// Recorded interfaces, and the provider each stands for; `custom` is one nobody described.
const APIS: &[(&str, &str)] = &[
    ("anthropic.messages", "anthropic"),
    ("openai.chat", "openai"),
    ("azure.chat", "azure-openai"),
    ("cerebras.chat", "cerebras"),
    ("deepseek.chat", "deepseek"),
    ("gemini.generateContent", "google-ai-studio"),
    ("gemini.streamGenerateContent", "google-ai-studio"),
    ("gemini.openai_compat.chat", "google-ai-studio"),
    ("groq.chat", "groq"),
    ("mistral.chat", "mistral"),
    ("openrouter.chat", "openrouter"),
    ("perplexity.chat", "perplexity-ai"),
    ("workers-ai.chat", "workers-ai"),
    ("xai.chat", "grok"),
    ("ai21.chat", "custom"),
    ("alibaba.chat", "custom"),
    ("avian.chat", "custom"),
    ("bedrock-mantle.chat", "custom"),
    ("copilot.chat", "custom"),
    ("crusoe.chat", "custom"),
    ("databricks.chat", "custom"),
    ("doubleword.chat", "custom"),
    ("gpustack.chat", "custom"),
    ("huggingface.chat", "custom"),
    ("llamacpp.chat", "custom"),
    ("local.chat", "custom"),
    ("mistralrs.chat", "custom"),
    ("moonshotai.chat", "custom"),
    ("ollama.chat", "custom"),
    ("snowflake.chat", "custom"),
    ("together.chat", "custom"),
    ("venice.chat", "custom"),
    ("vercel-gateway.chat", "custom"),
    ("zai.chat", "custom"),
    ("openai.responses", "openai"),
    ("azure.responses", "azure-openai"),
    ("deepseek.responses", "deepseek"),
    ("openrouter.responses", "openrouter"),
    ("xai.responses", "grok"),
    ("bedrock-mantle.responses", "custom"),
    ("chatgpt.responses", "custom"),
    ("copilot.responses", "custom"),
    ("local.responses", "custom"),
    ("pydantic-gateway.responses", "custom"),
    ("vertex.generateContent", "google-ai-studio"),
    ("vertex.streamGenerateContent", "google-ai-studio"),
];

/// Dialects of clients.
const CLIENTS: &[Dialect] = &[Dialect::Anthropic, Dialect::OpenAiChat, Dialect::OpenAiResponses];

#[derive(Deserialize)]
struct Recording {
    id: String,
    request: Request,
    response: Response,
}

#[derive(Deserialize)]
struct Request {
    body: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
struct Response {
    status: u16,
    body: Option<Box<RawValue>>,
    sse: Option<String>,
}

/// One interface under test.
struct Api {
    provider: &'static str,
    dialect: Dialect,
    quirks: &'static Quirks,
    /// The dialect of the client it is translated to.
    other: Dialect,
}

impl Api {
    const fn other(&self) -> Dialect {
        self.other
    }
}

/// What was counted for one interface, and what went wrong.
#[derive(Default)]
struct Tally {
    requests: usize,
    same: usize,
    translated: usize,
    rejected: BTreeMap<String, usize>,
    lost: BTreeMap<String, usize>,
    replies: usize,
    streams: usize,
    errors: usize,
    failures: usize,
    /// `(recording, check, what)`.
    findings: Vec<(String, &'static str, String)>,
}

impl Tally {
    fn fail(&mut self, id: &str, check: &'static str, what: impl Into<String>) {
        self.findings.push((id.to_owned(), check, what.into()));
    }
}

#[test]
fn recorded_traffic() {
    let Some(corpus) = crate::harness::corpus() else {
        return;
    };
    println!(
        "{:<27}{:<18}{:>9}{:>6}{:>11}{:>9}{:>9}{:>8}{:>8}{:>9}",
        "api", "other", "requests", "same", "translated", "rejected", "replies", "streams", "errors", "failures"
    );
    let (mut unexpected, mut used) = (Vec::new(), Vec::new());
    let (mut rejected, mut lost) = (BTreeMap::new(), BTreeMap::new());
    for (name, provider, other) in APIS.iter().flat_map(|(n, p)| CLIENTS.iter().map(move |c| (n, p, *c))) {
        let (mut dialect, quirks) =
            row(provider).map_or((Dialect::OpenAiChat, &Quirks::COMPATIBLE), |r| (r.dialects[0], r.quirks));
        dialect = match name.rsplit_once('.') {
            Some((_, "responses")) => Dialect::OpenAiResponses,
            Some((_, "chat")) => Dialect::OpenAiChat,
            _ => dialect,
        };
        if other == dialect {
            continue;
        }
        let api = Api { provider, dialect, quirks, other };
        let mut tally = Tally::default();
        for recording in recordings(&corpus.join(name)) {
            requests::check(&api, &recording, &mut tally);
            replies::check(&api, &recording, &mut tally);
        }
        for (id, check, what) in std::mem::take(&mut tally.findings) {
            if let Some(at) = known::reason(&id, check) {
                used.push(at);
            } else {
                tally.failures += 1;
                unexpected.push(format!("{name} {id} {other} {check}: {what}"));
            }
        }
        println!(
            "{:<27}{:<18}{:>9}{:>6}{:>11}{:>9}{:>9}{:>8}{:>8}{:>9}",
            name,
            other.as_str(),
            tally.requests,
            tally.same,
            tally.translated,
            tally.rejected.values().sum::<usize>(),
            tally.replies,
            tally.streams,
            tally.errors,
            tally.failures
        );
        add(&mut rejected, tally.rejected);
        add(&mut lost, tally.lost);
    }
    println!("\nrejected, by the parameter named: {}", counts(&rejected));
    println!("\nadjusted, by the name told: {}", counts(&lost));
    println!("\nexpected failures:");
    for (at, (id, check, why)) in known::KNOWN.iter().enumerate() {
        let times = used.iter().filter(|u| **u == at).count();
        println!("  {id} {check}: {why}");
        assert!(times > 0, "{id} {check} does not fail any more: take it off the list");
    }
    assert!(unexpected.is_empty(), "{} failures:\n{}", unexpected.len(), unexpected.join("\n"));
}

fn add(total: &mut BTreeMap<String, usize>, more: BTreeMap<String, usize>) {
    more.into_iter().for_each(|(name, n)| *total.entry(name).or_default() += n);
}

fn counts(all: &BTreeMap<String, usize>) -> String {
    let all: Vec<_> = all.iter().map(|(name, n)| format!("{name} {n}")).collect();
    all.join(", ")
}

#[allow(clippy::disallowed_methods, reason = "recordings are read by tests only")]
fn recordings(dir: &Path) -> Vec<Recording> {
    let mut files: Vec<_> = std::fs::read_dir(dir).map(|d| d.flatten().map(|e| e.path()).collect()).unwrap_or_default();
    files.sort();
    files.iter().map(|f| serde_json::from_slice(&std::fs::read(f).unwrap()).unwrap()).collect()
}
