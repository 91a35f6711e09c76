use apex_testkit::Upstream;
use serde_json::{Value, json};

use crate::peer::Peer;

fn status(upstream: &Upstream, contents: &Value) -> u16 {
    let mut peer = Peer::of(upstream);
    let body = json!({"contents": contents}).to_string();
    let length = body.len();
    peer.send(format!(
        "POST /strict/v1beta/models/gemini-3.5-pro:generateContent HTTP/1.1\r\nx-goog-api-key: k\r\n\
         content-length: {length}\r\n\r\n{body}"
    ));
    peer.read_json().0
}

/// A part for each letter: a text, a call, a result.
fn content(role: &str, parts: &str) -> Value {
    let part = |kind| match kind {
        'c' => json!({"functionCall": {"name": "f", "args": {}}, "thoughtSignature": "c2lnbmVk"}),
        'r' => json!({"functionResponse": {"name": "f", "response": {}}}),
        _ => json!({"text": "x"}),
    };
    json!({"role": role, "parts": parts.chars().map(part).collect::<Vec<_>>()})
}

#[test]
fn a_strict_gemini_pairs_calls_and_results_by_turns() {
    let upstream = Upstream::start();
    let (user, model) = (|parts| content("user", parts), |parts| content("model", parts));
    for (contents, expected) in [
        (json!([user("t"), model("c"), user("r")]), 200),
        (json!([user("t"), model("cc"), user("rr")]), 200),
        // Google's SDKs keep every piece of a stream as a content of its own.
        (json!([user("t"), model("t"), model("c"), model("t"), user("r")]), 200),
        (json!([user("t"), model("c"), model("c"), user("rr")]), 200),
        (json!([user("t"), model("c"), model("c"), user("r")]), 400),
        (json!([user("t"), model("c"), user("t")]), 400),
        (json!([user("t"), model("c"), user("rr")]), 400),
        (json!([user("t"), model("c"), user("t"), model("t"), user("r")]), 400),
        (json!([user("t"), model("c")]), 400),
        (json!([model("t")]), 400),
    ] {
        assert_eq!(status(&upstream, &contents), expected, "{contents}");
    }
}
