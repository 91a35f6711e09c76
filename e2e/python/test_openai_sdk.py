"""The official `openai` SDK; it must not notice which provider answers."""

import base64
import json

import openai
import pydantic
import pytest
from conftest import DIRECT, PNG, TOKEN, URL, WEATHER, gateway_only, header

TOOLS = [{"type": "function", "function": {"name": "get_weather", "description": "weather", "parameters": WEATHER}}]


def user(text):
    return [{"role": "user", "content": text}]


def test_chat(oai, upstream, provider):
    reply = oai.chat.completions.create(model=provider.model(), messages=user("hello there"))
    assert reply.object == "chat.completion"
    assert reply.choices[0].message.role == "assistant"
    assert reply.choices[0].message.content == "Echo: hello there"
    assert reply.choices[0].finish_reason == "stop"
    assert reply.usage.prompt_tokens > 0 and reply.usage.completion_tokens > 0
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens
    assert reply.usage.prompt_tokens_details.cached_tokens == 4
    request = upstream.one()
    assert "#" not in json.loads(request["body"])["model"]
    if not DIRECT:
        assert TOKEN not in json.dumps(request["headers"])
        assert request["target"].startswith(f"/{provider.id}/")


def test_stream(oai, provider):
    chunks = list(
        oai.chat.completions.create(
            model=provider.model(),
            messages=user("one two three four five"),
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    deltas = [c.choices[0].delta for c in chunks if c.choices]
    assert [d.role for d in deltas if d.role] == ["assistant"]
    texts = [d.content for d in deltas if d.content]
    assert len(texts) >= 3 and "".join(texts) == "Echo: one two three four five"
    assert [c.choices[0].finish_reason for c in chunks if c.choices and c.choices[0].finish_reason] == ["stop"]
    assert len({c.id for c in chunks}) == 1
    assert [bool(c.usage) for c in chunks] == [False] * (len(chunks) - 1) + [True]
    assert chunks[-1].choices == [] and chunks[-1].usage.prompt_tokens_details.cached_tokens == 4


@pytest.mark.parametrize("behaviour", ["gzip", "crlf", "comments", "bytes-7", "close", "slow-30"])
def test_the_wire_does_not_matter(oai, provider, behaviour):
    request = {"model": provider.model(behaviour), "messages": user("one two three")}
    assert oai.chat.completions.create(**request).choices[0].message.content == "Echo: one two three"
    texts = [c.choices[0].delta.content or "" for c in oai.chat.completions.create(**request, stream=True)]
    assert "".join(texts) == "Echo: one two three"


def test_no_usage_unless_asked_for(oai, provider):
    for chunk in oai.chat.completions.create(model=provider.model(), messages=user("hi"), stream=True):
        assert chunk.usage is None and chunk.choices


def test_stream_helper(oai, provider):
    with oai.chat.completions.stream(model=provider.model(), messages=user("one two three")) as stream:
        said = "".join(event.delta for event in stream if event.type == "content.delta")
        final = stream.get_final_completion()
    assert said == final.choices[0].message.content == "Echo: one two three"
    assert final.choices[0].finish_reason == "stop"


def ask(oai, streamed, **request):
    if not streamed:
        return oai.chat.completions.create(**request).choices[0]
    with oai.chat.completions.stream(**request) as stream:
        return stream.get_final_completion().choices[0]


def assistant_turn(message):
    calls = [
        {"id": c.id, "type": "function", "function": {"name": c.function.name, "arguments": c.function.arguments}}
        for c in message.tool_calls
    ]
    return {"role": "assistant", "content": message.content, "tool_calls": calls}


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("question", ["what is the weather in Paris?", "weather in both Paris and London?"])
def test_tools_round_trip(oai, provider, streamed, question):
    messages = user(question)
    first = ask(oai, streamed, model=provider.model(), messages=messages, tools=TOOLS)
    assert first.finish_reason == "tool_calls"
    calls = first.message.tool_calls
    cities = ["Paris", "London"] if "both" in question else ["Paris"]
    assert [json.loads(c.function.arguments) for c in calls] == [{"city": city} for city in cities]
    assert {c.function.name for c in calls} == {"get_weather"} and len({c.id for c in calls}) == len(calls)
    messages.append(assistant_turn(first.message))
    for city, call in zip(cities, calls, strict=True):
        messages.append({"role": "tool", "tool_call_id": call.id, "content": f"{city} is sunny"})
    last = ask(oai, streamed, model=provider.model(), messages=messages, tools=TOOLS)
    assert last.finish_reason == "stop" and not last.message.tool_calls
    assert last.message.content == "The tool said: " + " | ".join(f"{city} is sunny" for city in cities)


def test_tool_arguments_keep_their_bytes(oai, provider):
    tools = [{"type": "function", "function": {"name": "put", "parameters": {"type": "object"}}}]
    arguments = r'{"n": 123456789012345678901234567890, "x": 1e2, "s": "\u00e9"}'
    for streamed in (False, True):
        choice = ask(oai, streamed, model=provider.model(), messages=user(f"CALL put {arguments}"), tools=tools)
        assert choice.message.tool_calls[0].function.arguments == arguments


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "get_weather"}}])
def test_forced_tool(oai, provider, choice):
    reply = oai.chat.completions.create(
        model=provider.model(), messages=user("say something"), tools=TOOLS, tool_choice=choice
    )
    assert reply.choices[0].message.tool_calls[0].function.name == "get_weather"


def test_images(oai, provider):
    data = "data:image/png;base64," + base64.b64encode(PNG).decode()
    for url, seen in [(data, f"image/png, {len(PNG)} bytes"), ("https://example.com/a.png", "https://example.com/a.png, 0 bytes")]:
        parts = [{"type": "text", "text": "what is this?"}, {"type": "image_url", "image_url": {"url": url}}]
        reply = oai.chat.completions.create(model=provider.model(), messages=user(parts))
        assert reply.choices[0].message.content == f"I see an image ({seen})"


class Place(pydantic.BaseModel):
    city: str
    population: int
    capital: bool


def test_structured_output(oai, provider):
    reply = oai.chat.completions.parse(model=provider.model(), messages=user("a place"), response_format=Place)
    place = reply.choices[0].message.parsed
    assert isinstance(place, Place) and place.city == "Paris" and place.capital
    with oai.chat.completions.stream(
        model=provider.model(), messages=user("a place"), response_format=Place
    ) as stream:
        assert stream.get_final_completion().choices[0].message.parsed == place


def test_several_turns_with_a_system_prompt(oai, provider):
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "first"},
        {"role": "assistant", "content": "Echo: first"},
        {"role": "user", "content": "second"},
    ]
    reply = oai.chat.completions.create(model=provider.model(), messages=messages)
    assert reply.choices[0].message.content == "Echo: second | system: Be brief. | turn: 2"


def test_stop_reasons(oai, provider):
    reply = oai.chat.completions.create(model=provider.model("length"), messages=user("SAY a b c d"))
    assert (reply.choices[0].message.content, reply.choices[0].finish_reason) == ("a b ", "length")
    reply = oai.chat.completions.create(model=provider.model(), messages=user("SAY one two"), stop=["two"])
    assert (reply.choices[0].message.content, reply.choices[0].finish_reason) == ("one ", "stop")


def test_reasoning(oai, provider):
    model = provider.model("reasoner" if provider.id == "openai" else "")
    request = {"model": model, "messages": user("think"), "reasoning_effort": "high"}
    message = oai.chat.completions.create(**request).choices[0].message
    assert message.content == "Echo: think" and "think" in message.reasoning_content
    deltas = [c.choices[0].delta for c in oai.chat.completions.create(**request, stream=True) if c.choices]
    said = "".join(getattr(d, "reasoning_content", None) or "" for d in deltas)
    assert said == message.reasoning_content


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, openai.BadRequestError),
        (404, openai.NotFoundError),
        (422, openai.UnprocessableEntityError),
        (429, openai.RateLimitError),
        (500, openai.InternalServerError),
        (503, openai.InternalServerError),
        (529, openai.InternalServerError),
    ],
)
def test_errors(oai, upstream, provider, status, error, streamed):
    with pytest.raises(error) as raised:
        oai.chat.completions.create(model=provider.model(str(status)), messages=user("hi"), stream=streamed)
    assert type(raised.value) is error
    # 529 is Anthropic's own number: nobody else knows it.
    translated = status == 529 and provider.id == "anthropic"
    assert raised.value.status_code == (503 if translated else status)
    assert raised.value.body["message"] and raised.value.request_id
    if status == 429:
        assert raised.value.response.headers["retry-after"] == "2"
    upstream.one()


def test_context_length(oai, provider):
    with pytest.raises(openai.BadRequestError) as raised:
        oai.chat.completions.create(model=provider.model("context"), messages=user("hi"))
    assert raised.value.code == "context_length_exceeded"


def test_error_instead_of_the_first_event_is_a_status(oai, provider):
    with pytest.raises(openai.APIError) as raised:
        list(oai.chat.completions.create(model=provider.model("err200"), messages=user("hi"), stream=True))
    if not DIRECT:
        assert isinstance(raised.value, openai.APIStatusError) and raised.value.status_code >= 500


@pytest.mark.parametrize("behaviour", ["err-mid", "truncate", "cut-900", "rst-900"])
def test_a_broken_stream_raises(oai, provider, behaviour):
    if DIRECT and behaviour == "truncate":
        pytest.skip("the SDK accepts a truncated stream in silence")
    seen = []
    with pytest.raises((openai.APIError, openai.APIConnectionError) if not DIRECT else Exception):
        text = "SAY " + "word " * 40
        for chunk in oai.chat.completions.create(model=provider.model(behaviour), messages=user(text), stream=True):
            assert not any(choice.finish_reason for choice in chunk.choices)
            seen.append(chunk)
    if behaviour == "err-mid":
        assert any(chunk.choices[0].delta.content for chunk in seen)


@gateway_only
def test_wrong_gateway_token(upstream, provider):
    wrong = openai.OpenAI(api_key="wrong", base_url=f"{URL}/v1", max_retries=2, timeout=20)
    with pytest.raises(openai.AuthenticationError) as raised:
        wrong.chat.completions.create(model=provider.model(), messages=user("hi"))
    assert raised.value.code == "invalid_api_key"
    assert raised.value.response.headers["x-should-retry"] == "false"
    assert upstream.requests() == []


@gateway_only
@pytest.mark.parametrize("model", ["gpt-5.5", "gpt-5.5#nobody", "gpt-5.5#", "#openai"])
def test_a_model_without_a_known_provider(oai, upstream, model):
    with pytest.raises(openai.BadRequestError) as raised:
        oai.chat.completions.create(model=model, messages=user("hi"))
    assert raised.value.type == "invalid_request_error" and raised.value.code == "invalid_model"
    assert "#" in raised.value.message and "openai" in raised.value.message
    assert raised.value.response.headers["x-should-retry"] == "false"
    assert upstream.requests() == []


def test_models(oai):
    page = oai.models.list()
    listed = list(page)
    assert listed and all(model.id and model.object == "model" for model in listed)
    assert not page.has_next_page()
    name = "gpt-5.5" if DIRECT else "gpt-5.5#openai"
    assert oai.models.retrieve(name).id == name


def test_embeddings(oai, upstream):
    model = "text-embedding-3-small" if DIRECT else "text-embedding-3-small#openai"
    reply = oai.embeddings.create(model=model, input=["one", "two"])
    assert [len(item.embedding) for item in reply.data] == [8, 8]
    assert reply.data[0].embedding != reply.data[1].embedding
    sent = json.loads(upstream.one()["body"])
    assert sent["model"] == "text-embedding-3-small" and sent["encoding_format"] == "base64"


def named(model):
    return model if DIRECT else f"{model}#openai"


def test_base64_embeddings_with_dimensions(oai, upstream):
    reply = oai.embeddings.create(
        model=named("text-embedding-3-small"), input="one", dimensions=3, encoding_format="base64"
    )
    assert isinstance(reply.data[0].embedding, str)
    assert json.loads(upstream.one()["body"])["dimensions"] == 3


def test_completions_and_moderations(oai):
    completion = oai.completions.create(model=named("gpt-3.5-turbo-instruct"), prompt="hi")
    assert completion.choices[0].text == "Echo: hi"
    streamed = oai.completions.create(model=named("gpt-3.5-turbo-instruct"), prompt="hi you", stream=True)
    assert "".join(chunk.choices[0].text for chunk in streamed) == "Echo: hi you"
    moderation = oai.moderations.create(model=named("omni-moderation-latest"), input="violence")
    assert moderation.results[0].flagged


def test_audio(oai, upstream):
    speech = oai.audio.speech.create(model=named("tts-1"), voice="alloy", input="hi")
    assert speech.content.startswith(b"\xff\xfb\x90\0")
    upstream.clear()
    wav = ("a;name=model.wav", b"RIFF\r\n--model\0\xff", "audio/wav")
    heard = oai.audio.transcriptions.create(model=named("whisper-1"), file=wav, language="en")
    assert heard.text.startswith("heard ")
    sent = upstream.one()
    assert "whisper-1\r\n" in sent["body"] and "#openai" not in sent["body"]
    assert "multipart/form-data; boundary=" in header(sent, "content-type")[0]
    assert oai.audio.translations.create(model=named("whisper-1"), file=wav).text.startswith("heard ")


def test_images(oai, upstream):
    made = oai.images.generate(model=named("gpt-image-2"), prompt="a cat")
    assert made.data[0].b64_json
    upstream.clear()
    edited = oai.images.edit(model=named("gpt-image-2"), image=("a.png", PNG, "image/png"), prompt="a dog")
    assert edited.data[0].b64_json
    assert "#openai" not in upstream.one()["body"]


@gateway_only
def test_files_by_header(oai, upstream):
    oai.files.with_raw_response.list(extra_headers={"x-apex-provider": "openai"})
    sent = upstream.one()
    assert (sent["method"], sent["target"]) == ("GET", "/openai/strict/v1/files")
    with pytest.raises(openai.NotFoundError) as raised:
        oai.files.list()
    assert raised.value.code == "provider_not_named" and "x-apex-provider" in raised.value.message


@gateway_only
def test_alias(oai, upstream):
    reply = oai.chat.completions.create(model="fast", messages=user("hi"))
    assert reply.choices[0].message.content == "Echo: hi"
    assert json.loads(upstream.one()["body"])["model"] == "gpt-5.5"


@gateway_only
def test_mapping(oai, upstream, provider):
    mapping = {"X-APEX-AI-PROXY-MAPPING": f"hard-coded#{provider.model().split('#')[0]},a#b"}
    model = f"hard-coded#{provider.id}"
    reply = oai.chat.completions.create(model=model, messages=user("hi"), extra_headers=mapping)
    assert reply.choices[0].message.content == "Echo: hi"
    request = upstream.one()
    assert json.loads(request["body"])["model"] == provider.model().split("#")[0]
    assert not any(name.lower().startswith("x-apex-ai") for name, _ in request["headers"])


@gateway_only
def test_passthrough(upstream):
    from conftest import UPSTREAM

    headers = {"X-APEX-AI-PROXY-PROVIDER": UPSTREAM.removeprefix("http://") + "/api"}
    client = openai.OpenAI(api_key="sk-own", base_url=f"{URL}/v1", max_retries=0, default_headers=headers)
    reply = client.chat.completions.create(model="gpt-5.4", messages=user("hi"))
    assert reply.choices[0].message.content == "Echo: hi"
    request = upstream.one()
    assert request["target"] == "/api/v1/chat/completions"
    assert header(request, "authorization") == ["Bearer sk-own"]
    assert not any(name.lower().startswith("x-apex-ai") for name, _ in request["headers"])


@gateway_only
def test_an_upstream_that_repeats_our_key_does_not_leak_it(oai, provider):
    with pytest.raises(openai.APIStatusError) as raised:
        oai.chat.completions.create(model=provider.model("echo-auth"), messages=user("hi"))
    shown = raised.value.response.text + str(raised.value.response.headers)
    assert "sk-upstream" not in shown and "sk-ant-upstream" not in shown


def test_a_client_that_leaves_takes_the_upstream_with_it(oai, upstream, provider):
    stream = oai.chat.completions.create(model=provider.model("stream-500-20"), messages=user("hi"), stream=True)
    next(iter(stream))
    stream.close()
    gone = upstream.wait_for_outcome("client_gone", seconds=3)
    assert gone["outcome"]["after_ms"] < 3000
