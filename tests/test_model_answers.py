"""Parsing the responses of model servers: all formats in which they are sent, and any other input."""

from __future__ import annotations

import asyncio
import json
import tracemalloc
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import httpx2  # noqa: F401 (in a program, a thread loads it before there is an answer)
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sessionls.domain.errors import ModelUnavailable
from sessionls.models.answers import LARGEST, events
from sessionls.models.anthropic_stream import AnthropicReader
from sessionls.models.calls import Calls
from sessionls.models.failures import RequestInfo, explain
from sessionls.models.http import Refused
from sessionls.models.ollama_lane import OllamaReader
from sessionls.models.openai_stream import OpenAIReader
from sessionls.models.responses_stream import ResponsesReader
from sessionls.models.step import StepBuilder
from sessionls.ports.models import ReasoningDelta, StepEnd, TextDelta, ToolRequest

OFFERED = ("read", "read_file", "write")
READERS = {"openai": OpenAIReader, "anthropic": AnthropicReader, "ollama": OllamaReader, "responses": ResponsesReader}


@dataclass
class Read:
    """A parsed response. `error` is the reason, if it was an error."""

    text: str = ""
    reasoning: str = ""
    calls: Sequence[tuple[str, str]] = ()
    reason: str = ""
    native: Any = None
    error: ModelUnavailable | None = None


async def read(pieces: Iterable[bytes], kind: str = "openai") -> Read:
    step = StepBuilder(OFFERED)
    reader: Any = READERS[kind](step)

    async def body() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    try:
        async with aclosing(events(body())) as stream:
            async for event in stream:
                reader.read(event)
        if not reader.is_complete:
            return Read(error=ModelUnavailable("cut", hint="", reason="cut"))
        step.finish(None)
    except Refused as refusal:
        return Read(error=explain(refusal, RequestInfo("m", "openai"), started=step.started))
    outputs = step.take()
    end = outputs[-1]
    assert isinstance(end, StepEnd) and not any(isinstance(output, StepEnd) for output in outputs[:-1])
    return Read(
        "".join(output.text for output in outputs if isinstance(output, TextDelta)),
        "".join(output.text for output in outputs if isinstance(output, ReasoningDelta)),
        [(output.name, output.arguments) for output in outputs if isinstance(output, ToolRequest)],
        end.reason,
        reader.native,
    )


def run(body: bytes | str, kind: str = "openai") -> Read:
    return asyncio.run(read([body.encode() if isinstance(body, str) else body], kind))


def sse(*chunks: Any, end: str = "data: [DONE]\n\n") -> str:
    return "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + end


def delta(reason: str | None = None, **fields: Any) -> dict[str, Any]:
    return {"id": "x", "choices": [{"index": 0, "delta": fields, "finish_reason": reason}]}


HELLO = sse(delta(role="assistant", content=""), delta(content="Hel"), delta(content="lo"), delta("stop"))


class TestServerSentEvents:
    @pytest.mark.parametrize(
        "body",
        [
            HELLO,
            HELLO.replace("\n", "\r\n"),
            HELLO.replace("\n", "\r"),
            "\ufeff" + HELLO,
            HELLO.replace("data: ", "data:"),
            HELLO.replace("data: {", "event: message\nid: 7\ndata: {"),
            ": PROCESSING\n\n: more\n\n" + HELLO,
            "id: 1\n\nretry: 100\n\nevent: ping\n\ndata:\n\ndata: \n\n" + HELLO,
            HELLO.replace("data: [DONE]", ": keep-alive\n\ndata: [DONE]"),
            HELLO.replace("data: [DONE]\n\n", ""),
            HELLO.replace("data: [DONE]\n\n", "data: [DONE]"),
            HELLO.replace("data: [DONE]\n\n", "").rstrip("\n"),
            "data: ping\n\n" + HELLO,
            "\n\n \n" + HELLO,
            "data: null\n\ndata: []\n\ndata: 3\n\n" + HELLO,
        ],
        ids=lambda body: repr(body[:24]),
    )
    def test_server_sent_events_are_read_in_every_form(self, body: str) -> None:
        assert run(body) == Read("Hello", "", [], "stop")

    def test_several_data_lines_are_one_event(self) -> None:
        body = 'data: {"choices": [{"delta":\ndata:  {"content": "Hello"}, "finish_reason": "stop"}]}\n\n'
        assert run(body).text == "Hello"

    def test_a_character_split_between_chunks_is_joined(self) -> None:
        body = sse(delta(content="né 🦀"), delta("stop")).encode()
        raw = json.dumps(delta(content="né 🦀"), ensure_ascii=False).encode()
        assert asyncio.run(read([bytes([byte]) for byte in b"data: " + raw + b"\n\n" + body])).text == "né 🦀né 🦀"
        halves = 'data: {"choices":[{"delta":{"content":"\\ud83e"}}]}\n\ndata: {"choices":[{"delta":{"content":"\\udd80"}}]}\n\n'
        assert run(halves + "data: [DONE]\n\n").text == "🦀"

    @pytest.mark.parametrize("end", ["", "data: [DO"])
    def test_a_stream_without_an_end_is_an_error(self, end: str) -> None:
        found = run(sse(delta(content="Hel"), end=end))
        assert found.error is not None and found.error.reason == "cut"

    @pytest.mark.parametrize("reason", [None, "", "  "])
    def test_a_stream_that_ends_without_a_reason_is_complete_with_an_unknown_reason(self, reason: str | None) -> None:
        assert run(sse(delta(content="Hello"), delta(reason))) == Read("Hello", "", [], "unknown")

    @pytest.mark.parametrize(
        "chunk",
        [
            {},
            {"choices": None},
            {"choices": []},
            {"choices": [None]},
            {"choices": [{}]},
            {"choices": [{"delta": None}]},
            {"choices": [{"delta": {"content": None, "tool_calls": None, "reasoning_content": None}}]},
            {"choices": [{"delta": {"content": [], "tool_calls": [], "reasoning": {}}}]},
            {"usage": None},
            {"error": None, "choices": [{"delta": {}}]},
            {"choices": [{"delta": "nothing", "index": 0}]},
            {"choices": [{"index": 1, "delta": {"content": "another choice"}}]},
        ],
        ids=str,
    )
    def test_empty_chunks_are_ignored(self, chunk: Any) -> None:
        assert run(sse(chunk, delta(content="Hello"), chunk, delta("stop"), chunk)) == Read("Hello", "", [], "stop")


class TestAnswerFormats:
    WHOLE = {
        "id": "x",
        "object": "chat.completion",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 1},
    }

    @pytest.mark.parametrize(
        "body",
        [
            json.dumps(WHOLE),
            json.dumps(WHOLE) + "\n",
            json.dumps(WHOLE, indent=2),
            f"[{json.dumps(WHOLE)}]",
            f"data: {json.dumps(WHOLE)}\n\n",
            "\ufeff  " + json.dumps(WHOLE),
        ],
        ids=lambda body: repr(body[:12]),
    )
    def test_one_json_document_is_a_complete_response(self, body: str) -> None:
        assert run(body) == Read("Hello", "", [], "stop")

    def test_a_json_response_without_a_reason_is_complete(self) -> None:
        assert run(json.dumps({"choices": [{"message": {"content": "Hello"}}]})) == Read("Hello", "", [], "unknown")

    def test_json_lines_are_chunks(self) -> None:
        lines = [delta(content="Hel"), delta(content="lo"), delta("stop")]
        assert run("\n".join(json.dumps(line) for line in lines)) == Read("Hello", "", [], "stop")

    def test_a_message_instead_of_a_delta_is_read(self) -> None:
        chunks = [{"choices": [{"message": {"content": text}}]} for text in ("Hel", "lo")]
        assert run(sse(*chunks, {"choices": [{"finish_reason": "stop"}]})).text == "Hello"

    def test_text_of_the_older_completions_api_is_read(self) -> None:
        assert run(sse({"choices": [{"text": "Hello", "finish_reason": "stop"}]})).text == "Hello"

    @pytest.mark.parametrize(
        "content",
        [
            [{"type": "text", "text": "Hello"}],
            [{"type": "output_text", "text": "Hel"}, {"type": "text", "text": "lo"}],
            ["Hel", "lo"],
            {"type": "text", "text": "Hello"},
            [{"type": "text", "text": {"value": "Hello"}}],
        ],
        ids=str,
    )
    def test_content_in_parts_is_joined(self, content: Any) -> None:
        assert run(sse(delta(content=content), delta("stop"))).text == "Hello"

    @pytest.mark.parametrize(
        "fields",
        [
            {"reasoning_content": "let me see"},
            {"reasoning": "let me see"},
            {"reasoning": {"text": "let me see"}},
            {"reasoning": {"content": [{"type": "text", "text": "let me see"}]}},
            {"reasoning": ["let me", " see"]},
            {"reasoning": [{"summary": "let me see"}]},
            {"thinking": "let me see"},
            {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "let me see"}]}]},
            {"reasoning_details": [{"type": "reasoning.text", "text": "let me see", "index": 0}]},
            {"reasoning": "let me see", "reasoning_details": [{"type": "reasoning.text", "text": "let me see", "index": 0}]},
            {"reasoning": "let me see", "reasoning_content": "let me see"},
        ],
        ids=str,
    )
    def test_reasoning_is_read_once_in_every_format(self, fields: dict[str, Any]) -> None:
        found = run(sse(delta(**fields), delta(content="yes"), delta("stop")))
        assert (found.text, found.reasoning) == ("yes", "let me see")

    @pytest.mark.parametrize("fields", [{"refusal": "I will not."}, {"content": [{"type": "refusal", "refusal": "I will not."}]}])
    def test_a_refusal_is_shown_and_is_the_stop_reason(self, fields: dict[str, Any]) -> None:
        assert run(sse(delta(**fields), delta("stop"))) == Read("I will not.", "", [], "refusal")

    @pytest.mark.parametrize(
        ("said", "reason"),
        [
            ("stop", "stop"),
            ("end_turn", "stop"),
            ("COMPLETE", "stop"),
            ("length", "length"),
            ("max_tokens", "length"),
            ("model_length", "length"),
            ("content_filter", "content_filter"),
            ("SAFETY", "content_filter"),
            ("sensitive", "content_filter"),
            ("error", "error"),
            ("network_error", "error"),
            ("refusal", "refusal"),
            ("who knows", "unknown"),
        ],
    )
    def test_stop_reasons_are_translated(self, said: str, reason: str) -> None:
        assert run(sse(delta(content="x"), delta(said))).reason == reason


def calls(*pieces: Any, reason: str | None = "tool_calls") -> Sequence[tuple[str, str]]:
    found = run(sse(*(delta(tool_calls=[piece]) for piece in pieces), delta(reason)))
    assert found.error is None and (not found.calls or found.reason == "tool_calls")
    return [(name, json.dumps(json.loads(arguments))) for name, arguments in found.calls]


def piece(name: str | None = None, arguments: Any = None, **rest: Any) -> dict[str, Any]:
    return {**rest, "type": "function", "function": {"name": name, "arguments": arguments}}


A = '{"path": "a"}'
B = '{"path": "b"}'


class TestToolCalls:
    @pytest.mark.parametrize(
        "pieces",
        [
            pytest.param(
                [piece("read", "", index=0, id="1"), piece(None, '{"pa', index=0), piece(None, 'th": "a"}', index=0)],
                id="as OpenAI",
            ),
            pytest.param([piece("read", A, index=0, id="1")], id="whole"),
            pytest.param([piece("read", A)], id="whole, no id, no number"),
            pytest.param([piece("read", {"path": "a"}, id="1")], id="an object"),
            pytest.param([piece("read", json.dumps(A), id="1")], id="encoded twice"),
            pytest.param([piece("read", json.dumps(json.dumps(A)), id="1")], id="encoded three times"),
            pytest.param([piece("read", '{"pa', index=0, id="1"), piece(None, 'th": "a"}', index=1)], id="the number changes"),
            pytest.param(
                [piece("read", '{"pa', index=0, id="1"), piece("read", 'th": "a"}', index=1, id="1")],
                id="it changes, all repeated",
            ),
            pytest.param([piece("read", '{"pa', id="1"), piece(None, 'th": "a"}', id="1")], id="id alone"),
            pytest.param(
                [piece("read", '{"pa', index=0, id="1"), piece(None, 'th": "a"}', index=0, id="2")], id="the id changes"
            ),
            pytest.param([piece("read", '{"pa', index=0, id="1"), piece("", 'th": "a"}', index=0, id="")], id="empty repeats"),
            pytest.param(
                [piece("read", '{"pa', index=0, id="1"), piece("read", 'th": "a"}', index=0, id="1")], id="all repeated"
            ),
            pytest.param([piece("re", "", index=0, id="1"), piece("ad", A, index=0)], id="the name in two pieces"),
            pytest.param(
                [piece("re", None, id="1"), piece("ad", None, id="1"), piece(None, A, id="1")], id="the name in two, by id"
            ),
            pytest.param([piece("read", "{}", index=0, id="1"), piece(None, A, index=0)], id="an empty object first"),
            pytest.param([piece("read", None, index="0", id=7), piece(None, A, index="0")], id="number as text, id as number"),
            pytest.param([{"index": 0, "id": "1", "name": "read", "arguments": A}], id="flat"),
        ],
    )
    def test_the_pieces_of_a_call_are_joined(self, pieces: list[Any]) -> None:
        assert calls(*pieces) == [("read", A)]

    @pytest.mark.parametrize(
        "pieces",
        [
            pytest.param(
                [
                    piece("read", "", index=0, id="1"),
                    piece("read", "", index=1, id="2"),
                    piece(None, '{"path": ', index=0),
                    piece(None, '{"path": ', index=1),
                    piece(None, '"a"}', index=0),
                    piece(None, '"b"}', index=1),
                ],
                id="as OpenAI",
            ),
            pytest.param([piece("read", A, index=0, id="1"), piece("read", B, index=0, id="2")], id="one number, other ids"),
            pytest.param([piece("read", A, index=0), piece("read", B, index=0)], id="one number, no ids"),
            pytest.param([piece("read", A), piece("read", B)], id="neither"),
            pytest.param([piece("read", {"path": "a"}), piece("read", {"path": "b"})], id="neither, objects"),
            pytest.param([piece("read", A, index=0, id="1"), piece("read", B, index=1, id="1")], id="one id, other numbers"),
            pytest.param([piece("read", A, index=0, id="1"), piece("read", B, index=0, id="1")], id="one id, one number"),
            pytest.param(
                [
                    piece("read", "", index=0, id="1"),
                    piece(None, A, index=0),
                    piece("read", "", index=0, id="2"),
                    piece(None, B, index=0),
                ],
                id="one number, in pieces",
            ),
        ],
    )
    def test_two_calls_are_kept_apart(self, pieces: list[Any]) -> None:
        assert calls(*pieces) == [("read", A), ("read", B)]

    def test_two_calls_without_arguments_are_kept_apart(self) -> None:
        assert calls(piece("read", "", index=0), piece("write", "", index=0)) == [("read", "{}"), ("write", "{}")]

    def test_a_name_that_is_a_prefix_of_another_is_not_joined_to_it(self) -> None:
        assert calls(piece("read", A, index=0, id="1"), piece("read_file", B, index=1, id="2")) == [("read", A), ("read_file", B)]
        assert calls(piece("read", "", index=0), piece("read_file", "", index=0), piece(None, B, index=0))[-1] == ("read_file", B)

    @pytest.mark.parametrize("arguments", [None, "", "  ", "null", "[]", "{}", {}, [], '"{}"', '"null"', '""'], ids=repr)
    def test_missing_arguments_are_an_empty_object(self, arguments: Any) -> None:
        assert calls(piece("read", arguments, index=0, id="1")) == [("read", "{}")]

    @pytest.mark.parametrize("arguments", ['{"path": "a', "path=a", "[1]", '"just text"'])
    def test_arguments_that_are_not_an_object_are_kept_unchanged(self, arguments: str) -> None:
        found = run(sse(delta(tool_calls=[piece("read", arguments, id="1")]), delta("tool_calls")))
        assert found.calls == [("read", arguments if arguments[0] != '"' else "just text")]

    def test_calls_in_a_complete_response_and_in_the_older_format_are_read(self) -> None:
        message = {"content": None, "tool_calls": [piece("read", A, id="1"), piece("write", {"path": "b"}, id="2")]}
        whole = {"choices": [{"message": message, "finish_reason": "stop"}]}
        assert [name for name, _ in run(json.dumps(whole)).calls] == ["read", "write"]
        older = run(sse(delta(function_call={"name": "read", "arguments": A}), delta("function_call")))
        assert older.calls == [("read", A)] and older.reason == "tool_calls"
        single = run(sse(delta(tool_calls=piece("read", A, id="1")), delta("stop")))
        assert single.calls == [("read", A)] and single.reason == "tool_calls"

    def test_calls_are_read_whatever_the_stop_reason(self) -> None:
        assert calls(piece("read", A, index=0, id="1"), reason=None) == [("read", A)]
        cut = run(sse(delta(tool_calls=[piece("read", A, id="1")]), delta("length")))
        assert cut.reason == "length" and cut.calls == [("read", A)]

    def test_equal_ids_of_different_calls_are_kept_apart(self) -> None:
        found = Calls(OFFERED)
        for one in (
            piece("read", A, index=0, id="same"),
            piece("read", B, index=1, id="same"),
            piece("read", A),
            piece("write", B),
        ):
            found.add(one)
        ids = [request.call_id for request in found.requests()]
        assert len(set(ids)) == 4 and all(ids) and ids[0] == "same"


class TestErrorsInAnswers:
    @pytest.mark.parametrize(
        "error",
        [
            {"error": {"message": "Bad key.", "code": 401}},
            {"error": {"message": "Bad key.", "type": "authentication_error"}},
            {"error": {"message": "Bad key.", "code": "invalid_api_key"}},
            {"type": "error", "error": {"type": "authentication_error", "message": "Bad key."}},
            {"object": "error", "message": "Bad key.", "code": 401},
            {"code": "401", "msg": "Bad key."},
            {"choices": [{"finish_reason": "error", "error": {"message": "Bad key.", "code": 401}}]},
            {
                "error": {
                    "message": "Provider returned error",
                    "code": 401,
                    "metadata": {"raw": '{"error": {"message": "Bad key."}}'},
                }
            },
            [{"error": {"message": "Bad key.", "code": 401, "status": "UNAUTHENTICATED"}}],
        ],
        ids=str,
    )
    @pytest.mark.parametrize("shape", ["stream", "event", "whole", "lines"])
    def test_an_error_object_keeps_its_message_and_code(self, error: Any, shape: str) -> None:
        text = json.dumps(error)
        if isinstance(error, list):
            error, shape = error[0], "whole"
        body = {"stream": f"data: {text}\n\n", "event": f"event: error\ndata: {text}\n\n", "whole": text, "lines": text + "\n"}[
            shape
        ]
        found = run(body)
        assert found.error is not None and found.error.reason == "unauthorized" and "Bad key." in found.error.message

    def test_an_error_that_is_only_text_is_kept(self) -> None:
        for body in ("data: upstream is down\n\n", "event: error\ndata: upstream is down\n\n", '{"detail": "upstream is down"}'):
            error = run(body).error
            assert error is not None and "upstream is down" in error.message, body

    def test_an_html_page_is_reported_in_one_short_line(self) -> None:
        page = (
            "<!DOCTYPE html><html><head><title>502  Bad\nGateway</title></head><body>"
            + "<p>very long</p>" * 500
            + "</body></html>"
        )
        error = run(page).error
        assert error is not None and "(502 Bad Gateway)" in error.message and "<" not in error.message
        assert len(error.message) < 200

    def test_invalid_json_is_an_error(self) -> None:
        for body in ('data: {"choices": [\n\n', '{"choices": [', 'data: {"a":' + "[" * 100_000 + "\n\n"):
            assert run(body).error is not None


ANTHROPIC: tuple[tuple[str, dict[str, Any]], ...] = (
    ("message_start", {"message": {"id": "m", "usage": {"input_tokens": 5}}}),
    ("content_block_start", {"index": 0, "content_block": {"type": "thinking", "thinking": "", "signature": ""}}),
    ("content_block_delta", {"index": 0, "delta": {"type": "thinking_delta", "thinking": "let me "}}),
    ("content_block_delta", {"index": 0, "delta": {"type": "thinking_delta", "thinking": "see"}}),
    ("content_block_delta", {"index": 0, "delta": {"type": "signature_delta", "signature": "c2ln"}}),
    ("content_block_stop", {"index": 0}),
    ("content_block_start", {"index": 1, "content_block": {"type": "redacted_thinking", "data": "b3BhcXVl"}}),
    ("content_block_start", {"index": 2, "content_block": {"type": "text", "text": "I "}}),
    ("content_block_delta", {"index": 2, "delta": {"type": "text_delta", "text": "look."}}),
    ("content_block_start", {"index": 3, "content_block": {"type": "tool_use", "id": "t1", "name": "read", "input": {}}}),
    ("content_block_delta", {"index": 3, "delta": {"type": "input_json_delta", "partial_json": ""}}),
    ("content_block_delta", {"index": 3, "delta": {"type": "input_json_delta", "partial_json": '{"path": '}}),
    ("content_block_delta", {"index": 3, "delta": {"type": "input_json_delta", "partial_json": '"a"}'}}),
    (
        "content_block_start",
        {"index": 4, "content_block": {"type": "tool_use", "id": "t2", "name": "read", "input": {"path": "b"}}},
    ),
    ("message_delta", {"delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 9}}),
    ("message_stop", {}),
)


def anthropic(*told: tuple[str, Any]) -> str:
    return "".join(f"event: {name}\ndata: {json.dumps({'type': name, **data})}\n\n" for name, data in told)


class TestAnthropic:
    def test_reasoning_text_and_calls_are_read(self) -> None:
        found = run(anthropic(*ANTHROPIC), "anthropic")
        assert (found.text, found.reasoning, found.reason) == ("I look.", "let me see", "tool_calls")
        assert [(name, json.loads(arguments)["path"]) for name, arguments in found.calls] == [("read", "a"), ("read", "b")]
        assert found.native == [
            {"type": "thinking", "thinking": "let me see", "signature": "c2ln"},
            {"type": "redacted_thinking", "data": "b3BhcXVl"},
        ]

    @pytest.mark.parametrize(
        ("said", "reason"),
        [
            ("end_turn", "stop"),
            ("stop_sequence", "stop"),
            ("max_tokens", "length"),
            ("model_context_window_exceeded", "length"),
            ("refusal", "refusal"),
            ("pause_turn", "unknown"),
            (None, "unknown"),
        ],
    )
    def test_stop_reasons_are_read(self, said: str | None, reason: str) -> None:
        end = ("message_delta", {"delta": {"stop_reason": said}})
        assert run(anthropic(*ANTHROPIC[7:9], end, ("message_stop", {})), "anthropic").reason == reason

    def test_a_complete_message_is_read(self) -> None:
        content = [{"type": "text", "text": "Hello"}, {"type": "tool_use", "id": "t", "name": "read", "input": {"path": "a"}}]
        found = run(json.dumps({"type": "message", "content": content, "stop_reason": "tool_use"}), "anthropic")
        assert (found.text, found.calls, found.reason) == ("Hello", [("read", A)], "tool_calls")

    def test_a_stream_without_message_stop_is_an_error(self) -> None:
        error = run(anthropic(*ANTHROPIC[:10]), "anthropic").error
        assert error is not None and error.reason == "cut"

    def test_an_error_in_the_stream_is_raised(self) -> None:
        told = ("error", {"error": {"type": "overloaded_error", "message": "Overloaded"}})
        error = run(anthropic(ANTHROPIC[0], told), "anthropic").error
        assert error is not None and error.reason == "provider" and "Overloaded" in error.message


def response(status: str, **more: Any) -> dict[str, Any]:
    return {"object": "response", "status": status, "error": None, "output": [], **more}


RESPONSES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("response.output_item.added", {"output_index": 0, "item": {"type": "reasoning"}}),
    ("response.reasoning_summary_text.delta", {"output_index": 0, "delta": "let me see"}),
    ("response.output_item.done", {"output_index": 0, "item": {"type": "reasoning", "id": "r", "encrypted_content": "eA=="}}),
    ("response.output_text.delta", {"output_index": 1, "delta": "I look."}),
    ("response.output_item.done", {"output_index": 1, "item": {"type": "message", "content": [{"text": "I look."}]}}),
    ("response.output_item.added", {"output_index": 2, "item": {"type": "function_call", "name": "read", "call_id": "c1"}}),
    ("response.function_call_arguments.delta", {"output_index": 2, "delta": '{"path": '}),
    ("response.function_call_arguments.delta", {"output_index": 2, "delta": '"a"}'}),
    ("response.output_item.done", {"output_index": 2, "item": {"type": "function_call", "arguments": A}}),
    ("response.output_item.added", {"output_index": 3, "item": {"type": "function_call", "name": "read", "call_id": "c2"}}),
    ("response.output_item.done", {"output_index": 3, "item": {"type": "function_call", "arguments": B}}),
)


class TestResponses:
    def test_reasoning_text_and_calls_are_read_once(self) -> None:
        found = run(anthropic(*RESPONSES, ("response.completed", {"response": response("completed")})), "responses")
        assert (found.text, found.reasoning, found.reason) == ("I look.", "let me see", "tool_calls")
        assert found.calls == [("read", A), ("read", B)]
        assert found.native == {"reasoning_items": [{"type": "reasoning", "encrypted_content": "eA=="}]}

    @pytest.mark.parametrize(
        ("why", "reason"), [("max_output_tokens", "length"), ("content_filter", "content_filter"), (None, "length")]
    )
    def test_reasons_for_incomplete_responses_are_read(self, why: str | None, reason: str) -> None:
        end = response("incomplete", incomplete_details={"reason": why})
        assert run(anthropic(RESPONSES[3], ("response.incomplete", {"response": end})), "responses").reason == reason

    def test_a_refusal_is_read(self) -> None:
        told = ("response.refusal.delta", {"output_index": 0, "delta": "I will not."})
        found = run(anthropic(told, ("response.completed", {"response": response("completed")})), "responses")
        assert (found.text, found.reason) == ("I will not.", "refusal")

    def test_a_complete_response_is_read(self) -> None:
        output = [{"type": "message", "content": [{"type": "output_text", "text": "Hello"}]}]
        found = run(json.dumps(response("completed", output=output)), "responses")
        assert (found.text, found.reason) == ("Hello", "stop")

    @pytest.mark.parametrize(
        "told",
        [
            ("response.failed", {"response": response("failed", error={"code": "server_error", "message": "It broke."})}),
            ("error", {"code": "server_error", "message": "It broke."}),
        ],
    )
    def test_an_error_is_raised(self, told: tuple[str, dict[str, Any]]) -> None:
        error = run(anthropic(*RESPONSES[:2], told), "responses").error
        assert error is not None and error.reason == "provider" and "It broke." in error.message

    def test_a_stream_without_response_completed_is_an_error(self) -> None:
        error = run(anthropic(*RESPONSES), "responses").error
        assert error is not None and error.reason == "cut"


# -- properties --------------------------------------------------------------------------------------------------------

texts = st.text(max_size=20)
NAMES = (
    *("choices", "delta", "message", "content", "tool_calls", "function", "name", "arguments", "index", "id", "finish_reason"),
    *("usage", "error", "type", "text", "reasoning", "reasoning_details", "thinking", "detail", "code", "stop_reason"),
    *("content_block", "partial_json", "done", "done_reason", "item", "output_index", "response", "output", "status"),
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(NAMES) | texts,
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
call_pieces = st.builds(
    piece,
    st.none() | st.sampled_from(["read", "re", "ad", "write", ""]),
    st.none() | st.sampled_from(["", "{", "}", A, '{"pa', 'th": "a"}', "null"]) | values,
    index=st.none() | st.integers(0, 2),
    id=st.none() | st.sampled_from(["1", "2", ""]),
)
chunks = st.one_of(
    st.builds(delta, content=texts),
    st.builds(delta, reasoning_content=texts),
    st.builds(delta, tool_calls=st.lists(call_pieces, max_size=2)),
    st.builds(delta, st.sampled_from(["stop", "length", "tool_calls", "", None])),
    values,
)


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    """Possible streams and any other input."""
    parts: list[str] = []
    newline = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    for chunk in draw(st.lists(chunks, max_size=6)):
        before = draw(st.sampled_from(["", ": comment\n\n", "id: 1\n", "event: message\n", "\n", "retry: 5\n\n"]))
        ascii_only = draw(st.booleans())
        parts.append(f"{before}data: {json.dumps(chunk, ensure_ascii=ascii_only)}\n\n")
    parts.append(draw(st.sampled_from(["", "data: [DONE]\n\n", "data: [DONE]", "data: ", "junk"])))
    return "".join(parts).replace("\n", newline).encode("utf-8", "replace")


def cut_at(body: bytes, places: Iterable[int]) -> list[bytes]:
    marks = sorted({0, len(body), *(place % (len(body) + 1) for place in places)})
    return [body[begin:end] for begin, end in pairwise(marks)]


def uri_key(found: Read) -> Any:
    error = found.error and (found.error.reason, found.error.message)
    return found.text, found.reasoning, list(found.calls), found.reason, found.native, error


@settings(max_examples=150, deadline=None)
@given(streams(), st.lists(st.integers(0, 5000), max_size=12), st.sampled_from(sorted(READERS)))
def test_the_split_into_chunks_makes_no_difference(body: bytes, places: list[int], kind: str) -> None:
    whole = asyncio.run(read([body], kind))
    assert uri_key(asyncio.run(read(cut_at(body, places), kind))) == uri_key(whole)


@settings(max_examples=150, deadline=None)
@given(
    st.binary(max_size=200) | streams() | values.map(lambda value: json.dumps(value).encode()), st.sampled_from(sorted(READERS))
)
def test_any_input_is_a_response_or_a_named_error(body: bytes, kind: str) -> None:
    found = asyncio.run(read([body], kind))
    assert (found.error is None) == bool(found.reason)
    for _, arguments in found.calls:
        assert arguments.strip()


# -- bounds ------------------------------------------------------------------------------------------------------------


async def endless(begin: bytes, piece: bytes, size: int) -> tuple[Read, int]:
    """The result of a stream of that many bytes, and the maximum memory while reading it."""
    tracemalloc.start()
    try:
        found = await read([begin, *[piece] * (size // len(piece))])
        return found, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("begin", "piece"),
    [
        pytest.param(b"data: {", b"x" * (1 << 16), id="a line without an end"),
        pytest.param(b": ", b"x" * (1 << 16), id="a comment without an end"),
        pytest.param(b"", b"data: " + b"x" * (1 << 16) + b"\n", id="an event without an end"),
        pytest.param(b"{", b" " * (1 << 16), id="a document without an end"),
    ],
)
async def test_endless_input_is_an_error(begin: bytes, piece: bytes) -> None:
    found, most = await endless(begin, piece, 24 << 20)
    assert found.error is not None and found.error.reason == "provider" and "MiB" in found.error.message
    assert most < 8 * LARGEST


@pytest.mark.parametrize(
    "piece",
    [
        pytest.param(b": comment\n\n" * 256, id="comments"),
        pytest.param(b"data:\n\n" * 256, id="events without data"),
        pytest.param(b'data: {"choices":[{"delta":{}}]}\n\n' * 64, id="chunks without content"),
        pytest.param(b" \n\r" * 256, id="blanks"),
    ],
)
async def test_empty_chunks_use_no_memory(piece: bytes) -> None:
    _, few = await endless(b"", piece, 1 << 16)
    _, many = await endless(b"", piece, 1 << 19)
    assert many < 2 * few + (1 << 17)
