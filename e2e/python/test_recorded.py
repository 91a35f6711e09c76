"""Recorded replies of real providers, read by the official SDKs: text, calls, stop reason, usage and errors are those
of the recording, whole and streamed, whatever its dialect. Skipped where there are no recordings, and with the Worker,
whose core is the same."""

import anthropic
import cohere
import httpx
import openai
import pytest
from cohere.core.api_error import ApiError
from conftest import HOST_KIND, TOKEN, URL, gateway_only
from google import genai
from google.genai import errors
from recorded import Raised, listed, replay

pytestmark = gateway_only

HI = [{"role": "user", "content": "hi"}]


def openai_error(error):
    if isinstance(error, openai.APIError):
        body = error.body if isinstance(error.body, dict) else {}
        return getattr(error, "status_code", None), body.get("message") or error.message
    return (error.status, error.message) if isinstance(error, Raised) else None


class Chat:
    """The `openai` SDK: chat completions, and the helper that accumulates a stream."""

    dialect = "openai-chat"
    excepted = [
        (
            "sdk",
            {
                "359c3c7dbb6b7f99",
                "6e62cbc8e585a97e",
                "9f4cd83325dc3a1b",
                "affce754517396c1",
                "bac25a00ece20f86",
                "e0a71a6d54fc5105",
            },
            "relayed: the helper leaves out chunks that do not say they are `chat.completion.chunk`",
        ),
        (
            "stop",
            {"7f482c61434d68f5", "d50e342d3d9311f8", "dfae2e1008201759"},
            "relayed: a reason that was not sent, or in a chunk that the helper leaves out",
        ),
    ]
    error_of = staticmethod(openai_error)

    def __init__(self):
        self.sdk = openai.OpenAI(api_key=TOKEN, base_url=f"{URL}/v1", max_retries=0, timeout=60)

    def whole(self, model):
        return self.told(self.sdk.chat.completions.create(model=model, messages=HI))

    def streamed(self, model):
        options = {"include_usage": True}
        with self.sdk.chat.completions.stream(model=model, messages=HI, stream_options=options) as stream:
            for _ in stream:
                pass
            return self.told(stream.current_completion_snapshot)

    @staticmethod
    def told(reply):
        # An error in a 200, and a filtered answer, have neither: the SDK does not mind.
        choice = reply.choices[0] if reply.choices else None
        message, usage = choice and choice.message, reply.usage
        told = {"text": "", "refusal": "", "calls": [], "stop": choice and choice.finish_reason}
        if message:
            audio = getattr(message, "audio", None)
            told["text"] = message.content or (audio and audio.transcript) or ""
            told["refusal"] = message.refusal or ""
            for call in message.tool_calls or []:
                if call.type == "custom":
                    # In a stream the SDK has no type for it.
                    custom = call.custom if isinstance(call.custom, dict) else vars(call.custom)
                    told["calls"].append([custom["name"], custom["input"]])
                else:
                    told["calls"].append([call.function.name, call.function.arguments])
            if legacy := message.function_call:
                told["calls"].append([legacy.name, legacy.arguments])
        if usage:
            cached = usage.prompt_tokens_details and usage.prompt_tokens_details.cached_tokens
            told["usage"] = [usage.prompt_tokens, usage.completion_tokens, cached]
        return told


class Responses:
    """The `openai` SDK: responses, and the helper that accumulates a stream."""

    dialect = "openai-responses"
    excepted = [("sdk", {"0ceb39727cba9a2c"}, "relayed: Copilot's responses change their id on the way")]
    error_of = staticmethod(openai_error)

    def __init__(self):
        self.sdk = openai.OpenAI(api_key=TOKEN, base_url=f"{URL}/v1", max_retries=0, timeout=60)

    def whole(self, model):
        return self.told(self.sdk.responses.create(model=model, input="hi"))

    def streamed(self, model):
        last = None
        with self.sdk.responses.stream(model=model, input="hi") as stream:
            for event in stream:
                if event.type == "error":
                    raise Raised(event.message)
                if event.type in ("response.completed", "response.incomplete", "response.failed"):
                    last = event.response
        return self.told(last)

    @staticmethod
    def told(reply):
        if reply.status == "failed":
            raise Raised(reply.error.message)
        told = {"text": "", "refusal": "", "calls": [], "stop": reply.status}
        for item in reply.output:
            if item.type == "message":
                for part in item.content:
                    told["refusal" if part.type == "refusal" else "text"] += (
                        part.refusal if part.type == "refusal" else part.text
                    )
            elif item.type == "function_call":
                told["calls"].append([item.name, item.arguments])
            elif item.type == "custom_tool_call":
                told["calls"].append([item.name, item.input])
        if reply.incomplete_details:
            told["stop"] = reply.incomplete_details.reason
        if usage := reply.usage:
            cached = usage.input_tokens_details and usage.input_tokens_details.cached_tokens
            told["usage"] = [usage.input_tokens, usage.output_tokens, cached]
        return told


class Messages:
    """The `anthropic` SDK, and its helper that accumulates a stream."""

    dialect = "anthropic"
    excepted = []

    def __init__(self):
        self.sdk = anthropic.Anthropic(api_key=TOKEN, base_url=URL, max_retries=0, timeout=60)

    def whole(self, model):
        return self.told(self.sdk.messages.create(model=model, messages=HI, max_tokens=1000))

    def streamed(self, model):
        with self.sdk.messages.stream(model=model, messages=HI, max_tokens=1000) as stream:
            return self.told(stream.get_final_message())

    @staticmethod
    def told(reply):
        usage = reply.usage
        return {
            "text": "".join(block.text for block in reply.content if block.type == "text"),
            "calls": [[block.name, block.input] for block in reply.content if block.type == "tool_use"],
            "stop": reply.stop_reason,
            "usage": [
                usage.input_tokens,
                usage.output_tokens,
                usage.cache_read_input_tokens,
                usage.cache_creation_input_tokens,
            ],
        }

    @staticmethod
    def error_of(error):
        if not isinstance(error, anthropic.APIError):
            return None
        body = error.body if isinstance(error.body, dict) else {}
        return getattr(error, "status_code", None), body.get("error", {}).get("message") or error.message


class Google:
    """The `google-genai` SDK."""

    dialect = "gemini"
    excepted = [("sdk", {"90396ec70390c355", "c4f51662a6f1bfe5"}, "relayed: reasons as numbers, from Vertex")]

    def __init__(self):
        self.sdk = genai.Client(api_key=TOKEN, http_options={"base_url": URL})

    def whole(self, model):
        return self.told([self.sdk.models.generate_content(model=model, contents="hi")])

    def streamed(self, model):
        return self.told(self.sdk.models.generate_content_stream(model=model, contents="hi"))

    @staticmethod
    def told(pieces):
        told = {"text": "", "calls": [], "stop": ""}
        for piece in pieces:
            if piece.prompt_feedback and piece.prompt_feedback.block_reason:
                told["stop"] = piece.prompt_feedback.block_reason.name
            for candidate in (piece.candidates or [])[:1]:
                for part in (candidate.content and candidate.content.parts) or []:
                    if part.text and not part.thought:
                        told["text"] += part.text
                    if part.function_call:
                        told["calls"].append([part.function_call.name, part.function_call.args or {}])
                if candidate.finish_reason:
                    told["stop"] = candidate.finish_reason.name
            if usage := piece.usage_metadata:
                told["usage"] = [
                    (usage.prompt_token_count or 0) + (usage.tool_use_prompt_token_count or 0),
                    (usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0),
                    usage.cached_content_token_count,
                ]
        return told

    @staticmethod
    def error_of(error):
        return (error.code, error.message or "") if isinstance(error, errors.APIError) else None


class Cohere:
    """The `cohere` SDK. It has no helper for streams: its guides put the events together."""

    dialect = "cohere"
    excepted = []

    def __init__(self):
        self.sdk = cohere.ClientV2(api_key=TOKEN, base_url=URL, timeout=60)
        self.options = {"max_retries": 0}

    def whole(self, model):
        reply = self.sdk.chat(model=model, messages=HI, request_options=self.options)
        return {
            "text": "".join(part.text for part in reply.message.content or [] if part.type == "text"),
            "calls": [[call.function.name, call.function.arguments] for call in reply.message.tool_calls or []],
            "stop": reply.finish_reason,
            "usage": self.usage(reply.usage),
        }

    def streamed(self, model):
        told = {"text": "", "calls": [], "stop": ""}
        for event in self.sdk.chat_stream(model=model, messages=HI, request_options=self.options):
            if event.type == "content-delta":
                told["text"] += event.delta.message.content.text or ""
            elif event.type == "tool-call-start":
                function = event.delta.message.tool_calls.function
                told["calls"].append([function.name, function.arguments or ""])
            elif event.type == "tool-call-delta":
                told["calls"][-1][1] += event.delta.message.tool_calls.function.arguments
            elif event.type == "message-end":
                told["stop"], told["usage"] = event.delta.finish_reason, self.usage(event.delta.usage)
        return told

    @staticmethod
    def usage(usage):
        if not usage or not usage.tokens:
            return None
        counts = [usage.tokens.input_tokens, usage.tokens.output_tokens, usage.cached_tokens]
        return [None if count is None else int(count) for count in counts]

    @staticmethod
    def error_of(error):
        if isinstance(error, ApiError):
            return error.status_code, (error.body or {}).get("message", "")
        # A stream that failed ends without its last chunk.
        return (None, str(error)) if isinstance(error, httpx.RemoteProtocolError) else None


SDKS = {
    "openai chat": Chat,
    "openai responses": Responses,
    "anthropic": Messages,
    "google-genai": Google,
    "cohere": Cohere,
}


@pytest.mark.filterwarnings("ignore")  # what the SDKs think of each other's libraries
@pytest.mark.parametrize("name", SDKS)
def test_every_recorded_reply(name, recorded_outcomes):
    if HOST_KIND == "worker":
        pytest.skip("recorded replies: native only")
    if not listed()["recordings"]:
        pytest.skip("corpus not found")
    sdk = SDKS[name]()
    outcome = replay(sdk.dialect, sdk.whole, sdk.streamed, sdk.error_of, sdk.excepted)
    recorded_outcomes[name] = outcome
    assert not outcome.failures, f"{len(outcome.failures)} failures:\n" + "\n".join(outcome.failures)
    relayed = [excuse["why"] for excuse in listed()["relayed"] if sdk.dialect in excuse["clients"]]
    gone = [why for why in relayed + [why for _, _, why in sdk.excepted] if why not in outcome.reasons]
    assert not gone, f"does not happen any more, take it off the list: {gone}"
