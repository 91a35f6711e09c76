"""AG2: an agent with a tool, whole and streamed."""

import asyncio

from ag2 import Agent, tool
from ag2.config import OpenAIConfig, OpenAIResponsesConfig
from common import KIND, MODEL, NOTE, PROMPT, TOKEN, V1, read


@tool
def read_note(path: str) -> str:
    """Reads a note."""
    return read(path)


async def main():
    kind = OpenAIResponsesConfig if KIND == "responses" else OpenAIConfig
    for streamed in (False, True):
        config = kind(model=MODEL, base_url=V1, api_key=TOKEN, max_retries=0, streaming=streamed)
        reply = await Agent("reader", prompt="You read notes.", config=config, tools=[read_note]).ask(PROMPT)
        assert read(NOTE).strip() in reply.body, reply.body
        print(reply.body)


asyncio.run(main())
