"""Which sessions belong to a folder: those of its repository, wherever it is and however it got there."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from repositories import Machine, commit, git, machine, move, posix, project, repository
from sessionls.sessions.workspace.marker import MARKER

__all__ = ["machine", "project"]  # fixtures of these tests

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
