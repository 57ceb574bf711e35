"""The workspace hides secrets, understands the URIs of all editors, and reads the repository without running its programs."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from buffer_editor import FakeEditor, editor, folder, posix, workspace, write
from sessionls.domain import uris
from sessionls.domain.errors import NotPermitted
from sessionls.sessions.workspace.git import Git
from sessionls.sessions.workspace.secret_files import is_withheld
from sessionls.sessions.workspace.workspace import Workspace

__all__ = ["editor", "folder", "workspace"]  # fixtures of these tests

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
