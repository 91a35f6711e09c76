//! Every client with every upstream, through the whole exchange: however an upstream's bytes arrive, the client gets the
//! same bytes, and reads in them the answer that was given.

use std::sync::{Arc, LazyLock};

use apex_core::catalog::Catalog;
use apex_core::dialect::Dialect;
use apex_core::settings::Provider;
use proptest::prelude::*;

use super::answer::{Answer, Read, answer, read_stream, read_whole, stands_apart, stream, whole};
use super::chunks::{Chunks, chunks};
use crate::harness::{Run, catalog, post, settings};

/// A gateway with a provider for each dialect, named by it.
pub(super) static GATEWAY: LazyLock<Arc<Catalog>> = LazyLock::new(|| {
    let mut settings = settings();
    for dialect in Dialect::ALL {
        let provider = Provider {
            api_key: Some("key".into()),
            base_url: Some("https://only.example/v1".into()),
            dialects: Some(vec![dialect.as_str().into()]),
            ..Provider::default()
        };
        settings.providers.insert(format!("a-{dialect}"), provider);
    }
    catalog(&settings)
});

/// What a client of `client` asks of an upstream of `upstream`.
fn ask(client: Dialect, upstream: Dialect, streamed: bool) -> Run {
    let model = format!("m#a-{upstream}");
    let turn = r#"[{"role":"user","content":"hi"}]"#;
    let (path, body) = match client {
        Dialect::Anthropic => {
            let body = format!(r#"{{"model":"{model}","max_tokens":9,"stream":{streamed},"messages":{turn}}}"#);
            ("/v1/messages".to_owned(), body)
        }
        Dialect::Cohere => {
            ("/v2/chat".to_owned(), format!(r#"{{"model":"{model}","stream":{streamed},"messages":{turn}}}"#))
        }
        Dialect::Gemini => {
            let method = if streamed { "streamGenerateContent?alt=sse" } else { "generateContent" };
            let thoughts = r#"{"thinkingConfig":{"includeThoughts":true}}"#;
            let body = format!(r#"{{"contents":[{{"parts":[{{"text":"hi"}}]}}],"generationConfig":{thoughts}}}"#);
            (format!("/v1beta/models/{}:{method}", model.replace('#', "%23")), body)
        }
        Dialect::OpenAiChat => {
            let usage = if streamed { r#","stream_options":{"include_usage":true}"# } else { "" };
            let body = format!(r#"{{"model":"{model}","stream":{streamed}{usage},"messages":{turn}}}"#);
            ("/v1/chat/completions".to_owned(), body)
        }
        Dialect::OpenAiResponses => {
            ("/v1/responses".to_owned(), format!(r#"{{"model":"{model}","stream":{streamed},"input":"hi"}}"#))
        }
    };
    Run::begin(&GATEWAY, post(&path, &[]), &body)
}

/// The bytes the client gets when the upstream answers `chunks`.
fn answered(mut run: Run, kind: &str, chunks: &[Vec<u8>]) -> Result<Vec<u8>, TestCaseError> {
    run.upstream_head(200, &[("content-type", kind)]);
    for chunk in chunks {
        run.chunk(chunk);
    }
    run.close();
    prop_assert_eq!(run.ended(), ("completed", Some(200), false), "{}", run.text());
    Ok(run.body)
}

const SSE: &str = "text/event-stream";
const JSON: &str = "application/json";

/// One pair, in each form that is asked for and answered.
fn pair(client: Dialect, upstream: Dialect, answer: &Answer, chunks: &Chunks) -> Result<(), TestCaseError> {
    let within = |read: Read| read.within(upstream).within(client);
    let want = within(answer.read());
    let (streamed, written) = (stream(upstream, answer), whole(upstream, answer));
    let forms = [(true, SSE, &streamed), (false, JSON, &written), (true, JSON, &written), (false, SSE, &streamed)];
    let mut wholes = Vec::new();
    for (asked, kind, body) in forms {
        // What is relayed stays in the form it came in.
        let relayed = client == upstream;
        if relayed && asked != (kind == SSE) {
            continue;
        }
        let told = || format!("{client} from {upstream}, streamed {asked}, as {kind}");
        let pieces = if kind == SSE { chunks.of_stream(body) } else { chunks.cut(body.as_bytes()) };
        let at_once = answered(ask(client, upstream, asked), kind, &[pieces.concat()])?;
        let cut = answered(ask(client, upstream, asked), kind, &pieces)?;
        prop_assert_eq!(&String::from_utf8_lossy(&cut), &String::from_utf8_lossy(&at_once), "{}", told());
        if relayed {
            prop_assert_eq!(&at_once, &pieces.concat(), "{}", told());
        }
        let reply = if asked {
            read_stream(client, &at_once)
        } else {
            let text = String::from_utf8(at_once).unwrap();
            let reply = read_whole(client, &text);
            wholes.push(text);
            reply
        };
        prop_assert_eq!(&within(Read::of(&reply)), &want, "{}: {}", told(), body);
    }
    // `fold(stream)` is the whole reply, to the byte, where the upstream can tell what came first in both.
    if let [from_whole, from_stream] = wholes.as_slice()
        && !stands_apart(upstream)
    {
        prop_assert_eq!(from_stream, from_whole, "{} from {}", client, upstream);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_client_reads_every_upstream(
        client in prop::sample::select(&Dialect::ALL[..]),
        upstream in prop::sample::select(&Dialect::ALL[..]),
        answer in answer(),
        chunks in chunks(),
    ) {
        pair(client, upstream, &answer, &chunks)?;
    }
}
