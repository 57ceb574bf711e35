"""The main job, over a real server process: select code, send a message, watch the reply, and continue."""

from __future__ import annotations

import asyncio

import pytest
from lsprotocol import types as lsp

from model_server import Answer, Hold, Refuse
from server_client import refused, uri_of
from shared_server import SharedServer, lines, text_of

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_selection_from_an_unsaved_buffer_reaches_the_model_and_its_reply_streams_back(
    shared_server: SharedServer,
) -> None:
    path = shared_server.folder / "read.py"
    path.write_text("saved = 1\n", encoding="utf-8")
    client = shared_server.client
    client.open_document(uri_of(path), "saved = 1\nwanted = '🦀'\nlast = 3\n")
    client.change_document(
        uri_of(path),
        2,
        lsp.TextDocumentContentChangePartial(
            range=lsp.Range(start=lsp.Position(line=1, character=10), end=lsp.Position(line=1, character=12)), text="unsaved 🦊"
        ),
    )
    shared_server.models.script(Answer(chunks=["It ", "is ", "a 🦊."]))
    session = await client.ask("session/create")
    opened = await client.ask("session/open", sessionId=session["id"])
    assert (opened["session"]["id"], opened["messages"]) == (session["id"], [])
    exchange = await client.ask(
        "session/message",
        sessionId=session["id"],
        text="What is this?",
        context=[{"kind": "selection", "uri": uri_of(path), "range": lines(1, 2)}],
    )

    asked = shared_server.models.requests[0]
    assert "What is this?" in asked.text and "wanted = 'unsaved 🦊'" in asked.text and "read.py" in asked.text
    assert "last = 3" not in asked.text
    context = exchange["message"]["context"][0]
    assert (context["text"], context["version"], context["dirty"]) == ("wanted = 'unsaved 🦊'\n", 2, True)
    assert "None" not in str(exchange) and "null" not in str(exchange)

    reply = exchange["reply"]
    assert (text_of(reply), reply["status"], reply["replyTo"]) == ("It is a 🦊.", "complete", exchange["message"]["id"])
    assert exchange["message"]["author"]["name"] == "Ada"
    await client.until(lambda: client.events_of("replyFinished"))
    assert client.text_of(reply["id"]) == "It is a 🦊."
    numbers = [event["seq"] for event in client.events_of()]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


async def test_another_agent_answers_only_one_message(shared_server: SharedServer) -> None:
    client = shared_server.client
    session = await client.ask("session/create")
    one = await client.ask("session/message", sessionId=session["id"], text="say: one", agent="terse")
    two = await client.ask("session/message", sessionId=session["id"], text="say: two")
    first, second = shared_server.models.requests
    assert (first.body["model"], first.body["temperature"], first.tools) == ("small", 0.1, ["read_file"])
    assert "You are terse." in first.system
    assert (second.body["model"], second.body.get("temperature")) == ("test", None)
    assert "You are terse." not in second.system and len(second.tools) > 1
    assert [exchange["reply"]["author"]["agent"] for exchange in (one, two)] == ["terse", "code"]
    assert one["reply"]["author"]["definition"] != two["reply"]["author"]["definition"]
    assert (await client.ask("session/get", sessionId=session["id"]))["agent"] == "code"


async def test_cancelling_the_request_cancels_the_reply_and_keeps_its_text(shared_server: SharedServer) -> None:
    client = shared_server.client
    session = await client.ask("session/create")
    await client.ask("session/open", sessionId=session["id"])
    shared_server.models.script(Hold("So far ", then=Answer("never said")))
    sending = asyncio.ensure_future(client.ask("session/message", msg_id="mine", sessionId=session["id"], text="Tell me"))
    await client.written("So far ")
    client.cancel("mine")
    client.cancel("mine")  # repeating it changes nothing
    client.cancel("no such request")
    with refused(-32800, "cancelled"):
        await sending
    await client.until(lambda: client.events_of("replyFinished"))
    reply = client.events_of("replyFinished")[0]["message"]
    assert (reply["status"], text_of(reply)) == ("cancelled", "So far ")
    await shared_server.models.requests[0].closed.wait()
    again = await client.ask("session/message", sessionId=session["id"], text="say: Fine.")
    assert text_of(again["reply"]) == "Fine."


async def test_a_fork_continues_independently(shared_server: SharedServer) -> None:
    client = shared_server.client
    session = await client.ask("session/create", title="Parent")
    first = await client.ask("session/message", sessionId=session["id"], text="say: one")
    await client.ask("session/message", sessionId=session["id"], text="say: two")
    fork = await client.ask("session/fork", sessionId=session["id"], at=first["reply"]["id"], title="Child")
    assert fork["parent"]["sessionId"] == session["id"] and fork["parent"]["messageId"] == first["reply"]["id"]
    await client.ask("session/message", sessionId=fork["id"], text="say: other")
    await client.ask("session/delete", sessionId=session["id"])
    history = await client.ask("session/history", sessionId=fork["id"])
    assert [text_of(m) for m in history["messages"] if m["role"] == "agent"] == ["one", "other"]
    with refused(-32041, "sessionNotFound"):
        await client.ask("session/get", sessionId=session["id"])


async def test_open_returns_missed_events(shared_server: SharedServer) -> None:
    client = shared_server.client
    session = await client.ask("session/create")
    first = await client.ask("session/open", sessionId=session["id"])
    await client.ask("session/close", sessionId=session["id"])
    await client.ask("session/message", sessionId=session["id"], text="say: missed")
    assert not client.all_of("session/delta")
    again = await client.ask("session/open", sessionId=session["id"], after=first["seq"])
    assert [event["seq"] for event in again["events"]] == list(range(first["seq"] + 1, again["seq"] + 1))
    assert {"messageSent", "replyStarted", "replyFinished"} <= {event["kind"] for event in again["events"]}


async def test_sessions_are_found_in_lists_and_search(shared_server: SharedServer) -> None:
    client = shared_server.client
    kept = await client.ask("session/create", title="About parsers")
    await client.ask("session/message", sessionId=kept["id"], text="say: The tokenizer swallows a newline.")
    other = await client.ask("session/create", title="Something else")
    listed = await client.ask("session/list")
    assert [session["id"] for session in listed["sessions"]][:2] == [other["id"], kept["id"]]
    page = await client.ask("session/list", limit=1)
    rest = await client.ask("session/list", limit=1, cursor=page["nextCursor"])
    assert [page["sessions"][0]["id"], rest["sessions"][0]["id"]] == [other["id"], kept["id"]]
    hits = (await client.ask("session/search", query="tokenizer"))["hits"]
    assert {hit["session"]["id"] for hit in hits} == {kept["id"]}
    await client.ask("session/rename", sessionId=other["id"], title="Elsewhere")
    await client.ask("session/archive", sessionId=other["id"])
    assert (await client.ask("session/list"))["sessions"][0]["id"] == kept["id"]
    archived = (await client.ask("session/list", state="archived"))["sessions"]
    assert [session["title"] for session in archived] == ["Elsewhere"]
    await client.ask("session/unarchive", sessionId=other["id"])
    for form, mark in (("markdown", "# About parsers"), ("json", '"About parsers"'), ("html", "<html")):
        content = (await client.ask("session/export", sessionId=kept["id"], format=form))["content"]
        assert mark in content and "tokenizer" in content
    for budget in (2.5, 3, None):
        changed = await client.ask("session/setBudget", sessionId=kept["id"], budget=budget)
        assert changed.get("budget") == budget
    for wrong in ({"budget": -1}, {"budget": "5"}, {"budget": True}, {"budget": 1e300}, {}):
        with refused(-32602, "invalidParams"):
            await client.ask("session/setBudget", sessionId=kept["id"], **wrong)
    switched = await client.ask("session/switchAgent", sessionId=kept["id"], agent="terse")
    assert switched["agent"] == "terse"


async def test_agents_and_models_are_listed(shared_server: SharedServer) -> None:
    client = shared_server.client
    found = await client.ask("agent/list")
    agents = {agent["name"]: agent for agent in found["agents"]}
    assert found["default"] == "code"
    assert {"code", "review", "security", "explain", "test", "research", "terse"} <= set(agents)
    assert agents["terse"]["codeAction"] and agents["terse"]["trusted"]
    assert not agents["broken"]["available"] and agents["broken"]["problem"]
    models = (await client.ask("model/list"))["models"]
    assert any(model["available"] and model["provider"] == "openai" for model in models)


async def test_a_changed_definition_is_announced(shared_server: SharedServer) -> None:
    client = shared_server.client
    await client.ask("agent/list")
    path = shared_server.folder / ".sessionls" / "agents" / "fresh.md"
    path.write_text("---\nname: fresh\ndescription: new\n---\nYou are fresh.\n", encoding="utf-8")
    await client.until(lambda: client.all_of("agent/changed"))
    assert "fresh" in {agent["name"] for agent in (await client.ask("agent/list"))["agents"]}


async def test_a_model_that_refuses_fails_the_reply_and_resume_tries_again(shared_server: SharedServer) -> None:
    client = shared_server.client
    session = await client.ask("session/create")
    await client.ask("session/open", sessionId=session["id"])
    shared_server.models.script(Refuse.of("unauthorized"))
    with refused(-32046, "modelUnavailable") as refusal:
        await client.ask("session/message", sessionId=session["id"], text="Hello")
    assert "sk-test" not in f"{refusal.error.message} {refusal.data}"
    history = await client.ask("session/history", sessionId=session["id"])
    assert [message["id"] for message in history["messages"]] == [refusal.data["messageId"], refusal.data["replyId"]]
    assert history["messages"][1]["status"] == "failed"
    shared_server.models.script(Answer("Now it works."))
    await client.ask("session/resume", sessionId=session["id"])
    await client.until(lambda: len(client.events_of("replyFinished")) == 2)
    assert text_of(client.events_of("replyFinished")[1]["message"]) == "Now it works."


async def test_every_other_error_has_its_code(shared_server: SharedServer) -> None:
    client = shared_server.client
    session = await client.ask("session/create")
    nobody = "0192a1b2-0000-7000-8000-000000000001"
    for method, params in (
        ("open", {}),
        ("history", {}),
        ("message", {"text": "x"}),
        ("fork", {}),
        ("delete", {}),
        ("close", {}),
    ):
        with refused(-32041, "sessionNotFound"):
            await client.ask(f"session/{method}", sessionId=nobody, **params)
    with refused(-32044, "agentNotFound") as refusal:
        await client.ask("session/message", sessionId=session["id"], text="x", agent="nobody")
    assert "code" in refusal.data["agents"]
    with refused(-32045, "agentUnavailable"):
        await client.ask("session/create", agent="broken")
    with refused(-32047, "messageNotFound"):
        await client.ask("session/history", sessionId=session["id"], before=nobody)
    with refused(-32602, "invalidParams"):
        await client.ask("session/list", cursor="not ours")
    await client.ask("session/archive", sessionId=session["id"])
    with refused(-32043, "sessionArchived"):
        await client.ask("session/message", sessionId=session["id"], text="x")


async def test_a_file_outside_the_workspace_is_not_sent(shared_server: SharedServer) -> None:
    secret = shared_server.folder.parent / "secret.txt"
    secret.write_text("the secret", encoding="utf-8")
    client = shared_server.client
    session = await client.ask("session/create")
    with refused(-32049, "notPermitted"):
        await client.ask("session/message", sessionId=session["id"], text="x", context=[{"kind": "file", "uri": uri_of(secret)}])
