//! Top-level members of other dialects: which are passed on, mapped, dropped or refused.

use std::borrow::Cow;
use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use crate::hub::Untranslatable;
use crate::json::{JsonStr, Kind, Members, Obj, RawValue, elements, kind};

use super::Context;

/// Members that clients of other dialects send for Anthropic, or that need more than a word.
#[derive(Debug, Default)]
pub(super) struct Extras<'r> {
    /// Automatic cache breakpoint, as OpenRouter and `LiteLLM` clients send it.
    pub(super) cache_control: Option<&'r str>,
    /// `anthropic_beta`, a list of names.
    pub(super) betas: Option<String>,
    /// `thinking` in Anthropic's own form.
    pub(super) thinking: Option<Members<'r>>,
    pub(super) top_k: Option<&'r RawValue>,
    /// `metadata.user_id`.
    pub(super) user: Option<JsonStr<'r>>,
    pub(super) web_search: Option<Members<'r>>,
}

impl<'r> Extras<'r> {
    /// Sorts the caller's leftovers.
    pub(super) fn read(cx: &mut Context<'r>) -> Result<Self, Untranslatable> {
        let mut this = Self::default();
        let request = cx.request;
        if request.n.is_some_and(|n| n > 1) {
            return Err(Untranslatable::new("n", "Anthropic models give one choice; send n requests instead"));
        }
        this.top_k = request.sampling.top_k;
        for (name, given) in [
            ("frequency_penalty", request.sampling.frequency_penalty),
            ("presence_penalty", request.sampling.presence_penalty),
            ("seed", request.sampling.seed),
        ] {
            if given.is_some() {
                cx.losses.drop(name);
            }
        }
        for (key, raw) in &request.ext {
            if kind(raw) != Kind::Null && !this.take(key, raw)? {
                cx.losses.drop(key.clone().into_owned());
            }
        }
        Ok(this)
    }

    /// Takes one member; `false` when it has no place in a request to Anthropic.
    fn take(&mut self, key: &str, raw: &'r RawValue) -> Result<bool, Untranslatable> {
        let refuse = |what: &str| Err(Untranslatable::new(key, what));
        match key {
            "audio" => return refuse("Anthropic models do not answer in audio"),
            "modalities" => {
                let audio = elements(raw).unwrap_or_default().iter().any(|m| m.get() == "\"audio\"");
                return if audio { refuse("Anthropic models do not answer in audio") } else { Ok(true) };
            }
            "logprobs" | "top_logprobs" => {
                if !matches!(raw.get(), "false" | "0") {
                    return refuse("Anthropic models give no log probabilities");
                }
            }
            "anthropic_beta" => match betas(raw) {
                Some(betas) => self.betas = Some(betas),
                None => return Ok(false),
            },
            "cache_control" => match Members::of(raw).ok().and_then(|m| m.get("type")) {
                Some(t) if t.get() == "\"ephemeral\"" => self.cache_control = Some(raw.get()),
                _ => return Ok(false),
            },
            "metadata" => {
                let Some(mut metadata) = Members::of(raw).ok() else { return Ok(false) };
                self.user = metadata.take_str("user_id").ok().flatten();
                return Ok(self.user.is_some() && metadata.iter().next().is_none());
            }
            "thinking" => match Members::of(raw).ok().filter(is_thinking) {
                Some(thinking) => self.thinking = Some(thinking),
                None => return Ok(false),
            },
            "top_k" if kind(raw) == Kind::Number => self.top_k = Some(raw),
            "web_search_options" => match Members::of(raw).ok() {
                Some(options) => self.web_search = Some(options),
                None => return Ok(false),
            },
            // The hub has them elsewhere, or they concern only our own output.
            "model" | "stream_options" => {}
            _ => return Ok(false),
        }
        Ok(true)
    }
}

fn is_thinking(m: &Members<'_>) -> bool {
    let known = |t: &RawValue| matches!(t.get(), "\"adaptive\"" | "\"between_tools\"" | "\"disabled\"" | "\"enabled\"");
    m.get("type").is_some_and(known)
}

/// A list of beta names, or one string of them, as a header value.
fn betas(raw: &RawValue) -> Option<String> {
    let names: Vec<Cow<'_, str>> = match JsonStr::from_raw(raw) {
        Some(one) => vec![one.into_text()],
        None => elements(raw)
            .ok()?
            .into_iter()
            .map(|r| JsonStr::from_raw(r).map(JsonStr::into_text))
            .collect::<Option<_>>()?,
    };
    let clean = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ',' | ' ');
    (!names.is_empty() && names.iter().all(|n| n.chars().all(clean))).then(|| names.join(","))
}

/// The headers of a translated request. Sampling is refused at any value since `2026-10-21`, so a request that keeps some
/// speaks the version before: <https://docs.anthropic.com/en/api/versioning>.
pub(super) fn headers(sampling: bool, betas: Option<String>) -> Vec<(&'static str, String)> {
    let version = if sampling { "2023-06-01" } else { "2026-10-21" };
    let mut headers = vec![("anthropic-version", version.to_owned())];
    headers.extend(betas.map(|b| ("anthropic-beta", b)));
    headers
}

/// Stop sequences; Anthropic refuses those of white space only.
pub(super) fn stop<'r>(cx: &mut Context<'r>) -> Vec<JsonStr<'r>> {
    let stop = &cx.request.stop;
    let kept: Vec<_> = stop.iter().filter(|s| !s.is_blank()).cloned().collect();
    if kept.len() < stop.len() {
        cx.losses.drop("stop");
    }
    kept
}

/// `metadata.user_id` and `service_tier`.
pub(super) fn identity(cx: &mut Context<'_>, o: &mut Obj<'_>, extras: &Extras<'_>) {
    if let Some(user) = cx.request.user.as_ref().or(extras.user.as_ref()) {
        let text = user.text();
        let id = opaque(&text);
        if matches!(id, Cow::Owned(_)) {
            cx.losses.approx("user");
        }
        o.obj("metadata", |o| o.text("user_id", &id));
    }
    let Some(tier) = &cx.request.service_tier else { return };
    match tier.text().as_ref() {
        "auto" => o.text("service_tier", "auto"),
        "default" | "standard_only" => o.text("service_tier", "standard_only"),
        "fast" | "priority" => {
            cx.losses.approx("service_tier");
            o.text("service_tier", "auto");
        }
        _ => cx.losses.drop("service_tier"),
    }
}

/// Anthropic wants no e-mail addresses or phone numbers, and no more than 256 characters: such ids are sent as a hash,
/// the same one every time.
fn opaque(user: &str) -> Cow<'_, str> {
    let digits = user.bytes().filter(u8::is_ascii_digit).count();
    let phone = (7..=15).contains(&digits)
        && user.chars().all(|c| c.is_ascii_digit() || matches!(c, '+' | '-' | '(' | ')' | ' ' | '.'));
    if !user.contains('@') && !phone && user.len() <= 256 {
        return Cow::Borrowed(user);
    }
    let mut id = String::from("user_");
    for byte in Sha256::digest(user.as_bytes()).iter().take(16) {
        let _ = write!(id, "{byte:02x}");
    }
    Cow::Owned(id)
}
