//! What HTTP itself forbids is refused before anything reads the request, and the connection is closed.

use crate::gateway::{Gateway, status};

#[test]
fn refused_heads_close_the_connection() {
    let gateway = Gateway::start("");
    let cases: &[(&str, u16)] = &[
        ("GET /healthz HTTP/1.1\r\n\r\n", 400),
        ("GET /healthz HTTP/1.1\r\nhost: a\r\nhost: a\r\n\r\n", 400),
        ("GET /healthz HTTP/1.1\r\nhost: u@a\r\n\r\n", 400),
        ("GET /healthz HTTP/1.1\r\nhost: a/b\r\n\r\n", 400),
        ("GET http://u@127.0.0.1/healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n", 400),
        ("CONNECT example.com:443 HTTP/1.1\r\nhost: example.com:443\r\n\r\n", 400),
        ("POST /v1/messages HTTP/1.1\r\nhost: 127.0.0.1\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400),
        ("POST /v1/messages HTTP/1.1\r\nhost: 127.0.0.1\r\ntransfer-encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 400),
        ("POST /v1/messages HTTP/1.0\r\nhost: 127.0.0.1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        ("GET /healthz HTTP/1.1\r\nhost : 127.0.0.1\r\n\r\n", 400),
        ("GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\na: b\r\n c\r\n\r\n", 400),
        ("GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\na: \0\r\n\r\n", 400),
        ("nonsense\r\n\r\n", 400),
    ];
    for (head, wanted) in cases {
        let mut raw = gateway.connect();
        raw.say(head);
        let answer = raw.rest();
        let short: String = head.chars().take(100).collect();
        assert_eq!(status(&answer), *wanted, "{short:?}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{short:?}: {answer}");
    }
    let mut raw = gateway.connect();
    raw.say("GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n");
    assert_eq!(status(&raw.response()), 200);
}

#[test]
fn a_head_that_is_too_large_is_refused_in_the_callers_dialect() {
    let gateway = Gateway::start("");
    for (path, envelope) in [
        ("/v1/chat/completions", r#"{"error":{"message":""#),
        ("/v1/messages", r#"{"type":"error","error":{"type":"invalid_request_error""#),
    ] {
        let head = |target: &str, more: &str| {
            format!(
                "POST {target} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: 2\r\n{more}\r\n{{}}"
            )
        };
        for (request, wanted) in [
            (head(&format!("{path}?{}", "x".repeat(9 << 10)), ""), 414),
            (head(path, &format!("a: {}\r\n", "x".repeat(70 << 10))), 431),
        ] {
            let mut raw = gateway.connect();
            raw.say(&request);
            let answer = raw.response();
            assert_eq!(status(&answer), wanted, "{answer}");
            assert!(answer.contains(envelope) && answer.contains("x-should-retry: false"), "{answer}");
        }
        // More headers than the parser takes: it answers by itself.
        let mut raw = gateway.connect();
        raw.say(&head(path, &"a: b\r\n".repeat(101)));
        assert_eq!(status(&raw.rest()), 431);
    }
}

#[test]
fn two_framings_end_the_connection() {
    let gateway = Gateway::start("");
    let mut raw = gateway.connect();
    raw.say("POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n");
    raw.say("content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nGET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n");
    let answer = raw.rest();
    assert_eq!(answer.matches("HTTP/1.1").count(), 1, "the second request must not be seen: {answer}");
}

#[test]
fn a_broken_body_closes_the_connection() {
    let gateway = Gateway::start("");
    let mut raw = gateway.connect();
    raw.say("POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n");
    raw.say("transfer-encoding: chunked\r\n\r\nzz\r\nGET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n");
    let answer = raw.rest();
    assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{answer}");
    assert_eq!(status(&answer), 400, "{answer}");
}
