"""The tools that change files: only text that the agent has read, only inside the workspace, always through the editor."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from in_process_app import PlainEditor
from sessionls.agents.sources import AGENT_DIRECTORIES, source_directories
from sessionls.ports.editor import Buffer, DocumentChange, EditOutcome
from sessionls.ports.tools import ToolFailed
from sessionls.sessions.workspace.diffing import patch
from sessionls.sessions.workspace.positions import Lines
from sessionls.sessions.workspace.workspace import Workspace
from sessionls.tools.mcp import FILES
from sessionls.tools.outcome import SETTLING_SECONDS
from sessionls.tools.patching import shown
from sessionls.tools.toolbox import Toolbox, all_tools
from tool_calls import LoneCall

posix_only = pytest.mark.skipif(os.name == "nt", reason="needs POSIX links and pipes")


class WritingEditor(PlainEditor):
    """An editor that makes the requested changes: in its buffers, or on disk for closed files."""

    def __init__(self, folder: Path) -> None:
        super().__init__([folder.as_uri()])
        self.asked_for: list[tuple[str, DocumentChange, bool]] = []
        self.refuses: str | None = None

    def open(self, path: Path, text: str, version: int = 1) -> None:
        self.buffers[path.as_uri()] = Buffer(path.as_uri(), text, version)

    async def apply(self, label: str, changes: Sequence[DocumentChange], *, confirm: bool = False) -> EditOutcome:
        for change in changes:
            self.asked_for.append((label, change, confirm))
            if self.refuses is not None:
                return EditOutcome(applied=False, reason=self.refuses)
            await asyncio.to_thread(self._make, change)
        return EditOutcome(applied=True)

    def _make(self, change: DocumentChange) -> None:
        path = Path(change.uri.removeprefix("file://"))
        if change.kind == "delete":
            path.unlink()
            return
        if change.kind == "create":
            self.open(path, change.text)
            return
        buffer = self.buffers.get(change.uri)
        text = buffer.text if buffer else path.read_bytes().decode()
        lines = Lines(text, self.encoding)
        for range_, new in reversed(list(change.edits)):
            start, end = lines.span(range_)
            text = text[:start] + new + text[end:]
        if buffer:
            self.open(path, text, (buffer.version or 0) + 1)
        else:
            path.write_bytes(text.encode())


class Place:
    """A workspace folder, an editor, and an agent with its tools in a session."""

    def __init__(self, root: Path, *, confirm: bool = False, settling_seconds: Sequence[float] = SETTLING_SECONDS) -> None:
        self.outside = root
        self.folder = root / "project"
        self.folder.mkdir(exist_ok=True)
        self.editor = WritingEditor(self.folder)
        self.confirm = confirm
        self.settling_seconds = settling_seconds
        self.read_only = False
        self.call = LoneCall()
        self.obeying()

    def obeying(self, *own: Path) -> None:
        """From now on these are the participant's own protected paths."""
        tools = all_tools(
            Workspace(self.editor),
            self.editor,
            confirm=self.confirm,
            protected=own,
            read_only=lambda: self.read_only,
            settling_seconds=self.settling_seconds,
        )
        self.toolbox = Toolbox(tools)

    def write(self, name: str, text: str | bytes) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    async def run(self, tool: str, **arguments: Any) -> str:
        (found,) = self.toolbox.offer([tool])
        return await found.run(arguments, self.call)

    async def refused(self, tool: str, **arguments: Any) -> str:
        before = len(self.editor.asked_for)
        with pytest.raises(ToolFailed) as raised:
            await self.run(tool, **arguments)
        assert len(self.editor.asked_for) == before, "the editor was asked all the same"
        assert str(self.outside) not in str(raised.value), "no path of this machine is told"
        return str(raised.value)

    async def edit(self, path: str, *edits: tuple[str, str] | tuple[str, str, bool]) -> str:
        return await self.run("edit_file", path=path, edits=[_edit(*edit) for edit in edits])

    async def edit_refused(self, path: str, *edits: tuple[str, str] | tuple[str, str, bool]) -> str:
        return await self.refused("edit_file", path=path, edits=[_edit(*edit) for edit in edits])

    async def edited(self, before: str, *edits: tuple[str, str] | tuple[str, str, bool]) -> str:
        """The result of edits of a text."""
        path = self.write("text.txt", before)
        await self.run("read_file", path="text.txt")
        await self.edit("text.txt", *edits)
        return path.read_bytes().decode()


def _edit(old: str, new: str, everywhere: bool = False) -> dict[str, Any]:
    return {"old": old, "new": new, "all": everywhere}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


class TestEditResults:
    async def test_the_text_is_replaced_exactly(self, place: Place) -> None:
        assert await place.edited("a = 1\nb = 2\n", ("b = 2", "b = 3")) == "a = 1\nb = 3\n"

    async def test_several_edits_are_made_together(self, place: Place) -> None:
        assert await place.edited("one two three", ("three", "3"), ("one", "1")) == "1 two 3"
        assert len(place.editor.asked_for) == 1

    async def test_all_occurrences_are_replaced_if_requested(self, place: Place) -> None:
        assert await place.edited("x y x y xx", ("x", "z", True)) == "z y z y zz"
        assert await place.edited("aaa", ("aa", "b", True)) == "ba"

    async def test_the_file_keeps_its_line_ends(self, place: Place) -> None:
        assert await place.edited("a\r\nb\r\nc\r\n", ("a\nb\n", "1\n2\n3\n")) == "1\r\n2\r\n3\r\nc\r\n"
        assert await place.edited("a\r\nb\r\nc\r\n", ("b\r\nc", "x")) == "a\r\nx\r\n"
        assert await place.edited("a\nb\n", ("b\n", "1\r\n2\r\n")) == "a\n1\n2\n"
        assert await place.edited("a\r\nb", ("b", "c")) == "a\r\nc"
        assert await place.edited("a\r\nb", ("\nb", "!")) == "a!"

    async def test_characters_of_any_width_are_edited_correctly(self, place: Place) -> None:
        assert await place.edited("é😀𝄞 = 1; 𝄞 = 2\n", ("𝄞 = 2", "x = 3")) == "é😀𝄞 = 1; x = 3\n"

    @pytest.mark.parametrize(
        ("text", "edits", "says"),
        [
            ("x\nx\n", [("x", "y")], "2 times in text.txt (lines 1, 2)"),
            ("def total(items):\n    pass\n", [("def totl(items):", "y")], "1 | def total(items):"),
            (
                "if a:\n        go()\n",
                [("if a:\n    go()", "y")],
                "Only the whitespace differs here:\n1 | if a:\n2 |         go()",
            ),
            ("x", [("nothing like it", "y")], "Read the file again"),
            ("abc", [("ab", "x"), ("bc", "y")], "overlap"),
            ("abc", [("ab", "ab")], "the same"),
            ("abc", [("ab", "x"), ("zz", "y")], "edits[1]"),
        ],
    )
    async def test_an_impossible_edit_is_explained_and_changes_nothing(
        self, place: Place, text: str, edits: list[tuple[str, str]], says: str
    ) -> None:
        path = place.write("text.txt", text)
        await place.run("read_file", path="text.txt")
        assert says in await place.edit_refused("text.txt", *edits)
        assert path.read_text(encoding="utf-8") == text

    async def test_the_arguments_are_checked(self, place: Place) -> None:
        place.write("text.txt", "x")
        assert "edits" in await place.refused("edit_file", path="text.txt")
        assert "old" in await place.refused("edit_file", path="text.txt", edits=[{"new": "y"}])
        assert "old" in await place.edit_refused("text.txt", ("", "y"))

    def test_the_schema_has_no_references(self, place: Place) -> None:
        (tool,) = place.toolbox.offer(["edit_file"])
        assert "$" not in str(tool.schema) and tool.schema["properties"]["edits"]["items"]["required"] == ["old", "new"]


class TestEditsRequireReadText:
    async def test_an_unread_file_is_not_edited(self, place: Place) -> None:
        place.write("text.txt", "x")
        assert "Read text.txt with read_file" in await place.edit_refused("text.txt", ("x", "y"))

    async def test_a_file_that_changed_on_disk_after_reading_is_not_edited(self, place: Place) -> None:
        path = place.write("text.txt", "x")
        await place.run("read_file", path="text.txt")
        path.write_text("x and more", encoding="utf-8")
        assert "has changed since you read it" in await place.edit_refused("text.txt", ("x", "y"))
        await place.run("read_file", path="text.txt")
        await place.edit("text.txt", ("x", "y"))

    async def test_a_buffer_that_changed_after_reading_is_not_edited(self, place: Place) -> None:
        path = place.write("text.txt", "x")
        place.editor.open(path, "x, unsaved")
        await place.run("read_file", path="text.txt")
        place.editor.open(path, "x, unsaved, and more", 2)
        assert "has changed since you read it" in await place.edit_refused("text.txt", ("x", "y"))

    async def test_reading_in_one_session_does_not_count_in_another(self, place: Place) -> None:
        place.write("text.txt", "x")
        await place.run("read_file", path="text.txt")
        place.call = LoneCall(session_id="another")
        assert "Read text.txt" in await place.edit_refused("text.txt", ("x", "y"))

    async def test_after_an_edit_the_next_edit_needs_no_reading(self, place: Place) -> None:
        assert await place.edited("a b", ("a", "1")) == "1 b"
        await place.edit("text.txt", ("b", "2"))
        assert (place.folder / "text.txt").read_text(encoding="utf-8") == "1 2"

    async def test_a_created_file_can_be_edited_without_reading(self, place: Place) -> None:
        await place.run("create_file", path="new/text.txt", text="a b")
        await place.edit("new/text.txt", ("a", "1"))
        assert place.editor.buffers[(place.folder / "new/text.txt").as_uri()].text == "1 b"

    async def test_an_open_buffer_is_edited_with_the_editors_text(self, place: Place) -> None:
        path = place.write("text.txt", "on disk")
        place.editor.open(path, "in the buffer", 7)
        await place.run("read_file", path="text.txt")
        await place.edit("text.txt", ("in the", "from the"))
        (_, change, _), *_ = place.editor.asked_for
        assert (change.version, change.sha256) == (7, hashlib.sha256(b"in the buffer").hexdigest())
        assert place.editor.buffers[path.as_uri()].text == "from the buffer"
        assert path.read_text(encoding="utf-8") == "on disk"


class TestEditsThroughTheEditor:
    async def test_a_refused_edit_is_reported_with_its_patch_and_logged(self, place: Place) -> None:
        path = place.write("text.txt", "a\nb\n")
        await place.run("read_file", path="text.txt")
        place.editor.refuses = "The document changed."
        with pytest.raises(ToolFailed) as raised:
            await place.edit("text.txt", ("b", "c"))
        assert "The document changed." in str(raised.value) and "-b\n+c\n" in str(raised.value)
        assert place.call.edits == [(path.as_uri(), "Edit text.txt", False)]
        place.editor.refuses = None
        await place.edit("text.txt", ("b", "c"))  # the text is still the one that was read
        assert place.call.edits[-1] == (path.as_uri(), "Edit text.txt", True)
        assert place.call.patches == ["--- a/text.txt\n+++ b/text.txt\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n"] * 2

    async def test_an_edit_with_a_different_result_is_reported(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        place = Place(tmp_path, settling_seconds=(0.0,))
        path = place.write("text.txt", "a\n")
        await place.run("read_file", path="text.txt")
        make = place.editor._make

        def and_format(change: DocumentChange) -> None:
            make(change)
            path.write_text("formatted\n", encoding="utf-8")

        monkeypatch.setattr(place.editor, "_make", and_format)
        assert "read it before the next edit" in await place.edit("text.txt", ("a", "b"))
        assert place.call.patches == ["--- a/text.txt\n+++ b/text.txt\n@@ -1 +1 @@\n-a\n+formatted\n"], "what was made is kept"
        assert "has changed" in await place.edit_refused("text.txt", ("formatted", "c"))

    @pytest.mark.parametrize("confirm", [True, False])
    async def test_the_editor_asks_for_confirmation_if_the_settings_say_so(self, tmp_path: Path, confirm: bool) -> None:
        place = Place(tmp_path, confirm=confirm)
        await place.run("create_file", path="a.txt", text="x")
        assert [asked for _, _, asked in place.editor.asked_for] == [confirm]

    async def test_a_permission_request_shows_the_path_and_the_patch(self, place: Place) -> None:
        place.write("src/text.txt", "a\nb\n")
        await place.run("read_file", path="src/text.txt")
        (tool,) = place.toolbox.offer(["edit_file"])
        permission_request = await tool.permission_request({"path": "src/text.txt", "edits": [{"old": "b", "new": "c"}]})
        assert permission_request.summary == "Edit src/text.txt"
        assert permission_request.detail == "--- a/src/text.txt\n+++ b/src/text.txt\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n"
        (tool,) = place.toolbox.offer(["create_file"])
        permission_request = await tool.permission_request({"path": "new.txt", "text": "hello"})
        assert permission_request.summary == "Create new.txt" and "+hello\n\\ No newline" in (permission_request.detail or "")

    async def test_no_question_is_asked_about_an_impossible_edit(self, place: Place) -> None:
        place.write("text.txt", "a")
        place.write("there.txt", "a")
        for tool, arguments in (
            ("edit_file", {"path": "text.txt", "edits": [{"old": "a", "new": "b"}]}),  # not read
            ("create_file", {"path": "there.txt", "text": "a"}),
            ("delete_file", {"path": "nowhere.txt"}),
            ("delete_file", {"path": "../out.txt"}),
        ):
            (found,) = place.toolbox.offer([tool])
            with pytest.raises(ToolFailed):
                await found.permission_request(arguments)

    def test_a_huge_patch_is_cut(self) -> None:
        assert len(shown(patch("a", "", "x\n" * 100_000))) < 21_000


class TestCreatingAndDeleting:
    async def test_an_existing_file_is_not_created_again(self, place: Place) -> None:
        place.write("a.txt", "x")
        place.editor.open(place.folder / "only-open.txt", "x")
        assert "exists already" in await place.refused("create_file", path="a.txt", text="y")
        assert "exists already" in await place.refused("create_file", path="only-open.txt", text="y")
        assert "folder" in await place.refused("create_file", path="new/", text="y")
        assert "folder" in await place.refused("create_file", path=".", text="y")

    async def test_a_file_is_deleted_through_the_editor(self, place: Place) -> None:
        path = place.write("a.txt", "x")
        await place.run("delete_file", path="a.txt")
        assert not path.exists()
        assert place.call.edits == [(path.as_uri(), "Delete a.txt", True)]
        assert place.call.patches == ["--- a/a.txt\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n\\ No newline at end of file\n"]

    async def test_a_binary_file_can_be_deleted_but_not_edited(self, place: Place) -> None:
        place.write("a.bin", b"\0\1\2")
        assert "binary" in await place.edit_refused("a.bin", ("x", "y"))
        await place.run("delete_file", path="a.bin")
        assert not (place.folder / "a.bin").exists()
        assert place.call.patches == [None]

    async def test_a_very_long_patch_is_not_kept(self, place: Place) -> None:
        await place.run("create_file", path="a.txt", text="x\n" * 30_000)
        assert place.call.patches == [None]

    async def test_unsaved_changes_are_not_deleted(self, place: Place) -> None:
        path = place.write("a.txt", "x")
        place.editor.open(path, "x, and more")
        assert "unsaved changes" in await place.refused("delete_file", path="a.txt")

    async def test_a_folder_is_not_deleted(self, place: Place) -> None:
        place.write("src/a.txt", "x")
        assert "is not a file" in await place.refused("delete_file", path="src")
        assert "no file" in await place.refused("delete_file", path="nowhere.txt")


ANY = [("x", "y")]


class TestAnAttacker:
    @pytest.mark.parametrize(
        "path", ["../out.txt", "src/../../out.txt", "{outside}/out.txt", "file://{outside}/out.txt", "/etc/hosts"]
    )
    async def test_nothing_outside_the_workspace_is_changed(self, place: Place, path: str) -> None:
        (place.outside / "out.txt").write_text("x", encoding="utf-8")
        path = path.format(outside=place.outside)
        with pytest.raises(ToolFailed, match="outside"):
            await place.edit(path, *ANY)
        with pytest.raises(ToolFailed, match="outside"):
            await place.run("delete_file", path=path)
        with pytest.raises(ToolFailed, match="outside"):
            await place.run("create_file", path=f"{path}.new", text="x")
        assert place.editor.asked_for == []

    @pytest.mark.parametrize(
        "path",
        [
            ".env",
            ".git/hooks/pre-commit",
            ".git/config",
            "keys/server.pem",
            ".GIT/hooks/x",
            "sub/.git/hooks/post-checkout",
            ".env.local",
        ],
    )
    async def test_withheld_files_are_not_written(self, place: Place, path: str) -> None:
        assert "withheld" in await place.refused("create_file", path=path, text="#!/bin/sh\n")
        place.write(path, "x")
        assert "withheld" in await place.edit_refused(path, *ANY)
        assert "withheld" in await place.refused("delete_file", path=path)

    @pytest.mark.parametrize(
        "path",
        [
            *(f"{folder}/me.md" for folder in AGENT_DIRECTORIES),
            *FILES,
            *(".sessionls/more", ".MCP.json", ".Claude/Agents/me.md", "sub/.opencode/agent/deep/me.md", "sub/.vscode/mcp.json"),
            *(".mcp.json. .", ".claude /agents./me.md", ".mcp.json:stream", ".mcp.json::$DATA"),  # the same on Windows
        ],
    )
    async def test_an_agent_cannot_write_its_own_permissions_or_programs(self, place: Place, path: str) -> None:
        assert "only people may change it" in await place.refused("create_file", path=path, text="{}")
        place.write(path, "x")
        await place.run("read_file", path=path)
        assert "only people may change it" in await place.edit_refused(path, *ANY)

    async def test_every_file_that_configures_agents_is_protected(self, place: Place) -> None:
        own = place.folder / "config"
        user_roots = source_directories((), own / "agents", own)
        place.obeying(own / "sessionls", own / "elsewhere.toml", *(root.directory for root in user_roots))
        defining = [one.directory / "me.md" for one in source_directories([place.folder], own / "agents", own)]
        programs = [place.folder / name for name in FILES]
        for path in (*defining, *programs, own / "sessionls" / "config.toml", own / "elsewhere.toml"):
            assert "only people may change it" in await place.refused("create_file", path=str(path), text="{}")

    @pytest.mark.parametrize(
        "path", ["AGENTS.md", ".claude/settings.md", ".github/workflows/agents.yml", "agents/me.md", "mcp.json"]
    )
    async def test_files_with_similar_names_are_not_protected(self, place: Place, path: str) -> None:
        assert "Created" in await place.run("create_file", path=path, text="x")

    @posix_only
    async def test_a_definition_is_protected_at_the_target_of_a_link(self, place: Place) -> None:
        for name in ("shared/one.md", "notes/two.md", "notes/three.md", "tools.json"):
            place.write(name, "x")
        for link, to in (
            (".claude/agents", "../shared"),
            (".sessionls/agents/two.md", "../../notes/two.md"),
            (".mcp.json", "tools.json"),
        ):
            (place.folder / link).parent.mkdir(parents=True, exist_ok=True)
            (place.folder / link).symlink_to(to)
        for name in ("shared/one.md", "notes/two.md", "tools.json"):
            await place.run("read_file", path=name)
            assert "only people may change it" in await place.edit_refused(name, *ANY)
            assert "only people may change it" in await place.refused("delete_file", path=name)
        assert "only people may change it" in await place.refused("create_file", path="shared/new.md", text="x")
        await place.run("read_file", path="notes/three.md")
        await place.edit("notes/three.md", *ANY)

    async def test_nothing_is_changed_if_agents_may_now_only_read(self, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
        place.write("a.txt", "x")
        await place.run("read_file", path="a.txt")

        def and_bind(name: str, old: str | None, new: str | None) -> str:
            place.read_only = True
            return patch(name, old, new)

        monkeypatch.setattr("sessionls.tools.write.patch", and_bind)
        assert "may now only read here" in await place.edit_refused("a.txt", *ANY)

    @posix_only
    async def test_links_out_of_the_workspace_are_not_followed(self, place: Place) -> None:
        (place.outside / "out.txt").write_text("x", encoding="utf-8")
        (place.folder / "link.txt").symlink_to(place.outside / "out.txt")
        (place.folder / "way").symlink_to(place.outside)
        (place.folder / "hooks").symlink_to(place.folder / ".git")
        for path in ("link.txt", "way/out.txt"):
            assert "outside" in await place.edit_refused(path, *ANY)
            assert "outside" in await place.refused("delete_file", path=path)
        assert "outside" in await place.refused("create_file", path="way/new.txt", text="x")
        assert "withheld" in await place.refused("create_file", path="hooks/pre-commit", text="x")
        assert "outside" in await place.refused("create_file", path="link.txt", text="x")

    @posix_only
    async def test_a_link_inside_the_workspace_is_edited_at_its_target_but_not_deleted(self, place: Place) -> None:
        place.write("real.txt", "x")
        (place.folder / "link.txt").symlink_to("real.txt")
        assert "symbolic link" in await place.refused("delete_file", path="link.txt")
        await place.run("read_file", path="link.txt")
        await place.edit("link.txt", *ANY)
        assert (place.folder / "real.txt").read_text(encoding="utf-8") == "y"
        assert (place.folder / "link.txt").is_symlink()

    @posix_only
    async def test_a_file_replaced_by_a_link_during_the_permission_request_is_not_written(self, place: Place) -> None:
        (place.outside / "out.txt").write_text("x", encoding="utf-8")
        path = place.write("a.txt", "x")
        await place.run("read_file", path="a.txt")
        (tool,) = place.toolbox.offer(["edit_file"])
        arguments = {"path": "a.txt", "edits": [{"old": "x", "new": "y"}]}
        await tool.permission_request(arguments)
        path.unlink()
        path.symlink_to(place.outside / "out.txt")
        assert "outside" in await place.refused("edit_file", **arguments)

    @posix_only
    async def test_a_file_replaced_by_a_link_after_reading_is_not_written(
        self, place: Place, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (place.outside / "out.txt").write_text("x", encoding="utf-8")
        path = place.write("a.txt", "x")
        await place.run("read_file", path="a.txt")

        def and_swap(name: str, old: str | None, new: str | None) -> str:
            path.unlink()
            path.symlink_to(place.outside / "out.txt")
            return patch(name, old, new)

        monkeypatch.setattr("sessionls.tools.write.patch", and_swap)
        assert "changed" in await place.edit_refused("a.txt", *ANY)

    async def test_a_huge_file_is_not_edited(self, place: Place) -> None:
        place.write("huge.txt", b"x\n" * (9 << 19))
        await place.run("read_file", path="huge.txt", end_line=2)
        assert "too large" in await place.edit_refused("huge.txt", ("x", "y", True))
        assert "text" in await place.refused("create_file", path="new.txt", text="x" * 1_000_001)

    @posix_only
    async def test_pipes_and_devices_are_not_written(self, place: Place) -> None:
        os.mkfifo(place.folder / "pipe")
        assert "not a regular file" in await place.edit_refused("pipe", *ANY)
        assert "is not a file" in await place.refused("delete_file", path="pipe")

    async def test_text_with_a_nul_is_refused(self, place: Place) -> None:
        assert "NUL" in await place.refused("create_file", path="a.txt", text="a\0b")
        assert "no" in await place.refused("create_file", path="a\0.txt", text="a")
