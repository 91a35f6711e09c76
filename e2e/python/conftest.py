"""What the suite runs against, all from the environment; see ../README.md."""

import base64
import json
import os
import time
import urllib.request
from dataclasses import dataclass

import anthropic
import openai
import pytest

DIRECT = os.environ.get("APEX_DIRECT") == "1"
UPSTREAM = os.environ["APEX_UPSTREAM"].rstrip("/")
URL = f"{UPSTREAM}/strict" if DIRECT else os.environ["APEX_URL"].rstrip("/")
TOKEN = os.environ.get("APEX_TOKEN", "direct")
VIA = os.environ.get("APEX_VIA", "direct")
HOST_KIND = os.environ.get("APEX_HOST_KIND", "native")

# One transparent pixel.
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)
WEATHER = {
    "type": "object",
    "properties": {"city": {"type": "string", "description": "the city"}},
    "required": ["city"],
    "additionalProperties": False,
}

# One model for each dialect of an upstream, and one more of each that thinks.
EACH_DIALECT = {
    "chat": "llama-4-70b{}#only-chat",
    "messages": "claude-sonnet-4-6{}#only-messages",
    "responses": "gpt-5.5{}#only-responses",
    "gemini": "gemini-3.5-pro{}#only-gemini",
}

gateway_only = pytest.mark.skipif(DIRECT, reason="only a gateway does this")


def pytest_ignore_collect(collection_path):
    """Behind Cloudflare the providers are elsewhere; one file knows where, and only there it can be tested."""
    if collection_path.name.startswith("test_"):
        return (collection_path.name == "test_cloudflare.py") != (VIA == "cloudflare") or None


@dataclass(frozen=True)
class Provider:
    """A provider behind the gateway; `model("429")` is a model of it that answers so."""

    id: str

    def model(self, behaviour=""):
        name = {"openai": "gpt-5.5", "anthropic": "claude-sonnet-4-6"}[self.id]
        name = f"{name}-{behaviour}" if behaviour else name
        return name if DIRECT else f"{name}#{self.id}"


class Upstream:
    """The control side of the scripted upstream."""

    def _call(self, method, path):
        request = urllib.request.Request(UPSTREAM + path, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def clear(self):
        self._call("POST", "/__clear")

    def requests(self):
        return self._call("GET", "/__requests")

    def one(self):
        """The only request since the test began."""
        requests = self.requests()
        assert len(requests) == 1, [(r["method"], r["target"]) for r in requests]
        return requests[0]

    def wait_for_outcome(self, kind, seconds=5):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = [r for r in self.requests() if r["outcome"]["kind"] == kind]
            if found:
                return found[0]
            time.sleep(0.01)
        raise AssertionError([r["outcome"] for r in self.requests()])


def header(request, name):
    """All values of a recorded header."""
    return [value for have, value in request["headers"] if have.lower() == name.lower()]


@pytest.fixture
def upstream():
    control = Upstream()
    control.clear()
    return control


@pytest.fixture(params=["openai", "anthropic"])
def provider(request):
    sdk = "openai" if "openai_sdk" in request.module.__name__ else "anthropic"
    if DIRECT and request.param != sdk:
        pytest.skip("needs a translating gateway")
    return Provider(request.param)


@pytest.fixture(scope="session")
def oai():
    with openai.OpenAI(api_key=TOKEN, base_url=f"{URL}/v1", max_retries=0, timeout=20) as client:
        yield client


@pytest.fixture(scope="session")
def ant():
    with anthropic.Anthropic(api_key=TOKEN, base_url=URL, max_retries=0, timeout=20) as client:
        yield client


RECORDED = {}


@pytest.fixture
def recorded_outcomes():
    """What each SDK made of the recorded replies, for the table at the end."""
    return RECORDED


def pytest_terminal_summary(terminalreporter):
    if RECORDED:
        from recorded import table

        terminalreporter.section("recorded replies, as each SDK reads them (equal + excepted)")
        terminalreporter.write_line("\n".join(table(RECORDED)))
