//! Our headers on every form of reply.

use apex_core::exchange::TransportErrorKind;

use crate::harness::{CHAT_HELLO, Run, bare_post, catalog, chat_body, chat_chunk, post, settings, ticket};

const REPLY: &str = r#"{"id":"c1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}"#;

/// Which of our headers a reply has: of the provider and model, of attempts, of the upstream's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    /// Refused before a provider was chosen.
    Nothing,
    /// Sent, and no head came back.
    Sent,
    /// The upstream's head came.
    Answered,
    /// The same in passthrough, where no model is read.
    Through,
}

fn check(name: &str, run: &Run, dialect_id: &str, known: Known) {
    assert_eq!(run.header("x-apex-request-id"), "req_test", "{name}");
    assert_eq!(run.header(dialect_id), "req_test", "{name}");
    let sent = known != Known::Nothing;
    assert_eq!(!run.header("x-apex-provider").is_empty(), sent, "{name}");
    assert_eq!(!run.header("x-apex-model").is_empty(), sent && known != Known::Through, "{name}");
    assert_eq!(run.header("x-apex-attempts"), if sent { "1" } else { "" }, "{name}");
    let timing = run.header("server-timing");
    let (gateway, upstream) = (timing.contains("gateway;dur="), timing.contains("upstream;dur="));
    let answered = matches!(known, Known::Answered | Known::Through);
    assert_eq!((gateway, upstream), (answered, answered), "{name}: {timing}");
}

#[test]
fn every_form_of_reply_has_our_headers() {
    let chat = |stream| Run::chat("gpt-5.5#openai", stream);
    let claude = |stream| Run::messages("gpt-5.5#openai", stream);
    let mut runs = Vec::new();
    let mut add = |name, id, known, mut run: Run, play: &dyn Fn(&mut Run)| {
        play(&mut run);
        runs.push((name, id, known, run));
    };
    let whole = |run: &mut Run| {
        run.json().chunk(REPLY).close();
    };
    let stream = |run: &mut Run| {
        run.sse().chunk(chat_chunk(CHAT_HELLO, "null")).chunk(chat_chunk(r#"{"content":"hi"}"#, "\"stop\""));
        run.chunk("data: [DONE]\n\n").close();
    };
    let failing = |run: &mut Run| {
        run.upstream_head(400, &[("content-type", "application/json")]).chunk(r#"{"error":{"message":"no"}}"#).close();
    };
    let unreachable = |run: &mut Run| {
        run.broken(TransportErrorKind::Connect, false);
    };
    add("a relayed reply", "x-request-id", Known::Answered, chat(false), &whole);
    add("a relayed stream", "x-request-id", Known::Answered, chat(true), &stream);
    add("a translated reply", "request-id", Known::Answered, claude(false), &whole);
    add("a translated stream", "request-id", Known::Answered, claude(true), &stream);
    add("a reply where a stream was asked for", "request-id", Known::Answered, claude(true), &whole);
    add("a relayed error", "x-request-id", Known::Answered, chat(false), &failing);
    add("a translated error", "request-id", Known::Answered, claude(true), &failing);
    add("a redirect", "x-request-id", Known::Answered, chat(false), &|run| {
        run.upstream_head(302, &[("location", "https://elsewhere.example/")]);
    });
    add("an early error of a stream", "request-id", Known::Answered, claude(true), &|run| {
        run.sse().chunk("data: {\"error\":{\"message\":\"no\"}}\n\n").close();
    });
    add("no upstream", "x-request-id", Known::Sent, chat(false), &unreachable);
    add("no upstream, other dialect", "request-id", Known::Sent, claude(true), &unreachable);
    add("a refusal", "x-request-id", Known::Nothing, chat_run(&chat_body("gpt-5.5#nobody", false)), &|_| ());
    add("a body that is no JSON", "x-request-id", Known::Nothing, chat_run("{"), &|_| ());
    let mut open = settings();
    open.passthrough.allow_hosts = vec!["http://127.0.0.1:9000".to_owned()];
    let through = bare_post("/v1/x", &[("x-apex-ai-proxy-provider", "127.0.0.1:9000")]);
    add("passthrough", "x-request-id", Known::Through, Run::begin(&catalog(&open), through, "{}"), &whole);
    for (name, id, known, run) in &runs {
        check(name, run, id, *known);
    }
}

fn chat_run(body: &str) -> Run {
    Run::begin(&catalog(&settings()), post("/v1/chat/completions", &[]), body)
}

#[test]
fn the_upstreams_ids_and_timings_stay() {
    let mut run = Run::chat("gpt-5.5#openai", false);
    run.upstream_head(
        200,
        &[("content-type", "application/json"), ("x-request-id", "theirs"), ("server-timing", "db;dur=5")],
    );
    run.chunk(REPLY).close();
    assert_eq!((run.header("x-request-id"), run.header("x-apex-request-id")), ("theirs", "req_test"));
    let timings: Vec<_> = run.head.as_ref().unwrap().headers.get_all("server-timing").iter().collect();
    assert!(timings[0] == "db;dur=5" && timings[1].to_str().unwrap().contains("upstream;dur="), "{timings:?}");
}

#[test]
fn a_refusal_on_the_head_alone_has_an_id() {
    let refused = ticket(bare_post("/v1/messages", &[]), &catalog(&settings())).unwrap_err();
    assert_eq!(refused.0, 401);
    assert!(refused.1.contains("req_test"), "{}", refused.1);
}
