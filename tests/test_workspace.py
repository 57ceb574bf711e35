"""Reading the workspace: the editor's buffers first, nothing outside its folders, and no secrets."""

from __future__ import annotations

import asyncio
import hashlib
import os
import socket
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import pytest

from sessionls.domain import uris
from sessionls.domain.errors import InvalidParams, NotPermitted, SessionlsError
from sessionls.domain.text import cut_bytes
from sessionls.ports.editor import Buffer
from sessionls.sessions.workspace import files
from sessionls.sessions.workspace.git import Git
from sessionls.sessions.workspace.secret_files import is_withheld
from sessionls.sessions.workspace.workspace import Workspace

posix = pytest.mark.skipif(os.name == "nt", reason="needs a POSIX system")


class FakeEditor:
    encoding: Literal["utf-8", "utf-16", "utf-32"] = "utf-16"

    def __init__(self, *folders: Path) -> None:
        self.open_folders = [folder.as_uri() for folder in folders]
        self.buffers: dict[str, Buffer] = {}

    @property
    def folders(self) -> Sequence[str]:
        return self.open_folders

    def buffer(self, uri: str) -> Buffer | None:
        return self.buffers.get(uri)

    def open(self, uri: str, text: str, version: int = 1, language: str | None = None) -> None:
        self.buffers[uri] = Buffer(uri, text, version, language)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


@pytest.fixture
def editor(folder: Path) -> FakeEditor:
    return FakeEditor(folder)


@pytest.fixture
def workspace(editor: FakeEditor) -> Workspace:
    return Workspace(editor)


def write(path: Path, text: str = "text\n") -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())
    return path.as_uri()


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


# -- secrets -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        *(
            ".env",
            ".env.local",
            ".ENV",
            "sub/.envrc",
            "server.pem",
            "a.Key",
            "id_rsa",
            "id_ed25519.pub",
            ".npmrc",
            ".netrc",
            "x.p12",
        ),
        *(".git/config", ".git/a/b", "sub/.git/HEAD", ".ssh/config", ".env/bin/activate"),
    ],
)
async def test_keys_passwords_and_git_data_are_never_read(
    workspace: Workspace, editor: FakeEditor, folder: Path, name: str
) -> None:
    uri = write(folder / name, "secret")
    for what in (name, uri, str(folder / name)):
        with pytest.raises(NotPermitted, match="withheld"):
            await workspace.read(what)
    editor.open(uri, "secret")
    editor.open(f"git:/project/{name}?HEAD", "secret")
    for what in (uri, f"git:/project/{name}?HEAD"):
        with pytest.raises(NotPermitted, match="withheld"):
            await workspace.read(what)


@pytest.mark.parametrize(
    "name", ["id_generator.py", "keys.py", "environment.yml", "src/envelope.py", ".gitignore", ".github/a.yml", "key"]
)
def test_other_files_are_not_withheld(name: str) -> None:
    assert not is_withheld(name)


@posix
async def test_a_link_to_a_secret_is_withheld(workspace: Workspace, folder: Path) -> None:
    write(folder / ".env", "secret")
    write(folder / "public.txt", "public")
    (folder / "notes.txt").symlink_to(".env")
    (folder / ".env.link").symlink_to("public.txt")
    for what in ("notes.txt", ".env.link"):
        with pytest.raises(NotPermitted, match="withheld"):
            await workspace.read(what)


async def test_more_files_can_be_withheld_by_globs(editor: FakeEditor, folder: Path) -> None:
    workspace = Workspace(editor, withheld=["secrets/**", "*.Secret", "deep/inner/"])
    for name in ("secrets/a.txt", "secrets/b/c.txt", "x.secret", "sub/y.SECRET", "deep/inner/z.txt"):
        write(folder / name)
        assert workspace.withheld(name)
        with pytest.raises(NotPermitted, match="withheld"):
            await workspace.read(name)
    write(folder / "deep" / "other.txt")
    assert (await workspace.read("deep/other.txt")).text == "text\n"


# -- URIs --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("file:///c%3A/Users/a%20b/x.py", "c:\\Users\\a b\\x.py"),
        ("file:///C:/x.py", "C:\\x.py"),
        ("file://server/share/x.py", "\\\\server\\share\\x.py"),
        ("file:///x.py", None),
        ("https://example.org/c:/x", None),
        ("file://[", None),
    ],
)
def test_windows_paths(uri: str, path: str | None) -> None:
    assert uris.to_path(uri, windows=True) == path
    if path is not None:
        known = [spelling.lower() for spelling in uris.spellings(path, windows=True)]
        assert uri.lower() in known
        assert all((uris.to_path(spelling, windows=True) or "").lower() == path.lower() for spelling in known)


@posix
def test_posix_paths_convert_to_uris_and_back() -> None:
    for path in ("/", "/a b", "/100%/x", "/é/🙂#?", "/" + os.fsdecode(b"bytes-\xff")):
        assert uris.to_path(uris.from_path(path)) == path
    assert uris.to_path("file://localhost/a") == "/a"
    assert uris.to_path("file://elsewhere/a") is None
    assert uris.to_path("FILE:///a") == "/a"


@pytest.mark.parametrize(
    ("uri", "folders", "shown"),
    [
        ("file:///w/src/a%20b.py", ["file:///w"], "src/a b.py"),
        ("file:///w/src/a.py", ["file:///w/"], "src/a.py"),
        ("file:///w", ["file:///w"], "."),
        ("file:///wide/a.py", ["file:///w"], "file:///wide/a.py"),
        ("file:///w/../etc/passwd", ["file:///w"], "file:///w/../etc/passwd"),
        ("file:///w/a.py", ["file:///w", "file:///v"], "w/a.py"),
        ("file:///w/sub/a.py", ["file:///w", "file:///w/sub"], "sub/a.py"),
        ("file:///x/app/a.py", ["file:///x/app", "file:///y/app"], "x/app/a.py"),
        ("file:///C%3A/w/a.py", ["file:///c:/w"], "a.py"),
        ("file://server/share/w/a.py", ["file://SERVER/share/w"], "a.py"),
        ("untitled:Untitled-1", ["file:///w"], "untitled:Untitled-1"),
        ("file:///w/a%0Ab.py", ["file:///w"], r"a\x0ab.py"),
        ("file:///w/a.py", [], "file:///w/a.py"),
    ],
)
def test_documents_are_shown_with_their_path_in_their_folder(uri: str, folders: list[str], shown: str) -> None:
    assert uris.display(uri, folders) == shown


@pytest.mark.parametrize(
    ("address", "shown", "without_path"),
    [
        ("http://localhost:11434", "http://localhost:11434", "http://localhost:11434"),
        ("https://host/a/b", "https://host/a/b", "https://host/…"),
        ("http://bob:s3cret@host:1/a?key=s3cret#s3cret", "http://host:1/a", "http://host:1/…"),
        ("http://bob:s3@cret@host", "http://host", "http://host"),
        ("http://bob:s3/cret@host", "http://…", "http://…"),
        ("http://bob:s3?cret@host/a", "http://…", "http://…"),
        ("http://[::1]:8000/?s3cret", "http://[::1]:8000/", "http://[::1]:8000/"),
        ("http://[", "http://[", "http://["),
        ("nonsense", "nonsense", "nonsense"),
    ],
)
def test_an_address_is_shown_without_secrets(address: str, shown: str, without_path: str) -> None:
    assert (uris.public(address), uris.public(address, path=False)) == (shown, without_path)
    assert uris.public_text(f"No answer from '{address}', {address} says.") == f"No answer from '{shown}', {shown} says."


# -- repositories ------------------------------------------------------------------------------------------------------


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def committed(folder: Path) -> Path:
    git(folder, "init", "--quiet")
    write(folder / "src" / "a.py", "one\n")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "First")
    write(folder / "src" / "a.py", "two\n")
    git(folder, "commit", "--quiet", "-a", "-m", "Second")
    return folder


@posix
async def test_a_repository_cannot_start_programs(workspace: Workspace, committed: Path, tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/started\n")
    program.chmod(0o755)
    git(committed, "config", "core.fsmonitor", str(program))
    git(committed, "config", "core.pager", str(program))
    assert await workspace.identities([committed.as_uri()])
    assert not (tmp_path / "started").exists()


async def test_git_variables_of_the_environment_are_ignored(
    workspace: Workspace, committed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "plain").mkdir()
    monkeypatch.setenv("GIT_DIR", str(committed / ".git"))  # as in an editor started by `git commit`
    assert await workspace.identities([(tmp_path / "plain").as_uri()]) == []


@posix
async def test_a_git_that_hangs_is_killed(
    workspace: Workspace, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "bin" / "git"
    write(program, f"#!/bin/sh\necho $$ > {tmp_path}/pid\necho\nexec sleep 600\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    answer = await Git()(str(folder), "status", seconds=0.5)
    assert answer.code is None
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)
    assert (await Git()(str(folder), "status", limit=0)).cut
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)
