//! Tools and tool choice: <https://docs.anthropic.com/en/docs/agents-and-tools/tool-use/implement-tool-use>.

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::hub::{Tool, ToolChoice, Untranslatable, free_text};
use crate::json::{Arr, JsonStr, Members, Obj, RawValue, object};

use super::super::schema;
use super::Context;
use super::block::{Block, Kind};
use super::members::Extras;
use super::turns::Conversation;

/// The tool that stands in for a structured answer.
const JSON_TOOL: &str = "json_output";

/// The tools on offer, in the caller's order.
#[derive(Debug, Default)]
pub(super) struct Tools<'r> {
    list: Vec<Definition<'r>>,
    web_search: Option<String>,
    /// The answer must be given by calling [`JSON_TOOL`] (the name as sent).
    json: Option<String>,
}

#[derive(Debug)]
struct Definition<'r> {
    name: JsonStr<'r>,
    description: Option<JsonStr<'r>>,
    schema: Cow<'r, str>,
    strict: bool,
    cache: Option<Cow<'r, str>>,
}

impl<'r> Tools<'r> {
    pub(super) fn read(
        cx: &mut Context<'r>,
        conversation: &Conversation<'r>,
        extras: &Extras<'r>,
    ) -> Result<Self, Untranslatable> {
        let mut this = Self::default();
        let request = cx.request;
        for (at, tool) in request.tools.iter().enumerate() {
            if !is_allowed(tool, request.tool_choice.as_ref()) {
                cx.losses.approx("tool_choice");
                continue;
            }
            match tool {
                Tool::Function { .. } => this.list.push(function(cx, tool, at)?),
                Tool::Custom { name, description, format, .. } => {
                    let name = cx.tool_name(name);
                    cx.aliases.lower(&name.text());
                    cx.losses.approx("tools.custom");
                    let description = free_text::description(description.as_ref(), *format);
                    let schema = Cow::Borrowed(free_text::SCHEMA);
                    this.list.push(Definition { name, description, schema, strict: false, cache: None });
                }
                Tool::Hosted { kind, raw, .. } if kind.starts_with("web_search") => {
                    this.search(cx, &Members::of(raw).unwrap_or_default(), "tools.web_search");
                }
                Tool::Hosted { kind, .. } => cx.losses.drop(format!("tools.{kind}")),
            }
        }
        if let Some(options) = &extras.web_search {
            this.search(cx, options, "web_search_options");
        }
        if this.is_empty() {
            this.synthesise(cx, conversation);
        }
        Ok(this)
    }

    fn is_empty(&self) -> bool {
        self.list.is_empty() && self.web_search.is_none()
    }

    /// A history with tool calls needs tools, even where the caller sends none any more.
    fn synthesise(&mut self, cx: &mut Context<'r>, conversation: &Conversation<'r>) {
        let mut known = BTreeSet::new();
        for block in conversation.messages.iter().flat_map(|m| &m.blocks) {
            let Kind::ToolUse { name, .. } = &block.kind else { continue };
            if known.insert(name.text()) {
                cx.losses.approx("tools");
                self.list.push(Definition {
                    name: name.clone(),
                    description: None,
                    schema: Cow::Borrowed(schema::NO_ARGUMENTS),
                    strict: false,
                    cache: None,
                });
            }
        }
    }

    /// `web_search_options`, or another provider's search tool, as Anthropic's hosted search; `name` is the caller's.
    fn search(&mut self, cx: &mut Context<'r>, options: &Members<'r>, name: &'static str) {
        if self.list.iter().any(|t| t.name == "web_search") {
            return cx.losses.drop(name);
        }
        cx.losses.approx(name);
        let filters = options.clone().take_object("filters").ok().flatten();
        let location = options.clone().take_object("user_location").ok().flatten();
        // Chat nests it.
        let location = location.map(|mut l| l.take_object("approximate").ok().flatten().unwrap_or(l));
        let mut out = Vec::new();
        object(&mut out, |o| {
            o.text("type", cx.model.web_search);
            o.text("name", "web_search");
            if let Some(domains) = filters.as_ref().and_then(|f| f.get("allowed_domains")) {
                o.raw("allowed_domains", domains.get());
            }
            if let Some(location) = location {
                o.obj("user_location", |o| {
                    o.text("type", "approximate");
                    for (key, raw) in location.iter() {
                        if matches!(key, "city" | "country" | "region" | "timezone") && raw.get() != "null" {
                            o.raw(key, raw.get());
                        }
                    }
                });
            }
        });
        self.web_search = String::from_utf8(out).ok();
    }

    /// Adds the tool whose arguments are the structured answer.
    pub(super) fn add_json_tool(&mut self, cx: &mut Context<'r>, schema: &'r RawValue) {
        let mut name = JSON_TOOL.to_owned();
        while self.list.iter().any(|t| t.name == name.as_str()) {
            name.push('_');
        }
        cx.aliases.set_json_tool(&name);
        self.list.push(Definition {
            name: JsonStr::owned(&name),
            description: Some(JsonStr::escape("Gives the final answer. Its arguments are the answer.")),
            schema: Cow::Borrowed(schema.get()),
            strict: false,
            cache: None,
        });
        self.json = Some(name);
    }

    /// The JSON text of `tool_choice`. Where the model refuses to be forced, it is told in words instead.
    pub(super) fn choose(
        &self,
        cx: &mut Context<'r>,
        manual_thinking: bool,
        system: &mut Vec<Block<'r>>,
    ) -> Result<Option<String>, Untranslatable> {
        let asked = cx.request.tool_choice.as_ref();
        if self.is_empty() {
            return match asked {
                Some(ToolChoice::Any | ToolChoice::Named { .. } | ToolChoice::Allowed { required: true, .. }) => {
                    Err(Untranslatable::new("tool_choice", "none of the tools can be offered to an Anthropic model"))
                }
                Some(ToolChoice::Auto | ToolChoice::None | ToolChoice::Allowed { .. }) | None => Ok(None),
            };
        }
        let can_force = cx.model.forced_choice && !manual_thinking;
        let alone = self.json.is_some() && self.list.len() == 1 && self.web_search.is_none();
        let (mut kind, mut name) = match asked {
            _ if alone => ("tool", self.json.as_deref().map(JsonStr::escape)),
            Some(ToolChoice::Any | ToolChoice::Allowed { required: true, .. }) => ("any", None),
            Some(ToolChoice::Named { name, .. }) => ("tool", Some(cx.tool_name(name))),
            Some(ToolChoice::None) if self.json.is_none() => ("none", None),
            Some(ToolChoice::Auto | ToolChoice::None | ToolChoice::Allowed { .. }) => ("auto", None),
            None => ("", None),
        };
        if !alone && let Some(json) = &self.json {
            let words = format!("When you have the final answer, give it by calling the tool `{json}`.");
            system.push(Block::text(JsonStr::owned(&words)));
        }
        if matches!(kind, "any" | "tool") && !can_force {
            cx.losses.approx(if alone { "response_format" } else { "tool_choice" });
            let words = match &name {
                Some(name) => format!("You must call the tool `{}` in this reply.", name.text()),
                None => "You must call one of the tools in this reply.".to_owned(),
            };
            system.push(Block::text(JsonStr::owned(&words)));
            (kind, name) = ("auto", None);
        }
        let one_call = cx.request.parallel_tool_calls == Some(false) && kind != "none";
        if kind.is_empty() && !one_call {
            return Ok(None);
        }
        let mut out = Vec::new();
        object(&mut out, |o| {
            o.text("type", if kind.is_empty() { "auto" } else { kind });
            if let Some(name) = &name {
                o.str("name", name);
            }
            if one_call {
                o.bool("disable_parallel_tool_use", true);
            }
        });
        Ok(String::from_utf8(out).ok())
    }

    pub(super) fn write(&self, o: &mut Obj<'_>) {
        if self.is_empty() {
            return;
        }
        o.arr("tools", |a| {
            self.list.iter().for_each(|t| t.write(a));
            if let Some(search) = &self.web_search {
                a.raw(search);
            }
        });
    }

    /// The cache breakpoints of the tools, in order.
    pub(super) fn marks(&mut self) -> impl Iterator<Item = &mut Option<Cow<'r, str>>> {
        self.list.iter_mut().map(|t| &mut t.cache)
    }
}

impl Definition<'_> {
    fn write(&self, a: &mut Arr<'_>) {
        a.obj(|o| {
            o.str("name", &self.name);
            if let Some(description) = &self.description {
                o.str("description", description);
            }
            o.raw("input_schema", &self.schema);
            if self.strict {
                o.bool("strict", true);
            }
            if let Some(cache) = &self.cache {
                o.raw("cache_control", cache);
            }
        });
    }
}

/// A subset is offered by leaving the others out: Anthropic has no list of allowed tools.
fn is_allowed(tool: &Tool<'_>, choice: Option<&ToolChoice<'_>>) -> bool {
    let Some(ToolChoice::Allowed { names, .. }) = choice else { return true };
    let name = match tool {
        Tool::Function { name, .. } | Tool::Custom { name, .. } => name.text(),
        Tool::Hosted { kind, name, .. } => name.as_ref().map_or(Cow::Borrowed(kind.as_ref()), JsonStr::text),
    };
    names.iter().any(|n| n.text() == name)
}

fn function<'r>(cx: &mut Context<'r>, tool: &'r Tool<'r>, at: usize) -> Result<Definition<'r>, Untranslatable> {
    let Tool::Function { name, description, schema, strict, cache, ext } = tool else {
        return Err(Untranslatable::new(format!("tools[{at}]"), "expected a function"));
    };
    for (key, _) in ext.iter().filter(|(key, _)| !super::parts::is_mark(key)) {
        cx.losses.drop(format!("tools.function.{key}"));
    }
    let mut description = description.clone();
    let mut schema = schema::for_tool(schema.as_deref())
        .map_err(|what| Untranslatable::new(format!("tools[{at}].function.parameters"), what))?;
    if let Some(words) = schema.moved {
        cx.losses.approx("tools.function.parameters");
        let mut longer = description.unwrap_or_default().into_owned();
        longer.push(&JsonStr::owned(&words));
        description = Some(longer);
    }
    let mut is_strict = false;
    if *strict == Some(true) {
        let restricted = if cx.model.structured { schema::restrict_text(&schema.text).ok() } else { None };
        match restricted {
            Some(restricted) => {
                is_strict = true;
                if restricted.changed {
                    cx.losses.approx("tools.function.parameters");
                    schema.text = Cow::Owned(restricted.text);
                }
            }
            None => cx.losses.approx("tools.function.strict"),
        }
    }
    Ok(Definition {
        name: cx.tool_name(name),
        description,
        schema: schema.text,
        strict: is_strict,
        cache: cx.mark(*cache, ext),
    })
}
