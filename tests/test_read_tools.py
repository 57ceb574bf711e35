"""The tools that read and list files of the workspace, and what all tools have in common."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import pytest

from sessionls.domain.permission import PermissionRequest
from sessionls.ports.tools import Tool, ToolCall, ToolFailed
from sessionls.tools.base import RESULT_LIMIT, cut_middle
from sessionls.tools.toolbox import Toolbox
from tool_workspace import Place, posix_only

# -- the toolbox -------------------------------------------------------------------------------------------------------


class Named:
    description = ""
    schema: Mapping[str, Any] = {}
    risk: Literal["read"] = "read"
    runs_programs = False

    def __init__(self, name: str) -> None:
        self.name = name

    async def permission_request(self, arguments: Mapping[str, Any]) -> PermissionRequest:
        return PermissionRequest(self.name)

    async def run(self, arguments: Mapping[str, Any], call: ToolCall) -> str:
        return ""


def test_the_toolbox_offers_by_name_and_by_server() -> None:
    box = Toolbox([Named("search"), Named("gh/a"), Named("gh/b"), Named("x/a")])
    assert box.names == ("search", "gh/a", "gh/b", "x/a")
    assert [tool.name for tool in box.offer(["gh/*", "search", "nothing", "*"])] == ["search", "gh/a", "gh/b"]
    assert box.offer([]) == []


def test_two_tools_with_the_same_name_are_an_error() -> None:
    with pytest.raises(ValueError, match="two tools are called a"):
        Toolbox([Named("a"), Named("a")])


def test_every_tool_describes_its_arguments(place: Place) -> None:
    tools: Sequence[Tool] = place.toolbox.offer(place.toolbox.names)
    assert [tool.name for tool in tools] == ["read_file", "list_files", "search", "git_diff", "git_log", "git_show", "symbols"]
    for tool in tools:
        assert tool.risk == "read" and tool.description
        assert tool.schema["type"] == "object" and tool.schema["additionalProperties"] is False
        assert all(field["description"] and "anyOf" not in field for field in tool.schema["properties"].values())
    assert tools[0].schema == {
        "type": "object",
        "additionalProperties": False,
        "required": ["path"],
        "properties": {
            "path": {"type": "string", "minLength": 1, "description": "Path of a file, relative to the workspace folder."},
            "start_line": {"type": "integer", "minimum": 1, "default": 1, "description": "First line, counted from 1."},
            "end_line": {
                "type": "integer",
                "minimum": 1,
                "description": "Last line (inclusive). Default: the end.",
            },
        },
    }


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "read_file was not run: the argument path is missing."),
        ({"path": "a", "line": 1}, "unknown argument line (known: path, start_line, end_line)"),
        ({"path": "a", "start_line": 0}, "start_line: input should be greater than or equal to 1"),
        ({"path": "a", "start_line": 3, "end_line": 2}, "end_line is before start_line"),
        ({"path": ["a"]}, "path: input should be a valid string"),
    ],
)
async def test_invalid_arguments_are_explained(place: Place, arguments: dict[str, Any], words: str) -> None:
    assert words in await place.refused("read_file", **arguments)


def test_a_long_result_loses_its_middle() -> None:
    text = "\n".join(f"line {number}" for number in range(20_000))
    cut = cut_middle(text, RESULT_LIMIT)
    assert len(cut) <= RESULT_LIMIT
    assert cut.startswith("line 0\nline 1\n") and cut.endswith("\nline 19999") and "characters omitted" in cut
    assert len(cut_middle("x" * 100_000, RESULT_LIMIT)) <= RESULT_LIMIT
    assert cut_middle("x", RESULT_LIMIT) == "x"


# -- read_file -----------------------------------------------------------------------------------------------------------


async def test_a_file_is_read_with_line_numbers(place: Place) -> None:
    place.write("src/a.py", "one\r\ntwo\u2028still two\rthree\n")
    assert await place.run("read_file", path="src/a.py") == (
        "src/a.py, lines 1 to 3 of 3\n1 | one\n2 | two\u2028still two\n3 | three"
    )
    assert await place.run("read_file", path="src/a.py", start_line=2, end_line="2") == (
        "src/a.py, lines 2 to 2 of 3\n2 | two\u2028still two"
    )
    same = await place.run("read_file", path=(place.folder / "src/a.py").as_uri(), start_line=3, end_line=None)
    assert same == "src/a.py, lines 3 to 3 of 3\n3 | three"


async def test_an_open_buffer_is_read_before_the_disk(place: Place) -> None:
    place.editor.open(place.write("a.py", "old\n"), "new\n")
    assert await place.run("read_file", path="a.py") == "a.py (unsaved changes included), lines 1 to 1 of 1\n1 | new"


async def test_a_long_file_is_read_in_consecutive_pieces(place: Place) -> None:
    lines = [f"line {number} {'x' * 90}" for number in range(1, 2_001)]
    place.write("long.txt", "\n".join(lines))
    seen: list[str] = []
    start = 1
    while start:
        result = await place.run("read_file", path="long.txt", start_line=start)
        assert len(result) < RESULT_LIMIT
        head, *body = result.split("\n")
        assert head.endswith(" of 2000")
        start = int(body.pop().split("start_line=")[1][:-2]) if body[-1].startswith("[Continue") else 0
        seen += [line.split(" | ")[1] for line in body]
    assert seen == lines


async def test_a_file_that_is_too_large_says_where_it_was_cut(place: Place) -> None:
    place.write("huge.txt", "0123456789abcde\n" * (10 << 16))
    result = await place.run("read_file", path="huge.txt", start_line=524_288)
    assert result.endswith("524288 | 0123456789abcde\n[Only the first 8,388,608 of 10,485,760 bytes are shown.]")


async def test_a_very_long_line_is_cut(place: Place) -> None:
    place.write("min.js", "x" * 500_000)
    result = await place.run("read_file", path="min.js")
    assert len(result) < 3_000 and "498,000 characters" in result


async def test_an_empty_file_and_a_line_past_the_end_are_explained(place: Place) -> None:
    place.write("empty", "")
    place.write("short", "a\nb")
    assert await place.run("read_file", path="empty") == "empty is empty."
    assert await place.refused("read_file", path="short", start_line=3) == "short has only 2 lines."


SECRETS = [".env", ".env.local", "deep/id_rsa", "cert.PEM", ".git/config", ".GIT/config", ".ssh/known_hosts", ".npmrc"]


@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize(
    ("tool", "argument"), [("read_file", "path"), ("git_log", "path"), ("search", "path"), ("list_files", "path")]
)
async def test_secrets_are_withheld_from_every_tool(repository: Place, name: str, tool: str, argument: str) -> None:
    if not name.startswith((".git/", ".GIT/")):
        repository.write(name, "hunter2")
    arguments: dict[str, Any] = {argument: name} | ({"pattern": "x"} if tool == "search" else {})
    assert "withheld" in await repository.refused(tool, **arguments)


@pytest.mark.parametrize("path", ["../secret", "/etc/passwd", "a/../../secret", "file:///etc/passwd", "~/.ssh/id_rsa", "nul\0l"])
@pytest.mark.parametrize("tool", ["read_file", "list_files", "search", "git_diff", "git_log", "git_show"])
async def test_nothing_outside_the_folders_is_read(repository: Place, tool: str, path: str) -> None:
    (repository.outside / "secret").write_text("hunter2")
    repository.write("a/b")
    repository.commit("first")
    special: dict[str, dict[str, Any]] = {"git_diff": {"paths": [path]}, "git_show": {"path": path, "revision": "HEAD"}}
    arguments = special.get(tool, {"path": path})
    if tool == "search":
        arguments["pattern"] = "."
    try:
        result = await repository.run(tool, **arguments)
    except ToolFailed as refusal:
        result = str(refusal)
        assert str(repository.outside) not in result
    else:
        assert tool in ("git_log", "git_diff") and path.startswith("~"), "a file called ~ may have been there once"
    assert "hunter2" not in result and "root:" not in result


@posix_only
@pytest.mark.timeout(30)
async def test_links_out_of_the_workspace_pipes_and_devices_are_refused(place: Place) -> None:
    (place.outside / "secret").write_text("hunter2\n")
    (place.folder / "out").symlink_to(place.outside / "secret")
    (place.folder / "up").symlink_to(place.outside)
    (place.folder / "zero").symlink_to("/dev/zero")
    os.mkfifo(place.folder / "pipe")
    place.write("a", "hunter3\n")
    for path in ("out", "up/secret", "zero"):
        assert "outside" in await place.refused("read_file", path=path)
    assert "not a regular file" in await place.refused("read_file", path="pipe")
    assert "outside" in await place.refused("list_files", path="up")
    assert await place.run("search", pattern="hunter") == "a\n1: hunter3"


# -- list_files ----------------------------------------------------------------------------------------------------------


async def test_ignored_files_and_secrets_are_not_listed(tree: Place) -> None:
    listed = (await tree.run("list_files")).split("\n")
    assert listed == [".gitignore", "a.py", "keep.log", "sub/.gitignore", "sub/b.py", "sub/c.ts", "sub/deep/d.tsx"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"glob": "*.py"}, ["a.py", "sub/b.py"]),
        ({"glob": "/*.py"}, ["a.py"]),
        ({"glob": "sub/*.ts"}, ["sub/c.ts"]),
        ({"glob": "**/*.{ts,tsx}"}, ["sub/c.ts", "sub/deep/d.tsx"]),
        ({"glob": "./sub/**"}, ["sub/.gitignore", "sub/b.py", "sub/c.ts", "sub/deep/d.tsx"]),
        ({"path": "sub/deep"}, ["sub/deep/d.tsx"]),
        ({"path": "sub", "glob": "*.py"}, ["sub/b.py"]),
        ({"path": "build"}, ["build/out.js"]),
        ({"path": "x.log"}, ["x.log"]),
        ({"glob": ".env"}, ["No files match."]),
        ({"glob": "!*.py"}, ["No files match."]),
    ],
)
async def test_files_are_listed_by_glob_and_path(tree: Place, arguments: dict[str, str], expected: list[str]) -> None:
    assert (await tree.run("list_files", **arguments)).split("\n") == expected


async def test_too_many_files_are_listed_by_folder(place: Place) -> None:
    for number in range(1_001):
        place.write(f"src/part{number % 2}/{number}.py", "")
    place.write("top.py")
    assert await place.run("list_files") == "1,002 files, by folder:\nproject/ (1)\nsrc/part0/ (501)\nsrc/part1/ (500)"
    assert (await place.run("list_files", path="src/part0")).count("\n") == 500


async def test_a_missing_path_is_an_error(place: Place) -> None:
    assert await place.refused("list_files", path="nowhere") == (
        "nowhere does not exist in the workspace. List without a path to see all files."
    )


async def test_deleted_files_are_not_listed(repository: Place) -> None:
    repository.write("a")
    gone = repository.write("gone")
    repository.commit("first")
    gone.unlink()
    assert await repository.run("list_files") == "a"


async def test_a_repository_inside_another_is_listed(repository: Place) -> None:
    repository.write("inner/b")
    repository.git("init", "--quiet", at=repository.folder / "inner")
    repository.write("a")
    assert await repository.run("list_files") == "a\ninner/b"


async def test_several_folders_have_distinct_names(place: Place, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    place.editor.folders = [*place.editor.folders, other.as_uri()]
    place.write("a.py", "here")
    (other / "b.py").write_text("here")
    assert await place.run("list_files") == "project/a.py\nother/b.py"
    assert await place.run("list_files", glob="other/*.py") == "other/b.py"
    assert await place.run("search", pattern="here", path="other") == "other/b.py\n1: here"


async def test_a_folder_in_a_folder_is_listed_once(place: Place) -> None:
    place.write("inner/a")
    place.editor.folders = [*place.editor.folders, (place.folder / "inner").as_uri()]
    assert (await place.run("list_files")).count("inner/a") == 1


async def test_without_a_folder_there_is_an_error(place: Place) -> None:
    place.editor.folders = []
    for tool, arguments in (("list_files", {}), ("search", {"pattern": "a"}), ("git_log", {})):
        assert await place.refused(tool, **arguments)
