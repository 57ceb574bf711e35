"""The tools that show changes, commits and the log of a repository, and what a repository cannot do with them."""

from __future__ import annotations

import pytest

from sessionls.tools.base import RESULT_LIMIT
from tool_workspace import Place, posix_only


async def test_uncommitted_changes_are_shown(repository: Place) -> None:
    repository.write("a.py", "one\n")
    repository.write("b.py", "one\n")
    repository.commit("first")
    assert await repository.run("git_diff") == "No changes."
    repository.write("a.py", "two\n")
    repository.write("new.py")
    result = await repository.run("git_diff")
    assert "--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-one\n+two\n" in result
    assert result.endswith("[New files, not in the diff: new.py.]\n")
    assert await repository.run("git_diff", paths=["b.py"]) == "No changes."
    assert await repository.run("git_diff", staged=True) == "No changes."
    repository.git("add", "a.py")
    assert "+two" in await repository.run("git_diff", staged=True)


async def test_changes_between_revisions_are_shown(repository: Place) -> None:
    repository.write("a", "base\n")
    repository.commit("base")
    repository.git("checkout", "--quiet", "-b", "topic")
    repository.write("b", "topic\n")
    repository.commit("topic")
    repository.git("checkout", "--quiet", "main")
    repository.write("a", "main\n")
    repository.commit("main")
    assert "+topic" in (both := await repository.run("git_diff", base="main..topic")) and "-main" in both
    assert "+topic" in (one := await repository.run("git_diff", base="main...topic")) and "main" not in one
    assert "+main" in await repository.run("git_diff", base="topic...")
    assert "two" in await repository.refused("git_diff", base="main..topic", staged=True)
    assert (await repository.run("git_log", revision="main..topic")).endswith(" Ada: topic")


async def test_the_log_is_shown(repository: Place) -> None:
    repository.write("old.py", "def f(): pass\n" * 5)
    repository.commit("first")
    repository.git("mv", "old.py", "new.py")
    repository.commit("rename")
    repository.write("dir/other", "needle\n")
    last = repository.commit("other")
    lines = (await repository.run("git_log")).split("\n")
    assert [line.split(": ")[1] for line in lines] == ["other", "rename", "first"]
    assert lines[0].startswith(last[:7]) and " Ada: " in lines[0]
    assert [line.split(": ")[1] for line in (await repository.run("git_log", path="new.py")).split("\n")] == ["rename", "first"]
    assert (await repository.run("git_log", path="dir")).endswith(": other")
    assert (await repository.run("git_log", text="needle")).endswith(": other")
    assert await repository.run("git_log", text="absent") == "No commits."
    assert (await repository.run("git_log", limit=1)).count("\n") == 0


async def test_a_commit_and_a_file_of_it_are_shown(repository: Place) -> None:
    repository.write("a", "one\n")
    first = repository.commit("first")
    repository.write("a", "two\n")
    repository.commit("second\n\nBecause.")
    shown = await repository.run("git_show", revision="HEAD")
    assert "    second\n" in shown and "    Because.\n" in shown and "-one\n+two\n" in shown
    assert await repository.run("git_show", revision=first, path="a") == f"a at {first[:12]}\n1 | one"
    assert "The file b does not exist at HEAD" in await repository.refused("git_show", revision="HEAD", path="b")


async def test_a_folder_of_a_repository_shows_nothing_outside_it(repository: Place) -> None:
    repository.write("inner/a", "one\n")
    repository.write("beside", "one\n")
    repository.commit("first")
    repository.write("inner/a", "two\n")
    repository.write("beside", "hunter2\n")
    repository.editor.folders = [(repository.folder / "inner").as_uri()]
    assert "hunter2" not in (diff := await repository.run("git_diff")) and "--- a/a\n+++ b/a" in diff
    repository.commit("second")
    assert "hunter2" not in (shown := await repository.run("git_show", revision="HEAD")) and "+two" in shown


async def test_secrets_are_left_out_of_diffs_and_commits(repository: Place) -> None:
    repository.write(".env", "PASSWORD=hunter1\n")
    repository.write("a", "one\n")
    first = repository.commit("first")
    repository.write(".env", "PASSWORD=hunter2\n")
    repository.write("a", "two\n")
    for result in (
        await repository.run("git_diff"),
        await repository.run("git_show", revision=first),
        await repository.run("git_diff", paths=["a", "."]),
    ):
        assert "hunter" not in result and "[Withheld: 1 changed file(s) that may contain secrets.]" in result
        assert "+++ b/a" in result
    assert await repository.run("git_log", text="PASSWORD=hunter1") == "No commits."
    for arguments in ({"revision": "HEAD", "path": ".env"}, {"revision": "HEAD:.env"}):
        assert "hunter" not in await repository.refused("git_show", **arguments)


@pytest.mark.parametrize(
    "revision",
    ["--output=stolen", "-p", "--exec=touch stolen", "HEAD\n--output=stolen", "", "HEAD:a", "x" * 300, "a..--output=stolen"],
)
@pytest.mark.parametrize(("tool", "argument"), [("git_diff", "base"), ("git_log", "revision"), ("git_show", "revision")])
async def test_a_revision_is_never_an_option(repository: Place, tool: str, argument: str, revision: str) -> None:
    repository.write("a")
    repository.commit("first")
    if not (tool == "git_diff" and revision == ""):
        await repository.refused(tool, **{argument: revision})
    assert not (repository.folder / "stolen").exists()


@pytest.mark.parametrize("path", ["--output=stolen", "-p", ":(top)..", ":!a", ":/"])
async def test_a_path_is_never_an_option_or_a_pattern(repository: Place, path: str) -> None:
    repository.write("a", "text\n")
    repository.commit("first")
    repository.write("a", "changed\n")
    assert await repository.run("git_diff", paths=[path]) == "No changes."
    assert await repository.run("git_log", path=path) == "No commits."
    assert not (repository.folder / "stolen").exists()


@posix_only
async def test_no_program_that_the_repository_configures_is_started(repository: Place) -> None:
    repository.write("a", "one\n")
    repository.write(".gitattributes", "* diff=evil filter=evil\n")
    repository.commit("first")
    commit = repository.sign("HEAD")
    repository.write("a", "two\n")
    program = repository.outside / "evil"
    program.write_text(f"#!/bin/sh\ntouch {repository.outside}/started\ncat\n")
    program.chmod(0o755)
    for key in ("core.fsmonitor", "core.pager", "diff.external", "diff.evil.textconv", "diff.evil.command", "gpg.program"):
        repository.git("config", key, str(program))
    for key in ("filter.evil.clean", "filter.evil.smudge", "filter.evil.process"):
        repository.git("config", key, str(program))
    repository.git("config", "log.showSignature", "true")
    repository.git("config", "core.hooksPath", str(repository.outside))
    assert "+two" in await repository.run("git_diff")
    await repository.run("git_diff", staged=True)
    await repository.run("git_log")
    await repository.run("git_log", path="a")
    await repository.run("git_log", text="one")
    await repository.run("git_show", revision=commit)
    await repository.run("git_show", revision=commit, path="a")
    await repository.run("list_files")
    await repository.run("search", pattern="two")
    assert not (repository.outside / "started").exists()


async def test_a_huge_diff_is_cut(repository: Place) -> None:
    repository.write("a", "")
    repository.commit("first")
    repository.write("a", "a line that is new\n" * 50_000)
    result = await repository.run("git_diff")
    assert len(result) <= RESULT_LIMIT + 100 and "only the beginning" in result


async def test_a_missing_repository_or_commit_is_explained(place: Place) -> None:
    for tool, arguments in (("git_diff", {}), ("git_log", {}), ("git_show", {"revision": "HEAD"})):
        assert "No workspace folder is in a git repository" in await place.refused(tool, **arguments)
    place.git("init", "--quiet")
    assert await place.run("git_log") == "The repository has no commits yet."
