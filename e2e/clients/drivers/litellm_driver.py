"""The LiteLLM SDK: a tool round trip, whole and streamed."""

import json

import litellm
from common import BASE, KIND, MODEL, PROMPT, TOKEN, V1, read

litellm.telemetry = False
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "read_note",
            "description": "Reads a note.",
            "parameters": {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]},
        },
    }
]


def ask(messages, stream):
    base = V1 if KIND == "openai" else BASE
    reply = litellm.completion(
        model=f"{KIND}/{MODEL}", api_base=base, api_key=TOKEN, num_retries=0, messages=messages, tools=TOOLS, stream=stream
    )
    return litellm.stream_chunk_builder(list(reply), messages=messages) if stream else reply


for stream in (False, True):
    messages = [{"role": "user", "content": PROMPT}]
    turn = ask(messages, stream).choices[0].message
    messages.append(turn.model_dump(exclude_none=True))
    for call in turn.tool_calls:
        result = read(json.loads(call.function.arguments)["path"])
        messages.append({"role": "tool", "tool_call_id": call.id, "content": result})
    print(ask(messages, stream).choices[0].message.content)
