//! What a request asks for, whatever its dialect.
#![expect(clippy::indexing_slicing, reason = "a missing member of a `Value` is null")]

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

#[derive(Clone, Debug, Default)]
pub(crate) struct Ask {
    pub(crate) items: Vec<Item>,
    pub(crate) tools: Vec<Tool>,
    pub(crate) choice: Choice,
    /// The JSON schema the answer must have.
    pub(crate) schema: Option<Value>,
    pub(crate) thinking: Thinking,
    pub(crate) max_tokens: Option<u64>,
    pub(crate) stops: Vec<String>,
    /// Bytes of the request body: the base of the token count.
    pub(crate) bytes: usize,
}

/// The conversation as a flat list, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Item {
    Assistant(String),
    Call,
    /// What the image is (its media type or URL) and how many bytes it has.
    Image(String, usize),
    Result(String),
    System(String),
    User(String),
}

#[derive(Clone, Debug)]
pub(crate) struct Tool {
    pub(crate) name: String,
    pub(crate) schema: Value,
    /// An `OpenAI` custom tool: its input is text.
    pub(crate) custom: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Choice {
    #[default]
    Auto,
    Named(String),
    None,
    Required,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Thinking {
    #[default]
    Off,
    On,
    /// The block comes, its text does not.
    Omitted,
}

impl Ask {
    pub(crate) fn chat(body: &Value) -> Self {
        let mut ask = Self::common(body);
        for message in array(&body["messages"]) {
            let role = text(&message["role"]);
            if role == "tool" || role == "function" {
                ask.items.push(Item::Result(flatten(&message["content"])));
                continue;
            }
            ask.content(role, &message["content"]);
            for _ in array(&message["tool_calls"]) {
                ask.items.push(Item::Call);
            }
        }
        for tool in array(&body["tools"]) {
            let custom = tool["type"] == "custom";
            let inner = if custom { &tool["custom"] } else { &tool["function"] };
            ask.tools.push(Tool::new(inner, "parameters", custom));
        }
        ask.choice = match &body["tool_choice"] {
            Value::String(mode) => Choice::mode(mode),
            Value::Object(named) => {
                let inner = named.get("function").or_else(|| named.get("custom")).unwrap_or(&Value::Null);
                Choice::Named(text(&inner["name"]).to_owned())
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => Choice::Auto,
        };
        ask.schema = body.pointer("/response_format/json_schema/schema").cloned();
        if body["response_format"]["type"] == "json_object" {
            ask.schema = Some(Value::Null);
        }
        ask.max_tokens = body["max_completion_tokens"].as_u64().or_else(|| body["max_tokens"].as_u64());
        ask.stops = strings(&body["stop"]);
        if body["reasoning_effort"].as_str().is_some_and(|effort| effort != "none") {
            ask.thinking = Thinking::On;
        }
        ask
    }

    pub(crate) fn cohere(body: &Value) -> Self {
        let mut ask = Self::common(body);
        for message in array(&body["messages"]) {
            let role = text(&message["role"]);
            if role == "tool" {
                ask.items.push(Item::Result(cohere_result(&message["content"])));
                continue;
            }
            ask.content(role, &message["content"]);
            ask.items.extend(array(&message["tool_calls"]).iter().map(|_| Item::Call));
        }
        ask.tools =
            array(&body["tools"]).iter().map(|tool| Tool::new(&tool["function"], "parameters", false)).collect();
        ask.choice = Choice::mode(&text(&body["tool_choice"]).to_lowercase());
        if body["response_format"]["type"] == "json_object" {
            ask.schema = Some(body["response_format"]["json_schema"].clone());
        }
        ask.max_tokens = body["max_tokens"].as_u64();
        ask.stops = strings(&body["stop_sequences"]);
        if body["thinking"]["type"] == "enabled" {
            ask.thinking = Thinking::On;
        }
        ask
    }

    pub(crate) fn messages(body: &Value) -> Self {
        let mut ask = Self::common(body);
        let system = flatten(&body["system"]);
        if !system.is_empty() {
            ask.items.push(Item::System(system));
        }
        for message in array(&body["messages"]) {
            ask.content(text(&message["role"]), &message["content"]);
        }
        ask.tools = array(&body["tools"]).iter().map(|tool| Tool::new(tool, "input_schema", false)).collect();
        ask.choice = match text(&body["tool_choice"]["type"]) {
            "tool" => Choice::Named(text(&body["tool_choice"]["name"]).to_owned()),
            mode => Choice::mode(mode),
        };
        ask.schema =
            body.pointer("/output_config/format/schema").or_else(|| body.pointer("/output_format/schema")).cloned();
        ask.max_tokens = body["max_tokens"].as_u64();
        ask.stops = strings(&body["stop_sequences"]);
        let thinking = &body["thinking"];
        ask.thinking = match (text(&thinking["type"]), text(&thinking["display"])) {
            ("" | "disabled", _) => Thinking::Off,
            (_, "omitted") => Thinking::Omitted,
            _ => Thinking::On,
        };
        ask
    }

    pub(crate) fn responses(body: &Value) -> Self {
        let mut ask = Self::common(body);
        if let Some(instructions) = body["instructions"].as_str() {
            ask.items.push(Item::System(instructions.to_owned()));
        }
        if let Some(input) = body["input"].as_str() {
            ask.items.push(Item::User(input.to_owned()));
        }
        for item in array(&body["input"]) {
            match text(&item["type"]) {
                "" | "message" => ask.content(text(&item["role"]), &item["content"]),
                "function_call" | "custom_tool_call" => ask.items.push(Item::Call),
                "function_call_output" | "custom_tool_call_output" => {
                    ask.items.push(Item::Result(flatten(&item["output"])));
                }
                _ => {}
            }
        }
        for tool in array(&body["tools"]) {
            if matches!(text(&tool["type"]), "function" | "custom") {
                ask.tools.push(Tool::new(tool, "parameters", tool["type"] == "custom"));
            }
        }
        ask.choice = match &body["tool_choice"] {
            Value::String(mode) => Choice::mode(mode),
            Value::Object(named) => Choice::Named(named.get("name").map(text).unwrap_or_default().to_owned()),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => Choice::Auto,
        };
        ask.schema = body.pointer("/text/format/schema").cloned();
        ask.max_tokens = body["max_output_tokens"].as_u64();
        if body["reasoning"].is_object() {
            ask.thinking = Thinking::On;
        }
        ask
    }

    pub(crate) fn gemini(body: &Value) -> Self {
        let mut ask = Self::common(body);
        let texts =
            |parts: &Value| -> Vec<String> { array(parts).iter().map(|p| text(&p["text"]).to_owned()).collect() };
        let system = texts(&body["systemInstruction"]["parts"]).join("\n");
        if !system.is_empty() {
            ask.items.push(Item::System(system));
        }
        for content in array(&body["contents"]) {
            let role = if content["role"] == "model" { "assistant" } else { "user" };
            for part in array(&content["parts"]) {
                if part["text"].is_string() && part["thought"] != true {
                    ask.items.push(Item::said(role, text(&part["text"])));
                }
                let blob = &part["inlineData"];
                if blob.is_object() {
                    ask.items.push(Item::Image(text(&blob["mimeType"]).to_owned(), decoded(text(&blob["data"]))));
                }
                if part["functionCall"].is_object() {
                    ask.items.push(Item::Call);
                }
                if let Some(response) = part["functionResponse"]["response"].as_object() {
                    let said = ["output", "error"].into_iter().find_map(|key| response.get(key)?.as_str());
                    let whole = || Value::Object(response.clone()).to_string();
                    ask.items.push(Item::Result(said.map_or_else(whole, str::to_owned)));
                }
            }
        }
        for tool in array(&body["tools"]).iter().flat_map(|tool| array(&tool["functionDeclarations"])) {
            let spellings = ["parametersJsonSchema", "parameters_json_schema", "parameters"];
            let schema = spellings.into_iter().find(|key| tool[*key].is_object()).unwrap_or_default();
            ask.tools.push(Tool::new(tool, schema, false));
        }
        let choice = &body["toolConfig"]["functionCallingConfig"];
        ask.choice = match (text(&choice["mode"]), array(&choice["allowedFunctionNames"])) {
            ("ANY", [name]) => Choice::Named(text(name).to_owned()),
            ("ANY", _) => Choice::Required,
            ("NONE", _) => Choice::None,
            _ => Choice::Auto,
        };
        let config = &body["generationConfig"];
        ask.schema = config.get("responseJsonSchema").or_else(|| config.get("responseSchema")).cloned();
        if ask.schema.is_none() && config["responseMimeType"] == "application/json" {
            ask.schema = Some(Value::Null);
        }
        ask.max_tokens = config["maxOutputTokens"].as_u64();
        ask.stops = strings(&config["stopSequences"]);
        if config["thinkingConfig"]["includeThoughts"] == true {
            ask.thinking = Thinking::On;
        }
        ask
    }

    fn common(body: &Value) -> Self {
        Self { bytes: body.to_string().len(), ..Self::default() }
    }

    fn content(&mut self, role: &str, content: &Value) {
        if let Some(plain) = content.as_str() {
            self.items.push(Item::said(role, plain));
        }
        for part in array(content) {
            match text(&part["type"]) {
                "text" | "input_text" | "output_text" => self.items.push(Item::said(role, text(&part["text"]))),
                "image_url" => self.items.push(Item::image_url(text(&part["image_url"]["url"]))),
                "input_image" => self.items.push(Item::image_url(text(&part["image_url"]))),
                "image" if part["source"]["type"] == "url" => {
                    self.items.push(Item::Image(text(&part["source"]["url"]).to_owned(), 0));
                }
                "image" => {
                    let source = &part["source"];
                    self.items
                        .push(Item::Image(text(&source["media_type"]).to_owned(), decoded(text(&source["data"]))));
                }
                "tool_use" => self.items.push(Item::Call),
                "tool_result" => self.items.push(Item::Result(flatten(&part["content"]))),
                _ => {}
            }
        }
    }

    /// Where the last words of the user are, reminders of coding agents aside.
    fn last_user(&self) -> Option<usize> {
        self.items.iter().rposition(|item| matches!(item, Item::User(text) if !is_remark(text)))
    }

    pub(crate) fn user_text(&self) -> &str {
        match self.last_user().and_then(|at| self.items.get(at)) {
            Some(Item::User(text)) => text,
            _ => "",
        }
    }

    /// The results that came after the last words of the user, in order.
    pub(crate) fn results_since_user(&self) -> Vec<&str> {
        let since = self.last_user().map_or(0, |at| at + 1);
        let results = self.items.iter().skip(since).filter_map(|item| match item {
            Item::Result(text) => Some(text.as_str()),
            Item::Assistant(_) | Item::Call | Item::Image(..) | Item::System(_) | Item::User(_) => None,
        });
        results.collect()
    }

    /// The results of the last assistant turn, when nothing but remarks came after them.
    pub(crate) fn results_at_end(&self) -> Vec<&str> {
        let last_spoken = self.items.iter().rposition(|item| match item {
            Item::Assistant(_) | Item::Call => true,
            Item::User(text) => !is_remark(text),
            Item::Image(..) | Item::Result(_) | Item::System(_) => false,
        });
        let since = last_spoken.map_or(0, |at| at + 1);
        let results = self.items.iter().skip(since).filter_map(|item| match item {
            Item::Result(text) => Some(text.as_str()),
            Item::Assistant(_) | Item::Call | Item::Image(..) | Item::System(_) | Item::User(_) => None,
        });
        results.collect()
    }

    /// The images of the last user turn.
    pub(crate) fn images(&self) -> Vec<(&str, usize)> {
        let spoken = |item: &Item| matches!(item, Item::Assistant(_) | Item::Call | Item::Result(_));
        let since = self.items.iter().rposition(spoken).map_or(0, |at| at + 1);
        let images = self.items.iter().skip(since).filter_map(|item| match item {
            Item::Image(what, bytes) => Some((what.as_str(), *bytes)),
            Item::Assistant(_) | Item::Call | Item::Result(_) | Item::System(_) | Item::User(_) => None,
        });
        images.collect()
    }

    /// The system prompt before the first turn.
    pub(crate) fn system(&self) -> Option<&str> {
        self.items.iter().take_while(|item| matches!(item, Item::System(_))).find_map(|item| match item {
            Item::System(text) => Some(text.as_str()),
            Item::Assistant(_) | Item::Call | Item::Image(..) | Item::Result(_) | Item::User(_) => None,
        })
    }

    pub(crate) fn assistant_turns(&self) -> usize {
        self.items.iter().filter(|item| matches!(item, Item::Assistant(_))).count()
    }
}

impl Item {
    fn said(role: &str, text: &str) -> Self {
        match role {
            "assistant" => Self::Assistant(text.to_owned()),
            "system" | "developer" => Self::System(text.to_owned()),
            _ => Self::User(text.to_owned()),
        }
    }

    fn image_url(url: &str) -> Self {
        match url.strip_prefix("data:").and_then(|rest| rest.split_once(";base64,")) {
            Some((mime, data)) => Self::Image(mime.to_owned(), decoded(data)),
            None => Self::Image(url.to_owned(), 0),
        }
    }
}

impl Tool {
    fn new(tool: &Value, schema: &str, custom: bool) -> Self {
        Self { name: text(&tool["name"]).to_owned(), schema: tool[schema].clone(), custom }
    }
}

impl Choice {
    fn mode(mode: &str) -> Self {
        match mode {
            "any" | "required" => Self::Required,
            "none" => Self::None,
            _ => Self::Auto,
        }
    }
}

/// Text that agents and gateways put into user turns on their own account.
fn is_remark(text: &str) -> bool {
    let text = text.trim_start();
    let marks = ["<system-reminder>", "<system-note>", "<environment_details>", "[image "];
    text.is_empty() || marks.iter().any(|mark| text.starts_with(mark))
}

/// A string, or the texts of a list of blocks.
pub(crate) fn flatten(content: &Value) -> String {
    if let Some(plain) = content.as_str() {
        return plain.to_owned();
    }
    let parts = array(content).iter().map(|part| match text(&part["type"]) {
        "image" => format!("[{}]", text(&part["source"]["media_type"])),
        _ => text(&part["text"]).to_owned(),
    });
    parts.collect::<Vec<_>>().join("\n")
}

/// A string, or the texts and the documents' data of a list of parts.
fn cohere_result(content: &Value) -> String {
    let document = |part: &Value| {
        let data = &part["document"]["data"];
        let said = data.as_str().unwrap_or_else(|| text(&part["text"]));
        if data.is_object() { data.to_string() } else { said.to_owned() }
    };
    let parts = array(content).iter().map(document);
    content.as_str().map_or_else(|| parts.collect::<Vec<_>>().join("\n"), str::to_owned)
}

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

pub(crate) fn array(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn strings(value: &Value) -> Vec<String> {
    match value.as_str() {
        Some(one) => vec![one.to_owned()],
        None => array(value).iter().map(|one| text(one).to_owned()).collect(),
    }
}

fn decoded(data: &str) -> usize {
    BASE64_STANDARD.decode(data).map_or(0, |bytes| bytes.len())
}
