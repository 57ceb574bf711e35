"""Refusals of providers: their meaning, which requests are repeated in another form, and which are not."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from in_process_app import app, write_agent
from model_server import Answer, ModelServer, Raw, Received, Refuse, Scripted
from sessionls.domain.errors import ModelUnavailable
from sessionls.models import refusals
from sessionls.models.gateway import Gateway, Limits
from sessionls.models.overflow import is_overflow
from sessionls.ports.models import ModelOutput, ModelRequest, StepEnd, TextDelta

OPENAI, ANTHROPIC, OLLAMA = "openai/some-model", "anthropic/claude-sonnet-4-5", "ollama/qwen3"
TOOL = {"type": "function", "function": {"name": "read", "description": "Read.", "parameters": {"type": "object"}}}
CALLED: list[dict[str, Any]] = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "look"},
    {
        "role": "assistant",
        "content": "",
        "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "read", "arguments": "{}"}}],
    },
    {"role": "tool", "tool_call_id": "call_1", "content": "what stands there"},
]


@pytest.fixture
async def gateway(model_server: ModelServer) -> AsyncIterator[Gateway]:
    model_server.ollama = ["qwen3"]
    keys = {"OPENAI_API_KEY": "sk-0123456789", "ANTHROPIC_API_KEY": "sk-0123456789"}
    bases = {"OPENAI_API_BASE": model_server.openai, "ANTHROPIC_API_BASE": model_server.url, "OLLAMA_API_BASE": model_server.url}
    made = Gateway(environ={**keys, **bases}, limits=Limits(first=20, first_slow=20, between=20, retries=3, backoff=0.001))
    yield made
    await made.close()


def asked(model: str = OPENAI, **more: Any) -> ModelRequest:
    return ModelRequest(model, more.pop("messages", CALLED), **{"tools": [TOOL], **more})


async def outputs(gateway: Gateway, request: ModelRequest) -> list[ModelOutput]:
    return [output async for output in gateway.stream(request)]


async def said(gateway: Gateway, request: ModelRequest) -> str:
    return "".join(output.text for output in await outputs(gateway, request) if isinstance(output, TextDelta))


async def failure(gateway: Gateway, request: ModelRequest) -> ModelUnavailable:
    with pytest.raises(ModelUnavailable) as raised:
        await outputs(gateway, request)
    return raised.value


# -- too long ----------------------------------------------------------------------------------------------------------

TOO_LONG = [
    "This model's maximum context length is 128000 tokens. However, your messages resulted in 130000 tokens.",
    "Your input exceeds the context window of this model. Please adjust your input and try again.",
    "prompt is too long: 210000 tokens > 200000 maximum",
    "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000, decrease input length or `max_tokens`",
    "This model's maximum prompt length is 131072 but the request contains 537812 tokens.",
    "Prompt exceeds max length",
    "The request exceeds the model's maximum length",
    "<400> InternalError.Algo.InvalidParameter: Range of input length should be [1, 129024]",
    "Invalid request: Your request exceeded model token limit: 131072",
    "The decoder prompt (length 40960) is longer than the maximum model length of 32768.",
    "request (40000 tokens) exceeds the available context size (8192 tokens), try increasing it",
    "the request exceeds the available context size. try increasing the context size or enable context shift",
    "Please reduce the length of the messages or completion.",
    "Prompt contains 140000 tokens and 0 draft tokens, too large for model with 131072 maximum context length",
    "The input token count (1196265) exceeds the maximum number of tokens allowed (1048575).",
    "Input is too long for requested model.",
    "This endpoint's maximum context length is 200000 tokens. However, you requested about 210000 tokens.",
    "too many tokens: total number of tokens in the prompt cannot exceed 128000",
    "The input (210000 tokens) is longer than the model's context length (200000 tokens).",
    "context window exceeds limit (2013)",
    "The number of tokens to keep from the initial prompt is greater than the context length.",
    "prompt token count of 70000 exceeds the limit of 64000",
    "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5000 `inputs` tokens",
    "Request too large for gpt-4o on tokens per min (TPM): Limit 30000, Requested 45000. The input must be reduced.",
    "Prompt has 32769 tokens, but the configured context size is 32768 tokens",
    "string too long. Expected a string with maximum length 1048576, but got a string with length 2000000 instead.",
    "context_length_exceeded",
    "model_context_window_exceeded",
    "输入内容超过模型最大长度限制",
]
NOT_TOO_LONG = [
    (
        429,
        "Rate limit reached for gpt-4o on tokens per min (TPM): Limit 30000, Used 25000, Requested 10000.",
    ),
    (429, "This request would exceed your organization's rate limit of 40,000 input tokens per minute"),
    (429, "Too many tokens per day, please wait before trying again"),
    (400, "max_tokens is too large: 200000. This model supports at most 16384 completion tokens."),
    (400, "max_tokens: 128000 > 64000, which is the maximum allowed number of output tokens for this model"),
    (400, "Range of max_tokens should be [1, 8192]"),
    (400, "'tools.0.function.name': string too long. Expected a string with maximum length 64 (string_above_max_length)"),
    (400, "tool_calls.0.id: string too long"),
    (401, "Your input exceeds the context window"),
    (400, "Invalid value for 'messages[0].role'."),
    (400, "temperature must be at most 2"),
]


@pytest.mark.parametrize("words", TOO_LONG)
@pytest.mark.parametrize("shape", ["status", "stream", "whole"])
async def test_overflow_is_recognized_in_many_wordings_and_not_retried(
    gateway: Gateway, model_server: ModelServer, words: str, shape: str
) -> None:
    error = {"error": {"message": words, "type": "invalid_request_error", "code": None}}
    refusals: dict[str, Scripted] = {
        "status": Refuse(400, words),
        "stream": Raw([f"data: {json.dumps(error)}\n\n".encode()]),
        "whole": Raw([json.dumps(error).encode()], "application/json"),
    }
    model_server.script(refusals[shape])
    assert (await failure(gateway, asked())).reason == "overflow"
    assert len(model_server.requests) == 1


@pytest.mark.parametrize(("status", "words"), NOT_TOO_LONG)
def test_similar_errors_are_not_an_overflow(status: int, words: str) -> None:
    assert not is_overflow(status, words)


@pytest.mark.parametrize(
    "refusal",
    [
        Refuse(413, body="<html><head><title>413 Request Entity Too Large</title></head></html>"),
        Refuse(413, "Request too large for model on tokens per minute (TPM): Limit 6000, Requested 7000"),
        Refuse(429, "Request too large on tokens per min (TPM): Limit 30000, Requested 45000"),
        Refuse(500, "the prompt is longer than the maximum model length"),
        Refuse(400, "Bad request", code="context_length_exceeded"),
    ],
    ids=lambda refusal: f"{refusal.status} {refusal.message[:20]}",
)
async def test_overflow_is_recognized_by_other_signs(gateway: Gateway, model_server: ModelServer, refusal: Refuse) -> None:
    model_server.script(refusal)
    assert (await failure(gateway, asked())).reason == "overflow"
    assert len(model_server.requests) == 1


# -- errors inside an answer, and pages -------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [OPENAI, ANTHROPIC, OLLAMA])
@pytest.mark.parametrize("shape", ["stream", "whole"])
async def test_an_invalid_key_in_a_successful_response_is_not_retried(
    gateway: Gateway, model_server: ModelServer, model: str, shape: str
) -> None:
    error = json.dumps({"error": {"message": "No such key.", "type": "authentication_error", "code": 401}})
    body = error if shape == "whole" or model == OLLAMA else f"event: error\ndata: {error}\n\n"
    model_server.script(Raw([body.encode()]))
    problem = await failure(gateway, asked(model))
    assert problem.reason == "unauthorized" and "No such key." in problem.message
    assert len(model_server.requests) == 1


async def test_an_overflow_during_a_stream_is_recognized(gateway: Gateway, model_server: ModelServer) -> None:
    error = {"error": {"message": "This model's maximum context length is 10 tokens", "code": 400}}
    begun = {"choices": [{"delta": {"content": "So"}}]}
    model_server.script(Raw([f"data: {json.dumps(begun)}\n\ndata: {json.dumps(error)}\n\n".encode()]))
    assert (await failure(gateway, asked())).reason == "overflow"


@pytest.mark.parametrize("status", [400, 404, 500, 502, 503])
async def test_an_html_page_is_reported_in_one_short_line(gateway: Gateway, model_server: ModelServer, status: int) -> None:
    page = f"<!DOCTYPE html>\n<html><head><title>{status} | Sorry</title></head><body>" + "<div>x</div>" * 1000 + "</body></html>"
    model_server.script(*[Refuse(status, body=page)] * 4)
    problem = await failure(gateway, asked())
    assert f"({status} | Sorry)" in problem.message and "<" not in problem.message and "\n" not in problem.message
    assert len(problem.message) < 200


async def test_a_web_page_instead_of_a_response_means_a_wrong_address(gateway: Gateway, model_server: ModelServer) -> None:
    model_server.script(Raw([b"<html><head><title>Welcome</title></head></html>"], "text/html"))
    problem = await failure(gateway, asked())
    assert "(Welcome)" in problem.message and "OPENAI_API_BASE" in problem.hint and len(model_server.requests) == 1


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (
            '{"detail": [{"loc": ["body", "messages"], "msg": "Field required", "input": {"secret": "sk-1"}}]}',
            "messages: Field required",
        ),
        ('{"detail": "Not allowed here"}', "Not allowed here"),
        ('{"message": "no such thing"}', "no such thing"),
        ('{"error": "plainly wrong"}', "plainly wrong"),
        (
            '{"error": {"message": "It failed", "metadata": {"raw": "{\\"error\\":{\\"message\\":\\"upstream said no\\"}}"}}}',
            "upstream said no",
        ),
        ('{"base_resp": {"status_code": 1004, "status_msg": "login fail"}}', "login fail"),
        ("plain text", "plain text"),
        ("", "no reason given"),
    ],
)
async def test_the_providers_message_is_found_in_every_format(
    gateway: Gateway, model_server: ModelServer, body: str, words: str
) -> None:
    model_server.script(Refuse(422, body=body))
    problem = await failure(gateway, asked(tools=[]))
    assert words in problem.message and "sk-1" not in problem.message and "{" not in problem.message


# -- asked once more ---------------------------------------------------------------------------------------------------

Check = Callable[[Mapping[str, Any]], bool]


def strict(words: str, is_good: Check) -> Callable[[Received], Scripted]:
    """A server that refuses every request that is not `good`, with this message."""
    return lambda received: Answer("yes") if is_good(received.body) else Refuse(400, words)


def without(name: str) -> Check:
    return lambda body: name not in body


def at_most(tokens: int) -> Check:
    return lambda body: bool(body["max_tokens"] == tokens)


def assistant(body: Mapping[str, Any]) -> Mapping[str, Any]:
    return next(message for message in body["messages"] if message["role"] == "assistant")


PICKY: list[tuple[str, dict[str, Any], str, Check]] = [
    (OPENAI, {}, "Unrecognized request argument supplied: stream_options", without("stream_options")),
    (OPENAI, {}, "stream_options: Extra inputs are not permitted", without("stream_options")),
    (
        OPENAI,
        {"temperature": 0.2},
        "Unsupported value: 'temperature' does not support 0.2 with this model.",
        lambda b: "temperature" not in b,
    ),
    (
        OPENAI,
        {"temperature": 0.2},
        "invalid temperature: only 1 is allowed for this model",
        lambda body: "temperature" not in body,
    ),
    (
        OPENAI,
        {"max_tokens": 50},
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
        lambda body: body.get("max_completion_tokens") == 50 and "max_tokens" not in body,
    ),
    (
        OPENAI,
        {"max_tokens": 9000},
        "max_tokens is too large: 9000. This model supports at most 4096 completion tokens.",
        lambda b: b["max_tokens"] == 4096,
    ),
    (
        ANTHROPIC,
        {},
        "max_tokens: 64000 > 8192, which is the maximum allowed number of output tokens for it",
        lambda b: b["max_tokens"] == 8192,
    ),
    (OPENAI, {"reasoning_effort": "high"}, "Unknown parameter: 'reasoning_effort'.", without("reasoning_effort")),
    (OPENAI, {"reasoning_effort": "high"}, "This model does not support reasoning.", without("reasoning_effort")),
    (OLLAMA, {"reasoning_effort": "high"}, '"qwen3" does not support thinking', without("think")),
    (OPENAI, {"must_call": True}, "tool_choice 'required' is not supported", lambda b: "tool_choice" not in b and "tools" in b),
    (OPENAI, {}, "messages.2.content must not be empty", lambda body: assistant(body).get("content", "") != ""),
    (
        OPENAI,
        {},
        "messages[2]: content cannot be an empty string",
        lambda body: "content" in assistant(body) and assistant(body)["content"] is None,
    ),
    (OPENAI, {}, "content: value should not be null or empty", lambda body: "content" not in assistant(body)),
    (OPENAI, {}, "Message content must be a non-empty string", lambda body: assistant(body).get("content") == " "),
    (OPENAI, {}, "tools is not supported in this model", without("tools")),
    (
        OPENAI,
        {},
        '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set',
        lambda b: "tools" not in b,
    ),
    (OPENAI, {}, "No endpoints found that support tool use.", without("tools")),
    (OLLAMA, {}, "registry.ollama.ai/library/qwen3 does not support tools", without("tools")),
    (OPENAI, {}, "System role not supported", lambda body: all(message["role"] != "system" for message in body["messages"])),
    (
        OPENAI,
        {},
        "Your organization must be verified to stream this model. (stream unsupported_value)",
        lambda b: b["stream"] is False,
    ),
    (
        OPENAI,
        {},
        "The `reasoning_content` in the thinking mode must be passed back to the API.",
        lambda body: bool(assistant(body).get("reasoning_content")),
    ),
    (
        OPENAI,
        {},
        "Tool call id was call_1 but must be a-z, A-Z, 0-9, with a length of 9.",
        lambda b: len(assistant(b)["tool_calls"][0]["id"]) == 9,
    ),
]


@pytest.mark.parametrize(("model", "options", "words", "is_good"), PICKY, ids=[words[:40] for _, _, words, _ in PICKY])
async def test_unsupported_options_are_left_out_from_then_on(
    gateway: Gateway, model_server: ModelServer, model: str, options: dict[str, Any], words: str, is_good: Check
) -> None:
    model_server.default = strict(words, is_good)
    assert await said(gateway, asked(model, **options)) == "yes"
    first = len(model_server.requests)
    assert 2 <= first <= 5
    assert await said(gateway, asked(model, **options)) == "yes"
    assert len(model_server.requests) == first + 1


async def test_several_refusals_of_one_server_are_all_applied(gateway: Gateway, model_server: ModelServer) -> None:
    def picky(received: Received) -> Scripted:
        for name in ("stream_options", "temperature", "reasoning_effort"):
            if name in received.body:
                return Refuse(422, f"{name} is not supported")
        return Answer("yes")

    model_server.default = picky
    assert await said(gateway, asked(temperature=0.3, reasoning_effort="low")) == "yes"
    assert len(model_server.requests) == 4


async def test_without_tools_the_transcript_describes_calls_as_text(gateway: Gateway, model_server: ModelServer) -> None:
    model_server.default = strict("this model does not support tools", without("tools"))
    await said(gateway, asked())
    body = model_server.requests[-1].body
    assert "tool_calls" not in json.dumps(body) and not any(message["role"] == "tool" for message in body["messages"])
    assert "what stands there" in json.dumps(body)


async def test_a_refusal_of_something_else_is_reported_at_once(gateway: Gateway, model_server: ModelServer) -> None:
    for words in (
        "Invalid schema for function 'read': tools are fine",
        "messages[1].role is invalid",
        "no credit",
        "model is disabled",
    ):
        model_server.requests.clear()
        model_server.script(Refuse(400, words))
        assert words in (await failure(gateway, asked())).message
        assert len(model_server.requests) == 1, words


async def test_an_option_left_out_for_one_model_is_kept_for_another(gateway: Gateway, model_server: ModelServer) -> None:
    model_server.script(Refuse(400, "stream_options is not supported"), Answer("yes"), Answer("yes"))
    await said(gateway, asked())
    await said(gateway, asked("openai/another-model"))
    assert "stream_options" in model_server.requests[-1].body


async def test_an_unsuccessful_change_is_not_remembered(gateway: Gateway, model_server: ModelServer) -> None:
    model_server.script(*[Refuse(400, "stream_options is not supported")] * 2, Answer("yes"))
    await failure(gateway, asked("openai/third-model"))
    await said(gateway, asked("openai/third-model"))
    assert "stream_options" in model_server.requests[-1].body


# -- what is sent as arguments ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [OPENAI, ANTHROPIC, OLLAMA])
@pytest.mark.parametrize(
    "arguments",
    ['{"\\u0000invalid": "{not json"}', "{not json", "[1]", "", "null", '{"n": NaN, "i": Infinity, "e": 1e999}', None],
)
async def test_arguments_are_always_sent_as_a_json_object(
    gateway: Gateway, model_server: ModelServer, model: str, arguments: Any
) -> None:
    call = {"id": "c", "type": "function", "function": {"name": "read", "arguments": arguments}}
    messages = [*CALLED[:2], {"role": "assistant", "content": "", "tool_calls": [call]}, {**CALLED[3], "tool_call_id": "c"}]
    await said(gateway, asked(model, messages=messages))
    sent = json.dumps(model_server.requests[0].body)
    assert "\\u0000" not in sent and "NaN" not in sent and "Infinity" not in sent

    def no_constant(name: str) -> None:
        raise AssertionError(name)

    for message in model_server.requests[0].messages:
        for told in message.get("tool_calls") or ():
            written = told["function"]["arguments"]
            assert isinstance(json.loads(written, parse_constant=no_constant) if isinstance(written, str) else written, dict)


async def test_keep_alives_without_output_are_accepted_only_for_a_while(model_server: ModelServer) -> None:
    environ = {"OPENAI_API_KEY": "sk-0123456789", "OPENAI_API_BASE": model_server.openai}
    gateway = Gateway(environ=environ, limits=Limits(first=0.3, first_slow=1, between=0.3, retries=0))
    alive = Raw(
        [b": still working\n\n"] * 6 + [b'data: {"choices":[{"delta":{"content":"yes"},"finish_reason":"stop"}]}\n\n'], delay=0.1
    )
    model_server.script(alive, Raw([b": still working\n\n"] * 10_000, delay=0.1))
    assert await said(gateway, asked()) == "yes"
    assert (await failure(gateway, asked())).reason == "stalled"
    await gateway.close()


async def test_a_step_without_a_stop_reason_ends_as_unknown(gateway: Gateway, model_server: ModelServer) -> None:
    model_server.script(Raw([b'data: {"choices":[{"delta":{"content":"yes"}}]}\n\ndata: [DONE]\n\n']))
    assert (await outputs(gateway, asked()))[-1] == StepEnd(None, "unknown")


# -- what a person learns ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "refusal", "notice"),
    [
        (
            {"temperature": 0.2},
            "Unsupported value: 'temperature' does not support 0.2 with this model.",
            "openai/some-model does not accept a temperature: it answered without the one that is set.",
        ),
        (
            {"reasoning_effort": "high"},
            "Unsupported parameter: 'reasoning_effort' is not supported with this model.",
            "openai/some-model does not accept the reasoning effort: it answered without it.",
        ),
        ({}, "This model does not support tools.", "openai/some-model does not accept tools: it answered without any."),
        (
            {"max_tokens": 90_000},
            "max_tokens is too large: 90000. This model supports at most 16384 completion tokens, whereas you provided 90000.",
            "openai/some-model writes at most 16,384 tokens in one answer, fewer than it was asked for.",
        ),
    ],
)
async def test_an_option_that_is_refused_is_a_notice_of_every_step_without_it(
    gateway: Gateway, model_server: ModelServer, options: dict[str, Any], refusal: str, notice: str
) -> None:
    refusals._accepted_changes.clear()
    model_server.script(Refuse(400, refusal), Answer("one"), Answer("two"))
    for _ in range(2):
        end = (await outputs(gateway, asked(**options)))[-1]
        assert isinstance(end, StepEnd) and list(end.notices) == [notice]
    assert len(model_server.requests) == 3
    refusals._accepted_changes.clear()


async def test_a_rewritten_request_with_the_same_meaning_gives_no_notice(gateway: Gateway, model_server: ModelServer) -> None:
    refusals._accepted_changes.clear()
    model_server.script(Refuse(400, "Unrecognized request argument supplied: stream_options"), Answer("one"))
    end = (await outputs(gateway, asked()))[-1]
    assert isinstance(end, StepEnd) and list(end.notices) == []
    refusals._accepted_changes.clear()


async def test_the_reply_says_which_option_was_refused(tmp_path: Path, model_server: ModelServer) -> None:
    refusals._accepted_changes.clear()
    folder = tmp_path / "work"
    folder.mkdir()
    write_agent(folder, "warm", "You answer.", temperature="0.2")
    refusal = "Unsupported value: 'temperature' does not support 0.2 with this model."
    model_server.script(Refuse(400, refusal), Answer("Hello."))
    async with app(folder, model_server) as home:
        session = await home.sessions.create(agent="warm")
        reply = (await home.sessions.message(session.id, "Hello?")).reply
    assert reply.text == "Hello." and reply.notices is not None
    assert "does not accept a temperature: it answered without the one that is set." in reply.notices[-1]
    refusals._accepted_changes.clear()
