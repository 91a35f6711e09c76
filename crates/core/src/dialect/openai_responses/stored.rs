//! What is read of kept replies: <https://platform.openai.com/docs/api-reference/responses/input-items>.

use super::past;
use crate::json::{Arr, JsonStr, Members, RawValue, elements, object};
use crate::stored::Kept;

/// Which part of a list is wanted.
#[derive(Debug, PartialEq, Eq)]
pub struct Page {
    limit: usize,
    /// Behind the item of this id.
    after: Option<String>,
    oldest_first: bool,
}

impl Page {
    /// From a query; what it does not say, or says wrongly, is OpenAI's default.
    pub fn of(query: Option<&str>) -> Self {
        let mut page = Self { limit: 20, after: None, oldest_first: false };
        for (key, value) in query.unwrap_or_default().split('&').filter_map(|pair| pair.split_once('=')) {
            match key {
                "limit" => page.limit = value.parse().ok().filter(|n| (1..=100).contains(n)).unwrap_or(page.limit),
                "after" => page.after = Some(value.to_owned()),
                "order" => page.oldest_first = value == "asc",
                _ => {}
            }
        }
        page
    }
}

/// The answer to a deletion.
pub fn deleted(id: &str) -> Vec<u8> {
    let mut out = Vec::new();
    object(&mut out, |o| {
        o.text("id", id);
        o.text("object", "response");
        o.bool("deleted", true);
    });
    out
}

/// The ids by which items of a reply, and of what was asked for it, can be named; those of its own first.
pub fn item_ids(kept: &Kept) -> Vec<String> {
    let own = listed(kept).filter(|(_, raw)| past::reference(raw).is_none());
    own.map(|(id, _)| id).take(MAX_ITEMS).collect()
}

/// All items of a reply with their ids, and then those it was given.
pub(super) fn listed(kept: &Kept) -> impl Iterator<Item = (String, &RawValue)> {
    let mut items = Vec::new();
    let reply = Members::parse(&kept.response).unwrap_or_default();
    list(reply.get("output"), kept, "out", &mut items);
    list(serde_json::from_str(&kept.input).ok(), kept, "in", &mut items);
    items.into_iter()
}

/// Most items of one reply that can be named.
const MAX_ITEMS: usize = 4096;

/// A page of what the last of `chain` was asked, with all that it went on from.
pub fn input_page(chain: &[Kept], page: &Page) -> Vec<u8> {
    let mut items = Vec::new();
    for (at, kept) in chain.iter().enumerate() {
        list(serde_json::from_str(&kept.input).ok(), kept, "in", &mut items);
        if at + 1 < chain.len() {
            let reply = Members::parse(&kept.response).unwrap_or_default();
            list(reply.get("output"), kept, "out", &mut items);
        }
    }
    if !page.oldest_first {
        items.reverse();
    }
    let from =
        page.after.as_ref().and_then(|after| items.iter().position(|(id, _)| id == after)).map_or(0, |at| at + 1);
    let rest = items.get(from..).unwrap_or_default();
    let shown = rest.get(..page.limit).unwrap_or(rest);
    let mut out = Vec::new();
    object(&mut out, |o| {
        o.text("object", "list");
        o.arr("data", |a| shown.iter().for_each(|(id, item)| write(id, item, a)));
        for (key, item) in [("first_id", shown.first()), ("last_id", shown.last())] {
            match item {
                Some((id, _)) => o.text(key, id),
                None => o.null(key),
            }
        }
        o.bool("has_more", shown.len() < rest.len());
    });
    out
}

/// Items with their ids; those that came without one get one that stays the same.
fn list<'k>(raw: Option<&'k RawValue>, kept: &Kept, side: &str, items: &mut Vec<(String, &'k RawValue)>) {
    for (at, raw) in raw.and_then(|raw| elements(raw).ok()).unwrap_or_default().into_iter().enumerate() {
        let Ok(m) = Members::of(raw) else { continue };
        let text = |key: &str| m.get(key).and_then(JsonStr::from_raw).map(|s| s.text().into_owned());
        let minted = || {
            let kind = match text("type").as_deref() {
                None | Some("message") => "msg",
                Some("custom_tool_call") => "ctc",
                Some("function_call") => "fc",
                Some("reasoning") => "rs",
                Some(_) => "item",
            };
            let token = kept.key.id.strip_prefix(super::wire::ID_PREFIX).unwrap_or(&kept.key.id);
            format!("{kind}_{token}{side}{at}")
        };
        items.push((text("id").unwrap_or_else(minted), raw));
    }
}

/// An item as it is listed: with its id, and with content as parts.
fn write(id: &str, raw: &RawValue, a: &mut Arr<'_>) {
    let m = Members::of(raw).unwrap_or_default();
    let is = |key: &str, what: &str| m.get(key).and_then(JsonStr::from_raw).is_some_and(|s| s == what);
    let kind = if is("role", "assistant") { "output_text" } else { "input_text" };
    a.obj(|o| {
        o.text("id", id);
        if m.get("type").is_none() {
            o.text("type", "message");
        }
        if m.get("status").is_none() {
            o.text("status", "completed");
        }
        for (key, raw) in m.iter().filter(|(key, _)| *key != "id") {
            match JsonStr::from_raw(raw).filter(|_| key == "content") {
                Some(text) => o.arr("content", |a| {
                    a.obj(|o| {
                        o.text("type", kind);
                        o.str("text", &text);
                        if kind == "output_text" {
                            o.arr("annotations", |_| {});
                        }
                    });
                }),
                None => o.member(key, raw.get()),
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stored::{Key, Owner};
    use crate::time::Timestamp;

    #[test]
    fn pages() {
        let kept = |id: &str, input: &str, output: &str| Kept {
            key: Key { owner: Owner::from_bytes([0; 32]), id: id.into() },
            previous: None,
            provider: "p".into(),
            held: false,
            created: Timestamp::default(),
            input: input.into(),
            response: format!(r#"{{"output":{output}}}"#),
        };
        let chain = [
            kept("resp_a", r#"[{"role":"user","content":"one"}]"#, r#"[{"id":"msg_x","type":"message"}]"#),
            kept("resp_b", r#"[{"type":"function_call_output","call_id":"c","output":"o"}]"#, "[]"),
        ];
        let page = |query| String::from_utf8(input_page(&chain, &Page::of(query))).unwrap();
        assert_eq!(
            page(Some("order=asc")),
            r#"{"object":"list","data":[{"id":"msg_ain0","type":"message","status":"completed","role":"user","content":[{"type":"input_text","text":"one"}]},{"id":"msg_x","status":"completed","type":"message"},{"id":"item_bin0","status":"completed","type":"function_call_output","call_id":"c","output":"o"}],"first_id":"msg_ain0","last_id":"item_bin0","has_more":false}"#
        );
        let ends = r#""first_id":"item_bin0","last_id":"msg_x","has_more":true}"#;
        assert!(page(Some("limit=2")).ends_with(ends), "{}", page(Some("limit=2")));
        let ends = r#""first_id":"msg_ain0","last_id":"msg_ain0","has_more":false}"#;
        assert!(page(Some("after=msg_x&limit=900")).ends_with(ends));
    }
}
