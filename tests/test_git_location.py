"""git shows only files of the workspace, wherever a repository claims to be, and explains what is wrong."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from in_process_app import PlainEditor
from sessionls.domain.errors import InvalidParams
from sessionls.ports.tools import ToolFailed
from sessionls.sessions.context.diff import changes_since
from sessionls.sessions.workspace.workspace import Workspace
from sessionls.tools.scan import Scan
from sessionls.tools.scanners import user_scanner
from sessionls.tools.toolbox import Toolbox, read_tools
from tool_calls import LoneCall

SECRET = "the victim's words"


def git(folder: Path, *arguments: str) -> str:
    known = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "init.defaultBranch=main")
    more = ("-c", "commit.gpgsign=false", "-c", "protocol.file.allow=always", "-c", "safe.bareRepository=all")
    done = subprocess.run(["git", *known, *more, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def repository(folder: Path, text: str = "one\n") -> Path:
    """A repository with one commit and an uncommitted change."""
    folder.mkdir(parents=True)
    git(folder, "init", "--quiet")
    (folder / "a.py").write_text(text)
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "first")
    (folder / "a.py").write_text(f"{text}two\n")
    return folder


class Place:
    """The workspace, and next to it another repository of the same person, which must stay invisible."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.victim = repository(root / "victim", SECRET + "\n")
        self.folder = root / "work"
        self.trusted = False
        self.git_seconds = 10.0

    def editor(self, *folders: Path) -> PlainEditor:
        return PlainEditor([folder.as_uri() for folder in folders or (self.folder,)])

    def workspace(self, *folders: Path) -> Workspace:
        workspace = Workspace(self.editor(*folders), trusted=lambda: self.trusted)
        workspace.git.repository_seconds = self.git_seconds
        return workspace

    async def tool(self, name: str, *folders: Path, **arguments: object) -> str:
        (found,) = Toolbox(read_tools(self.workspace(*folders))).offer([name])
        return await found.run(arguments, LoneCall())

    async def diff(self, *folders: Path, staged: bool = False) -> str:
        return await self.tool("git_diff", *folders, staged=staged)

    async def context(self, *folders: Path, staged: bool = False) -> tuple[str, list[str]]:
        return await changes_since(self.workspace(*folders), None, field="base", limit=10_000, staged=staged)

    async def scanned(self, *folders: Path) -> str:
        """The files that `scan` checks, with a scanner that finds nothing."""
        scanner = user_scanner("nothing", ["sh", "-c", 'echo \'{"version": "2.1.0", "runs": []}\''], ["*.py"])
        return await Scan(self.workspace(*folders), self.editor(*folders), [scanner]).run({"base": "HEAD"}, LoneCall())

    async def everything(self, *folders: Path) -> str:
        """Everything that git shows about the folders, including refusals."""
        told: list[str] = []
        questions: list[Callable[[], Awaitable[object]]] = [
            lambda: self.diff(*folders),
            lambda: self.diff(*folders, staged=True),
            lambda: self.context(*folders),
            lambda: self.scanned(*folders),
            lambda: self.tool("git_log", *folders),
            lambda: self.tool("git_show", *folders, revision="HEAD"),
            lambda: self.tool("git_show", *folders, revision=git(self.victim, "rev-parse", "HEAD")),
            lambda: self.tool("git_show", *folders, revision="HEAD", path="a.py"),
            lambda: self.tool("list_files", *folders),
        ]
        for question in questions:
            try:
                told.append(str(await question()))
            except (ToolFailed, InvalidParams) as problem:
                told.append(f"REFUSED {problem} {getattr(problem, 'hint', '')}")
        return "\n".join(told)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


# -- a repository that says that it is elsewhere ---------------------------------------------------------------------


def _worktree_elsewhere(place: Place) -> None:
    repository(place.folder)
    git(place.folder, "config", "core.worktree", str(place.victim))


def _worktree_elsewhere_by_an_included_file(place: Place) -> None:
    repository(place.folder)
    (place.folder / "more").write_text(f"[core]\n\tworktree = {place.victim.as_posix()}\n")
    git(place.folder, "config", "include.path", "../more")


def _worktree_elsewhere_for_this_worktree_alone(place: Place) -> None:
    repository(place.folder)
    git(place.folder, "config", "extensions.worktreeConfig", "true")
    git(place.folder, "config", "--worktree", "core.worktree", str(place.victim))


def _file_that_names_a_directory(place: Place) -> None:
    place.folder.mkdir()
    (place.folder / ".git").write_text(f"gitdir: {place.victim / '.git'}\n")
    (place.folder / "a.py").write_text("mine\n")


def _file_that_names_it_by_a_relative_path(place: Place) -> None:
    place.folder.mkdir()
    (place.folder / ".git").write_text("gitdir: ../victim/.git\n")


def _link_to_a_directory(place: Place) -> None:
    place.folder.mkdir()
    (place.folder / ".git").symlink_to(place.victim / ".git")


def _common_directory_elsewhere(place: Place) -> None:
    repository(place.folder)
    (place.folder / ".git" / "commondir").write_text(f"{place.victim / '.git'}\n")


def _worktree_of_a_repository_that_knows_none(place: Place) -> None:
    """`.git` points to a directory that claims to be a worktree of the other repository."""
    place.folder.mkdir()
    own = place.folder / "data" / "worktrees" / "work"
    own.mkdir(parents=True)
    shutil.copy(place.victim / ".git" / "HEAD", own / "HEAD")
    shutil.copy(place.victim / ".git" / "index", own / "index")
    (own / "commondir").write_text(f"{place.victim / '.git'}\n")
    (own / "gitdir").write_text(f"{place.folder / '.git'}\n")
    (place.folder / ".git").write_text(f"gitdir: {own}\n")


def _another_folders_worktree(place: Place) -> None:
    git(place.victim, "worktree", "add", "--quiet", str(place.root / "theirs"))
    place.folder.mkdir()
    (place.folder / ".git").write_text(f"gitdir: {place.victim / '.git' / 'worktrees' / 'theirs'}\n")


def _tracked_git_directory(place: Place) -> None:
    """The folder itself has the layout of a git directory, which could come from a clone."""
    outer = repository(place.root / "clone")
    place.folder = outer / "inner"
    shutil.copytree(place.victim / ".git", place.folder)
    (place.folder / "config").write_text(f"[core]\n\tbare = false\n\tworktree = {place.victim.as_posix()}\n")


def _borrowed_objects(place: Place) -> None:
    repository(place.folder)
    (place.folder / ".git" / "objects" / "info" / "alternates").write_text(f"{place.victim / '.git' / 'objects'}\n")


def _objects_borrowed_at_second_hand(place: Place) -> None:
    repository(place.folder)
    more = place.folder / "more"
    (more / "info").mkdir(parents=True)
    (more / "info" / "alternates").write_text(f"{place.victim / '.git' / 'objects'}\n")
    (place.folder / ".git" / "objects" / "info" / "alternates").write_text("../../more\n")


def _linked_objects(place: Place) -> None:
    repository(place.folder)
    for folder in (place.victim / ".git" / "objects").iterdir():
        if not (place.folder / ".git" / "objects" / folder.name).exists():
            (place.folder / ".git" / "objects" / folder.name).symlink_to(folder)


def _linked_index(place: Place) -> None:
    repository(place.folder)
    index = place.folder / ".git" / "index"
    index.unlink()
    index.symlink_to(place.victim / ".git" / "index")


TRICKS = [
    _worktree_elsewhere,
    _worktree_elsewhere_by_an_included_file,
    _worktree_elsewhere_for_this_worktree_alone,
    _file_that_names_a_directory,
    _file_that_names_it_by_a_relative_path,
    _link_to_a_directory,
    _common_directory_elsewhere,
    _worktree_of_a_repository_that_knows_none,
    _another_folders_worktree,
    _tracked_git_directory,
    _borrowed_objects,
    _objects_borrowed_at_second_hand,
    _linked_objects,
    _linked_index,
]


@pytest.mark.parametrize("trick", TRICKS, ids=lambda trick: trick.__name__.strip("_"))
async def test_another_repository_is_never_shown(place: Place, trick: Callable[[Place], None]) -> None:
    trick(place)
    told = await place.everything()
    assert SECRET not in told
    assert git(place.victim, "status", "--short") == "M a.py"  # nor was anything changed there


async def test_a_configured_work_tree_elsewhere_is_ignored(place: Place) -> None:
    _worktree_elsewhere(place)
    assert "+two" in await place.diff()
    assert "+two" in (await place.context())[0]


async def test_environment_variables_for_another_repository_are_ignored(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    repository(place.folder)
    monkeypatch.setenv("GIT_DIR", str(place.victim / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(place.victim))
    monkeypatch.setenv("GIT_INDEX_FILE", str(place.victim / ".git" / "index"))
    monkeypatch.setenv("GIT_OBJECT_DIRECTORY", str(place.victim / ".git" / "objects"))
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "core.worktree")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", str(place.victim))
    told = await place.everything()
    assert "+two" in told and SECRET not in told


@pytest.mark.parametrize("trick", [_file_that_names_a_directory, _common_directory_elsewhere, _another_folders_worktree])
async def test_a_repository_elsewhere_is_refused_even_in_a_trusted_workspace(
    place: Place, trick: Callable[[Place], None]
) -> None:
    trick(place)
    place.trusted = True
    with pytest.raises(ToolFailed, match="keeps its data outside of the workspace"):
        await place.diff()
    with pytest.raises(InvalidParams, match="keeps its data outside of the workspace"):
        await place.context()


async def test_objects_of_another_repository_are_used_only_in_a_trusted_workspace(place: Place) -> None:
    place.root.joinpath("victim", "a.py").write_text(SECRET + "\n")
    git(place.root, "clone", "--quiet", "--shared", str(place.victim), str(place.folder))
    (place.folder / "a.py").write_text("two\n")
    with pytest.raises(ToolFailed, match=r"takes data from outside of the workspace.*Trust the workspace"):
        await place.diff()
    place.trusted = True
    assert "+two" in await place.diff()


# -- repositories that are elsewhere for a reason ----------------------------------------------------------------------


@pytest.mark.parametrize("relative", [False, True])
async def test_a_worktree_works_if_its_repository_is_outside_the_workspace(place: Place, relative: bool) -> None:
    main = repository(place.root / "main")
    git(main, "worktree", "add", "--quiet", "-b", "other", str(place.folder))
    if relative:  # as git 2.48 and newer can write them
        (place.folder / ".git").write_text("gitdir: ../main/.git/worktrees/work\n")
        (main / ".git" / "worktrees" / "work" / "gitdir").write_text("../../../../work/.git\n")
    (place.folder / "a.py").write_text("three\n")
    assert "-one\n+three" in await place.diff()
    assert "-one\n+three" in (await place.context())[0]
    assert "first" in await place.tool("git_log")
    (place.folder / "sub").mkdir()
    (place.folder / "sub" / "b.py").write_text("new\n")
    git(place.folder, "add", "--all")
    assert "+new" in await place.diff(place.folder / "sub", staged=True)
    assert "+three" not in await place.diff(place.folder / "sub", staged=True)


async def test_worktrees_of_a_bare_repository_work_and_their_common_folder_is_explained(place: Place) -> None:
    main = repository(place.root / "main")
    place.folder.mkdir()
    git(place.folder, "clone", "--quiet", "--bare", str(main), ".bare")
    (place.folder / ".git").write_text("gitdir: ./.bare\n")
    git(place.folder, "worktree", "add", "--quiet", "tree", "main")
    (place.folder / "tree" / "a.py").write_text("three\n")
    assert "-one\n+three" in await place.diff(place.folder / "tree")
    with pytest.raises(ToolFailed, match=r"bare repository.*Open a clone or a worktree"):
        await place.diff()


async def test_a_submodule_works_when_it_is_opened_alone(place: Place) -> None:
    inner, outer = repository(place.root / "inner"), repository(place.root / "outer")
    git(outer, "submodule", "--quiet", "add", str(inner), "sub")
    (outer / "sub" / "a.py").write_text("three\n")
    assert "-one\n+three" in await place.diff(outer / "sub")
    git(outer, "worktree", "add", "--quiet", str(place.folder))
    git(outer, "commit", "--quiet", "--all", "--message", "with a submodule")
    git(place.folder, "checkout", "--quiet", "--detach", "main")
    git(place.folder, "submodule", "--quiet", "update", "--init")
    (place.folder / "sub" / "a.py").write_text("four\n")
    assert "-one\n+four" in await place.diff(place.folder / "sub")


async def test_a_repository_with_its_data_in_another_workspace_folder_works(place: Place) -> None:
    store = place.root / "store"
    place.folder.mkdir()
    git(place.folder, "init", "--quiet", "--separate-git-dir", str(store))
    (place.folder / "a.py").write_text("new\n")
    git(place.folder, "add", "--all")
    with pytest.raises(ToolFailed, match="outside of the workspace"):
        await place.diff()
    assert "+new" in await place.diff(place.folder, store)


async def test_a_folder_within_a_repository_works_also_through_a_link(place: Place) -> None:
    repository(place.folder)
    inner = place.folder / "inner"
    inner.mkdir()
    (inner / "b.py").write_text("new\n")
    git(place.folder, "add", "--all")
    link = place.root / "link"
    link.symlink_to(inner)
    for folder in (inner, link):
        told = await place.diff(folder, staged=True)
        assert "+new" in told and "+two" not in told


# -- what is wrong -------------------------------------------------------------------------------------------------------


def _pretend(place: Place, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    real = shutil.which("git")
    program = place.root / "bin" / "git"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{script.format(git=real)}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")


@pytest.mark.skipif(os.name == "nt", reason="the program is a shell script")
async def test_a_repository_of_another_user_is_explained(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    repository(place.folder)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(place.root / "gitconfig"))
    _pretend(place, monkeypatch, 'GIT_TEST_ASSUME_DIFFERENT_OWNER=1 exec {git} "$@"')
    for question in (place.diff, place.scanned):
        with pytest.raises(ToolFailed, match=r"belongs to another user.*safe\.directory"):
            await question()
    with pytest.raises(InvalidParams, match="belongs to another user") as refused:
        await place.context()
    assert "git config --global --add safe.directory" in refused.value.hint
    assert str(place.root) not in str(refused.value) + refused.value.hint
    git(place.root, "config", "--global", "--add", "safe.directory", str(place.folder))
    assert "+two" in await place.diff()


@pytest.mark.skipif(os.name == "nt", reason="the program is a shell script")
@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("printf '%s\\n' --path-format=absolute .git .git false", r"git is too old.*2\.31"),
        ("echo 'fatal: unknown repository extension found:' >&2; exit 128", "needs a newer git"),
        ("exec sleep 60", "took too long"),
        ("exit 1", "cannot read the repository"),
    ],
)
async def test_a_git_version_that_is_too_old_is_explained(
    place: Place, monkeypatch: pytest.MonkeyPatch, script: str, words: str
) -> None:
    repository(place.folder)
    _pretend(place, monkeypatch, script)
    place.git_seconds = 0.5
    with pytest.raises(ToolFailed, match=words):
        await place.diff()
    with pytest.raises(InvalidParams, match=words.partition(".*")[0]):
        await place.context()


async def test_a_bare_repository_is_explained(place: Place) -> None:
    git(place.root, "clone", "--quiet", "--bare", str(place.victim), str(place.folder))
    with pytest.raises(ToolFailed, match="bare repository"):
        await place.diff()
    with pytest.raises(InvalidParams, match="bare repository"):
        await place.context()
    with pytest.raises(ToolFailed, match="bare repository"):
        await place.scanned()


async def test_a_folder_without_a_repository_is_explained(place: Place) -> None:
    place.folder.mkdir()
    with pytest.raises(ToolFailed, match="No workspace folder is in a git repository"):
        await place.diff()
    (place.folder / ".git").write_text("gitdir: ../gone\n")
    with pytest.raises(ToolFailed, match=r"\.git file does not name a git directory that exists"):
        await place.diff()


async def test_of_several_folders_the_unreadable_ones_are_reported_with_the_others(place: Place) -> None:
    repository(place.folder)
    bare, plain = place.root / "bare", place.root / "plain"
    git(place.root, "clone", "--quiet", "--bare", str(place.victim), str(bare))
    plain.mkdir()
    told = await place.diff(place.folder, bare, plain)
    assert "+two" in told and "bare: This is a bare repository" in told and "plain" not in told
    text, notices = await place.context(place.folder, bare, plain)
    assert "+two" in text
    assert any(notice.startswith("bare: This is a bare repository") for notice in notices)


# -- before the first commit -------------------------------------------------------------------------------------------


@pytest.fixture(params=["new", "orphan", "sha256"])
def unborn(place: Place, request: pytest.FixtureRequest) -> Place:
    """A repository without commits: one file is staged and was changed afterwards; another is new."""
    if request.param == "orphan":
        repository(place.folder)
        git(place.folder, "checkout", "--quiet", "--force", "--orphan", "another")
        git(place.folder, "rm", "--quiet", "-r", "--cached", ".")
        (place.folder / "a.py").unlink()
    else:
        place.folder.mkdir()
        git(place.folder, "init", "--quiet", *(["--object-format=sha256"] if request.param == "sha256" else []))
    (place.folder / "b.py").write_text("staged\n")
    git(place.folder, "add", "b.py")
    (place.folder / "b.py").write_text("staged\nchanged\n")
    (place.folder / "c.py").write_text("untracked\n")
    return place


async def test_before_the_first_commit_all_files_are_new(unborn: Place) -> None:
    told = await unborn.diff()
    assert "+staged\n+changed" in told and "c.py" in told
    text, notices = await unborn.context()
    assert "+staged\n+changed" in text and any("c.py" in notice for notice in notices)
    assert "in 2 files" in await unborn.scanned()


async def test_before_the_first_commit_staged_files_are_shown(unborn: Place) -> None:
    told = await unborn.diff(staged=True)
    assert "+staged" in told and "changed" not in told
    text, _ = await unborn.context(staged=True)
    assert "+staged" in text and "changed" not in text


async def test_before_the_first_commit_there_is_no_history(unborn: Place) -> None:
    assert "no commits yet" in await unborn.tool("git_log")
    with pytest.raises(ToolFailed, match="no commit yet"):
        await unborn.tool("git_show", revision="HEAD")
    with pytest.raises(ToolFailed, match="git revision 'nothing' does not exist"):
        await unborn.tool("git_diff", base="nothing")
