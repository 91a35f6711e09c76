"""The vendors' own SDKs: a tool round trip, whole and streamed, the conversation handed back as the SDK gives it."""

import json

from common import BASE, KIND, MODEL, NOTE, PATH, PROMPT, TOKEN, V1, read

ABOUT = "Reads a note."


def chat(stream):
    from openai import OpenAI

    client = OpenAI(api_key=TOKEN, base_url=V1, max_retries=0)
    tools = [{"type": "function", "function": {"name": "read_note", "description": ABOUT, "parameters": PATH}}]

    def ask(messages):
        if not stream:
            return client.chat.completions.create(model=MODEL, messages=messages, tools=tools)
        options = {"include_usage": True}
        with client.chat.completions.stream(model=MODEL, messages=messages, tools=tools, stream_options=options) as events:
            for _ in events:
                pass
            return events.get_final_completion()

    messages = [{"role": "user", "content": PROMPT}]
    turn = ask(messages)
    assert turn.choices[0].finish_reason == "tool_calls" and turn.usage.total_tokens > 0, turn
    messages.append(turn.choices[0].message)
    for call in turn.choices[0].message.tool_calls:
        result = read(json.loads(call.function.arguments)["path"])
        messages.append({"role": "tool", "tool_call_id": call.id, "content": result})
    answer = ask(messages)
    assert answer.choices[0].finish_reason == "stop", answer
    return answer.choices[0].message.content


def responses(stream):
    from openai import OpenAI

    client = OpenAI(api_key=TOKEN, base_url=V1, max_retries=0)
    tools = [{"type": "function", "name": "read_note", "description": ABOUT, "parameters": PATH, "strict": False}]

    def ask(items):
        kept = {"store": False, "include": ["reasoning.encrypted_content"]}
        if not stream:
            return client.responses.create(model=MODEL, input=items, tools=tools, **kept)
        with client.responses.stream(model=MODEL, input=items, tools=tools, **kept) as events:
            for _ in events:
                pass
            return events.get_final_response()

    items = [{"role": "user", "content": PROMPT}]
    turn = ask(items)
    assert turn.status == "completed" and turn.usage.total_tokens > 0, turn
    items += [item.model_dump(exclude_none=True, exclude={"parsed_arguments"}) for item in turn.output]
    for call in (item for item in turn.output if item.type == "function_call"):
        output = read(json.loads(call.arguments)["path"])
        items.append({"type": "function_call_output", "call_id": call.call_id, "output": output})
    return ask(items).output_text


def anthropic(stream):
    from anthropic import Anthropic

    client = Anthropic(api_key=TOKEN, base_url=BASE, max_retries=0)
    tools = [{"name": "read_note", "description": ABOUT, "input_schema": PATH}]

    def ask(messages):
        asked = {"model": MODEL, "max_tokens": 1000, "messages": messages, "tools": tools}
        if not stream:
            return client.messages.create(**asked)
        with client.messages.stream(**asked) as events:
            return events.get_final_message()

    messages = [{"role": "user", "content": PROMPT}]
    turn = ask(messages)
    assert turn.stop_reason == "tool_use" and turn.usage.output_tokens > 0, turn
    calls = [block for block in turn.content if block.type == "tool_use"]
    results = [{"type": "tool_result", "tool_use_id": call.id, "content": read(call.input["path"])} for call in calls]
    messages += [{"role": "assistant", "content": turn.content}, {"role": "user", "content": results}]
    answer = ask(messages)
    assert answer.stop_reason == "end_turn", answer
    return "".join(block.text for block in answer.content if block.type == "text")


def gemini(stream):
    from google import genai

    client = genai.Client(api_key=TOKEN, http_options={"base_url": BASE})

    def read_note(path: str) -> str:
        """Reads a note."""
        return read(path)

    # The SDK calls the function and asks again by itself. In a path `#` is %23.
    chat = client.chats.create(model=MODEL.replace("#", "%23"), config={"tools": [read_note]})
    if not stream:
        answer = chat.send_message(PROMPT)
        assert answer.usage_metadata.total_token_count > 0, answer
        return answer.text
    return "".join(chunk.text or "" for chunk in chat.send_message_stream(PROMPT))


def cohere(stream):
    import cohere

    client = cohere.ClientV2(api_key=TOKEN, base_url=BASE)
    tools = [{"type": "function", "function": {"name": "read_note", "description": ABOUT, "parameters": PATH}}]
    messages = [{"role": "user", "content": PROMPT}]
    turn = client.chat(model=MODEL, messages=messages, tools=tools)
    assert turn.finish_reason == "TOOL_CALL", turn
    messages.append(turn.message)
    for call in turn.message.tool_calls:
        result = read(json.loads(call.function.arguments)["path"])
        messages.append({"role": "tool", "tool_call_id": call.id, "content": result})
    if not stream:
        answer = client.chat(model=MODEL, messages=messages, tools=tools)
        return "".join(part.text for part in answer.message.content if part.type == "text")
    events = list(client.chat_stream(model=MODEL, messages=messages, tools=tools))
    assert events[-1].type == "message-end" and events[-1].delta.finish_reason == "COMPLETE", events[-1]
    return "".join(e.delta.message.content.text or "" for e in events if e.type == "content-delta")


for streamed in (False, True):
    told = {"chat": chat, "responses": responses, "anthropic": anthropic, "gemini": gemini, "cohere": cohere}[KIND](streamed)
    assert read(NOTE).strip() in told, told
    print(told)
