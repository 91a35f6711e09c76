"""The first READMEs' main mode: everything goes through Cloudflare AI Gateway (gateway-cloudflare.toml)."""

import json

import anthropic
import cohere
import openai
import pytest
from conftest import TOKEN, URL, header

# The path after /v1/{account}/{gateway}/, and the model in the body when it is not the bare name.
PLACES = [
    ("gpt-5.5#openai", "openai/chat/completions", None),
    ("claude-opus-4.7#anthropic", "anthropic/v1/messages", None),
    ("gemini-2.0-flash#google-ai-studio", "google-ai-studio/v1beta/models/gemini-2.0-flash:generateContent", None),
    ("mixtral-8x7b-32768#groq", "groq/chat/completions", None),
    ("mistral-large-latest#mistral", "mistral/v1/chat/completions", None),
    ("grok-4#grok", "grok/v1/chat/completions", None),
    ("deepseek-v4-pro#deepseek", "deepseek/chat/completions", None),
    ("llama-4#cerebras", "cerebras/chat/completions", None),
    ("command-a#cohere", "compat/chat/completions", "cohere/command-a"),
    ("sonar#perplexity-ai", "perplexity-ai/v1/responses", None),
    ("gpt-4#azure-openai", "azure-openai/scripted/gpt-4/chat/completions?api-version=2024-02-01", None),
    ("qwen/qwen3#openrouter", "openrouter/v1/chat/completions", None),
    ("@cf/meta/llama#workers-ai", "workers-ai/v1/chat/completions", None),
]

# Where a Messages client goes instead: to its own dialect, or to the provider's richest.
RICHEST = {
    "openai/chat/completions": "openai/responses",
    "grok/v1/chat/completions": "grok/v1/responses",
    "openrouter/v1/chat/completions": "openrouter/v1/messages",
}
WAYS = [("openai", *way) for way in PLACES] + [
    # Cohere's own dialect has a path, and names without a prefix.
    ("anthropic", model, *(("cohere/v2/chat", None) if "cohere" in model else (RICHEST.get(place, place), sent)))
    for model, place, sent in PLACES
]


@pytest.mark.parametrize(("style", "model", "place", "sent"), WAYS)
def test_where_it_goes(oai, ant, upstream, model, place, sent, style):
    messages = [{"role": "user", "content": "hi"}]
    if style == "openai":
        reply = oai.chat.completions.with_raw_response.create(model=model, messages=messages)
        said = reply.parse().choices[0].message.content
    else:
        reply = ant.messages.with_raw_response.create(model=model, max_tokens=100, messages=messages)
        said = reply.parse().content[0].text
    assert said == "Echo: hi"
    assert reply.headers["cf-aig-log-id"] and reply.headers["cf-aig-cache-status"] == "MISS"
    request = upstream.one()
    assert request["target"] == f"/v1/acct/gw/{place}"
    if "azure" not in place and "google" not in place:
        assert json.loads(request["body"])["model"] == (sent or model.split("#")[0])
    # The keys are at Cloudflare: its own token is all that is sent.
    assert header(request, "cf-aig-authorization") == [f"Bearer {TOKEN}"]
    for name in ("authorization", "x-api-key", "api-key"):
        assert header(request, name) == [], name


def test_a_provider_key_in_the_request(upstream):
    headers = {"cf-aig-authorization": f"Bearer {TOKEN}"}
    messages = [{"role": "user", "content": "hi"}]
    client = openai.OpenAI(api_key="sk-own", base_url=f"{URL}/v1", max_retries=0, default_headers=headers)
    client.chat.completions.create(model="gpt-5.5#openai", messages=messages)
    request = upstream.one()
    assert header(request, "authorization") == ["Bearer sk-own"]
    assert header(request, "cf-aig-authorization") == [f"Bearer {TOKEN}"]
    upstream.clear()
    client = anthropic.Anthropic(api_key="sk-own", base_url=URL, max_retries=0, default_headers=headers)
    client.messages.create(model="claude-opus-4.7#anthropic", max_tokens=100, messages=messages)
    assert header(upstream.one(), "x-api-key") == ["sk-own"]


def test_cohere_clients(upstream):
    client = cohere.ClientV2(api_key=TOKEN, base_url=URL)
    for model, place in [("command-a#cohere", "cohere/v2/chat"), ("claude-opus-4.7#anthropic", "anthropic/v1/messages")]:
        reply = client.chat(model=model, messages=[{"role": "user", "content": "hi"}])
        assert reply.message.content[0].text == "Echo: hi"
        request = upstream.one()
        assert request["target"] == f"/v1/acct/gw/{place}"
        assert json.loads(request["body"])["model"] == model.split("#")[0]
        assert header(request, "cf-aig-authorization") == [f"Bearer {TOKEN}"]
        assert header(request, "authorization") == []
        upstream.clear()
    reply = client.embed(model="embed-v4.0#cohere", texts=["a"], input_type="search_query", embedding_types=["float"])
    assert reply.embeddings.float_ and upstream.one()["target"] == "/v1/acct/gw/cohere/v2/embed"


def test_streams(oai, upstream):
    stream = oai.chat.completions.create(
        model="claude-opus-4.7#anthropic", messages=[{"role": "user", "content": "one two three"}], stream=True
    )
    assert "".join(chunk.choices[0].delta.content or "" for chunk in stream) == "Echo: one two three"
    assert upstream.one()["target"] == "/v1/acct/gw/anthropic/v1/messages"
