"""Nothing waits for what follows: each delta reaches the SDK before the upstream has sent the next one."""

import json
import urllib.request

import anthropic
import cohere
import openai
import pytest
from conftest import TOKEN, UPSTREAM, URL, gateway_only
from google import genai

pytestmark = gateway_only

PIECES = 4
SAID = "".join(f"t{n} " for n in range(PIECES))
HI = [{"role": "user", "content": "hi"}]
# What the upstream sends as content before the first text: Cohere opens a block.
PROVIDERS = {"only-chat": 0, "only-messages": 0, "only-responses": 0, "only-gemini": 0, "only-cohere": 1}


OPENAI = openai.OpenAI(api_key=TOKEN, base_url=f"{URL}/v1", max_retries=0, timeout=20)
ANTHROPIC = anthropic.Anthropic(api_key=TOKEN, base_url=URL, max_retries=0, timeout=20)
GOOGLE = genai.Client(api_key=TOKEN, http_options={"base_url": URL, "timeout": 20_000})
COHERE = cohere.ClientV2(api_key=TOKEN, base_url=URL, timeout=20)


def chat(model):
    for chunk in OPENAI.chat.completions.create(model=model, messages=HI, stream=True):
        yield chunk.choices and chunk.choices[0].delta.content


def responses(model):
    for event in OPENAI.responses.create(model=model, input="hi", stream=True):
        yield event.type == "response.output_text.delta" and event.delta


def messages(model):
    with ANTHROPIC.messages.stream(model=model, messages=HI, max_tokens=1000) as stream:
        yield from stream.text_stream


def gemini(model):
    for chunk in GOOGLE.models.generate_content_stream(model=model.replace("#", "%23"), contents="hi"):
        yield chunk.text


def cohere_chat(model):
    for event in COHERE.chat_stream(model=model, messages=HI):
        yield event.type == "content-delta" and event.delta.message.content.text


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("deltas", [chat, responses, messages, gemini, cohere_chat])
def test_each_delta_arrives_before_the_next_is_sent(upstream, deltas, provider):
    """The upstream waits before each piece until it is asked for: whoever holds one back waits for ever."""

    def next_piece():
        request = urllib.request.Request(f"{UPSTREAM}/__next", method="POST")
        with urllib.request.urlopen(request, timeout=10) as answer:
            json.load(answer)

    for _ in range(PROVIDERS[provider] + 1):
        next_piece()
    said = ""
    for delta in deltas(f"m-gated-{PIECES}#{provider}"):
        if delta:
            said += delta
            sent = upstream.one()["outcome"]["kind"] != "pending"
            assert said == SAID or (SAID.startswith(said) and not sent), said
            next_piece()
    assert said == SAID
