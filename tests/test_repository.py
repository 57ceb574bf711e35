"""No program that a repository configures or contains is started, whatever git is used for."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import pytest

from in_process_app import PlainEditor
from sessionls.domain.errors import InvalidParams
from sessionls.ports.tools import ToolFailed
from sessionls.sessions.context.diff import changes_since
from sessionls.sessions.workspace.git import Git
from sessionls.sessions.workspace.workspace import Workspace
from sessionls.settings.participant import local_participant
from sessionls.tools.scan import Scan
from sessionls.tools.scanners import user_scanner
from sessionls.tools.toolbox import Toolbox, read_tools
from tool_calls import LoneCall

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the programs are shell scripts")


class Place:
    """A workspace folder with a repository of two files, and a program that leaves a mark if it is started."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.mark = root / "started"
        self.folder = root / "work"
        self.folder.mkdir()
        self.editor = PlainEditor([self.folder.as_uri()])
        self.workspace = Workspace(self.editor)
        self.program = self.trap(root / "program")
        self.git("init", "--quiet")
        (self.folder / "a.py").write_text("one\n")
        self.commit()

    def trap(self, path: Path) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\ntouch '{self.mark}'\ncat\n")
        path.chmod(0o755)
        return path

    def git(self, *arguments: str, at: Path | None = None) -> str:
        known = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "init.defaultBranch=main")
        more = ("-c", "protocol.file.allow=always", "-c", "commit.gpgsign=false")
        done = subprocess.run(["git", *known, *more, *arguments], cwd=at or self.folder, check=True, capture_output=True)
        return done.stdout.decode().strip()

    def commit(self, at: Path | None = None) -> None:
        self.git("add", "--all", "--force", at=at)
        self.git("commit", "--quiet", "--message", "more", at=at)

    def configure(self, text: bytes) -> None:
        with (self.folder / ".git" / "config").open("ab") as config:
            config.write(text.replace(b"PROGRAM", os.fsencode(self.program)))

    async def run(self, tool: str, **arguments: object) -> str:
        (found,) = Toolbox(read_tools(self.workspace)).offer([tool])
        return await found.run(arguments, LoneCall())


async def _tool(place: Place) -> str:
    return await place.run("git_diff")


async def _context(place: Place) -> str:
    return (await changes_since(place.workspace, None, field="base", limit=10_000))[0]


async def _scan(place: Place) -> str:
    nothing = user_scanner("nothing", ["true"], ["*.nothing"])
    return await Scan(place.workspace, place.editor, [nothing]).run({"base": "HEAD"}, LoneCall())


async def _show(place: Place) -> str:
    return await place.run("git_show", revision="HEAD")


DIFFS = pytest.mark.parametrize("diff", [_tool, _context, _scan])


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


# -- what it configures ----------------------------------------------------------------------------------------------


@DIFFS
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        *((name, b"clean") for name in (b"plain", b"a=b", b"a=b.clean=c", b"a\xff", "ä=😀".encode(), b"a'b=c")),
        *((name, b"process") for name in (b"A.b", b"=")),
    ],
    ids=repr,
)
async def test_a_filter_is_not_started_whatever_its_name_is(
    place: Place, diff: Callable[[Place], Awaitable[str]], name: bytes, kind: bytes
) -> None:
    (place.folder / ".git" / "info" / "attributes").write_bytes(b"* filter=%s\n" % name)
    place.configure(b'[filter "%s"]\n\t%s = PROGRAM\n\trequired = true\n' % (name, kind))
    (place.folder / "a.py").write_text("two\n")
    text = await diff(place)
    assert not place.mark.exists()
    assert diff is _scan or "+two" in text
    with suppress(subprocess.CalledProcessError):
        place.git("diff")
    assert place.mark.exists()  # the trap works


@DIFFS
async def test_a_filter_from_an_included_file_is_not_started(place: Place, diff: Callable[[Place], Awaitable[str]]) -> None:
    (place.folder / "more").write_text(f'[filter "x=y"]\n\tclean = {place.program}\n')
    (place.folder / ".gitattributes").write_text("*.py filter=x=y\n")
    place.configure(b"[include]\n\tpath = ../more\n")
    (place.folder / "a.py").write_text("two\n")
    await diff(place)
    assert not place.mark.exists()


async def test_there_is_no_diff_without_protection_by_git(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.configure(b'[filter "a=b"]\n\tclean = PROGRAM\n')
    (place.folder / ".gitattributes").write_text("* filter=a=b\n")
    monkeypatch.setattr("sessionls.sessions.workspace.git_repository._options", lambda key, value: ("-c", f"{key}={value}"))
    with pytest.raises(ToolFailed, match="could not tell its configuration"):
        await _tool(place)
    with pytest.raises(InvalidParams, match="could not tell its configuration"):
        await _context(place)
    assert not place.mark.exists()


async def test_hooks_in_the_configuration_are_disabled(place: Place) -> None:
    place.configure(b'[hook "a=b"]\n\tevent = post-index-change\n\tcommand = PROGRAM\n[lfs "extension.x"]\n\tclean = PROGRAM\n')
    options = await (await place.workspace.repository(str(place.folder))).safe_options()
    assert options == ["--config-env=hook.a=b.enabled=SESSIONLS_FALSE", "-c", "lfs.extension.x.clean="]


@DIFFS
async def test_programs_that_a_submodule_configures_are_not_started(
    place: Place, diff: Callable[[Place], Awaitable[str]]
) -> None:
    inner = place.folder / "inner"
    inner.mkdir()
    place.git("init", "--quiet", at=inner)
    (inner / "b.py").write_text("one\n")
    place.commit(at=inner)
    place.commit()
    (inner / "b.py").write_text("two\n")
    place.commit(at=inner)
    place.configure(b"[diff]\n\tsubmodule = diff\n")
    (inner / ".git" / "info" / "attributes").write_text("* diff=evil\n")
    place.git("config", "diff.evil.textconv", str(place.program), at=inner)
    place.git("config", "core.fsmonitor", str(place.program), at=inner)
    await diff(place)
    assert not place.mark.exists()
    place.git("diff")
    assert place.mark.exists()


async def test_showing_a_merge_does_not_merge(place: Place) -> None:
    place.git("checkout", "--quiet", "-b", "other")
    (place.folder / "a.py").write_text("two\n")
    place.commit()
    place.git("checkout", "--quiet", "main")
    (place.folder / "b.py").write_text("three\n")
    (place.folder / "a.py").write_text("three\n")
    place.commit()
    with pytest.raises(subprocess.CalledProcessError):
        place.git("merge", "--quiet", "other")
    (place.folder / "a.py").write_text("four\n")
    place.commit()
    (place.folder / ".git" / "info" / "attributes").write_text("* merge=evil\n")
    place.configure(b'[log]\n\tdiffMerges = remerge\n[merge "evil"]\n\tdriver = PROGRAM\n')
    assert "-three\n+four" in await _show(place)
    assert not place.mark.exists()


# -- what it brings along --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("entry", [".", "", "bin", "{folder}/bin"])
async def test_a_git_in_the_workspace_is_not_run(place: Place, monkeypatch: pytest.MonkeyPatch, entry: str) -> None:
    for folder in (place.folder, place.folder / "bin"):
        place.trap(folder / "git")
        place.trap(folder / "own-filter")
    (place.folder / ".gitattributes").write_text("*.py filter=own\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(place.root / "gitconfig"))
    place.git("config", "--global", "filter.own.clean", "own-filter")  # the participant's own program on PATH
    (place.folder / "a.py").write_text("two\n")
    path = os.environ["PATH"]
    monkeypatch.chdir(place.folder)
    monkeypatch.setenv("PATH", f"{entry.format(folder=place.folder)}{os.pathsep}{path}")
    assert "+two" in await _tool(place)
    await local_participant(place.folder)
    assert not place.mark.exists()


async def test_a_git_in_another_workspace_folder_is_not_run(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    other = place.root / "other"
    place.trap(other / "git")
    monkeypatch.setenv("PATH", f"{other}{os.pathsep}{os.environ['PATH']}")
    place.editor.folders.append(other.as_uri())
    await _tool(place)
    await local_participant(place.folder, other)
    assert not place.mark.exists()
    place.editor.folders.pop()
    with pytest.raises(ToolFailed, match="git cannot read the repository"):
        await _tool(place)  # the git elsewhere is used: it does not answer like git
    assert place.mark.exists()


async def test_a_missing_git_is_explained(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(place.trap(place.folder / "bin" / "git").parent))
    with pytest.raises(ToolFailed, match="git is not installed"):
        await _tool(place)
    with pytest.raises(ToolFailed, match="git is not installed"):
        await _scan(place)
    with pytest.raises(InvalidParams, match="git is not installed"):
        await _context(place)
    assert not place.mark.exists()


async def test_git_is_searched_for_once(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    git = Git(lambda: [place.folder])
    assert (await git(str(place.folder), "rev-parse", "HEAD")).code == 0
    monkeypatch.setattr("sessionls.sessions.workspace.git.find_git", lambda never_in: pytest.fail("looked for again"))
    answers = await asyncio.gather(*(git(str(place.folder), "rev-parse", "HEAD") for _ in range(3)))
    assert [answer.code for answer in answers] == [0, 0, 0]
