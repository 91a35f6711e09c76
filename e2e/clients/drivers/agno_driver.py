"""Agno: an agent with a tool, whole and streamed."""

import os

os.environ["AGNO_TELEMETRY"] = "false"

from agno.agent import Agent  # noqa: E402
from common import BASE, KIND, MODEL, NOTE, PROMPT, TOKEN, V1, read  # noqa: E402


def read_note(path: str) -> str:
    """Reads a note."""
    return read(path)


def model():
    if KIND == "anthropic":
        from agno.models.anthropic import Claude

        return Claude(id=MODEL, api_key=TOKEN, client_params={"base_url": BASE})
    if KIND == "responses":
        from agno.models.openai import OpenAIResponses

        return OpenAIResponses(id=MODEL, api_key=TOKEN, base_url=V1)
    from agno.models.openai import OpenAIChat

    return OpenAIChat(id=MODEL, api_key=TOKEN, base_url=V1)


agent = Agent(model=model(), tools=[read_note], telemetry=False)
answer = agent.run(PROMPT).content
assert read(NOTE).strip() in answer, answer
print(answer)
pieces = [event.content or "" for event in agent.run(PROMPT, stream=True) if hasattr(event, "content")]
assert read(NOTE).strip() in "".join(map(str, pieces)), pieces
