"""Parsing the tool calls in responses of model servers: their pieces are joined, and different calls are kept apart."""

from __future__ import annotations

import json
from typing import Any

import httpx2  # noqa: F401 (in a program, a thread loads it before there is an answer)
import pytest

from model_answers import OFFERED, A, B, calls, delta, piece, run, sse
from sessionls.models.calls import Calls


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
