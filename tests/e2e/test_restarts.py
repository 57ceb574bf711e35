"""The editor is closed or the machine restarted: the work continues where it stopped."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from lsprotocol import types as lsp

from model_server import Answer, Hold, ModelServer
from server_client import refused, stop, uri_of
from shared_server import OpenEditor, text_of


async def test_pause_during_a_reply_restart_the_editor_and_resume(open_editor: OpenEditor, model_server: ModelServer) -> None:
    client = await open_editor()
    session = await client.ask("session/create")
    await client.ask("session/open", sessionId=session["id"])
    model_server.script(Hold("The first half, ", then=Answer("never said")), Answer("the second half."))
    sending = asyncio.ensure_future(client.ask("session/message", sessionId=session["id"], text="Tell me"))
    await client.written("The first half, ")
    paused = await client.ask("session/pause", sessionId=session["id"])
    assert (paused["state"], paused["replying"]) == ("paused", False)
    assert (await sending)["reply"]["status"] == "paused"
    with refused(-32042, "sessionPaused"):
        await client.ask("session/message", sessionId=session["id"], text="And?")
    await stop(client)

    client = await open_editor()
    opened = await client.ask("session/open", sessionId=session["id"])
    assert text_of(opened["messages"][-1]) == "The first half, "
    resumed = await client.ask("session/resume", sessionId=session["id"])
    assert resumed["state"] == "active"
    await client.until(lambda: client.events_of("replyFinished"))
    reply = client.events_of("replyFinished")[0]["message"]
    assert (text_of(reply), reply["status"]) == ("The first half, the second half.", "complete")


async def test_closing_the_editor_during_a_reply_leaves_it_resumable(open_editor: OpenEditor, model_server: ModelServer) -> None:
    client = await open_editor()
    session = await client.ask("session/create")
    await client.ask("session/open", sessionId=session["id"])
    model_server.script(Hold("Half a ", then=Answer("never said")), Answer("word."))
    sending = asyncio.ensure_future(client.ask("session/message", sessionId=session["id"], text="Tell me"))
    await client.written("Half a ")
    await stop(client)
    assert (await sending)["reply"]["status"] == "interrupted"

    client = await open_editor()
    await client.ask("session/open", sessionId=session["id"])
    await client.ask("session/resume", sessionId=session["id"])
    await client.until(lambda: client.events_of("replyFinished"))
    assert text_of(client.events_of("replyFinished")[0]["message"]) == "Half a word."


async def test_a_database_that_cannot_be_opened_fails_every_request(open_editor: OpenEditor, tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    client = await open_editor(options={"databaseUrl": f"sqlite:///{tmp_path / 'taken'}"})
    for _ in range(2):
        with refused(-32048, "storeUnavailable") as refusal:
            await client.ask("session/list")
        assert str(tmp_path) not in f"{refusal.error.message} {refusal.data}"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
async def test_positions_mean_the_same_text_in_every_encoding(open_editor: OpenEditor, folder: Path, encoding: str) -> None:
    general = lsp.GeneralClientCapabilities(position_encodings=[encoding])
    client = await open_editor(
        capabilities=lsp.ClientCapabilities(general=general), options={"model": None}, env={"SESSIONLS_EMBEDDED": "false"}
    )
    uri = uri_of(folder / "a.txt")
    line = "é🦀[wanted]\u2028\x0crest"
    unit = {"utf-8": lambda text: len(text.encode()), "utf-16": lambda text: len(text.encode("utf-16-le")) // 2, "utf-32": len}[
        encoding
    ]
    at = lsp.Position(line=1, character=unit("é🦀["))
    client.open_document(uri, "first\r\né🦀[]\u2028\x0crest", language="text")
    client.change_document(uri, 2, lsp.TextDocumentContentChangePartial(range=lsp.Range(start=at, end=at), text="wanted"))
    session = await client.ask("session/create")
    context = {
        "kind": "selection",
        "uri": uri,
        "range": {
            "start": {"line": 1, "character": unit("é🦀[")},
            "end": {"line": 1, "character": unit("é🦀[wanted")},
        },
    }
    whole = {**context, "range": {"start": {"line": 1, "character": 0}, "end": {"line": 9, "character": 0}}}
    with refused(-32046, "modelUnavailable"):  # there is none, but the message is kept
        await client.ask("session/message", sessionId=session["id"], text="What?", context=[context, whole])
    history = await client.ask("session/history", sessionId=session["id"])
    assert [context["text"] for context in history["messages"][0]["context"]] == ["wanted", line]
