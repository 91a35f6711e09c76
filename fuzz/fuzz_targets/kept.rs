//! Replies that are kept: going on from any of them gives a request, and listing them gives a page.
#![no_main]

use apex_core::dialect::{Dialect, decode_request, openai_responses};
use apex_core::hub::Losses;
use apex_core::json::RawValue;
use apex_core::stored::{Kept, Key, Owner};
use apex_core::time::Timestamp;
use libfuzzer_sys::fuzz_target;

// A query, a request, the items of an earlier one and its reply, each on a line of its own.
fuzz_target!(|input: &str| {
    let mut lines = input.splitn(4, '\n').map(str::to_owned);
    let mut line = || lines.next().unwrap_or_default();
    let (query, body, earlier, response) = (line(), line(), line(), line());
    let items = openai_responses::input_items(&body);
    if let Some(items) = &items {
        json(items.as_bytes());
    }
    let kept = |input: String| Kept {
        key: Key { owner: Owner::from_bytes([0; 32]), id: "resp_0123456789abcdefghijklmn".into() },
        previous: None,
        provider: "p".into(),
        held: false,
        created: Timestamp::default(),
        input,
        response: response.clone(),
    };
    let past = [kept(earlier), kept(items.unwrap_or_default())];
    json(&openai_responses::input_page(&past, &openai_responses::Page::of(Some(&query))));
    for relayed in [true, false] {
        let drop = ["previous_response_id", "store"];
        let mut losses = Losses::default();
        let Ok(joined) = openai_responses::continued(&body, &past, &drop, relayed, &mut losses) else { continue };
        let text = json(&joined);
        let _ = decode_request(Dialect::OpenAiResponses, &text);
    }
});

fn json(bytes: &[u8]) -> String {
    let text = String::from_utf8(bytes.to_vec()).expect("what was text is text");
    assert!(serde_json::from_str::<&RawValue>(&text).is_ok(), "{text}");
    text
}
