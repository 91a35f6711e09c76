"""The OpenAI Agents SDK: a tool round trip, whole and streamed, and a structured answer."""

import asyncio

from agents import Agent, OpenAIChatCompletionsModel, OpenAIResponsesModel, Runner, function_tool, set_tracing_disabled
from common import KIND, MODEL, PROMPT, TOKEN, V1, read
from openai import AsyncOpenAI
from pydantic import BaseModel

set_tracing_disabled(True)


class City(BaseModel):
    name: str
    population: int


@function_tool
def read_note(path: str) -> str:
    """Reads a note."""
    return read(path)


def model():
    client = AsyncOpenAI(base_url=V1, api_key=TOKEN, max_retries=0)
    kind = OpenAIChatCompletionsModel if KIND == "chat" else OpenAIResponsesModel
    return kind(model=MODEL, openai_client=client)


async def main():
    agent = Agent(name="reader", instructions="You read notes.", model=model(), tools=[read_note])
    print((await Runner.run(agent, PROMPT)).final_output)
    run = Runner.run_streamed(agent, PROMPT)
    async for _ in run.stream_events():
        pass
    print(run.final_output)
    city = (await Runner.run(Agent(name="geographer", model=model(), output_type=City), "A city, please.")).final_output
    assert isinstance(city.population, int), city


asyncio.run(main())
