"""Microsoft's Agent Framework: an agent with a tool, whole and streamed."""

import asyncio

from agent_framework import Agent
from agent_framework.openai import OpenAIChatClient, OpenAIChatCompletionClient
from common import KIND, MODEL, NOTE, PROMPT, TOKEN, V1, read


def read_note(path: str) -> str:
    """Reads a note."""
    return read(path)


async def main():
    kind = OpenAIChatClient if KIND == "responses" else OpenAIChatCompletionClient
    agent = Agent(kind(model=MODEL, api_key=TOKEN, base_url=V1), instructions="You read notes.", tools=[read_note])
    answer = (await agent.run(PROMPT)).text
    assert read(NOTE).strip() in answer, answer
    print(answer)
    pieces = [piece.text or "" async for piece in agent.run(PROMPT, stream=True)]
    assert read(NOTE).strip() in "".join(pieces), pieces


asyncio.run(main())
