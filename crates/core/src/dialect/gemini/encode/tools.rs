//! Tools and tool choice: <https://ai.google.dev/gemini-api/docs/function-calling>.

use std::borrow::Cow;

use super::super::schema;
use super::Context;
use super::config::Extras;
use crate::dialect::Dialect;
use crate::hub::{Documented, Tool, ToolChoice, Untranslatable};
use crate::json::{JsonStr, Obj, RawValue, elements};

/// Schema of a free-text tool in disguise.
const FREE_TEXT: &str = r#"{"type":"object","properties":{"input":{"type":"string"}},"required":["input"]}"#;

/// The tools on offer, in the caller's order.
#[derive(Debug, Default)]
pub(super) struct Tools<'r> {
    functions: Vec<Function<'r>>,
    /// Google's own, as members of a tool entry.
    hosted: Vec<(Cow<'r, str>, Cow<'r, str>)>,
    choice: Option<Choice<'r>>,
}

#[derive(Debug)]
struct Function<'r> {
    name: JsonStr<'r>,
    description: JsonStr<'r>,
    /// The member and the text of the schema; none for a function without arguments.
    schema: Option<(&'static str, Cow<'r, str>)>,
}

#[derive(Debug)]
struct Choice<'r> {
    mode: &'static str,
    names: Vec<JsonStr<'r>>,
}

impl<'r> Tools<'r> {
    pub(super) fn read(cx: &mut Context<'r>, extras: &Extras<'r>) -> Result<Self, Untranslatable> {
        let mut this = Self::default();
        let request = cx.request;
        for (at, tool) in request.tools.iter().enumerate() {
            match tool {
                Tool::Function { .. } => this.functions.push(function(cx, tool)),
                Tool::Custom { name: original, description, format, .. } => {
                    let name = cx.function_name(original);
                    cx.aliases.lower(&name.text());
                    cx.losses.approx("tools.custom");
                    let description = described(description.as_ref(), *format, original);
                    let schema = Some((member(cx), Cow::Borrowed(FREE_TEXT)));
                    this.functions.push(Function { name, description, schema });
                }
                Tool::Hosted { kind, name, raw } => this.hosted(cx, at, kind, name.as_ref(), raw)?,
            }
        }
        if extras.web_search && !this.hosted.iter().any(|(key, _)| key == "googleSearch") {
            cx.losses.approx("web_search_options");
            this.hosted.push((Cow::Borrowed("googleSearch"), Cow::Borrowed("{}")));
        }
        this.apart(cx)?;
        this.choose(cx);
        if request.parallel_tool_calls == Some(false) && !this.functions.is_empty() {
            cx.losses.drop(cx.names.parallel);
        }
        Ok(this)
    }

    pub(super) fn has_functions(&self) -> bool {
        !self.functions.is_empty()
    }

    /// A tool of another provider: Google's own of the same purpose, a function where its arguments are documented, else
    /// it is left out, unless the answer would hang on it.
    fn hosted(
        &mut self,
        cx: &mut Context<'r>,
        at: usize,
        kind: &'r str,
        name: Option<&'r JsonStr<'r>>,
        raw: &'r RawValue,
    ) -> Result<(), Untranslatable> {
        if cx.request.origin == Dialect::Gemini {
            self.hosted.push((Cow::Borrowed(kind), Cow::Borrowed(raw.get())));
            return Ok(());
        }
        let own = match kind {
            _ if kind.starts_with("web_search") => Some("googleSearch"),
            _ if kind.starts_with("web_fetch") => Some("urlContext"),
            _ if kind.starts_with("code_execution") || kind == "code_interpreter" => Some("codeExecution"),
            _ => None,
        };
        if let Some(own) = own {
            cx.losses.approx(format!("tools.{kind}"));
            if !self.hosted.iter().any(|(key, _)| key == own) {
                self.hosted.push((Cow::Borrowed(own), Cow::Borrowed("{}")));
            }
            return Ok(());
        }
        if let Some(documented) = Documented::of(kind) {
            cx.losses.approx(format!("tools.{kind}"));
            let name = name.map_or_else(|| JsonStr::written(documented.name), JsonStr::borrowed);
            let name = cx.function_name(&name);
            let description = JsonStr::escape(documented.description);
            let schema = Some((member(cx), Cow::Borrowed(documented.schema)));
            self.functions.push(Function { name, description, schema });
            return Ok(());
        }
        let only = !cx.request.tools.iter().any(|t| !matches!(t, Tool::Hosted { .. }));
        if only || forced(cx.request.tool_choice.as_ref()) {
            let what = format!("Gemini has no equivalent of `{kind}`");
            return Err(Untranslatable::new(format!("tools[{at}]"), what));
        }
        cx.losses.drop(format!("tools.{kind}"));
        Ok(())
    }

    /// Before the third generation Google's own tools and functions exclude each other.
    fn apart(&mut self, cx: &mut Context<'r>) -> Result<(), Untranslatable> {
        if self.functions.is_empty() || self.hosted.is_empty() || cx.model.hosted_with_functions {
            return Ok(());
        }
        if forced(cx.request.tool_choice.as_ref()) {
            return Err(Untranslatable::new(
                "tools",
                "this model takes either functions or Google's own tools, not both",
            ));
        }
        for (key, _) in self.hosted.drain(..) {
            cx.losses.drop(format!("tools.{key}"));
        }
        Ok(())
    }

    /// Only functions are chosen; names go with `ANY` and `VALIDATED`, never with the other modes.
    fn choose(&mut self, cx: &mut Context<'r>) {
        let Some(choice) = &cx.request.tool_choice else {
            return;
        };
        if self.functions.is_empty() {
            if !matches!(choice, ToolChoice::Auto | ToolChoice::None) {
                cx.losses.drop("tool_choice");
            }
            return;
        }
        let (mode, names) = match choice {
            ToolChoice::Any => ("ANY", Vec::new()),
            ToolChoice::Auto if all_strict(cx) => {
                cx.losses.approx("tools.strict");
                ("VALIDATED", Vec::new())
            }
            ToolChoice::Auto => ("AUTO", Vec::new()),
            ToolChoice::None => ("NONE", Vec::new()),
            ToolChoice::Named { name, .. } => ("ANY", vec![cx.function_name(name)]),
            ToolChoice::Allowed { required, names, .. } => {
                let names = names.iter().map(|name| cx.function_name(name)).collect();
                (if *required { "ANY" } else { "VALIDATED" }, names)
            }
        };
        self.choice = Some(Choice { mode, names });
    }

    pub(super) fn write(&self, o: &mut Obj<'_>) {
        if !self.functions.is_empty() || !self.hosted.is_empty() {
            o.arr("tools", |a| {
                if !self.functions.is_empty() {
                    a.obj(|o| {
                        o.arr("functionDeclarations", |a| self.functions.iter().for_each(|f| a.obj(|o| f.write(o))));
                    });
                }
                for (key, value) in &self.hosted {
                    a.obj(|o| o.member(key, value));
                }
            });
        }
        let beside = !self.functions.is_empty() && !self.hosted.is_empty();
        if self.choice.is_none() && !beside {
            return;
        }
        o.obj("toolConfig", |o| {
            if let Some(choice) = &self.choice {
                o.obj("functionCallingConfig", |o| {
                    o.text("mode", choice.mode);
                    if !choice.names.is_empty() {
                        o.arr("allowedFunctionNames", |a| choice.names.iter().for_each(|n| a.str(n)));
                    }
                });
            }
            if beside {
                o.bool("includeServerSideToolInvocations", true);
            }
        });
    }
}

impl Function<'_> {
    fn write(&self, o: &mut Obj<'_>) {
        o.str("name", &self.name);
        o.str("description", &self.description);
        if let Some((member, schema)) = &self.schema {
            o.raw(member, schema);
        }
    }
}

fn function<'r>(cx: &mut Context<'r>, tool: &'r Tool<'r>) -> Function<'r> {
    let Tool::Function { name, description, schema, strict, cache, ext } = tool else {
        return Function { name: JsonStr::default(), description: JsonStr::default(), schema: None };
    };
    if let Some(mark) = &cache {
        cx.losses.drop(mark.name());
    }
    if *strict == Some(true) && cx.request.tool_choice.as_ref().is_some_and(|c| !matches!(c, ToolChoice::Auto)) {
        cx.losses.drop("tools.strict");
    }
    let mut words = described(description.as_ref(), None, name);
    let name = cx.function_name(name);
    for (key, raw) in ext {
        match elements(raw) {
            Ok(examples) if key == "input_examples" => {
                cx.losses.approx("tools.input_examples");
                words.push(&JsonStr::escape("\n\nExamples of the input:"));
                examples.iter().for_each(|e| words.push(&JsonStr::owned(&format!("\n{}", e.get()))));
            }
            _ => cx.losses.drop(format!("tools.{key}")),
        }
    }
    let schema = schema.as_deref().and_then(|schema| fit(cx, schema));
    Function { name, description: words, schema }
}

/// The schema as this model takes it. A function without arguments goes without: an object without members is refused.
fn fit<'r>(cx: &mut Context<'r>, schema: &'r RawValue) -> Option<(&'static str, Cow<'r, str>)> {
    let member = member(cx);
    let fitted = if cx.model.json_schema {
        (!is_empty(schema)).then(|| schema::json_schema(schema))
    } else {
        schema::openapi(schema)
    }?;
    if fitted.changed {
        cx.losses.approx("tools.schema");
    }
    Some((member, fitted.text))
}

const fn member(cx: &Context<'_>) -> &'static str {
    if cx.model.json_schema { "parametersJsonSchema" } else { "parameters" }
}

/// `{}`, or an object of which nothing is said.
fn is_empty(schema: &RawValue) -> bool {
    let Ok(m) = crate::json::Members::of(schema) else { return false };
    m.iter().all(|(key, raw)| match key {
        "$schema" | "additionalProperties" | "required" | "title" | "type" => true,
        "properties" => crate::json::Members::of(raw).is_ok_and(|p| p.iter().next().is_none()),
        _ => false,
    })
}

/// A description is demanded, and an empty one refused: the name stands in.
fn described<'r>(description: Option<&JsonStr<'r>>, format: Option<&RawValue>, name: &JsonStr<'r>) -> JsonStr<'r> {
    let mut words = description.filter(|d| !d.is_empty()).unwrap_or(name).clone();
    if let Some(format) = format.filter(|f| !f.get().contains(r#""text""#)) {
        words.push(&JsonStr::owned(&format!("\n\nThe input has this format: {}", format.get())));
    }
    words
}

fn all_strict(cx: &Context<'_>) -> bool {
    cx.request.tools.iter().all(|t| matches!(t, Tool::Function { strict: Some(true), .. }))
}

/// Does the choice demand a call?
fn forced(choice: Option<&ToolChoice<'_>>) -> bool {
    matches!(choice, Some(ToolChoice::Any | ToolChoice::Named { .. } | ToolChoice::Allowed { required: true, .. }))
}
