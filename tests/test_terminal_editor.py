"""The terminal as an editor: edits on disk, only of text that was read and inside the folder; questions at the keyboard."""

from __future__ import annotations

import asyncio
import hashlib
import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import pytest

from sessionls.cli.terminal import Terminal
from sessionls.cli.terminal_editor import TerminalEditor
from sessionls.domain.model import Position, Range
from sessionls.domain.permission import Answer, Question
from sessionls.ports.editor import DocumentChange, EditOutcome
from sessionls.sessions.workspace import file_edits
from sessionls.sessions.workspace.workspace import Workspace
from sessionls.tools.toolbox import Toolbox, all_tools
from tool_calls import LoneCall

posix_only = pytest.mark.skipif(os.name == "nt", reason="needs POSIX links and terminals")


@pytest.fixture
def editor(folder: Path) -> TerminalEditor:
    return TerminalEditor(folder.as_uri(), Terminal())


def change(path: Path, old: str, new: str) -> DocumentChange:
    """Replace `old`, the text of the first line, with `new`."""
    where = Range(start=Position(line=0, character=0), end=Position(line=0, character=len(old)))
    return DocumentChange(path.as_uri(), edits=((where, new),), sha256=hashlib.sha256(old.encode()).hexdigest())


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def apply(editor: TerminalEditor, *changes: DocumentChange) -> EditOutcome:
    return await editor.apply("Edit", changes)


class TestEdits:
    async def test_a_file_is_edited_created_and_deleted(self, editor: TerminalEditor, folder: Path) -> None:
        path, new = folder / "a.txt", folder / "new" / "inner" / "b.txt"
        path.write_text("𝄞 old", encoding="utf-8")
        assert await apply(editor, change(path, "𝄞 old", "new")) == EditOutcome(applied=True)
        assert path.read_bytes() == b"new"
        assert (await apply(editor, DocumentChange(new.as_uri(), kind="create", text="hé\n"))).applied
        assert new.read_bytes() == "hé\n".encode()
        assert (await apply(editor, DocumentChange(path.as_uri(), kind="delete"))).applied
        assert names(folder) == ["new"] and names(new.parent) == ["b.txt"], "nothing lies beside it"

    async def test_the_byte_order_mark_and_the_mode_are_kept(self, editor: TerminalEditor, folder: Path) -> None:
        path = folder / "a.sh"
        path.write_bytes(b"\xef\xbb\xbfold")
        path.chmod(0o755)
        assert (await apply(editor, change(path, "old", "new"))).applied
        assert path.read_bytes() == b"\xef\xbb\xbfnew"
        if os.name == "posix":
            assert stat.S_IMODE(path.stat().st_mode) == 0o755

    async def test_a_file_that_changed_meanwhile_is_not_written(self, editor: TerminalEditor, folder: Path) -> None:
        path = folder / "a.txt"
        path.write_text("other", encoding="utf-8")
        kinds: tuple[Literal["edit", "delete"], ...] = ("edit", "delete")
        for kind in kinds:
            seen = DocumentChange(path.as_uri(), kind=kind, sha256="0" * 64)
            outcome = await apply(editor, seen)
            assert not outcome.applied and "changed" in (outcome.reason or "")
        assert path.read_text(encoding="utf-8") == "other"

    async def test_an_existing_file_is_not_created_again(self, editor: TerminalEditor, folder: Path) -> None:
        path = folder / "a.txt"
        path.write_text("mine", encoding="utf-8")
        outcome = await apply(editor, DocumentChange(path.as_uri(), kind="create", text="x"))
        assert not outcome.applied and path.read_text(encoding="utf-8") == "mine"
        assert names(folder) == ["a.txt"]

    async def test_files_outside_and_withheld_files_are_not_written(
        self, editor: TerminalEditor, folder: Path, tmp_path: Path
    ) -> None:
        for path in (tmp_path / "out.txt", folder / ".." / "out.txt", folder / ".git" / "hooks" / "x", folder / ".env"):
            outcome = await apply(editor, DocumentChange(f"file://{path}", kind="create", text="x"))
            assert not outcome.applied and str(tmp_path) not in (outcome.reason or "")
            assert not path.exists()

    @posix_only
    @pytest.mark.parametrize("kind", ["edit", "create", "delete"])
    async def test_a_folder_replaced_by_a_link_between_check_and_write_is_not_written(
        self, editor: TerminalEditor, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
    ) -> None:
        outside = tmp_path / "outside"
        outside.mkdir()
        (outside / "a.txt").write_text("old", encoding="utf-8")
        (folder / "sub").mkdir()
        path = folder / "sub" / ("new.txt" if kind == "create" else "a.txt")
        if kind != "create":
            path.write_text("old", encoding="utf-8")
        wanted = {
            "edit": change(path, "old", "new"),
            "create": DocumentChange(path.as_uri(), kind="create", text="x"),
            "delete": DocumentChange(path.as_uri(), kind="delete"),
        }[kind]
        name: Callable[[Path, str], str] = file_edits._name

        def and_swap(root: Path, uri: str) -> str:
            checked = name(root, uri)
            (folder / "sub").rename(folder / "gone")
            (folder / "sub").symlink_to(outside)
            return checked

        monkeypatch.setattr(file_edits, "_name", and_swap)
        assert not (await apply(editor, wanted)).applied
        assert names(outside) == ["a.txt"] and (outside / "a.txt").read_text(encoding="utf-8") == "old"

    @posix_only
    async def test_a_file_replaced_just_before_the_write_is_not_overwritten(
        self, editor: TerminalEditor, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path, secret = folder / "a.txt", tmp_path / "secret"
        path.write_text("old", encoding="utf-8")
        secret.write_text("secret", encoding="utf-8")
        edited = file_edits.edited_text

        def and_swap(*given: object) -> str:
            path.unlink()
            path.symlink_to(secret)
            return edited(*given)  # type: ignore[arg-type]

        monkeypatch.setattr(file_edits, "edited_text", and_swap)
        outcome = await apply(editor, change(path, "old", "new"))
        assert not outcome.applied and "changed" in (outcome.reason or "")
        assert secret.read_text(encoding="utf-8") == "secret" and path.is_symlink()

    async def test_the_tools_write_through_it(self, editor: TerminalEditor, folder: Path) -> None:
        (folder / "a.txt").write_bytes(b"a\r\nb\r\n")
        tools = {tool.name: tool for tool in Toolbox(all_tools(Workspace(editor), editor)).offer(["read_file", "edit_file"])}
        call = LoneCall()
        await tools["read_file"].run({"path": "a.txt"}, call)
        for old, new in (("a", "1"), ("b", "2\n3")):
            await tools["edit_file"].run({"path": "a.txt", "edits": [{"old": old, "new": new}]}, call)
        assert (folder / "a.txt").read_bytes() == b"1\r\n2\r\n3\r\n"


QUESTION = Question("session", "reply", "request", "code", "edit_file", "Edit a.txt", "write", "edit_file", "-old\n+new\x1b[2J")


class TestQuestions:
    @staticmethod
    @contextmanager
    def keyboard(editor: TerminalEditor) -> Iterator[int]:
        """Stdin and stderr are a terminal. This is its other end: keyboard and screen."""
        ours, theirs = os.openpty()
        given, screen = os.fdopen(theirs, "r", closefd=False), os.fdopen(theirs, "w", encoding="utf-8")
        with pytest.MonkeyPatch.context() as monkeypatch, given, screen:
            monkeypatch.setattr(sys, "stdin", given)
            monkeypatch.setattr(sys, "stderr", screen)
            editor._terminal = Terminal()
            yield ours
        os.close(ours)

    async def test_no_question_is_asked_in_a_pipe(self, editor: TerminalEditor) -> None:
        assert await editor.ask(QUESTION) is None

    @posix_only
    @pytest.mark.parametrize(("typed", "answer"), [("y\n", "once"), ("maybe\nS\n", "session"), ("no\n", "deny"), ("\x04", None)])
    async def test_the_person_at_the_keyboard_answers(self, editor: TerminalEditor, typed: str, answer: Answer | None) -> None:
        with self.keyboard(editor) as keyboard:
            asking = asyncio.create_task(editor.ask(QUESTION))
            await self._shown(keyboard, "[n]o: ")
            for line in typed.splitlines(keepends=True):
                await asyncio.to_thread(os.write, keyboard, line.encode())
            async with asyncio.timeout(20):
                assert await asking == answer

    @posix_only
    async def test_a_question_can_be_withdrawn_and_shows_no_escapes(self, editor: TerminalEditor) -> None:
        with self.keyboard(editor) as keyboard:
            asking = asyncio.create_task(editor.ask(QUESTION))
            text = await self._shown(keyboard, "[n]o: ")
            assert "Edit a.txt" in text and "+new" in text and "ession: edit_file" in text and "\x1b[2J" not in text
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking

    @staticmethod
    async def _shown(screen: int, wanted: str) -> str:
        text = ""
        async with asyncio.timeout(20):
            while wanted not in text:
                text += (await asyncio.to_thread(os.read, screen, 10_000)).decode("utf-8", "replace")
        return text
