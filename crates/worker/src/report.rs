//! What became of an exchange, told after its answer: a line in the log, and an aepipe where one is configured.

use std::sync::Arc;

use apex_core::catalog::Aepipe;
use apex_core::record::{Record, line};
use apex_core::report::aepipe::{Store, bodies, is_accepted};
use js_sys::Uint8Array;
use serde_json::json;
use wasm_bindgen_futures::JsFuture;

use crate::{glue, text};

/// How long an aepipe may take, in milliseconds; the runtime waits half a minute for what goes on after an answer.
const PATIENCE: u32 = 10_000;

/// Tells the log of `record`, and `sink`, if there is one. Never fails: what goes wrong is a line in the log.
pub(crate) async fn tell(record: Box<Record>, sink: Option<&Aepipe>) {
    if sink.is_some() {
        // Putting bodies together takes a while: the answer leaves before.
        glue::turn().await;
    }
    let record = record.seal();
    glue::log(&line::json(&record));
    let Some(sink) = sink else { return };
    // All of them are on their way before the first answer is awaited.
    let posts: Vec<_> = [Store::Requests, Store::Raw].map(|store| (store, posts(store, &record, sink))).into();
    for (store, posts) in posts {
        for post in posts {
            if let Err(why) = delivered(post).await {
                let trouble = json!({
                    "level": "WARN", "message": "reports could not be delivered", "sink": name(store), "why": why,
                });
                glue::log(&trouble.to_string());
            }
        }
    }
}

const fn name(store: Store) -> &'static str {
    match store {
        Store::Raw => "aepipe-raw",
        Store::Requests => "aepipe-requests",
    }
}

/// Sends what has to be said of `record`; none where the address or the token cannot be sent.
fn posts(store: Store, record: &Arc<Record>, sink: &Aepipe) -> Vec<Option<JsFuture>> {
    let post = |body: Vec<u8>| {
        let head = store.head(sink)?;
        let (url, headers) = (head.uri.to_string(), text::headers(&head.headers));
        Some(JsFuture::from(glue::post(&url, &headers, Uint8Array::from(&body[..]), PATIENCE)))
    };
    bodies(store, std::slice::from_ref(record), sink).into_iter().map(post).collect()
}

async fn delivered(post: Option<JsFuture>) -> Result<(), String> {
    let answer = post.ok_or("its address or token cannot be sent")?.await;
    let answer = answer.map_err(|error| glue::message(&error))?.as_string().unwrap_or_default();
    let (status, said) = answer.split_once('\n').unwrap_or((&answer, ""));
    match status {
        "200" if is_accepted(said.as_bytes()) => Ok(()),
        "200" => Err("it did not say that it took them".to_owned()),
        _ => Err(format!("it answered {status}")),
    }
}
