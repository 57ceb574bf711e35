"""Sessions in an editor with no plugin: commands, code actions, documents, progress."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from lsprotocol import types as lsp

from model_server import Answer, Hold, ModelServer, ToolUse
from server_client import SessionClient, refused, uri_of
from shared_server import PATIENCE, OpenEditor, lines, text_of


async def test_progress_and_partial_results_for_clients_that_ask_for_them(
    open_editor: OpenEditor, model_server: ModelServer, folder: Path
) -> None:
    (folder / "a.txt").write_text("hello", encoding="utf-8")
    client = await open_editor(events=False)
    session = await client.ask("session/create")
    model_server.script(
        Answer(chunks=["Let me ", "look."], tools=[ToolUse("read_file", {"path": "a.txt"})]),
        Answer(chunks=["It says ", "hello."]),
    )
    exchange = await client.ask(
        "session/message", sessionId=session["id"], text="Read a.txt", workDoneToken="work", partialResultToken="part"
    )
    work = client.progress_of("work")
    assert work[0]["kind"] == "begin" and work[-1]["kind"] == "end"
    assert (work[0]["title"], work[0]["cancellable"]) == ("code", True)
    assert "read_file" in [value.get("message") for value in work]
    assert "".join(value["text"] for value in client.progress_of("part")) == text_of(exchange["reply"])
    assert text_of(exchange["reply"]) == "Let me look.\n\nIt says hello."
    assert not client.all_of("session/event") and not client.all_of("session/delta") and not client.all_of("session/changed")


async def test_cancelling_in_the_editors_progress_cancels_the_reply(open_editor: OpenEditor, model_server: ModelServer) -> None:
    client = await open_editor(
        events=False, capabilities=lsp.ClientCapabilities(window=lsp.WindowClientCapabilities(work_done_progress=True))
    )
    session = await client.ask("session/create")
    hold = Hold("So far ")
    model_server.script(hold)
    sending = asyncio.ensure_future(client.ask("session/message", sessionId=session["id"], text="Tell me"))
    await hold.reached.wait(PATIENCE)
    await client.until(lambda: client.all_of("$/progress"))  # the server began it: the client gave no token
    token = client.all_of("$/progress")[0]["token"]
    client.window_work_done_progress_cancel(lsp.WorkDoneProgressCancelParams(token=token))
    with refused(-32800, "cancelled"):
        await sending
    assert client.progress_of(token)[-1]["kind"] == "end"


async def test_every_method_is_a_command_with_the_same_params_result_and_errors(open_editor: OpenEditor) -> None:
    client = await open_editor(events=False)
    session = await client.command("sessionls.create", {"title": "By command"})
    same = await client.ask("session/get", sessionId=session["id"])
    assert await client.command("sessionls.get", {"sessionId": session["id"]}) == same
    assert (await client.command("sessionls.agents"))["default"] == "code"
    with refused(-32602, "invalidParams") as refusal:
        await client.command("sessionls.list", {"limit": 0})
    assert refusal.data["fields"] == ["limit"]
    with refused(-32602, "invalidParams"):
        await client.command("sessionls.list", 1, 2)
    with refused(-32602, "invalidParams"):
        await client.command("sessionls.nothing")
    with refused(-32041, "sessionNotFound"):
        await client.command("sessionls.get", {"sessionId": "nobody"})


async def test_a_selection_offers_the_agents_with_editor_actions(open_editor: OpenEditor, folder: Path) -> None:
    client = await open_editor(events=False)
    uri = uri_of(folder / "a.py")

    async def titles(last: int, **context: Any) -> list[str]:
        params = {"textDocument": {"uri": uri}, "range": lines(0, last), "context": {"diagnostics": [], **context}}
        return [action["title"] for action in await client.raw("textDocument/codeAction", params)]

    offered = await titles(1)
    assert {"Ask review about this", "Ask security about this", "Ask terse about this"} <= set(offered)
    assert {"Ask…", "Ask code about this", "Ask research about this"} <= set(offered)
    assert "Ask broken about this" not in offered
    assert await titles(0) == ["Review this file", "Ask about this file…"]  # no selection
    assert await titles(0, triggerKind=2) == []  # at each move of the cursor
    assert await titles(1, only=["source.organizeImports"]) == []
    assert await titles(1, only=["sessionls"]) == offered


async def test_asking_about_a_selection_shows_the_session_with_the_growing_reply(
    open_editor: OpenEditor, model_server: ModelServer, folder: Path
) -> None:
    client = await open_editor(
        events=False,
        capabilities=lsp.ClientCapabilities(
            window=lsp.WindowClientCapabilities(show_document=lsp.ShowDocumentClientCapabilities(support=True)),
            workspace=lsp.WorkspaceClientCapabilities(text_document_content=lsp.TextDocumentContentClientCapabilities()),
        ),
    )
    uri = uri_of(folder / "a.py")
    client.open_document(uri, "x = 1\ny = 2\n")
    hold = Hold("It sets ", then=Answer("x."))
    model_server.script(hold)
    session = await client.command("sessionls.askAbout", {"agent": "terse", "uri": uri, "range": lines(0, 1)})
    assert (session["agent"], session["workspaceFolders"]) == ("terse", [uri_of(folder)])  # answered at once
    await client.until(lambda: client.shown)
    document = client.shown[0].uri
    assert document == f"sessionls:/{session['id']}.md"

    async def content() -> str:
        answer = await client.workspace_text_document_content_async(lsp.TextDocumentContentParams(uri=document))
        return answer.text

    text = ""
    while "It sets x." not in text:
        seen = len(client.refreshed)
        text = await content()
        if "It sets" in text:
            hold.go.set()
        if "It sets x." not in text:
            await client.until(lambda seen=seen: len(client.refreshed) > seen)  # type: ignore[misc]
    assert "a.py" in text
    assert set(client.refreshed) == {document}
    assert "x = 1" in model_server.requests[0].text and "y = 2" not in model_server.requests[0].text
    with refused(-32602, "invalidParams"):
        await client.workspace_text_document_content_async(lsp.TextDocumentContentParams(uri="sessionls:/../x.md"))


async def opened_text(client: SessionClient, uri: str) -> str:
    """The text of a document. While the server starts, the text says so, and it is refreshed afterwards."""
    asked = lsp.TextDocumentContentParams(uri=uri)
    while "The server is starting." in (text := (await client.workspace_text_document_content_async(asked)).text):
        await client.until(lambda: uri in client.refreshed)
        client.refreshed.clear()
    return text


async def test_a_document_that_cannot_be_shown_says_why(open_editor: OpenEditor) -> None:
    client = await open_editor(events=False)
    text = await opened_text(client, "sessionls:/nobody.md")
    assert "This session cannot be shown" in text and "There is no session" in text


async def test_a_document_of_a_store_that_cannot_be_opened_says_why(open_editor: OpenEditor) -> None:
    client = await open_editor(events=False, options={"databaseUrl": "sqlite:////dev/null/sessions.db"})
    text = await opened_text(client, "sessionls:/01a222cd-07a2-725e-b562-948b8c37a1a4.md")
    assert "This session cannot be shown" in text and len(text.splitlines()[2]) > 20


async def test_a_document_costs_in_proportion_to_what_is_new_and_pages_to_earlier_messages(
    open_editor: OpenEditor, model_server: ModelServer
) -> None:
    content = lsp.TextDocumentContentClientCapabilities()
    client = await open_editor(
        events=False,
        capabilities=lsp.ClientCapabilities(workspace=lsp.WorkspaceClientCapabilities(text_document_content=content)),
    )
    session = await client.ask("session/create")
    for number in range(30):
        model_server.script(Answer(f"Answer {number}. " + "word " * 200))
        await client.ask("session/message", sessionId=session["id"], text=f"Question {number}")
    sizes: list[int] = []

    async def page(uri: str) -> str:
        text = (await client.workspace_text_document_content_async(lsp.TextDocumentContentParams(uri=uri))).text
        sizes.append(len(text.encode()))
        return text

    newest = f"sessionls:/{session['id']}.md"
    text = await page(newest)
    assert "Answer 29." in text and "Answer 0." not in text and len(text) < 12_000
    older = next(word for word in text.split() if word.startswith("sessionls:/"))
    assert "Answer 29." not in await page(older)
    sizes.clear()

    async def read_on() -> None:  # as an editor does that shows it
        while True:
            if client.refreshed:
                client.refreshed.clear()
                await page(newest)
            await asyncio.sleep(0.02)

    reading = asyncio.create_task(read_on())
    model_server.script(Answer(chunks=["A line of the reply.\n"] * 400, delay=0.005))  # 8 KB in two seconds
    await client.ask("session/message", sessionId=session["id"], text="The last question")
    async with asyncio.timeout(PATIENCE):
        while not sizes or "tokens in" not in (text := await page(newest)).partition("The last question")[2]:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    reading.cancel()
    assert "A line of the reply.\n" * 400 in text and sum(sizes) < 250_000


SHOWS = lsp.WindowClientCapabilities(show_document=lsp.ShowDocumentClientCapabilities(support=True))


async def test_an_editor_that_would_show_an_empty_document_opens_the_file_of_the_session(
    open_editor: OpenEditor, model_server: ModelServer, folder: Path
) -> None:
    client = await open_editor(events=False, capabilities=lsp.ClientCapabilities(window=SHOWS))
    uri = uri_of(folder / "a.py")
    client.open_document(uri, "x = 1\n")
    session = await client.command("sessionls.askAbout", {"agent": "terse", "uri": uri, "range": lines(0, 1)})
    await model_server.received(1)
    await client.until(lambda: client.shown)
    assert client.shown[0].uri.endswith(f"/{session['id']}/session.session.md")


async def test_an_editor_that_cannot_open_files_gets_the_path_of_the_session(open_editor: OpenEditor) -> None:
    client = await open_editor(events=False)
    session = await client.ask("session/create")
    shown = await client.command("sessionls.show", {"sessionId": session["id"]})
    await client.until(lambda: client.messages)
    path = unquote(shown["uri"].removeprefix("file://"))
    assert client.messages[0].message.endswith(path)
    assert (await asyncio.to_thread(Path(path).read_text, encoding="utf-8")).startswith("# New session")


async def test_a_session_can_be_shown_at_any_time(open_editor: OpenEditor) -> None:
    client = await open_editor(capabilities=lsp.ClientCapabilities(window=SHOWS))  # a plugin of ours makes of it what it likes
    session = await client.ask("session/create")
    shown = await client.command("sessionls.show", {"sessionId": session["id"]})
    await client.until(lambda: client.shown)
    assert shown == {"uri": client.shown[0].uri}
    with refused(-32041, "sessionNotFound"):
        await client.command("sessionls.show", {"sessionId": "nobody"})


async def test_a_block_cursor_is_not_a_selection_and_a_sessions_document_is_not_code(
    open_editor: OpenEditor, folder: Path
) -> None:
    client = await open_editor(events=False)
    session = await client.ask("session/create")
    uri, document = uri_of(folder / "a.py"), f"sessionls:/{session['id']}.md"
    for one in (uri, document):
        client.open_document(one, "é = 1\ny = 2\n")

    async def titles(place: str, last: int) -> list[str]:
        range_ = {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": last}}
        params = {"textDocument": {"uri": place}, "range": range_, "context": {"diagnostics": []}}
        return [action["title"] for action in await client.raw("textDocument/codeAction", params)]

    assert await titles(uri, 1) == ["Review this file", "Ask about this file…"]
    assert "Ask review about this" in await titles(uri, 2)
    write = ["Write a message in this session"]
    assert await titles(document, 0) == write and await titles(document, 2) == write
    assert await titles(document.upper(), 2) == []
