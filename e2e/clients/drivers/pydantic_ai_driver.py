"""Pydantic AI: a tool round trip, whole and streamed, and a structured answer."""

import asyncio

from common import BASE, KIND, MODEL, PROMPT, TOKEN, V1, read
from pydantic import BaseModel
from pydantic_ai import Agent


class City(BaseModel):
    name: str
    population: int


def model():
    if KIND == "anthropic":
        from pydantic_ai.models.anthropic import AnthropicModel
        from pydantic_ai.providers.anthropic import AnthropicProvider

        return AnthropicModel(MODEL, provider=AnthropicProvider(api_key=TOKEN, base_url=BASE))
    from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
    from pydantic_ai.providers.openai import OpenAIProvider

    kind = OpenAIResponsesModel if KIND == "responses" else OpenAIChatModel
    return kind(MODEL, provider=OpenAIProvider(api_key=TOKEN, base_url=V1))


async def main():
    agent = Agent(model())

    @agent.tool_plain
    def read_note(path: str) -> str:
        """Reads a note."""
        return read(path)

    print((await agent.run(PROMPT)).output)
    async with agent.run_stream(PROMPT) as run:
        print(await run.get_output())
    city = (await Agent(model(), output_type=City).run("A city, please.")).output
    assert isinstance(city.population, int), city


asyncio.run(main())
