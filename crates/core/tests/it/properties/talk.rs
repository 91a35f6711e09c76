//! Conversations as a client asks them, and what a reader hears of one.

use std::borrow::Cow;
use std::collections::BTreeMap;

use apex_core::dialect::Dialect;
use apex_core::hub::{
    Arguments, Document, Effort, Form, Image, MediaSource, OutputFormat, Part, Reasoning, ReasoningMode, ReasoningWish,
    Request, Role, Text, Tool, ToolCall, ToolChoice, ToolKind, ToolResult, Turn,
};
use apex_core::json::{Ext, JsonStr, RawValue};
use proptest::prelude::*;

use super::answer::{arguments, text};

/// A piece of what the user says.
#[derive(Clone, Debug)]
pub(super) enum Asked {
    Document,
    Image,
    Text(String),
}

/// What the assistant said and called, and what came of the calls.
#[derive(Clone, Debug)]
pub(super) struct Step {
    /// As a JSON string.
    thought: Option<String>,
    text: Option<String>,
    /// Name, arguments, result.
    calls: Vec<(&'static str, String, String)>,
    /// What the user says next.
    next: Vec<Asked>,
}

/// A whole request.
#[derive(Clone, Debug)]
pub(super) struct Talk {
    system: Option<String>,
    first: Vec<Asked>,
    steps: Vec<Step>,
    tools: bool,
    choice: u8,
    parallel: Option<bool>,
    max_tokens: Option<u64>,
    temperature: Option<&'static str>,
    top_p: Option<&'static str>,
    stop: Vec<String>,
    effort: Option<Effort>,
    shape: Option<bool>,
    user: Option<&'static str>,
    stream: bool,
}

const PNG: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const PDF: &str = "JVBERi0xLjQKMSAwIG9iago8PD4+CmVuZG9iagp0cmFpbGVyCjw8Pj4K";
const SCHEMA: &str =
    r#"{"type":"object","properties":{"a":{"type":"string"}},"required":["a"],"additionalProperties":false}"#;
const NAMES: [&str; 2] = ["f", "get_weather"];

/// A text that says something.
fn words() -> impl Strategy<Value = String> {
    text().prop_map(|text| format!("w{text}w"))
}

fn asked() -> impl Strategy<Value = Vec<Asked>> {
    let one = prop_oneof![
        8 => words().prop_map(Asked::Text),
        2 => Just(Asked::Image),
        1 => Just(Asked::Document),
    ];
    prop::collection::vec(one, 1..3)
}

fn step() -> impl Strategy<Value = Step> {
    let call = (prop::sample::select(&NAMES[..]), arguments(), words());
    let calls = prop::collection::vec(call, 0..3);
    let thought = words().prop_map(|text| serde_json::to_string(&text).unwrap());
    (prop::option::of(thought), prop::option::of(words()), calls, asked()).prop_map(|(thought, text, calls, next)| {
        let text = if calls.is_empty() && text.is_none() { Some("said".to_owned()) } else { text };
        Step { thought, text, calls, next }
    })
}

pub(super) fn talk() -> impl Strategy<Value = Talk> {
    let efforts = vec![Effort::None, Effort::Low, Effort::Medium, Effort::High];
    let words_said = (prop::option::of(words()), asked(), prop::collection::vec(step(), 0..3), any::<bool>(), 0u8..5);
    let settings = (
        prop::option::of(any::<bool>()),
        prop::option::of(1u64..9999),
        prop::option::of(prop::sample::select(vec!["0", "0.5", "1.0", "1.7"])),
        prop::option::of(prop::sample::select(vec!["0.1", "1"])),
        prop::collection::vec("[A-Z]{1,4}", 0..6),
        prop::option::of(prop::sample::select(efforts)),
        prop::option::of(any::<bool>()),
        prop::option::of(Just("user-1")),
        any::<bool>(),
    );
    (words_said, settings).prop_map(|((system, first, steps, tools, choice), settings)| {
        let (parallel, max_tokens, temperature, top_p, stop, effort, shape, user, stream) = settings;
        // What was called was on offer.
        let tools = tools || steps.iter().any(|step| !step.calls.is_empty());
        let parallel = parallel.filter(|_| tools);
        Talk {
            system,
            first,
            steps,
            tools,
            choice,
            parallel,
            max_tokens,
            temperature,
            top_p,
            stop,
            effort,
            shape,
            user,
            stream,
        }
    })
}

fn raw(json: &str) -> &RawValue {
    serde_json::from_str(json).unwrap()
}

impl Asked {
    fn part(&self) -> Part<'_> {
        let data = |media_type: &'static str, data| MediaSource::Base64 {
            media_type: media_type.into(),
            data: JsonStr::written(data),
        };
        match self {
            Self::Document => Part::Document(Document {
                source: data("application/pdf", PDF),
                title: None,
                cache: None,
                ext: Ext::new(),
            }),
            Self::Image => {
                Part::Image(Image { source: data("image/png", PNG), detail: None, cache: None, ext: Ext::new() })
            }
            Self::Text(text) => said(text),
        }
    }
}

fn said(text: &str) -> Part<'_> {
    Part::Text(Text { text: JsonStr::escape(text), ..Text::default() })
}

fn turn(role: Role, parts: Vec<Part<'_>>) -> Turn<'_> {
    Turn { role, parts, form: Form::Parts, name: None, ext: Ext::new() }
}

impl Talk {
    /// The request in the hub's form, as a decoder of `origin` makes it.
    pub(super) fn request(&self, origin: Dialect) -> Request<'_> {
        let mut request = Request::new(origin);
        request.stream = self.stream;
        // Chat's instructions and results are turns of their own, its reasoning is a member, its arguments are text.
        let chat = origin == Dialect::OpenAiChat;
        let system = self.system.as_deref().map(|text| turn(Role::System, vec![said(text)]));
        if chat {
            request.turns.extend(system);
        } else {
            request.system = system;
        }
        request.turns.push(turn(Role::User, self.first.iter().map(Asked::part).collect()));
        let mut calls = 0;
        for step in &self.steps {
            let (mut parts, mut results) = (Vec::new(), Vec::new());
            parts.extend(step.thought.as_deref().map(|text| {
                Part::Reasoning(if chat {
                    Reasoning::Field { name: "reasoning_content", raw: raw(text) }
                } else {
                    let text = JsonStr::from_raw(raw(text)).unwrap();
                    Reasoning::Thinking { text, signature: None, ext: Ext::new() }
                })
            }));
            parts.extend(step.text.as_deref().map(said));
            for (name, arguments, result) in &step.calls {
                let id = JsonStr::owned(&format!("call_{calls}"));
                calls += 1;
                parts.push(Part::ToolCall(ToolCall {
                    id: id.clone(),
                    name: JsonStr::written(name),
                    arguments: if chat {
                        Arguments::Escaped(JsonStr::escape(arguments))
                    } else {
                        Arguments::Json(raw(arguments))
                    },
                    kind: ToolKind::Function,
                    opaque: None,
                    cache: None,
                    ext: Ext::new(),
                }));
                results.push(Part::ToolResult(ToolResult {
                    call_id: id,
                    parts: vec![said(result)],
                    form: Form::Text,
                    is_error: None,
                    cache: None,
                    ext: Ext::new(),
                }));
            }
            request.turns.push(turn(Role::Assistant, parts));
            if chat {
                request.turns.extend(results.drain(..).map(|result| turn(Role::Tool, vec![result])));
            }
            results.extend(step.next.iter().map(Asked::part));
            request.turns.push(turn(Role::User, results));
        }
        self.settings(&mut request);
        request
    }

    fn settings<'a>(&'a self, request: &mut Request<'a>) {
        if self.tools {
            request.tools.extend(NAMES.iter().map(|name| Tool::Function {
                name: JsonStr::written(name),
                description: Some(JsonStr::written("what it does")),
                schema: Some(Cow::Borrowed(raw(SCHEMA))),
                strict: None,
                cache: None,
                ext: Ext::new(),
            }));
            request.tool_choice = match self.choice {
                0 => Some(ToolChoice::Any),
                1 => Some(ToolChoice::Auto),
                2 => Some(ToolChoice::None),
                3 => Some(ToolChoice::Named { name: JsonStr::written("f"), kind: ToolKind::Function }),
                _ => None,
            };
        }
        // Anthropic has no word for these: its decoder never makes them.
        let chat = request.origin == Dialect::OpenAiChat;
        let called = !matches!(request.tool_choice, Some(ToolChoice::None) | None);
        request.parallel_tool_calls = self.parallel.filter(|_| chat || called);
        request.max_tokens = self.max_tokens;
        request.sampling.temperature = self.temperature.map(raw);
        request.sampling.top_p = self.top_p.map(raw);
        request.stop = self.stop.iter().map(|word| JsonStr::escape(word)).collect();
        request.reasoning.effort = self.effort.filter(|effort| chat || *effort != Effort::None);
        request.output = match self.shape {
            Some(true) => OutputFormat::JsonSchema {
                name: Some(JsonStr::written("place")),
                description: None,
                schema: Cow::Borrowed(raw(SCHEMA)),
                strict: Some(true),
                ext: Ext::new(),
            },
            Some(false) if chat => OutputFormat::JsonObject,
            _ => OutputFormat::Text,
        };
        request.user = self.user.map(JsonStr::written);
    }
}

/// What is heard of a request: each of its concepts as text, by the word that a loss of it is told with.
pub(super) type Heard = BTreeMap<&'static str, String>;

pub(super) fn heard(request: &Request<'_>) -> Heard {
    let mut all = Heard::new();
    let mut put = |name: &'static str, text: &str| {
        if !text.is_empty() {
            all.entry(name).or_default().push_str(text);
        }
    };
    let mut calls: Vec<String> = Vec::new();
    for turn in request.system.iter().chain(&request.turns) {
        let who = match turn.role {
            Role::System | Role::Developer => "system",
            Role::User | Role::Tool => "user",
            Role::Assistant => "assistant",
        };
        for part in &turn.parts {
            hear(part, who, &mut calls, &mut put);
        }
    }
    for tool in &request.tools {
        let Tool::Function { name, description, schema, .. } = tool else { continue };
        let description = description.as_ref().map(JsonStr::text).unwrap_or_default();
        put("tools", &format!("{} {description} {}\n", name.text(), schema.as_ref().map_or("", |s| s.get())));
    }
    let choice = request.tool_choice.as_ref().map(|choice| match choice {
        // The model decides, which it does unasked.
        ToolChoice::Auto => String::new(),
        ToolChoice::Named { name, .. } => format!("one {}", name.text()),
        ToolChoice::Allowed { required, names, .. } => {
            let names: Vec<_> = names.iter().map(|name| name.text().into_owned()).collect();
            if names.len() == 1 && *required { format!("one {}", names[0]) } else { format!("allowed {names:?}") }
        }
        ToolChoice::Any => "any".to_owned(),
        ToolChoice::None => "none".to_owned(),
    });
    put("tool_choice", &choice.unwrap_or_default());
    // Several calls in one reply are what models do unasked, and without any it does not matter.
    let calls = !matches!(request.tool_choice, Some(ToolChoice::None));
    put("parallel", request.parallel_tool_calls.filter(|on| !on && calls).map_or("", |_| "off"));
    put("max_tokens", &request.max_tokens.map(|n| n.to_string()).unwrap_or_default());
    // One is what they are unasked.
    let number =
        |raw: Option<&RawValue>| raw.and_then(|raw| raw.get().parse::<f64>().ok()).filter(|n| n.to_string() != "1");
    put("temperature", &number(request.sampling.temperature).map(|n| n.to_string()).unwrap_or_default());
    put("top_p", &number(request.sampling.top_p).map(|n| n.to_string()).unwrap_or_default());
    request.stop.iter().for_each(|word| put("stop", &format!("{} ", word.text())));
    let off = request.reasoning.effort == Some(Effort::None) || request.reasoning.mode == Some(ReasoningMode::Off);
    let none = request.reasoning == ReasoningWish::default();
    put(
        "reasoning",
        if none {
            ""
        } else if off {
            "off"
        } else {
            "some"
        },
    );
    match &request.output {
        OutputFormat::JsonSchema { schema, .. } => put("response_format", schema.get()),
        OutputFormat::JsonObject => put("response_format", "json"),
        OutputFormat::Text | OutputFormat::Other(_) => {}
    }
    put("user", &request.user.as_ref().map(|user| user.text()).unwrap_or_default());
    all
}

fn hear(part: &Part<'_>, who: &str, calls: &mut Vec<String>, put: &mut impl FnMut(&'static str, &str)) {
    let media = |source: &MediaSource<'_>| match source {
        MediaSource::Base64 { media_type, data } => format!("<{media_type} {}>", data.text()),
        MediaSource::Blocks(_)
        | MediaSource::File(_)
        | MediaSource::Text(_)
        | MediaSource::Url(_)
        | MediaSource::Other(_) => format!("<{source:?}>"),
    };
    match part {
        Part::Text(text) if who == "system" => put("system", &text.text.text()),
        // What a document without a name is called where it must have one.
        Part::Text(text) if text.text == "Document: document.pdf" => {}
        Part::Text(text) => put("words", &format!("[{who}] {}\n", text.text.text())),
        Part::Image(image) => put("words", &format!("[{who}] {}\n", media(&image.source))),
        Part::Document(document) => put("words", &format!("[{who}] {}\n", media(&document.source))),
        Part::Reasoning(Reasoning::Thinking { text, .. }) if !text.is_empty() => put("thinking", &text.text()),
        Part::Reasoning(Reasoning::Field { raw, .. }) => {
            put("thinking", &JsonStr::from_raw(raw).map(|text| text.text().into_owned()).unwrap_or_default());
        }
        Part::ToolCall(call) => {
            calls.push(call.id.text().into_owned());
            put("words", &format!("[call {}] {} {}\n", calls.len(), call.name.text(), call.arguments.text()));
        }
        Part::ToolResult(result) => {
            // Ids may be made to fit: which call it answers is what counts.
            let of = calls.iter().rposition(|id| *result.call_id.text() == *id).map_or(0, |at| at + 1);
            for part in &result.parts {
                let Part::Text(text) = part else { continue };
                put("words", &format!("[result {of}] {}\n", text.text.text()));
            }
        }
        Part::Reasoning(_) | Part::Refusal(_) | Part::Other { .. } => {}
    }
}
