"""The official `anthropic` SDK; it must not notice which provider answers."""

import base64
import json

import anthropic
import pytest
from conftest import DIRECT, PNG, TOKEN, UPSTREAM, URL, WEATHER, gateway_only, header

TOOLS = [{"name": "get_weather", "description": "weather", "input_schema": WEATHER}]


def user(text):
    return [{"role": "user", "content": text}]


def ask(ant, streamed=False, **request):
    request = {"max_tokens": 1000, **request}
    if not streamed:
        return ant.messages.create(**request)
    with ant.messages.stream(**request) as stream:
        return stream.get_final_message()


def text_of(message):
    return "".join(block.text for block in message.content if block.type == "text")


def test_message(ant, upstream, provider):
    message = ask(ant, model=provider.model(), messages=user("hello there"))
    assert (message.type, message.role, message.stop_reason) == ("message", "assistant", "end_turn")
    assert [(block.type, block.text) for block in message.content] == [("text", "Echo: hello there")]
    assert message.usage.input_tokens > 0 and message.usage.output_tokens > 0
    assert message.usage.cache_read_input_tokens == 4
    request = upstream.one()
    assert "#" not in json.loads(request["body"])["model"]
    if not DIRECT:
        assert TOKEN not in json.dumps(request["headers"])
        assert request["target"].startswith(f"/{provider.id}/")


def test_stream(ant, provider):
    events = list(
        ant.messages.create(
            model=provider.model(), max_tokens=1000, messages=user("one two three four five"), stream=True
        )
    )
    kinds = [event.type for event in events if event.type != "ping"]
    assert kinds[:2] == ["message_start", "content_block_start"]
    assert kinds[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    texts = [event.delta.text for event in events if event.type == "content_block_delta"]
    assert len(texts) >= 3 and "".join(texts) == "Echo: one two three four five"
    delta = next(event for event in events if event.type == "message_delta")
    assert delta.delta.stop_reason == "end_turn" and delta.usage.output_tokens > 0


def test_stream_helper(ant, provider):
    with ant.messages.stream(model=provider.model(), max_tokens=1000, messages=user("one two three")) as stream:
        said = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert said == text_of(final) == "Echo: one two three"
    assert final.stop_reason == "end_turn"
    assert final.usage.input_tokens > 0 and final.usage.cache_read_input_tokens == 4


@pytest.mark.parametrize("behaviour", ["gzip", "crlf", "comments", "bytes-7", "close", "slow-30"])
def test_the_wire_does_not_matter(ant, provider, behaviour):
    for streamed in (False, True):
        message = ask(ant, streamed, model=provider.model(behaviour), messages=user("one two three"))
        assert text_of(message) == "Echo: one two three"


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("question", ["what is the weather in Paris?", "weather in both Paris and London?"])
def test_tools_round_trip(ant, provider, streamed, question):
    messages = user(question)
    first = ask(ant, streamed, model=provider.model(), messages=messages, tools=TOOLS)
    assert first.stop_reason == "tool_use"
    calls = [block for block in first.content if block.type == "tool_use"]
    cities = ["Paris", "London"] if "both" in question else ["Paris"]
    assert [call.input for call in calls] == [{"city": city} for city in cities]
    assert {call.name for call in calls} == {"get_weather"} and len({call.id for call in calls}) == len(calls)
    results = [
        {"type": "tool_result", "tool_use_id": call.id, "content": f"{city} is sunny"}
        for city, call in zip(cities, calls, strict=True)
    ]
    messages += [{"role": "assistant", "content": first.content}, {"role": "user", "content": results}]
    last = ask(ant, streamed, model=provider.model(), messages=messages, tools=TOOLS)
    assert last.stop_reason == "end_turn"
    assert text_of(last) == "The tool said: " + " | ".join(f"{city} is sunny" for city in cities)


@pytest.mark.parametrize("choice", [{"type": "any"}, {"type": "tool", "name": "get_weather"}])
def test_forced_tool(ant, provider, choice):
    message = ask(ant, model=provider.model(), messages=user("say it"), tools=TOOLS, tool_choice=choice)
    assert [block.name for block in message.content if block.type == "tool_use"] == ["get_weather"]


def test_images(ant, provider):
    data = {"type": "base64", "media_type": "image/png", "data": base64.b64encode(PNG).decode()}
    url = {"type": "url", "url": "https://example.com/a.png"}
    for source, seen in [(data, f"image/png, {len(PNG)} bytes"), (url, "https://example.com/a.png, 0 bytes")]:
        parts = [{"type": "image", "source": source}, {"type": "text", "text": "what is this?"}]
        message = ask(ant, model=provider.model(), messages=user(parts))
        assert text_of(message) == f"I see an image ({seen})"


def test_structured_output(ant, provider):
    schema = {
        "type": "object",
        "properties": {"city": {"type": "string"}, "population": {"type": "integer"}},
        "required": ["city", "population"],
        "additionalProperties": False,
    }
    config = {"format": {"type": "json_schema", "schema": schema}}
    for streamed in (False, True):
        message = ask(ant, streamed, model=provider.model(), messages=user("a place"), output_config=config)
        assert json.loads(text_of(message)) == {"city": "Paris", "population": 42}


def test_several_turns_with_a_system_prompt(ant, provider):
    messages = user("first") + [{"role": "assistant", "content": "Echo: first"}] + user("second")
    message = ask(ant, model=provider.model(), system="Be brief.", messages=messages)
    assert text_of(message) == "Echo: second | system: Be brief. | turn: 2"


def test_stop_reasons(ant, provider):
    message = ask(ant, model=provider.model("length"), messages=user("SAY a b c d"))
    assert (text_of(message), message.stop_reason) == ("a b ", "max_tokens")
    # Responses, OpenAI's richest dialect, has no stop sequences: what is lost is said.
    request = {"messages": user("SAY one two"), "stop_sequences": ["two"], "max_tokens": 100}
    raw = ant.messages.with_raw_response.create(model=provider.model(), **request)
    lost = "stop_sequences=drop" in raw.headers.get("x-apex-adjustments", "")
    assert lost == (provider.id == "openai"), raw.headers
    assert text_of(raw.parse()) == ("one two" if lost else "one ")
    if DIRECT:
        return
    # Chat has them, but cannot tell which sequence it was, or that it was one.
    message = ant.messages.create(model="llama-4-70b#only-chat", **request)
    assert (text_of(message), message.stop_reason) == ("one ", "end_turn")


@pytest.mark.parametrize("streamed", [False, True])
def test_thinking(ant, provider, streamed):
    model = provider.model("reasoner" if provider.id == "openai" else "")
    thinking = {"type": "adaptive", "display": "summarized"}
    messages = user("what is the weather in Paris?")
    first = ask(ant, streamed, model=model, messages=messages, tools=TOOLS, thinking=thinking)
    block, call = first.content
    assert (block.type, call.type) == ("thinking", "tool_use") and block.thinking
    # The signature goes back as it came.
    result = {"type": "tool_result", "tool_use_id": call.id, "content": "sunny"}
    messages += [{"role": "assistant", "content": first.content}, {"role": "user", "content": [result]}]
    last = ask(ant, streamed, model=model, messages=messages, tools=TOOLS, thinking=thinking)
    assert text_of(last) == "The tool said: sunny"


@pytest.mark.parametrize("streamed", [False, True])
def test_refusal(ant, provider, streamed):
    message = ask(ant, streamed, model=provider.model("refusal"), messages=user("hi"))
    assert message.stop_reason == "refusal"


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, anthropic.BadRequestError),
        (404, anthropic.NotFoundError),
        (413, anthropic.APIStatusError),
        (429, anthropic.RateLimitError),
        (500, anthropic.InternalServerError),
        (503, anthropic.APIStatusError),
        (529, anthropic.OverloadedError),
    ],
)
def test_errors(ant, upstream, provider, status, error, streamed):
    with pytest.raises(error) as raised:
        ant.messages.create(
            model=provider.model(str(status)), max_tokens=100, messages=user("hi"), stream=streamed
        )
    # An overloaded OpenAI may be told in Anthropic's own number.
    translated = status == 503 and provider.id == "openai"
    assert raised.value.status_code in ((503, 529) if translated else (status,))
    assert raised.value.body["type"] == "error" and raised.value.body["error"]["message"]
    assert raised.value.request_id
    if status == 429:
        assert raised.value.response.headers["retry-after"] == "2"
    upstream.one()


def test_context_length(ant, provider):
    with pytest.raises(anthropic.BadRequestError) as raised:
        ask(ant, model=provider.model("context"), messages=user("hi"))
    # Claude Code reads both numbers and compacts.
    assert raised.value.body["error"]["message"] == "prompt is too long: 210000 tokens > 200000 maximum"


def test_error_instead_of_the_first_event_is_a_status(ant, provider):
    with pytest.raises(anthropic.APIStatusError) as raised:
        list(ant.messages.create(model=provider.model("err200"), max_tokens=100, messages=user("hi"), stream=True))
    if not DIRECT:
        assert raised.value.status_code >= 500


@pytest.mark.parametrize("behaviour", ["err-mid", "truncate", "cut-1500", "rst-1500"])
def test_a_broken_stream_raises(ant, provider, behaviour):
    if DIRECT and behaviour == "truncate":
        pytest.skip("the SDK accepts a truncated stream in silence")
    text = "SAY " + "word " * 60
    with pytest.raises((anthropic.APIError, anthropic.APIConnectionError) if not DIRECT else Exception):
        for event in ant.messages.create(
            model=provider.model(behaviour), max_tokens=1000, messages=user(text), stream=True
        ):
            assert event.type not in ("content_block_stop", "message_stop")


@gateway_only
def test_a_broken_tool_call_is_never_closed(ant, provider):
    closed = []
    with pytest.raises(anthropic.APIError):
        for event in ant.messages.create(
            model=provider.model("truncate"),
            max_tokens=1000,
            messages=user("weather in Paris?"),
            tools=TOOLS,
            stream=True,
        ):
            closed.append(event.type)
    assert "content_block_stop" not in closed


@gateway_only
def test_wrong_gateway_token(upstream, provider):
    wrong = anthropic.Anthropic(api_key="wrong", base_url=URL, max_retries=2, timeout=20)
    with pytest.raises((anthropic.AuthenticationError, anthropic.PermissionDeniedError)) as raised:
        ask(wrong, model=provider.model(), messages=user("hi"))
    assert raised.value.body["error"]["type"] == "authentication_error"
    assert raised.value.response.headers["x-should-retry"] == "false"
    assert upstream.requests() == []


@gateway_only
@pytest.mark.parametrize("model", ["gpt-5.5", "claude-sonnet-4-6#nobody"])
def test_a_model_without_a_known_provider(ant, upstream, model):
    with pytest.raises(anthropic.NotFoundError) as raised:
        ask(ant, model=model, messages=user("hi"))
    error = raised.value.body["error"]
    assert error["type"] == "not_found_error"
    assert "#" in error["message"] and "anthropic" in error["message"]
    assert raised.value.response.headers["x-should-retry"] == "false"
    assert upstream.requests() == []


@gateway_only
def test_a_bare_name_goes_to_its_default_provider(ant, upstream):
    assert text_of(ask(ant, model="claude-haiku-5-5", messages=user("hi"))) == "Echo: hi"
    assert upstream.one()["target"].startswith("/anthropic/")


def test_models(ant):
    page = ant.models.list(limit=1000)
    listed = list(page)
    assert page.has_more is False and not page.has_next_page()
    assert (page.first_id, page.last_id) == (listed[0].id, listed[-1].id)
    assert listed and all(model.id and model.type == "model" for model in listed)
    name = "claude-sonnet-4-6" if DIRECT else "claude-sonnet-4-6#anthropic"
    assert ant.models.retrieve(name).id == name


def test_count_tokens(ant, provider, upstream):
    if provider.id == "openai":
        # No counting in this dialect there: an estimate, without a request where none can be translated.
        plain = ant.messages.with_raw_response.count_tokens(model=provider.model(), messages=user("hello"))
        more = ant.messages.count_tokens(model=provider.model(), messages=user("hello"), system="Hi.", tools=TOOLS)
        assert 0 < plain.parse().input_tokens < more.input_tokens
        return
    assert ant.messages.count_tokens(model=provider.model(), messages=user("hello")).input_tokens > 0


@gateway_only
def test_alias(ant, upstream):
    assert text_of(ask(ant, model="fast", messages=user("hi"))) == "Echo: hi"
    assert json.loads(upstream.one()["body"])["model"] == "gpt-5.5"


@gateway_only
def test_mapping(ant, upstream, provider):
    mapping = {"X-APEX-AI-PROXY-MAPPING": f"claude-opus-4.7#{provider.model().split('#')[0]}"}
    model = f"claude-opus-4.7#{provider.id}"
    assert text_of(ask(ant, model=model, messages=user("hi"), extra_headers=mapping)) == "Echo: hi"
    assert json.loads(upstream.one()["body"])["model"] == provider.model().split("#")[0]


@gateway_only
def test_passthrough(upstream):
    headers = {"X-APEX-AI-PROXY-PROVIDER": UPSTREAM.removeprefix("http://") + "/api/anthropic"}
    client = anthropic.Anthropic(api_key="sk-own", base_url=URL, max_retries=0, default_headers=headers)
    assert text_of(ask(client, model="claude-sonnet-4-6", messages=user("hi"))) == "Echo: hi"
    request = upstream.one()
    assert request["target"] == "/api/anthropic/v1/messages"
    assert header(request, "authorization") == ["Bearer sk-own"]


@gateway_only
def test_same_dialect_bodies_pass_untouched(ant, upstream):
    extra = {"unknown_member": {"n": 1, "list": [1, 2]}}
    # The scripted upstream is as strict as the real one, unless the model says `lax`.
    ask(ant, model="claude-sonnet-4-6-lax#anthropic", messages=user("hi"), extra_body=extra)
    request = upstream.one()
    assert json.loads(request["body"])["unknown_member"] == extra["unknown_member"]
    assert header(request, "anthropic-version") and header(request, "x-stainless-lang") == ["python"]


def test_a_client_that_leaves_takes_the_upstream_with_it(ant, upstream, provider):
    stream = ant.messages.create(
        model=provider.model("stream-500-20"), max_tokens=1000, messages=user("hi"), stream=True
    )
    next(iter(stream))
    stream.close()
    gone = upstream.wait_for_outcome("client_gone", seconds=3)
    assert gone["outcome"]["after_ms"] < 3000
