"""The official `openai` SDK's Responses and their helpers, with upstreams that speak each dialect."""

import json
from typing import Any, cast

import openai
import pytest
from conftest import DIRECT, EACH_DIALECT, HOST_KIND, TOKEN, URL, WEATHER
from pydantic import BaseModel

pytestmark = pytest.mark.skipif(DIRECT, reason="only a gateway does this")
on_every_dialect = pytest.mark.parametrize("dialect", EACH_DIALECT)
streamed_or_not = pytest.mark.parametrize("streamed", [False, True])
keeps_replies = pytest.mark.skipif(HOST_KIND == "worker", reason="the Worker keeps no replies")
TOOLS = [{"type": "function", "name": "get_weather", "description": "weather", "parameters": WEATHER, "strict": True}]


class Place(BaseModel):
    city: str
    n: int


def model(dialect, behaviour=""):
    return EACH_DIALECT[dialect].format(behaviour)


def ask(oai, streamed, **request):
    if not streamed:
        return oai.responses.create(**request)
    with oai.responses.stream(**request) as stream:
        return stream.get_final_response()


def kinds(events):
    """The events' types, repeated deltas as one, without items that only carry state."""
    carriers = [e.item.id for e in events if e.type == "response.output_item.done" and is_carrier(e.item)]
    out = []
    for event in events:
        if event.type.startswith("response.output_item.") and event.item.id in carriers:
            continue
        if not (event.type.endswith(".delta") and out and out[-1] == event.type):
            out.append(event.type)
    return out


def is_carrier(item):
    return item.type == "reasoning" and not item.summary


BEGIN = ["response.created", "response.in_progress", "response.output_item.added"]
TEXT = [
    "response.content_part.added",
    "response.output_text.delta",
    "response.output_text.done",
    "response.content_part.done",
    "response.output_item.done",
]
CALL = ["response.function_call_arguments.delta", "response.function_call_arguments.done", "response.output_item.done"]
THOUGHT = [
    "response.reasoning_summary_part.added",
    "response.reasoning_summary_text.delta",
    "response.reasoning_summary_text.done",
    "response.reasoning_summary_part.done",
    "response.output_item.done",
]
MORE = ["response.output_item.added"]
END = ["response.completed"]


@on_every_dialect
def test_the_stream_helper_sees_every_event_in_order(oai, dialect):
    with oai.responses.stream(model=model(dialect), input="one two three four") as stream:
        events = list(stream)
    assert kinds(events) == BEGIN + TEXT + END
    assert [event.sequence_number for event in events] == list(range(len(events)))
    final = stream.get_final_response()
    assert (final.output_text, final.status) == ("Echo: one two three four", "completed")
    assert final.usage.output_tokens > 0 and final.usage.input_tokens_details.cached_tokens >= 0
    deltas = [event for event in events if event.type == "response.output_text.delta"]
    assert "".join(event.delta for event in deltas) == deltas[-1].snapshot == final.output_text


@on_every_dialect
def test_the_stream_helper_gathers_parallel_calls(oai, dialect):
    request = {"input": "weather in both Paris and London?", "tools": TOOLS}
    with oai.responses.stream(model=model(dialect), **request) as stream:
        events = list(stream)
    assert kinds(events) == BEGIN + CALL + MORE + CALL + END
    calls = [item for item in stream.get_final_response().output if item.type == "function_call"]
    # The helper parses the arguments of strict tools.
    assert [cast(Any, call).parsed_arguments for call in calls] == [{"city": "Paris"}, {"city": "London"}]
    done = [event for event in events if event.type == "response.function_call_arguments.done"]
    assert [event.arguments for event in done] == [call.arguments for call in calls]


@on_every_dialect
def test_reasoning_is_an_item_before_the_answer(oai, dialect):
    thinks = model(dialect, "-reasoner" if dialect == "chat" else "")
    with oai.responses.stream(
        model=thinks, input="think hard", reasoning={"effort": "high", "summary": "auto"}
    ) as stream:
        events = list(stream)
    assert kinds(events) == BEGIN + THOUGHT + MORE + TEXT + END
    reasoning, answer = [item for item in stream.get_final_response().output if not is_carrier(item)]
    assert reasoning.summary[0].text and answer.content[0].text


@on_every_dialect
@streamed_or_not
def test_structured_output_is_parsed(oai, dialect, streamed):
    request = {"model": model(dialect), "input": "a place", "text_format": Place}
    if streamed:
        with oai.responses.stream(**request) as stream:
            parsed = stream.get_final_response()
    else:
        parsed = oai.responses.parse(**request)
    assert parsed.output_parsed == Place(city="Paris", n=42)


@on_every_dialect
@streamed_or_not
def test_tools_from_models_are_parsed(oai, dialect, streamed):
    class GetWeather(BaseModel):
        """weather"""

        city: str

    request = {
        "model": model(dialect),
        "input": "weather in Paris?",
        "tools": [openai.pydantic_function_tool(GetWeather)],
    }
    # The SDK writes Chat's nested form; Responses is flat.
    request["tools"] = [{"type": "function", **cast(Any, tool)["function"]} for tool in request["tools"]]
    reply = ask(oai, True, **request) if streamed else oai.responses.parse(**request)
    (call,) = [item for item in reply.output if item.type == "function_call"]
    assert (call.name, json.loads(call.arguments)) == ("GetWeather", {"city": "Paris"})


@on_every_dialect
def test_raw_streams(oai, dialect):
    request = {"model": model(dialect), "input": "hi", "stream": True}
    with oai.responses.with_streaming_response.create(**request) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        lines = list(response.iter_lines())
    names = [line.removeprefix("event: ") for line in lines if line.startswith("event: ")]
    data = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]
    assert names == [event["type"] for event in data]
    assert names[0] == "response.created" and names[-1] == "response.completed"
    plain = oai.responses.with_raw_response.create(model=model(dialect), input="hi").parse()
    assert plain.output_text == data[-1]["response"]["output"][-1]["content"][0]["text"] == "Echo: hi"


@on_every_dialect
@streamed_or_not
def test_an_answer_that_is_cut(oai, dialect, streamed):
    request = {"model": model(dialect, "-length"), "input": "SAY a b c d"}
    if streamed:
        # The helper's `get_final_response` knows no other end than `response.completed`.
        with oai.responses.stream(**request) as stream:
            last = list(stream)[-1]
        assert last.type == "response.incomplete"
        reply = last.response
    else:
        reply = oai.responses.create(**request)
    assert (reply.status, reply.incomplete_details.reason) == ("incomplete", "max_output_tokens")
    assert [part.text for part in reply.output[-1].content] == ["a b "]


@on_every_dialect
@pytest.mark.parametrize("behaviour", ["err-mid", "truncate"])
def test_a_broken_stream_is_no_answer(oai, dialect, behaviour):
    events = []
    with pytest.raises(Exception) as raised:
        with oai.responses.stream(model=model(dialect, f"-{behaviour}"), input=f"SAY {'word ' * 40}") as stream:
            events.extend(stream)
            stream.get_final_response()
    assert not isinstance(raised.value, AssertionError)
    assert "response.completed" not in [event.type for event in events]


@keeps_replies
@on_every_dialect
@streamed_or_not
def test_a_conversation_goes_on_by_id(oai, upstream, dialect, streamed):
    question = "weather in both Paris and London?"
    first = ask(oai, streamed, model=model(dialect), input=question, tools=TOOLS, instructions="Be brief.")
    # The gateway keeps it, whatever a provider that is relayed stores.
    assert first.store and first.previous_response_id is None
    calls = [item for item in first.output if item.type == "function_call"]
    outputs = [{"type": "function_call_output", "call_id": call.call_id, "output": "sunny"} for call in calls]
    request = {"model": model(dialect), "tools": TOOLS}
    second = ask(oai, streamed, input=outputs, previous_response_id=first.id, **request)
    assert second.output_text == "The tool said: sunny | sunny"
    assert second.previous_response_id == first.id
    third = ask(oai, streamed, input="and now?", previous_response_id=second.id, **request)
    # All of it is there; instructions are those of each request.
    assert third.output_text == "Echo: and now? | turn: 2"
    bodies = [request["body"] for request in upstream.requests()]
    assert all("previous_response_id" not in body for body in bodies)
    assert "Be brief." in bodies[0] and not any("Be brief." in body for body in bodies[1:])


@keeps_replies
@streamed_or_not
def test_a_conversation_changes_its_provider(oai, streamed):
    previous = None
    for turn, dialect in enumerate(["messages", "gemini", "responses", "chat", "messages"], 1):
        request = {} if previous is None else {"previous_response_id": previous}
        thinks = model(dialect, "-reasoner" if dialect == "chat" else "")
        raw = oai.responses.with_raw_response.create(
            model=thinks, input=f"turn {turn}", reasoning={"effort": "high"}, stream=False, **request
        )
        reply = raw.parse()
        assert f"Echo: turn {turn}" in reply.output_text
        assert turn == 1 or f"turn: {turn}" in reply.output_text
        # The thoughts of the model before are its own.
        assert turn == 1 or "=" in raw.headers["x-apex-adjustments"]
        previous = reply.id


@keeps_replies
def test_kept_replies_are_read_and_deleted(oai):
    first = oai.responses.create(model=model("messages"), input="hello there")
    second = oai.responses.create(model=model("chat"), input="and then?", previous_response_id=first.id)
    assert oai.responses.retrieve(first.id).output_text == "Echo: hello there"
    items = list(oai.responses.input_items.list(second.id, order="asc"))
    texts = [item.content[0].text for item in items]
    assert texts == ["hello there", "Echo: hello there", "and then?"]
    assert [item.id for item in oai.responses.input_items.list(second.id, limit=1)] == [i.id for i in reversed(items)]
    oai.responses.delete(first.id)
    for gone in [first.id, second.id, "resp_nowhere"]:
        with pytest.raises(openai.BadRequestError) as refused:
            oai.responses.create(model=model("chat"), input="hi", previous_response_id=gone)
        assert refused.value.code == "previous_response_not_found"
        assert refused.value.param == "previous_response_id"


@keeps_replies
def test_what_is_not_stored_is_not_found(oai):
    reply = oai.responses.create(model=model("gemini"), input="hi", store=False)
    assert reply.store is False
    with pytest.raises(openai.BadRequestError):
        oai.responses.create(model=model("gemini"), input="hi", previous_response_id=reply.id)


@keeps_replies
def test_nobody_goes_on_from_anothers_reply():
    def caller(key):
        headers = {"cf-aig-authorization": f"Bearer {TOKEN}"}
        return openai.OpenAI(api_key=key, base_url=f"{URL}/v1", max_retries=0, default_headers=headers)

    one, two = caller("sk-one"), caller("sk-two")
    reply = one.responses.create(model=model("chat"), input="hi")
    again = one.responses.create(model=model("chat"), input="more", previous_response_id=reply.id)
    assert "turn: 2" in again.output_text
    with pytest.raises(openai.BadRequestError):
        two.responses.create(model=model("chat"), input="more", previous_response_id=reply.id)
    with pytest.raises(openai.NotFoundError):
        two.responses.retrieve(reply.id)
