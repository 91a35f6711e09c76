"""LlamaIndex: a tool round trip by its function agent, whole and streamed."""

import asyncio

from common import ALIAS, BASE, KIND, MODEL, NOTE, PROMPT, TOKEN, V1, read
from llama_index.core.agent.workflow import AgentStream, FunctionAgent


def read_note(path: str) -> str:
    """Reads a note."""
    return read(path)


def model():
    if KIND == "gemini":
        from llama_index.llms.google_genai import GoogleGenAI

        return GoogleGenAI(
            model=ALIAS, api_key=TOKEN, http_options={"base_url": BASE}, context_window=100000, max_tokens=1000, is_function_calling_model=True
        )
    from llama_index.llms.openai_like import OpenAILike

    return OpenAILike(
        model=MODEL, api_base=V1, api_key=TOKEN, max_retries=0, is_chat_model=True, is_function_calling_model=True, context_window=100000
    )


async def main():
    for streamed in (False, True):
        agent = FunctionAgent(tools=[read_note], llm=model(), streaming=streamed)
        run = agent.run(PROMPT)
        pieces = [event.delta async for event in run.stream_events() if isinstance(event, AgentStream)]
        answer = str(await run)
        assert read(NOTE).strip() in answer, answer
        assert not streamed or read(NOTE).strip() in "".join(pieces), pieces
        print(answer)


asyncio.run(main())
