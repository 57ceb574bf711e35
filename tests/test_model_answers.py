"""Parsing the responses of model servers that speak OpenAI's formats: text, reasoning, stop reasons and errors."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx2  # noqa: F401 (in a program, a thread loads it before there is an answer)
import pytest

from model_answers import Read, delta, read, run, sse

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
