"""Semantic Kernel: an agent with a function, whole and streamed."""

import asyncio

from common import KIND, MODEL, NOTE, PROMPT, TOKEN, V1, read
from openai import AsyncOpenAI
from semantic_kernel.agents import ChatCompletionAgent
from semantic_kernel.connectors.ai.open_ai import OpenAIChatCompletion
from semantic_kernel.functions import kernel_function


class Notes:
    @kernel_function(name="read_note", description="Reads a note.")
    def read_note(self, path: str) -> str:
        return read(path)


# The scripted model is told the function by the name that the kernel gives it.
ASK = PROMPT.replace("read_note", "Notes-read_note")


async def main():
    assert KIND == "chat"
    client = AsyncOpenAI(api_key=TOKEN, base_url=V1, max_retries=0)
    service = OpenAIChatCompletion(ai_model_id=MODEL, async_client=client)
    agent = ChatCompletionAgent(service=service, name="reader", plugins=[Notes()])
    answer = str((await agent.get_response(ASK)).message)
    assert read(NOTE).strip() in answer, answer
    print(answer)
    pieces = [str(piece.message) async for piece in agent.invoke_stream(ASK)]
    assert read(NOTE).strip() in "".join(pieces), pieces


asyncio.run(main())
