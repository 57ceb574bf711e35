"""Findings end to end: from an agent's report to the editor's list of problems, until they are fixed or dismissed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from lsprotocol import types as lsp

from model_server import Answer, ModelServer, Refuse, ToolUse
from server_client import SessionClient, refused, uri_of
from sessionls.domain.model import Range
from sessionls.sessions.workspace.positions import Lines
from shared_server import OpenEditor, key_for, text_of

CODE = (
    'import os\n\n\ndef mean(values):\n    return sum(values) / len(values)\n\n\ndef first(names):\n    return "ß😀", names[0]\n'
)
DIVIDES = {
    "path": "mean.py",
    "title": "It divides by zero",
    "body": "For an empty list.",
    "severity": "error",
    "rule": "zero-division",
    "quote": "return sum(values) / len(values)",
    "suggestion": "if not values:\n        return 0.0\n    return sum(values) / len(values)",
}
ZERO = ToolUse("report_finding", DIVIDES)
INDEX = ToolUse("report_finding", {"path": "mean.py", "title": "It may be empty", "severity": "warning", "quote": "names[0]"})
EDITS = lsp.ClientCapabilities(
    workspace=lsp.WorkspaceClientCapabilities(workspace_edit=lsp.WorkspaceEditClientCapabilities(document_changes=True)),
    window=lsp.WindowClientCapabilities(show_document=lsp.ShowDocumentClientCapabilities(support=True)),
)


def plain(range_: lsp.Range) -> dict[str, Any]:
    return {
        "start": {"line": range_.start.line, "character": range_.start.character},
        "end": {"line": range_.end.line, "character": range_.end.character},
    }


def cut(text: str, range_: lsp.Range) -> str:
    return Lines(text, "utf-16").cut(Range.model_validate(plain(range_)))[0]


class File:
    """A document in one editor, and what its list of problems says about it."""

    def __init__(self, client: SessionClient, path: Path) -> None:
        self.client, self.path, self.uri = client, path, uri_of(path)
        self.text, self.version = "", 1

    def open(self, text: str) -> None:
        self.text = text
        self.client.open_document(self.uri, text)

    def change(self, text: str) -> None:
        self.text = text
        self.version += 1
        self.client.change_document(self.uri, self.version, lsp.TextDocumentContentChangeWholeDocument(text=text))

    def save(self) -> None:
        self.path.write_text(self.text, encoding="utf-8")
        document = lsp.TextDocumentIdentifier(uri=self.uri)
        self.client.text_document_did_save(lsp.DidSaveTextDocumentParams(text_document=document))

    @property
    def problems(self) -> list[lsp.Diagnostic]:
        return list(self.client.diagnostics.get(self.uri, ()))

    def shown(self, text: str | None = None) -> list[tuple[int, str]]:
        """The lines and the code that the problems point at."""
        return [(one.range.start.line, cut(self.text if text is None else text, one.range)) for one in self.problems]

    async def shows(self, *expected: tuple[int, str]) -> None:
        await self.client.until(lambda: self.shown() == list(expected))

    async def actions(self, diagnostic: lsp.Diagnostic) -> dict[str, dict[str, Any]]:
        given = self.client.protocol._converter.unstructure(diagnostic)
        params = {
            "textDocument": {"uri": self.uri},
            "range": plain(diagnostic.range),
            "context": {"diagnostics": [given], "only": ["quickfix"], "triggerKind": 1},
        }
        return {action["title"]: action for action in await self.client.raw("textDocument/codeAction", params)}

    def data(self, index: int) -> dict[str, Any]:
        """The data with which the server identifies a problem."""
        data = self.problems[index].data
        assert isinstance(data, dict)
        return data

    async def state(self, title: str) -> str:
        found = await self.client.ask("finding/list")
        return str(next(one["state"] for one in found["findings"] if one["title"] == title))


async def review(client: SessionClient, models: ModelServer, *reports: ToolUse) -> dict[str, Any]:
    models.script(Answer(tools=list(reports)), Answer("Done."))
    session = await client.ask("session/create", agent="review")
    return dict(await client.ask("session/message", sessionId=session["id"], text="Review mean.py"))


DIVISION, FIRST = (4, "return sum(values) / len(values)"), (8, "names[0]")


async def test_findings_follow_their_code_in_an_unsaved_buffer_until_it_is_removed(
    open_editor: OpenEditor, model_server: ModelServer, folder: Path
) -> None:
    client = await open_editor(capabilities=EDITS)
    file = File(client, folder / "mean.py")
    file.path.write_text("# nothing of this is on disk yet\n", encoding="utf-8")
    file.open(CODE)
    exchange = await review(client, model_server, ZERO, INDEX)
    assert text_of(exchange["reply"]) == "Done."
    await file.shows(DIVISION, FIRST)
    zero, index = file.problems
    assert (zero.source, zero.severity, zero.code) == ("sessionls", lsp.DiagnosticSeverity.Error, "zero-division")
    assert zero.message == "It divides by zero\nFor an empty list."
    assert (index.severity, index.code, index.range.start.character) == (lsp.DiagnosticSeverity.Warning, None, 18)
    session_id = exchange["message"]["sessionId"]
    listed = (await client.ask("finding/list", sessionId=session_id))["findings"]
    ids = {one["title"]: one["id"] for one in listed}
    assert file.data(0) == {"sessionId": session_id, "findingId": ids["It divides by zero"]}
    assert file.data(1) == {"sessionId": session_id, "findingId": ids["It may be empty"]}

    file.change(f"# put before\n{CODE}")
    await file.shows((5, DIVISION[1]), (9, FIRST[1]))
    listed = (await client.ask("finding/list", uri=file.uri))["findings"]
    assert sorted(one["range"]["start"]["line"] for one in listed) == [5, 9]

    # Its suggestion is applied in the buffer as it is, with the indentation of its place.
    actions = await file.actions(file.problems[0])
    assert list(actions) == ["Apply suggestion", "Fix with code", "Dismiss", "Open session"]
    apply = actions["Apply suggestion"]
    assert (apply["isPreferred"], apply["kind"]) == (True, "quickfix")
    (change,) = apply["edit"]["documentChanges"]
    assert change["textDocument"] == {"uri": file.uri, "version": file.version}
    (edit,) = change["edits"]
    replaced = cut(file.text, lsp.Range(start=lsp.Position(**edit["range"]["start"]), end=lsp.Position(**edit["range"]["end"])))
    assert replaced == "    return sum(values) / len(values)"
    mended = file.text.replace(replaced, edit["newText"])
    assert "    if not values:\n        return 0.0\n    return sum(values) / len(values)\n" in mended

    # A changed document is not fixed until it is saved.
    changed = file.text.replace("len(values)", "max(len(values), 1)")
    file.change(changed)
    await file.shows((9, FIRST[1]))
    assert await file.state("It divides by zero") == "open"
    file.change(f"# put before\n{CODE}")
    await file.shows((5, DIVISION[1]), (9, FIRST[1]))
    file.change(changed)
    await file.shows((9, FIRST[1]))
    file.save()
    await client.until(lambda: client.events_of("findingChanged") or client.all_of("session/changed"))
    while await file.state("It divides by zero") != "fixed":
        await client.ask("agent/list")
    (fixed,) = (await client.ask("finding/list", state="fixed"))["findings"]
    assert fixed["reason"] == "Its code was changed."

    # If the code comes back, so does the finding.
    file.change(f"# put before\n{CODE}")
    file.save()
    await file.shows((5, DIVISION[1]), (9, FIRST[1]))
    assert await file.state("It divides by zero") == "open"


async def test_findings_and_dismissals_survive_a_restart_of_the_server(
    open_editor: OpenEditor, model_server: ModelServer, folder: Path
) -> None:
    (folder / "mean.py").write_text(CODE, encoding="utf-8")
    one = await open_editor("Ada", capabilities=EDITS)
    first = File(one, folder / "mean.py")
    first.text = CODE  # not open: it is the file on disk
    await review(one, model_server, ZERO, INDEX)
    await first.shows(DIVISION, FIRST)
    dismiss = (await first.actions(first.problems[0]))["Dismiss"]["command"]
    answer = await one.command(dismiss["command"], *dismiss["arguments"])
    assert answer["state"] == "dismissed"
    await first.shows(FIRST)
    exchange = await review(one, model_server, ZERO, INDEX)
    results = [part["result"] for part in exchange["reply"]["parts"] if part["kind"] == "tool"]
    assert "dismissed" in results[0] and "Already known" in results[1]
    assert first.shown() == [FIRST]
    await one.shutdown_session()
    await one.stop()  # type: ignore[no-untyped-call]

    moved = f"# moved while nobody looked\n{CODE}"
    (folder / "mean.py").write_text(moved, encoding="utf-8")
    two = await open_editor("Ada", capabilities=EDITS)
    second = File(two, folder / "mean.py")
    second.text = moved
    await second.shows((9, FIRST[1]))
    listed = (await two.ask("finding/list"))["findings"]
    assert {one["title"]: one["state"] for one in listed} == {"It divides by zero": "dismissed", "It may be empty": "open"}
    with refused(-32602, "invalidParams"):
        await two.ask("finding/update", findingId="nothing", state="open")

    # Findings of a deleted session are not shown.
    session_id = second.data(0)["sessionId"]
    await two.ask("session/archive", sessionId=session_id)
    await second.shows()
    await two.ask("session/unarchive", sessionId=session_id)
    await second.shows((9, FIRST[1]))
    await two.ask("session/delete", sessionId=session_id)
    await second.shows()


async def test_a_finding_that_was_fixed_while_no_server_ran_is_removed_by_the_next(
    open_editor: OpenEditor, model_server: ModelServer, folder: Path
) -> None:
    """An editor that restarts its server may still show the previous diagnostics."""
    path = folder / "mean.py"
    path.write_text(CODE, encoding="utf-8")
    one = await open_editor("Ada", capabilities=EDITS)
    first = File(one, path)
    first.text = CODE
    await review(one, model_server, INDEX)
    await first.shows(FIRST)
    await one.shutdown_session()
    await one.stop()  # type: ignore[no-untyped-call]

    path.write_text(CODE.replace("names[0]", "next(iter(names), None)"), encoding="utf-8")
    two = await open_editor("Ada", capabilities=EDITS)
    await two.until(lambda: two.diagnostics.get(uri_of(path)) == [])


async def test_without_a_folder_an_open_document_has_its_findings(
    open_editor: OpenEditor, model_server: ModelServer, folder: Path
) -> None:
    client = await open_editor(folders=[])
    file = File(client, folder / "mean.py")
    file.open(CODE)
    await review(client, model_server, ToolUse("report_finding", {**DIVIDES, "path": file.uri}))
    await file.shows(DIVISION)


async def test_another_editor_shows_them_too_and_updates_them_when_the_file_changes_on_disk(
    open_editor: OpenEditor, model_server: ModelServer, folder: Path
) -> None:
    (folder / "mean.py").write_text(CODE, encoding="utf-8")
    watches = lsp.ClientCapabilities(
        workspace=lsp.WorkspaceClientCapabilities(
            did_change_watched_files=lsp.DidChangeWatchedFilesClientCapabilities(dynamic_registration=True)
        )
    )
    ada, ben = await open_editor("Ada"), await open_editor("Ben", events=False, capabilities=watches)
    asked: list[lsp.RegistrationParams] = []

    def register(params: lsp.RegistrationParams) -> None:
        asked.append(params)
        ben.keep(lsp.CLIENT_REGISTER_CAPABILITY, {})

    ben.protocol.fm.features[lsp.CLIENT_REGISTER_CAPABILITY] = register
    await review(ada, model_server, ZERO, INDEX)
    for client in (ada, ben):
        file = File(client, folder / "mean.py")
        file.text = CODE
        await file.shows(DIVISION, FIRST)
    await ben.until(lambda: asked)
    (registration,) = asked[-1].registrations
    assert registration.method == "workspace/didChangeWatchedFiles"

    changed = f"\n{CODE}".replace("names[0]", "next(iter(names), None)")
    (folder / "mean.py").write_text(changed, encoding="utf-8")
    event = lsp.FileEvent(uri=file.uri, type=lsp.FileChangeType.Changed)
    ben.workspace_did_change_watched_files(lsp.DidChangeWatchedFilesParams(changes=[event]))
    file.text = changed
    await file.shows((5, DIVISION[1]))
    other = File(ada, folder / "mean.py")
    await other.client.until(lambda: len(other.problems) == 1)  # fixed there is fixed here


async def test_an_editor_that_watches_no_files_hears_of_changes_on_disk_too(
    open_editor: OpenEditor, model_server: ModelServer, folder: Path
) -> None:
    (folder / "mean.py").write_text(CODE, encoding="utf-8")
    client = await open_editor()
    await review(client, model_server, ZERO, INDEX)
    file = File(client, folder / "mean.py")
    file.text = CODE
    await file.shows(DIVISION, FIRST)
    changed = f"\n{CODE}".replace("names[0]", "next(iter(names), None)")
    (folder / "mean.py").write_text(changed, encoding="utf-8")
    file.text = changed
    await file.shows((5, DIVISION[1]))


async def test_a_review_and_a_fix_from_the_command_palette(
    open_editor: OpenEditor, model_server: ModelServer, folder: Path
) -> None:
    def git(*arguments: str) -> None:
        subprocess.run(("git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments), cwd=folder, check=True)

    path = folder / "mean.py"
    path.write_text(CODE, encoding="utf-8")
    git("init", "--quiet")
    git("add", ".")
    git("commit", "--quiet", "-m", "one")
    path.write_text(CODE.replace("import os", "import staged"), encoding="utf-8")
    git("add", ".")
    path.write_text(CODE.replace("import os", "import unstaged"), encoding="utf-8")

    client = await open_editor(capabilities=EDITS)
    file = File(client, path)
    file.open(CODE)
    offered = await client.raw(
        "textDocument/codeAction",
        {
            "textDocument": {"uri": file.uri},
            "range": plain(lsp.Range(start=lsp.Position(0, 0), end=lsp.Position(0, 0))),
            "context": {"diagnostics": [], "triggerKind": 1},
        },
    )
    action = offered[0]
    assert (action["title"], action["kind"]) == ("Review this file", "source.sessionls")
    model_server.script(Answer(tools=[ZERO]), Answer("One finding."))
    session = await client.command(action["command"]["command"], *action["command"]["arguments"])
    assert (session["agent"], session["workspaceFolders"]) == ("review", [uri_of(folder)])
    # The scanners run first, then the agent.
    await client.until(lambda: DIVISION in file.shown())
    assert "ruff/F401" in [one.code for one in file.problems]
    division = next(one for one in file.problems if one.code == "zero-division")
    await client.until(lambda: client.shown)
    assert "import os" in model_server.requests[0].text
    await model_server.received(2)

    for arguments, words in (({"staged": True}, "import staged"), ({"diff": "HEAD"}, "import unstaged")):
        model_server.requests.clear()
        model_server.script(Answer("Nothing."))
        await client.command("sessionls.review", arguments)
        await model_server.received(1)
        assert words in model_server.requests[0].text

    # The incomplete review is reported everywhere.
    client.messages.clear()
    model_server.script(Answer("It seems", reason="length"))
    await client.command("sessionls.review", {"diff": "HEAD"})
    await client.until(lambda: client.messages)
    assert "not complete" in client.messages[0].message and "limit of output tokens" in client.messages[0].message

    fix = (await file.actions(division))["Fix with code"]["command"]
    model_server.requests.clear()
    model_server.script(Answer("Fixed."))
    session = await client.command(fix["command"], *fix["arguments"])
    assert session["id"] == file.data(0)["sessionId"]
    await model_server.received(1)
    asked = model_server.requests[0].text
    assert "It divides by zero" in asked and "return sum(values) / len(values)" in asked
    with refused(-32602, "invalidParams"):
        await client.command("sessionls.fix", {"findingId": "nothing"})


async def test_a_review_continues_after_failed_steps_and_reports_them(
    open_editor: OpenEditor, model_server: ModelServer, folder: Path
) -> None:
    """As in the terminal (tests/test_review.py): both use `sessions/review.py`."""
    broken = {"broken": {"command": [sys.executable, "-c", "raise SystemExit('the licence has run out')"]}}
    env = {**key_for(model_server), "SESSIONLS_EMBEDDED": "false", "SESSIONLS_SCANNERS": json.dumps(broken)}
    shows = lsp.WindowClientCapabilities(work_done_progress=True, show_document=lsp.ShowDocumentClientCapabilities(support=True))
    client = await open_editor(events=False, capabilities=lsp.ClientCapabilities(window=shows), env=env)
    path = folder / "mean.py"
    path.write_text(CODE, encoding="utf-8")
    model_server.script(Refuse(400, "This model does not review."))
    await client.command("sessionls.review", {"uri": uri_of(path)})
    await client.until(lambda: len(client.messages) == 2)
    scanner, agent = client.messages
    assert client.shown[0].uri.endswith(".session.md")
    assert scanner.type == lsp.MessageType.Warning and agent.type == lsp.MessageType.Error
    assert "The review by scan is not complete." in scanner.message and "the licence has run out" in scanner.message
    assert "review could not answer: " in agent.message
    begun = [one["value"]["title"] for one in client.all_of("$/progress") if one["value"]["kind"] == "begin"]
    assert begun == ["scan", "review"]
    found = (await client.ask("finding/list"))["findings"]
    assert "ruff/F401" in [one["rule"] for one in found]


async def test_the_same_problems_are_published_once(open_editor: OpenEditor, model_server: ModelServer, folder: Path) -> None:
    client = await open_editor(capabilities=EDITS)
    file = File(client, folder / "mean.py")
    file.path.write_text(CODE, encoding="utf-8")
    file.open(CODE)
    await review(client, model_server, ZERO, INDEX)
    await file.shows(DIVISION, FIRST)
    published = len(client.all_of("textDocument/publishDiagnostics"))
    for _ in range(3):  # each save is checked at once
        file.save()
        await client.ask("finding/list")
        await client.ask("agent/list")
    file.change(f"# put before\n{CODE}")
    await file.shows((5, DIVISION[1]), (9, FIRST[1]))
    assert len(client.all_of("textDocument/publishDiagnostics")) == published + 1


async def test_quick_fixes_are_offered_for_the_diagnostics_of_the_request(
    open_editor: OpenEditor, model_server: ModelServer, folder: Path
) -> None:
    client = await open_editor(capabilities=EDITS)
    file = File(client, folder / "mean.py")
    file.path.write_text(CODE, encoding="utf-8")
    file.open(CODE)
    await review(client, model_server, ZERO, INDEX)
    await file.shows(DIVISION, FIRST)
    given = [client.protocol._converter.unstructure(one) for one in file.problems]
    without_data = [{key: value for key, value in one.items() if key != "data"} for one in given]
    foreign = {**without_data[0], "source": "other", "message": "a word of another server"}

    async def about(*diagnostics: Any, kind: str = "quickfix") -> list[list[str]]:
        """For which findings something is offered, over the whole file."""
        whole = {"start": {"line": 0, "character": 0}, "end": {"line": 20, "character": 0}}
        context = {"diagnostics": list(diagnostics), "only": [kind]}
        params = {"textDocument": {"uri": file.uri}, "range": whole, "context": context}
        offered = await client.raw("textDocument/codeAction", params)
        ids = [file.data(0)["findingId"], file.data(1)["findingId"]]
        found = [action["command"]["arguments"][0].get("findingId") for action in offered if "command" in action]
        return [one for one in ids if one in found]

    zero, index = file.data(0)["findingId"], file.data(1)["findingId"]
    assert await about() == [zero, index]  # the client sends none
    assert await about(given[0]) == [zero]
    assert await about(given[1], foreign) == [index]
    assert await about(without_data[1]) == [index]  # it keeps no data
    assert await about(foreign) == []
    assert await about({"severity": 0, "message": "odd"}) == []
    assert await about(given[0], kind="source") == []
