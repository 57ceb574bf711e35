"""Edits of agents are saved, so that programs see them; unsaved changes of a person are never saved for them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types as lsp

from editing_client import Buffers, able
from model_server import Answer, ModelServer, ToolUse
from server_client import SessionClient, uri_of
from shared_server import OpenEditor, key_for

ALLOWED = {"SESSIONLS_PERMISSIONS": '{"write": "allow", "execute": "allow"}', "SESSIONLS_EMBEDDED": "false"}


class Editor:
    """An editor with a session in which agents may write and run commands without asking."""

    def __init__(self, client: SessionClient, models: ModelServer, session: str) -> None:
        self.client = client
        self.models = models
        self.session = session
        self.buffers = Buffers(client)

    async def calls(self, *calls: ToolUse, **more: Any) -> list[tuple[str, str]]:
        """The results of these calls, in order."""
        self.models.script(*(Answer(tools=[call]) for call in calls), Answer("Done."))
        exchange = await self.client.ask("session/message", sessionId=self.session, text="Go on", **more)
        return [(part["status"], part["result"]) for part in exchange["reply"]["parts"] if part["kind"] == "tool"]


Start = Callable[[bool], Any]


@pytest.fixture
def start(open_editor: OpenEditor, model_server: ModelServer) -> Start:
    async def start(saves: bool) -> Editor:
        client = await open_editor(capabilities=able(), saves=saves, env={**key_for(model_server), **ALLOWED})
        session = (await client.ask("session/create"))["id"]
        await client.ask("session/open", sessionId=session)
        return Editor(client, model_server, session)

    return start


@pytest.fixture
def path(folder: Path) -> Path:
    path = folder / "a.py"
    path.write_text("x = 1\n", encoding="utf-8")
    return path


def reads(name: str = "a.py") -> ToolUse:
    return ToolUse("read_file", {"path": name})


def edit(old: str, new: str, name: str = "a.py") -> ToolUse:
    return ToolUse("edit_file", {"path": name, "edits": [{"old": old, "new": new}]})


def command(line: str) -> ToolUse:
    return ToolUse("run_command", {"command": line})


async def on_disk(path: Path) -> str:
    return await asyncio.to_thread(path.read_text, encoding="utf-8")


class TestEditorThatSaves:
    async def test_a_command_sees_an_edit_of_a_saved_document_and_the_edit_can_be_undone(self, start: Start, path: Path) -> None:
        editor: Editor = await start(True)
        editor.buffers.open(uri_of(path), "x = 1\n")
        *_, edited, found = await editor.calls(reads(), edit("x = 1", "x = 2"), command("grep -c 'x = 2' a.py"))
        assert edited == ("done", "Edited a.py: 1 replacement (line 1).")
        assert found == ("done", "Exit code 0.\n1")
        assert editor.buffers.saving == [[uri_of(path)]] and len(editor.buffers.asked) == 1
        editor.buffers.undo()
        assert editor.buffers.texts[uri_of(path)] == "x = 1\n"

    async def test_closed_files_and_new_files_are_saved_too(self, start: Start, path: Path) -> None:
        editor: Editor = await start(True)
        create = ToolUse("create_file", {"path": "new folder/b.txt", "text": "seven!\n"})
        *_, size, found = await editor.calls(
            reads(), edit("x = 1", "x = 2"), create, command("wc -c < 'new folder/b.txt'"), command("cat a.py")
        )
        assert size[0] == "done" and size[1].split() == ["Exit", "code", "0.", "7"]
        assert found == ("done", "Exit code 0.\nx = 2")

    async def test_unsaved_changes_of_a_person_stay_unsaved_and_the_agent_learns_it(self, start: Start, path: Path) -> None:
        editor: Editor = await start(True)
        editor.buffers.open(uri_of(path), "x = 1  # typed\n")
        *_, edited, found = await editor.calls(reads(), edit("x = 1", "x = 2"), command("cat a.py"))
        assert edited[0] == "done" and "had unsaved changes before" in edited[1]
        output, notice = found[1].rsplit("\n", 1)
        assert output == "Exit code 0.\nx = 1" and notice.startswith("[Unsaved changes in the editor") and "a.py" in notice
        assert editor.buffers.saving == [] and await on_disk(path) == "x = 1\n"
        assert editor.buffers.texts[uri_of(path)] == "x = 2  # typed\n"

    async def test_text_typed_after_the_edit_is_not_saved_with_a_later_command(self, start: Start, path: Path) -> None:
        editor: Editor = await start(True)
        editor.buffers.open(uri_of(path), "x = 1\n")
        await editor.calls(reads(), edit("x = 1", "x = 2"))
        editor.buffers.change(uri_of(path), "x = 2  # typed\n")
        (found,) = await editor.calls(command("cat a.py"))
        assert "[Unsaved changes" in found[1] and await on_disk(path) == "x = 2\n"

    async def test_a_failed_save_does_not_affect_others_and_is_retried(self, start: Start, path: Path) -> None:
        editor: Editor = await start(True)
        other = path.with_name("b.py")
        await asyncio.to_thread(other.write_text, "y = 1\n", encoding="utf-8")
        editor.buffers.open(uri_of(path), "x = 1\n")
        editor.buffers.open(uri_of(other), "y = 1\n")
        editor.buffers.locked = {uri_of(path)}
        *_, edited, _, _, seen = await editor.calls(
            *(reads(), edit("x = 1", "x = 2"), reads("b.py"), edit("y = 1", "y = 2", "b.py"), command("cat a.py b.py"))
        )
        assert "the edit of a.py is only in the editor" in edited[1]
        assert seen[1].startswith("Exit code 0.\nx = 1\ny = 2\n[Unsaved changes in the editor, which this did not see: a.py.")
        editor.buffers.locked = set()
        (seen,) = await editor.calls(command("cat a.py"))
        assert seen == ("done", "Exit code 0.\nx = 2")

    @pytest.mark.parametrize(
        ("on_disk", "shown"),
        [
            pytest.param(b"\xef\xbb\xbfx = 1\n", "x = 1\n", id="byte order mark"),
            pytest.param(b"\xef\xbb\xbfx = 1\n", "\ufeffx = 1\n", id="byte order mark handed over"),
            pytest.param(b"x = 1\r\ny\r\n", "x = 1\r\ny\r\n", id="CRLF"),
            pytest.param(b"x = 1\r\ny\n", "x = 1\ny\n", id="several line ends, of which the editor makes one"),
            pytest.param("x = 1  # é\n".encode("latin-1"), "x = 1  # é\n", id="Latin-1"),
            pytest.param("x = 1  # é\n".encode("utf-16"), "x = 1  # é\n", id="UTF-16"),
            pytest.param("x = 1  # ж\n".encode("cp1251"), "x = 1  # ж\n", id="Windows-1251"),
        ],
    )
    async def test_a_document_is_saved_with_any_encoding_and_line_ends(
        self, start: Start, path: Path, on_disk: bytes, shown: str
    ) -> None:
        await asyncio.to_thread(path.write_bytes, on_disk)
        editor: Editor = await start(True)
        editor.buffers.open(uri_of(path), shown)
        looked, _, edited = await editor.calls(command("echo looked"), reads(), edit("x = 1", "x = 2"))
        assert looked == ("done", "Exit code 0.\nlooked"), "nothing is unsaved"
        assert edited == ("done", "Edited a.py: 1 replacement (line 1).")
        assert editor.buffers.saving == [[uri_of(path)]]

    async def test_other_line_ends_are_an_unsaved_change_like_any_other(self, start: Start, path: Path) -> None:
        editor: Editor = await start(True)
        editor.buffers.open(uri_of(path), "x = 1\r\n")
        *_, edited = await editor.calls(reads(), edit("x = 1", "x = 2"))
        assert "had unsaved changes before" in edited[1] and await on_disk(path) == "x = 1\n"

    async def test_text_typed_during_saving_is_not_saved(self, start: Start, path: Path) -> None:
        editor: Editor = await start(True)
        editor.buffers.open(uri_of(path), "x = 1\n")

        def types() -> None:
            editor.buffers.before_save = lambda: None
            editor.buffers.change(uri_of(path), "x = 2  # typed\n")

        editor.buffers.before_save = types
        *_, edited, found = await editor.calls(reads(), edit("x = 1", "x = 2"), command("cat a.py"))
        assert edited[0] == "done" and "is only in the editor" in edited[1]
        assert found[1].startswith("Exit code 0.\nx = 1\n[Unsaved changes") and await on_disk(path) == "x = 1\n"
        assert len(editor.buffers.saving) == 1

    async def test_an_editor_that_says_yes_and_changes_nothing_has_not_made_the_edit(self, start: Start, path: Path) -> None:
        """Neovim answers like this if its buffer is newer than the edit."""
        editor: Editor = await start(True)
        editor.buffers.open(uri_of(path), "x = 1\n")

        async def says_yes(params: lsp.ApplyWorkspaceEditParams) -> lsp.ApplyWorkspaceEditResult:
            return lsp.ApplyWorkspaceEditResult(applied=True)

        editor.client.protocol.fm.features[lsp.WORKSPACE_APPLY_EDIT] = says_yes
        _, (status, told) = await editor.calls(reads(), edit("x = 1", "x = 2"))
        assert status == "failed" and "It reported success, but the text did not change." in told and "+x = 2" in told
        assert [event["applied"] for event in editor.client.events_of("edited")] == [False]


class TestFileChangedByCommand:
    async def test_is_reported_if_the_editor_still_has_the_old_text(self, start: Start, path: Path) -> None:
        editor: Editor = await start(False)
        editor.buffers.open(uri_of(path), "x = 1\n")
        (changed,) = await editor.calls(command("echo 'x = 9' > a.py"))
        assert changed[0] == "done" and "Since this ran the disk and the editor differ in: a.py." in changed[1]

    async def test_is_not_reported_if_the_editor_reads_the_file_again(self, start: Start, path: Path) -> None:
        editor: Editor = await start(True)
        editor.buffers.open(uri_of(path), "x = 1\n")

        def wait() -> None:  # like an editor that does not watch the disk
            while path.read_text(encoding="utf-8") != "x = 9\n":
                time.sleep(0.01)

        async def reads_again() -> None:
            await asyncio.to_thread(wait)
            editor.buffers.change(uri_of(path), "x = 9\n")

        (changed,), _ = await asyncio.gather(editor.calls(command("echo 'x = 9' > a.py")), reads_again())
        assert changed == ("done", "Exit code 0.\n(no output)")


class TestEditorWithoutSaving:
    async def test_line_ends_that_the_editor_does_not_send_are_not_unsaved_changes(self, start: Start, path: Path) -> None:
        await asyncio.to_thread(path.write_bytes, b"x = 1\r\n")
        editor: Editor = await start(False)
        editor.buffers.open(uri_of(path), "x = 1\n")
        (seen,) = await editor.calls(command("echo seen"))
        assert seen == ("done", "Exit code 0.\nseen")

    async def test_a_document_with_only_an_agents_unsaved_edit_can_be_deleted(self, start: Start, path: Path) -> None:
        editor: Editor = await start(False)
        editor.buffers.open(uri_of(path), "x = 1\n")
        gone = ToolUse("delete_file", {"path": "a.py"})
        await editor.calls(reads(), edit("x = 1", "x = 2"))
        editor.buffers.change(uri_of(path), "x = 3\n")
        (kept,) = await editor.calls(gone)
        assert kept[0] == "failed" and "only the person can delete it" in kept[1]
        editor.buffers.change(uri_of(path), "x = 2\n")
        (deleted,) = await editor.calls(gone)
        assert deleted == ("done", "Deleted a.py.") and not await asyncio.to_thread(path.exists)

    async def test_all_open_documents_are_compared_or_the_rest_is_reported(self, start: Start, path: Path) -> None:
        editor: Editor = await start(False)
        for number in range(1_001):
            editor.client.open_document((path.parent / f"{number}.py").as_uri(), "unsaved\n")
        (seen,) = await editor.calls(command("echo seen"))
        assert "and 980 more" in seen[1] and "[1 more open documents were not compared with the disk.]" in seen[1]

    async def test_an_edit_of_an_open_document_says_that_programs_do_not_see_it(self, start: Start, path: Path) -> None:
        editor: Editor = await start(False)
        editor.buffers.open(uri_of(path), "x = 1\n")
        *_, edited, again, found = await editor.calls(
            reads(), edit("x = 1", "x = 2"), edit("x = 2", "x = 3"), command("cat a.py")
        )
        for status, told in (edited, again):
            assert status == "done" and "the edit of a.py is only in the editor" in told
        assert "[Unsaved changes" in found[1] and "\nx = 1\n" in found[1]
        assert editor.buffers.texts[uri_of(path)] == "x = 3\n"

    async def test_a_closed_file_is_written_without_leaving_a_hidden_buffer(self, start: Start, path: Path) -> None:
        editor: Editor = await start(False)
        create = ToolUse("create_file", {"path": "b.txt", "text": "seven!\n"})
        results = await editor.calls(reads(), edit("x = 1", "x = 2"), create, command("cat a.py b.txt"))
        assert [status for status, _ in results] == ["done"] * 4
        assert results[-1][1] == "Exit code 0.\nx = 2\nseven!"
        assert editor.buffers.texts == {} and editor.buffers.asked == []
        assert [event["applied"] for event in editor.client.events_of("edited")] == [True, True]


async def test_a_command_with_a_nonzero_exit_code_has_failed(start: Start) -> None:
    editor: Editor = await start(False)
    ((status, told),) = await editor.calls(command("echo broken; exit 3"))
    assert status == "failed" and told == "Exit code 3.\nbroken"
    document = await editor.client.raw("workspace/textDocumentContent", {"uri": f"sessionls:/{editor.session}.md"})
    assert "<summary>Tool run_command: ✗ failed: Exit code 3</summary>" in document["text"]


class TestAFileSentAsContext:
    async def test_may_be_edited_without_being_read_again(self, start: Start, path: Path) -> None:
        editor: Editor = await start(False)
        whole = [{"kind": "file", "uri": uri_of(path)}]
        (edited,) = await editor.calls(edit("x = 1", "x = 2"), context=whole)
        assert edited[0] == "done" and await on_disk(path) == "x = 2\n"

    async def test_must_be_read_if_only_a_part_was_sent(self, start: Start, path: Path) -> None:
        await asyncio.to_thread(path.write_text, "x = 1\ny = 2\n", encoding="utf-8")
        editor: Editor = await start(False)
        line = {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 5}}
        (edited,) = await editor.calls(
            edit("x = 1", "x = 2"), context=[{"kind": "selection", "uri": uri_of(path), "range": line}]
        )
        assert edited[0] == "failed" and "Read a.py with read_file" in edited[1]

    async def test_must_be_read_again_if_it_has_changed(self, start: Start, path: Path) -> None:
        editor: Editor = await start(True)
        await editor.calls(context=[{"kind": "file", "uri": uri_of(path)}])
        await asyncio.to_thread(path.write_text, "x = 1\ny = 2\n", encoding="utf-8")
        (edited,) = await editor.calls(edit("x = 1", "x = 2"))
        assert edited[0] == "failed" and "has changed since" in edited[1]
