"""The two ways to a model, directly and through litellm, held against each other: what reaches the provider, and what comes back.

litellm is the reference. Where we differ on purpose, `expected` says how and why.
"""

from __future__ import annotations

import copy
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

import model_calls
import test_model_failures
import test_models
from model_server import Answer, ModelServer, Raw, Refuse, Tokens, ToolUse
from reference_models import KEY, MODELS
from sessionls.models.gateway import Gateway, Limits
from sessionls.models.providers import PROVIDERS
from sessionls.ports.models import ModelOutput, ModelRequest, StepEnd, ToolRequest

LANES = ("direct", "litellm")
TOOL = {
    "type": "function",
    "function": {
        "name": "fs/read",
        "description": "Read.",
        "parameters": {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]},
    },
}


def call(call_id: str, arguments: str) -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": "fs/read", "arguments": arguments}}


HELLO: list[dict[str, Any]] = [{"role": "user", "content": "hello"}]
WORK: list[dict[str, Any]] = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "look"},
    {"role": "assistant", "content": "I look.", "tool_calls": [call("c1", '{"path": "a"}'), call("c2", "{}")]},
    {"role": "tool", "tool_call_id": "c1", "content": "one"},
    {"role": "tool", "tool_call_id": "c2", "content": "two"},
    {"role": "assistant", "content": "so"},
    {"role": "user", "content": "and now?"},
]
SILENT = [*WORK[:2], {"role": "assistant", "content": "", "tool_calls": [call("c1", "{}")]}, WORK[3]]
PICTURE: list[dict[str, Any]] = [
    {
        "role": "user",
        "content": [
            {"type": "text", "text": "what is this?"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}},
        ],
    }
]
REQUESTS: dict[str, dict[str, Any]] = {
    "words": {"messages": HELLO},
    "options": {"messages": HELLO, "temperature": 0.2, "max_tokens": 77},
    "tools": {"messages": WORK, "tools": [TOOL]},
    "silent call": {"messages": SILENT, "tools": [TOOL]},
    "must call": {"messages": HELLO, "tools": [TOOL], "must_call": True},
    "no tools now": {"messages": WORK},
    "picture": {"messages": PICTURE},
    "reasons": {"messages": HELLO, "reasoning_effort": "high"},
    "reasons a little": {"messages": HELLO, "reasoning_effort": "low", "max_tokens": 9000},
    "does not reason": {"messages": HELLO, "reasoning_effort": "none"},
    "reasons and calls": {"messages": WORK, "tools": [TOOL], "reasoning_effort": "low", "max_tokens": 500, "temperature": 0.2},
    "reasons and must call": {"messages": SILENT, "tools": [TOOL], "reasoning_effort": "high", "must_call": True},
    "reasons and sees": {"messages": PICTURE, "tools": [TOOL], "reasoning_effort": "high"},
}


@pytest.fixture
async def gateways(
    litellm_ready: None, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[dict[str, Gateway]]:
    model_server.ollama = ["qwen3"]
    environ = {name: KEY for provider in PROVIDERS.values() for name in provider.keys[:1]}
    environ |= {provider.bases[0]: model_server.openai for provider in PROVIDERS.values() if provider.bases}
    environ |= {"ANTHROPIC_API_BASE": model_server.url, "OLLAMA_API_BASE": model_server.url}
    for name, value in environ.items():  # litellm looks for itself, too
        monkeypatch.setenv(name, value)
    limits = Limits(first=20, first_slow=20, between=20, retries=0)
    made = {lane: Gateway(environ={**environ, "SESSIONLS_MODEL_LANE": lane}, limits=limits) for lane in LANES}
    yield made
    for gateway in made.values():
        await gateway.close()


async def sent(gateway: Gateway, server: ModelServer, request: ModelRequest) -> tuple[str, dict[str, Any]]:
    server.requests.clear()
    [output async for output in gateway.stream(request)]
    (received,) = server.requests
    return received.path, received.body


def expected(body: dict[str, Any], model: str) -> dict[str, Any]:
    """What litellm sends, with what we do otherwise."""
    body = copy.deepcopy(body)
    if model.startswith("anthropic/"):
        for message in body["messages"]:
            # An empty text is left out, and not replaced by words that nobody said.
            message["content"] = [block for block in message["content"] if "sanitised" not in block.get("text", "")]
        # The end of a message with a picture is kept by the provider, too.
        last = body["messages"][-1]["content"][-1]
        if last["type"] == "image":
            last["cache_control"] = {"type": "ephemeral"}
        if body.get("tools", [{}])[0].get("name") == "dummy_tool":
            body["tools"] = "a tool that is none"
    if "input" in body:
        body["include"] = ["reasoning.encrypted_content"]  # what it thought, to be handed back
    if model.startswith("anthropic/") and "thinking" in body:
        body.pop("temperature", None)  # it takes none while it thinks
        if body["thinking"]["type"] == "enabled" and body.get("tool_choice") == {"type": "any"}:
            del body["thinking"]  # nor is it forced to call
    if model == "anthropic/claude-sonnet-4-5" and "thinking" not in body and body["max_tokens"] == 4096 + 4096:
        body["max_tokens"] = 64_000  # its longest answer, and not one cut to a thinking that was dropped
    if model.startswith("ollama/"):
        for message in body["messages"]:
            if not message.get("images"):
                message.pop("images", None)
    if model.startswith("moonshot/") and "Please select a tool" in str(body["messages"][-1]["content"]):
        body["messages"][-1]["content"] = "Call one of the tools now."
    return body


@pytest.mark.parametrize("kind", REQUESTS)
@pytest.mark.parametrize("model", MODELS)
async def test_both_lanes_send_the_same_request(
    gateways: dict[str, Gateway], model_server: ModelServer, model: str, kind: str
) -> None:
    request = ModelRequest(model, **REQUESTS[kind])
    path, reference = await sent(gateways["litellm"], model_server, request)
    ours, body = await sent(gateways["direct"], model_server, request)
    if model.startswith("anthropic/") and kind == "no tools now":
        body["tools"] = "a tool that is none"
    assert ours == path
    assert body == expected(reference, model)


async def test_keys_are_sent_to_their_own_provider(gateways: dict[str, Gateway], model_server: ModelServer) -> None:
    for model in MODELS:
        headers = []
        for lane in LANES:
            model_server.requests.clear()
            [output async for output in gateways[lane].stream(ModelRequest(model, HELLO))]
            received = model_server.requests[0].headers
            headers.append({name: received.get(name) for name in ("authorization", "x-api-key", "anthropic-version")})
        assert headers[0] == headers[1], model


def uri_key(outputs: list[ModelOutput]) -> Any:
    """Text joined as it comes, ids that we make up left out."""
    kinds: list[tuple[str, str]] = []
    for output in outputs:
        if isinstance(output, StepEnd):
            usage = output.usage and (output.usage.input_tokens, output.usage.output_tokens, output.usage.cached_tokens)
            cost = None if output.usage is None or output.usage.cost is None else round(output.usage.cost, 12)
            kinds.append(("end", f"{usage} {output.reason} {cost}"))
        elif isinstance(output, ToolRequest):
            arguments = json.dumps(json.loads(output.arguments))
            kinds.append(("call", f"{output.name} {arguments} {'' if len(output.call_id) > 25 else output.call_id}"))
        elif kinds and kinds[-1][0] == type(output).__name__:
            kinds[-1] = (kinds[-1][0], kinds[-1][1] + output.text)
        else:
            kinds.append((type(output).__name__, output.text))
    return kinds


ANSWERS = {
    "words": Answer("one two three", tokens=Tokens(1000, 20)),
    "cached": Answer("one", tokens=Tokens(1000, 20, cached=800)),
    "much": Answer("one", tokens=Tokens(300_000, 2000, cached=100_000)),
    "thoughts": Answer("so yes", reasoning="let me see", tokens=Tokens(10, 5)),
    "calls": Answer(
        "I look.", tools=[ToolUse("fs__read", {"path": "a"}, "c1"), ToolUse("fs__read", {"path": "b"}, "c2")], tokens=Tokens(9, 9)
    ),
    "too long": Answer("and so", reason="length", tokens=Tokens(10, 5)),
    "filtered": Answer("and", reason="content_filter", tokens=Tokens(10, 5)),
    "uncounted": Answer("one two", usage=False),
}
# litellm has one word, and only one, for an answer that was held back and for one that was refused.
OTHER_WORDS = {("anthropic/", "filtered"): ("refusal", "content_filter")}


@pytest.mark.parametrize("kind", ANSWERS)
@pytest.mark.parametrize("model", MODELS)
async def test_both_lanes_return_the_same_response(
    gateways: dict[str, Gateway], model_server: ModelServer, model: str, kind: str
) -> None:
    found = []
    for lane in LANES:
        model_server.script(ANSWERS[kind])
        found.append(uri_key([output async for output in gateways[lane].stream(ModelRequest(model, HELLO, [TOOL]))]))
    for (prefix, name), (ours, theirs) in OTHER_WORDS.items():
        if model.startswith(prefix) and kind == name:
            found[0][-1] = ("end", found[0][-1][1].replace(ours, theirs))
    if model.startswith("openrouter/"):  # of which litellm knows one name of reasoning alone
        found[0] = [output for output in found[0] if output[0] != "ReasoningDelta"]
    assert found[0] == found[1]


@pytest.mark.parametrize("kind", ["words", "cached", "thoughts", "calls"])
async def test_both_lanes_return_the_same_with_the_responses_api(
    gateways: dict[str, Gateway], model_server: ModelServer, kind: str
) -> None:
    found = []
    for lane in LANES:
        model_server.script(ANSWERS[kind])
        request = ModelRequest("openai/gpt-6.1-sol", HELLO, [TOOL], reasoning_effort="low")
        found.append(uri_key([output async for output in gateways[lane].stream(request)]))
        assert model_server.requests[-1].path == "/v1/responses"
    assert found[0] == found[1]


async def test_encrypted_reasoning_is_sent_back_with_the_responses_api(
    gateways: dict[str, Gateway], model_server: ModelServer
) -> None:
    model, gateway = "openai/gpt-6.1-sol", gateways["direct"]
    model_server.script(Answer(reasoning="let me see", tools=[ToolUse("fs__read", {}, "c1")]))
    *_, end = [output async for output in gateway.stream(ModelRequest(model, HELLO, [TOOL], reasoning_effort="low"))]
    assert isinstance(end, StepEnd) and end.native is not None
    native = {"provider": end.native.provider, "data": end.native.data}
    told = {"role": "assistant", "content": "", "tool_calls": [call("c1", "{}")], "native_reasoning": native}
    messages = [*HELLO, told, {"role": "tool", "tool_call_id": "c1", "content": "one"}]
    _, body = await sent(gateway, model_server, ModelRequest(model, messages, [TOOL], reasoning_effort="low"))
    summary = [{"type": "summary_text", "text": "let me see"}]
    assert body["input"][1] == {"type": "reasoning", "summary": summary, "encrypted_content": "b3BhcXVl"}
    assert [item["type"] for item in body["input"]] == ["message", "reasoning", "function_call", "function_call_output"]


async def test_a_server_without_the_responses_api_gets_chat_completions(
    gateways: dict[str, Gateway], model_server: ModelServer
) -> None:
    model_server.script(Refuse(404, "Not Found"), Answer("yes"), Answer("yes"))
    for _ in range(2):
        request = ModelRequest("openai/gpt-5.5-mine", HELLO, [TOOL], reasoning_effort="low")
        assert uri_key([output async for output in gateways["direct"].stream(request)])[0] == ("TextDelta", "yes")
    assert [received.path for received in model_server.requests] == ["/v1/responses", *["/v1/chat/completions"] * 2]


NATIVE = [{"type": "thinking", "thinking": "let me see", "signature": "c2lnbmF0dXJl"}]


@pytest.mark.parametrize("first", LANES)
@pytest.mark.parametrize("second", LANES)
async def test_signed_reasoning_is_sent_back_in_both_lanes(
    gateways: dict[str, Gateway], model_server: ModelServer, first: str, second: str
) -> None:
    model = "anthropic/claude-sonnet-4-5"
    model_server.script(Answer(reasoning="let me see", tools=[ToolUse("fs__read", {"path": "a"}, "t1")]))
    *_, end = [output async for output in gateways[first].stream(ModelRequest(model, HELLO, [TOOL], reasoning_effort="low"))]
    assert isinstance(end, StepEnd) and end.native is not None and end.native.data == NATIVE
    native = {"provider": end.native.provider, "data": end.native.data}
    told = {"role": "assistant", "content": "", "tool_calls": [call("t1", '{"path": "a"}')], "native_reasoning": native}
    messages = [*HELLO, told, {"role": "tool", "tool_call_id": "t1", "content": "one"}]
    _, body = await sent(gateways[second], model_server, ModelRequest(model, messages, [TOOL], reasoning_effort="low"))
    kinds = [block["type"] for block in body["messages"][1]["content"] if block["type"] != "text"]
    assert kinds == ["thinking", "tool_use"] and body["messages"][1]["content"][0] == NATIVE[0]
    assert body["thinking"]["type"] == "enabled"


# -- reasoning that goes back where it came from ----------------------------------------------------------------------


def openai_step(**delta: Any) -> Raw:
    tool = {"index": 0, "id": "c1", "type": "function", "function": {"name": "fs__read", "arguments": "{}"}}
    chunks = [{"choices": [{"delta": {**delta, "tool_calls": [tool]}, "finish_reason": "tool_calls"}]}]
    return Raw([b"".join(f"data: {json.dumps(chunk)}\n\n".encode() for chunk in chunks) + b"data: [DONE]\n\n"])


DETAILS = [{"type": "reasoning.text", "text": "let me see", "signature": "c2ln", "index": 0, "format": "anthropic-claude-v1"}]


async def second_request(
    gateway: Gateway, server: ModelServer, model: str, answer: Raw, *, other: str | None = None
) -> dict[str, Any]:
    """The assistant's message in the request after a step that thought and called. `other` is asked it in place of `model`."""
    server.script(answer)
    *_, end = [output async for output in gateway.stream(ModelRequest(model, HELLO, [TOOL]))]
    assert isinstance(end, StepEnd)
    told: dict[str, Any] = {"role": "assistant", "content": "", "tool_calls": [call("c1", "{}")]}
    if end.native is not None:
        # It is kept as JSON.
        told["native_reasoning"] = json.loads(json.dumps({"provider": end.native.provider, "data": end.native.data}))
    messages = [*HELLO, told, {"role": "tool", "tool_call_id": "c1", "content": "one"}]
    _, body = await sent(gateway, server, ModelRequest(other or model, messages, [TOOL]))
    found: dict[str, Any] = next(message for message in body["messages"] if message["role"] == "assistant")
    return found


@pytest.mark.parametrize(
    ("model", "delta", "handed_back"),
    [
        ("deepseek/deepseek-v4-pro", {"reasoning_content": "let me see"}, {"reasoning_content": "let me see"}),
        ("moonshot/kimi-k2-thinking", {"reasoning_content": "let me see"}, {"reasoning_content": "let me see"}),
        ("openai/some-model", {"reasoning_content": "let me see"}, {"reasoning_content": "let me see"}),
        ("groq/openai/gpt-oss-120b", {"reasoning": "let me see"}, {"reasoning": "let me see"}),
        ("minimax/MiniMax-M2", {"reasoning_details": DETAILS}, {"reasoning_details": DETAILS}),
        (
            "openrouter/anthropic/claude-sonnet-4.5",
            {"reasoning": "let me see", "reasoning_details": DETAILS},
            {"reasoning": "let me see", "reasoning_details": DETAILS},
        ),
        ("openrouter/openrouter/auto", {"reasoning": "let me see"}, {"reasoning": None}),
        ("deepseek/deepseek-v4-pro", {"reasoning_content": {"text": "let me see"}}, {"reasoning_content": "let me see"}),
    ],
)
async def test_native_reasoning_is_sent_back_unchanged(
    gateways: dict[str, Gateway], model_server: ModelServer, model: str, delta: dict[str, Any], handed_back: dict[str, Any]
) -> None:
    told = await second_request(gateways["direct"], model_server, model, openai_step(**delta))
    assert {name: told.get(name) for name in handed_back} == handed_back and "native_reasoning" not in told


@pytest.mark.parametrize(
    "other", ["openai/some-model", "moonshot/deepseek-v4-pro", "deepseek/other-family", "groq/deepseek-v4-pro", "ollama/qwen3"]
)
async def test_native_reasoning_is_never_sent_to_another_provider(
    gateways: dict[str, Gateway], model_server: ModelServer, other: str
) -> None:
    model, answer = "deepseek/deepseek-v4-pro", openai_step(reasoning_content="a secret thought")
    told = await second_request(gateways["direct"], model_server, model, answer, other=other)
    assert "secret" not in json.dumps(told) and "native_reasoning" not in told


async def test_native_reasoning_is_never_sent_to_another_server_with_the_same_name(
    gateways: dict[str, Gateway], model_server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = ModelServer()
    other.start()
    native = {"provider": f"openai 127.0.0.1:{other.port} some", "data": {"reasoning_content": "a secret thought"}}
    told = {"role": "assistant", "content": "first", "native_reasoning": native}
    _, body = await sent(gateways["direct"], model_server, ModelRequest("openai/some-model", [*HELLO, told, *HELLO]))
    other.stop()
    assert "first" in json.dumps(body) and "secret" not in json.dumps(body)


async def test_mistral_gets_reasoning_as_a_part_of_the_content(gateways: dict[str, Gateway], model_server: ModelServer) -> None:
    thinking = [{"type": "thinking", "thinking": [{"type": "text", "text": "let me see"}]}, {"type": "text", "text": "I look."}]
    told = await second_request(gateways["direct"], model_server, "mistral/mistral-medium-latest", openai_step(content=thinking))
    assert told["content"][0] == thinking[0]


# -- all that is said of models, through litellm ----------------------------------------------------------------------


Make = Callable[..., Gateway]


@pytest.fixture
async def make(litellm_ready: None, model_server: ModelServer) -> AsyncIterator[Make]:
    made: list[Gateway] = []

    def gateway(limits: Limits = model_calls.QUICK, **changed: str) -> Gateway:
        environ = {**model_calls.environ(model_server), "SESSIONLS_MODEL_LANE": "litellm", **changed}
        made.append(Gateway(environ=environ, limits=limits))
        return made[-1]

    yield gateway
    for gateway_ in made:
        await gateway_.close()


class TestOutputsThroughLitellm(test_models.TestOutputs):
    async def test_an_unknown_finish_reason_is_unknown(self, make: Make, model_server: ModelServer) -> None:
        """Not here: litellm makes `stop` of it."""


class TestRequestsThroughLitellm(test_models.TestRequests):
    """What is said of addresses and keys is about our own requests."""

    test_a_proxy_from_the_environment_is_used_for_other_machines = None  # type: ignore[assignment]
    test_a_query_in_the_address_is_kept = None  # type: ignore[assignment]
    test_a_key_is_not_sent_to_another_server_after_a_redirect = None  # type: ignore[assignment]
    test_an_invalid_key_is_not_sent = None  # type: ignore[assignment]


class TestFailuresThroughLitellm(test_model_failures.TestFailures):
    pass
