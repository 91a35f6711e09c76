"""The official google-genai SDK, with upstreams that speak each dialect."""

import base64
import json

import pytest
from conftest import TOKEN, URL, header
from google import genai
from google.genai import errors, types

GOOGLE = "gemini-3-pro%23google-ai-studio"
OPENAI = "gpt-5.5%23openai"
ANTHROPIC = "claude-sonnet-4-6%23anthropic"
EVERY = [GOOGLE, OPENAI, ANTHROPIC]

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


@pytest.fixture
def google():
    return genai.Client(api_key=TOKEN, http_options={"base_url": URL})


@pytest.mark.parametrize("model", EVERY)
def test_text(google, upstream, model):
    reply = google.models.generate_content(model=model, contents="hi")
    assert reply.text == "Echo: hi"
    assert reply.candidates[0].finish_reason == types.FinishReason.STOP
    assert reply.usage_metadata.prompt_token_count > 0
    request = upstream.one()
    assert TOKEN not in json.dumps(request["headers"]) + request["target"]
    if model == GOOGLE:
        assert request["target"].endswith("/models/gemini-3-pro:generateContent")
        assert header(request, "x-goog-api-key") == ["upstream-google"]


@pytest.mark.parametrize("model", EVERY)
def test_stream(google, model):
    chunks = list(google.models.generate_content_stream(model=model, contents="one two three four"))
    assert "".join(chunk.text or "" for chunk in chunks) == "Echo: one two three four"
    assert len(chunks) > 2
    assert chunks[-1].candidates[0].finish_reason == types.FinishReason.STOP
    assert chunks[-1].usage_metadata.candidates_token_count > 0


def declared():
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    declaration = types.FunctionDeclaration(name="get_weather", description="w", parameters_json_schema=schema)
    calling = types.FunctionCallingConfig(mode="ANY", allowed_function_names=["get_weather"])
    return types.GenerateContentConfig(
        tools=[types.Tool(function_declarations=[declaration])],
        tool_config=types.ToolConfig(function_calling_config=calling),
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
    )


@pytest.mark.parametrize("model", EVERY)
@pytest.mark.parametrize("stream", [False, True])
def test_a_tool_round_trip(google, model, stream):
    config = declared()
    asked = types.Content(role="user", parts=[types.Part(text="weather?")])
    if stream:
        chunks = list(google.models.generate_content_stream(model=model, contents=[asked], config=config))
        parts = [p for c in chunks for p in (c.candidates[0].content.parts or []) if p.function_call]
    else:
        reply = google.models.generate_content(model=model, contents=[asked], config=config)
        parts = [p for p in reply.candidates[0].content.parts if p.function_call]
    assert [p.function_call.name for p in parts] == ["get_weather"]
    assert "city" in parts[0].function_call.args
    call = parts[0].function_call
    response = types.FunctionResponse(id=call.id, name=call.name, response={"output": "sunny"})
    answered = types.Content(role="user", parts=[types.Part(function_response=response)])
    config.tool_config = None
    contents = [asked, types.Content(role="model", parts=parts), answered]
    reply = google.models.generate_content(model=model, contents=contents, config=config)
    assert "sunny" in reply.text


@pytest.mark.parametrize("model", EVERY)
def test_an_image(google, upstream, model):
    image = types.Part.from_bytes(data=PNG, mime_type="image/png")
    google.models.generate_content(model=model, contents=["what is this?", image])
    # The SDK writes the URL-safe alphabet, which a relay leaves as it is.
    sent = upstream.one()["body"].replace("-", "+").replace("_", "/")
    assert base64.b64encode(PNG).decode() in sent


@pytest.mark.parametrize("model", EVERY)
def test_structured_output(google, model):
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    config = types.GenerateContentConfig(response_mime_type="application/json", response_json_schema=schema)
    reply = google.models.generate_content(model=model, contents="where?", config=config)
    assert "city" in json.loads(reply.text)


@pytest.mark.parametrize("model", EVERY)
def test_counting(google, model):
    assert google.models.count_tokens(model=model, contents="hello there").total_tokens > 0


def test_errors(google):
    with pytest.raises(errors.ClientError) as unknown:
        google.models.generate_content(model="gemini%23nowhere", contents="hi")
    assert (unknown.value.code, unknown.value.status) == (404, "NOT_FOUND")
    wrong = genai.Client(api_key="wrong", http_options={"base_url": URL})
    with pytest.raises(errors.ClientError) as refused:
        wrong.models.generate_content(model=GOOGLE, contents="hi")
    assert (refused.value.code, refused.value.status) == (401, "UNAUTHENTICATED")
    for model in ["m-429%23google-ai-studio", "m-429%23openai", "m-429%23anthropic"]:
        with pytest.raises(errors.ClientError) as limited:
            google.models.generate_content(model=model, contents="hi")
        assert (limited.value.code, limited.value.status) == (429, "RESOURCE_EXHAUSTED")


@pytest.mark.parametrize("provider", ["google-ai-studio", "openai", "anthropic"])
def test_a_cut_stream_is_no_answer(google, provider):
    """Python's SDK takes a stream that just ends for a whole one: the error event tells (pitfall 49)."""
    stream = google.models.generate_content_stream(model=f"truncate%23{provider}", contents="one two three four five")
    with pytest.raises(errors.APIError):
        for _ in stream:
            pass


def test_models(google):
    listed = list(google.models.list())
    assert listed and all(model.name.startswith("models/") and model.supported_actions for model in listed)
    alias = next(model for model in listed if model.display_name == "fast")
    # What the list tells can be asked for as it is.
    assert google.models.generate_content(model=alias.name, contents="hi").text == "Echo: hi"
    found = google.models.get(model=OPENAI)
    assert (found.name, found.display_name) == (f"models/{OPENAI}", "gpt-5.5#openai")
    assert google.models.get(model=found.name) == found
    assert google.models.generate_content(model=found.name, contents="hi").text == "Echo: hi"
    with pytest.raises(errors.ClientError) as raised:
        google.models.get(model="gpt-5.5%23nowhere")
    assert raised.value.code == 404 and "nowhere" in raised.value.message


@pytest.mark.parametrize("version", ["v1", "v1beta"])
def test_models_of_either_version(version):
    client = genai.Client(api_key=TOKEN, http_options={"base_url": URL, "api_version": version})
    assert any(model.display_name == "fast" for model in client.models.list())
    assert client.models.get(model="fast").name == "models/fast"
