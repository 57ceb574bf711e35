"""Parsing the responses of Anthropic's API and of OpenAI's Responses API."""

from __future__ import annotations

import json
from typing import Any

import httpx2  # noqa: F401 (in a program, a thread loads it before there is an answer)
import pytest

from model_answers import A, B, run

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
