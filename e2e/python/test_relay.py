"""Same dialect on both sides: the bytes, not only their meaning."""

import http.client
import json
from urllib.parse import urlsplit

import pytest
from conftest import TOKEN, UPSTREAM, URL, gateway_only, header

pytestmark = gateway_only

# White space, order, a long number, an escape and a duplicate: nothing a parser would give back.
BODY = (
    '{ "stream" : STREAM,\n\t"max_tokens": 1000, "messages": [ {"content": "caf\\u00e9 \\ud83d\\ude00", "role" : "user"} ],'
    ' "x_big": 123456789012345678901234567890, "x_exp": 1e2, "x_twice": 1, "x_twice": 2,  "model":"MODEL" }\n'
)
ROUTES = [
    ("/v1/chat/completions", "gpt-4", "openai"),
    ("/v1/messages", "claude-sonnet-4-6", "anthropic"),
]
BEHAVIOURS = ["", "crlf-comments", "bytes-7", "close", "burst-200", "length", "refusal", "big-300"]


def post(base, path, body, headers):
    parts = urlsplit(base)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=20)
    connection.request("POST", path, body, headers)
    answer = connection.getresponse()
    status, got, data = answer.status, answer.headers, answer.read()
    connection.close()
    return status, got, data


def headers_for(route):
    headers = {"content-type": "application/json", "authorization": f"Bearer {TOKEN}", "X-Custom": "kept"}
    return headers | ({"anthropic-version": "2023-06-01"} if route == "/v1/messages" else {})


@pytest.mark.parametrize("streamed", ["false", "true"])
@pytest.mark.parametrize("behaviour", BEHAVIOURS)
@pytest.mark.parametrize(("route", "model", "provider"), ROUTES)
def test_bytes_in_and_out(upstream, route, model, provider, behaviour, streamed):
    model = "-".join(filter(None, [model, "lax", behaviour]))
    template = BODY.replace("STREAM", streamed)
    status, got, data = post(URL, f"{route}?beta=true", template.replace("MODEL", f"{model}#{provider}"), headers_for(route))
    assert status == 200, data
    request = upstream.one()
    assert request["body"] == template.replace("MODEL", model)
    assert request["target"] == f"/{provider}/strict{route}?beta=true"
    assert header(request, "x-custom") == ["kept"]
    # What the upstream says to the same bytes when nobody is in between.
    _, direct, expected = post(UPSTREAM, request["target"], request["body"], {"content-type": "application/json"})
    assert data == expected
    assert got["content-type"] == direct["content-type"]
    assert got["set-cookie"] is None and got["alt-svc"] is None
    limits = "anthropic-ratelimit-requests-remaining" if provider == "anthropic" else "x-ratelimit-remaining-requests"
    assert got[limits] and got["x-apex-request-id"]


@pytest.mark.parametrize("status", [400, 404, 422, 429, 500, 503])
@pytest.mark.parametrize(("route", "model", "provider"), ROUTES)
def test_errors_in_the_right_envelope_pass_untouched(upstream, route, model, provider, status):
    body = BODY.replace("STREAM", "true").replace("MODEL", f"{model}-lax-{status}#{provider}")
    got_status, got, data = post(URL, route, body, headers_for(route))
    assert got_status == status
    error = json.loads(data)
    request = upstream.one()
    expected = json.loads(post(UPSTREAM, request["target"], request["body"], {})[2])
    # The request id in Anthropic's body counts requests.
    error.pop("request_id", None), expected.pop("request_id", None)
    assert error == expected
    assert got["retry-after"] == ("2" if status == 429 else None)


@pytest.mark.parametrize("behaviour", ["html502", "empty", "garbage", "badhttp", "redirect"])
@pytest.mark.parametrize(("route", "model", "provider"), ROUTES)
def test_what_no_provider_should_send_becomes_an_error_of_the_dialect(route, model, provider, behaviour):
    body = BODY.replace("STREAM", "false").replace("MODEL", f"{model}-lax-{behaviour}#{provider}")
    status, got, data = post(URL, route, body, headers_for(route))
    if behaviour in ("empty", "garbage"):
        # A relay may pass on what it does not read.
        assert status in (200, 502)
        return
    assert status == 502, data
    assert got["content-type"].startswith("application/json")
    error = json.loads(data)
    assert error["error"]["message"] and b"<html>" not in data
    assert ("type" in error) == (provider == "anthropic")
