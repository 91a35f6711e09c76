//! Tools, the choice between them, and parallelism.

use crate::hub::{Documented, Tool, ToolChoice, ToolKind, Untranslatable, described, schema};
use crate::json::{Arr, JsonStr, Members, Obj, RawValue};

use super::super::wire::NAME_LIMIT;
use super::Encoder;

/// A tool as it will be offered.
enum Offer<'r> {
    Documented(JsonStr<'r>, &'static Documented),
    Function(&'r Tool<'r>, Option<JsonStr<'r>>),
    Custom(&'r Tool<'r>),
    /// A tool of the provider: its type and its options.
    Hosted(&'static str, Members<'r>),
}

/// Hosted tools that have an equivalent here, by the start of their versioned type.
const HOSTED: &[(&str, &str)] =
    &[("web_search", "web_search"), ("web_fetch_", "web_search"), ("code_execution_", "code_interpreter")];

impl<'r> Encoder<'r> {
    /// `tools`, `tool_choice` and `parallel_tool_calls`: all three or none.
    pub(super) fn tools(&mut self, o: &mut Obj<'_>) -> Result<(), Untranslatable> {
        let request = self.request;
        let mut offers = Vec::new();
        if self.lacks("tool_choice") && matches!(request.tool_choice, Some(ToolChoice::None)) {
            // What is not offered is not called.
            return Ok(());
        }
        for (at, tool) in request.tools.iter().enumerate() {
            offers.extend(self.offer(at, tool)?);
        }
        let options = request.ext.iter().find(|(key, _)| key == "web_search_options");
        if let Some(options) = options.and_then(|(_, raw)| Members::of(raw).ok()) {
            self.losses.approx("web_search_options");
            offers.push(Offer::Hosted("web_search", options));
        }
        if offers.is_empty() {
            if request.tool_choice.is_some() && !request.tools.is_empty() {
                self.losses.drop("tool_choice");
            }
            return Ok(());
        }
        if offers.len() > self.target.quirks.max_tools {
            let what = format!("{} tools, but the target takes at most {}", offers.len(), self.target.quirks.max_tools);
            return Err(Untranslatable::new("tools", what));
        }
        let mut searching = false;
        o.arr("tools", |a| {
            for offer in &offers {
                if let Offer::Hosted("web_search", _) = offer
                    && std::mem::replace(&mut searching, true)
                {
                    continue;
                }
                self.write_offer(offer, a);
            }
        });
        if !self.lacks("tool_choice") {
            self.choice(o);
        } else if !matches!(request.tool_choice, None | Some(ToolChoice::Auto)) {
            self.losses.drop("tool_choice");
        }
        if request.parallel_tool_calls == Some(false) {
            if self.lacks("parallel_tool_calls") {
                self.losses.drop(self.names.parallel);
            } else {
                o.bool("parallel_tool_calls", false);
            }
        }
        Ok(())
    }

    fn offer(&mut self, at: usize, tool: &'r Tool<'r>) -> Result<Option<Offer<'r>>, Untranslatable> {
        let Tool::Hosted { kind, name, raw } = tool else {
            return Ok(Some(match tool {
                Tool::Function { description, cache, ext, .. } => {
                    if cache.is_some() {
                        self.losses.drop("cache_control");
                    }
                    Offer::Function(tool, described(description.as_ref(), ext, &mut self.losses))
                }
                Tool::Custom { .. } if self.lacks("custom") => {
                    let what = "the target has no free-text tools";
                    return Err(Untranslatable::new(format!("tools[{at}]"), what));
                }
                Tool::Custom { .. } | Tool::Hosted { .. } => Offer::Custom(tool),
            }));
        };
        if let Some(documented) = Documented::of(kind) {
            self.losses.approx(format!("tools.{kind}"));
            let name = name.as_ref().map_or_else(|| JsonStr::written(documented.name), JsonStr::borrowed);
            return Ok(Some(Offer::Documented(name, documented)));
        }
        if let Some((_, ours)) = HOSTED.iter().find(|(prefix, ours)| kind.starts_with(prefix) && !self.lacks(ours)) {
            self.losses.approx(format!("tools.{kind}"));
            return Ok(Some(Offer::Hosted(ours, Members::of(raw).unwrap_or_default())));
        }
        let forced = matches!(
            self.request.tool_choice,
            Some(ToolChoice::Any | ToolChoice::Named { .. } | ToolChoice::Allowed { required: true, .. })
        );
        let only = !self.request.tools.iter().any(|t| !matches!(t, Tool::Hosted { .. }));
        if only || forced {
            let what = format!("the target has no equivalent of `{kind}`");
            return Err(Untranslatable::new(format!("tools[{at}]"), what));
        }
        self.losses.drop(format!("tools.{kind}"));
        Ok(None)
    }

    fn write_offer(&mut self, offer: &Offer<'r>, a: &mut Arr<'_>) {
        match offer {
            Offer::Documented(name, documented) => a.obj(|o| {
                o.text("type", "function");
                o.str("name", &self.aliases.name(name, NAME_LIMIT));
                o.text("description", documented.description);
                o.raw("parameters", documented.schema);
                o.bool("strict", false);
            }),
            Offer::Function(tool, description) => self.function(tool, description.as_ref(), a),
            Offer::Custom(tool) => {
                let Tool::Custom { name, description, format, .. } = tool else { return };
                a.obj(|o| {
                    o.text("type", "custom");
                    o.str("name", &self.aliases.name(name, NAME_LIMIT));
                    if let Some(description) = description {
                        o.str("description", description);
                    }
                    if let Some(format) = format {
                        o.obj("format", |o| flat_format(format, o));
                    }
                });
            }
            Offer::Hosted("code_interpreter", _) => a.obj(|o| {
                o.text("type", "code_interpreter");
                o.obj("container", |o| o.text("type", "auto"));
            }),
            Offer::Hosted(kind, options) => a.obj(|o| {
                o.text("type", kind);
                self.search(options, o);
            }),
        }
    }

    /// `strict` is said aloud: left out, it would mean "if possible" here and "no" where the tool comes from.
    fn function(&mut self, tool: &Tool<'r>, description: Option<&JsonStr<'r>>, a: &mut Arr<'_>) {
        let Tool::Function { name, schema, strict, .. } = tool else { return };
        a.obj(|o| {
            o.text("type", "function");
            o.str("name", &self.aliases.name(name, NAME_LIMIT));
            if let Some(description) = description {
                o.str("description", description);
            }
            let whole =
                schema.as_deref().filter(|_| self.target.quirks.needs_properties).and_then(schema::with_properties);
            o.raw("parameters", whole.as_deref().or(schema.as_deref().map(RawValue::get)).unwrap_or(NO_ARGUMENTS));
            let wanted = *strict == Some(true);
            let can = self.target.quirks.strict_tools && schema.as_deref().is_none_or(schema::is_strict);
            if wanted && !can {
                self.losses.approx("tools.strict");
            }
            o.bool("strict", wanted && can);
        });
    }

    /// The options of a search that both sides have.
    fn search(&mut self, options: &Members<'r>, o: &mut Obj<'_>) {
        for (key, raw) in options.iter().filter(|(_, raw)| raw.get() != "null") {
            match key {
                "allowed_domains" => o.obj("filters", |o| o.raw("allowed_domains", raw.get())),
                "filters" | "search_context_size" => o.raw(key, raw.get()),
                "user_location" => {
                    // Chat nests it.
                    let nested = Members::of(raw).ok().and_then(|m| m.get("approximate"));
                    o.obj("user_location", |o| {
                        o.text("type", "approximate");
                        for (key, raw) in Members::of(nested.unwrap_or(raw)).unwrap_or_default().iter() {
                            if matches!(key, "city" | "country" | "region" | "timezone") {
                                o.raw(key, raw.get());
                            }
                        }
                    });
                }
                "blocked_domains" | "max_uses" => self.losses.drop(format!("tools.web_search.{key}")),
                _ => {}
            }
        }
    }

    fn choice(&mut self, o: &mut Obj<'_>) {
        match &self.request.tool_choice {
            None => {}
            Some(ToolChoice::Allowed { required, names, .. }) => o.obj("tool_choice", |o| {
                o.text("type", "allowed_tools");
                o.text("mode", if *required { "required" } else { "auto" });
                o.arr("tools", |a| {
                    for name in names {
                        let kind = self.kind(name);
                        a.obj(|o| self.named(name, kind, o));
                    }
                });
            }),
            Some(ToolChoice::Any) => o.text("tool_choice", "required"),
            Some(ToolChoice::Auto) => o.text("tool_choice", "auto"),
            Some(ToolChoice::Named { name, kind }) => o.obj("tool_choice", |o| self.named(name, *kind, o)),
            Some(ToolChoice::None) => o.text("tool_choice", "none"),
        }
    }

    fn kind(&self, wanted: &JsonStr<'_>) -> ToolKind {
        let custom = self.request.tools.iter().any(|t| matches!(t, Tool::Custom { name, .. } if name == wanted));
        if custom { ToolKind::Custom } else { ToolKind::Function }
    }

    fn named(&mut self, name: &JsonStr<'r>, kind: ToolKind, o: &mut Obj<'_>) {
        o.text(
            "type",
            match kind {
                ToolKind::Custom => "custom",
                ToolKind::Function => "function",
            },
        );
        o.str("name", &self.aliases.name(name, NAME_LIMIT));
    }
}

/// The schema of a tool without arguments.
const NO_ARGUMENTS: &str = r#"{"type":"object","properties":{}}"#;

/// The format of a free-text tool; Chat nests the grammar, Responses does not.
fn flat_format(format: &RawValue, o: &mut Obj<'_>) {
    let m = Members::of(format).unwrap_or_default();
    let grammar = m.get("grammar").and_then(|raw| Members::of(raw).ok()).unwrap_or_default();
    for (key, raw) in m.iter().filter(|(key, _)| *key != "grammar").chain(grammar.iter()) {
        o.member(key, raw.get());
    }
}
