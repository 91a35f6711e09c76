//! State that only its maker can read, and the way it travels through clients of another dialect.
//!
//! Signatures of thinking, encrypted reasoning and thought signatures must come back to the provider and model that made
//! them, unchanged, or not at all. A client of another dialect has no field for them, but every dialect has one that its
//! clients keep without looking (`signature`, `encrypted_content`, `data`). There it rides in an envelope: `gw1.` and the
//! base64url of a small JSON object that says whose it is. See `docs/adr/0010-opaque-state.md`. Never logged.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::json::{JsonStr, Members, object};

use super::{Part, Reasoning};

/// Opaque state, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opaque<'a> {
    pub kind: OpaqueKind,
    /// The provider that made it; empty where it came in the clear, without an envelope.
    pub provider: Cow<'a, str>,
    /// The provider's name of the model that made it; empty as `provider`.
    pub model: Cow<'a, str>,
    /// The maker's id of the item it belongs to (Responses `rs_...`).
    pub id: Option<JsonStr<'a>>,
    /// The state itself, as it was written.
    pub data: JsonStr<'a>,
    /// The readable reasoning it signs, where the client's dialect might not send it back word for word.
    pub text: Option<JsonStr<'a>>,
    /// `phase` of the message that follows (Responses).
    pub phase: Option<JsonStr<'a>>,
    /// What it belongs to when it travels in a reasoning block.
    pub place: Place,
}

/// What kind of state, which says who can read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpaqueKind {
    AnthropicCompaction,
    /// `data` of `redacted_thinking`.
    AnthropicRedacted,
    /// `signature` of `thinking`.
    AnthropicSignature,
    /// `thoughtSignature` of a part.
    GeminiSignature,
    /// `signature` of a thinking chunk.
    MistralSignature,
    OpenAiCompaction,
    /// `encrypted_content` of a reasoning item, by whichever provider speaks Responses.
    OpenAiEncrypted,
    /// A whole entry of `reasoning_details` in a format of OpenRouter's, as JSON text.
    OpenRouterDetail,
}

/// What state in a reasoning block belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Place {
    /// To the block itself.
    #[default]
    Reasoning,
    /// To the tool call that follows.
    NextCall,
    /// To the text before it.
    LastText,
}

/// What every envelope starts with.
const PREFIX: &str = "gw1.";

/// The envelope of reasoning and citations that carry no state: `{"k":"unsigned"}`. It says that the block is another
/// provider's.
pub const UNSIGNED: &str = "gw1.eyJrIjoidW5zaWduZWQifQ";

impl OpaqueKind {
    const ALL: [Self; 8] = [
        Self::AnthropicCompaction,
        Self::AnthropicRedacted,
        Self::AnthropicSignature,
        Self::GeminiSignature,
        Self::MistralSignature,
        Self::OpenAiCompaction,
        Self::OpenAiEncrypted,
        Self::OpenRouterDetail,
    ];

    /// Its name in envelopes; never changes.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AnthropicCompaction => "anthropic.compaction",
            Self::AnthropicRedacted => "anthropic.redacted",
            Self::AnthropicSignature => "anthropic.signature",
            Self::GeminiSignature => "gemini.thought_signature",
            Self::MistralSignature => "mistral.signature",
            Self::OpenAiCompaction => "openai.compaction",
            Self::OpenAiEncrypted => "openai.encrypted_content",
            Self::OpenRouterDetail => "openrouter.reasoning_details",
        }
    }
}

impl<'a> Opaque<'a> {
    /// State in the clear, in its own dialect.
    pub const fn native(kind: OpaqueKind, data: JsonStr<'a>) -> Self {
        Self {
            kind,
            provider: Cow::Borrowed(""),
            model: Cow::Borrowed(""),
            id: None,
            data,
            text: None,
            phase: None,
            place: Place::Reasoning,
        }
    }

    /// What a client sent in a field of `kind`: state in the clear, or an envelope opened. `None` is no state at all: an
    /// empty field, an envelope without state, or one that is damaged.
    pub fn read(kind: OpaqueKind, field: JsonStr<'a>) -> Option<Self> {
        if is_sealed(&field) {
            return Opaque::unseal(&field);
        }
        (!field.is_empty()).then(|| Self::native(kind, field))
    }

    /// The envelope, stamped with its maker where the state does not know it.
    pub fn seal(&self, provider: &str, model: &str, place: Place) -> String {
        let or = |own: &str, other: &str| if own.is_empty() { other.to_owned() } else { own.to_owned() };
        let mut json = Vec::with_capacity(self.data.as_escaped().len() + 128);
        object(&mut json, |o| {
            o.text("k", self.kind.as_str());
            o.text("p", &or(&self.provider, provider));
            o.text("m", &or(&self.model, model));
            match place {
                Place::Reasoning => {}
                Place::NextCall => o.text("a", "call"),
                Place::LastText => o.text("a", "text"),
            }
            for (key, value) in [("i", &self.id), ("t", &self.text), ("f", &self.phase)] {
                if let Some(value) = value {
                    o.str(key, value);
                }
            }
            o.str("d", &self.data);
        });
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(json))
    }

    /// May this state go to `model` at `provider`, which reads state of `kind`? State in the clear is taken at its word.
    pub fn fits(&self, kind: OpaqueKind, provider: &str, model: &str) -> bool {
        self.kind == kind
            && (self.provider.is_empty() || self.provider == provider)
            && (self.model.is_empty() || family(&self.model) == family(model))
    }

    pub fn into_owned(self) -> Opaque<'static> {
        Opaque {
            kind: self.kind,
            provider: Cow::Owned(self.provider.into_owned()),
            model: Cow::Owned(self.model.into_owned()),
            id: self.id.map(JsonStr::into_owned),
            data: self.data.into_owned(),
            text: self.text.map(JsonStr::into_owned),
            phase: self.phase.map(JsonStr::into_owned),
            place: self.place,
        }
    }
}

impl Opaque<'static> {
    /// Opens an envelope that holds state.
    fn unseal(field: &JsonStr<'_>) -> Option<Self> {
        let text = field.text();
        let json = URL_SAFE_NO_PAD.decode(text.strip_prefix(PREFIX)?).ok()?;
        let json = String::from_utf8(json).ok()?;
        let mut m = Members::parse(&json).ok()?;
        let kind = m.take_text("k").ok()??;
        let kind = OpaqueKind::ALL.into_iter().find(|k| k.as_str() == kind)?;
        let mut own = |key: &str| Some(m.take_str(key).ok()??.into_owned());
        let word = |text: Option<JsonStr<'static>>| Cow::Owned(text.unwrap_or_default().text().into_owned());
        let place = match own("a").unwrap_or_default().text().as_ref() {
            "call" => Place::NextCall,
            "text" => Place::LastText,
            _ => Place::Reasoning,
        };
        Some(Self {
            kind,
            provider: word(own("p")),
            model: word(own("m")),
            id: own("i"),
            data: own("d")?,
            text: own("t"),
            phase: own("f"),
            place,
        })
    }
}

/// Is the field an envelope of ours, of whatever kind?
pub fn is_sealed(field: &JsonStr<'_>) -> bool {
    field.as_escaped().starts_with(PREFIX)
}

/// Could `body` hold an envelope of ours? A cheap look before a body is relayed: what another provider made must not go
/// along.
pub fn may_hold(body: &[u8]) -> bool {
    // In Gemini's field, which is bytes, it stands as base64 of its text.
    [b"\"gw1.".as_slice(), b"\"Z3cxL"].into_iter().any(|start| memchr::memmem::find(body, start).is_some())
}

/// Gives the state that travelled in reasoning blocks back to the calls and texts it belongs to, and takes away the
/// blocks that were only there to carry it.
pub fn settle(parts: &mut Vec<Part<'_>>) {
    let mut waiting = None;
    let mut settled: Vec<Part<'_>> = Vec::with_capacity(parts.len());
    for mut part in parts.drain(..) {
        if let Part::Reasoning(Reasoning::Thinking { text, signature, .. }) = &mut part
            && let Some(state) = signature.take_if(|s| s.place != Place::Reasoning)
        {
            let carrier_only = text.is_empty();
            if state.place == Place::NextCall {
                waiting = Some(state);
            } else if let Some(last) =
                settled.iter_mut().rev().find_map(|p| if let Part::Text(text) = p { Some(text) } else { None })
            {
                last.opaque = Some(state);
            }
            if carrier_only {
                continue;
            }
        }
        if let Part::ToolCall(call) = &mut part
            && waiting.is_some()
        {
            call.opaque = waiting.take();
        }
        settled.push(part);
    }
    *parts = settled;
}

/// The part of a model's name that state is bound to: without a vendor's path, a date, `-latest` or a variant.
fn family(model: &str) -> &str {
    let name = model.rsplit('/').next().unwrap_or(model);
    let name = name.split([':', '@']).next().unwrap_or(name);
    let name = name.strip_suffix("-latest").unwrap_or(name);
    for length in [9, 11] {
        let Some((head, tail)) = name.len().checked_sub(length).and_then(|at| name.split_at_checked(at)) else {
            continue;
        };
        // `-20250929` and `-2025-08-07` are dates, the `-4-5` before them is not.
        let digits = tail.bytes().filter(u8::is_ascii_digit).count();
        let dated = digits == 8 && tail.starts_with("-20") && tail.bytes().all(|b| b == b'-' || b.is_ascii_digit());
        if dated {
            return head;
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> Opaque<'static> {
        let mut state = Opaque::native(OpaqueKind::OpenAiEncrypted, JsonStr::escape("gAAA\"\n+/="));
        state.id = Some(JsonStr::escape("rs_1"));
        state.phase = Some(JsonStr::escape("commentary"));
        state
    }

    #[test]
    fn an_envelope_gives_back_what_went_in() {
        let sealed = state().seal("openai", "gpt-5.5", Place::NextCall);
        assert!(sealed.starts_with("gw1.") && sealed.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b)));
        let field = JsonStr::escape(&sealed);
        let back = Opaque::read(OpaqueKind::AnthropicSignature, field).unwrap();
        let want = Opaque { provider: "openai".into(), model: "gpt-5.5".into(), place: Place::NextCall, ..state() };
        assert_eq!(back, want);
        // Sealed again it is the same: prompt caches depend on it.
        assert_eq!(back.seal("other", "x", Place::NextCall), sealed);
    }

    #[test]
    fn what_is_no_state_is_none() {
        for field in ["", UNSIGNED, "gw1.", "gw1.%%%", "gw1.eyJrIjoibmV3In0"] {
            assert_eq!(Opaque::read(OpaqueKind::AnthropicSignature, JsonStr::escape(field)), None, "{field}");
        }
        let native = Opaque::read(OpaqueKind::AnthropicSignature, JsonStr::escape("EqQB")).unwrap();
        assert!(native.fits(OpaqueKind::AnthropicSignature, "anthropic", "claude-x"));
        assert!(!native.fits(OpaqueKind::OpenAiEncrypted, "anthropic", "claude-x"));
    }

    #[test]
    fn state_is_bound_to_provider_and_model() {
        let kind = OpaqueKind::OpenAiEncrypted;
        let made = Opaque { provider: "openai".into(), model: "gpt-5.5-2026-03-01".into(), ..state() };
        assert!(made.fits(kind, "openai", "gpt-5.5"));
        assert!(!made.fits(kind, "grok", "gpt-5.5"));
        assert!(!made.fits(kind, "openai", "gpt-5.3"));
    }

    #[test]
    fn families() {
        for (model, want) in [
            ("claude-sonnet-4-5-20250929", "claude-sonnet-4-5"),
            ("gpt-5.5-2026-03-01", "gpt-5.5"),
            ("openai/gpt-5.5:nitro", "gpt-5.5"),
            ("mistral-large-latest", "mistral-large"),
            ("claude-opus-4-7", "claude-opus-4-7"),
            ("20", "20"),
            ("", ""),
            ("é-20250101é", "é-20250101é"),
        ] {
            assert_eq!(family(model), want, "{model}");
        }
    }
}
