//! The request log of a running gateway: what a sudden death, a full disk or a bad directory does to it, and that none
//! of this is seen by a client.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use apex_store::{Entry, FILE, Filter, Reader};
use rusqlite::Connection;

use crate::gateway::{Dir, Gateway, PATIENCE, command, output, status};
use crate::scripted::{Client, OPENAI_KEY, Scripted, post};

fn data(gateway: &Gateway) -> PathBuf {
    gateway.dir.path().join("data")
}

/// What is in the log.
fn entries(gateway: &Gateway) -> Vec<Entry> {
    Reader::open(&data(gateway)).and_then(|reader| reader.newest(&Filter::default(), 100_000)).unwrap_or_default()
}

/// Waits until there are so many.
fn entries_when(gateway: &Gateway, n: usize) -> Vec<Entry> {
    let end = Instant::now() + PATIENCE;
    loop {
        let found = entries(gateway);
        if found.len() >= n {
            return found;
        }
        assert!(Instant::now() < end, "{} of {n} entries: {}", found.len(), gateway.log());
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn is_whole(gateway: &Gateway) -> bool {
    let connection = Connection::open(data(gateway).join(FILE)).unwrap();
    connection.query_row("PRAGMA integrity_check", (), |row| row.get::<_, String>(0)).unwrap() == "ok"
}

#[test]
fn every_request_is_found_again() {
    let both = Scripted::start("[aliases]\nfast = \"gpt-5.5#openai\"\n[log]\nbodies = true");
    let secrets =
        ["authorization", "x-api-key", "api-key", "x-goog-api-key", "proxy-authorization", "cookie", "x-my-token"];
    let planted = secrets.map(|name| format!("{name}: canary-{name}\r\n")).concat();
    let body = Client::body("fast", true);
    let (code, reply) =
        both.ask(&post("/v1/messages?key=canary-query", &body, &format!("user-agent: it/1\r\n{planted}")));
    assert_eq!(code, 200, "{reply}");
    let id = reply.lines().find_map(|line| line.strip_prefix("x-apex-request-id: ")).unwrap().to_owned();
    entries_when(&both, 1);
    let explain = |args: &[&str]| {
        let out = output(&both.dir, args, &[]);
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).unwrap()
    };
    let story = explain(&["explain", &id[..12], "--data-dir", "data"]);
    for said in [
        &*id,
        "200 completed",
        "gpt-5.5 at openai, direct (gateway)",
        "translated from anthropic to openai-chat",
        "the name was looked up as an alias",
        "1. http://127.0.0.1:",
        "/openai/v1/chat/completions, 200, sent at",
        "from it/1",
        "\"content\":\"hi\"",
        "x-api-key: ***",
        "[a stream, put together]",
    ] {
        assert!(story.contains(said), "`{said}` is missing: {story}");
    }
    let json: serde_json::Value =
        serde_json::from_str(&explain(&["explain", "--json", &id, "--data-dir", "data"])).unwrap();
    assert_eq!(json["tries"][0]["status"], 200, "{json}");
    assert!(json["request_body"].as_str().unwrap().contains("\"hi\""), "{json}");
    // The raw bytes of the database, its write-ahead log included: what a row does not show may still be in a page.
    for file in std::fs::read_dir(data(&both)).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        let found = text.find(OPENAI_KEY).or_else(|| text.find("canary-"));
        assert_eq!(found, None, "{story}");
    }
}

#[test]
fn bodies_are_kept_only_when_asked_for() {
    let both = Scripted::start("");
    both.ask(&Client::Chat.post("m#openai", false, ""));
    let entry = entries_when(&both, 1).pop().unwrap();
    assert_eq!(Reader::open(&data(&both)).unwrap().bodies(entry.row).unwrap(), None);
}

#[test]
fn a_sudden_death_costs_a_second_at_most() {
    let mut both = Scripted::start("");
    let ids = |both: &Scripted| -> Vec<String> {
        entries(both).iter().map(|entry| entry.text("request_id").unwrap().to_owned()).collect()
    };
    let mut answered: Vec<(Instant, String)> = Vec::new();
    let begun = Instant::now();
    // For longer than a second, so that some must be there, and up to the last moment.
    while begun.elapsed() < Duration::from_millis(2500) {
        let (code, reply) = both.ask(&Client::Chat.post("m#openai", false, ""));
        assert_eq!(code, 200, "{reply}");
        let id = reply.lines().find_map(|line| line.strip_prefix("x-apex-request-id: ")).unwrap();
        answered.push((Instant::now(), id.to_owned()));
    }
    both.signal("KILL");
    let killed = Instant::now();
    both.wait(PATIENCE).unwrap();
    let found = ids(&both);
    for (at, id) in &answered {
        let old = killed.duration_since(*at) > Duration::from_secs(1);
        assert!(!old || found.contains(id), "{:?} before the end: {} of {}", killed - *at, found.len(), answered.len());
    }
    assert!(found.len() > answered.len() / 4, "{} of {}", found.len(), answered.len());
    assert!(is_whole(&both));
    // The next one goes on where it ended.
    let dir = std::mem::replace(&mut both.dir, Dir::new());
    let next = Gateway::start_in(dir, &["--listen", "127.0.0.1:0"]);
    assert_eq!(next.chat("m#openai").0, 200);
    assert!(entries_when(&next, found.len() + 1).len() == found.len() + 1);
    assert!(is_whole(&next));
}

#[test]
fn the_end_writes_what_is_left() {
    let mut both = Scripted::start("");
    for _ in 0..20 {
        assert_eq!(both.ask(&Client::Chat.post("m#openai", false, "")).0, 200);
    }
    both.signal("TERM");
    assert_eq!(both.wait(PATIENCE).unwrap().code(), Some(0));
    assert_eq!(entries(&both).len(), 20);
}

/// No file of this process may grow beyond a limit: like a full disk, and needs no rights.
#[cfg(unix)]
#[test]
fn a_full_disk_stops_the_log_and_hurts_no_answer() {
    let dir = Dir::new();
    let script =
        format!("trap '' XFSZ; ulimit -f 200; exec {} --listen 127.0.0.1:0", env!("CARGO_BIN_EXE_apex-ai-proxy"));
    let mut limited = Command::new("/bin/sh");
    limited.current_dir(dir.path()).env_clear().args(["-c", &script]).stdin(Stdio::null());
    let mut gateway = Gateway::run(dir, limited);
    let path = format!("/v1/chat/completions?{}", "x".repeat(10));
    let mut answered = 0;
    // A thousand connections: on a busy machine that alone may take as long as anything else is waited for.
    let end = Instant::now() + 6 * PATIENCE;
    // 100 KiB are soon full, and so many rows cannot fit: a first failure may only be the write-ahead log's, which is
    // then emptied into the database. Every answer is whole, before and after.
    while answered < 1000 || !gateway.log().contains("the request log cannot be written") {
        for _ in 0..50 {
            let mut raw = gateway.connect();
            let body = r#"{"model":"echo#mock","messages":[{"role":"user","content":"whole"}]}"#;
            raw.say(&format!(
                "POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\nconnection: close\r\n\
                 x-apex-ai-proxy-type: {}\r\ncontent-length: {}\r\n\r\n{body}",
                "long".repeat(500),
                body.len()
            ));
            let reply = raw.rest();
            assert!(status(&reply) == 200 && reply.contains("whole"), "{reply}");
            answered += 1;
        }
        assert!(Instant::now() < end, "{answered} answers fit: {}", gateway.log());
    }
    for _ in 0..20 {
        assert_eq!(gateway.chat("echo#mock").0, 200);
        answered += 1;
    }
    gateway.signal("TERM");
    assert_eq!(gateway.wait(PATIENCE).unwrap().code(), Some(0));
    gateway.wait_for_log("\"reported\"");
    let log = gateway.log();
    let told = log.lines().find(|line| line.contains("\"reported\"") && line.contains("\"requests\"")).unwrap();
    let told: serde_json::Value = serde_json::from_str(told).unwrap();
    let (produced, delivered, dropped) = (&told["produced"], &told["delivered"], &told["dropped"]);
    assert_eq!(produced.as_u64().unwrap(), answered, "{told}");
    assert_eq!(delivered.as_u64().unwrap() + dropped.as_u64().unwrap(), answered, "{told}");
    assert!(dropped.as_u64().unwrap() > 0, "{told}");
    assert_eq!(entries(&gateway).len() as u64, delivered.as_u64().unwrap(), "{told}");
    assert!(is_whole(&gateway));
    assert_eq!(log.matches("the request log cannot be written").count(), 1, "said once: {log}");
}

#[test]
fn without_a_directory_it_serves_all_the_same() {
    let dir = Dir::new();
    dir.write("data", "a file where the directory should be");
    let gateway = Gateway::start_in(dir, &["--listen", "127.0.0.1:0"]);
    gateway.wait_for_log("the data directory cannot be used");
    assert_eq!(gateway.chat("echo#mock").0, 200);

    // No home: told in the log, and where to look for it.
    let dir = Dir::new();
    let script = format!("unset APEX_DATA_DIR; exec {} --listen 127.0.0.1:0", env!("CARGO_BIN_EXE_apex-ai-proxy"));
    let mut homeless = Command::new("/bin/sh");
    homeless.current_dir(dir.path()).env_clear().args(["-c", &script]).stdin(Stdio::null());
    let gateway = Gateway::run(dir, homeless);
    gateway.wait_for_log("there is no request log: this user has no data directory");
    assert!(gateway.log().contains("request log    none"), "{}", gateway.log());
    assert_eq!(gateway.chat("echo#mock").0, 200);
}

#[test]
fn it_can_be_switched_off_and_on() {
    let gateway = Gateway::start("[log]\nrequests = false");
    assert!(gateway.log().contains("request log    off"), "{}", gateway.log());
    assert_eq!(gateway.chat("echo#mock").0, 200);
    assert!(!data(&gateway).exists());
    gateway.dir.write("apex.toml", "[log]\nrequests = true");
    gateway.wait_for_log("configuration reloaded");
    assert_eq!(gateway.chat("echo#mock").0, 200);
    assert_eq!(entries_when(&gateway, 1).len(), 1);
}

#[test]
fn two_gateways_share_a_log() {
    let one = Gateway::start("");
    let dir = Dir::new();
    let shared = data(&one).display().to_string();
    let second = command(&dir, &["--listen", "127.0.0.1:0", "--data-dir", &shared], &[]);
    let two = Gateway::run(dir, second);
    for _ in 0..20 {
        assert_eq!((one.chat("echo#mock").0, two.chat("echo#mock").0), (200, 200));
    }
    assert_eq!(entries_when(&one, 40).len(), 40);
}
