"""LangChain: a tool round trip, whole and streamed, and a structured answer."""

from common import BASE, KIND, MODEL, PROMPT, TOKEN, V1, read
from langchain_core.messages import HumanMessage
from langchain_core.tools import tool
from pydantic import BaseModel


@tool
def read_note(path: str) -> str:
    """Reads a note."""
    return read(path)


class City(BaseModel):
    name: str
    population: int


def model():
    if KIND == "anthropic":
        from langchain_anthropic import ChatAnthropic

        return ChatAnthropic(model=MODEL, base_url=BASE, api_key=TOKEN, max_retries=0, max_tokens=1000)
    from langchain_openai import ChatOpenAI

    # With a base URL of one's own it asks for no usage in a stream unless told to.
    return ChatOpenAI(
        model=MODEL, base_url=V1, api_key=TOKEN, max_retries=0, stream_usage=True, use_responses_api=KIND == "responses"
    )


def streamed(chain, messages):
    whole = None
    for chunk in chain.stream(messages):
        whole = chunk if whole is None else whole + chunk
    return whole


plain = model()
armed = plain.bind_tools([read_note])
for ask in (armed.invoke, lambda messages: streamed(armed, messages)):
    messages = [HumanMessage(PROMPT)]
    turn = ask(messages)
    messages.append(turn)
    assert len(turn.tool_calls) == 1, turn
    messages += [read_note.invoke(call) for call in turn.tool_calls]
    answer = ask(messages)
    print(answer.text)
    assert answer.usage_metadata["total_tokens"] > 0, answer
city = plain.with_structured_output(City).invoke("A city, please.")
assert isinstance(city.population, int), city
