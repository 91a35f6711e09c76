//! Requests: written in any dialect and read back they ask the same, or what they do not ask any more is named.

use std::collections::BTreeMap;

use apex_core::dialect::{Dialect, Target, decode_request, encode_request, losses_in_terms_of};
use apex_core::hub::{Action, Losses, Request};
use apex_core::json::RawValue;
use apex_core::provider::Quirks;
use proptest::prelude::*;

use super::talk::{Heard, heard, talk};

/// A model of the dialect that has no limits of its own.
fn target(dialect: Dialect) -> Target<'static> {
    let (provider, model) = match dialect {
        Dialect::Anthropic => ("anthropic", "claude-sonnet-4-6"),
        Dialect::Cohere => ("cohere", "command-a-reasoning-08-2025"),
        Dialect::Gemini => ("google-ai-studio", "gemini-3.5-pro"),
        Dialect::OpenAiChat | Dialect::OpenAiResponses => ("openai", "m"),
    };
    Target { provider, model, quirks: &Quirks::OPENAI }
}

/// The words with which a loss of each concept is told.
fn words_for(concept: &str) -> &[&str] {
    match concept {
        "max_tokens" => &["max_tokens", "max_output_tokens", "max_completion_tokens", "maxOutputTokens"],
        "parallel" => &["parallel_tool_calls", "tool_choice"],
        "reasoning" => &["reasoning", "reasoning_effort", "thinking", "output_config", "thinkingConfig"],
        "response_format" => &[
            "response_format",
            "text",
            "output_config",
            "output_format",
            "responseSchema",
            "responseJsonSchema",
            "responseMimeType",
        ],
        "stop" => &["stop", "stop_sequences", "stopSequences"],
        "thinking" => &["thinking", "reasoning", "reasoning_content"],
        "tool_choice" => &["tool_choice", "toolConfig", "functionCallingConfig"],
        // Where no single tool can be forced, only that one is offered.
        "tools" => &["tools", "tool_choice", "toolConfig"],
        "user" => &["user", "safety_identifier", "metadata", "user_id"],
        "temperature" => &["temperature"],
        "top_p" => &["top_p", "topP", "p"],
        _ => &[],
    }
}

fn named(concept: &str, losses: &Losses) -> bool {
    let segments = |name: &str| name.split(['.', '[']).map(str::to_owned).collect::<Vec<_>>();
    losses.iter().any(|loss| segments(&loss.name).iter().any(|s| words_for(concept).contains(&s.as_str())))
}

/// Models of Anthropic's do not think unless they are asked to.
fn goes_without_saying(to: Dialect, concept: &str, text: &str) -> bool {
    to == Dialect::Anthropic && (concept, text) == ("reasoning", "off")
}

/// Can `concept` hold a wish in words?
fn in_words(concept: &str, losses: &Losses) -> bool {
    concept == "system" && losses.iter().any(|loss| loss.action == Action::Approx)
}

/// Every difference is named.
fn same_or_named(to: Dialect, want: &Heard, got: &Heard, losses: &Losses, told: &str) -> Result<(), TestCaseError> {
    for (concept, text) in want {
        let kept = got.get(concept).is_some_and(|now| now == text) || goes_without_saying(to, concept, text);
        // A wish that has no member there is told to the model in words.
        let kept = kept || in_words(concept, losses) && got.get(concept).is_some_and(|now| now.contains(text.as_str()));
        prop_assert!(
            kept || named(concept, losses),
            "{told}: {concept} was {text:?}, is {:?}, named are {losses:?}",
            got.get(concept)
        );
    }
    // A limit may be added where it must be said.
    let added = got.iter().find(|(concept, _)| !want.contains_key(*concept) && **concept != "max_tokens");
    prop_assert!(
        added.is_none_or(|(concept, _)| named(concept, losses) || in_words(concept, losses)),
        "{told}: {added:?} is new, named are {losses:?}"
    );
    Ok(())
}

/// The members of a body, in any order.
fn members(body: &str) -> BTreeMap<String, &RawValue> {
    serde_json::from_str(body).unwrap()
}

/// `request` for an upstream of `to`, read back, and written once more: the same bytes. None if it is refused.
fn written(to: Dialect, request: &Request<'_>) -> Result<Option<String>, TestCaseError> {
    let encoded = match encode_request(to, request, &target(to)) {
        Ok(encoded) => encoded,
        Err(refused) => {
            prop_assert!(!refused.param.is_empty() && !refused.what.is_empty(), "{:?}", refused);
            return Ok(None);
        }
    };
    let losses = losses_in_terms_of(request, &encoded.losses);
    let body = String::from_utf8(encoded.body).unwrap();
    let told = format!("{} to {to}: {body}", request.origin);
    let mut again = decode_request(to, &body).map_err(|e| TestCaseError::fail(format!("{e}: {told}")))?;
    // In this dialect the path says it.
    again.stream |= to == Dialect::Gemini && request.stream;
    prop_assert_eq!(again.stream, request.stream, "{}", told);
    same_or_named(to, &heard(request), &heard(&again), &losses, &told)?;
    let twice = encode_request(to, &again, &target(to)).map_err(|e| TestCaseError::fail(format!("{e}: {told}")))?;
    let twice = String::from_utf8(twice.body).unwrap();
    let text = |body: &str| format!("{:#?}", members(body));
    prop_assert_eq!(text(&twice), text(&body), "{}", told);
    Ok(Some(body))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    /// decode(encode(request)) is the request but for what is named, and a second time nothing changes; and then for each
    /// other dialect, from what was written.
    #[test]
    fn every_dialect_asks_the_same(talk in talk()) {
        for origin in [Dialect::Anthropic, Dialect::OpenAiChat] {
            let request = talk.request(origin);
            for from in Dialect::ALL {
                let Some(body) = written(from, &request)? else { continue };
                let request = decode_request(from, &body).unwrap();
                for to in Dialect::ALL {
                    written(to, &request)?;
                }
            }
        }
    }
}
