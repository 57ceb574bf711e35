"""Calling a model outside any session, with a real server process: text is streamed, and nothing is stored."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from model_server import Answer, Cut, Fault, Hold, ModelServer, Refuse, Scripted, ToolUse
from server_client import refused, start_server, stop
from shared_server import SharedServer, environment, key_for, make_workspace

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def module_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SharedServer]:
    home = tmp_path_factory.mktemp("server")
    folder = make_workspace(home)
    models = ModelServer()
    models.start()
    client = await start_server(
        events=True, folders=[folder], options={"model": "openai/test"}, env=environment(home) | key_for(models)
    )
    yield SharedServer(client, models, folder)
    await stop(client)
    models.stop()


@pytest.fixture
def shared_server(module_server: SharedServer) -> SharedServer:
    module_server.client.received.clear()
    module_server.models.requests.clear()
    return module_server


def told(text: str) -> list[dict[str, Any]]:
    return [{"role": "participant", "text": text}]


def pieces(shared_server: SharedServer, token: str) -> list[str]:
    return [value["text"] for value in shared_server.client.progress_of(token)]


async def test_the_deltas_join_to_the_text_of_the_response(shared_server: SharedServer) -> None:
    words = [f"🦀{at} " for at in range(200)]
    shared_server.models.script(Answer(chunks=words))
    reply = await shared_server.client.ask("model/reply", messages=told("hi"), partialResultToken="p")
    assert reply["text"] == "".join(words) == "".join(pieces(shared_server, "p"))
    assert reply["model"] == "openai/test"
    assert reply["usage"]["outputTokens"] > 0
    assert 1 < len(pieces(shared_server, "p")) <= 200


async def test_without_a_token_only_the_response_has_the_text(shared_server: SharedServer) -> None:
    shared_server.models.script(Answer("all of it"))
    reply = await shared_server.client.ask("model/reply", messages=told("hi"))
    assert reply["text"] == "all of it"
    assert shared_server.client.all_of("$/progress") == []


async def test_the_model_gets_exactly_the_given_messages(shared_server: SharedServer) -> None:
    shared_server.models.script(Answer("third"))
    await shared_server.client.ask(
        "model/reply",
        model="openai/other",
        instructions="Count.",
        messages=[
            {"role": "participant", "text": "one"},
            {"role": "agent", "text": "two"},
            {"role": "participant", "text": "go on"},
        ],
    )
    (asked,) = shared_server.models.requests
    assert asked.body["model"] == "other"
    assert asked.messages == [
        {"role": "system", "content": "Count."},
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "two"},
        {"role": "user", "content": "go on"},
    ]
    assert asked.tools == []
    assert "tool_choice" not in asked.body


TOOL = {"name": "weather", "description": "Tells the weather.", "schema": {"type": "object", "properties": {"city": {}}}}


async def test_a_model_calls_a_tool_and_gets_its_result(shared_server: SharedServer) -> None:
    shared_server.models.script(Answer("I look. ", tools=[ToolUse("weather", {"city": "Paris"}, "c1")]), Answer("It rains."))
    first = await shared_server.client.ask("model/reply", messages=told("Paris?"), tools=[TOOL], partialResultToken="t")
    assert first["text"] == "".join(pieces(shared_server, "t")) == "I look. "
    assert first["calls"] == [{"callId": "c1", "name": "weather", "arguments": {"city": "Paris"}}]

    called = {"role": "agent", "text": first["text"], "calls": [{**first["calls"][0], "result": "rain"}]}
    second = await shared_server.client.ask("model/reply", messages=[*told("Paris?"), called], tools=[TOOL], mustCall=True)
    assert second["text"] == "It rains." and "calls" not in second
    one, two = shared_server.models.requests
    assert one.body["tools"][0]["function"]["parameters"] == TOOL["schema"] and "tool_choice" not in one.body
    assert two.body["tool_choice"] == "required"
    asked_for, result = two.messages[-2:]
    assert asked_for["tool_calls"][0]["function"] == {"name": "weather", "arguments": '{"city": "Paris"}'}
    assert (result["role"], result["tool_call_id"], result["content"]) == ("tool", "c1", "rain")


async def test_the_id_of_a_call_may_contain_data_for_the_provider(shared_server: SharedServer) -> None:
    call_id = "call_1__thought__" + "c2lnbmVk" * 500  # as litellm passes on the signatures of Gemini's reasoning
    shared_server.models.script(Answer(tools=[ToolUse("weather", {}, call_id)]), Answer("It rains."))
    first = await shared_server.client.ask("model/reply", messages=told("Paris?"), tools=[TOOL])
    assert first["calls"][0]["callId"] == call_id
    called = {"role": "agent", "calls": [{**first["calls"][0], "result": "rain"}]}
    second = await shared_server.client.ask("model/reply", messages=[*told("Paris?"), called], tools=[TOOL])
    assert second["text"] == "It rains."


@pytest.mark.parametrize(
    "arguments", ["{not json", "[1]", '"x"', '{"half": "\\ud83e"}', '{"a":' * 300 + "1" + "}" * 300], ids=lambda text: text[:20]
)
async def test_an_invalid_call_is_an_error(shared_server: SharedServer, arguments: str) -> None:
    shared_server.models.script(Answer(tools=[ToolUse("weather", arguments, "c1")]))
    with refused(-32046, "modelUnavailable"):
        await shared_server.client.ask("model/reply", messages=told("Paris?"), tools=[TOOL])


async def test_consecutive_messages_of_the_same_role_are_joined(shared_server: SharedServer) -> None:
    shared_server.models.script(Answer("ok"))
    await shared_server.client.ask("model/reply", messages=[*told("context"), *told("question")])
    assert shared_server.models.requests[0].messages == [{"role": "user", "content": "context\n\nquestion"}]


async def test_reasoning_is_not_part_of_the_text(shared_server: SharedServer) -> None:
    shared_server.models.script(Answer("said", reasoning="thought"))
    reply = await shared_server.client.ask("model/reply", messages=told("hi"), partialResultToken="r")
    assert reply["text"] == "".join(pieces(shared_server, "r")) == "said"


async def test_cancelling_closes_the_connection_to_the_model(shared_server: SharedServer) -> None:
    hold = Hold("begun ")
    shared_server.models.script(hold)
    asking = asyncio.create_task(
        shared_server.client.ask("model/reply", msg_id="asked", messages=told("hi"), partialResultToken="c")
    )
    await shared_server.client.until(lambda: pieces(shared_server, "c"))
    shared_server.client.cancel("asked")
    with refused(-32800, "cancelled"):
        await asking
    await shared_server.models.requests[0].closed.wait()
    assert pieces(shared_server, "c") == ["begun "]


async def test_two_simultaneous_requests_get_separate_responses(shared_server: SharedServer) -> None:
    first, second = Hold("a", then=Answer("b")), Answer("c")
    shared_server.models.script(first)
    waiting = asyncio.create_task(shared_server.client.ask("model/reply", messages=told("1"), partialResultToken="one"))
    await first.reached.wait()
    shared_server.models.script(second)
    reply = await shared_server.client.ask("model/reply", messages=told("2"), partialResultToken="two")
    first.go.set()
    assert (reply["text"], (await waiting)["text"]) == ("c", "ab")
    assert ("".join(pieces(shared_server, "one")), "".join(pieces(shared_server, "two"))) == ("ab", "c")


async def test_an_unknown_model_is_an_error(shared_server: SharedServer) -> None:
    with refused(-32046, "modelUnavailable") as refusal:
        await shared_server.client.ask("model/reply", model="nobody/nothing", messages=told("hi"))
    assert refusal.data["reason"] == "unknownModel"
    assert shared_server.models.requests == []


async def test_a_refusal_of_the_provider_is_an_error(shared_server: SharedServer) -> None:
    shared_server.models.script(Refuse.of("unauthorized"))
    with refused(-32046, "modelUnavailable") as refusal:
        await shared_server.client.ask("model/reply", messages=told("hi"))
    assert refusal.data["reason"] == "unauthorized"


@pytest.mark.parametrize(
    "answer", [Refuse.of("overflow"), Refuse(418), Cut("half"), Fault("half")], ids=lambda answer: str(answer)[:20]
)
async def test_hints_of_errors_do_not_mention_a_session(shared_server: SharedServer, answer: Scripted) -> None:
    shared_server.models.script(answer)
    with refused(-32046, "modelUnavailable") as refusal:
        await shared_server.client.ask("model/reply", messages=told("hi"))
    assert not re.search("resume|reply|session|agent", refusal.data["hint"], re.IGNORECASE)


async def test_an_interrupted_stream_is_an_error(shared_server: SharedServer) -> None:
    shared_server.models.script(Cut("half"))
    with refused(-32046, "modelUnavailable") as refusal:
        await shared_server.client.ask("model/reply", messages=told("hi"), partialResultToken="h")
    assert refusal.data["reason"] == "cut"


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "assistant", "text": "x"}]}, "messages.0.role"),
        ({"messages": [{"role": "participant", "text": ""}]}, "messages.0.text"),
        ({"messages": [{"role": "participant", "text": "x"}], "model": ""}, "model"),
        ({"messages": [{"role": "participant", "text": "x"}, {"role": "agent", "text": "y"}]}, "messages"),
        (
            {"messages": [{"role": "participant", "calls": [{"callId": "c", "name": "n", "arguments": {}, "result": ""}]}]},
            "messages.0.calls",
        ),
        ({"messages": [{"role": "participant", "text": "x"}], "tools": [{"name": ""}]}, "tools.0.name"),
    ],
)
async def test_invalid_params_are_errors(shared_server: SharedServer, params: dict[str, Any], field: str) -> None:
    with refused(-32602, "invalidParams") as refusal:
        await shared_server.client.ask("model/reply", **params)
    assert refusal.data["fields"] == [field]
    assert shared_server.models.requests == []


async def test_nothing_is_stored_and_only_the_caller_gets_the_response(shared_server: SharedServer) -> None:
    await shared_server.client.ask("session/list")  # opens the database
    before = database(shared_server.folder.parent)
    shared_server.models.script(Answer("never kept"))
    await shared_server.client.ask("model/reply", messages=told("never written down"), partialResultToken="n")
    assert database(shared_server.folder.parent) == before
    methods = {method for method, _ in shared_server.client.received}
    assert methods == {"$/progress"}
    assert (await shared_server.client.ask("session/list", workspaceFolder="*"))["sessions"] == []


async def test_it_is_also_a_command(shared_server: SharedServer) -> None:
    shared_server.models.script(Answer("by command"))
    reply = await shared_server.client.command("sessionls.modelReply", {"messages": told("hi")})
    assert reply["text"] == "by command"


def database(home: Path) -> dict[str, int]:
    """The number of rows of each table, except for an index without countable rows."""
    (path,) = (home / "data").glob("*.db")
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
        tables = [
            name
            for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'title_pieces'")
        ]
        return {name: connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in tables}
