"""Strands: an agent with a tool. It always streams."""

from common import BASE, KIND, MODEL, NOTE, PROMPT, TOKEN, V1, read
from strands import Agent, tool


@tool
def read_note(path: str) -> str:
    """Reads a note."""
    return read(path)


def model():
    if KIND == "anthropic":
        from strands.models.anthropic import AnthropicModel

        return AnthropicModel(client_args={"api_key": TOKEN, "base_url": BASE}, model_id=MODEL, max_tokens=1000)
    from strands.models.openai import OpenAIModel

    return OpenAIModel(client_args={"api_key": TOKEN, "base_url": V1}, model_id=MODEL)


answer = str(Agent(model=model(), tools=[read_note], callback_handler=None)(PROMPT))
assert read(NOTE).strip() in answer, answer
print(answer)
