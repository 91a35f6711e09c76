"""AutoGen: an assistant with a tool, whole and streamed."""

import asyncio

from autogen_agentchat.agents import AssistantAgent
from autogen_core.models import ModelFamily
from common import KIND, MODEL, NOTE, PROMPT, TOKEN, V1, read

INFO = {
    "vision": False,
    "function_calling": True,
    "json_output": True,
    "structured_output": True,
    "family": ModelFamily.UNKNOWN,
}


def read_note(path: str) -> str:
    """Reads a note."""
    return read(path)


def model():
    from autogen_ext.models.openai import OpenAIChatCompletionClient

    return OpenAIChatCompletionClient(model=MODEL, base_url=V1, api_key=TOKEN, max_retries=0, model_info=INFO)


async def main():
    assert KIND == "chat"
    for streamed in (False, True):
        agent = AssistantAgent(
            "reader", model(), tools=[read_note], reflect_on_tool_use=True, model_client_stream=streamed
        )
        answer = (await agent.run(task=PROMPT)).messages[-1].content
        assert "The tool said" in answer and read(NOTE).strip() in answer, answer
        print(answer)


asyncio.run(main())
