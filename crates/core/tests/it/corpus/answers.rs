//! Every recorded exchange, replayed by an upstream: a client of each dialect gets its text, its calls, its reason to
//! stop and its usage, whole and streamed, however the bytes are cut.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use apex_core::dialect::Dialect;
use serde_json::Value;

use super::grammar::{self, Seen};
use super::replies::{converse, fails};
use super::{APIS, Api, CLIENTS, OTHERS, Recording, cohere, excuses, gemini, recorded, recordings, responses};

/// What matters of a reply, in no dialect.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Answer {
    pub(super) text: String,
    pub(super) refusal: String,
    /// Names and arguments; the arguments as JSON.
    pub(super) calls: Vec<(String, Value)>,
    pub(super) stop: Stop,
    /// `None`: nothing was counted.
    pub(super) usage: Option<Usage>,
}

/// All input, the part of it that was cached, all output.
pub(super) type Usage = (u64, u64, u64);

/// The reasons that every dialect can tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Stop {
    #[default]
    End,
    Length,
    Refused,
    Tools,
}

/// Exchanges of one cell, by what came of them.
#[derive(Clone, Copy, Default)]
struct Count {
    same: usize,
    excused: usize,
    failed: usize,
}

#[test]
#[allow(clippy::print_stdout, reason = "the table is what it is for")]
fn every_client_gets_the_recorded_answer() {
    let Some(corpus) = crate::harness::corpus() else {
        return;
    };
    every_interface_is_known(&corpus);
    let (mut table, mut rows) = (String::new(), BTreeMap::new());
    let (mut unexpected, mut used) = (Vec::new(), Vec::new());
    for (name, provider) in APIS {
        let mut features: BTreeMap<String, [Count; CLIENTS.len()]> = BTreeMap::new();
        for recording in recordings(&corpus.join(name)) {
            for (c, client) in CLIENTS.iter().enumerate() {
                let api = Api::new(name, provider, *client);
                let (mut excused, mut failed) = (false, false);
                for (check, what) in replay(&api, &recording) {
                    if let Some(at) = excuses::reason(&recording.id, *client, check) {
                        used.push(at);
                        excused = true;
                    } else {
                        failed = true;
                        unexpected.push(format!("{name} {} {client} {check}: {what}", recording.id));
                    }
                }
                for feature in recording.features.iter().map(String::as_str).chain(["(all)"]) {
                    let count = &mut features.entry(feature.to_owned()).or_default()[c];
                    match (failed, excused) {
                        (true, _) => count.failed += 1,
                        (_, true) => count.excused += 1,
                        _ => count.same += 1,
                    }
                }
            }
        }
        for (feature, counts) in &features {
            row(&mut table, name, feature, counts);
            if feature == "(all)" {
                rows.insert(*name, *counts);
            }
        }
    }
    println!("{}\n{table}", heading());
    println!("{}", heading());
    let mut summary = String::new();
    rows.iter().for_each(|(name, counts)| row(&mut summary, name, "(all)", counts));
    let total = rows.values().fold([Count::default(); CLIENTS.len()], sum);
    row(&mut summary, "all", "", &total);
    println!("{summary}");
    println!("recorded interfaces that are not replayed:");
    OTHERS.iter().for_each(|(names, why)| println!("  {}: {why}", names.join(", ")));
    println!("exceptions:");
    for (at, excuse) in excuses::EXCUSES.iter().enumerate() {
        let times = used.iter().filter(|u| **u == at).count();
        println!("  {times:>3} {excuse}");
        assert!(times > 0, "{excuse}: does not happen any more, take it off the list");
    }
    assert!(unexpected.is_empty(), "{} failures:\n{}", unexpected.len(), unexpected.join("\n"));
}

/// No folder of recordings is left out without a reason.
#[allow(clippy::disallowed_methods, reason = "recordings are read by tests only")]
fn every_interface_is_known(corpus: &std::path::Path) {
    let folders = std::fs::read_dir(corpus).unwrap().flatten().filter(|e| e.path().is_dir());
    for folder in folders {
        let name = folder.file_name().into_string().unwrap();
        let known = APIS.iter().any(|(n, _)| *n == name) || OTHERS.iter().any(|(n, _)| n.contains(&name.as_str()));
        assert!(known || name == "LICENSES", "recordings of {name}: nobody replays them");
    }
}

fn heading() -> String {
    let clients: Vec<_> = CLIENTS.iter().map(|c| format!("{:>18}", c.as_str())).collect();
    format!("{:<29}{:<32}{}   (same + excepted)", "api", "feature", clients.concat())
}

fn row(out: &mut String, name: &str, feature: &str, counts: &[Count; CLIENTS.len()]) {
    let _ = write!(out, "{name:<29}{feature:<32}");
    for count in counts {
        let more = if count.excused > 0 { format!("+{}", count.excused) } else { String::new() };
        let bad = if count.failed > 0 { format!(" FAILED {}", count.failed) } else { String::new() };
        let _ = write!(out, "{:>18}", format!("{}{more}{bad}", count.same));
    }
    out.push('\n');
}

fn sum(mut all: [Count; CLIENTS.len()], more: &[Count; CLIENTS.len()]) -> [Count; CLIENTS.len()] {
    for (to, from) in all.iter_mut().zip(more) {
        to.same += from.same;
        to.excused += from.excused;
        to.failed += from.failed;
    }
    all
}

/// What differs from the recording: which check, and how.
fn replay(api: &Api, recording: &Recording) -> Vec<(&'static str, String)> {
    let response = &recording.response;
    let body = response.body.as_ref().map_or("", |b| b.get());
    if response.status >= 400 {
        return error(api, response.status, body);
    }
    let (kind, text) = match &response.sse {
        Some(sse) => ("text/event-stream", sse.as_str()),
        None => ("application/json", body),
    };
    if text.is_empty() {
        return vec![("recording", "nothing was recorded".to_owned())];
    }
    if api.other == api.dialect {
        return same(api, kind, text, response.sse.is_some(), &recording.id);
    }
    let mut findings = Vec::new();
    for streamed in [false, true] {
        let pieces = cut(text, &recording.id);
        let run = converse(api, api.other, streamed, 200, kind, &pieces);
        if fails(text) {
            // The recording holds an error: it arrives as one (what of it is said is another test's concern).
            if run.ended().0 != "upstream_error" {
                findings.push(("error", format!("streamed {streamed}: {:?}", run.ended())));
            }
            continue;
        }
        let want = recorded::answer(api.dialect, text, response.sse.is_some());
        match read(api.other, streamed, run.text()) {
            _ if run.ended() != ("completed", Some(200), false) => {
                findings.push(("answer", format!("streamed {streamed}: {:?} {:.300}", run.ended(), run.text())));
            }
            Err(what) => findings.push(("grammar", format!("streamed {streamed}: {what}"))),
            Ok(got) => findings.extend(differences(&want, &got, streamed)),
        }
    }
    findings
}

/// In its own dialect every byte arrives.
fn same(api: &Api, kind: &str, text: &str, streamed: bool, id: &str) -> Vec<(&'static str, String)> {
    let run = converse(api, api.other, streamed, 200, kind, &cut(text, id));
    // An error before any content is told by its status.
    let whole = run.body == text.as_bytes() || (fails(text) && run.status().is_some_and(|s| s >= 400));
    if whole { Vec::new() } else { vec![("relay", format!("{} of {} bytes", run.body.len(), text.len()))] }
}

/// A provider's error arrives as an error, in the client's form, with the provider's words.
fn error(api: &Api, status: u16, body: &str) -> Vec<(&'static str, String)> {
    let run = converse(api, api.other, false, status, "application/json", &[body.as_bytes()]);
    let mut findings = Vec::new();
    if run.status().is_none_or(|s| s < 400) {
        findings.push(("error", format!("{status} became {:?}", run.status())));
    }
    if api.other == api.dialect {
        return findings;
    }
    let told = serde_json::from_str::<Value>(run.text()).unwrap_or_default();
    if let Err(what) = grammar::error(run.text(), api.other) {
        findings.push(("error", what));
    }
    let said = told["error"]["message"].as_str().or(told["message"].as_str()).unwrap_or_default();
    let recorded = serde_json::from_str::<Value>(body).unwrap_or_default();
    if let Some(words) = words(&recorded).filter(|w| !said.contains(w.trim())) {
        findings.push(("error", format!("{words:?} became {said:?}")));
    }
    findings
}

/// The message of an error, wherever its provider puts it.
fn words(body: &Value) -> Option<String> {
    let body = if body.is_array() { &body[0] } else { body };
    // OpenRouter quotes what the provider behind it said.
    if let Some(inner) = body.pointer("/error/metadata/raw").and_then(Value::as_str) {
        return serde_json::from_str(inner)
            .ok()
            .and_then(|inner: Value| words(&inner))
            .or_else(|| Some(inner.to_owned()));
    }
    let places = ["/error/message", "/message", "/error", "/detail", "/__text", "/msg"];
    places.iter().find_map(|at| Some(body.pointer(at)?.as_str()?.to_owned()))
}

/// The text at places that `seed` picks: in the middle of lines, of characters, of everything.
fn cut<'t>(text: &'t str, seed: &str) -> Vec<&'t [u8]> {
    let mut state = u64::from_str_radix(seed, 16).unwrap() | 1;
    let (mut rest, mut pieces) = (text.as_bytes(), Vec::new());
    while !rest.is_empty() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        // Long texts in longer pieces: what matters are the places, and there are enough of them.
        let most = 1 + rest.len() / 20;
        let length = 1 + usize::try_from(state % u64::try_from(most).unwrap()).unwrap();
        let (piece, after) = rest.split_at(length);
        pieces.push(piece);
        rest = after;
    }
    pieces
}

/// Our reply, in the dialect of the client, by its strict grammar.
fn read(client: Dialect, streamed: bool, text: &str) -> Result<Answer, String> {
    let seen = match (client, streamed) {
        (Dialect::OpenAiResponses, true) => responses::stream(text),
        (Dialect::OpenAiResponses, false) => responses::whole(text),
        (Dialect::Anthropic, true) => grammar::messages_stream(text),
        (Dialect::Anthropic, false) => grammar::messages_whole(text),
        (Dialect::Gemini, true) => gemini::stream(text),
        (Dialect::Gemini, false) => gemini::whole(text),
        (Dialect::Cohere, true) => cohere::stream(text),
        (Dialect::Cohere, false) => cohere::whole(text),
        (Dialect::OpenAiChat, true) => grammar::chat_stream(text),
        (Dialect::OpenAiChat, false) => grammar::chat_whole(text),
    }?;
    Ok(plain(client, &seen))
}

fn plain(client: Dialect, seen: &Seen) -> Answer {
    let mut answer = Answer::default();
    for (kind, value) in &seen.blocks {
        match kind.as_str() {
            "text" => answer.text.push_str(value.as_str().unwrap_or_default()),
            "refusal" => answer.refusal.push_str(value.as_str().unwrap_or_default()),
            "call" | "tool_use" => {
                let arguments = match &value[2] {
                    Value::String(text) => serde_json::from_str(text).unwrap_or_else(|_| value[2].clone()),
                    Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                        value[2].clone()
                    }
                };
                answer.calls.push((value[1].as_str().unwrap_or_default().to_owned(), arguments));
            }
            _ => {}
        }
    }
    answer.stop = match seen.stop.as_str() {
        "length" | "max_tokens" | "model_context_window_exceeded" | "max_output_tokens" | "MAX_TOKENS" => Stop::Length,
        "content_filter" | "refusal" => Stop::Refused,
        _ if !answer.refusal.is_empty() => Stop::Refused,
        "tool_calls" | "tool_use" | "TOOL_CALL" => Stop::Tools,
        "completed" | "STOP" if !answer.calls.is_empty() => Stop::Tools,
        "completed" | "COMPLETE" | "STOP_SEQUENCE" | "STOP" | "stop" | "end_turn" | "stop_sequence" | "pause_turn"
        | "compaction" => Stop::End,
        _ => Stop::Refused,
    };
    let count = |at: usize| seen.usage.get(at).copied().flatten();
    answer.usage = count(0).zip(count(1)).map(|(input, output)| {
        let cached = count(2).unwrap_or(0);
        // Messages counts the cached part beside the rest.
        let beside = if client == Dialect::Anthropic { cached + count(3).unwrap_or(0) } else { 0 };
        (input + beside, cached, output)
    });
    answer
}

/// An answer that is an object in the recording (Workers AI) is told as its JSON.
fn same_json(a: &str, b: &str) -> bool {
    let object = |text: &str| serde_json::from_str::<serde_json::Map<String, Value>>(text).ok();
    object(a).is_some_and(|a| object(b) == Some(a))
}

/// Free text is the one argument of a function where a dialect has no tools that take it.
fn same_calls(want: &[(String, Value)], got: &[(String, Value)]) -> bool {
    let same = |want: &Value, got: &Value| {
        let free = want.as_str();
        want == got
            || free
                .is_some_and(|text| got["input"] == text || serde_json::from_str(text).is_ok_and(|v: Value| v == *got))
    };
    want.len() == got.len() && want.iter().zip(got).all(|(w, g)| w.0 == g.0 && same(&w.1, &g.1))
}

fn differences(want: &Answer, got: &Answer, streamed: bool) -> Vec<(&'static str, String)> {
    let mut all = Vec::new();
    let mut differ = |check, what: String| all.push((check, format!("streamed {streamed}: {what}")));
    // Dialects without a word for it tell a refusal as text; one without words is told in ours, or not at all.
    let (said, told) = (format!("{}{}", want.text, want.refusal), format!("{}{}", got.text, got.refusal));
    let spoken = |text: &str| got.text == text || (got.refusal.is_empty() && got.text.starts_with(text));
    let silent = got.refusal.is_empty() && got.text == want.text;
    let wordless = want.stop == Stop::Refused && ((want.refusal.is_empty() && spoken(&want.text)) || silent);
    if said != told && !wordless && !same_json(&said, &told) {
        let at = said.bytes().zip(told.bytes()).take_while(|(a, b)| a == b).count();
        let near = |text: &str| {
            String::from_utf8_lossy(&text.as_bytes()[at.saturating_sub(20)..]).chars().take(120).collect::<String>()
        };
        differ(
            "text",
            format!("{} and {} bytes, at {at}: {:?} and {:?}", said.len(), told.len(), near(&said), near(&told)),
        );
    }
    if !same_calls(&want.calls, &got.calls) {
        differ("calls", format!("{:?} became {:?}", want.calls, got.calls));
    }
    if want.stop != got.stop {
        differ("stop", format!("{:?} became {:?}", want.stop, got.stop));
    }
    if want.usage.is_some_and(|u| u != (0, 0, 0)) && want.usage != got.usage {
        differ("usage", format!("{:?} became {:?}", want.usage, got.usage));
    }
    all
}
