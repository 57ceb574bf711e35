"""The marker of a folder without a repository, all that asks where a folder belongs, and sessions of older versions."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path

import pytest

from in_process_app import App, app
from repositories import Machine, git, machine, move, posix, project, repository
from sessionls.domain.events import FindingReported
from sessionls.domain.ids import new_id
from sessionls.domain.model import Finding, Position, Range
from sessionls.domain.scope import Scope
from sessionls.ports.store import SessionNotice
from sessionls.sessions.workspace.marker import MARKER
from stores import create, say

__all__ = ["machine", "project"]  # fixtures of these tests

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
