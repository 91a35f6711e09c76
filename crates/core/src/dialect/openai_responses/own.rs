//! A request in the provider's own dialect that must not go as it is: it holds state in envelopes of ours.

use crate::dialect::{Encoded, Target};
use crate::hub::{Aliases, Losses, Opaque, OpaqueKind, opaque};
use crate::json::{Arr, JsonStr, Members, RawValue, WireError, elements, object};

/// Writes the request anew, every member and item as it came, but for its model and for reasoning in an envelope: this
/// model's own state is taken out of it, anybody else's item is left out.
pub fn rewrite_request(body: &str, target: &Target<'_>) -> Result<Encoded, WireError> {
    let m = Members::parse(body)?;
    let mut losses = Losses::default();
    let mut out = Vec::with_capacity(body.len());
    object(&mut out, |o| {
        for (key, raw) in m.iter() {
            match (key, elements(raw)) {
                ("model", _) => o.text("model", target.model),
                ("input", Ok(items)) => {
                    o.arr("input", |a| items.into_iter().for_each(|item| write_item(item, target, a, &mut losses)));
                }
                _ => o.member(key, raw.get()),
            }
        }
    });
    Ok(Encoded { body: out, losses, aliases: Aliases::default(), headers: Vec::new() })
}

fn write_item(raw: &RawValue, target: &Target<'_>, a: &mut Arr<'_>, losses: &mut Losses) {
    let sealed = Members::of(raw).ok().and_then(|m| Some((m.get("encrypted_content").and_then(JsonStr::from_raw)?, m)));
    let Some((field, m)) = sealed.filter(|(field, _)| opaque::is_sealed(field)) else { return a.raw(raw.get()) };
    let state = Opaque::read(OpaqueKind::OpenAiEncrypted, field);
    let ours = state.filter(|s| s.fits(OpaqueKind::OpenAiEncrypted, target.provider, target.model));
    let Some(state) = ours else { return losses.drop("input.reasoning") };
    a.obj(|o| {
        for (key, raw) in m.iter() {
            match key {
                "encrypted_content" => o.str(key, &state.data),
                // An id of ours means nothing there.
                "id" => {}
                _ => o.member(key, raw.get()),
            }
        }
    });
}
