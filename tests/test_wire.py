"""The table of methods, and their params."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from sessionls.domain.errors import InternalError, SessionlsError
from sessionls.json_text import parse
from sessionls.server.handlers import HANDLERS
from sessionls.server.schema import params as p
from sessionls.server.schema.methods import COMMANDS, ERRORS, METHODS, NOTIFICATIONS, REQUESTS
from sessionls.server.transport.errors import params_error


def test_exactly_the_requests_of_the_table_are_answered() -> None:
    assert set(HANDLERS) == set(REQUESTS)


def test_method_names_are_unique_and_camel_case() -> None:
    names = [method.name for method in METHODS]
    assert len(set(names)) == len(names)
    for name in names:
        noun, verb = name.split("/")
        assert noun in {"session", "skill", "agent", "model", "finding", "change", "document", "context", "permission", "prompt"}
        assert verb.isalpha() and verb[0].islower()


def test_every_error_of_the_core_is_in_the_table() -> None:
    assert set(ERRORS) == set(SessionlsError.__subclasses__()) - {InternalError}  # this one belongs to JSON-RPC
    assert len({error.code for error in ERRORS}) == len(ERRORS)


def test_each_request_is_also_a_command() -> None:
    assert len(COMMANDS) == len(REQUESTS)
    assert COMMANDS["sessionls.create"].name == "session/create"
    assert COMMANDS["sessionls.agents"].name == "agent/list"
    assert COMMANDS["sessionls.models"].name == "model/list"


def test_the_server_sends_events_deltas_and_changes() -> None:
    assert list(NOTIFICATIONS) == ["session/event", "session/delta", "session/changed", "agent/changed"]


ID = "0192a1b2-0000-7000-8000-000000000001"


@pytest.mark.parametrize(
    ("model", "given", "fields"),
    [
        (p.ListParams, {"limit": 0}, ["limit"]),
        (p.ListParams, {"limit": 501}, ["limit"]),
        (p.ListParams, {"limit": "10"}, ["limit"]),
        (p.ListParams, {"limit": True}, ["limit"]),
        (p.ListParams, {"state": "open"}, ["state"]),
        (p.SessionParams, {}, ["sessionId"]),
        (p.SessionParams, {"sessionId": ""}, ["sessionId"]),
        (p.SessionParams, {"sessionId": 7}, ["sessionId"]),
        (p.OpenParams, {"sessionId": ID, "after": -1}, ["after"]),
        (p.MessageParams, {"sessionId": ID, "text": ""}, ["text"]),
        (p.MessageParams, {"sessionId": ID, "text": "x" * (p.MAX_TEXT + 1)}, ["text"]),
        (p.MessageParams, {"sessionId": ID, "text": "x", "delivery": "later"}, ["delivery"]),
        (p.MessageParams, {"sessionId": ID, "text": "x", "context": [{"kind": "nonsense"}]}, ["context.0"]),
        (
            p.MessageParams,
            {"sessionId": ID, "text": "x", "context": [{"kind": "selection", "uri": "file:///a"}]},
            ["context.0.range"],
        ),
        (
            p.MessageParams,
            {
                "sessionId": ID,
                "text": "x",
                "context": [
                    {
                        "kind": "selection",
                        "uri": "file:///a",
                        "range": {"start": {"line": -1, "character": 0}, "end": {"line": 0, "character": 0}},
                    }
                ],
            },
            ["context.0.range.start.line"],
        ),
        (p.RenameParams, {"sessionId": ID}, ["title"]),
        (p.SearchParams, {"query": ""}, ["query"]),
        (p.ExportParams, {"sessionId": ID, "format": "pdf"}, ["format"]),
        (p.ListParams, [1, 2], ["params"]),
        (p.ListParams, "limit", ["params"]),
    ],
)
def test_invalid_params_are_named_as_on_the_wire(model: Any, given: Any, fields: list[str]) -> None:
    with pytest.raises(ValidationError) as caught:
        model.model_validate(given)
    refused = params_error(caught.value, "session/x", given)
    assert refused.data["fields"] == fields
    assert "session/x" in refused.message and fields[0] in refused.message


def test_an_unknown_field_is_ignored() -> None:
    assert p.SessionParams.model_validate({"sessionId": ID, "later": {"jsonrpc": "2.0"}}).session_id == ID


def test_an_error_names_at_most_a_handful_of_fields() -> None:
    given = {"sessionId": ID, "text": "x", "context": [{"kind": "file"}] * 200}
    with pytest.raises(ValidationError) as caught:
        p.MessageParams.model_validate(given)
    assert len(params_error(caught.value, "session/message", given).message) < 2000


def test_a_lone_surrogate_is_read_as_the_replacement_character() -> None:
    assert parse(rb'{"a": "x\ud83dy", "b": ["\ud83d\ude00"]}') == {"a": "x\N{REPLACEMENT CHARACTER}y", "b": ["\U0001f600"]}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b'{"a": NaN}',
        b"[" * 100_000,
        b'{"a":' * 100_000 + b'"\\ud83d"' + b"}" * 100_000,
        b'{"a": NaN, "b": "\\ud83d"}',
        b"9" * 10_000,
    ],
    ids=["empty", "cut", "not UTF-8", "not a number", "deep", "deep with half a pair", "NaN with half a pair", "huge number"],
)
def test_invalid_json_is_a_value_error(body: bytes) -> None:
    with pytest.raises(ValueError):
        parse(body)
