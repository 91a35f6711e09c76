//! What the model says: text, reasoning, tool calls and counts, before any dialect.

use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::ask::{Ask, Choice, Thinking, Tool, array, text};
use crate::tokens::{Ending, Text, Tokens};

#[derive(Clone, Debug)]
pub(crate) struct Reply {
    /// Comes before the text; may be empty (`Thinking::Omitted`).
    pub(crate) reasoning: Option<String>,
    /// The text in the pieces it is streamed in.
    pub(crate) pieces: Vec<String>,
    pub(crate) calls: Vec<Call>,
    pub(crate) refusal: Option<String>,
    pub(crate) stop: Stop,
    pub(crate) usage: Usage,
    /// Made from the request: the same request has the same ids.
    pub(crate) id: String,
}

#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) name: String,
    /// JSON text, byte for byte as the script gave it.
    pub(crate) arguments: String,
    pub(crate) custom: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    End,
    Length,
    Refusal,
    Sequence(String),
    Tool,
}

/// Prompt tokens include the cached ones.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    pub(crate) prompt: u64,
    pub(crate) cached: u64,
    pub(crate) output: u64,
    pub(crate) reasoning: u64,
}

impl Reply {
    pub(crate) fn to(ask: &Ask, tokens: &Tokens, body: &[u8]) -> Self {
        let mut reply = Self {
            reasoning: None,
            pieces: Vec::new(),
            calls: Vec::new(),
            refusal: None,
            stop: Stop::End,
            usage: Usage { prompt: 0, cached: 4, output: 0, reasoning: 0 },
            id: format!("{:016x}", fnv(body)),
        };
        reply.reasoning = match ask.thinking {
            Thinking::Off => None,
            Thinking::Omitted => Some(String::new()),
            Thinking::On => Some(format!("The user wants: {}.", head_of(ask.user_text(), 40))),
        };
        if tokens.ending == Ending::Refusal {
            reply.refusal = Some("I cannot help with that.".into());
            reply.stop = Stop::Refusal;
        } else {
            reply.calls = calls(ask);
            if reply.calls.is_empty() {
                reply.pieces = pieces_for(ask, tokens);
                reply.shorten(ask, tokens);
            } else {
                reply.stop = Stop::Tool;
            }
        }
        reply.count(ask);
        reply
    }

    pub(crate) fn text(&self) -> String {
        self.pieces.concat()
    }

    fn shorten(&mut self, ask: &Ask, tokens: &Tokens) {
        let text = self.text();
        let stop = ask.stops.iter().filter(|stop| !stop.is_empty());
        if let Some((at, stop)) = stop.filter_map(|stop| text.find(stop.as_str()).map(|at| (at, stop))).min() {
            self.pieces = words(text.get(..at).unwrap_or_default());
            self.stop = Stop::Sequence(stop.clone());
        } else if tokens.ending == Ending::Length || ask.max_tokens == Some(1) {
            self.pieces.truncate(self.pieces.len().div_ceil(2));
            self.stop = Stop::Length;
        }
    }

    fn count(&mut self, ask: &Ask) {
        let reasoning = self.reasoning.as_ref().map_or(0, |text| 4 + text.len() / 4);
        let arguments: usize = self.calls.iter().map(|call| 8 + call.arguments.len() / 4).sum();
        let refusal = self.refusal.as_ref().map_or(0, |text| text.len() / 4);
        let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        self.usage.prompt = count(16 + ask.bytes / 4);
        self.usage.reasoning = count(reasoning);
        self.usage.output = count(1 + self.pieces.len() + reasoning + arguments + refusal);
    }
}

/// The tool calls of this turn, if it is one for calls.
fn calls(ask: &Ask) -> Vec<Call> {
    let said = ask.user_text();
    let done = ask.results_since_user().len();
    let steps = directives(said, &ask.tools);
    if !steps.is_empty() {
        let mut before = 0;
        for step in steps {
            if before >= done {
                return step.into_iter().filter(|call| offered(ask, call)).collect();
            }
            before += step.len();
        }
        return Vec::new();
    }
    if done > 0 || ask.choice == Choice::None || !ask.results_at_end().is_empty() {
        return Vec::new();
    }
    let forced = match &ask.choice {
        Choice::Named(name) => ask.tools.iter().find(|tool| &tool.name == name),
        Choice::Required => ask.tools.first(),
        Choice::Auto | Choice::None => None,
    };
    let lower = said.to_lowercase();
    let weather = || ask.tools.iter().find(|tool| tool.name.to_lowercase().contains("weather"));
    let tool = if lower.contains("weather") { forced.or_else(weather).or(ask.tools.first()) } else { forced };
    let Some(tool) = tool else { return Vec::new() };
    let cities = cities_in(&lower);
    let many = if lower.contains("both") { 2 } else { 1 };
    cities.into_iter().take(many).map(|city| Call::plausible(tool, city)).collect()
}

impl Call {
    fn plausible(tool: &Tool, city: &str) -> Self {
        let arguments =
            if tool.custom { format!("input for {city}") } else { plausible(&tool.schema, city).to_string() };
        Self { name: tool.name.clone(), arguments, custom: tool.custom }
    }
}

fn offered(ask: &Ask, call: &Call) -> bool {
    ask.choice != Choice::None && ask.tools.iter().any(|tool| tool.name == call.name)
}

/// `CALL name {json}` and `USE TOOL name` in a user's text: one step each, in order; joined by ` AND ` they are one
/// step of parallel calls.
fn directives(said: &str, tools: &[Tool]) -> Vec<Vec<Call>> {
    let mut steps: Vec<Vec<Call>> = Vec::new();
    let mut rest = said;
    let mut joined = false;
    while let Some((before, call, after)) = next_directive(rest, tools) {
        match steps.last_mut() {
            Some(step) if joined && before.trim().is_empty() => step.push(call),
            _ => steps.push(vec![call]),
        }
        joined = after.starts_with(" AND ");
        rest = after.strip_prefix(" AND ").unwrap_or(after);
    }
    steps
}

fn next_directive<'a>(said: &'a str, tools: &[Tool]) -> Option<(&'a str, Call, &'a str)> {
    let call = said.find("CALL ").map(|at| (at, "CALL "));
    let used = said.find("USE TOOL ").map(|at| (at, "USE TOOL "));
    let (at, word) = [call, used].into_iter().flatten().min()?;
    let (before, after) = (said.get(..at)?, said.get(at + word.len()..)?);
    let end = after.find(|c: char| !(c.is_alphanumeric() || "_-.".contains(c))).unwrap_or(after.len());
    let (name, after) = after.split_at(end);
    let name = name.trim_end_matches('.');
    let tool = tools.iter().find(|tool| tool.name == name);
    let custom = tool.is_some_and(|tool| tool.custom);
    if word == "CALL "
        && let Some((json, rest)) = json_at(after)
    {
        let arguments = match serde_json::from_str::<String>(&json) {
            // Text is what custom tools take; a function that stands in for one has it as its `input`.
            Ok(text) if custom => text,
            Ok(text) if tool.is_some_and(|t| t.schema.pointer("/properties/input").is_some()) => {
                serde_json::json!({ "input": text }).to_string()
            }
            _ => json,
        };
        return Some((before, Call { name: name.to_owned(), arguments, custom }, rest));
    }
    let schema = tool.map_or(Value::Null, |tool| tool.schema.clone());
    let call = Call { name: name.to_owned(), arguments: plausible(&schema, "Paris").to_string(), custom };
    Some((before, call, after))
}

/// The JSON value at the start of `text`, and what follows. Some clients quote what the user said, and escape its quotes:
/// then the value is all that follows.
fn json_at(text: &str) -> Option<(String, &str)> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<Box<RawValue>>();
    if let Some(Ok(json)) = values.next() {
        return Some((json.get().to_owned(), text.get(values.byte_offset()..)?));
    }
    let plain = text.replace("\\\"", "\"");
    let json = serde_json::Deserializer::from_str(&plain).into_iter::<Box<RawValue>>().next()?.ok()?;
    Some((json.get().to_owned(), ""))
}

fn pieces_for(ask: &Ask, tokens: &Tokens) -> Vec<String> {
    match tokens.text {
        Text::Burst(n) | Text::Gated(n) | Text::Paced(n, _) => return (0..n).map(|i| format!("t{i} ")).collect(),
        Text::Big(kilobytes) => return (0..kilobytes).map(|i| format!("{i:0>1023} ")).collect(),
        Text::Echo => {}
    }
    let results = ask.results_at_end();
    if !results.is_empty() {
        return words(&format!("The tool said: {}", results.join(" | ")));
    }
    if let Some(schema) = &ask.schema {
        return words(&plausible(schema, "Paris").to_string());
    }
    let images: Vec<String> =
        ask.images().iter().map(|(what, bytes)| format!("I see an image ({what}, {bytes} bytes)")).collect();
    if !images.is_empty() {
        return words(&images.join(" and "));
    }
    let said = ask.user_text();
    if let Some((_, exactly)) = said.split_once("SAY ") {
        return words(exactly);
    }
    let mut answer = format!("Echo: {}", head_of(said, 2000));
    if let Some(system) = ask.system() {
        answer.push_str(" | system: ");
        answer.push_str(head_of(system, 80));
    }
    if ask.assistant_turns() > 0 {
        answer.push_str(" | turn: ");
        answer.push_str(&(ask.assistant_turns() + 1).to_string());
    }
    words(&answer)
}

/// A value that satisfies a simple schema.
pub(crate) fn plausible(schema: &Value, city: &str) -> Value {
    plausible_in(schema, schema, "", city, 0)
}

fn plausible_in(root: &Value, schema: &Value, name: &str, city: &str, depth: usize) -> Value {
    if depth > 8 {
        return Value::Null;
    }
    if let Some(target) = schema["$ref"].as_str().and_then(|path| root.pointer(path.trim_start_matches('#'))) {
        return plausible_in(root, target, name, city, depth + 1);
    }
    if let Some(fixed) = schema.get("const").or_else(|| array(&schema["enum"]).first()) {
        return fixed.clone();
    }
    for union in ["anyOf", "oneOf", "allOf"] {
        if let Some(first) = array(&schema[union]).first() {
            return plausible_in(root, first, name, city, depth + 1);
        }
    }
    let kind = schema["type"].as_str().or_else(|| array(&schema["type"]).first().and_then(Value::as_str));
    match kind {
        Some("string") if name.contains("city") || name.contains("location") => city.into(),
        Some("string") => format!("some {}", if name.is_empty() { "text" } else { name }).into(),
        Some("integer") => schema["minimum"].as_i64().unwrap_or(42).into(),
        Some("number") => schema["minimum"].as_f64().unwrap_or(1.5).into(),
        Some("boolean") => true.into(),
        Some("null") => Value::Null,
        Some("array") => json!([plausible_in(root, &schema["items"], name, city, depth + 1)]),
        _ => {
            let required: Vec<&str> = array(&schema["required"]).iter().map(text).collect();
            let mut object = Map::new();
            for (name, member) in schema["properties"].as_object().into_iter().flatten() {
                if required.is_empty() || required.contains(&name.as_str()) {
                    object.insert(name.clone(), plausible_in(root, member, name, city, depth + 1));
                }
            }
            Value::Object(object)
        }
    }
}

fn cities_in(lower: &str) -> Vec<&'static str> {
    let mut found: Vec<(usize, &str)> =
        CITIES.into_iter().filter_map(|city| lower.find(&city.to_lowercase()).map(|at| (at, city))).collect();
    found.sort_unstable();
    let mut cities: Vec<&str> = found.into_iter().map(|(_, city)| city).collect();
    cities.extend(CITIES.into_iter().filter(|city| !lower.contains(&city.to_lowercase())));
    cities
}

/// Text in the pieces it is streamed in: two words each, white space kept.
fn words(text: &str) -> Vec<String> {
    let all: Vec<&str> = text.split_inclusive(' ').collect();
    all.chunks(2).map(<[&str]>::concat).collect()
}

/// Tool arguments in the pieces they are streamed in.
pub(crate) fn fragments(arguments: &str) -> Vec<String> {
    let letters: Vec<char> = arguments.chars().collect();
    let size = letters.len().div_ceil(4).max(3);
    letters.chunks(size).map(|piece| piece.iter().collect()).collect()
}

fn head_of(text: &str, letters: usize) -> &str {
    text.char_indices().nth(letters).and_then(|(at, _)| text.get(..at)).unwrap_or(text)
}

pub(crate) fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

const CITIES: [&str; 4] = ["Paris", "London", "Berlin", "Tokyo"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directives_keep_their_json_as_written() {
        let said =
            r#"do CALL a {"n": 123456789012345678901234567890, "x": 1e2} AND CALL b {} then CALL c {"y":"\u00e9"}."#;
        let steps = directives(said, &[]);
        let names: Vec<Vec<&str>> =
            steps.iter().map(|step| step.iter().map(|call| call.name.as_str()).collect()).collect();
        assert_eq!(names, [vec!["a", "b"], vec!["c"]]);
        assert_eq!(steps[0][0].arguments, r#"{"n": 123456789012345678901234567890, "x": 1e2}"#);
        assert_eq!(steps[1][0].arguments, r#"{"y":"\u00e9"}"#);
    }

    #[test]
    fn schemas_are_satisfied() {
        let schema = json!({"type":"object","required":["city","n","list"],"properties":{
            "city":{"type":"string"},"n":{"type":"integer","minimum":3},"extra":{"type":"string"},
            "list":{"type":"array","items":{"$ref":"#/$defs/kind"}}},"$defs":{"kind":{"enum":["a","b"]}}});
        assert_eq!(plausible(&schema, "Paris"), json!({"city":"Paris","n":3,"list":["a"]}));
    }

    #[test]
    fn pieces_lose_nothing() {
        for text in ["", "a", "a b c d e ", "äöü  x\n y"] {
            assert_eq!(words(text).concat(), text);
            assert_eq!(fragments(text).concat(), text);
        }
    }
}
