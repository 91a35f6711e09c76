//! Responses: kept replies over a restart, and upgrades to a socket, which Codex tries first.

use apex_testkit::Upstream;

use crate::gateway::{Gateway, status};
use crate::scripted::{Scripted, post};

#[test]
fn a_websocket_is_refused_in_a_way_that_codex_understands() {
    let both = Scripted::start("");
    let mut raw = both.connect();
    raw.say(
        "GET /v1/responses HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    );
    let reply = raw.response();
    assert_eq!(status(&reply), 426, "{reply}");
    assert!(
        reply.contains("content-type: application/json") && reply.contains(r#""code":"upgrade_required""#),
        "{reply}"
    );
    assert!(both.upstream.requests().is_empty());
}

#[test]
fn fifty_counts_at_once_are_cheap_and_ask_nobody() {
    // pitfall 105: a coding client counts before every turn, and some gateways ran a paid completion for each.
    let both = Scripted::start("[providers.plain]\nbase_url = \"http://127.0.0.1:1/v1\"\n");
    let text = "a word or two ".repeat(40);
    let body = format!(
        r#"{{"model":"m#plain","max_tokens":5,"system":"s","messages":[{{"role":"user","content":"{text}"}}],"tools":[{{"name":"t","input_schema":{{"type":"object"}}}}]}}"#
    );
    let request = post("/v1/messages/count_tokens", &body, "anthropic-version: 2023-06-01\r\n");
    let counts: Vec<String> = std::thread::scope(|scope| {
        let ask = || {
            let mut raw = both.connect();
            raw.say(&request);
            raw.response()
        };
        let asking: Vec<_> = (0..50).map(|_| scope.spawn(ask)).collect();
        asking.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let number = |reply: &String| reply.rsplit_once("\"input_tokens\":").unwrap().1.to_owned();
    assert!(counts.iter().all(|reply| status(reply) == 200 && reply.contains("x-apex-token-count: estimate")));
    assert!(counts.iter().all(|reply| number(reply) == number(&counts[0])), "{counts:?}");
    assert!(both.upstream.requests().is_empty());
}

#[test]
fn what_is_kept_on_disk_survives_a_restart() {
    let upstream = Upstream::start();
    let config = format!(
        "[responses]\nstore = \"disk\"\n[providers.plain]\nbase_url = \"{}/v1\"\n[log]\nrequests = false\n",
        upstream.url()
    );
    let mut gateway = Gateway::start(&config);
    let ask = |gateway: &Gateway, more: &str| {
        let mut raw = gateway.connect();
        raw.say(&post("/v1/responses", &format!(r#"{{"model":"m#plain",{more}}}"#), ""));
        raw.response()
    };
    let first = ask(&gateway, r#""input":"first""#);
    let id = first.split(r#""id":"resp_"#).nth(1).and_then(|rest| rest.split('"').next()).unwrap().to_owned();
    gateway.signal("TERM");
    assert!(gateway.wait(crate::gateway::PATIENCE).unwrap().success());
    let dir = crate::gateway::Dir::new();
    let data = dir.path().join("data");
    std::fs::create_dir_all(&data).unwrap();
    // With what SQLite has beside it: the newest entries may be there.
    for file in std::fs::read_dir(gateway.dir.path().join("data")).unwrap().flatten() {
        std::fs::copy(file.path(), data.join(file.file_name())).unwrap();
    }
    dir.write("apex.toml", &config);
    let again = Gateway::start_in(dir, &["--listen", "127.0.0.1:0"]);
    let second = ask(&again, &format!(r#""input":"second","previous_response_id":"resp_{id}""#));
    assert!(second.contains("Echo: second | turn: 2"), "{second}");
}
