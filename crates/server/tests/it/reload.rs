//! A configuration that changes under a running server.

use crate::gateway::{Gateway, status};

fn resolves(gateway: &Gateway, model: &str) -> bool {
    gateway.chat(model).0 == 200
}

#[test]
fn a_good_file_is_taken_and_a_bad_one_is_not() {
    let gateway = Gateway::start("[aliases]\none = \"echo#mock\"");
    assert!(resolves(&gateway, "one") && !resolves(&gateway, "second"));

    gateway.dir.write("apex.toml", "[aliases]\nsecond = \"echo#mock\"");
    gateway.wait_for_log("configuration reloaded");
    assert!(resolves(&gateway, "second") && !resolves(&gateway, "one"));

    gateway.dir.write("apex.toml", "colour = \"red\"\n[timeouts]\nidle = \"soon\"\n[aliases]\nthird = \"echo#mock\"");
    gateway.wait_for_log("the old configuration stays in force");
    let log = gateway.log();
    assert!(log.contains("colour: is not a known key") && log.contains("timeouts.idle"), "all of it: {log}");
    assert!(resolves(&gateway, "second") && !resolves(&gateway, "third"));
}

#[test]
fn a_hangup_reloads() {
    let gateway = Gateway::start("");
    gateway.signal("HUP");
    gateway.wait_for_log("configuration reloaded");
    assert_eq!(gateway.chat("echo#mock").0, 200);
}

#[test]
fn what_cannot_change_says_so() {
    let gateway = Gateway::start_in(
        {
            let dir = crate::gateway::Dir::new();
            dir.write("apex.toml", "listen = \"127.0.0.1:0\"");
            dir
        },
        &[],
    );
    // The server stays open to this machine only, so no token is asked for.
    gateway.dir.write("apex.toml", "listen = \"0.0.0.0:1\"");
    gateway.wait_for_log("this takes a restart");
    gateway.wait_for_log("configuration reloaded");
    let mut raw = gateway.connect();
    raw.say("GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n");
    assert_eq!(status(&raw.rest()), 200);
}
