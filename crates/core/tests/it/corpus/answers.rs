//! Every recorded exchange, replayed by an upstream: a client of each dialect gets its text, its calls, its reason to
//! stop and its usage, whole and streamed, however the bytes are cut.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use apex_core::dialect::Dialect;
use apex_testkit::corpus::{
    self, APIS, Answer, EXCUSES, OTHERS, Recording, Told, differences, error_differences, fails, pieces,
};
use serde_json::Value;

use super::grammar::{self, Seen};
use super::replies::converse;
use super::{Api, CLIENTS, cohere, gemini, responses, theirs};

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
    let Some(folder) = crate::harness::corpus() else {
        return;
    };
    every_interface_is_known(&folder);
    let (mut table, mut rows) = (String::new(), BTreeMap::new());
    let (mut unexpected, mut used) = (Vec::new(), Vec::new());
    for (name, provider) in APIS {
        let mut features: BTreeMap<String, [Count; CLIENTS.len()]> = BTreeMap::new();
        for recording in corpus::recordings(&folder.join(name)) {
            for (c, client) in CLIENTS.iter().enumerate() {
                let api = Api::new(name, provider, *client);
                let (mut excused, mut failed) = (false, false);
                for (check, what) in replay(&api, &recording) {
                    if let Some(at) = corpus::reason(&recording.id, theirs(*client), check) {
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
    for (at, excuse) in EXCUSES.iter().enumerate() {
        let times = used.iter().filter(|u| **u == at).count();
        println!("  {times:>3} {excuse}");
        assert!(times > 0, "{excuse}: does not happen any more, take it off the list");
    }
    assert!(unexpected.is_empty(), "{} failures:\n{}", unexpected.len(), unexpected.join("\n"));
}

/// No folder of recordings is left out without a reason.
#[allow(clippy::disallowed_methods, reason = "recordings are read by tests only")]
fn every_interface_is_known(folder: &std::path::Path) {
    let folders = std::fs::read_dir(folder).unwrap().flatten().filter(|e| e.path().is_dir());
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
        let pieces = pieces(text, &recording.id);
        let run = converse(api, api.other, streamed, 200, kind, &pieces);
        if fails(text) {
            // The recording holds an error: it arrives as one (what of it is said is another test's concern).
            if run.ended().0 != "upstream_error" {
                findings.push(("error", format!("streamed {streamed}: {:?}", run.ended())));
            }
            continue;
        }
        let want = corpus::answer(theirs(api.dialect), text, response.sse.is_some());
        match read(api.other, streamed, run.text()) {
            _ if run.ended() != ("completed", Some(200), false) => {
                findings.push(("answer", format!("streamed {streamed}: {:?} {:.300}", run.ended(), run.text())));
            }
            Err(what) => findings.push(("grammar", format!("streamed {streamed}: {what}"))),
            Ok(got) => {
                let all = differences(&want, &got).into_iter();
                findings.extend(all.map(|(check, what)| (check, format!("streamed {streamed}: {what}"))));
            }
        }
    }
    findings
}

/// In its own dialect every byte arrives.
fn same(api: &Api, kind: &str, text: &str, streamed: bool, id: &str) -> Vec<(&'static str, String)> {
    let run = converse(api, api.other, streamed, 200, kind, &pieces(text, id));
    // An error before any content is told by its status.
    let whole = run.body == text.as_bytes() || (fails(text) && run.status().is_some_and(|s| s >= 400));
    if whole { Vec::new() } else { vec![("relay", format!("{} of {} bytes", run.body.len(), text.len()))] }
}

/// A provider's error arrives as an error, in the client's form, with the provider's words.
fn error(api: &Api, status: u16, body: &str) -> Vec<(&'static str, String)> {
    let run = converse(api, api.other, false, status, "application/json", &[body.as_bytes()]);
    if api.other == api.dialect {
        let same = run.status() == Some(status);
        return if same { Vec::new() } else { vec![("status", format!("{status} became {:?}", run.status()))] };
    }
    let mut findings = Vec::new();
    let told = serde_json::from_str::<Value>(run.text()).unwrap_or_default();
    if let Err(what) = grammar::error(run.text(), api.other) {
        findings.push(("error", what));
    }
    let said = told["error"]["message"].as_str().or(told["message"].as_str()).unwrap_or_default();
    findings.extend(error_differences(status, body, run.status(), said));
    findings
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
    let count = |at: usize| seen.usage.get(at).copied().flatten();
    let mut told = Told { stop: seen.stop.clone(), usage: [0, 1, 2, 3].map(count), ..Told::default() };
    for (kind, value) in &seen.blocks {
        match kind.as_str() {
            "text" => told.text.push_str(value.as_str().unwrap_or_default()),
            "refusal" => told.refusal.push_str(value.as_str().unwrap_or_default()),
            "call" | "tool_use" => {
                told.calls.push((value[1].as_str().unwrap_or_default().to_owned(), value[2].clone()));
            }
            _ => {}
        }
    }
    told.answer(theirs(client))
}
