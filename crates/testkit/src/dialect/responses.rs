//! `OpenAI` Responses.

use super::{CREATED, Event, Phase, named};
use crate::json::{Json, obj};
use crate::reply::{Call, Reply, Stop, fragments};

pub(crate) struct Responses<'a> {
    pub(crate) model: &'a str,
    pub(crate) reply: &'a Reply,
}

/// Numbers the events as they are written.
struct Writer {
    out: Vec<Event>,
}

impl Responses<'_> {
    pub(crate) fn document(&self) -> Json {
        let status = if self.reply.stop == Stop::Length { "incomplete" } else { "completed" };
        self.response(status, self.items(), self.usage())
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        let mut writer = Writer { out: Vec::new() };
        for name in ["response.created", "response.in_progress"] {
            let response = self.response("in_progress", Vec::new(), Json::null());
            writer.push(Phase::Open, name, &[("response", response)]);
        }
        let reply = self.reply;
        let mut at = 0_usize;
        if let Some(said) = &reply.reasoning {
            self.stream_reasoning(&mut writer, at, said);
            at += 1;
        }
        if reply.calls.is_empty() {
            self.stream_message(&mut writer, at);
        }
        for (k, call) in reply.calls.iter().enumerate() {
            self.stream_call(&mut writer, at + k, k, call);
        }
        let last = if reply.stop == Stop::Length { "response.incomplete" } else { "response.completed" };
        writer.push(Phase::End, last, &[("response", self.document())]);
        writer.out
    }

    fn stream_reasoning(&self, writer: &mut Writer, at: usize, said: &str) {
        let id = self.item_id("rs");
        let open = obj! { "id": &id, "type": "reasoning", "summary": Json::array([]) };
        writer.push(Phase::Open, "response.output_item.added", &[("output_index", at.into()), ("item", open)]);
        let place = [("item_id", Json::from(&id)), ("output_index", at.into()), ("summary_index", 0_u64.into())];
        let part = |text: &str| obj! { "type": "summary_text", "text": text };
        writer.place(Phase::Open, "response.reasoning_summary_part.added", &place, ("part", part("")));
        for piece in fragments(said) {
            writer.place(Phase::Content, "response.reasoning_summary_text.delta", &place, ("delta", piece.into()));
        }
        writer.place(Phase::End, "response.reasoning_summary_text.done", &place, ("text", said.into()));
        writer.place(Phase::End, "response.reasoning_summary_part.done", &place, ("part", part(said)));
        writer.push(
            Phase::End,
            "response.output_item.done",
            &[("output_index", at.into()), ("item", self.reasoning(said))],
        );
    }

    fn stream_message(&self, writer: &mut Writer, at: usize) {
        let id = self.item_id("msg");
        let open = obj! {
            "id": &id, "type": "message", "status": "in_progress", "role": "assistant", "content": Json::array([]),
        };
        writer.push(Phase::Open, "response.output_item.added", &[("output_index", at.into()), ("item", open)]);
        let place = [("item_id", Json::from(&id)), ("output_index", at.into()), ("content_index", 0_u64.into())];
        if let Some(refusal) = &self.reply.refusal {
            let part = |text: &str| obj! { "type": "refusal", "refusal": text };
            writer.place(Phase::Open, "response.content_part.added", &place, ("part", part("")));
            writer.place(Phase::Content, "response.refusal.delta", &place, ("delta", refusal.into()));
            writer.place(Phase::End, "response.refusal.done", &place, ("refusal", refusal.into()));
            writer.place(Phase::End, "response.content_part.done", &place, ("part", part(refusal)));
        } else {
            writer.place(Phase::Open, "response.content_part.added", &place, ("part", output_text("")));
            for piece in &self.reply.pieces {
                let delta = [("delta", Json::from(piece)), ("logprobs", Json::array([]))];
                let members: Vec<_> = place.iter().cloned().chain(delta).collect();
                writer.push(Phase::Content, "response.output_text.delta", &members);
            }
            let done = [("text", Json::from(self.reply.text())), ("logprobs", Json::array([]))];
            let members: Vec<_> = place.iter().cloned().chain(done).collect();
            writer.push(Phase::End, "response.output_text.done", &members);
            let part = output_text(&self.reply.text());
            writer.place(Phase::End, "response.content_part.done", &place, ("part", part));
        }
        writer.push(Phase::End, "response.output_item.done", &[("output_index", at.into()), ("item", self.message())]);
    }

    fn stream_call(&self, writer: &mut Writer, at: usize, k: usize, call: &Call) {
        let open = self.call(k, call, "", "in_progress");
        writer.push(Phase::Open, "response.output_item.added", &[("output_index", at.into()), ("item", open)]);
        let id = self.call_item(k, call);
        let place = [("item_id", Json::from(id)), ("output_index", at.into())];
        let (delta, done, full) = if call.custom {
            ("response.custom_tool_call_input.delta", "response.custom_tool_call_input.done", "input")
        } else {
            ("response.function_call_arguments.delta", "response.function_call_arguments.done", "arguments")
        };
        for piece in fragments(&call.arguments) {
            writer.place(Phase::Content, delta, &place, ("delta", piece.into()));
        }
        writer.place(Phase::End, done, &place, (full, (&call.arguments).into()));
        let item = self.call(k, call, &call.arguments, "completed");
        writer.push(Phase::End, "response.output_item.done", &[("output_index", at.into()), ("item", item)]);
    }

    fn items(&self) -> Vec<Json> {
        let mut items: Vec<Json> = self.reply.reasoning.iter().map(|said| self.reasoning(said)).collect();
        if self.reply.calls.is_empty() {
            items.push(self.message());
        }
        for (k, call) in self.reply.calls.iter().enumerate() {
            items.push(self.call(k, call, &call.arguments, "completed"));
        }
        items
    }

    fn reasoning(&self, said: &str) -> Json {
        let summary = Json::array([obj! { "type": "summary_text", "text": said }]);
        obj! { "id": self.item_id("rs"), "type": "reasoning", "summary": summary, "encrypted_content": "c2NyaXB0ZWQ=" }
    }

    fn message(&self) -> Json {
        let part = match &self.reply.refusal {
            Some(refusal) => obj! { "type": "refusal", "refusal": refusal },
            None => output_text(&self.reply.text()),
        };
        let status = if self.reply.stop == Stop::Length { "incomplete" } else { "completed" };
        obj! {
            "id": self.item_id("msg"), "type": "message", "status": status, "role": "assistant",
            "content": Json::array([part]),
        }
    }

    fn call(&self, k: usize, call: &Call, said: &str, status: &str) -> Json {
        let (kind, member) = if call.custom { ("custom_tool_call", "input") } else { ("function_call", "arguments") };
        Json::object(&[
            ("id", self.call_item(k, call).into()),
            ("type", kind.into()),
            ("status", status.into()),
            ("call_id", format!("call_{}{k:04}", self.reply.id).into()),
            ("name", (&call.name).into()),
            (member, said.into()),
        ])
    }

    fn response(&self, status: &str, output: Vec<Json>, usage: Json) -> Json {
        let cut = (status == "incomplete").then(|| obj! { "reason": "max_output_tokens" });
        obj! {
            "id": format!("resp_{}", self.reply.id),
            "object": "response",
            "created_at": CREATED,
            "status": status,
            "error": Json::null(),
            "incomplete_details": cut,
            "instructions": Json::null(),
            "model": self.model,
            "output": Json::array(output),
            "parallel_tool_calls": true,
            "tool_choice": "auto",
            "tools": Json::array([]),
            "store": false,
            "previous_response_id": Json::null(),
            "metadata": obj! {},
            "temperature": Json::null(),
            "top_p": Json::null(),
            "usage": usage,
        }
    }

    fn usage(&self) -> Json {
        let usage = self.reply.usage;
        obj! {
            "input_tokens": usage.prompt,
            "input_tokens_details": obj! { "cached_tokens": usage.cached },
            "output_tokens": usage.output,
            "output_tokens_details": obj! { "reasoning_tokens": usage.reasoning },
            "total_tokens": usage.prompt + usage.output,
        }
    }

    fn call_item(&self, k: usize, call: &Call) -> String {
        self.item_id(&format!("{}{k}", if call.custom { "ctc" } else { "fc" }))
    }

    fn item_id(&self, kind: &str) -> String {
        format!("{kind}_{}", self.reply.id)
    }
}

impl Writer {
    fn push(&mut self, phase: Phase, name: &str, members: &[(&str, Json)]) {
        let mut all = vec![("type", Json::from(name)), ("sequence_number", self.out.len().into())];
        all.extend(members.iter().cloned());
        self.out.push(named(phase, name, &Json::object(&all)));
    }

    fn place(&mut self, phase: Phase, name: &str, place: &[(&str, Json)], last: (&str, Json)) {
        let members: Vec<_> = place.iter().cloned().chain([last]).collect();
        self.push(phase, name, &members);
    }
}

fn output_text(text: &str) -> Json {
    obj! { "type": "output_text", "text": text, "annotations": Json::array([]), "logprobs": Json::array([]) }
}
