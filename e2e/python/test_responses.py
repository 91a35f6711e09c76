"""The official `openai` SDK's Responses, to the provider that speaks it."""

import json

import pytest
from conftest import DIRECT, WEATHER

MODEL = "gpt-5.5" if DIRECT else "gpt-5.5#openai"
TOOLS = [{"type": "function", "name": "get_weather", "description": "weather", "parameters": WEATHER, "strict": True}]


def ask(oai, streamed, **request):
    if not streamed:
        return oai.responses.create(model=MODEL, **request)
    with oai.responses.stream(model=MODEL, **request) as stream:
        return stream.get_final_response()


@pytest.mark.parametrize("streamed", [False, True])
def test_text(oai, streamed):
    response = ask(oai, streamed, input="hello there")
    assert (response.status, response.output_text) == ("completed", "Echo: hello there")
    assert response.usage.input_tokens_details.cached_tokens == 4


@pytest.mark.parametrize("streamed", [False, True])
def test_tools_round_trip(oai, streamed):
    items = [{"role": "user", "content": "weather in both Paris and London?"}]
    first = ask(oai, streamed, input=items, tools=TOOLS)
    calls = [item for item in first.output if item.type == "function_call"]
    assert [json.loads(call.arguments)["city"] for call in calls] == ["Paris", "London"]
    items += [
        {"type": "function_call", "call_id": call.call_id, "name": call.name, "arguments": call.arguments}
        for call in calls
    ]
    items += [{"type": "function_call_output", "call_id": call.call_id, "output": "sunny"} for call in calls]
    last = ask(oai, streamed, input=items, tools=TOOLS)
    assert last.output_text == "The tool said: sunny | sunny"
