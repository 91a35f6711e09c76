//! A request that came in this dialect goes out as it came: nothing is normalised, nothing adjusted to the model.
//!
//! Two things are left out on purpose: thinking that Anthropic never signed, and citations of ours.

use crate::dialect::{Encoded, Target};
use crate::hub::{
    Aliases, Form, Losses, MediaSource, OpaqueKind, OutputFormat, Part, Reasoning, ReasoningMode, Request, Role, Text,
    Tool, ToolChoice, Turn, opaque,
};
use crate::json::{Arr, Ext, JsonStr, Members, Obj, RawValue, elements, object};

/// Parents whose leftovers are kept in `ext` under dotted names.
const NESTED: &[&str] = &["metadata", "output_config", "thinking", "tool_choice"];

pub(super) fn encode(request: &Request<'_>, target: &Target<'_>) -> Encoded {
    let mut losses = Losses::default();
    let mut body = Vec::new();
    object(&mut body, |o| {
        o.text("model", target.model);
        if let Some(max) = request.max_tokens {
            o.uint("max_tokens", max);
        }
        if let Some(system) = &request.system {
            content(o, "system", &system.parts, system.form);
        }
        o.arr("messages", |a| {
            for turn in &request.turns {
                message(a, turn, target, &mut losses);
            }
        });
        if !request.tools.is_empty() {
            o.arr("tools", |a| request.tools.iter().for_each(|t| tool(a, t)));
        }
        options(o, request);
        for (key, raw) in request.ext.iter().filter(|(key, _)| nested_in(key).is_none()) {
            o.member(key, raw.get());
        }
        if request.stream {
            o.bool("stream", true);
        }
    });
    Encoded { body, losses, aliases: Aliases::default(), headers: Vec::new() }
}

fn options(o: &mut Obj<'_>, request: &Request<'_>) {
    tool_choice(o, request);
    reasoning_and_output(o, request);
    if request.user.is_some() || has_nested(&request.ext, "metadata") {
        o.obj("metadata", |o| {
            if let Some(user) = &request.user {
                o.str("user_id", user);
            }
            nested(o, &request.ext, "metadata");
        });
    }
    if let Some(tier) = &request.service_tier {
        o.str("service_tier", tier);
    }
    if !request.stop.is_empty() {
        o.arr("stop_sequences", |a| request.stop.iter().for_each(|s| a.str(s)));
    }
    let sampling = &request.sampling;
    for (key, raw) in [("temperature", sampling.temperature), ("top_p", sampling.top_p), ("top_k", sampling.top_k)] {
        if let Some(raw) = raw {
            o.raw(key, raw.get());
        }
    }
}

fn tool_choice(o: &mut Obj<'_>, request: &Request<'_>) {
    let Some(choice) = &request.tool_choice else { return };
    o.obj("tool_choice", |o| {
        let (kind, name) = match choice {
            ToolChoice::Any | ToolChoice::Allowed { required: true, .. } => ("any", None),
            ToolChoice::Auto | ToolChoice::Allowed { required: false, .. } => ("auto", None),
            ToolChoice::Named { name, .. } => ("tool", Some(name)),
            ToolChoice::None => ("none", None),
        };
        o.text("type", kind);
        if let Some(name) = name {
            o.str("name", name);
        }
        if let Some(parallel) = request.parallel_tool_calls {
            o.bool("disable_parallel_tool_use", !parallel);
        }
        nested(o, &request.ext, "tool_choice");
    });
}

fn reasoning_and_output(o: &mut Obj<'_>, request: &Request<'_>) {
    if let Some(mode) = request.reasoning.mode {
        o.obj("thinking", |o| {
            o.text(
                "type",
                match mode {
                    ReasoningMode::Adaptive => "adaptive",
                    ReasoningMode::BetweenTools => "between_tools",
                    ReasoningMode::Enabled => "enabled",
                    ReasoningMode::Off => "disabled",
                },
            );
            if let Some(budget) = request.reasoning.budget {
                o.uint("budget_tokens", budget);
            }
            nested(o, &request.ext, "thinking");
        });
    }
    let format = match &request.output {
        OutputFormat::Text | OutputFormat::JsonObject => None,
        format @ (OutputFormat::JsonSchema { .. } | OutputFormat::Other(_)) => Some(format),
    };
    if request.reasoning.effort.is_none() && format.is_none() && !has_nested(&request.ext, "output_config") {
        return;
    }
    o.obj("output_config", |o| {
        if let Some(effort) = request.reasoning.effort {
            o.text("effort", effort.as_str());
        }
        match format {
            Some(OutputFormat::JsonSchema { schema, ext, .. }) => o.obj("format", |o| {
                o.text("type", "json_schema");
                o.raw("schema", schema.get());
                rest(o, ext);
            }),
            Some(OutputFormat::Other(raw)) => o.raw("format", raw.get()),
            Some(OutputFormat::JsonObject | OutputFormat::Text) | None => {}
        }
        nested(o, &request.ext, "output_config");
    });
}

fn tool(a: &mut Arr<'_>, tool: &Tool<'_>) {
    match tool {
        Tool::Function { name, description, schema, strict, cache, ext } => a.obj(|o| {
            o.str("name", name);
            if let Some(description) = description {
                o.str("description", description);
            }
            if let Some(schema) = schema {
                o.raw("input_schema", schema.get());
            }
            if let Some(strict) = strict {
                o.bool("strict", *strict);
            }
            mark(o, cache.map(|c| c.0));
            rest(o, ext);
        }),
        Tool::Hosted { raw, .. } | Tool::Custom { raw, .. } => a.raw(raw.get()),
    }
}

fn message(a: &mut Arr<'_>, turn: &Turn<'_>, target: &Target<'_>, losses: &mut Losses) {
    let foreign = turn.parts.iter().filter(|p| is_foreign(p, target)).count();
    if foreign > 0 {
        losses.drop("thinking");
        if foreign == turn.parts.len() {
            return;
        }
    }
    a.obj(|o| {
        o.text(
            "role",
            match turn.role {
                Role::Assistant => "assistant",
                Role::System | Role::Developer => "system",
                Role::User | Role::Tool => "user",
            },
        );
        if foreign > 0 {
            let kept = turn.parts.iter().filter(|p| !is_foreign(p, target));
            o.arr("content", |a| kept.for_each(|p| block(a, p)));
        } else {
            content(o, "content", &turn.parts, turn.form);
        }
        rest(o, &turn.ext);
    });
}

/// Thinking that this model would refuse: unsigned, or somebody else's.
fn is_foreign(part: &Part<'_>, target: &Target<'_>) -> bool {
    match part {
        Part::Reasoning(Reasoning::Thinking { signature, .. }) => {
            !signature.as_ref().is_some_and(|s| s.fits(OpaqueKind::AnthropicSignature, target.provider, target.model))
        }
        Part::Reasoning(Reasoning::Redacted { data, .. }) => {
            !data.fits(OpaqueKind::AnthropicRedacted, target.provider, target.model)
        }
        Part::Reasoning(Reasoning::Field { .. }) => true,
        Part::Document(_)
        | Part::Image(_)
        | Part::Refusal(_)
        | Part::Text(_)
        | Part::ToolCall(_)
        | Part::ToolResult(_)
        | Part::Other { .. } => false,
    }
}

fn content(o: &mut Obj<'_>, key: &str, parts: &[Part<'_>], form: Form) {
    match (form, parts) {
        (Form::Absent | Form::Null, []) => {}
        (Form::Text, [Part::Text(text)]) => o.str(key, &text.text),
        _ => o.arr(key, |a| parts.iter().for_each(|p| block(a, p))),
    }
}

fn block(a: &mut Arr<'_>, part: &Part<'_>) {
    match part {
        Part::Document(document) => a.obj(|o| {
            o.text("type", "document");
            source(o, &document.source);
            if let Some(title) = &document.title {
                o.str("title", title);
            }
            mark(o, document.cache.map(|c| c.0));
            rest(o, &document.ext);
        }),
        Part::Image(image) => a.obj(|o| {
            o.text("type", "image");
            source(o, &image.source);
            mark(o, image.cache.map(|c| c.0));
            rest(o, &image.ext);
        }),
        Part::Reasoning(reasoning) => thinking(a, reasoning),
        Part::Refusal(text) => a.obj(|o| {
            o.text("type", "text");
            o.str("text", text);
        }),
        Part::Text(part) => text(a, part),
        Part::ToolCall(call) => a.obj(|o| {
            o.text("type", "tool_use");
            o.str("id", &call.id);
            o.str("name", &call.name);
            o.raw("input", &call.arguments.text());
            mark(o, call.cache.map(|c| c.0));
            rest(o, &call.ext);
        }),
        Part::ToolResult(result) => a.obj(|o| {
            o.text("type", "tool_result");
            o.str("tool_use_id", &result.call_id);
            content(o, "content", &result.parts, result.form);
            if let Some(is_error) = result.is_error {
                o.bool("is_error", is_error);
            }
            mark(o, result.cache.map(|c| c.0));
            rest(o, &result.ext);
        }),
        Part::Other { raw, .. } => a.raw(raw.get()),
    }
}

fn thinking(a: &mut Arr<'_>, reasoning: &Reasoning<'_>) {
    match reasoning {
        Reasoning::Thinking { text, signature, ext } => a.obj(|o| {
            o.text("type", "thinking");
            o.str("thinking", text);
            if let Some(signature) = signature {
                o.str("signature", &signature.data);
            }
            rest(o, ext);
        }),
        Reasoning::Redacted { data, ext } => a.obj(|o| {
            o.text("type", "redacted_thinking");
            o.str("data", &data.data);
            rest(o, ext);
        }),
        Reasoning::Field { .. } => {}
    }
}

/// A text block; citations that we made for another provider's answer are not sent back.
fn text(a: &mut Arr<'_>, text: &Text<'_>) {
    a.obj(|o| {
        o.text("type", "text");
        o.str("text", &text.text);
        mark(o, text.cache.map(|c| c.0));
        for (key, raw) in &text.ext {
            match key.as_ref() {
                "citations" => citations(o, raw),
                _ => o.member(key, raw.get()),
            }
        }
    });
}

fn citations(o: &mut Obj<'_>, raw: &RawValue) {
    let Ok(all) = elements(raw) else { return o.raw("citations", raw.get()) };
    let theirs: Vec<_> = all.iter().filter(|c| !is_ours(c)).collect();
    if theirs.len() == all.len() {
        o.raw("citations", raw.get());
    } else if !theirs.is_empty() {
        o.arr("citations", |a| theirs.iter().for_each(|c| a.raw(c.get())));
    }
}

fn is_ours(citation: &RawValue) -> bool {
    Members::of(citation)
        .ok()
        .and_then(|m| m.get("encrypted_index"))
        .and_then(JsonStr::from_raw)
        .is_some_and(|index| index.is_empty() || opaque::is_sealed(&index))
}

fn source(o: &mut Obj<'_>, source: &MediaSource<'_>) {
    if let MediaSource::Other(raw) = source {
        return o.raw("source", raw.get());
    }
    o.obj("source", |o| match source {
        MediaSource::Base64 { media_type, data } => {
            o.text("type", "base64");
            o.text("media_type", media_type);
            o.str("data", data);
        }
        MediaSource::Blocks(parts) => {
            o.text("type", "content");
            o.arr("content", |a| parts.iter().for_each(|p| block(a, p)));
        }
        MediaSource::File(id) => {
            o.text("type", "file");
            o.str("file_id", id);
        }
        MediaSource::Text(text) => {
            o.text("type", "text");
            o.text("media_type", "text/plain");
            o.str("data", text);
        }
        MediaSource::Url(url) => {
            o.text("type", "url");
            o.str("url", url);
        }
        MediaSource::Other(_) => {}
    });
}

fn mark(o: &mut Obj<'_>, raw: Option<&RawValue>) {
    if let Some(raw) = raw {
        o.raw("cache_control", raw.get());
    }
}

fn rest(o: &mut Obj<'_>, ext: &Ext<'_>) {
    for (key, raw) in ext {
        o.member(key, raw.get());
    }
}

/// Which parent a dotted leftover belongs to, and its name there.
fn nested_in(key: &str) -> Option<(&str, &str)> {
    key.split_once('.').filter(|(parent, _)| NESTED.contains(parent))
}

fn has_nested(ext: &Ext<'_>, parent: &str) -> bool {
    ext.iter().any(|(key, _)| nested_in(key).is_some_and(|(p, _)| p == parent))
}

fn nested(o: &mut Obj<'_>, ext: &Ext<'_>, parent: &str) {
    for (key, raw) in ext {
        if let Some((p, name)) = nested_in(key)
            && p == parent
        {
            o.member(name, raw.get());
        }
    }
}
