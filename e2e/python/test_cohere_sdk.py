"""The official cohere SDK, with upstreams that speak each dialect."""

import base64
import json

import cohere
import httpx
import pytest
from cohere.core.api_error import ApiError
from conftest import PNG, TOKEN, URL, WEATHER, gateway_only, header

pytestmark = gateway_only

COHERE = "command-a-reasoning-08-2025#cohere"
OPENAI = "gpt-5.5#only-responses"
CHAT = "llama-4-70b#only-chat"
ANTHROPIC = "claude-sonnet-4-6#anthropic"
GEMINI = "gemini-3-pro#google-ai-studio"
EVERY = [COHERE, CHAT, OPENAI, ANTHROPIC, GEMINI]

TOOL = {"type": "function", "function": {"name": "get_weather", "description": "w", "parameters": WEATHER}}


@pytest.fixture(scope="session")
def co():
    return cohere.ClientV2(api_key=TOKEN, base_url=URL, timeout=20)


def user(content):
    return [{"role": "user", "content": content}]


def texts(message):
    return "".join(part.text for part in message.content or [] if part.type == "text")


@pytest.mark.parametrize("model", EVERY)
def test_text(co, upstream, model):
    messages = [{"role": "system", "content": "be brief"}, *user("hi")]
    reply = co.chat(model=model, messages=messages, temperature=1.0, max_tokens=200, stop_sequences=["END"])
    assert texts(reply.message) == "Echo: hi | system: be brief"
    assert reply.finish_reason == "COMPLETE"
    assert reply.usage.tokens.input_tokens > 0 and reply.usage.tokens.output_tokens > 0
    assert reply.usage.cached_tokens == 4
    request = upstream.one()
    assert TOKEN not in json.dumps(request["headers"]) + request["target"]
    if model == COHERE:
        assert request["target"] == "/cohere/strict/v2/chat"
        assert header(request, "authorization") == ["Bearer upstream-cohere"]
        assert header(request, "x-fern-sdk-name") == ["cohere"]


def streamed(co, **request):
    """The events of a stream, and what its content events say, by type."""
    events = list(co.chat_stream(**request))
    said = {"text": "", "thinking": ""}
    for event in events:
        if event.type == "content-delta":
            said["text"] += event.delta.message.content.text or ""
            said["thinking"] += event.delta.message.content.thinking or ""
    return events, said


@pytest.mark.parametrize("model", EVERY)
def test_stream(co, model):
    events, said = streamed(co, model=model, messages=user("one two three four"))
    assert said["text"] == "Echo: one two three four"
    types = [event.type for event in events]
    assert types[0] == "message-start" and types[-1] == "message-end" and types.count("content-delta") > 2
    assert events[0].delta.message.role == "assistant"
    assert events[-1].delta.finish_reason == "COMPLETE"
    assert events[-1].delta.usage.tokens.output_tokens > 0


def called(co, stream, **request):
    """The assistant's turn, as Cohere's guides put it together."""
    if not stream:
        reply = co.chat(**request)
        assert reply.finish_reason == "TOOL_CALL"
        return reply.message.tool_calls, reply.message
    calls, plan = [], ""
    for event in co.chat_stream(**request):
        if event.type == "tool-plan-delta":
            plan += event.delta.message.tool_plan
        elif event.type == "tool-call-start":
            calls.append(event.delta.message.tool_calls)
        elif event.type == "tool-call-delta":
            calls[-1].function.arguments += event.delta.message.tool_calls.function.arguments
        elif event.type == "message-end":
            assert event.delta.finish_reason == "TOOL_CALL"
    return calls, {"role": "assistant", "tool_calls": calls, "tool_plan": plan}


@pytest.mark.parametrize("thinking", [False, True])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", EVERY)
def test_a_tool_round_trip(co, model, stream, thinking):
    request = {"model": model, "tools": [TOOL], "strict_tools": True}
    if thinking:
        request["thinking"] = {"type": "enabled", "token_budget": 2048}
    messages = user("weather in both Paris and Tokyo?")
    calls, message = called(co, stream, messages=messages, **request)
    assert [call.function.name for call in calls] == ["get_weather", "get_weather"]
    assert [json.loads(call.function.arguments) for call in calls] == [{"city": "Paris"}, {"city": "Tokyo"}]
    messages.append(message)
    for call, sky in zip(calls, ["sunny", "cloudy"]):
        document = {"type": "document", "document": {"data": json.dumps({"sky": sky})}}
        messages.append({"role": "tool", "tool_call_id": call.id, "content": [document]})
    reply = co.chat(messages=messages, **request)
    assert texts(reply.message) == 'The tool said: {"sky": "sunny"} | {"sky": "cloudy"}'


@pytest.mark.parametrize("model", EVERY)
def test_a_forced_call(co, model):
    reply = co.chat(model=model, messages=user("go"), tools=[TOOL], tool_choice="REQUIRED")
    assert [call.function.name for call in reply.message.tool_calls] == ["get_weather"]
    reply = co.chat(model=model, messages=user("weather?"), tools=[TOOL], tool_choice="NONE")
    assert not reply.message.tool_calls and texts(reply.message)


@pytest.mark.parametrize("model", EVERY)
def test_an_image(co, upstream, model):
    url = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
    parts = [{"type": "text", "text": "what is this?"}, {"type": "image_url", "image_url": {"url": url}}]
    reply = co.chat(model=model, messages=user(parts))
    assert texts(reply.message) == f"I see an image (image/png, {len(PNG)} bytes)"


@pytest.mark.parametrize("model", EVERY)
def test_structured_output(co, model):
    shape = {"type": "json_object", "json_schema": WEATHER}
    reply = co.chat(model=model, messages=user("where?"), response_format=shape)
    assert json.loads(texts(reply.message)) == {"city": "Paris"}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", [COHERE, ANTHROPIC, GEMINI, OPENAI])
def test_thinking(co, model, stream):
    request = {"model": model, "messages": user("hi"), "thinking": {"type": "enabled", "token_budget": 2048}}
    if stream:
        _, said = streamed(co, **request)
        thought, text = said["thinking"], said["text"]
    else:
        message = co.chat(**request).message
        thought = "".join(part.thinking for part in message.content if part.type == "thinking")
        text = texts(message)
    assert (thought, text) == ("The user wants: hi.", "Echo: hi")


@pytest.mark.parametrize("model", EVERY)
def test_documents(co, upstream, model):
    documents = [{"id": "d1", "data": {"title": "Ruby", "text": "Ruby is red."}}, "bare"]
    reply = co.chat(model=model, messages=user("hi"), documents=documents, citation_options={"mode": "FAST"})
    assert "hi" in texts(reply.message)
    assert "Ruby is red." in upstream.one()["body"]
    if model == COHERE:
        assert reply.message.citations[0].sources[0].id == "d1"


@pytest.mark.parametrize("provider", ["cohere", "only-chat", "only-responses", "anthropic", "google-ai-studio"])
def test_errors_of_providers(co, provider):
    for behaviour, status, words in [
        ("429", 429, "Rate limit"),
        ("context", 400, "token"),
        ("503", 503, "overloaded"),
        # Only OpenAI's say so that it can be told from a rate limit.
        ("quota", 402 if provider.startswith("only") else 429, "quota"),
    ]:
        with pytest.raises(ApiError) as raised:
            co.chat(model=f"m-{behaviour}#{provider}", messages=user("hi"), request_options={"max_retries": 0})
        assert (raised.value.status_code, words in raised.value.body["message"]) == (status, True), raised.value


def test_errors_of_the_gateway(co):
    with pytest.raises(cohere.NotFoundError) as unknown:
        co.chat(model="command#nowhere", messages=user("hi"))
    assert "nowhere" in unknown.value.body["message"] and unknown.value.body["id"].startswith("req_")
    wrong = cohere.ClientV2(api_key="wrong", base_url=URL)
    with pytest.raises(cohere.UnauthorizedError) as refused:
        wrong.chat(model=COHERE, messages=user("hi"))
    assert "message" in refused.value.body
    with pytest.raises(cohere.BadRequestError) as bad:
        co.chat(model=CHAT, messages=[{"role": "robot", "content": "x"}])
    assert "messages[0].role" in bad.value.body["message"]


@pytest.mark.parametrize("provider", ["cohere", "only-chat", "anthropic", "google-ai-studio"])
def test_a_cut_stream_is_no_answer(co, provider):
    """The SDK takes a stream that just ends for a whole one: the last event, and the connection, tell (pitfall 49)."""
    events = []
    with pytest.raises(httpx.RemoteProtocolError):
        for event in co.chat_stream(model=f"truncate#{provider}", messages=user("one two three four five")):
            events.append(event)
    assert events[-1].type == "message-end"
    assert events[-1].delta.finish_reason == "ERROR" and events[-1].delta.error


def test_the_endpoints_beside_chat(co, upstream):
    reply = co.embed(model="embed-v4.0#cohere", texts=["a", "b"], input_type="search_query", embedding_types=["float"])
    assert len(reply.embeddings.float_) == 2
    assert upstream.one()["target"] == "/cohere/strict/v2/embed"
    upstream.clear()
    reply = co.rerank(model="rerank-v4#cohere", query="q", documents=["a", "abc"])
    assert reply.results[0].index == 1
    assert upstream.one()["target"] == "/cohere/strict/v2/rerank"


def test_models(co):
    listed = co.models.list()
    assert "fast" in [model.name for model in listed.models]
    # It puts a name into the path as it is.
    assert co.models.get("gpt-5.5%23openai").name == "gpt-5.5#openai"
    with pytest.raises(cohere.NotFoundError):
        co.models.get("gpt-5.5%23nowhere")
    assert texts(co.chat(model="fast", messages=user("hi")).message) == "Echo: hi"
