//! A request in its own dialect, without the state in it that another model made. Everything else stays as it was
//! written.

use crate::dialect::{Encoded, Target};
use crate::hub::{Aliases, Losses, opaque};
use crate::json::{Arr, JsonStr, Members, Obj, RawValue, WireError, elements, object};

use super::wire::STATE;

/// Writes `body` anew for `target`.
pub fn rewrite_request(body: &str, target: &Target<'_>) -> Result<Encoded, WireError> {
    let mut losses = Losses::default();
    let members = Members::parse(body)?;
    let mut out = Vec::with_capacity(body.len());
    object(&mut out, |o| {
        for (key, raw) in members.into_rest() {
            match key.as_ref() {
                "model" => o.text("model", target.model),
                "messages" => match elements(raw) {
                    Ok(messages) => {
                        o.arr("messages", |a| messages.into_iter().for_each(|raw| message(raw, &mut losses, a)));
                    }
                    Err(_) => o.raw("messages", raw.get()),
                },
                key => o.member(key, raw.get()),
            }
        }
    });
    Ok(Encoded { body: out, losses, aliases: Aliases::default(), headers: Vec::new() })
}

/// Parts and calls of an assistant message may hold state.
fn message(raw: &RawValue, losses: &mut Losses, a: &mut Arr<'_>) {
    let Ok(m) = Members::of(raw) else { return a.raw(raw.get()) };
    a.obj(|o| {
        for (key, raw) in m.iter() {
            match elements(raw) {
                Ok(items) if matches!(key, "content" | "tool_calls") => {
                    o.arr(key, |a| items.into_iter().for_each(|raw| item(raw, losses, a)));
                }
                _ => o.member(key, raw.get()),
            }
        }
    });
}

fn item(raw: &RawValue, losses: &mut Losses, a: &mut Arr<'_>) {
    let state = |raw: &RawValue| JsonStr::from_raw(raw).is_some_and(|text| opaque::is_sealed(&text));
    match Members::of(raw) {
        Ok(m) if m.iter().any(|(key, raw)| key == STATE && state(raw)) => {
            losses.drop(format!("messages.{STATE}"));
            a.obj(|o: &mut Obj<'_>| {
                m.iter().filter(|(key, _)| *key != STATE).for_each(|(key, raw)| o.member(key, raw.get()));
            });
        }
        _ => a.raw(raw.get()),
    }
}
