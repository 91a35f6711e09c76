//! Tools, the choice between them, and parallelism.

use crate::dialect::openai_chat::wire::{NAME_LIMIT, maybe, maybe_raw, members, nested, pairs};
use crate::hub::{
    CacheMark, Documented, ReasoningMode, Tool, ToolChoice, ToolKind, Untranslatable, described, free_text,
    schema as hub_schema,
};
use crate::json::{Arr, JsonStr, Members, Obj, RawValue};
use crate::provider::ForcedChoice;

use super::settings::forced;
use super::{Encoder, schema};

impl<'r> Encoder<'r> {
    /// `tools`, `tool_choice` and `parallel_tool_calls`: all three or none (pitfall 25).
    pub(super) fn tools(&mut self, o: &mut Obj<'_>) -> Result<(), Untranslatable> {
        let request = self.request;
        if self.own {
            self.own_tools(o);
            return Ok(());
        }
        let mut offered = Vec::new();
        for (at, tool) in request.tools.iter().enumerate() {
            if let Some(tool) = self.offer(at, tool)? {
                offered.push(tool);
            }
        }
        if offered.is_empty() {
            if request.tool_choice.is_some() && !request.tools.is_empty() {
                self.losses.drop("tool_choice");
            }
            return Ok(());
        }
        if offered.len() > self.quirks.max_tools {
            let what = format!("{} tools, but the target takes at most {}", offered.len(), self.quirks.max_tools);
            return Err(Untranslatable::new("tools", what));
        }
        o.arr("tools", |a| offered.iter().for_each(|t| self.write_tool(t, a)));
        self.choice(o);
        if request.parallel_tool_calls == Some(false) {
            if self.quirks.parallel_tool_calls {
                o.bool("parallel_tool_calls", false);
            } else {
                self.losses.drop(self.names.parallel);
            }
        }
        Ok(())
    }

    /// The tool to send for `tool`, if the target can have it.
    fn offer(&mut self, at: usize, tool: &'r Tool<'r>) -> Result<Option<Offer<'r>>, Untranslatable> {
        let request = self.request;
        if !self.quirks.tools {
            if forced(request.tool_choice.as_ref()) {
                return Err(Untranslatable::new("tool_choice", "the target knows no tools"));
            }
            self.losses.drop("tools");
            return Ok(None);
        }
        Ok(match tool {
            Tool::Function { name, description, schema, strict, cache, ext } => {
                if cache.is_some() && !self.quirks.cache_control {
                    self.losses.drop("cache_control");
                }
                Some(Offer::Function {
                    name,
                    description: described(description.as_ref(), ext, &mut self.losses),
                    schema: schema.as_deref(),
                    strict: *strict,
                    cache: *cache,
                })
            }
            Tool::Custom { name, description, format, .. } => {
                self.losses.approx("tools.custom");
                let description = free_text::description(description.as_ref(), *format);
                Some(Offer::FreeText { name, description })
            }
            Tool::Hosted { kind, name, .. } => self.hosted(at, kind, name.as_ref())?,
        })
    }

    /// A tool of the provider itself: a function where its arguments are documented, else it is left out, unless the
    /// answer would hang on it.
    fn hosted(
        &mut self,
        at: usize,
        kind: &str,
        name: Option<&'r JsonStr<'r>>,
    ) -> Result<Option<Offer<'r>>, Untranslatable> {
        if let Some(documented) = Documented::of(kind) {
            self.losses.approx(format!("tools.{kind}"));
            let name = name.map_or_else(|| JsonStr::written(documented.name), JsonStr::borrowed);
            return Ok(Some(Offer::Documented { name, documented }));
        }
        let only = !self.request.tools.iter().any(callable);
        if only || forced(self.request.tool_choice.as_ref()) {
            let what = format!("the target has no equivalent of `{kind}`");
            return Err(Untranslatable::new(format!("tools[{at}]"), what));
        }
        self.losses.drop(format!("tools.{kind}"));
        Ok(None)
    }

    fn write_tool(&mut self, offer: &Offer<'r>, a: &mut Arr<'_>) {
        match offer {
            Offer::Documented { name, documented } => a.obj(|o| {
                o.text("type", "function");
                o.obj("function", |o| {
                    o.str("name", &self.aliases.name(name, NAME_LIMIT));
                    o.text("description", documented.description);
                    o.raw("parameters", documented.schema);
                });
            }),
            Offer::Function { name, description, schema, strict, cache } => a.obj(|o| {
                o.text("type", "function");
                o.obj("function", |o| {
                    o.str("name", &self.aliases.name(name, NAME_LIMIT));
                    maybe(o, "description", description.as_ref());
                    if let Some(schema) = schema {
                        let plain = self.plain(schema);
                        o.raw("parameters", plain.as_deref().unwrap_or(schema.get()));
                    }
                    self.strict(*strict, *schema, o);
                });
                maybe_raw(o, "cache_control", cache.filter(|_| self.quirks.cache_control).map(|CacheMark(mark)| mark));
            }),
            Offer::FreeText { name, description } => a.obj(|o| {
                let sent = self.aliases.name(name, NAME_LIMIT);
                self.aliases.lower(&sent.text());
                o.text("type", "function");
                o.obj("function", |o| {
                    o.str("name", &sent);
                    maybe(o, "description", description.as_ref());
                    o.raw("parameters", free_text::SCHEMA);
                });
            }),
        }
    }

    /// A copy of the schema without what this provider refuses; `None` if it takes the schema as it is.
    fn plain(&mut self, schema: &RawValue) -> Option<String> {
        if self.quirks.plain_schema {
            return schema::without_dialect(schema);
        }
        if self.quirks.needs_properties {
            return hub_schema::with_properties(schema);
        }
        let rewritten = schema::with_plain_patterns(schema).filter(|_| self.quirks.plain_patterns && !self.own)?;
        self.losses.approx("tools.pattern");
        Some(rewritten)
    }

    /// A schema that strict mode would refuse is sent without it: altering the schema would alter its meaning.
    fn strict(&mut self, strict: Option<bool>, schema: Option<&RawValue>, o: &mut Obj<'_>) {
        match strict {
            Some(_) if !self.quirks.strict_tools => self.losses.drop("tools.strict"),
            Some(true) if schema.is_none_or(|schema| self.enforceable(schema)) => o.bool("strict", true),
            Some(true) => {
                self.losses.approx("tools.strict");
                o.bool("strict", false);
            }
            Some(false) => o.bool("strict", false),
            None => {}
        }
    }

    fn choice(&mut self, o: &mut Obj<'_>) {
        let Some(choice) = &self.request.tool_choice else { return };
        let thinking = self.request.reasoning.mode != Some(ReasoningMode::Off);
        if forced(Some(choice)) && thinking && self.quirks.forced_choice == ForcedChoice::WithoutThinking {
            // Forwarding it would be a 400 (pitfalls 27 and 28): ask in words instead.
            self.losses.approx("tool_choice");
            self.notes.push(if let ToolChoice::Named { name, .. } = choice {
                let sent = self.aliases.name(name, NAME_LIMIT);
                format!("You must call the tool `{}` in your next reply.", sent.text())
            } else {
                "You must call one of the tools in your next reply.".to_owned()
            });
            o.text("tool_choice", "auto");
            return;
        }
        match choice {
            ToolChoice::Allowed { required, names, .. } => o.obj("tool_choice", |o| {
                o.text("type", "allowed_tools");
                o.obj("allowed_tools", |o| {
                    o.text("mode", if *required { "required" } else { "auto" });
                    o.arr("tools", |a| {
                        for name in names {
                            a.obj(|o| named(&self.aliases.name(name, NAME_LIMIT), ToolKind::Function, o));
                        }
                    });
                });
            }),
            ToolChoice::Any => o.text("tool_choice", self.quirks.tool_choice_any),
            ToolChoice::Auto => o.text("tool_choice", "auto"),
            ToolChoice::Named { name, .. } => {
                let sent = self.aliases.name(name, NAME_LIMIT);
                o.obj("tool_choice", |o| named(&sent, ToolKind::Function, o));
            }
            ToolChoice::None => o.text("tool_choice", "none"),
        }
    }

    fn own_tools(&mut self, o: &mut Obj<'_>) {
        let request = self.request;
        if !request.tools.is_empty() {
            o.arr("tools", |a| request.tools.iter().for_each(|t| own_tool(t, a)));
        }
        match &request.tool_choice {
            None => {}
            Some(ToolChoice::Allowed { raw, .. }) => o.raw("tool_choice", raw.get()),
            Some(ToolChoice::Any) => o.text("tool_choice", self.quirks.tool_choice_any),
            Some(ToolChoice::Auto) => o.text("tool_choice", "auto"),
            Some(ToolChoice::Named { name, kind }) => o.obj("tool_choice", |o| named(name, *kind, o)),
            Some(ToolChoice::None) => o.text("tool_choice", "none"),
        }
        if let Some(parallel) = request.parallel_tool_calls {
            if self.quirks.parallel_tool_calls {
                o.bool("parallel_tool_calls", parallel);
            } else {
                self.losses.patch(self.names.parallel);
            }
        }
    }
}

/// A tool as it will be offered.
#[derive(Debug)]
enum Offer<'r> {
    Documented {
        name: JsonStr<'r>,
        documented: &'static Documented,
    },
    Function {
        name: &'r JsonStr<'r>,
        description: Option<JsonStr<'r>>,
        schema: Option<&'r RawValue>,
        strict: Option<bool>,
        cache: Option<CacheMark<'r>>,
    },
    FreeText {
        name: &'r JsonStr<'r>,
        description: Option<JsonStr<'r>>,
    },
}

/// Will anything be offered in this tool's place?
pub(super) fn callable(tool: &Tool<'_>) -> bool {
    match tool {
        Tool::Custom { .. } | Tool::Function { .. } => true,
        Tool::Hosted { kind, .. } => Documented::of(kind).is_some(),
    }
}

/// `{"type": "function", "function": {"name"}}`.
fn named(name: &JsonStr<'_>, kind: ToolKind, o: &mut Obj<'_>) {
    let kind = match kind {
        ToolKind::Custom => "custom",
        ToolKind::Function => "function",
    };
    o.text("type", kind);
    o.obj(kind, |o| o.str("name", name));
}

fn own_tool(tool: &Tool<'_>, a: &mut Arr<'_>) {
    let (Tool::Custom { raw, .. } | Tool::Hosted { raw, .. }) = tool else {
        return own_function(tool, a);
    };
    a.raw(raw.get());
}

fn own_function(tool: &Tool<'_>, a: &mut Arr<'_>) {
    let Tool::Function { name, description, schema, strict, cache, ext } = tool else { return };
    a.obj(|o| {
        o.text("type", "function");
        o.obj("function", |o| {
            o.str("name", name);
            maybe(o, "description", description.as_ref());
            maybe_raw(o, "parameters", schema.as_deref());
            if let Some(strict) = strict {
                o.bool("strict", *strict);
            }
            members(o, nested(ext, "function"));
        });
        maybe_raw(o, "cache_control", cache.map(|CacheMark(mark)| mark));
        members(o, pairs(ext).filter(|(k, _)| !k.starts_with("function.")));
    });
}

/// Is the raw value an object with a member of this name? (Used for marks, which tell their kind by their members.)
pub(super) fn has_member(raw: &RawValue, key: &str) -> bool {
    Members::of(raw).is_ok_and(|m| m.get(key).is_some())
}
