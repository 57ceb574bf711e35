"""Reading the workspace: the editor's buffers first, and nothing outside its folders."""

from __future__ import annotations

import asyncio
import hashlib
import os
import socket
import threading
from pathlib import Path

import pytest

from buffer_editor import FakeEditor, editor, folder, posix, workspace, write
from sessionls.domain.errors import InvalidParams, NotPermitted, SessionlsError
from sessionls.domain.text import cut_bytes
from sessionls.sessions.workspace import files
from sessionls.sessions.workspace.workspace import Workspace

__all__ = ["editor", "folder", "workspace"]  # fixtures of these tests


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


# -- whose text --------------------------------------------------------------------------------------------------------


async def test_a_file_is_read_from_disk_with_its_line_ends(workspace: Workspace, folder: Path) -> None:
    uri = write(folder / "src" / "a.py", "é = 1\r\nb = 2\r\n")
    for what in (uri, "src/a.py", "./src/../src/a.py", str(folder / "src" / "a.py")):
        document = await workspace.read(what)
        assert (document.path, document.text) == ("src/a.py", "é = 1\r\nb = 2\r\n")
        assert (document.version, document.dirty, document.buffer, document.notice) == (None, False, False, None)
        assert (document.sha256, document.language) == (sha("é = 1\r\nb = 2\r\n"), "python")
    assert (await workspace.read("src/a.py")).uri == uri


async def test_an_open_buffer_is_read_instead_of_the_file(workspace: Workspace, editor: FakeEditor, folder: Path) -> None:
    uri = write(folder / "a.py", "old\n")
    editor.open(uri, "new\n", version=7, language="python3")
    for what in (uri, "a.py"):
        document = await workspace.read(what)
        assert (document.text, document.version, document.dirty, document.buffer) == ("new\n", 7, True, True)
        assert (document.sha256, document.language, document.uri) == (sha("new\n"), "python3", uri)


async def test_a_buffer_that_equals_the_disk_is_not_dirty(workspace: Workspace, editor: FakeEditor, folder: Path) -> None:
    editor.open(write(folder / "a.py", "same\n"), "same\n")
    assert (await workspace.read("a.py")).dirty is False
    (folder / "a.py").unlink()
    assert (await workspace.read("a.py")).dirty is True


async def test_a_byte_order_mark_is_not_part_of_the_text(workspace: Workspace, editor: FakeEditor, folder: Path) -> None:
    write(folder / "a.cs", "\ufeffclass A {}\n")
    document = await workspace.read("a.cs")
    assert (document.text, document.bom, document.sha256) == ("class A {}\n", True, sha("class A {}\n"))
    editor.open((folder / "a.cs").as_uri(), "class A {}\n")
    document = await workspace.read("a.cs")
    assert (document.dirty, document.bom) == (False, True)


@pytest.mark.parametrize("name", ["a b.py", "#1?.py", "(x)!'*.py", "naïve 🙂.py", "100%.py", "a&b=c;d@e,f+g$.py"])
@pytest.mark.parametrize("safe", ["/", "/!*'()", "/!$&'()*+,;=:@"])
@posix
async def test_a_buffer_is_found_however_the_editor_spells_its_uri(
    workspace: Workspace, editor: FakeEditor, folder: Path, name: str, safe: str
) -> None:
    from urllib.parse import quote

    write(folder / name, "disk\n")
    uri = "file://" + quote(str(folder / name), safe=safe)
    editor.open(uri, "buffer\n")
    assert (await workspace.read(name)).text == "buffer\n"
    assert (await workspace.read(name)).uri == uri


async def test_a_buffer_without_a_file_is_readable_while_it_is_open(workspace: Workspace, editor: FakeEditor) -> None:
    editor.open("untitled:Untitled-1", "draft", language="markdown")
    document = await workspace.read("untitled:Untitled-1")
    assert (document.path, document.text, document.dirty, document.language) == ("untitled:Untitled-1", "draft", True, "markdown")
    editor.buffers.clear()
    with pytest.raises(NotPermitted):
        await workspace.read("untitled:Untitled-1")


async def test_each_lone_surrogate_is_replaced_by_one_character(workspace: Workspace, editor: FakeEditor) -> None:
    editor.open("untitled:1", "a\ud800b🙂")
    assert (await workspace.read("untitled:1")).text == "a\ufffdb🙂"


async def test_with_no_folder_open_only_open_buffers_are_readable(tmp_path: Path) -> None:
    editor = FakeEditor()
    workspace = Workspace(editor)
    uri = write(tmp_path / "lone.py", "disk")
    with pytest.raises(NotPermitted):
        await workspace.read(uri)
    editor.open(uri, "buffer")
    document = await workspace.read(uri)
    assert (document.text, document.dirty) == ("buffer", True)
    secret = write(tmp_path / ".env", "KEY=1")
    editor.open(secret, "KEY=1")
    with pytest.raises(NotPermitted):
        await workspace.read(secret)


# -- what is not text --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "word"), [(b"GIF89a\0\1", "binary"), (b"caf\xe9\n", "UTF-8"), ("text".encode("utf-16"), "binary")]
)
async def test_text_that_is_not_utf8_is_refused(workspace: Workspace, folder: Path, data: bytes, word: str) -> None:
    (folder / "a.txt").write_bytes(data)
    with pytest.raises(InvalidParams, match=word):
        await workspace.read("a.txt")


async def test_a_huge_file_is_cut_at_the_end_of_a_line_with_a_notice(
    workspace: Workspace, editor: FakeEditor, folder: Path
) -> None:
    text = "".join(f"zeile nummer {number} ß\r\n" for number in range(100_000))
    uri = write(folder / "big.txt", text)
    for _ in range(2):  # from disk, then from the buffer
        document = await workspace.read("big.txt")
        assert document.notice is not None and "bytes" in document.notice
        assert len(document.text.encode()) <= (1 << 20) + 1
        assert document.text.endswith("ß\r\n") and text.startswith(document.text)
        assert (document.sha256, document.dirty) == (sha(text), False)
        editor.open(uri, text)
    assert (await workspace.read("big.txt", limit=1 << 30)).text == text


def test_a_very_long_line_is_cut_between_characters() -> None:
    assert cut_bytes("ßßß".encode(), 3)[0] == "ß"


async def test_a_file_that_is_too_large_is_not_read(workspace: Workspace, folder: Path) -> None:
    with (folder / "vast.txt").open("wb") as file:
        file.truncate(files.LARGEST + 1)
    with pytest.raises(InvalidParams, match="larger than"):
        await workspace.read("vast.txt")


async def test_a_missing_file_is_an_error_with_the_given_name(workspace: Workspace, folder: Path) -> None:
    for what in ("missing.py", "missing/a.py", "x" * 5000):
        with pytest.raises(InvalidParams) as error:
            await workspace.read(what)
        assert what in error.value.message and str(folder) not in error.value.message + error.value.hint
    write(folder / "file")
    with pytest.raises(InvalidParams):
        await workspace.read("file/below")


async def test_only_regular_files_are_read(workspace: Workspace, folder: Path) -> None:
    (folder / "sub").mkdir()
    for what in ("sub", "."):
        with pytest.raises(NotPermitted):
            await workspace.read(what)


@posix
async def test_pipes_sockets_and_devices_are_refused_without_hanging(
    workspace: Workspace, folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    os.mkfifo(folder / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        try:  # a socket's path may be no longer than 108 bytes
            os.chdir(folder)
            server.bind("socket")
        finally:
            os.chdir(here)
    for name in ("pipe", "socket"):
        with pytest.raises(NotPermitted, match="regular"):
            await asyncio.wait_for(workspace.read(name), 20)


# -- confinement -------------------------------------------------------------------------------------------------------


async def test_nothing_outside_the_folders_is_read(workspace: Workspace, folder: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.txt"
    uri = write(outside, "secret")
    write(tmp_path / "project-two" / "a.txt", "secret")
    names = (
        uri,
        str(outside),
        "../outside.txt",
        "../project-two/a.txt",
        folder.as_uri() + "/../outside.txt",
        "a/../../outside.txt",
    )
    encoded = (folder.as_uri() + "/%2e%2e/outside.txt", "http://example.org/a", "file://otherhost/etc/passwd", "data:,x")
    for what in (*names, *encoded):
        with pytest.raises(NotPermitted) as error:
            await workspace.read(what)
        assert what in error.value.message


@pytest.mark.parametrize("what", ["", "a\0b", "file:///a%00b"])
async def test_invalid_paths_are_refused(workspace: Workspace, what: str) -> None:
    with pytest.raises(SessionlsError):
        await workspace.read(what)


@posix
async def test_symbolic_links_are_followed_inside_and_refused_outside(workspace: Workspace, folder: Path, tmp_path: Path) -> None:
    write(folder / "real" / "a.txt", "inside")
    write(tmp_path / "elsewhere" / "a.txt", "secret")
    (folder / "inner").symlink_to(folder / "real")
    (folder / "outer").symlink_to(tmp_path / "elsewhere")
    (folder / "direct.txt").symlink_to(tmp_path / "elsewhere" / "a.txt")
    (folder / "loop").symlink_to("loop")
    document = await workspace.read("inner/a.txt")
    assert (document.text, document.path) == ("inside", "inner/a.txt")
    for what in ("outer/a.txt", "direct.txt", (folder / "outer" / "a.txt").as_uri()):
        with pytest.raises(NotPermitted) as error:
            await workspace.read(what)
        assert "elsewhere" not in error.value.message + error.value.hint
    with pytest.raises(SessionlsError):
        await workspace.read("loop")


@posix
async def test_a_folder_that_is_itself_a_symbolic_link_is_a_folder(folder: Path, tmp_path: Path) -> None:
    write(folder / "a.txt", "text")
    link = tmp_path / "link"
    link.symlink_to(folder)
    editor = FakeEditor(link)
    document = await Workspace(editor).read("a.txt")
    assert (document.uri, document.path) == ((link / "a.txt").as_uri(), "a.txt")
    # The real path is the same file, and is shown relative to the editor's folder.
    assert (await Workspace(editor).read(str(folder / "a.txt"))).uri == (link / "a.txt").as_uri()
    editor.open((folder / "a.txt").as_uri(), "buffer")
    assert (await Workspace(editor).read("a.txt")).text == "buffer"


@pytest.mark.parametrize("walks", [True, False])
@posix
def test_a_link_that_appears_between_check_and_reading_is_not_followed(
    workspace: Workspace, folder: Path, tmp_path: Path, walks: bool
) -> None:
    def read() -> str:
        return files.read_file(place.root, place.name, what="sub/a.txt", limit=99, walk=walks).text

    write(folder / "sub" / "a.txt", "inside")
    write(tmp_path / "elsewhere" / "a.txt", "secret")
    place = workspace.locate("sub/a.txt")
    assert read() == "inside"
    (folder / "sub").rename(folder / "was")
    (folder / "sub").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SessionlsError):
        read()
    (folder / "sub").unlink()
    (folder / "sub").mkdir()
    (folder / "sub" / "a.txt").symlink_to(tmp_path / "elsewhere" / "a.txt")
    with pytest.raises(SessionlsError):
        read()


@posix
def test_replacing_a_folder_by_a_link_repeatedly_never_exposes_outside_files(
    workspace: Workspace, folder: Path, tmp_path: Path
) -> None:
    write(folder / "sub" / "a.txt", "inside")
    write(tmp_path / "elsewhere" / "a.txt", "secret")
    (folder / "trap").symlink_to(tmp_path / "elsewhere")
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            (folder / "sub").rename(folder / "was")
            (folder / "trap").rename(folder / "sub")
            (folder / "sub").rename(folder / "trap")
            (folder / "was").rename(folder / "sub")

    thread = threading.Thread(target=swap)
    thread.start()
    texts = set()
    try:
        for _ in range(500):
            try:
                place = workspace.locate("sub/a.txt")
                texts.add(files.read_file(place.root, place.name, what="sub/a.txt", limit=99).text)
            except SessionlsError:
                texts.add("")
    finally:
        stop.set()
        thread.join()
    assert texts <= {"", "inside"}


async def test_a_path_is_resolved_whether_or_not_the_file_exists(workspace: Workspace, folder: Path) -> None:
    place = await workspace.resolve("new/file.py")
    assert (place.name, place.display, place.uri) == ("new/file.py", "new/file.py", (folder / "new" / "file.py").as_uri())
    assert place.path == folder.resolve() / "new" / "file.py"  # noqa: ASYNC240


async def test_the_folders_are_checked_each_time(workspace: Workspace, editor: FakeEditor, tmp_path: Path) -> None:
    uri = write(tmp_path / "second" / "a.txt", "two")
    with pytest.raises(NotPermitted):
        await workspace.read(uri)
    editor.open_folders.append((tmp_path / "second").as_uri())
    assert (await workspace.read(uri)).path == "second/a.txt"


async def test_with_several_folders_a_path_begins_with_its_folder(tmp_path: Path) -> None:
    one, two = tmp_path / "x" / "app", tmp_path / "y" / "app"
    write(one / "a.txt", "one")
    write(two / "a.txt", "two")
    write(two / "only.txt", "only")
    workspace = Workspace(FakeEditor(one, two))
    for path, text in (("x/app/a.txt", "one"), ("y/app/a.txt", "two")):
        document = await workspace.read(path)
        assert (document.path, document.text) == (path, text)
    assert (await workspace.read("only.txt")).path == "y/app/only.txt"  # without it, the folder that has the file
