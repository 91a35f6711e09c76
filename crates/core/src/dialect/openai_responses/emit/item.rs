//! Output items: <https://platform.openai.com/docs/api-reference/responses/object#responses-object-output>.

use crate::dialect::ReplyContext;
use crate::hub::{Citation, Opaque, OpaqueKind, Place, ToolKind};
use crate::json::{JsonStr, Members, Obj, RawValue, one_line};

use super::super::echo::CallForm;

/// A part of a message.
#[derive(Debug, Default)]
pub(super) struct Part {
    pub(super) refusal: bool,
    pub(super) text: JsonStr<'static>,
    pub(super) citations: Vec<Citation<'static>>,
    /// Characters of the answer before this part.
    pub(super) from: u64,
}

impl Part {
    pub(super) fn write(&self, o: &mut Obj<'_>) {
        if self.refusal {
            o.text("type", "refusal");
            return o.str("refusal", &self.text);
        }
        o.text("type", "output_text");
        o.str("text", &self.text);
        o.arr("annotations", |a| self.citations.iter().for_each(|c| a.obj(|o| self.annotation(c, o))));
        o.arr("logprobs", |_| {});
    }

    /// Its range is one of this part's text.
    pub(super) fn annotation(&self, citation: &Citation<'_>, o: &mut Obj<'_>) {
        let (start, end) = citation.range.unwrap_or((self.from, self.from));
        o.text("type", "url_citation");
        o.uint("start_index", start.saturating_sub(self.from));
        o.uint("end_index", end.saturating_sub(self.from));
        o.str("title", citation.title.as_ref().unwrap_or(&JsonStr::default()));
        o.str("url", &citation.url);
    }
}

pub(super) fn message(o: &mut Obj<'_>, id: &str, status: &str, parts: &[Part]) {
    o.text("id", id);
    o.text("type", "message");
    o.text("status", status);
    o.text("role", "assistant");
    o.arr("content", |a| parts.iter().for_each(|p| a.obj(|o| p.write(o))));
}

/// A reasoning item; `state` is the JSON string of its encrypted content.
pub(super) fn reasoning(o: &mut Obj<'_>, id: &str, status: &str, summary: &JsonStr<'_>, state: Option<&str>) {
    o.text("id", id);
    o.text("type", "reasoning");
    o.text("status", status);
    o.arr("summary", |a| {
        if !summary.is_empty() {
            a.obj(|o| {
                o.text("type", "summary_text");
                o.str("text", summary);
            });
        }
    });
    match state {
        Some(state) => o.text("encrypted_content", state),
        None => o.null("encrypted_content"),
    }
}

/// A picture the model made; `result` is its base64, once it is there.
pub(super) fn image(o: &mut Obj<'_>, id: &str, media_type: &JsonStr<'_>, result: Option<&JsonStr<'_>>) {
    o.text("id", id);
    o.text("type", "image_generation_call");
    o.text("status", if result.is_some() { "completed" } else { "in_progress" });
    if let Some(format) = media_type.text().strip_prefix("image/") {
        o.text("output_format", format);
    }
    match result {
        Some(data) => o.str("result", data),
        None => o.null("result"),
    }
}

/// Encrypted content: OpenAI's own, or an envelope around another provider's state. What a signature signs goes along:
/// clients send summaries back as they like.
pub(super) fn sealed(state: &Opaque<'_>, text: &JsonStr<'_>, place: Place, context: &ReplyContext) -> String {
    if state.kind == OpaqueKind::OpenAiEncrypted && place == Place::Reasoning {
        return state.data.text().into_owned();
    }
    let mut state = state.clone();
    if state.kind == OpaqueKind::AnthropicSignature && place == Place::Reasoning {
        state.text = Some(text.borrowed());
    }
    state.seal(&context.provider, &context.upstream_model, place)
}

/// A call as an item.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) id: String,
    /// `call_id`, by which its output will name it.
    pub(super) pairing: JsonStr<'static>,
    pub(super) name: JsonStr<'static>,
    pub(super) kind: ToolKind,
    pub(super) form: Option<CallForm>,
    pub(super) arguments: JsonStr<'static>,
    pub(super) closed: bool,
}

impl Call {
    /// Told in one piece, when its arguments are whole: they are members of the item, not a string in it.
    pub(super) const fn is_special(&self) -> bool {
        matches!(self.form, Some(CallForm::Special(_)))
    }

    pub(super) fn write(&self, o: &mut Obj<'_>, status: &str, arguments: &JsonStr<'_>) {
        let kind = match self.kind {
            ToolKind::Custom => "custom_tool_call",
            ToolKind::Function => "function_call",
        };
        if let Some(CallForm::Special(special)) = &self.form
            && self.special(special, o, status, arguments)
        {
            return;
        }
        o.text("id", &self.id);
        o.text("type", kind);
        o.text("status", status);
        o.str("call_id", &self.pairing);
        match &self.form {
            Some(CallForm::Namespaced { namespace, name }) => {
                o.text("name", name);
                o.text("namespace", namespace);
            }
            Some(CallForm::Special(_)) | None => o.str("name", &self.name),
        }
        o.str(self.arguments_key(), arguments);
    }

    pub(super) const fn arguments_key(&self) -> &'static str {
        match self.kind {
            ToolKind::Custom => "input",
            ToolKind::Function => "arguments",
        }
    }

    /// An item of its own kind; `false` if the model's arguments do not make one.
    fn special(&self, kind: &str, o: &mut Obj<'_>, status: &str, arguments: &JsonStr<'_>) -> bool {
        let text = arguments.text();
        let text = one_line(text.trim());
        let Ok(members) = Members::parse(&text) else { return false };
        o.text("id", &self.id);
        o.text("type", &format!("{kind}_call"));
        o.text("status", status);
        o.str("call_id", &self.pairing);
        let all = |o: &mut Obj<'_>| members.iter().for_each(|(key, raw)| o.member(key, raw.get()));
        match kind {
            "apply_patch" => o.obj("operation", all),
            "local_shell" => o.obj("action", |o| {
                o.text("type", "exec");
                members.iter().filter(|(key, _)| *key != "type").for_each(|(key, raw)| o.member(key, raw.get()));
                if members.get("env").is_none() {
                    o.obj("env", |_| {});
                }
            }),
            "tool_search" => {
                o.text("execution", "client");
                o.raw("arguments", &text);
            }
            _ => o.obj("action", |o| {
                all(o);
                for key in ["timeout_ms", "max_output_length"] {
                    if members.get(key).map(RawValue::get).is_none() {
                        o.null(key);
                    }
                }
            }),
        }
        true
    }
}
