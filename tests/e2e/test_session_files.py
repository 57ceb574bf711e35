"""A session as a Markdown file in an editor without a plugin: written, sent, answered and forked in the file itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from lsprotocol import types as lsp

from editing_client import Buffers, able
from images import encoded, png
from model_server import Answer, Hold, ModelServer, ToolUse
from server_client import SessionClient, refused, uri_of
from shared_server import OpenEditor, lines

SHOWS = lsp.WindowClientCapabilities(show_document=lsp.ShowDocumentClientCapabilities(support=True))


class FileEditor:
    """An editor without a plugin, which opens files that the server asks it to show, and makes edits."""

    def __init__(self, client: SessionClient) -> None:
        self.client = client
        self.buffers = Buffers(client)

    async def show(self, session_id: str) -> str:
        """Open a session's file as the editor does when it is asked to; gives its URI."""
        await self.client.command("sessionls.openFile", {"sessionId": session_id})
        return await self.opened()

    async def opened(self) -> str:
        await self.client.until(lambda: self.client.shown)
        uri = self.client.shown.pop().uri
        if uri not in self.buffers.texts:
            self.buffers.open(uri, path_of(uri).read_text(encoding="utf-8"))
        return uri

    def text(self, uri: str) -> str:
        return self.buffers.texts[uri]

    def type(self, uri: str, text: str) -> None:
        """At the end of the file."""
        self.buffers.change(uri, self.buffers.texts[uri] + text)

    async def has(self, uri: str, *texts: str) -> str:
        await self.until(uri, lambda text: all(one in text for one in texts))
        return self.text(uri)

    async def until(self, uri: str, condition: Callable[[str], object]) -> None:
        async with asyncio.timeout(60):
            while not condition(self.text(uri)):  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    async def titles(self, uri: str, line: int | None = None, **context: Any) -> list[str]:
        return [action["title"] for action in await self.actions(uri, line, **context)]

    async def actions(self, uri: str, line: int | None = None, **context: Any) -> list[dict[str, Any]]:
        at = len(self.text(uri).split("\n")) - 1 if line is None else line
        range_ = {"start": {"line": at, "character": 0}, "end": {"line": at, "character": 0}}
        params = {"textDocument": {"uri": uri}, "range": range_, "context": {"diagnostics": [], **context}}
        found: list[dict[str, Any]] = await self.client.raw("textDocument/codeAction", params)
        return found

    async def lenses(self, uri: str) -> list[tuple[str, int]]:
        found = await self.client.raw("textDocument/codeLens", {"textDocument": {"uri": uri}})
        return [(lens["command"]["title"], lens["range"]["start"]["line"]) for lens in found]

    async def choose(self, uri: str, title: str, line: int | None = None) -> Any:
        """Choose the code action that begins with these words."""
        (action,) = [one for one in await self.actions(uri, line) if one["title"].startswith(title)]
        return await self.client.command(action["command"]["command"], *action["command"]["arguments"])


def path_of(uri: str) -> Path:
    return Path(unquote(uri.removeprefix("file://")))


def line_of(text: str, words: str) -> int:
    return text[: text.index(words)].count("\n")


OpenFileEditor = Callable[..., Any]


@pytest.fixture
def file_editor(open_editor: OpenEditor) -> OpenFileEditor:
    async def start(name: str = "Ada", *, applies: bool = True, **more: Any) -> FileEditor:
        capabilities = able(applies=applies)
        capabilities.window = SHOWS
        return FileEditor(await open_editor(name, events=False, capabilities=capabilities, **more))

    return start


async def test_a_message_is_written_and_sent_in_the_file_and_the_reply_comes_below_it(
    file_editor: OpenFileEditor, model_server: ModelServer
) -> None:
    editor = await file_editor()
    session = await editor.client.ask("session/create", title="Why is it slow?")
    uri = await editor.show(session["id"])
    assert uri.endswith(f"/sessions/{session['id']}/why-is-it-slow.session.md")
    assert path_of(uri).stat().st_mode & 0o077 == 0  # nobody else reads what was said
    model_server.script(Answer(chunks=["# Because\n", "It waits 𝒳.\n"]))
    editor.type(uri, "Why is it slow? 🐌")
    assert "Send to code" in await editor.titles(uri)
    await editor.choose(uri, "Send")
    text = await editor.has(uri, "It waits 𝒳.", "tokens in")
    assert text.index("## Ada · ") < text.index("Why is it slow? 🐌") < text.index("## code · ") < text.index("### Because")
    assert text.index("It waits") < text.index("## Next message") and text.count("Why is it slow? 🐌") == 1
    assert "Why is it slow? 🐌" in model_server.requests[0].text
    with refused(-32602, "invalidParams"):  # nothing was written below it yet
        await editor.client.command("sessionls.sendDraft", {"uri": uri})


async def test_the_agent_at_the_head_answers_that_message_alone(file_editor: OpenFileEditor, model_server: ModelServer) -> None:
    editor = await file_editor()
    session = await editor.client.ask("session/create")
    uri = await editor.show(session["id"])
    editor.type(uri, "@nobody Hello")
    assert "Send to @nobody, which is not an agent here" in await editor.titles(uri)
    with refused(-32044, "agentNotFound"):
        await editor.choose(uri, "Send")
    editor.buffers.change(uri, editor.text(uri).replace("@nobody", "@Terse"))
    assert "Send to terse, this message only" in await editor.titles(uri)
    model_server.script(Answer("Hi."), Answer("Hello again."))
    await editor.choose(uri, "Send")
    await editor.has(uri, "## terse · ", "Hi.", "tokens in")
    editor.type(uri, "And you?")
    await editor.choose(uri, "Send to code")
    text = await editor.has(uri, "## code · ", "Hello again.")
    assert "@Terse Hello" in text and model_server.requests[0].text.count("@Terse") == 0


async def test_what_is_typed_while_the_reply_comes_stays_and_is_the_next_message(
    file_editor: OpenFileEditor, model_server: ModelServer
) -> None:
    editor = await file_editor()
    session = await editor.client.ask("session/create")
    uri = await editor.show(session["id"])
    hold = Hold("First line.\nSecond", then=Answer(" line."))
    model_server.script(hold, Answer("Two."))
    editor.type(uri, "One")
    await editor.choose(uri, "Send")
    await editor.has(uri, "First line.")
    editor.type(uri, "My next 𝒳")
    assert {"Pause", "Cancel the reply"} <= set(await editor.titles(uri))
    await editor.choose(uri, "Send")  # it waits
    await editor.until(uri, lambda text: text.count("## Ada · ") == 2)
    editor.type(uri, "A third, not sent")
    hold.go.set()
    text = await editor.has(uri, "Second line.", "Two.")
    order = ["One", "First line.", "Second line.", "My next 𝒳", "Two.", "## Next message", "A third, not sent"]
    assert sorted(order, key=text.index) == order and all(text.count(one) == 1 for one in order)


async def test_an_edit_sends_only_what_is_new_also_in_a_long_session(
    file_editor: OpenFileEditor, model_server: ModelServer
) -> None:
    editor = await file_editor()
    session = await editor.client.ask("session/create")
    for number in range(12):
        model_server.script(Answer(f"Answer {number} " + "word " * 400))
        await editor.client.ask("session/message", sessionId=session["id"], text=f"Question {number}")
    uri = await editor.show(session["id"])
    assert len(editor.text(uri)) > 24_000
    editor.buffers.asked.clear()
    model_server.script(Answer(chunks=["A line of the reply.\n"] * 400))  # 8.4 KB
    editor.type(uri, "The next question")
    await editor.choose(uri, "Send")
    await editor.has(uri, "tokens in", "A line of the reply.\n" * 400)
    edits = [edit for asked in editor.buffers.asked for one in asked.edit.document_changes or () for edit in one.edits]
    assert sum(len(edit.new_text) for edit in edits) < 12_000


async def test_a_client_that_cannot_edit_gets_the_reply_in_the_file_but_never_over_unsaved_words(
    file_editor: OpenFileEditor, model_server: ModelServer
) -> None:
    editor = await file_editor(applies=False)
    session = await editor.client.ask("session/create")
    uri = await editor.show(session["id"])
    model_server.script(Answer("Here it is."))
    editor.type(uri, "A question")
    on_disk = path_of(uri).read_text(encoding="utf-8")
    await editor.choose(uri, "Send")
    await model_server.received(1)
    with refused(-32049, "notPermitted"):  # once is enough
        await editor.choose(uri, "Send")
    await asyncio.sleep(0.3)
    assert path_of(uri).read_text(encoding="utf-8") == on_disk  # what is not saved is not overtaken
    await editor.buffers.save(uri)
    async with asyncio.timeout(60):
        while "Here it is." not in (text := path_of(uri).read_text(encoding="utf-8")):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    assert text.count("A question") == 1 and text.index("A question") < text.index("Here it is.")


async def test_a_refused_edit_is_made_again_on_what_is_there_then(file_editor: OpenFileEditor, model_server: ModelServer) -> None:
    editor = await file_editor()
    session = await editor.client.ask("session/create")
    uri = await editor.show(session["id"])
    editor.type(uri, "A question")
    editor.buffers.reason = "busy"
    model_server.script(Answer("Here it is."))
    await editor.choose(uri, "Send")
    async with asyncio.timeout(60):
        while not editor.buffers.asked:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    editor.buffers.reason = None
    editor.buffers.change(uri, editor.text(uri).replace("# New session", "# My own title"))
    text = await editor.has(uri, "Here it is.", "# My own title")
    assert text.count("A question") == 1


async def test_a_question_is_answered_in_the_file_and_no_is_first(
    file_editor: OpenFileEditor, model_server: ModelServer, folder: Path
) -> None:
    editor = await file_editor()
    session = await editor.client.ask("session/create")
    uri = await editor.show(session["id"])
    model_server.script(
        Answer("I write it.\n", tools=[ToolUse("create_file", {"path": "b.txt", "text": "new\n"})]), Answer("Written.")
    )
    editor.type(uri, "Write b.txt")
    await editor.choose(uri, "Send")
    await editor.has(uri, "**Permission: code asks:", "+new")
    titles = [one for one in await editor.titles(uri) if "code asks" in one]
    assert [one.split(":")[0] for one in titles][:2] == ["Deny", "Allow once"]
    assert ("Deny", line_of(editor.text(uri), "**Permission")) in await editor.lenses(uri)
    await asyncio.sleep(0.6)  # a person reads it
    await editor.choose(uri, "Allow once")
    text = await editor.has(uri, "Written.", "*Allowed once by Ada.*", "**Edited: b.txt**")
    assert (folder / "b.txt").read_text(encoding="utf-8") == "new\n"
    assert not [one for one in await editor.titles(uri) if "Allow" in one] and "sessionls question" not in text
    assert not editor.client.questions  # no box took the keys of somebody who typed in the file


async def test_permission_given_before_the_question_could_be_read_is_ignored(
    file_editor: OpenFileEditor, model_server: ModelServer, folder: Path
) -> None:
    editor = await file_editor()
    session = await editor.client.ask("session/create")
    uri = await editor.show(session["id"])
    editor.buffers.reason = "busy"  # the question does not reach the buffer
    model_server.script(Answer("", tools=[ToolUse("create_file", {"path": "b.txt", "text": "new\n"})]), Answer("Not written."))
    sending = asyncio.ensure_future(editor.client.ask("session/message", sessionId=session["id"], text="Write b.txt"))
    await editor.client.until(lambda: [one for one in editor.client.messages if "waits in the session" in one.message])
    (question,) = (await editor.client.ask("session/questions", sessionId=session["id"]))["questions"]
    assert not [one for one in await editor.titles(uri) if "Allow" in one]
    with refused(-32049, "notPermitted"):
        await editor.client.command(
            "sessionls.answerHere", {"uri": uri, "requestId": question["question"]["requestId"], "decision": "once"}
        )
    await editor.client.command(
        "sessionls.answerHere", {"uri": uri, "requestId": question["question"]["requestId"], "decision": "deny"}
    )
    await sending
    assert not (folder / "b.txt").exists()


async def test_pause_resume_cancel_and_fork_are_offered_where_they_apply(
    file_editor: OpenFileEditor, model_server: ModelServer
) -> None:
    editor = await file_editor()
    session = await editor.client.ask("session/create", title="The first")
    uri = await editor.show(session["id"])
    hold = Hold("So far.\n")
    model_server.script(hold, Answer("The rest."))
    editor.type(uri, "Tell me")
    await editor.choose(uri, "Send")
    await editor.has(uri, "So far.")
    await editor.choose(uri, "Pause")
    await editor.has(uri, "| paused: resume it")
    assert "Pause" not in await editor.titles(uri)
    await editor.choose(uri, "Resume")
    text = await editor.has(uri, "The rest.", "tokens in")
    fork = await editor.choose(uri, "Fork here", line_of(text, "Tell me"))
    child = await editor.opened()
    assert child != uri and fork["parent"]["sessionId"] == session["id"]
    copied = editor.text(child)
    assert "Tell me" in copied and "The rest." not in copied and f"forked from session:{session['id']}" in copied
    document = lsp.TextDocumentIdentifier(uri=child)
    links = await editor.client.text_document_document_link_async(lsp.DocumentLinkParams(text_document=document))
    (parent,) = [one for one in links or () if one.data]
    assert (await editor.client.document_link_resolve_async(parent)).target == uri


async def test_messages_fold_and_are_symbols_and_paths_are_links(
    file_editor: OpenFileEditor, model_server: ModelServer, folder: Path
) -> None:
    (folder / "src").mkdir()
    (folder / "src" / "a.py").write_text("x = 1\n", encoding="utf-8")
    editor = await file_editor()
    session = await editor.client.ask("session/create")
    model_server.script(
        Answer("", tools=[ToolUse("read_file", {"path": "src/a.py"})]), Answer("It is in src/a.py:1, not in src/none.py.")
    )
    await editor.client.ask("session/message", sessionId=session["id"], text="Where is x?")
    uri = await editor.show(session["id"])
    this = {"textDocument": {"uri": uri}}
    symbols = await editor.client.raw("textDocument/documentSymbol", this)
    assert [one["name"].split(" · ")[0] for one in symbols] == ["Ada", "code", "Next message"]
    assert symbols[0]["detail"] == "Where is x?"
    text = editor.text(uri).split("\n")
    folds = await editor.client.raw("textDocument/foldingRange", this)
    starts = [text[one["startLine"]] for one in folds]
    assert (
        any(one.startswith("▸ Tool read_file") for one in starts) and len([one for one in starts if one.startswith("## ")]) == 2
    )
    document = lsp.TextDocumentIdentifier(uri=uri)
    links = await editor.client.text_document_document_link_async(lsp.DocumentLinkParams(text_document=document))
    targets = {one.target or "" for one in links or ()}
    assert f"{uri_of(folder / 'src' / 'a.py')}#L1" in targets and not any("none.py" in one for one in targets)


async def test_agents_and_context_are_completed_and_explained_in_the_next_message(
    file_editor: OpenFileEditor, folder: Path
) -> None:
    (folder / "notes.txt").write_text("hello", encoding="utf-8")
    editor = await file_editor()
    session = await editor.client.ask("session/create")
    uri = await editor.show(session["id"])

    async def completed(text: str) -> list[str]:
        editor.type(uri, text)
        lines = editor.text(uri).split("\n")
        at = lsp.Position(line=len(lines) - 1, character=len(lines[-1].encode("utf-16-le")) // 2)
        document = lsp.TextDocumentIdentifier(uri=uri)
        answer = await editor.client.text_document_completion_async(lsp.CompletionParams(text_document=document, position=at))
        editor.buffers.change(uri, editor.text(uri)[: len(editor.text(uri)) - len(text)])
        return [one.label for one in answer.items] if isinstance(answer, lsp.CompletionList) else []

    assert {"@review", "@terse"} <= set(await completed("@re"))
    assert await completed("Ask @re") == []
    assert "#diff" in await completed("𝒳 #")
    assert "#file:notes.txt" in await completed("𝒳 #file:no")
    editor.type(uri, "@terse Hi")
    line = len(editor.text(uri).split("\n")) - 1
    hover = await editor.client.raw(
        "textDocument/hover", {"textDocument": {"uri": uri}, "position": {"line": line, "character": 3}}
    )
    assert "You are terse." in hover["contents"]["value"] and "read_file" in hover["contents"]["value"]
    for method in ("textDocument/hover", "textDocument/completion"):
        elsewhere = {"textDocument": {"uri": uri_of(folder / "notes.txt")}, "position": {"line": 0, "character": 0}}
        assert await editor.client.raw(method, elsewhere) is None


async def test_words_in_the_draft_add_files_lines_and_changes(
    file_editor: OpenFileEditor, model_server: ModelServer, folder: Path
) -> None:
    (folder / "a.py").write_text("one = 1\ntwo = 2\nthree = 3\n", encoding="utf-8")
    editor = await file_editor()
    session = await editor.client.ask("session/create")
    uri = await editor.show(session["id"])
    editor.type(uri, "Look at #file:b.py")
    with refused(-32602, "invalidParams"):
        await editor.choose(uri, "Send")
    editor.buffers.change(uri, editor.text(uri).replace("b.py", "a.py:2"))
    model_server.script(Answer("Two."))
    await editor.choose(uri, "Send")
    text = await editor.has(uri, "Two.", "▸ Selection: a.py, lines 2")
    sent = model_server.requests[0].text
    assert "two = 2" in sent and "three = 3" not in sent and "one = 1" not in sent and "#file:a.py:2" in text


async def test_an_image_in_the_draft_is_sent_as_an_image(
    file_editor: OpenFileEditor, model_server: ModelServer, folder: Path
) -> None:
    (folder / "dot.PNG").write_bytes(png())
    (folder / "not.png").write_text("no image", encoding="utf-8")
    editor = await file_editor()
    session = await editor.client.ask("session/create")
    uri = await editor.show(session["id"])
    editor.type(uri, "#file:not.png What is this?")
    with refused(-32602, "invalidParams"):
        await editor.choose(uri, "Send")
    editor.buffers.change(uri, editor.text(uri).replace("not.png", "dot.PNG"))
    model_server.script(Answer("A dot."))
    await editor.choose(uri, "Send")
    await editor.has(uri, "A dot.", "▸ Image: dot.PNG", "#file:dot.PNG What is this?")
    assert encoded(png()) in str(model_server.requests[0].messages)


async def test_ones_own_question_about_a_selection_begins_in_a_session_file(
    file_editor: OpenFileEditor, model_server: ModelServer, folder: Path
) -> None:
    editor = await file_editor()
    code = uri_of(folder / "a.py")
    editor.buffers.open(code, "x = 1\ny = 2\n")

    async def offered() -> dict[str, dict[str, Any]]:
        params = {"textDocument": {"uri": code}, "range": lines(0, 1), "context": {"diagnostics": []}}
        return {one["title"]: one["command"] for one in await editor.client.raw("textDocument/codeAction", params)}

    first = await offered()
    assert {"Ask…", "Ask code about this", "Ask research about this", "Ask terse about this"} <= set(first)
    await editor.client.command(first["Ask…"]["command"], *first["Ask…"]["arguments"])
    uri = await editor.opened()
    assert editor.text(uri).endswith("#file:a.py:1-1 ")
    model_server.script(Answer("It is one."), Answer("Yes."))
    editor.type(uri, "What is x?")
    await editor.choose(uri, "Send")
    await editor.has(uri, "It is one.", "tokens in")
    assert "x = 1" in model_server.requests[0].text and "y = 2" not in model_server.requests[0].text
    # The next question about this file may go into the session that is open.
    (again,) = [title for title in await offered() if title.startswith("Ask terse about this in “")]
    command = (await offered())[again]
    await editor.client.command(command["command"], *command["arguments"])
    await editor.has(uri, "## terse · ", "Yes.")
    (more,) = [title for title in await offered() if title.startswith("Ask… in “")]
    command = (await offered())[more]
    await editor.client.command(command["command"], *command["arguments"])
    await editor.has(uri, "## Next message", "#file:a.py:1-1 ")
    assert editor.text(uri).rstrip().endswith("#file:a.py:1-1")


async def test_a_selection_in_a_line_is_handed_over_in_characters_whatever_they_are(
    file_editor: OpenFileEditor, model_server: ModelServer, folder: Path
) -> None:
    editor = await file_editor()
    code = uri_of(folder / "a.py")
    editor.buffers.open(code, 's = "𝒳𝒴𝒵"\n')
    # The second of the three letters, of two units each.
    arguments = {"uri": code, "range": {"start": {"line": 0, "character": 7}, "end": {"line": 0, "character": 9}}}
    await editor.client.command("sessionls.compose", arguments)
    uri = await editor.opened()
    assert editor.text(uri).endswith("#file:a.py:1:7-1:8 ")
    model_server.script(Answer("A letter."))
    editor.type(uri, "What is it?")
    await editor.choose(uri, "Send")
    await editor.has(uri, "A letter.")
    asked = model_server.requests[0].text
    assert "𝒴" in asked and "𝒳" not in asked and "𝒵" not in asked


async def test_a_finding_opens_at_its_code(file_editor: OpenFileEditor, model_server: ModelServer, folder: Path) -> None:
    (folder / "mean.py").write_text("import os\n\nx = names[0]\n", encoding="utf-8")
    editor = await file_editor()
    session = await editor.client.ask("session/create", agent="review")
    report = {"path": "mean.py", "title": "It may be empty <!-- sessionls next", "severity": "warning", "quote": "names[0]"}
    model_server.script(Answer("", tools=[ToolUse("report_finding", report)]), Answer("One finding."))
    await editor.client.ask("session/message", sessionId=session["id"], text="Review mean.py")
    uri = await editor.show(session["id"])
    text = editor.text(uri)
    line = line_of(text, "**Warning: It may be empty < !-- sessionls next** at mean.py:3")
    assert ("Open finding", line) in await editor.lenses(uri)
    await editor.choose(uri, "Open finding", line)
    await editor.client.until(lambda: editor.client.shown)
    shown = editor.client.shown.pop()
    assert shown.uri == uri_of(folder / "mean.py") and shown.selection is not None and shown.selection.start.line == 2


async def test_a_long_session_begins_with_its_newest_messages_and_earlier_ones_can_be_inserted(
    file_editor: OpenFileEditor, model_server: ModelServer
) -> None:
    editor = await file_editor()
    session = await editor.client.ask("session/create")
    for number in range(27):
        model_server.script(Answer(f"Answer {number}."))
        await editor.client.ask("session/message", sessionId=session["id"], text=f"Question {number}.")
    uri = await editor.show(session["id"])
    assert "Question 2." in editor.text(uri) and "Question 1." not in editor.text(uri)
    editor.type(uri, "My words")
    (lens,) = [line for title, line in await editor.lenses(uri) if title == "Insert earlier messages"]
    await editor.choose(uri, "Insert earlier messages", lens)
    text = await editor.has(uri, "Question 0.", "Answer 1.")
    assert text.index("Answer 1.") < text.index("Question 2.") and text.endswith("My words")
    assert not [title for title, _ in await editor.lenses(uri) if title == "Insert earlier messages"]


async def test_cancelling_in_the_file_ends_the_reply(file_editor: OpenFileEditor, model_server: ModelServer) -> None:
    editor = await file_editor()
    session = await editor.client.ask("session/create")
    uri = await editor.show(session["id"])
    model_server.script(Hold("So far.\n"))
    editor.type(uri, "Tell me")
    await editor.choose(uri, "Send")
    await editor.has(uri, "So far.")
    await editor.choose(uri, "Cancel the reply")
    text = await editor.has(uri, "> **Cancelled**")
    assert "sessionls writing" not in text


async def test_two_editors_have_one_session_in_their_files(file_editor: OpenFileEditor, model_server: ModelServer) -> None:
    ada, bob = await file_editor("Ada"), await file_editor("Bob")
    session = await ada.client.ask("session/create")
    here, there = await ada.show(session["id"]), await bob.show(session["id"])
    bob.type(there, "Words of Bob, not sent")
    model_server.script(Answer("To Ada."))
    ada.type(here, "A question of Ada")
    await ada.choose(here, "Send")
    text = await bob.has(there, "A question of Ada", "To Ada.", "tokens in")
    assert text.endswith("Words of Bob, not sent") and "Words of Bob" not in ada.text(here)


async def test_the_cursor_is_put_into_a_line_that_every_editor_has(file_editor: OpenFileEditor) -> None:
    """Behind the last line end there is no line in some editors, and Neovim stops with an error."""
    editor = await file_editor()
    session = await editor.client.ask("session/create")
    await editor.client.command("sessionls.openFile", {"sessionId": session["id"]})
    await editor.client.until(lambda: editor.client.shown)
    shown = editor.client.shown[-1]
    text = path_of(shown.uri).read_text(encoding="utf-8")
    assert shown.selection is not None
    assert text.endswith("-->\n\n") and shown.selection.start.line == len(text.splitlines()) - 1


async def test_a_file_keeps_its_name_when_the_session_is_renamed(file_editor: OpenFileEditor) -> None:
    editor = await file_editor()
    session = await editor.client.ask("session/create", title="Before")
    uri = await editor.show(session["id"])
    await editor.client.ask("session/rename", sessionId=session["id"], title="After")
    assert await editor.show(session["id"]) == uri
    assert editor.text(uri).startswith("# Before")  # what is there is never changed


async def test_the_file_of_a_deleted_session_explains_the_deletion(file_editor: OpenFileEditor) -> None:
    editor = await file_editor()
    session = await editor.client.ask("session/create")
    uri = await editor.show(session["id"])
    await editor.client.ask("session/delete", sessionId=session["id"])
    await editor.client.until(lambda: [one for one in editor.client.messages if "was deleted" in one.message])
    assert path_of(uri).exists()
    other = await editor.client.ask("session/create")
    file = path_of(await editor.show(other["id"]))
    document = lsp.TextDocumentIdentifier(uri=file.as_uri())
    editor.client.text_document_did_close(lsp.DidCloseTextDocumentParams(text_document=document))
    await editor.client.ask("session/delete", sessionId=other["id"])
    async with asyncio.timeout(60):
        while file.exists():  # noqa: ASYNC110  # nobody looks at it: what was deleted is not kept
            await asyncio.sleep(0.02)


async def test_a_client_that_can_asks_for_lenses_and_the_rest_in_session_files_alone(open_editor: OpenEditor) -> None:
    registered: list[lsp.Registration] = []
    capabilities = lsp.ClientCapabilities(
        text_document=lsp.TextDocumentClientCapabilities(
            code_lens=lsp.CodeLensClientCapabilities(dynamic_registration=True),
            hover=lsp.HoverClientCapabilities(dynamic_registration=True),
        )
    )
    client = await open_editor(events=False, capabilities=capabilities)

    def register(params: lsp.RegistrationParams) -> None:
        registered.extend(params.registrations)

    client.protocol.fm.features[lsp.CLIENT_REGISTER_CAPABILITY] = register
    await client.ask("session/list")
    assert client.server is not None
    able_to = client.server.capabilities
    assert able_to.code_lens_provider is None and not able_to.hover_provider and able_to.completion_provider is not None
    assert {one.method for one in registered} == {"textDocument/codeLens", "textDocument/hover"}
    assert "**/*.session.md" in str(registered[0].register_options)
