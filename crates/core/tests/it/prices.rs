//! The price book: what it knows, whom it believes, and that it is exact.

use apex_core::catalog::{Catalog, Host};
use apex_core::cost::{Cost, Source, Unpriced};
use apex_core::hub::Usage;
use apex_core::money::Money;
use apex_core::price::{self, Book, Row, Tier, built_in};
use apex_core::provider::table::ROWS;
use apex_core::settings::Settings;
use apex_core::time::Timestamp;

use crate::harness::{CHAT_HELLO, Run, catalog, chat_body, chat_chunk, post, settings};

fn at(text: &str) -> Timestamp {
    let (day, time) = text.split_once(' ').unwrap_or((text, "00:00"));
    let row = Row {
        providers: vec!["p".to_owned()],
        models: vec!["m".to_owned()],
        from: Some(day.to_owned()),
        ..Row::default()
    };
    // The first microsecond at which a row of that day applies.
    let book = Book::new(&[row], &mut Vec::new());
    let day = (0..40_000_u64)
        .map(|day| Timestamp::from_micros(day * 86_400_000_000))
        .find(|at| book.find("p", "m", *at).is_some())
        .unwrap();
    let (hour, minute) = time.split_once(':').unwrap();
    let minutes = hour.parse::<u64>().unwrap() * 60 + minute.parse::<u64>().unwrap();
    Timestamp::from_micros(day.as_micros() + minutes * 60_000_000)
}

fn usage(input: u64, cache_read: u64, output: u64) -> Usage {
    Usage { input_uncached: Some(input), cache_read: Some(cache_read), output: Some(output), ..Usage::default() }
}

/// Picodollars, or why not.
fn cost(book: &Book, provider: &str, model: &str, when: &str, usage: &Usage) -> Result<u128, Unpriced> {
    let prices = book.find(provider, model, at(when)).ok_or(Unpriced::NoPrice)?;
    prices.cost(usage).map(Money::picos)
}

#[test]
fn the_built_in_sheet_is_sound() {
    let sheet = built_in().unwrap();
    assert!(!sheet.sources.is_empty() && sheet.date.len() == 10);
    let mut problems = Vec::new();
    Book::new(&sheet.rows, &mut problems);
    assert_eq!(problems, []);
    let mut seen = std::collections::BTreeSet::new();
    for row in &sheet.rows {
        for provider in &row.providers {
            assert!(provider == "mock" || ROWS.iter().any(|r| r.id == provider), "{provider}");
            for model in &row.models {
                let key = (provider, model.replace('.', "-"), &row.from, &row.hours);
                assert!(seen.insert(key), "{provider} {model} twice");
            }
        }
    }
}

/// The models of the documentation, the clients and the recordings.
#[test]
fn every_provider_has_prices() {
    let book = Book::default();
    for (provider, models) in [
        (
            "openai",
            "gpt-5.5 gpt-5.5-2026-04-23 gpt-5.3-codex gpt-5.4-nano gpt-4o gpt-4o-mini-2024-07-18 o4-mini gpt-4.1",
        ),
        (
            "openai",
            "text-embedding-3-small text-embedding-3-large gpt-5-mini-2025-08-07 gpt-5.6-luna gpt-3.5-turbo-0125",
        ),
        ("anthropic", "claude-opus-4.7 claude-sonnet-4-6 claude-haiku-4-5-20251001 claude-haiku-5-5 claude-sonnet-4-0"),
        ("anthropic", "claude-3-5-haiku-latest claude-opus-4-8 claude-sonnet-5 claude-3-7-sonnet@20250219"),
        (
            "google-ai-studio",
            "gemini-2.0-flash gemini-2.5-pro models/gemini-2.5-flash gemini-3.5-flash gemini-flash-latest",
        ),
        ("groq", "llama-3.3-70b-versatile openai/gpt-oss-120b llama-3.1-8b-instant qwen/qwen3-32b"),
        ("mistral", "mistral-large-latest mistral-small-latest mistral-medium-latest ministral-3b-latest"),
        ("grok", "grok-4.3 grok-4 grok-3-mini grok-code-fast-1 grok-4-1-fast-non-reasoning"),
        ("deepseek", "deepseek-v4-pro deepseek-v4-flash deepseek-chat"),
        ("cerebras", "gpt-oss-120b zai-glm-4.7 llama3.1-8b"),
        ("cohere", "command-a-03-2025 command-r embed-v4.0"),
        ("perplexity-ai", "sonar sonar-pro sonar-reasoning-pro"),
        ("azure-openai", "gpt-5.5 gpt-4o gpt-35-turbo"),
        (
            "openrouter",
            "anthropic/claude-haiku-4.5 openai/gpt-4.1-mini google/gemini-2.5-flash deepseek/deepseek-v4-flash",
        ),
        ("workers-ai", "@cf/meta/llama-3.3-70b-instruct-fp8-fast"),
        ("mock", "echo script"),
    ] {
        for model in models.split(' ') {
            assert!(book.find(provider, model, at("2026-11-25")).is_some(), "{model}#{provider}");
        }
    }
    for (provider, model) in [
        ("openai", "gpt-9"),
        ("openai", "gpt-5.55"),
        ("openai", "gpt-5.5-2026"),
        ("openai", "gpt-5.5-latest-2026-04-23x"),
        ("openai", ""),
        ("nobody", "gpt-5.5"),
        ("anthropic", "gpt-5.5"),
    ] {
        assert!(book.find(provider, model, at("2026-11-25")).is_none(), "{model}#{provider}");
    }
}

#[test]
fn published_examples() {
    let book = Book::default();
    let day = "2026-11-25";
    for (provider, model, when, usage, picos) in [
        // 5, 0.50 and 30 dollars for a million.
        ("openai", "gpt-5.5", day, usage(1000, 200, 50), 1000 * 5_000_000 + 200 * 500_000 + 50 * 30_000_000),
        // Twice and one and a half times that for prompts of more than 272,000 tokens, cached ones counted.
        ("openai", "gpt-5.5", day, usage(200_000, 72_000, 1), 200_000 * 5_000_000 + 72_000 * 500_000 + 30_000_000),
        ("openai", "gpt-5.5", day, usage(200_001, 72_000, 1), 200_001 * 10_000_000 + 72_000 * 1_000_000 + 45_000_000),
        // Long prompts cost more until 13 March 2026.
        ("anthropic", "claude-sonnet-4-6", "2026-03-12", usage(200_001, 0, 0), 200_001 * 6_000_000),
        ("anthropic", "claude-sonnet-4-6", "2026-03-13", usage(200_001, 0, 0), 200_001 * 3_000_000),
        // Peak hours, Monday to Friday: a Wednesday, and a Saturday.
        ("deepseek", "deepseek-v4-pro", "2026-11-25 00:59", usage(1, 0, 0), 660_000),
        ("deepseek", "deepseek-v4-pro", "2026-11-25 01:00", usage(1, 0, 0), 1_320_000),
        ("deepseek", "deepseek-v4-pro", "2026-11-25 03:59", usage(1, 0, 0), 1_320_000),
        ("deepseek", "deepseek-v4-pro", "2026-11-25 04:00", usage(1, 0, 0), 660_000),
        ("deepseek", "deepseek-v4-pro", "2026-11-28 02:00", usage(1, 0, 0), 660_000),
        // For each request besides the tokens.
        ("perplexity-ai", "sonar", day, usage(1, 0, 1), 12_000_000_000 + 2_000_000),
        ("mock", "echo", day, Usage::default(), 0),
    ] {
        assert_eq!(cost(&book, provider, model, when, &usage), Ok(picos), "{model} {when}");
    }
}

fn row(models: &[&str], input: f64) -> Row {
    Row {
        providers: vec!["openai".to_owned()],
        models: models.iter().map(|&m| m.to_owned()).collect(),
        input: Some(input),
        output: Some(0.0),
        ..Row::default()
    }
}

#[test]
fn the_operators_rows_win() {
    let rows = [
        row(&["gpt-5.5"], 1.0),
        row(&["gpt-5.5"], 2.0),
        Row { from: Some("2026-12-01".to_owned()), ..row(&["gpt-5.5"], 3.0) },
        row(&["gpt-*"], 4.0),
        row(&["gpt-5.6*"], 5.0),
        Row { from: Some("2026-12-01".to_owned()), ..row(&["o3"], 6.0) },
        Row { providers: vec!["*".to_owned()], ..row(&["*"], 7.0) },
        Row { above: vec![Tier { input_tokens: 10, input: Some(9.0), ..Tier::default() }], ..row(&["tiered"], 8.0) },
    ];
    let book = Book::new(&rows, &mut Vec::new());
    for (model, when, dollars) in [
        ("gpt-5.5", "2026-11-25", 1),
        ("gpt-5.5-2026-04-23", "2026-11-25", 1),
        ("gpt-5-5", "2026-12-01", 3),
        ("gpt-4o", "2026-11-25", 4),
        ("gpt-5.6-luna", "2026-11-25", 5),
        ("gpt-5-6-luna", "2026-11-25", 5),
        ("o3", "2026-11-25", 7),
        ("o3", "2026-12-01", 6),
        ("tiered", "2026-11-25", 8),
    ] {
        let picos = cost(&book, "openai", model, when, &usage(1, 0, 1));
        assert_eq!(picos, Ok(dollars * 1_000_000), "{model} {when}");
    }
    assert_eq!(cost(&book, "openai", "tiered", "2026-11-25", &usage(11, 0, 1)), Ok(11 * 9_000_000));
    assert_eq!(cost(&book, "groq", "anything", "2026-11-25", &usage(1, 0, 1)), Ok(7_000_000));
}

#[test]
fn a_row_for_nobody_is_a_problem() {
    let mut settings = Settings::default();
    settings.prices.rows = vec![row(&["m"], 1.0), Row { providers: vec!["opneai".to_owned()], ..row(&["m"], -1.0) }];
    let problems = Catalog::build(&settings, Host { loopback: true, native: true }).unwrap_err();
    let paths: Vec<&str> = problems.iter().map(|p| p.path.as_str()).collect();
    assert_eq!(paths, ["prices.rows[1].providers", "prices.rows[1].input"]);
}

#[test]
fn whom_to_believe() {
    let book = Book::default();
    let prices = book.find("openai", "gpt-5.5", at("2026-11-25"));
    let custom = price::custom(r#"{"per_token_in":1e-6,"per_token_out":2e-6}"#);
    let plain = usage(10, 0, 1);
    let reported = Usage { reported_cost: Some(Money::from_picos(5)), ..plain };
    let beyond = Usage { beyond_tokens: true, ..plain };
    let known = |source, picos| Cost::Known { amount: Money::from_picos(picos), source };
    for (custom, prices, usage, complete, want) in [
        (custom.as_ref(), prices.as_deref(), reported, true, known(Source::Client, 12_000_000)),
        (None, prices.as_deref(), reported, true, known(Source::Provider, 5)),
        (None, None, reported, false, known(Source::Provider, 5)),
        (None, prices.as_deref(), plain, true, known(Source::Book, 80_000_000)),
        (None, prices.as_deref(), plain, false, Cost::Unknown(Unpriced::CutShort)),
        (custom.as_ref(), None, plain, false, Cost::Unknown(Unpriced::CutShort)),
        (None, prices.as_deref(), beyond, true, Cost::Unknown(Unpriced::BeyondTokens)),
        (custom.as_ref(), None, beyond, true, known(Source::Client, 12_000_000)),
        (None, None, plain, true, Cost::Unknown(Unpriced::NoPrice)),
        (None, prices.as_deref(), Usage::default(), true, Cost::Unknown(Unpriced::NoUsage)),
    ] {
        assert_eq!(price::cost(custom, prices, &usage, complete), want);
    }
}

/// 10 tokens in, of which 4 cached, and 2 out, at 5, 0.50 and 30 dollars for a million.
const REPLY: &str = r#"{"id":"c","object":"chat.completion","created":1,"model":"gpt-5.5","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":10,"completion_tokens":2,"total_tokens":12,"prompt_tokens_details":{"cached_tokens":4}}}"#;
const COST: &str = "0.000092";

fn told(run: &Run) -> (&str, Option<u64>) {
    (run.header("x-apex-cost"), run.record().cost.micros())
}

#[test]
fn json_replies_tell_their_cost() {
    // Relayed: the head waits for the end, whatever the chunks, and the bytes are the upstream's.
    for size in [1, 7, REPLY.len()] {
        let mut run = Run::chat("gpt-5.5#openai", false);
        run.json();
        REPLY.as_bytes().chunks(size).for_each(|chunk| {
            run.chunk(chunk);
            assert!(run.head.is_none());
        });
        run.close();
        assert_eq!((told(&run), run.text()), ((COST, Some(92)), REPLY));
    }
    // Translated.
    let mut run = Run::messages("gpt-5.5#openai", false);
    run.json().chunk(REPLY).close();
    assert_eq!(told(&run), (COST, Some(92)));
    // JSON where a stream was asked for.
    let mut run = Run::chat("gpt-5.5#openai", true);
    run.json().chunk(REPLY).close();
    assert_eq!((told(&run), run.text()), ((COST, Some(92)), REPLY));
    // Another class of service has other prices.
    let mut run = Run::chat("gpt-5.5#openai", false);
    run.json().chunk(REPLY.replace(r#""model""#, r#""service_tier":"priority","model""#)).close();
    assert_eq!(told(&run), ("unknown", None));
    // No price: nothing to wait for.
    let mut run = Run::chat("gpt-9#openai", false);
    run.json().chunk(&REPLY[..10]);
    assert_eq!((run.header("x-apex-cost"), run.text()), ("unknown", &REPLY[..10]));
    run.chunk(&REPLY[10..]).close();
    assert_eq!((told(&run), run.record().cost), (("unknown", None), Cost::Unknown(Unpriced::NoPrice)));
    // The client's own price.
    let head = post("/v1/chat/completions", &[("cf-aig-custom-cost", r#"{"per_token_in":0.001,"per_token_out":0.1}"#)]);
    let mut run = Run::begin(&catalog(&settings()), head, &chat_body("gpt-9#openai", false));
    run.json().chunk(REPLY).close();
    assert_eq!(told(&run), ("0.21", Some(210_000)));
}

#[test]
fn the_wait_for_a_cost_is_bounded() {
    // In bytes.
    let mut run = Run::chat("gpt-5.5#openai", false);
    let long = REPLY.replace("hi", &"x".repeat(1 << 20));
    run.json().chunk(&long[..1 << 20]);
    assert!(run.head.is_none());
    run.chunk(&long[1 << 20..]);
    assert!(run.head.is_some() && run.body.len() == long.len());
    run.close();
    assert_eq!((told(&run), run.text() == long), (("", Some(92)), true));
    // In time: some upstreams keep a connection alive with white space.
    let mut run = Run::chat("gpt-5.5#openai", false);
    run.json().chunk("\n").wait(std::time::Duration::from_secs(5));
    assert_eq!((run.status(), run.text()), (Some(200), "\n"));
    run.chunk(REPLY).close();
    assert_eq!((told(&run), run.text()), (("", Some(92)), format!("\n{REPLY}").as_str()));
    // One that breaks off before has a real status.
    let mut run = Run::chat("gpt-5.5#openai", false);
    run.json().chunk(&REPLY[..50]).broken(apex_core::exchange::TransportErrorKind::Reset, false);
    assert_eq!((run.ended(), run.record().cost), (("truncated", Some(502), false), Cost::Unknown(Unpriced::CutShort)));
}

#[test]
fn streams_are_billed_when_they_told_their_usage() {
    let usage = r#"data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[],"usage":{"prompt_tokens":10,"completion_tokens":2,"total_tokens":12,"prompt_tokens_details":{"cached_tokens":4}}}"#;
    let mut run = Run::chat("gpt-5.5#openai", true);
    run.sse().chunk(chat_chunk(CHAT_HELLO, "null")).chunk(chat_chunk(r#"{"content":"hi"}"#, "\"stop\""));
    run.chunk(format!("{usage}\n\n")).chunk("data: [DONE]\n\n").close();
    assert_eq!(told(&run), ("", Some(92)));
    // The client left too early: what it cost is not known.
    let mut run = Run::chat("gpt-5.5#openai", true);
    run.sse().chunk(chat_chunk(CHAT_HELLO, "null")).chunk(chat_chunk(r#"{"content":"hi"}"#, "null"));
    run.input(apex_core::exchange::Input::ClientGone);
    assert_eq!(run.record().cost, Cost::Unknown(Unpriced::CutShort));
}

#[test]
fn errors_and_counting_cost_nothing() {
    let mut run = Run::chat("gpt-5.5#openai", false);
    run.upstream_head(429, &[("content-type", "application/json")]).chunk(r#"{"error":{"message":"no"}}"#).close();
    assert_eq!((told(&run), run.record().cost), (("", None), Cost::NotApplicable));
    let body = r#"{"model":"claude-sonnet-4-6#anthropic","messages":[{"role":"user","content":"hi"}]}"#;
    let mut run = Run::begin(&catalog(&settings()), post("/v1/messages/count_tokens", &[]), body);
    run.json().chunk(r#"{"input_tokens":5}"#).close();
    assert_eq!((told(&run), run.record().cost), (("", None), Cost::NotApplicable));
}

#[test]
fn providers_that_tell_the_cost_are_believed() {
    let mut settings = settings();
    for id in ["openrouter", "perplexity-ai"] {
        let key = Some("key".to_owned());
        let dialects = Some(vec!["openai-chat".to_owned()]);
        let provider = apex_core::settings::Provider { api_key: key, dialects, ..Default::default() };
        settings.providers.insert(id.to_owned(), provider);
    }
    let catalog = catalog(&settings);
    let reply = |usage: &str| {
        format!(
            r#"{{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{{"index":0,"message":{{"role":"assistant","content":"hi"}},"finish_reason":"stop"}}],"usage":{{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2,{usage}}}}}"#
        )
    };
    for (model, usage, cost) in [
        ("x/y#openrouter", r#""cost":0.00014,"is_byok":false"#, "0.00014"),
        (
            "x/y#openrouter",
            r#""cost":1.5e-06,"is_byok":true,"cost_details":{"upstream_inference_cost":0.0001}"#,
            "0.0001015",
        ),
        ("sonar-x#perplexity-ai", r#""cost":{"input_tokens_cost":0.1,"total_cost":0.2}"#, "0.2"),
        ("x/y#openrouter", r#""cost":-1"#, "unknown"),
        ("x/y#openrouter", r#""cost":1e300"#, "unknown"),
        ("gpt-9#openai", r#""cost":1"#, "unknown"),
    ] {
        let mut run = Run::begin(&catalog, post("/v1/chat/completions", &[]), &chat_body(model, false));
        run.json().chunk(reply(usage)).close();
        assert_eq!(run.header("x-apex-cost"), cost, "{usage}");
    }
}

/// What is billed besides tokens makes the cost unknown, in every dialect.
#[test]
fn what_tokens_do_not_tell_is_unknown() {
    let responses = |more: &str, output: &str| {
        format!(
            r#"{{"id":"r","object":"response","created_at":1,"status":"completed","model":"gpt-5.5",{more}"output":[{output}{{"type":"message","id":"m","role":"assistant","status":"completed","content":[{{"type":"output_text","text":"say \"web_search_call\"","annotations":[]}}]}}],"usage":{{"input_tokens":10,"output_tokens":2,"total_tokens":12}}}}"#
        )
    };
    let search = r#"{"type":"web_search_call","id":"w","status":"completed"},"#;
    let messages = |more: &str| {
        format!(
            r#"{{"id":"m","type":"message","role":"assistant","model":"claude-sonnet-4-6","content":[{{"type":"text","text":"hi"}}],"stop_reason":"end_turn","stop_sequence":null,"usage":{{"input_tokens":10,"output_tokens":2{more}}}}}"#
        )
    };
    let body = |model: &str| {
        format!(r#"{{"model":"{model}","max_tokens":9,"input":"hi","messages":[{{"role":"user","content":"hi"}}]}}"#)
    };
    for (path, model, reply, cost) in [
        ("/v1/responses", "gpt-5.5#openai", responses("", ""), "0.00011"),
        ("/v1/responses", "gpt-5.5#openai", responses(r#""service_tier":"default","#, ""), "0.00011"),
        ("/v1/responses", "gpt-5.5#openai", responses(r#""service_tier":"priority","#, ""), "unknown"),
        ("/v1/responses", "gpt-5.5#openai", responses("", search), "unknown"),
        ("/v1/messages", "claude-sonnet-4-6#anthropic", messages(""), "0.00006"),
        ("/v1/messages", "claude-sonnet-4-6#anthropic", messages(r#","service_tier":"standard""#), "0.00006"),
        ("/v1/messages", "claude-sonnet-4-6#anthropic", messages(r#","service_tier":"priority""#), "unknown"),
        ("/v1/messages", "claude-sonnet-4-6#anthropic", messages(r#","speed":"fast""#), "unknown"),
        (
            "/v1/messages",
            "claude-sonnet-4-6#anthropic",
            messages(r#","server_tool_use":{"web_search_requests":0}"#),
            "0.00006",
        ),
        (
            "/v1/messages",
            "claude-sonnet-4-6#anthropic",
            messages(r#","server_tool_use":{"web_search_requests":1}"#),
            "unknown",
        ),
    ] {
        let mut run = Run::begin(&catalog(&settings()), post(path, &[]), &body(model));
        run.json().chunk(&reply).close();
        assert_eq!((run.header("x-apex-cost"), run.text()), (cost, reply.as_str()));
    }
}
