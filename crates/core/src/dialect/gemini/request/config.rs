//! `generationConfig`: <https://ai.google.dev/api/generate-content#v1beta.GenerationConfig>.

use std::borrow::Cow;

use crate::hub::{Effort, OutputFormat, ReasoningMode, Request};
use crate::json::{Ext, JsonStr, Members, RawValue, WireError, elements};

use super::super::schema;
use super::super::wire::{keep, take, take_bool, take_number, take_object, take_text, take_u64};

pub(super) fn decode<'a>(raw: &'a RawValue, request: &mut Request<'a>, left: &mut Ext<'a>) -> Result<(), WireError> {
    let mut m = Members::of(raw)?;
    request.max_tokens = take_u64(&mut m, "maxOutputTokens")?;
    request.n = take_u64(&mut m, "candidateCount")?;
    let s = &mut request.sampling;
    s.temperature = take_number(&mut m, "temperature")?;
    s.top_p = take_number(&mut m, "topP")?;
    s.top_k = take_number(&mut m, "topK")?;
    s.frequency_penalty = take_number(&mut m, "frequencyPenalty")?;
    s.presence_penalty = take_number(&mut m, "presencePenalty")?;
    s.seed = take_number(&mut m, "seed")?;
    if let Some(list) = take(&mut m, "stopSequences") {
        let list = elements(list).map_err(|e| e.under("stopSequences"))?;
        let text = |raw| JsonStr::from_raw(raw).ok_or_else(|| WireError::new("stopSequences", "expected strings"));
        request.stop = list.into_iter().map(text).collect::<Result<_, _>>()?;
    }
    if take_bool(&mut m, "responseLogprobs")? == Some(true) {
        let what = "log probabilities are given by Gemini providers only; leave it out, or ask one of theirs";
        return Err(WireError::new("responseLogprobs", what));
    }
    take(&mut m, "logprobs");
    modalities(&mut m)?;
    if let Some(thinking) = take_object(&mut m, "thinkingConfig")? {
        reasoning(thinking, request, left).map_err(|e| e.under("thinkingConfig"))?;
    }
    request.output = output(&mut m)?;
    keep("generationConfig", m, left);
    Ok(())
}

/// Text is what every model answers with; images and sound are not translated.
fn modalities(m: &mut Members<'_>) -> Result<(), WireError> {
    let Some(list) = take(m, "responseModalities") else { return Ok(()) };
    let list = elements(list).map_err(|e| e.under("responseModalities"))?;
    let other = list
        .into_iter()
        .filter_map(JsonStr::from_raw)
        .find(|word| !matches!(word.text().to_ascii_uppercase().as_str(), "TEXT" | "MODALITY_UNSPECIFIED"));
    match other {
        Some(word) => {
            let what = format!("answers of kind {} are given by Gemini providers only", word.text());
            Err(WireError::new("responseModalities", what))
        }
        None => Ok(()),
    }
}

/// A budget of 0 turns thinking off, -1 leaves it to the model.
fn reasoning<'a>(mut m: Members<'a>, request: &mut Request<'a>, left: &mut Ext<'a>) -> Result<(), WireError> {
    request.show_thoughts = take_bool(&mut m, "includeThoughts")?.unwrap_or(false);
    if let Some(raw) = take(&mut m, "thinkingBudget") {
        let text = JsonStr::from_raw(raw).map_or(Cow::Borrowed(raw.get()), JsonStr::into_text);
        let wish = &mut request.reasoning;
        match text.parse::<i64>() {
            Ok(0) => wish.mode = Some(ReasoningMode::Off),
            Ok(n) if n < 0 => wish.mode = Some(ReasoningMode::Adaptive),
            Ok(n) => {
                wish.mode = Some(ReasoningMode::Enabled);
                wish.budget = u64::try_from(n).ok();
            }
            Err(_) => return Err(WireError::new("thinkingBudget", "expected an integer")),
        }
    }
    if let Some(level) = take_text(&mut m, "thinkingLevel")? {
        let word = level.to_ascii_lowercase();
        match Effort::parse(&word) {
            Some(effort) => request.reasoning.effort = Some(effort),
            None if word == "thinking_level_unspecified" => {}
            None => return Err(WireError::new("thinkingLevel", format!("unknown level `{level}`"))),
        }
    }
    keep("generationConfig.thinkingConfig", m, left);
    Ok(())
}

fn output<'a>(m: &mut Members<'a>) -> Result<OutputFormat<'a>, WireError> {
    let kind = take_text(m, "responseMimeType")?.unwrap_or_default();
    let older = take(m, "responseSchema");
    let schema = match take(m, "responseJsonSchema") {
        Some(schema) => Some(Cow::Borrowed(schema)),
        None => older.map(schema::from_openapi),
    };
    match (kind.as_ref(), schema) {
        ("application/json", Some(schema)) => {
            Ok(OutputFormat::JsonSchema { name: None, description: None, schema, strict: Some(false), ext: Ext::new() })
        }
        ("application/json", None) => Ok(OutputFormat::JsonObject),
        ("" | "text/plain", _) => Ok(OutputFormat::Text),
        (other, _) => {
            let what = format!("answers of type {other} are given by Gemini providers only; use application/json");
            Err(WireError::new("responseMimeType", what))
        }
    }
}
