"""Which sessions belong to a folder: those of its repository, wherever it is and however it got there."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from in_process_app import App, PlainEditor, app
from sessionls.domain.events import FindingReported
from sessionls.domain.ids import new_id
from sessionls.domain.model import Finding, Position, Range
from sessionls.domain.scope import Scope
from sessionls.ports.store import SessionNotice
from sessionls.sessions.workspace.marker import MARKER
from sessionls.sessions.workspace.workspace import Workspace
from sessionls.store import SqlStore
from stores import create, say, url

posix = pytest.mark.skipif(os.name == "nt", reason="needs symbolic links and permissions")


def git(folder: Path, *arguments: str) -> str:
    known = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "init.defaultBranch=main")
    more = ("-c", "commit.gpgsign=false", "-c", "protocol.file.allow=always")
    done = subprocess.run(["git", *known, *more, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def repository(folder: Path, text: str = "one\n") -> Path:
    folder.mkdir(parents=True)
    git(folder, "init", "--quiet")
    commit(folder, text)
    return folder


def move(folder: Path, to: Path) -> Path:
    return folder.rename(to)


def commit(folder: Path, text: str) -> None:
    (folder / "a.py").write_text(text)
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", text.strip())


class Machine:
    """Folders and one database. Each query runs in a new process."""

    def __init__(self, root: Path, store: SqlStore) -> None:
        self.root = root
        self.store = store

    def workspace(self, *folders: Path | str) -> Workspace:
        editor = PlainEditor([folder if isinstance(folder, str) else folder.as_uri() for folder in folders])
        return Workspace(editor, older=self.store.older_places)

    async def begin(self, title: str, *folders: Path | str) -> str:
        """Create a session in those folders."""
        workspace = self.workspace(*folders)
        identities = await workspace.identities(workspace.folders)
        return await create(self.store, title=title, folders=workspace.folders, identities=identities)

    async def scope(self, *folders: Path | str) -> Scope:
        workspace = self.workspace(*folders)
        return await workspace.scope(workspace.folders)

    async def found(self, *folders: Path | str) -> list[str]:
        """The titles of the sessions of those folders, oldest first. All ways to list sessions must agree."""
        scope = await self.scope(*folders)
        sessions, _ = await self.store.sessions(scope=scope, state=None, query=None, limit=50, cursor=None)
        for session in sessions:
            hits, _ = await self.store.sessions(scope=scope, state=None, query=session.title, limit=50, cursor=None)
            assert session.title in {hit.title for hit in hits}
        return [session.title for session in reversed(sessions)]


@pytest.fixture
async def machine(tmp_path: Path) -> AsyncIterator[Machine]:
    async with SqlStore(url(tmp_path / "database")) as store:
        yield Machine(tmp_path, store)


@pytest.fixture
async def project(machine: Machine) -> Path:
    """A repository with a session."""
    folder = repository(machine.root / "project")
    await machine.begin("first", folder)
    return folder


# -- the history changes -----------------------------------------------------------------------------------------------


async def test_a_repository_is_recognized_after_any_change_of_its_commits(machine: Machine, project: Path) -> None:
    git(project, "commit", "--quiet", "--amend", "--message", "another first commit")
    assert await machine.found(project) == ["first"]
    git(project, "checkout", "--quiet", "--orphan", "orphan")
    assert await machine.found(project) == ["first"]
    commit(project, "orphaned\n")
    older = repository(machine.root / "older", "older\n")
    git(project, "fetch", "--quiet", str(older), "main")
    git(project, "merge", "--quiet", "--allow-unrelated-histories", "--strategy", "ours", "--message", "merge", "FETCH_HEAD")
    assert await machine.found(project) == ["first"]
    moved = move(project, machine.root / "moved")
    assert await machine.found(moved) == ["first"]
    assert await machine.found(older) == []


async def test_a_repository_is_recognized_if_it_is_shallow_or_has_no_commits(machine: Machine, project: Path) -> None:
    git(machine.root, "clone", "--quiet", "--depth", "1", project.as_uri(), "shallow")
    await machine.begin("shallow", machine.root / "shallow")
    moved = (machine.root / "shallow").rename(machine.root / "elsewhere")
    assert await machine.found(moved) == ["first", "shallow"]
    empty = machine.root / "empty"
    empty.mkdir()
    git(empty, "init", "--quiet")
    await machine.begin("empty", empty)
    assert await machine.found(move(empty, machine.root / "still empty")) == ["empty"]


# -- other projects ------------------------------------------------------------------------------------------------------


async def _by_a_clone(template: Path, folder: Path) -> None:
    git(template.parent, "clone", "--quiet", str(template), str(folder))


async def _by_a_clone_that_forgot_it(template: Path, folder: Path) -> None:
    await _by_a_clone(template, folder)
    git(folder, "remote", "remove", "origin")


async def _by_a_clone_with_another_remote(template: Path, folder: Path) -> None:
    await _by_a_clone(template, folder)
    git(folder, "remote", "rename", "origin", "template")
    git(folder, "remote", "add", "origin", f"https://example.org/ada/{folder.name}.git")


async def _by_a_copy_without_git(template: Path, folder: Path) -> None:
    shutil.copytree(template, folder, ignore=shutil.ignore_patterns(".git"))
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "-c", "user.name=Same", "commit", "--quiet", "--message", "one")


async def _by_a_copy(template: Path, folder: Path) -> None:
    shutil.copytree(template, folder)


BEGINNINGS = [
    _by_a_clone,
    _by_a_clone_that_forgot_it,
    _by_a_clone_with_another_remote,
    _by_a_copy_without_git,
    _by_a_copy,
]


@pytest.mark.parametrize("begin", BEGINNINGS, ids=lambda begin: begin.__name__.strip("_"))
@pytest.mark.parametrize("used", [False, True], ids=["", "template with a session"])
async def test_projects_from_the_same_template_have_separate_sessions(
    machine: Machine, begin: object, used: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_DATE", "2026-01-31T09:30:00Z")  # so that even the first commits are the same
    template = repository(machine.root / "template")
    if used:
        await machine.begin("of the template", template)
    one, two = machine.root / "one", machine.root / "two"
    assert callable(begin)
    await begin(template, one)
    await machine.begin("of one", one)
    await begin(template, two)
    await machine.begin("of two", two)
    assert "of two" not in await machine.found(one)
    assert "of one" not in await machine.found(two)
    assert "of one" in await machine.found(one) and "of two" in await machine.found(two)
    moved = move(one, machine.root / "moved")
    assert "of one" in await machine.found(moved) and "of two" not in await machine.found(moved)


async def test_repositories_with_different_remotes_have_separate_sessions(machine: Machine, project: Path) -> None:
    git(machine.root, "clone", "--quiet", str(project), "fork")
    fork = machine.root / "fork"
    git(project, "remote", "add", "origin", "https://example.org/ada/project")
    git(fork, "remote", "set-url", "origin", "https://example.org/ben/project")
    git(fork, "remote", "add", "upstream", "https://example.org/ada/project")
    await machine.begin("in the fork", fork)
    assert await machine.found(project) == ["first"]
    assert await machine.found(fork) == ["in the fork"]


# -- the same project ----------------------------------------------------------------------------------------------------


async def test_clones_share_sessions_however_the_remote_is_written(machine: Machine, project: Path) -> None:
    git(project, "remote", "add", "origin", "https://ada:s3cret@Example.org/team/project.git")
    await machine.begin("here", project)
    git(machine.root, "clone", "--quiet", str(project), "clone")
    clone = machine.root / "clone"
    git(clone, "remote", "set-url", "origin", "git@example.org:team/project")
    assert await machine.found(clone) == ["here"]
    await machine.begin("there", clone)
    assert await machine.found(project) == ["first", "here", "there"]
    git(machine.root, "init", "--quiet", "nothing in common but the remote")
    third = machine.root / "nothing in common but the remote"
    git(third, "remote", "add", "whatever", "ssh://git@example.org:2222/team/project/")
    assert await machine.found(third) == ["here", "there"]
    assert "s3cret" not in str((await machine.store.events((await _ids(machine))[0], after=0))[0])


async def _ids(machine: Machine) -> Sequence[str]:
    sessions, _ = await machine.store.sessions(scope=None, state=None, query=None, limit=50, cursor=None)
    return [session.id for session in sessions]


async def test_a_local_clone_and_its_original_share_sessions(machine: Machine, project: Path) -> None:
    git(machine.root, "clone", "--quiet", str(project), "clone")
    git(machine.root / "clone", "clone", "--quiet", ".", str(machine.root / "clone of it"))
    clone, again = machine.root / "clone", machine.root / "clone of it"
    assert await machine.found(clone) == await machine.found(again) == ["first"]
    await machine.begin("in the clone", clone)
    await machine.begin("in the clone of it", again)
    assert await machine.found(project) == ["first", "in the clone", "in the clone of it"]
    assert await machine.found(clone) == ["first", "in the clone", "in the clone of it"]
    moved = move(project, machine.root / "moved")
    assert await machine.found(moved) == ["first", "in the clone", "in the clone of it"]


async def test_clones_of_a_bare_repository_share_sessions(machine: Machine, project: Path) -> None:
    for name in ("shared.git", "shared"):
        bare = machine.root / name
        git(machine.root, "clone", "--quiet", "--bare", str(project), str(bare))
        one, two = machine.root / f"{name} one", machine.root / f"{name} two"
        for clone in (one, two):
            git(machine.root, "clone", "--quiet", str(bare), str(clone))
        await machine.begin(f"{name} one", one)
        assert f"{name} one" in await machine.found(two)


async def test_worktrees_share_sessions_even_without_write_permission(
    machine: Machine, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = machine.root / "tree one", machine.root / "tree two"
    for tree in (one, two):
        git(project, "worktree", "add", "--quiet", "--detach", str(tree))
    await machine.begin("in a tree", one)
    for folder in (project, one, two):
        assert await machine.found(folder) == ["first", "in a tree"]
    (project / ".git" / MARKER).unlink()
    monkeypatch.setattr("sessionls.sessions.workspace.marker._write", _refuse)
    await machine.begin("in another", two)
    assert await machine.found(project) == ["first", "in a tree", "in another"]
    assert not (project / ".git" / MARKER).exists()


def _refuse(*arguments: object, **more: object) -> None:
    raise PermissionError


async def test_a_subfolder_of_a_repository_has_separate_sessions(machine: Machine, project: Path) -> None:
    part = project / "Packages" / "x"
    part.mkdir(parents=True)
    await machine.begin("in the part", part)
    assert await machine.found(project) == ["first"]
    moved = move(project, machine.root / "moved")
    assert await machine.found(moved / "Packages" / "x") == ["in the part"]
    assert await machine.found(moved, moved / "Packages" / "x") == ["first", "in the part"]


async def test_submodules_and_nested_repositories_have_separate_sessions(machine: Machine, project: Path) -> None:
    inner = repository(machine.root / "inner")
    await machine.begin("inner", inner)
    git(project, "submodule", "--quiet", "add", str(inner), "sub")
    nested = repository(project / "nested")
    await machine.begin("nested", nested)
    await machine.begin("sub", project / "sub")
    assert await machine.found(project) == ["first"]
    assert await machine.found(nested) == ["nested"]
    assert await machine.found(project / "sub") == ["inner", "sub"]
    moved = move(project, machine.root / "moved")
    assert await machine.found(moved / "nested") == ["nested"]


# -- folders -------------------------------------------------------------------------------------------------------------


async def test_sessions_from_before_the_repository_are_found(machine: Machine) -> None:
    folder = machine.root / "plain"
    folder.mkdir()
    await machine.begin("plain", folder)
    git(folder, "init", "--quiet")
    commit(folder, "one\n")
    assert await machine.found(folder) == ["plain"]
    await machine.begin("in the repository", folder)
    for name in ("moved", "moved again"):
        folder = move(folder, machine.root / name)
        assert await machine.found(folder) == ["plain", "in the repository"]
        await machine.begin(name, folder)
        (await machine.store.delete((await _ids(machine))[0]))
    (machine.root / "plain").mkdir()
    assert await machine.found(machine.root / "plain") == ["plain", "in the repository"]  # by its folder


@posix
async def test_sessions_of_a_folder_are_found_through_links_and_in_any_spelling(machine: Machine, project: Path) -> None:
    link = machine.root / "link"
    link.symlink_to(project)
    assert await machine.found(link) == ["first"]
    await machine.begin("by the link", link)
    assert await machine.found(project) == ["first", "by the link"]
    assert await machine.found(f"{project.as_uri()}/") == ["first", "by the link"]
    plain, to_plain = machine.root / "plain", machine.root / "to plain"
    plain.mkdir()
    to_plain.symlink_to(plain)
    await machine.begin("in a plain folder", to_plain)
    assert await machine.found(plain) == ["in a plain folder"]


async def test_sessions_of_a_folder_without_a_local_path_are_found_by_its_uri(machine: Machine) -> None:
    await machine.begin("far away", "vscode-remote://ssh/home/ada")
    assert await machine.found("vscode-remote://ssh/home/ada") == ["far away"]
    assert await machine.found("vscode-remote://ssh/home/ben") == []


# -- the marker ------------------------------------------------------------------------------------------------------------


async def test_only_the_first_session_writes_the_marker_and_not_into_the_work_tree(machine: Machine) -> None:
    folder = repository(machine.root / "project")
    before = sorted((folder / ".git").iterdir())
    await machine.found(folder)
    assert sorted((folder / ".git").iterdir()) == before
    await machine.begin("first", folder)
    [marker] = set((folder / ".git").iterdir()) - set(before)
    text = marker.read_text()
    await machine.begin("second", folder)
    assert marker.read_text() == text and git(folder, "status", "--short") == ""
    git(folder, "gc", "--quiet")
    git(folder, "fsck", "--strict")


async def test_a_copy_gets_its_own_marker_with_its_first_session(machine: Machine, project: Path) -> None:
    copy = machine.root / "copy"
    shutil.copytree(project, copy)
    assert await machine.found(copy) == []
    await machine.begin("in the copy", copy)
    assert await machine.found(project) == ["first"]
    shutil.rmtree(project)
    assert await machine.found(copy) == ["in the copy"]


async def test_a_copy_counts_as_moved_if_the_original_is_gone(machine: Machine, project: Path) -> None:
    copy = machine.root / "copy"
    shutil.copytree(project, copy)  # as to another disk
    shutil.rmtree(project)
    assert await machine.found(copy) == ["first"]


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", '{"id": 1, "at": "/x"}', '{"id": "../../x", "at": "/x"}', '{"id": "' + "0" * 32 + '"}', "[" * 100_000]
    + [json.dumps({"id": "0" * 32, "at": at}) for at in ("relative", "\\\\server\\share", "//server/share", "/\0")],
    ids=lambda text: text[:40],
)
async def test_an_invalid_marker_is_replaced(machine: Machine, text: str) -> None:
    folder = repository(machine.root / "project")
    (folder / ".git" / MARKER).write_text(text)
    assert await machine.found(folder) == []
    await machine.begin("first", folder)
    assert await machine.found(move(folder, machine.root / "moved")) == ["first"]


@posix
async def test_a_link_instead_of_a_marker_is_not_followed(machine: Machine, project: Path) -> None:
    other = repository(machine.root / "other")
    (other / ".git" / MARKER).symlink_to(project / ".git" / MARKER)
    text = (project / ".git" / MARKER).read_text()
    assert await machine.found(other) == []
    await machine.begin("in the other", other)
    assert (project / ".git" / MARKER).read_text() == text
    assert await machine.found(project) == ["first"]


@posix
async def test_nothing_is_written_into_a_repository_that_a_folder_only_points_to(machine: Machine) -> None:
    victim = repository(machine.root / "victim")
    before = sorted((victim / ".git").rglob("*"))
    folder = machine.root / "untrusted"
    folder.mkdir()
    (folder / ".git").write_text(f"gitdir: {victim / '.git'}\n")
    await machine.begin("in the untrusted", folder)
    assert sorted((victim / ".git").rglob("*")) == before
    assert await machine.found(folder) == ["in the untrusted"]
    assert await machine.found(victim) == []


# -- all that asks -----------------------------------------------------------------------------------------------------------


async def test_lists_search_findings_and_notices_follow_the_same_rule(machine: Machine, project: Path) -> None:
    async with app(project, None) as home:
        session = await home.sessions.create(title="rabbit")
        git(project, "commit", "--quiet", "--amend", "--message", "another first commit")
        moved = move(project, machine.root / "moved")
        await say(home.built.store, session.id, "where is the rabbit")
        reported = finding(moved).model_copy(update={"session_id": session.id})
        await home.built.store.change(session.id, lambda change: change.add(FindingReported, finding=reported))
    other = repository(machine.root / "other")
    for folder, expected in ((moved, True), (other, False)):
        async with app(folder, None) as home:
            session = await home.built.store.session(session.id)
            titles = [session.title] * expected
            assert [one.title for one in (await home.sessions.list(query="rabbit")).sessions] == titles
            assert [one.title for one in (await home.sessions.list(workspace_folder=moved.as_uri())).sessions] == [session.title]
            assert [hit.session.title for hit in (await home.sessions.search("rabbit")).hits] == titles
            assert [one.session_id for one in (await home.sessions.findings()).findings] == [session.id] * expected
            assert len((await home.sessions.changed_findings(0))[1]) == expected
            assert (await _told(home, session.id)).overlaps(home.sessions.known_scope()) is expected


async def _told(home: App, session_id: str) -> Scope:
    """The scope in the feed's notice of a changed session."""
    told: asyncio.Future[Scope] = asyncio.get_running_loop().create_future()
    home.built.store.subscribe(
        lambda notice: told.set_result(notice.scope) if isinstance(notice, SessionNotice) and not told.done() else None
    )
    await home.sessions.rename(session_id, f"rabbit {new_id()}")
    return await told


async def test_opening_a_session_from_before_the_repository_writes_the_marker(machine: Machine) -> None:
    folder = machine.root / "plain"
    folder.mkdir()
    async with app(folder, None) as home:
        session = await home.sessions.create(title="plain")
        git(folder, "init", "--quiet")
        await home.sessions.open(session.id)
        await asyncio.gather(*home.sessions._background)
    async with app(move(folder, machine.root / "moved"), None) as home:
        assert [one.title for one in (await home.sessions.list()).sessions] == ["plain"]


def finding(folder: Path) -> Finding:
    start = Position(line=0, character=0)
    return Finding(
        id=new_id(),
        session_id="",
        uri=(folder / "a.py").as_uri(),
        range=Range(start=start, end=start),
        severity=2,
        title="A finding",
        body="",
        agent="review",
        message_id="",
    )


# -- older versions --------------------------------------------------------------------------------------------------------


class TestOlderVersions:
    """Older versions identified a repository by its first commit, `git:<commit>:<path>`."""

    @pytest.fixture
    async def old(self, machine: Machine) -> Path:
        folder = repository(machine.root / "old")
        first = git(folder, "rev-list", "--max-parents=0", "HEAD")
        await create(machine.store, title="old", folders=[folder.as_uri()], identities=[f"git:{first}:."])
        await create(machine.store, title="old part", folders=[(folder / "src").as_uri()], identities=[f"git:{first}:src"])
        return folder

    async def test_sessions_of_older_versions_are_found_by_their_folder(self, machine: Machine, old: Path) -> None:
        git(old, "commit", "--quiet", "--amend", "--message", "another first commit")
        assert await machine.found(old) == ["old"]
        assert await machine.found(old / "src") == ["old part"]

    async def test_sessions_of_older_versions_are_found_after_a_move(self, machine: Machine, old: Path) -> None:
        moved = move(old, machine.root / "moved")
        git(moved, "commit", "--quiet", "--amend", "--message", "another first commit")
        (moved / "src").mkdir()
        assert await machine.found(moved) == ["old"]
        assert await machine.found(moved / "src") == ["old part"]

    async def test_sessions_of_older_versions_are_found_in_another_clone(self, machine: Machine, old: Path) -> None:
        git(machine.root, "clone", "--quiet", str(old), "clone")
        for folder in (old, machine.root / "clone"):
            git(folder, "remote", "remove", "origin") if folder != old else None
            git(folder, "remote", "add", "origin", "https://example.org/ada/old")
        assert await machine.found(machine.root / "clone") == ["old"]

    async def test_sessions_of_older_versions_are_not_found_in_another_project_from_the_same_template(
        self, machine: Machine, old: Path
    ) -> None:
        git(machine.root, "clone", "--quiet", str(old), "another")
        another = machine.root / "another"
        git(another, "remote", "remove", "origin")
        assert await machine.found(another) == []
        shutil.copytree(old, machine.root / "copy")
        assert await machine.found(machine.root / "copy") == []
        other = repository(machine.root / "other", "other\n")
        shutil.rmtree(old)
        assert await machine.found(other) == []
