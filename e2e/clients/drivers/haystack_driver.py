"""Haystack: an agent with a tool, whole and streamed."""

import os

os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "False"

from common import KIND, MODEL, NOTE, PROMPT, TOKEN, V1, read  # noqa: E402
from haystack.components.agents import Agent  # noqa: E402
from haystack.dataclasses import ChatMessage  # noqa: E402
from haystack.tools import tool  # noqa: E402
from haystack.utils import Secret  # noqa: E402


@tool
def read_note(path: str) -> str:
    """Reads a note."""
    return read(path)


def model():
    key = Secret.from_token(TOKEN)
    from haystack.components.generators.chat import OpenAIChatGenerator, OpenAIResponsesChatGenerator

    kind = OpenAIResponsesChatGenerator if KIND == "responses" else OpenAIChatGenerator
    return kind(model=MODEL, api_key=key, api_base_url=V1, max_retries=0)


for streamed in (False, True):
    pieces = []
    callback = (lambda chunk: pieces.append(chunk.content)) if streamed else None
    agent = Agent(chat_generator=model(), tools=[read_note], streaming_callback=callback)
    answer = agent.run(messages=[ChatMessage.from_user(PROMPT)])["last_message"].text
    assert read(NOTE).strip() in answer, answer
    assert not streamed or read(NOTE).strip() in "".join(pieces), pieces
    print(answer)
