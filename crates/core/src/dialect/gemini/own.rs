//! A request in its own dialect, without the state in it that another model made. Everything else stays as it was
//! written: Google's own tools, caches and settings are nothing the hub has words for.

use super::models::Model;
use super::request::envelope;
use super::wire::SKIP_SIGNATURE;
use crate::dialect::{Encoded, Target};
use crate::hub::{Aliases, Losses, Opaque, OpaqueKind};
use crate::json::{Arr, JsonStr, Members, Obj, RawValue, WireError, elements, object};

/// Writes `body` anew for `target`. The model stands in the path.
pub fn rewrite_request(body: &str, target: &Target<'_>) -> Result<Encoded, WireError> {
    let m = Members::parse(body)?;
    let mut own = Own { target, model: Model::of(target.model), losses: Losses::default() };
    let mut out = Vec::with_capacity(body.len());
    object(&mut out, |o| {
        for (key, raw) in m.iter() {
            match elements(raw) {
                Ok(contents) if key == "contents" => {
                    o.arr(key, |a| contents.into_iter().for_each(|raw| own.content(raw, a)));
                }
                _ => o.member(key, raw.get()),
            }
        }
    });
    Ok(Encoded { body: out, losses: own.losses, aliases: Aliases::default(), headers: Vec::new() })
}

struct Own<'t> {
    target: &'t Target<'t>,
    model: &'static Model,
    losses: Losses,
}

/// What came in an envelope.
struct Sealed<'a> {
    /// The part that holds it.
    members: Members<'a>,
    /// The state in it, if it is this model's.
    ours: Option<JsonStr<'static>>,
}

impl Own<'_> {
    fn content(&mut self, raw: &RawValue, a: &mut Arr<'_>) {
        let content = Members::of(raw).ok();
        let parts = content.as_ref().and_then(|m| elements(m.get("parts")?).ok());
        let (Some(content), Some(parts)) = (content, parts) else { return a.raw(raw.get()) };
        let parts: Vec<_> = parts.into_iter().map(|raw| (raw, self.sealed(raw))).collect();
        let carries = |(_, sealed): &(_, Option<Sealed<'_>>)| sealed.as_ref().is_none_or(Sealed::says);
        // Only there to carry what is not wanted: a content must have parts.
        if !parts.is_empty() && !parts.iter().any(carries) {
            return;
        }
        let mut first = true;
        a.obj(|o| {
            for (key, raw) in content.iter() {
                if key == "parts" {
                    o.arr(key, |a| {
                        for (raw, sealed) in parts.iter().filter(|part| carries(part)) {
                            self.part(raw, sealed.as_ref(), &mut first, a);
                        }
                    });
                } else {
                    o.member(key, raw.get());
                }
            }
        });
    }

    fn sealed<'a>(&mut self, raw: &'a RawValue) -> Option<Sealed<'a>> {
        let members = Members::of(raw).ok()?;
        let field = members.iter().find(|(key, _)| is_signature(key)).and_then(|(_, raw)| JsonStr::from_raw(raw))?;
        let state = Opaque::read(OpaqueKind::GeminiSignature, envelope(&field)?)
            .filter(|s| s.fits(OpaqueKind::GeminiSignature, self.target.provider, self.target.model));
        if state.is_none() {
            self.losses.drop("contents.thoughtSignature");
        }
        Some(Sealed { members, ours: state.map(|state| state.data) })
    }

    /// Ids, which other models give their calls, are refused by the older ones of Google's: order and names pair as well.
    fn member(&self, key: &str, raw: &RawValue, o: &mut Obj<'_>) {
        let named = matches!(key, "functionCall" | "function_call" | "functionResponse" | "function_response");
        match Members::of(raw) {
            Ok(call) if named && !self.model.call_ids => o.obj(key, |o| {
                call.iter().filter(|(key, _)| *key != "id").for_each(|(key, raw)| o.member(key, raw.get()));
            }),
            _ => o.member(key, raw.get()),
        }
    }

    /// `first` stays true up to the first call of the content, which must be signed.
    fn part(&self, raw: &RawValue, sealed: Option<&Sealed<'_>>, first: &mut bool, a: &mut Arr<'_>) {
        let members = Members::of(raw).unwrap_or_default();
        let calls = ["functionCall", "function_call"].iter().any(|key| members.get(key).is_some());
        let needed = calls && std::mem::replace(first, *first && !calls) && self.model.signatures;
        if sealed.is_none() && self.model.call_ids {
            return a.raw(raw.get());
        }
        a.obj(|o: &mut Obj<'_>| {
            for (key, raw) in members.iter().filter(|(key, _)| sealed.is_none() || !is_signature(key)) {
                self.member(key, raw, o);
            }
            match sealed.and_then(|sealed| sealed.ours.as_ref()) {
                Some(state) => o.str("thoughtSignature", state),
                None if needed && sealed.is_some() => o.text("thoughtSignature", SKIP_SIGNATURE),
                None => {}
            }
        });
    }
}

impl Sealed<'_> {
    /// Does it say anything without the state that is taken out of it?
    fn says(&self) -> bool {
        let empty = |(key, raw): (&str, &RawValue)| is_signature(key) || (key == "text" && raw.get() == "\"\"");
        self.ours.is_some() || !self.members.iter().all(empty)
    }
}

/// In either spelling.
fn is_signature(key: &str) -> bool {
    matches!(key, "thoughtSignature" | "thought_signature")
}
