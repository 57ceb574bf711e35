"""The tools that change files: only text that the agent has read, only inside the workspace, always through the editor."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from sessionls.ports.editor import DocumentChange
from sessionls.ports.tools import ToolFailed
from sessionls.sessions.workspace.diffing import patch
from sessionls.tools.patching import shown
from tool_calls import LoneCall
from writing_editor import Place, place

__all__ = ["place"]  # a fixture of these tests


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
