//! One request, told from its beginning to its end.

use std::time::Duration;

use apex_core::record::Outcome;
use apex_core::record::line::rfc3339;
use apex_store::{Bodies, Body, Entry};
use serde_json::Value;

use super::text::{plain, time};

/// The whole story, for people.
pub(super) fn text(entry: &Entry, bodies: Option<&Bodies>) -> String {
    let mut story = Story::default();
    let said = |name: &str| entry.text(name).map(plain);
    let id = said("request_id").unwrap_or_default();
    let status = entry.number("status").unwrap_or(0);
    let duration = entry.time("duration_ms").unwrap_or_default();
    story.out = format!("{id}: {status} {} after {}\n", said("outcome").unwrap_or_default(), time(duration));

    let request = [said("method"), said("path")].into_iter().flatten().collect::<Vec<_>>().join(" ");
    story.part("came in", &format!("{request}, at {}", rfc3339(entry.started)));
    let stream = entry.is("stream").then(|| "streamed".to_owned());
    let bytes = entry.number("request_bytes").map(|n| format!("{n} bytes"));
    story.line(&[said("client_dialect"), stream, bytes].into_iter().flatten().collect::<Vec<_>>().join(", "));
    story.lines([("labelled", said("label")), ("from", said("user_agent")), ("asked for", said("model"))]);
    routed(entry, &mut story);
    if let Some(adjustments) = said("adjustments") {
        story.part("adjusted", &adjustments.replace(',', ", "));
    }
    tried(entry, &mut story);
    timeline(entry, duration, &mut story);
    counted(entry, &mut story);
    ended(entry, &mut story);
    if let Some(bodies) = bodies {
        story.part("request", &plain(&bodies.target));
        captured(&bodies.request_head, &bodies.request, &mut story);
        story.part("reply", "");
        captured(&bodies.response_head, &bodies.response, &mut story);
    }
    if let Some(trace) = entry.text("trace") {
        story.part("heads", "");
        trace.lines().for_each(|line| story.line(&plain(line)));
    }
    story.out
}

fn routed(entry: &Entry, story: &mut Story) {
    let said = |name: &str| entry.text(name).map(plain);
    let Some(provider) = said("provider") else {
        return story.part("routed", "nowhere");
    };
    let mode = said("mode").unwrap_or_default();
    let via = said("via").map(|via| format!(", {via}")).unwrap_or_default();
    let model = said("upstream_model").map(|model| format!("{model} at ")).unwrap_or_default();
    story.part("routed", &format!("{model}{provider}{via} ({mode})"));
    match (said("client_dialect"), said("upstream_dialect")) {
        (Some(client), Some(upstream)) if client == upstream => story.line(&format!("relayed as {client}")),
        (Some(client), Some(upstream)) => story.line(&format!("translated from {client} to {upstream}")),
        _ => {}
    }
    // How the name that was asked for led there.
    let by = |rule: &str| match rule {
        "mapping" => "rewritten by the mapping header",
        "alias" => "looked up as an alias",
        "default" => "sent to the default provider",
        "header" => "sent where a header said",
        _ => "named with its provider",
    };
    if let Some(rules) = entry.text("resolved") {
        let rules: Vec<&str> = rules.split(", ").map(by).collect();
        story.line(&format!("the name was {}", rules.join(", then ")));
    }
}

/// Each attempt in a line.
fn tried(entry: &Entry, story: &mut Story) {
    let tries: Value = entry.tries.as_deref().and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default();
    for (number, attempt) in tries.as_array().into_iter().flatten().enumerate() {
        let ms = |name: &str| attempt.get(name).and_then(Value::as_f64).map(|ms| format!("{ms:.1} ms"));
        let mut line =
            format!("{}. {}", number + 1, plain(attempt.get("target").and_then(Value::as_str).unwrap_or("-")));
        let status = attempt.get("status").and_then(Value::as_u64).map(|status| status.to_string());
        let error = attempt.get("error").and_then(Value::as_str).map(plain);
        let times = [("sent at", ms("started_ms")), ("answered at", ms("head_ms")), ("over at", ms("ended_ms"))];
        for (what, value) in [("", status), ("", error)].into_iter().chain(times) {
            if let Some(value) = value {
                line.push_str(&format!(", {what} {value}").replace(",  ", ", "));
            }
        }
        if number == 0 { story.part("attempts", &line) } else { story.line(&line) }
    }
}

/// A head and a body.
fn captured(head: &str, body: &Body, story: &mut Story) {
    head.lines().for_each(|line| story.line(&plain(line)));
    story.line("");
    body.text.lines().for_each(|line| story.line(&plain(line)));
    let notes = [(body.reassembled, "[a stream, put together]"), (body.truncated, "[there was more]")];
    notes.iter().filter(|(is, _)| *is).for_each(|(_, note)| story.line(note));
}

fn timeline(entry: &Entry, duration: Duration, story: &mut Story) {
    let status = |name: &str| entry.number(name).map(|status| format!(" {status}")).unwrap_or_default();
    let mut moments = vec![(Duration::ZERO, "the request came in".to_owned())];
    let known = [
        ("upstream_head_ms", format!("the upstream answered{}", status("upstream_status"))),
        ("first_byte_ms", format!("the client was answered{}", status("status"))),
        ("first_content_ms", "the first content came".to_owned()),
    ];
    moments.extend(known.into_iter().filter_map(|(name, what)| Some((entry.time(name)?, what))));
    moments.push((duration, "the end".to_owned()));
    moments.sort_by_key(|(at, _)| *at);
    for (number, (at, what)) in moments.iter().enumerate() {
        let line = format!("{:>12.3} ms  {what}", at.as_secs_f64() * 1000.0);
        if number == 0 { story.part("timeline", &line) } else { story.line(&line) }
    }
}

fn counted(entry: &Entry, story: &mut Story) {
    let count = |name: &str, what: &str| entry.number(name).map(|n| format!("{n} {what}"));
    // What there was none of is not worth a word.
    let some = |name: &str, what: &str| entry.number(name).filter(|n| *n > 0).map(|n| format!("{n} {what}"));
    let list = |counts: &[Option<String>]| counts.iter().flatten().cloned().collect::<Vec<_>>().join(", ");
    let tokens = list(&[
        count("input_tokens", "in"),
        some("cache_read_tokens", "of them read from a cache"),
        some("cache_write_tokens", "of them written to one"),
        count("output_tokens", "out"),
        some("reasoning_tokens", "of them reasoning"),
    ]);
    story.part("tokens", if tokens.is_empty() { "unknown" } else { &tokens });
    let basis = entry.text("cost_basis").map(|basis| format!(" ({})", plain(basis))).unwrap_or_default();
    let cost = match entry.number("cost_micros") {
        Some(micros) => dollars(micros) + &basis,
        None if basis.is_empty() => "none".to_owned(),
        None => format!("unknown{basis}"),
    };
    story.part("cost", &cost);
    let sizes = list(&[
        count("request_bytes", "bytes from the client"),
        count("upstream_bytes", "from the upstream"),
        count("response_bytes", "to the client"),
    ]);
    story.part("sizes", &sizes);
}

/// Millionths of a dollar.
fn dollars(micros: u64) -> String {
    format!("${}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

fn ended(entry: &Entry, story: &mut Story) {
    let said = |name: &str| entry.text(name).map(plain);
    let outcome = said("outcome").unwrap_or_default();
    let meaning = Outcome::ALL.into_iter().find(|known| known.as_str() == outcome).map(Outcome::meaning);
    story.part("ended", meaning.unwrap_or(&outcome));
    story.lines([
        ("the model stopped for", said("stop")),
        ("error", said("error")),
        ("detail", said("detail")),
        ("the upstream calls the request", said("upstream_request_id")),
        ("and its reply", said("response_id")),
        ("which it says came from", said("response_model")),
    ]);
}

/// Parts with a name in the margin.
#[derive(Debug, Default)]
struct Story {
    out: String,
}

impl Story {
    fn part(&mut self, name: &str, line: &str) {
        self.out.push('\n');
        self.push(name, line);
    }

    fn line(&mut self, line: &str) {
        self.push("", line);
    }

    /// What is known of these.
    fn lines<const N: usize>(&mut self, known: [(&str, Option<String>); N]) {
        for (name, value) in known {
            if let Some(value) = value {
                self.line(&format!("{name} {value}"));
            }
        }
    }

    fn push(&mut self, margin: &str, line: &str) {
        self.out.push_str(format!("{margin:<10}{line}").trim_end());
        self.out.push('\n');
    }
}
