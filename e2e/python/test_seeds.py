"""Every example of the project's first READMEs, with only host and token changed."""

import json
import subprocess

import pytest
from anthropic import Anthropic
from conftest import DIRECT, TOKEN, UPSTREAM, URL, header
from openai import OpenAI

pytestmark = pytest.mark.skipif(DIRECT, reason="the examples are about the gateway")

HOST = UPSTREAM.removeprefix("http://")
MAPPING = "claude-opus-4.7#mimo-v2.5-pro,claude-sonnet-4-6#mimo-v2.5"


def run(script):
    """An example as it is written, in a shell."""
    done = subprocess.run(
        ["bash", "-c", script],
        env={
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "URL": URL,
            "GATEWAY_TOKEN": TOKEN,
            "UPSTREAM_KEY": "sk-own",
            "UPSTREAM_HOST": HOST,
            "MAPPING": MAPPING,
            "NO_PROXY": "127.0.0.1,localhost",
        },
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def data_of(answer):
    return [line.removeprefix("data: ") for line in answer.splitlines() if line.startswith("data: ")]


# --- the first README ---


def test_openai_format_streamed_from_anthropic(upstream):
    answer = run(
        r"""curl -sS -X POST "$URL/v1/chat/completions" \
  -H "Authorization: Bearer $GATEWAY_TOKEN" \
  -H "Content-Type: application/json" \
  -d '{
    "model": "claude-3-5-haiku-20241022#anthropic",
    "messages": [
      {
        "role": "user",
        "content": "Hello, world!"
      }
    ],
    "stream": true
  }'"""
    )
    *chunks, done = data_of(answer)
    assert done == "[DONE]"
    said = [json.loads(chunk)["choices"][0]["delta"].get("content") or "" for chunk in chunks]
    assert "".join(said) == "Echo: Hello, world!"
    assert upstream.one()["target"].startswith("/anthropic/")


def test_anthropic_format_streamed_from_anthropic(upstream):
    answer = run(
        r"""curl -sS -X POST "$URL/v1/messages" \
  -H "Authorization: Bearer $GATEWAY_TOKEN" \
  -H "Content-Type: application/json" \
  -H "anthropic-version: 2023-06-01" \
  -d '{
    "model": "claude-3-5-sonnet-20241022#anthropic",
    "max_tokens": 1000,
    "messages": [
      {
        "role": "user",
        "content": "Hello, world!"
      }
    ],
    "stream": true
  }'"""
    )
    events = [json.loads(data) for data in data_of(answer)]
    assert events[0]["type"] == "message_start" and events[-1]["type"] == "message_stop"
    said = [event["delta"]["text"] for event in events if event["type"] == "content_block_delta"]
    assert "".join(said) == "Echo: Hello, world!"
    request = upstream.one()
    assert header(request, "x-api-key") == ["sk-ant-upstream"]
    assert header(request, "anthropic-version") == ["2023-06-01"]


def test_vision():
    answer = run(
        r"""curl -sS -X POST "$URL/v1/chat/completions" \
  -H "Authorization: Bearer $GATEWAY_TOKEN" \
  -H "Content-Type: application/json" \
  -d '{
    "model": "gpt-4-vision-preview#openai",
    "messages": [
      {
        "role": "user",
        "content": [
          {
            "type": "text",
            "text": "What do you see in this image?"
          },
          {
            "type": "image_url",
            "image_url": {
              "url": "data:image/png;base64,iVBORw0KGgo="
            }
          }
        ]
      }
    ]
  }'"""
    )
    assert json.loads(answer)["choices"][0]["message"]["content"] == "I see an image (image/png, 8 bytes)"


def test_openai_python():
    client = OpenAI(api_key=TOKEN, base_url=f"{URL}/v1")
    response = client.chat.completions.create(
        model="claude-3-5-haiku-20241022#anthropic", messages=[{"role": "user", "content": "Hello!"}]
    )
    assert response.choices[0].message.content == "Echo: Hello!"


def test_anthropic_python():
    client = Anthropic(api_key=TOKEN, base_url=URL)
    response = client.messages.create(
        model="claude-3-5-sonnet-20241022#anthropic",
        max_tokens=1000,
        messages=[{"role": "user", "content": "Hello!"}],
    )
    assert response.content[0].text == "Echo: Hello!"


def test_local_development():
    answer = run(
        r"""curl -sS -X POST "$URL/v1/chat/completions" \
  -H "Authorization: Bearer $GATEWAY_TOKEN" \
  -H "Content-Type: application/json" \
  -d '{"model": "gpt-3.5-turbo#openai", "messages": [{"role": "user", "content": "test"}]}'"""
    )
    assert json.loads(answer)["choices"][0]["message"]["content"] == "Echo: test"


@pytest.mark.parametrize("model", ["gpt-4#openai", "claude-3-5-haiku-20241022#anthropic"])
def test_a_provider_key_in_the_request(upstream, model):
    run(
        r"""curl -sS -f -H "Authorization: Bearer $UPSTREAM_KEY" \
  -H "cf-aig-authorization: Bearer $GATEWAY_TOKEN" \
  "$URL/v1/chat/completions" -H "Content-Type: application/json" \
  -d '{"model": "MODEL", "messages": [{"role": "user", "content": "test"}]}'""".replace("MODEL", model)
    )
    request = upstream.one()
    if model.endswith("#anthropic"):
        assert header(request, "x-api-key") == ["sk-own"] and not header(request, "authorization")
    else:
        assert header(request, "authorization") == ["Bearer sk-own"]
    assert TOKEN not in json.dumps(request["headers"])


MODELS = [
    ("gpt-4#openai", "/openai/strict/v1/"),
    ("gpt-3.5-turbo#openai", "/openai/strict/v1/"),
    ("gpt-5.3-codex#openai", "/openai/strict/v1/"),
    ("claude-3-5-sonnet-20241022#anthropic", "/anthropic/strict/v1/messages"),
    ("claude-opus-4.7#anthropic", "/anthropic/strict/v1/messages"),
    ("claude-sonnet-4-6#anthropic", "/anthropic/strict/v1/messages"),
    ("deepseek-v4-pro#deepseek", "/deepseek/chat/completions"),
    ("deepseek-v4-flash#deepseek", "/deepseek/chat/completions"),
    ("gemini-2.0-flash#google-ai-studio", "/google/strict/v1beta/models/gemini-2.0-flash:generateContent"),
    ("mixtral-8x7b-32768#groq", "/groq/openai/v1/chat/completions"),
    ("mistral-large-latest#mistral", "/mistral/v1/chat/completions"),
    ("gpt-4#azure-openai", "/azure"),
]


@pytest.mark.parametrize("style", ["openai", "anthropic"])
@pytest.mark.parametrize(("model", "target"), MODELS)
def test_the_listed_models(oai, ant, upstream, model, target, style):
    messages = [{"role": "user", "content": "hi"}]
    if style == "openai":
        said = oai.chat.completions.create(model=model, messages=messages).choices[0].message.content
    else:
        said = ant.messages.create(model=model, max_tokens=100, messages=messages).content[0].text
    assert said == "Echo: hi"
    request = upstream.one()
    assert request["target"].startswith(target)
    if model.endswith("#azure-openai"):
        assert "/gpt-4/chat/completions" in request["target"] and "api-version=2024-02-01" in request["target"]
        assert header(request, "api-key") == ["upstream-azure"]
    elif not model.endswith("#google-ai-studio"):  # Gemini's model is in the path
        assert json.loads(request["body"])["model"] == model.split("#")[0]


# --- the second README ---


def test_gateway_openai_style(upstream):
    answer = run(
        r"""curl -sS -X POST $URL/v1/chat/completions \
  -H "Authorization: Bearer $GATEWAY_TOKEN" \
  -H "Content-Type: application/json" \
  -d '{
    "model": "gpt-5.5#openai",
    "messages": [{"role":"user","content":"hi"}]
  }'"""
    )
    assert json.loads(answer)["choices"][0]["message"]["content"] == "Echo: hi"
    request = upstream.one()
    assert header(request, "authorization") == ["Bearer sk-upstream-openai"]
    # Only the value of the model is another one.
    assert request["body"] == (
        '{\n    "model": "gpt-5.5",\n    "messages": [{"role":"user","content":"hi"}]\n  }'
    )


def test_gateway_anthropic_style(upstream):
    answer = run(
        r"""curl -sS -X POST $URL/v1/messages \
  -H "Authorization: Bearer $GATEWAY_TOKEN" \
  -H "anthropic-version: 2023-06-01" \
  -H "Content-Type: application/json" \
  -d '{
    "model": "claude-opus-4.7#anthropic",
    "max_tokens": 1000,
    "messages": [{"role":"user","content":"hi"}]
  }'"""
    )
    assert json.loads(answer)["content"] == [{"type": "text", "text": "Echo: hi"}]
    assert upstream.one()["body"] == (
        '{\n    "model": "claude-opus-4.7",\n    "max_tokens": 1000,\n'
        '    "messages": [{"role":"user","content":"hi"}]\n  }'
    )


def test_passthrough_openai_style(upstream):
    answer = run(
        r"""curl -sS -X POST $URL/v1/chat/completions \
  -H "Authorization: Bearer $UPSTREAM_KEY" \
  -H "X-APEX-AI-PROXY-PROVIDER: $UPSTREAM_HOST/api" \
  -H "X-APEX-AI-PROXY-TYPE: chat-completions" \
  -H "Content-Type: application/json" \
  -d '{
    "model": "gpt-5.4",
    "messages": [{"role":"user","content":"hi"}]
  }'"""
    )
    assert json.loads(answer)["choices"][0]["message"]["content"] == "Echo: hi"
    request = upstream.one()
    assert request["target"] == "/api/v1/chat/completions"
    assert header(request, "authorization") == ["Bearer sk-own"]
    assert header(request, "host") == [HOST]
    assert not any(name.lower().startswith("x-apex-ai") for name, _ in request["headers"])


def test_passthrough_anthropic_style(upstream):
    answer = run(
        r"""curl -sS -X POST $URL/v1/messages \
  -H "x-api-key: $UPSTREAM_KEY" \
  -H "anthropic-version: 2023-06-01" \
  -H "X-APEX-AI-PROXY-PROVIDER: $UPSTREAM_HOST/api/anthropic" \
  -H "X-APEX-AI-PROXY-TYPE: anthropic" \
  -H "Content-Type: application/json" \
  -d '{
    "model": "claude-sonnet-4-6",
    "max_tokens": 1000,
    "messages": [{"role":"user","content":"hi"}]
  }'"""
    )
    assert json.loads(answer)["content"][0]["text"] == "Echo: hi"
    request = upstream.one()
    assert request["target"] == "/api/anthropic/v1/messages"
    assert header(request, "x-api-key") == ["sk-own"]
    assert header(request, "anthropic-version") == ["2023-06-01"]


@pytest.mark.parametrize(
    ("asked", "sent"),
    [("claude-opus-4.7", "mimo-v2.5-pro"), ("claude-sonnet-4-6", "mimo-v2.5"), ("claude-haiku", "claude-haiku")],
)
@pytest.mark.parametrize("mode", ["gateway", "passthrough"])
def test_mapping(upstream, asked, sent, mode):
    model = f"{asked}#anthropic" if mode == "gateway" else asked
    route = (
        '-H "Authorization: Bearer $GATEWAY_TOKEN"'
        if mode == "gateway"
        else '-H "x-api-key: $UPSTREAM_KEY" -H "X-APEX-AI-PROXY-PROVIDER: $UPSTREAM_HOST/api/anthropic"'
    )
    run(
        r"""curl -sS -f -X POST $URL/v1/messages ROUTE \
  -H "X-APEX-AI-PROXY-MAPPING: $MAPPING" \
  -H "anthropic-version: 2023-06-01" -H "Content-Type: application/json" \
  -d '{"model": "MODEL", "max_tokens": 1000, "messages": [{"role":"user","content":"hi"}]}'""".replace(
            "ROUTE", route
        )
        .replace("MODEL", model)
    )
    assert json.loads(upstream.one()["body"])["model"] == sent


def test_openai_sdk():
    client = OpenAI(api_key=TOKEN, base_url=f"{URL}/v1")
    resp = client.chat.completions.create(
        model="claude-opus-4.7#anthropic", messages=[{"role": "user", "content": "hello"}]
    )
    assert resp.choices[0].message.content == "Echo: hello"


def test_anthropic_sdk():
    client = Anthropic(api_key=TOKEN, base_url=URL)
    resp = client.messages.create(
        model="claude-sonnet-4-6#anthropic", max_tokens=1000, messages=[{"role": "user", "content": "hello"}]
    )
    assert resp.content[0].text == "Echo: hello"


def test_cors_for_web_applications():
    answer = run(
        r"""curl -sS -f -i -X OPTIONS $URL/v1/chat/completions -H "Origin: https://app.example" \
  -H "Access-Control-Request-Method: POST" \
  -H "Access-Control-Request-Headers: authorization, content-type, x-stainless-lang" """
    ).lower()
    assert "access-control-allow-origin: *" in answer
    assert "authorization" in answer and "x-stainless-lang" in answer
