//! Input items: <https://platform.openai.com/docs/api-reference/responses/create#responses-create-input>.

use crate::hub::{
    Arguments, Form, Opaque, OpaqueKind, Part, Reasoning, Request, Role, ToolCall, ToolKind, ToolResult, Turn, opaque,
};
use crate::json::{Ext, JsonStr, Members, RawValue, WireError, elements};

use super::part;
use super::tool::{self, flat_name, lowered};

/// Reads `input`: a string, or items.
pub(super) fn decode<'a>(raw: &'a RawValue, request: &mut Request<'a>) -> Result<(), WireError> {
    let mut items = Items { request, open: None };
    if let Some(string) = JsonStr::from_raw(raw) {
        items.input(0, Role::User, vec![part::text(string)], Form::Text);
        return Ok(());
    }
    let list = elements(raw).map_err(|_| WireError::new("input", "expected a string or an array of items"))?;
    for (at, raw) in list.into_iter().enumerate() {
        items.item(at, raw).map_err(|e| e.under(format!("input[{at}]")))?;
    }
    items.close();
    Ok(())
}

/// Items on their way into turns.
struct Items<'r, 'a> {
    request: &'r mut Request<'a>,
    /// The assistant's turn that is being gathered, and the item it began with.
    open: Option<(usize, Vec<Part<'a>>)>,
}

impl<'a> Items<'_, 'a> {
    fn item(&mut self, at: usize, raw: &'a RawValue) -> Result<(), WireError> {
        let mut m = Members::of(raw)?;
        let kind = match m.take_text("type")? {
            Some(kind) => kind,
            None if m.get("role").is_some() => "message".into(),
            None => return Err(WireError::new("type", "missing required member")),
        };
        match kind.as_ref() {
            "message" => return self.message(at, m),
            "reasoning" => {
                let reasoning = reasoning(m)?;
                self.said(at, Part::Reasoning(reasoning));
            }
            "function_call" | "custom_tool_call" => {
                let call = call(m, &kind)?;
                self.said(at, Part::ToolCall(call));
            }
            "function_call_output" | "custom_tool_call_output" => return self.result(at, m, "output"),
            "additional_tools" => {
                let tools = tool::listed(&m)?;
                return tool::add(tools, "tools", self.request);
            }
            "configuration_update" => self.update(m),
            // Clients that leave storing to the provider (the AI SDK) name reasoning instead of sending it: an answer is
            // possible without. Anything else named would be a hole in the conversation.
            "item_reference" if m.take_text("id")?.is_some_and(|id| id.starts_with("rs_")) => {
                self.request.losses.drop("input.item_reference");
            }
            "item_reference" => {
                return Err(WireError::new("id", "this provider keeps no items; send the item itself"));
            }
            "compaction" => {
                let what = "an encrypted summary of the conversation can only go back to its author";
                return Err(WireError::new("encrypted_content", what));
            }
            other => return self.special(at, other, m),
        }
        Ok(())
    }

    /// Calls and results of the client's own special tools, and what a provider did by itself.
    fn special(&mut self, at: usize, kind: &str, mut m: Members<'a>) -> Result<(), WireError> {
        let server = m.get("execution").is_some_and(|e| e.get() == "\"server\"");
        if let Some(lowered) = kind.strip_suffix("_call").and_then(lowered).filter(|_| !server) {
            let id = m.take_str("call_id")?.or(m.take_str("id")?).unwrap_or_default();
            let name = JsonStr::written(lowered.kind);
            let raw = m.take(lowered.arguments);
            let raw = raw.ok_or_else(|| WireError::new(lowered.arguments, "missing required member"))?;
            let arguments = JsonStr::from_raw(raw).map_or(Arguments::Json(raw), Arguments::Escaped);
            self.said(at, function(id, name, arguments, ToolKind::Function));
            return Ok(());
        }
        match kind {
            "apply_patch_call_output" | "local_shell_call_output" | "shell_call_output" => self.result(at, m, "output"),
            "tool_search_output" if !server => {
                let tools = tool::listed(&m)?;
                tool::add(tools, "tools", self.request)?;
                self.result(at, m, "tools")
            }
            "code_interpreter_call"
            | "compaction_trigger"
            | "computer_call"
            | "computer_call_output"
            | "file_search_call"
            | "image_generation_call"
            | "mcp_approval_request"
            | "mcp_approval_response"
            | "mcp_call"
            | "mcp_list_tools"
            | "program"
            | "program_output"
            | "tool_search_call"
            | "tool_search_output"
            | "web_search_call" => {
                self.request.losses.drop(format!("input.{kind}"));
                Ok(())
            }
            // Leaving out one half of a pair would make nonsense of the other.
            _ if kind.ends_with("_call") || kind.ends_with("_output") => {
                Err(WireError::new("type", format!("`{kind}` is not known here")))
            }
            _ => {
                self.request.losses.drop(format!("input.{kind}"));
                Ok(())
            }
        }
    }

    fn message(&mut self, at: usize, mut m: Members<'a>) -> Result<(), WireError> {
        let role = match m.need_text("role")?.as_ref() {
            "assistant" => Role::Assistant,
            "developer" => Role::Developer,
            "system" => Role::System,
            "user" => Role::User,
            other => return Err(WireError::new("role", format!("unknown role `{other}`"))),
        };
        let content = m.take("content").ok_or_else(|| WireError::new("content", "missing required member"))?;
        let (parts, form) = part::content(content).map_err(|e| e.under("content"))?;
        if role == Role::Assistant {
            parts.into_iter().for_each(|p| self.said(at, p));
        } else {
            self.input(at, role, parts, form);
        }
        Ok(())
    }

    /// The result of a call; what it says is in the member `key`.
    fn result(&mut self, at: usize, mut m: Members<'a>, key: &str) -> Result<(), WireError> {
        let call_id = match m.take_str("call_id")?.filter(|id| !id.is_empty()) {
            Some(id) => id,
            None => match m.take_str("name")? {
                Some(name) => self.unanswered(&name).ok_or_else(|| WireError::new("call_id", "no such call"))?,
                None => m.need_str("id").map_err(|_| WireError::new("call_id", "missing required member"))?,
            },
        };
        let failed = m.take_text("status")?.is_some_and(|s| s == "failed" || s == "incomplete");
        let (parts, form) = match m.take(key) {
            None => (Vec::new(), Form::Absent),
            Some(raw) if key == "tools" => (vec![part::text(found(raw))], Form::Text),
            Some(raw) => match part::content(raw) {
                Ok(content) => content,
                // A shell's output is a list of its own kind.
                Err(_) => (part::as_text(raw), Form::Text),
            },
        };
        let is_error = failed.then_some(true);
        let result = ToolResult { call_id, parts, form, is_error, cache: None, ext: Ext::new() };
        self.input(at, Role::Tool, vec![Part::ToolResult(result)], Form::Parts);
        Ok(())
    }

    /// The id of the nearest call of `name` that has no result yet.
    fn unanswered(&mut self, name: &JsonStr<'a>) -> Option<JsonStr<'a>> {
        self.close();
        let parts = || self.request.turns.iter().rev().flat_map(|t| t.parts.iter().rev());
        let answered: Vec<_> =
            parts().filter_map(|p| if let Part::ToolResult(r) = p { Some(r.call_id.text()) } else { None }).collect();
        let calls = parts().filter_map(|p| if let Part::ToolCall(call) = p { Some(call) } else { None });
        let mut open = calls.filter(|c| c.name == name.text().as_ref() && !answered.contains(&c.id.text()));
        open.next().map(|c| c.id.clone())
    }

    /// New settings in the middle of the conversation: the last ones count for this reply.
    fn update(&mut self, mut m: Members<'a>) {
        let mut left = Ext::new();
        if let Ok(Some(reasoning)) = m.take_object("reasoning") {
            super::reasoning(reasoning, self.request, &mut left);
        }
        if m.take("text").is_some() || !left.is_empty() {
            self.request.losses.drop("input.configuration_update");
        }
    }

    fn said(&mut self, at: usize, part: Part<'a>) {
        self.open.get_or_insert_with(|| (at, Vec::new())).1.push(part);
    }

    fn input(&mut self, at: usize, role: Role, parts: Vec<Part<'a>>, form: Form) {
        self.close();
        self.turn(at, role, parts, form);
    }

    fn close(&mut self) {
        if let Some((at, mut parts)) = self.open.take() {
            opaque::settle(&mut parts);
            self.turn(at, Role::Assistant, parts, Form::Parts);
        }
    }

    fn turn(&mut self, at: usize, role: Role, parts: Vec<Part<'a>>, form: Form) {
        self.request.places.push(at);
        self.request.turns.push(Turn { role, parts, form, name: None, ext: Ext::new() });
    }
}

fn call<'a>(mut m: Members<'a>, kind: &str) -> Result<ToolCall<'a>, WireError> {
    let (kind, key) =
        if kind == "custom_tool_call" { (ToolKind::Custom, "input") } else { (ToolKind::Function, "arguments") };
    let namespace = m.take_str("namespace")?;
    let name = flat_name(namespace.as_ref(), m.need_str("name")?);
    let arguments = match m.take(key) {
        None => Arguments::Escaped(JsonStr::default()),
        Some(raw) => JsonStr::from_raw(raw).map_or(Arguments::Json(raw), Arguments::Escaped),
    };
    Ok(ToolCall { id: m.need_str("call_id")?, name, arguments, kind, opaque: None, cache: None, ext: Ext::new() })
}

fn function<'a>(id: JsonStr<'a>, name: JsonStr<'a>, arguments: Arguments<'a>, kind: ToolKind) -> Part<'a> {
    Part::ToolCall(ToolCall { id, name, arguments, kind, opaque: None, cache: None, ext: Ext::new() })
}

/// Raw reasoning where it is shown, else its summary. What Codex sends is `content: null`.
fn reasoning(mut m: Members<'_>) -> Result<Reasoning<'_>, WireError> {
    let mut text = joined(m.take_array("content")?.unwrap_or_default());
    if text.is_empty() {
        text = joined(m.take_array("summary")?.unwrap_or_default());
    }
    let state = m.take_str("encrypted_content")?.and_then(|s| Opaque::read(OpaqueKind::OpenAiEncrypted, s));
    Ok(match state {
        Some(data) if data.kind == OpaqueKind::AnthropicRedacted => Reasoning::Redacted { data, ext: Ext::new() },
        signature => Reasoning::Thinking { text, signature, ext: Ext::new() },
    })
}

fn joined(parts: Vec<&RawValue>) -> JsonStr<'_> {
    let mut texts = parts.into_iter().filter_map(|p| Members::of(p).ok()?.take_str("text").ok()?);
    let mut all = texts.next().unwrap_or_default();
    for text in texts {
        all.push(&JsonStr::written("\\n\\n"));
        all.push(&text);
    }
    all
}

/// What a search for tools found, in words; the tools themselves are on the list.
fn found(raw: &RawValue) -> JsonStr<'static> {
    fn names(raw: &RawValue, out: &mut Vec<String>) {
        for tool in elements(raw).unwrap_or_default() {
            let Ok(mut m) = Members::of(tool) else { continue };
            match m.take("tools") {
                Some(inner) => names(inner, out),
                None => out.extend(m.take_text("name").ok().flatten().map(std::borrow::Cow::into_owned)),
            }
        }
    }
    let mut all = Vec::new();
    names(raw, &mut all);
    JsonStr::owned(&format!("Found tools: {}", if all.is_empty() { "none".to_owned() } else { all.join(", ") }))
}
