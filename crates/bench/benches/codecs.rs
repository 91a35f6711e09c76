//! Micro-benchmarks of what is done to bodies: splice, event framing, each codec. `cargo bench -p apex-bench [FILTER]`.
#![allow(missing_docs, clippy::unwrap_used, reason = "criterion's macros; a benchmark may stop at what cannot be")]

use std::hint::black_box;

use apex_bench::wire::{self, Api, Content};
use apex_core::dialect::{self, Dialect, StreamDecoder, StreamEncoder, Target};
use apex_core::hub::{Aliases, Event, Fold, Sequencer};
use apex_core::provider::Quirks;
use apex_core::splice::Document;
use apex_core::sse::Framer;
use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

const SIZES: [(&str, usize); 3] = [("1 KB", 1_000), ("10 KB", 10_000), ("200 KB", 200_000)];
const APIS: [(&str, Api, Dialect); 5] = [
    ("chat", Api::Chat, Dialect::OpenAiChat),
    ("cohere", Api::Cohere, Dialect::Cohere),
    ("gemini", Api::Gemini, Dialect::Gemini),
    ("messages", Api::Messages, Dialect::Anthropic),
    ("responses", Api::Responses, Dialect::OpenAiResponses),
];

fn splice(c: &mut Criterion) {
    let mut group = c.benchmark_group("splice");
    for (size, bytes) in SIZES {
        let body = wire::request(Api::Chat, "gpt-5.5#openai", bytes, false);
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function(BenchmarkId::new("model", size), |b| {
            b.iter(|| Document::parse(black_box(&body)).unwrap().edit(Some("gpt-5.5"), &[]));
        });
    }
}

/// Deltas that make up about so many bytes.
fn stream(api: Api, bytes: usize) -> Bytes {
    wire::events(api, bytes / 200, Content::Text).concat().into()
}

fn sse(c: &mut Criterion) {
    let mut group = c.benchmark_group("sse");
    for (size, bytes) in SIZES {
        let stream = stream(Api::Chat, bytes);
        group.throughput(Throughput::Bytes(stream.len() as u64));
        group.bench_function(BenchmarkId::new("frames", size), |b| {
            b.iter(|| Framer::default().push(black_box(&stream)).frames().filter_map(|frame| frame.parse()).count());
        });
    }
}

fn requests(c: &mut Criterion) {
    let mut group = c.benchmark_group("request");
    for (from_name, api, from) in APIS {
        for (size, bytes) in SIZES {
            let body = String::from_utf8(wire::request(api, "gpt-5.5", bytes, false)).unwrap();
            group.throughput(Throughput::Bytes(body.len() as u64));
            group.bench_function(BenchmarkId::new(format!("from {from_name}"), size), |b| {
                b.iter(|| drop(dialect::decode_request(from, black_box(&body)).unwrap()));
            });
            // Each dialect is written from what another one's client said.
            let (other, said) =
                if api == Api::Chat { (Api::Messages, Dialect::Anthropic) } else { (Api::Chat, Dialect::OpenAiChat) };
            let foreign = String::from_utf8(wire::request(other, "gpt-5.5", bytes, false)).unwrap();
            let request = dialect::decode_request(said, &foreign).unwrap();
            let target = Target { model: "gpt-5.5", provider: "openai", quirks: &Quirks::OPENAI };
            group.bench_function(BenchmarkId::new(format!("to {from_name}"), size), |b| {
                b.iter(|| dialect::encode_request(from, black_box(&request), &target).unwrap());
            });
        }
    }
}

fn replies(c: &mut Criterion) {
    let mut group = c.benchmark_group("reply");
    for (name, api, dialect) in APIS {
        for (size, bytes) in SIZES {
            let body = String::from_utf8(wire::reply(api)).unwrap().replace(wire::SAID, &wire::prose(bytes));
            group.throughput(Throughput::Bytes(body.len() as u64));
            let decode = |body| dialect::decode_reply(dialect, body, &Quirks::OPENAI, &Aliases::default()).unwrap();
            group.bench_function(BenchmarkId::new(format!("from {name}"), size), |b| {
                b.iter(|| drop(decode(black_box(&body))));
            });
            let (mut sequencer, mut ordered, mut fold) = (Sequencer::default(), Vec::new(), Fold::default());
            decode(&body).into_iter().for_each(|event| sequencer.push(event, &mut ordered));
            ordered.iter().for_each(|event| fold.push(event));
            let reply = fold.finish();
            let context = dialect::ReplyContext::default();
            group.bench_function(BenchmarkId::new(format!("to {name}"), size), |b| {
                b.iter(|| dialect::encode_reply(dialect, black_box(&reply), &context));
            });
        }
    }
}

fn streams(c: &mut Criterion) {
    let mut group = c.benchmark_group("stream");
    for (name, api, dialect) in APIS {
        for (size, bytes) in SIZES {
            let stream = stream(api, bytes);
            group.throughput(Throughput::Bytes(stream.len() as u64));
            group.bench_function(BenchmarkId::new(format!("from {name}"), size), |b| {
                b.iter(|| decoded(dialect, black_box(&stream)).len());
            });
            let (mut sequencer, mut ordered) = (Sequencer::default(), Vec::new());
            decoded(dialect, &stream).into_iter().for_each(|event| sequencer.push(event, &mut ordered));
            group.bench_function(BenchmarkId::new(format!("to {name}"), size), |b| {
                b.iter(|| {
                    let mut encoder = StreamEncoder::new(dialect, dialect::ReplyContext::default());
                    let mut out = Vec::new();
                    ordered.iter().for_each(|event| encoder.push(event, &mut out));
                    out
                });
            });
        }
    }
}

fn decoded(dialect: Dialect, stream: &Bytes) -> Vec<Event<'static>> {
    let batch = Framer::default().push(stream);
    let mut decoder = StreamDecoder::new(dialect, &Quirks::OPENAI, Aliases::default());
    let mut all = Vec::new();
    for (name, data) in batch.frames().filter_map(|frame| frame.parse()) {
        let mut events = Vec::new();
        decoder.push(name.as_deref(), &data, &mut events);
        all.extend(events.into_iter().map(Event::into_owned));
    }
    all
}

criterion_group!(benches, splice, sse, requests, replies, streams);
criterion_main!(benches);
