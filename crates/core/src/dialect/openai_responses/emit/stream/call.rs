//! Calls of tools, and their arguments.

use super::event::event;
use super::{Open, StreamEncoder};
use crate::hub::ToolKind;
use crate::json::JsonStr;

use super::super::item::Call;
use super::super::written;

impl StreamEncoder {
    pub(super) fn call(&mut self, id: &JsonStr<'_>, name: &JsonStr<'_>, kind: ToolKind, out: &mut Vec<u8>) -> Open {
        let form = self.context.echo.form(&name.text()).cloned();
        let call = Call {
            id: self.id(if kind == ToolKind::Custom { "ctc" } else { "fc" }),
            // Pairing hangs on it.
            pairing: if id.is_empty() { JsonStr::owned(&self.id("call")) } else { id.clone().into_owned() },
            name: name.clone().into_owned(),
            kind,
            form,
            arguments: JsonStr::default(),
            closed: false,
        };
        if !call.is_special() {
            let item = written(|o| call.write(o, "in_progress", &JsonStr::default()));
            self.item_event("response.output_item.added", &item, out);
        }
        Open::Call(call)
    }

    pub(super) fn argument(&mut self, text: &JsonStr<'_>, out: &mut Vec<u8>) {
        let index = self.index();
        let Open::Call(call) = &mut self.open else { return };
        call.arguments.push(text);
        if call.is_special() {
            return;
        }
        let name = match call.kind {
            ToolKind::Custom => "response.custom_tool_call_input.delta",
            ToolKind::Function => "response.function_call_arguments.delta",
        };
        event(&mut self.sequence, name, out, |o| {
            o.text("item_id", &call.id);
            o.uint("output_index", index);
            o.str("delta", text);
        });
    }

    pub(super) fn close_call(&mut self, call: &Call, status: &str, out: &mut Vec<u8>) {
        let index = self.index();
        // Clients parse the arguments: an empty string is no JSON.
        let bare = call.kind == ToolKind::Function && call.arguments.is_empty();
        let arguments = if bare { JsonStr::written("{}") } else { call.arguments.borrowed() };
        let item = written(|o| call.write(o, status, &arguments));
        if call.is_special() {
            let added = written(|o| call.write(o, "in_progress", &arguments));
            self.item_event("response.output_item.added", &added, out);
            return self.done(item, out);
        }
        let name = match call.kind {
            ToolKind::Custom => "response.custom_tool_call_input.done",
            ToolKind::Function => "response.function_call_arguments.done",
        };
        event(&mut self.sequence, name, out, |o| {
            o.text("item_id", &call.id);
            o.uint("output_index", index);
            if call.kind == ToolKind::Function {
                o.str("name", &call.name);
            }
            o.str(call.arguments_key(), &arguments);
        });
        self.done(item, out);
    }
}
