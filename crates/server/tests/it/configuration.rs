//! Starting, or saying why not.

use crate::gateway::{Dir, Gateway, output};

#[test]
fn every_problem_is_told_at_once() {
    let dir = Dir::new();
    dir.write(
        "apex.toml",
        r#"
        lisen = "127.0.0.1:1"
        gateway_token = "${UNSET}"
        default_provider = 3
        [timeouts]
        idle = "soon"
        [providers.openai]
        base_url = "ftp://x"
        apikey = "sk-secret-in-file"
        [providers.mine]
        base_url = "https://${HOST_UNSET}/v1"
        [limits]
        headers = 70000
        "#,
    );
    let env =
        [("APEX_TIMEOUTS__TOTAL", "never"), ("APEX_PASSTHROUGH__MOED", "off"), ("OPENAI_API_KEY", "sk-secret-env")];
    let out = output(&dir, &["check"], &env);
    let text = String::from_utf8(out.stderr).unwrap();
    assert_eq!(out.status.code(), Some(1), "{text}");
    for said in [
        "lisen: is not a known key (apex.toml); did you mean `listen`?",
        "gateway_token: is written, but resolves to nothing (apex.toml)",
        "timeouts.idle: is `soon`, and must be a number (apex.toml)",
        "timeouts.total: is `never`, and must be a number (APEX_TIMEOUTS__TOTAL)",
        "passthrough.moed: is not a known key (APEX_PASSTHROUGH__MOED); did you mean `mode`?",
        "providers.openai.apikey: is not a known key (apex.toml); did you mean `api_key`?",
        "providers.openai.base_url: ",
        "providers.mine.base_url: needs the environment variable HOST_UNSET, which is not set (apex.toml)",
        "limits.headers: is 70000, and must be a whole number up to 65535 (apex.toml)",
        "default_provider: ",
    ] {
        assert!(text.contains(said), "`{said}` is missing in:\n{text}");
    }
    assert!(!text.contains("sk-secret"), "{text}");
    // The same when it should serve.
    let out = output(&dir, &["--listen", "127.0.0.1:0"], &env);
    assert_eq!(out.status.code(), Some(1));
}

#[test]
fn check_shows_what_applies_and_where_it_is_from() {
    let dir = Dir::new();
    dir.write("mine.toml", "gateway_token = \"${T}\"\n[timeouts]\nidle = 7\n[aliases]\n\"gpt-5.5\" = \"echo#openai\"");
    let env =
        [("T", "tok-123"), ("ACCOUNT_ID", "12345"), ("GATEWAY_ID", "gw"), ("GROQ_API_KEY", "gsk-9"), ("DEBUG", "1")];
    let out = output(&dir, &["check", "--config", "mine.toml", "--listen", "0.0.0.0:8080"], &env);
    let text = String::from_utf8(out.stdout).unwrap();
    assert_eq!(out.status.code(), Some(0), "{text}{}", String::from_utf8_lossy(&out.stderr));
    for line in [
        "listen = \"0.0.0.0:8080\"  # --listen",
        "gateway_token = \"***\"  # mine.toml",
        "timeouts.idle = 7  # mine.toml",
        "timeouts.connect = 5  # default",
        "aliases.\"gpt-5.5\" = \"echo#openai\"  # mine.toml",
        "cloudflare.account_id = \"12345\"  # ACCOUNT_ID",
        "providers.groq.api_key = \"***\"  # GROQ_API_KEY",
        "debug = true  # DEBUG",
        "passthrough.mode = \"allowlist\"  # default",
        "limits.body = \"64 MiB\"  # default",
    ] {
        assert!(text.lines().any(|l| l == line), "`{line}` is missing in:\n{text}");
    }
    assert!(!text.contains("tok-123") && !text.contains("gsk-9"), "{text}");
}

#[test]
fn prices_come_from_the_file_they_are_in() {
    let dir = Dir::new();
    let config =
        "[prices]\nfile = \"prices.toml\"\n[[prices.rows]]\nproviders = [\"openai\"]\nmodels = [\"m\"]\ninput = 1";
    dir.write("apex.toml", config);
    dir.write("prices.toml", "[[rows]]\nproviders = [\"openai\"]\nmodels = [\"n*\"]\ninput = 0.25\noutput = 2");
    let check = || output(&dir, &["check"], &[]);
    let out = check();
    let text = String::from_utf8(out.stdout).unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let rows = r#"prices.rows = [{ input = 1, models = ["m"], providers = ["openai"] }]  # apex.toml"#;
    assert!(text.lines().any(|l| l == rows), "{text}");
    for (name, file, said) in [
        (
            "prices.toml",
            "[[rows]]\nproviders = [\"opnai\"]\nmodels = [\"n\"]\ninput = -1",
            "rows[0].input: must be US dollars for a million tokens",
        ),
        (
            "prices.toml",
            "[[rows]]\nproviders = [\"opnai\"]\nmodels = [\"n\"]",
            "rows[0].providers: `opnai` names no provider; known: ",
        ),
        ("prices.toml", "[[rows]]\ninputs = 1", "inputs"),
        (
            "prices.json",
            r#"{"rows":[{"providers":["openai"],"models":["m"],"from":"soon"}]}"#,
            "rows[0].from: must be a day like 2026-11-25 (prices.json)",
        ),
        ("prices.json", "{", "prices.file: "),
        ("missing.toml", "", "prices.file: cannot be read: "),
    ] {
        dir.write("apex.toml", &config.replace("prices.toml", name));
        if name != "missing.toml" {
            dir.write(name, file);
        }
        let out = check();
        let text = String::from_utf8(out.stderr).unwrap();
        assert!(!out.status.success() && text.contains(said), "`{said}` is missing in:\n{text}");
    }
}

#[test]
fn a_broken_file_is_told_without_its_text() {
    let dir = Dir::new();
    dir.write("apex.toml", "gateway_token = \"sk-secret\n");
    let out = output(&dir, &["check"], &[]);
    let text = String::from_utf8(out.stderr).unwrap();
    assert_eq!(out.status.code(), Some(1));
    assert!(text.contains("line 1") && !text.contains("sk-secret"), "{text}");
    let out = output(&dir, &["check", "--config", "nowhere.toml"], &[]);
    assert!(String::from_utf8(out.stderr).unwrap().contains("cannot be read"));
}

#[test]
fn an_open_gateway_stays_at_home() {
    let dir = Dir::new();
    let out = output(&dir, &["--listen", "0.0.0.0:0"], &[]);
    let text = String::from_utf8(out.stderr).unwrap();
    assert_eq!(out.status.code(), Some(1), "{text}");
    assert!(text.contains("gateway_token"), "{text}");
}

#[test]
fn an_address_in_use_is_an_error() {
    let gateway = Gateway::start("");
    let address = gateway.address.to_string();
    let out = output(&Dir::new(), &["--listen", &address], &[]);
    let text = String::from_utf8(out.stderr).unwrap();
    assert_eq!(out.status.code(), Some(1), "{text}");
    assert!(text.contains(&format!("cannot listen on {address}")) && text.contains("in use"), "{text}");
}

#[test]
fn the_users_configuration_is_found() {
    let dir = Dir::new();
    std::fs::create_dir_all(dir.path().join("home/.config/apex-ai-proxy")).unwrap();
    dir.write("home/.config/apex-ai-proxy/apex.toml", "debug = true");
    let home = dir.path().join("home");
    let out = output(&dir, &["check"], &[("HOME", home.to_str().unwrap())]);
    assert!(String::from_utf8(out.stdout).unwrap().contains("debug = true"));
    // The working directory comes first.
    dir.write("apex.toml", "debug = false");
    let out = output(&dir, &["check"], &[("HOME", home.to_str().unwrap())]);
    assert!(String::from_utf8(out.stdout).unwrap().contains("debug = false  # apex.toml"));
}

#[test]
fn the_rest_of_the_command_line() {
    let dir = Dir::new();
    for (args, said) in [
        (&["--version"] as &[&str], "apex-ai-proxy 0."),
        (&["--help"], "Examples:"),
        (&["completions", "bash"], "apex-ai-proxy"),
        (&["models"], "mock (mock)"),
    ] {
        let out = output(&dir, args, &[]);
        let text = String::from_utf8(out.stdout).unwrap();
        assert!(out.status.success() && text.contains(said), "{args:?}: {text}");
    }
}
