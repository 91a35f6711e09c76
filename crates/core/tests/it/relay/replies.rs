//! Replies: the client gets an exact prefix of the upstream's body, all of it when it is whole, and little else.

use std::io::Write;
use std::time::Duration;

use apex_core::exchange::TransportErrorKind;
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;

use crate::harness::{self, Run, catalog, lines, post};

const SECOND: Duration = Duration::from_secs(1);

/// `(name, path, model, terminal event)` of each dialect that is relayed.
const DIALECTS: &[(&str, &str, &str)] = &[
    ("chat", "/v1/chat/completions", "gpt-5.5#openai"),
    ("messages", "/v1/messages", "claude-opus-4-8#anthropic"),
    ("responses", "/v1/responses", "gpt-5.5#openai"),
];

fn begin(dialect: &str, stream: bool) -> Run {
    let (_, path, model) = DIALECTS.iter().find(|d| d.0 == dialect).unwrap();
    let body = format!(r#"{{"model":"{model}","stream":{stream}}}"#);
    Run::begin(&catalog(&harness::settings()), post(path, &[]), &body)
}

/// A short complete stream, its events apart.
fn events(dialect: &str) -> Vec<&'static str> {
    match dialect {
        "chat" => vec![
            "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}]}\n\n",
            "data: {\"id\":\"c\", \"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"h\\u00e9 \\ud83d\\ude00 😀\"},\"finish_reason\":null}],\"n\":123456789012345678901234567890}\n\n",
            "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n",
            "data: {\"id\":\"c\",\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":1e0}}\n\n",
            "data: [DONE]\n\n",
        ],
        "messages" => vec![
            "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"m\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{\"input_tokens\":3,\"output_tokens\":1}}}\n\n",
            "event: ping\ndata: {\"type\": \"ping\"}\n\n",
            "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n",
            "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"h\\u00e9 😀\"}}\n\n",
            "event: unheard_of\ndata: {\"type\":\"unheard_of\"}\n\n",
            "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n",
            "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":5}}\n\n",
            "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
        ],
        _ => vec![
            "event: response.created\ndata: {\"type\":\"response.created\",\"sequence_number\":0,\"response\":{\"id\":\"resp_1\",\"status\":\"in_progress\",\"output\":[]}}\n\n",
            "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"sequence_number\":1,\"item_id\":\"i\",\"output_index\":0,\"content_index\":0,\"delta\":\"h\\u00e9\",\"logprobs\":[]}\n\n",
            "event: response.completed\ndata: {\"type\":\"response.completed\",\"sequence_number\":2,\"response\":{\"id\":\"resp_1\",\"status\":\"completed\",\"output\":[],\"usage\":{\"input_tokens\":3,\"output_tokens\":5}}}\n\n",
        ],
    }
}

const STREAM: &[(&str, &str)] = &[("content-type", "text/event-stream; charset=utf-8"), ("cache-control", "no-store")];
const JSON: &[(&str, &str)] = &[("content-type", "application/json")];

/// Feeds `body` in pieces and closes.
fn feed(run: &mut Run, body: &[u8], cuts: &[usize]) {
    let mut at = 0;
    for cut in cuts.iter().copied().chain([body.len()]) {
        let cut = cut.clamp(at, body.len());
        if cut > at {
            run.chunk(&body[at..cut]);
        }
        at = cut;
    }
    run.close();
}

fn relayed(mut run: Run, headers: &[(&str, &str)], body: &[u8], cuts: &[usize]) -> Run {
    run.upstream_head(200, headers);
    feed(&mut run, body, cuts);
    run
}

/// The same stream in every spelling of line ends, with comments, and without its last blank line.
fn spellings(dialect: &str) -> Vec<Vec<u8>> {
    let lf = events(dialect).concat();
    let commented = events(dialect).join(": a comment\n\n:\n\nretry: 10\nid: 7\n\n");
    let unended = lf.trim_end_matches('\n').to_owned();
    let mut all = vec![lf.clone(), lf.replace('\n', "\r\n"), lf.replace('\n', "\r"), commented, unended.clone()];
    all.push(format!("{unended}\n"));
    all.push(format!("\u{feff}{lf}"));
    all.push(format!("\n\n{lf}\n\n: the end\n\n"));
    all.push(lf.replace("data: ", "data:"));
    all.into_iter().map(String::into_bytes).collect()
}

fn cuts() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(prop_oneof![0usize..8, 0usize..1500], 0..20).prop_map(|mut cuts| {
        cuts.sort_unstable();
        cuts
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn streams_in_any_spelling_and_any_chunks(cuts in cuts()) {
        for (dialect, ..) in DIALECTS {
            for body in spellings(dialect) {
                let run = relayed(begin(dialect, true), STREAM, &body, &cuts);
                prop_assert_eq!(String::from_utf8_lossy(&run.body), String::from_utf8_lossy(&body), "{}", dialect);
                prop_assert_eq!(run.ended(), ("completed", Some(200), false));
                let usage = run.record().usage;
                prop_assert_eq!((usage.input_uncached, usage.output.is_some()), (Some(3), true), "{}", dialect);
            }
        }
    }

    /// Whole replies; also where a stream was asked for, and whatever the content type says.
    #[test]
    fn json_in_any_chunks(cuts in cuts(), lead in prop::sample::select(vec!["", "\n", " \r\n\t "])) {
        let body = format!("{lead}{{ \"id\":\"x\", \"n\":123456789012345678901234567890, \"f\":1e2,\"t\":\"\\ud83d é😀\" ,\"a\":1,\"a\":2}}\n");
        for (dialect, ..) in DIALECTS {
            for stream in [false, true] {
                for headers in [JSON, &[], &[("content-type", "text/plain")]] {
                    let run = relayed(begin(dialect, stream), headers, body.as_bytes(), &cuts);
                    prop_assert_eq!(run.text(), &body, "{} {}", dialect, stream);
                    prop_assert_eq!(run.ended(), ("completed", Some(200), false));
                }
            }
        }
    }

    /// A stream behind another content type is still one.
    #[test]
    fn streams_without_their_content_type(cuts in cuts(), lead in prop::sample::select(vec!["", "\n\n", ": hi\n\n"])) {
        for (dialect, ..) in DIALECTS {
            let body = format!("{lead}{}", events(dialect).concat());
            for headers in [&[][..], &[("content-type", "text/plain")], JSON] {
                let run = relayed(begin(dialect, true), headers, body.as_bytes(), &cuts);
                prop_assert_eq!(run.text(), &body);
                prop_assert_eq!(run.ended(), ("completed", Some(200), false));
            }
        }
    }

    /// Bytes that are no text, in every form that is relayed.
    #[test]
    fn bytes_that_are_no_text(body in prop::collection::vec(any::<u8>(), 1..600), cuts in cuts()) {
        let audio = Run::begin(&catalog(&harness::settings()), post("/v1/audio/speech", &[]), r#"{"model":"tts#openai"}"#);
        let run = relayed(audio, &[("content-type", "audio/mpeg")], &body, &cuts);
        prop_assert_eq!(&run.body, &body);
        let run = relayed(begin("chat", false), JSON, &body, &cuts);
        prop_assert_eq!(&run.body, &body);
    }

    /// Wherever a stream is cut, what the client has is a prefix of it in whole events, and then the truth.
    #[test]
    fn a_cut_stream_is_a_prefix_and_one_error(at in 0usize..1400, reset in any::<bool>()) {
        for (dialect, ..) in DIALECTS {
            let whole = events(dialect).concat();
            let cut = (0..=at.min(whole.len() - 1)).rev().find(|i| whole.is_char_boundary(*i)).unwrap();
            let mut run = begin(dialect, true);
            run.upstream_head(200, STREAM).chunk(&whole[..cut]);
            if reset { run.broken(TransportErrorKind::Reset, false) } else { run.close() };
            let stop = whole.find(match *dialect {
                "chat" => "\"stop\"}]}",
                "messages" => "end_turn",
                _ => "\"status\":\"completed\"",
            });
            if run.status() == Some(502) {
                // Nothing had been said: a real status.
                prop_assert_eq!(run.ended(), ("truncated", Some(502), false));
                continue;
            }
            let (outcome, _, abort) = run.ended();
            if outcome == "completed" {
                // After the reason why it stopped the answer is whole, and nothing is added.
                prop_assert!(Some(cut) > stop, "{}", cut);
                prop_assert!(whole.starts_with(run.text()) && !abort);
                continue;
            }
            prop_assert_eq!((outcome, abort), ("truncated", true));
            let common = whole.bytes().zip(run.text().bytes()).take_while(|(a, b)| a == b).count();
            // The prefix ends where an event does; the error follows.
            let kept = whole[..common].rfind("\n\n").map_or(0, |i| i + 2);
            prop_assert!(kept <= cut);
            let rest = &run.text()[kept..];
            prop_assert_eq!(rest.matches("data: ").count(), 1, "{}", rest);
            prop_assert!(rest.contains("broke off") && rest.ends_with("\n\n"), "{}", rest);
            prop_assert!(!rest.contains("[DONE]") && !rest.contains("message_stop") && !rest.contains("response.completed"));
            let name = match *dialect { "chat" => "data: {\"error\":", _ => "event: error\ndata: {\"type\":\"error\"" };
            prop_assert!(rest.starts_with(name), "{}", rest);
        }
    }
}

#[test]
fn an_event_of_two_megabytes() {
    let big = "x".repeat(2 << 20);
    for (dialect, ..) in DIALECTS {
        let mut all = events(dialect);
        let event = format!("event: image\ndata: {{\"type\":\"image\",\"data\":\"{big}\",\"choices\":[]}}\n\n");
        all.insert(1, &event);
        let body = all.concat();
        for size in [body.len(), 1 << 20, 64 << 10, 8191] {
            let cuts: Vec<_> = (size..body.len()).step_by(size).collect();
            let run = relayed(begin(dialect, true), STREAM, body.as_bytes(), &cuts);
            assert!(run.text() == body, "{dialect} in pieces of {size}: {} of {} bytes", run.body.len(), body.len());
            assert_eq!(run.ended(), ("completed", Some(200), false));
        }
        // Cut in its middle, after a piece of it went out: the error still stands in an event of its own.
        let mut run = begin(dialect, true);
        run.upstream_head(200, STREAM).chunk(&body[..body.len() / 2 + (256 << 10)]);
        run.wait(16 * SECOND);
        assert!(body.starts_with(run.text()), "no sign of life inside an event");
        run.close();
        assert_eq!(run.ended(), ("truncated", Some(200), true));
        let at = run.text().rfind("\n\n").map_or(0, |end| run.text()[..end].rfind("\n\n").unwrap() + 2);
        assert!(run.text()[at..].contains("broke off"), "{}", &run.text()[at..]);
    }
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn compressed_replies_pass_untouched() {
    for (dialect, ..) in DIALECTS {
        for (stream, kind, body) in [
            (true, "text/event-stream", events(dialect).concat()),
            (false, "application/json", r#"{"id":"x"}"#.to_owned()),
            (true, "application/json", r#"{"id":"x"}"#.to_owned()),
        ] {
            let packed = gzip(&body);
            let length = packed.len().to_string();
            let headers = [("content-type", kind), ("content-encoding", "gzip"), ("content-length", length.as_str())];
            let run = relayed(begin(dialect, stream), &headers, &packed, &[1, 5, 20]);
            assert_eq!(run.body, packed);
            assert_eq!((run.header("content-encoding"), run.header("content-length")), ("gzip", length.as_str()));
            assert_eq!(run.ended(), ("completed", Some(200), false));
        }
    }
}

/// An error is read before it is passed on: what says how it was packed must not outlive the packing.
#[test]
fn a_compressed_error_arrives_readable() {
    let body = r#"{"error":{"message":"no","type":"invalid_request_error","param":null,"code":null}}"#;
    let packed = gzip(body);
    let length = packed.len().to_string();
    let mut run = begin("chat", false);
    run.upstream_head(
        400,
        &[("content-type", "application/json"), ("content-encoding", "gzip"), ("content-length", &length)],
    )
    .chunk(&packed)
    .close();
    assert_eq!((run.text(), run.ended()), (body, ("upstream_error", Some(400), false)));
    assert_eq!(run.header("content-encoding"), "");
    assert!(["", &body.len().to_string()].contains(&run.header("content-length")), "{}", run.header("content-length"));
}

/// The bytes are the provider's, so its length is right for as long as nothing can be added.
#[test]
fn a_stream_has_no_length() {
    for (dialect, ..) in DIALECTS {
        let body = events(dialect).concat();
        let length = body.len().to_string();
        for kind in ["text/event-stream", "text/plain"] {
            let headers = [("content-type", kind), ("content-length", length.as_str())];
            let run = relayed(begin(dialect, true), &headers, body.as_bytes(), &[]);
            assert_eq!((run.text(), run.header("content-length")), (body.as_str(), ""), "{dialect} {kind}");
        }
    }
    let run = relayed(begin("chat", false), &[("content-length", "2")], b"{}", &[]);
    assert_eq!(run.header("content-length"), "2");
    let run =
        relayed(begin("chat", true), &[("content-type", "application/json"), ("content-length", "2")], b"{}", &[]);
    assert_eq!(run.header("content-length"), "2");
}

/// A reply header and whether it comes back.
const HEADERS: &[(&str, &str, bool)] = &[
    ("anthropic-organization-id", "org", true),
    ("anthropic-ratelimit-tokens-remaining", "5", true),
    ("apim-request-id", "a", true),
    ("cf-aig-cache-status", "HIT", true),
    ("cf-ray", "r", true),
    ("content-type", "application/json", true),
    ("etag", "\"e\"", true),
    ("openai-organization", "org", true),
    ("openai-processing-ms", "3", true),
    ("openai-version", "2020-10-01", true),
    ("request-id", "up-1", true),
    ("retry-after", "2", true),
    ("retry-after-ms", "1500", true),
    ("x-new-header", "n", true),
    ("x-ratelimit-remaining-requests", "9", true),
    ("x-request-id", "up-2", true),
    ("x-should-retry", "false", true),
    ("access-control-allow-origin", "https://app.example", false),
    ("access-control-expose-headers", "x", false),
    ("alt-svc", "h3=\":443\"", false),
    ("connection", "x-dropped", false),
    ("keep-alive", "timeout=5", false),
    ("set-cookie", "c=1", false),
    ("strict-transport-security", "max-age=1", false),
    ("trailer", "x", false),
    ("transfer-encoding", "chunked", false),
    ("upgrade", "h2c", false),
    ("x-apex-provider", "forged", false),
    ("x-dropped", "1", false),
];

#[test]
fn headers_come_back_as_the_table_says() {
    let theirs: Vec<_> = HEADERS.iter().map(|(n, v, _)| (*n, *v)).collect();
    let ours = [
        "access-control-allow-origin: *",
        "access-control-expose-headers: *",
        "server-timing: gateway;dur=0.000, upstream;dur=0.000",
        "x-apex-attempts: 1",
        "x-apex-request-id: req_test",
    ];
    let mut want: Vec<_> = HEADERS.iter().filter(|h| h.2).map(|(n, v, _)| format!("{n}: {v}")).collect();
    want.extend(ours.map(str::to_owned));
    let here = |lines: Vec<String>, more: &[&str]| {
        let mut want: Vec<_> = want.iter().cloned().chain(more.iter().map(|m| (*m).to_owned())).collect();
        want.sort();
        assert_eq!(lines, want);
    };
    let mut run = begin("chat", false);
    run.upstream_head(200, &theirs).chunk("{}").close();
    here(
        lines(&run.head.unwrap().headers),
        &["x-apex-cost: unknown", "x-apex-model: gpt-5.5", "x-apex-provider: openai"],
    );
    let mut run = begin("chat", false);
    let error = r#"{"error":{"message":"no","type":"t"}}"#;
    run.upstream_head(429, &theirs).chunk(error).close();
    assert_eq!(run.text(), error);
    here(lines(&run.head.unwrap().headers), &["x-apex-model: gpt-5.5", "x-apex-provider: openai"]);
    let mut run = passthrough();
    run.upstream_head(200, &theirs).chunk("{}").close();
    here(lines(&run.head.unwrap().headers), &["x-apex-provider: zenmux.ai"]);
}

fn passthrough() -> Run {
    let head = harness::bare_post("/v1/chat/completions", &[("x-apex-ai-proxy-provider", "zenmux.ai")]);
    Run::begin(&catalog(&harness::settings()), head, r#"{"stream":true}"#)
}

/// Fifteen seconds of silence at the border of two events: one sign of life, then every fifteen seconds.
#[test]
fn silence_is_broken_between_events_only() {
    for (dialect, alive) in [
        ("chat", ": keep-alive\n\n"),
        ("messages", "event: ping\ndata: {\"type\":\"ping\"}\n\n"),
        ("responses", ": keep-alive\n\n"),
    ] {
        let all = events(dialect);
        let (first, rest) = all.split_at(2);
        let mut run = begin(dialect, true);
        run.upstream_head(200, STREAM).chunk(first.concat()).chunk(&rest[0][..9]).wait(6 * SECOND);
        let said = run.text().to_owned();
        assert!(first.concat() == said, "{dialect}: half an event waits");
        run.wait(10 * SECOND);
        assert_eq!(run.text(), format!("{said}{alive}"), "{dialect}");
        run.wait(15 * SECOND);
        assert_eq!(run.text(), format!("{said}{alive}{alive}"), "{dialect}");
        run.chunk(&rest[0][9..]).chunk(rest[1..].concat()).close();
        assert_eq!(run.text(), format!("{said}{alive}{alive}{}", rest.concat()));
        assert_eq!(run.ended(), ("completed", Some(200), false));
    }
}

/// In passthrough nothing is ever added, held or rewritten.
#[test]
fn passthrough_adds_nothing() {
    let body = events("chat").concat();
    let mut run = passthrough();
    run.upstream_head(200, STREAM);
    run.chunk(&body[..11]);
    assert_eq!(run.text(), &body[..11], "not even half an event is held");
    run.wait(60 * SECOND).close();
    assert_eq!((run.text(), run.aborted()), (&body[..11], false));
    assert_eq!(run.header("cache-control"), "no-store");

    let mut run = passthrough();
    run.upstream_head(200, STREAM).chunk(&body[..11]).broken(TransportErrorKind::Reset, false);
    assert_eq!((run.text(), run.aborted()), (&body[..11], true));

    for (status, body) in [(500, "<html>"), (302, ""), (401, r#"{"error":"sk-openai-stored"}"#)] {
        let mut run = passthrough();
        run.upstream_head(status, &[("location", "https://elsewhere.example/")]).chunk(body).close();
        assert_eq!((run.status(), run.text()), (Some(status), body));
        assert_eq!(run.header("location"), "https://elsewhere.example/");
    }
}

/// Endpoints that are no chat end their streams in their own way: the gateway does not know it and adds nothing.
#[test]
fn streams_of_other_endpoints_end_as_they_like() {
    let speech =
        "data: {\"type\":\"speech.audio.delta\",\"audio\":\"AAAA\"}\n\ndata: {\"type\":\"speech.audio.done\"}\n\n";
    let image =
        "event: image_generation.completed\ndata: {\"type\":\"image_generation.completed\",\"b64_json\":\"AA\"}\n\n";
    let text = "data: {\"id\":\"c\",\"object\":\"text_completion\",\"choices\":[{\"index\":0,\"text\":\"a\",\"finish_reason\":null}]}\n\ndata: [DONE]\n\n";
    for (path, body) in [("audio/speech", speech), ("images/generations", image), ("completions", text)] {
        let request = r#"{"model":"m#openai","stream":true}"#;
        let begun = Run::begin(&catalog(&harness::settings()), post(&format!("/v1/{path}"), &[]), request);
        let run = relayed(begun, STREAM, body.as_bytes(), &[30]);
        assert_eq!(run.text(), body, "{path}");
        assert_eq!(run.ended(), ("completed", Some(200), false), "{path}");
    }
}

/// What a client's own key looks like in an error is its business; ours never comes back, in any dialect.
#[test]
fn keys_do_not_come_back() {
    for (dialect, body) in [
        ("chat", r#"{"error":{"message":"bad key sk-openai-stored","type":"t","param":null,"code":null}}"#),
        ("messages", r#"{"type":"error","error":{"type":"authentication_error","message":"bad key sk-ant-stored"}}"#),
        // Another provider's, too.
        ("messages", r#"{"type":"error","error":{"type":"authentication_error","message":"bad key mistral-stored"}}"#),
    ] {
        let mut run = begin(dialect, false);
        run.upstream_head(401, JSON).chunk(body).close();
        assert_eq!(run.status(), Some(401));
        assert!(!run.text().contains("-stored"), "{}", run.text());
        assert!(run.text().contains("\"message\":"), "{}", run.text());
    }
    let head = harness::bare_post(
        "/v1/chat/completions",
        &[("cf-aig-authorization", "Bearer tok"), ("authorization", "Bearer my-own-key-0001")],
    );
    let mut run = Run::begin(&catalog(&harness::settings()), head, r#"{"model":"m#openai"}"#);
    let body = r#"{"error":{"message":"bad key my-own-key-0001","type":"t","param":null,"code":null}}"#;
    run.upstream_head(401, JSON).chunk(body).close();
    assert_eq!(run.text(), body);
}
