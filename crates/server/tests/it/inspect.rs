//! `logs` and `explain`, on a log that was written before.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use apex_core::capture::{Body, Capture, Shown};
use apex_core::cost::{Cost, Source};
use apex_core::dialect::Dialect;
use apex_core::hub::{StopReason, Usage};
use apex_core::money::Money;
use apex_core::record::{Attempt, Mode, Outcome, Record};
use apex_core::time::Timestamp;
use apex_store::{Retention, Store};

use crate::gateway::{Dir, PATIENCE, command, output};

/// A directory with a log of four requests in `data`.
fn logged() -> Dir {
    let dir = Dir::new();
    write(&dir, records());
    dir
}

/// Adds to the log, as a gateway does.
fn write(dir: &Dir, records: Vec<Record>) {
    let count = records.len() as u64;
    // Of a day that stays the same, and never too old.
    let store = Store::start(
        dir.path().join("data"),
        Retention { max_age: Duration::from_secs(1_000_000_000), max_size: 1 << 30, bodies: true },
    );
    let store = store.unwrap();
    records.into_iter().for_each(|record| store.put(Arc::new(record)));
    assert_eq!(store.finish().delivered, count);
}

fn text(text: &str) -> String {
    text.to_owned()
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn base() -> Record {
    Record { method: "POST".to_owned(), path: "/v1/messages".to_owned(), ..Record::default() }
}

/// One of which everything is known.
fn full() -> Record {
    let body = |text: &str| Body { text: text.to_owned(), ..Body::default() };
    Record {
        request_id: "req_aaa1".to_owned(),
        started: Timestamp::from_micros(1_795_308_060_000_000),
        client_dialect: Some(Dialect::Anthropic),
        upstream_dialect: Some(Dialect::OpenAiChat),
        provider: Some(text("openai")),
        via: Some("direct"),
        client_model: Some(text("claude-opus-4.7#openai")),
        upstream_model: Some(text("gpt-5.5")),
        resolved: Some("mapping, provider"),
        user_agent: Some(text("claude-cli/2.1")),
        attempts: vec![
            Attempt {
                target: "https://api.openai.com/v1/chat/completions".to_owned(),
                started: Duration::from_micros(150),
                ended: Some(ms(2)),
                error: Some("connection_closed"),
                ..Attempt::default()
            },
            Attempt {
                target: "https://api.openai.com/v1/chat/completions".to_owned(),
                started: Duration::from_micros(2100),
                head: Some(ms(300)),
                ended: Some(ms(812)),
                status: Some(200),
                ..Attempt::default()
            },
        ],
        cost: Cost::Known { amount: Money::from_picos(1_234_000_000), source: Source::Book },
        stop: Some(StopReason::EndTurn),
        first_content: Some(ms(305)),
        capture: Capture::Shown(Box::new(Shown {
            target: "/v1/messages?beta=true".to_owned(),
            request_head: "host: localhost\nx-api-key: ***".to_owned(),
            request: body(r#"{"model":"claude-opus-4.7#openai"}"#),
            response_head: "content-type: text/event-stream".to_owned(),
            response: Body { reassembled: true, ..body(r#"{"type":"message"}"#) },
        })),
        stream: true,
        status: 200,
        upstream_status: Some(200),
        upstream_request_id: Some(text("upstream-1")),
        response_id: Some(text("chatcmpl-1")),
        response_model: Some(text("gpt-5.5-2026-04-23")),
        outcome: Outcome::Completed,
        duration: Duration::from_micros(812_345),
        upstream_head: Some(ms(300)),
        first_byte: Some(ms(310)),
        request_bytes: 120,
        upstream_bytes: 4000,
        response_bytes: 3900,
        usage: Usage {
            input_uncached: Some(20),
            cache_read: Some(100),
            output: Some(55),
            reasoning: Some(12),
            ..Usage::default()
        },
        adjustments: Some(text("top_k=drop,thinking=approx")),
        ..base()
    }
}

fn records() -> Vec<Record> {
    let at = |seconds: u64| Timestamp::from_micros(1_795_308_060_000_000 + seconds * 1_000_000);
    vec![
        full(),
        Record {
            request_id: "req_aab2".to_owned(),
            started: at(60),
            client_dialect: Some(Dialect::Anthropic),
            upstream_dialect: Some(Dialect::Anthropic),
            provider: Some(text("anthropic")),
            via: Some("cloudflare"),
            client_model: Some(text("claude-opus-4.7")),
            upstream_model: Some(text("claude-opus-4.7")),
            status: 529,
            upstream_status: Some(529),
            outcome: Outcome::UpstreamError,
            error: Some(text("overloaded_error")),
            duration: ms(95),
            upstream_head: Some(ms(94)),
            first_byte: Some(ms(94)),
            ..base()
        },
        Record {
            request_id: "req_b3".to_owned(),
            started: at(120),
            mode: Mode::Passthrough,
            provider: Some(text("evil.example")),
            via: Some("direct"),
            label: Some(text("\u{1b}]0;owned\u{7}\u{202e}")),
            client_model: Some(text("a\u{9b}2J\r\nb")),
            status: 200,
            outcome: Outcome::Relayed,
            duration: Duration::from_micros(850),
            ..base()
        },
        Record {
            request_id: "req_c4".to_owned(),
            started: at(180),
            status: 401,
            outcome: Outcome::Refused,
            error: Some(text("invalid_api_key")),
            duration: Duration::from_micros(200),
            response_bytes: 140,
            ..base()
        },
    ]
}

fn run(dir: &Dir, args: &[&str]) -> (Option<i32>, String, String) {
    let out = output(dir, &[args, &["--data-dir", "data"]].concat(), &[]);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (out.status.code(), text(out.stdout), text(out.stderr))
}

/// Compares with a file of `tests/golden`; `APEX_GOLDEN=write` writes it anew.
fn golden(name: &str, found: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("APEX_GOLDEN").is_some_and(|how| how == "write") {
        std::fs::write(&path, found).unwrap();
    }
    assert_eq!(found, std::fs::read_to_string(&path).unwrap_or_default(), "{name}");
}

#[test]
fn what_people_and_programs_see() {
    let dir = logged();
    for (file, args) in [
        ("logs.txt", &["logs"] as &[&str]),
        ("logs.jsonl", &["logs", "--json"]),
        ("explain.txt", &["explain", "req_aaa1"]),
        ("explain-error.txt", &["explain", "req_aab2"]),
        ("explain-refused.txt", &["explain", "req_c"]),
        ("explain-hostile.txt", &["explain", "req_b3"]),
        ("explain.json", &["explain", "--json", "req_aaa"]),
    ] {
        let (code, out, err) = run(&dir, args);
        assert_eq!((code, err.as_str()), (Some(0), ""), "{args:?}");
        assert!(!out.contains(|c: char| c.is_control() && c != '\n' || c == '\u{202e}'), "{out:?}");
        golden(file, &out);
    }
}

#[test]
fn filters() {
    let dir = logged();
    for (args, wanted) in [
        (&["--errors"] as &[&str], "aab2 c4"),
        (&["--status", "5xx"], "aab2"),
        (&["--status", "401"], "c4"),
        (&["--provider", "openai"], "aaa1"),
        (&["--model", "claude-*"], "aaa1 aab2"),
        (&["--outcome", "relayed"], "b3"),
        (&["--mode", "passthrough"], "b3"),
        (&["--since", "2026-11-22T00:42:30Z"], "b3 c4"),
        (&["--until", "2026-11-22T00:42:30Z"], "aaa1 aab2"),
        (&["--since", "10000w", "--limit", "1"], "c4"),
        (&["--provider", "nobody"], ""),
    ] {
        let (code, out, err) = run(&dir, &[&["logs", "--json"], args].concat());
        assert_eq!(code, Some(0), "{args:?}: {err}");
        let ids: Vec<String> = out
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
            .map(|entry| entry["request_id"].as_str().unwrap().trim_start_matches("req_").to_owned())
            .collect();
        assert_eq!(ids.join(" "), wanted, "{args:?}");
    }
    for args in [&["--status", "6x"] as &[&str], &["--since", "soon"], &["--outcome", "fine"], &["--mode", "x"]] {
        assert_eq!(run(&dir, &[&["logs"], args].concat()).0, Some(2), "{args:?}");
    }
}

#[test]
fn following_shows_what_comes() {
    let dir = logged();
    let mut following =
        command(&dir, &["logs", "--follow", "--json", "--errors", "--limit", "1", "--data-dir", "data"], &[])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
    let out = BufReader::new(following.stdout.take().unwrap());
    let (sender, lines) = mpsc::channel();
    std::thread::spawn(move || out.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
    let next = || {
        let line = lines.recv_timeout(PATIENCE).unwrap();
        let entry: serde_json::Value = serde_json::from_str(&line).unwrap();
        entry["request_id"].as_str().unwrap().to_owned()
    };
    assert_eq!(next(), "req_c4", "what is there");
    let record = |id: &str, status| Record {
        request_id: id.to_owned(),
        status,
        outcome: if status == 200 { Outcome::Completed } else { Outcome::UpstreamError },
        ..base()
    };
    write(&dir, vec![record("req_d5", 200), record("req_e6", 500)]);
    assert_eq!(next(), "req_e6", "what is filtered out does not show, nor hide what follows");
    write(&dir, vec![record("req_f7", 200)]);
    write(&dir, vec![record("req_g8", 429), record("req_h9", 503)]);
    assert_eq!((next(), next()), ("req_g8".to_owned(), "req_h9".to_owned()));
    following.kill().unwrap();
    following.wait().unwrap();
    assert!(lines.recv_timeout(PATIENCE).is_err(), "nothing is shown twice");
}

#[test]
fn what_is_not_there_is_said() {
    let dir = logged();
    for (args, said) in [
        (&["explain", "req_nobody"] as &[&str], "the request log knows no request req_nobody"),
        (&["explain", "req_aa"], "several requests begin so: req_aaa1, req_aab2"),
        (&["explain", "\u{1b}[2J"], "knows no request \\u{1b}[2J"),
    ] {
        let (code, out, err) = run(&dir, args);
        assert_eq!((code, out.as_str()), (Some(1), ""), "{args:?}");
        assert!(err.contains(said), "{args:?}: {err}");
    }
    let empty = Dir::new();
    for args in [&["logs"] as &[&str], &["explain", "req_a"]] {
        let (code, _, err) = run(&empty, args);
        assert_eq!(code, Some(1));
        assert!(err.contains("there is no request log at data") && err.contains("--data-dir"), "{err}");
        assert!(!empty.path().join("data").exists(), "reading makes nothing");
        let out = output(&empty, args, &[]);
        let err = String::from_utf8(out.stderr).unwrap();
        assert!(out.status.code() == Some(1) && err.contains("there is no data directory"), "{err}");
    }
}

#[test]
fn the_data_directory_is_found_as_the_gateway_finds_it() {
    let dir = logged();
    std::fs::rename(dir.path().join("data"), dir.path().join("apex-ai-proxy")).unwrap();
    let home = dir.path().to_str().unwrap();
    let count = |args: &[&str], env: &[(&str, &str)]| {
        String::from_utf8(output(&dir, args, env).stdout).unwrap().lines().count()
    };
    assert_eq!(count(&["logs", "--json"], &[("XDG_DATA_HOME", home)]), 4);
    let here = dir.path().join("apex-ai-proxy");
    assert_eq!(count(&["logs", "--json"], &[("APEX_DATA_DIR", here.to_str().unwrap())]), 4);
    // A relative one in a file is meant from there; and nothing else in it needs to be right.
    std::fs::create_dir(dir.path().join("etc")).unwrap();
    dir.write("etc/a.toml", "data_dir = \"../apex-ai-proxy\"\nlisten = \"0.0.0.0:80\"\nnonsense = 1");
    assert_eq!(count(&["logs", "--json", "--config", "etc/a.toml"], &[]), 4);
}
