"""The tools that only read: what agents see of the workspace, and what stays hidden."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import pytest

from sessionls.domain.permission import PermissionRequest
from sessionls.ports.editor import Buffer
from sessionls.ports.tools import Tool, ToolCall, ToolFailed
from sessionls.sessions.workspace.workspace import Workspace
from sessionls.tools.base import RESULT_LIMIT, cut_middle
from sessionls.tools.read import Search
from sessionls.tools.toolbox import Toolbox, read_tools
from tool_calls import LoneCall

CALL = LoneCall()
posix_only = pytest.mark.skipif(os.name == "nt", reason="needs POSIX links and pipes")


class FakeEditor:
    encoding: Literal["utf-8", "utf-16", "utf-32"] = "utf-16"

    def __init__(self, *folders: Path) -> None:
        self.folders: Sequence[str] = [folder.as_uri() for folder in folders]
        self.buffers: dict[str, Buffer] = {}

    def buffer(self, uri: str) -> Buffer | None:
        return self.buffers.get(uri)

    def open(self, path: Path, text: str) -> None:
        self.buffers[path.as_uri()] = Buffer(path.as_uri(), text, 1)


class Place:
    """A workspace folder, files outside it, and the tools that read it."""

    def __init__(self, root: Path) -> None:
        self.outside = root
        self.folder = root / "project"
        self.folder.mkdir()
        self.editor = FakeEditor(self.folder)
        self.workspace = Workspace(self.editor)
        self.toolbox = Toolbox(read_tools(self.workspace))

    def write(self, name: str, text: str | bytes = "text\n") -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    async def run(self, tool: str, **arguments: Any) -> str:
        (found,) = self.toolbox.offer([tool])
        return await found.run(arguments, CALL)

    async def refused(self, tool: str, **arguments: Any) -> str:
        with pytest.raises(ToolFailed) as raised:
            await self.run(tool, **arguments)
        assert str(self.outside) not in str(raised.value), "no path of this machine is told"
        return str(raised.value)

    def git(self, *arguments: str, at: Path | None = None) -> str:
        name = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "init.defaultBranch=main")
        done = subprocess.run(["git", *name, *arguments], cwd=at or self.folder, capture_output=True, check=True, text=True)
        return done.stdout.strip()

    def commit(self, message: str) -> str:
        self.git("add", "--all", "--force")
        self.git("commit", "--quiet", "--no-verify", "--message", message)
        return self.git("rev-parse", "HEAD")

    def sign(self, revision: str) -> str:
        """Add an invalid signature to the newest commit."""
        signature = "gpgsig -----BEGIN PGP SIGNATURE-----\n \n x\n -----END PGP SIGNATURE-----\n"
        head, message = self.git("cat-file", "commit", revision).split("\n\n", 1)
        signed = self.outside / "signed"
        signed.write_text(f"{head}\n{signature}\n{message}\n")
        commit = self.git("hash-object", "-t", "commit", "-w", str(signed))
        self.git("update-ref", "HEAD", commit)
        return commit


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture
def repository(place: Place) -> Place:
    place.git("init", "--quiet")
    return place


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


@pytest.fixture(params=["with git", "without git"])
def tree(request: pytest.FixtureRequest, place: Place) -> Place:
    if request.param == "with git":
        place.git("init", "--quiet")
    place.write(".gitignore", "*.log\nbuild/\n!keep.log\n")
    place.write("sub/.gitignore", "local.txt\n")
    names = ("a.py", "sub/b.py", "sub/local.txt", "x.log", "keep.log", "build/out.js", "sub/c.ts", "sub/deep/d.tsx", ".env")
    for name in names:
        place.write(name, f"in {name}\n")
    return place


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


# -- search --------------------------------------------------------------------------------------------------------------


async def test_search_results_have_line_numbers(tree: Place) -> None:
    assert await tree.run("search", pattern=r"^in \w+\.py$") == "a.py\n1: in a.py"
    assert await tree.run("search", pattern="IN A", ignore_case=True) == "a.py\n1: in a.py"
    assert await tree.run("search", pattern="IN A") == "No line matches."
    assert await tree.run("search", pattern="in ", glob="*.ts") == "sub/c.ts\n1: in sub/c.ts"
    assert await tree.run("search", pattern="in ", path="x.log") == "x.log\n1: in x.log"


async def test_context_lines_and_gaps_are_shown(place: Place) -> None:
    place.write("a", "".join(f"{word}\n" for word in ["one", "two", "hit", "four", "five", "six", "seven", "hit"]))
    assert await place.run("search", pattern="hit", context_lines=1) == ("a\n2- two\n3: hit\n4- four\n--\n7- seven\n8: hit")


async def test_multiline_and_empty_matches_are_shown(place: Place) -> None:
    place.write("a", "def f(\r\n  x\r\n):\r\n")
    assert await place.run("search", pattern=r"f\(\s*x") == "a\n1: def f(\n2:   x"
    assert await place.run("search", pattern="^") == "a\n1: def f(\n2:   x\n3: ):"


async def test_open_buffers_are_searched_with_the_editors_text(place: Place) -> None:
    path = place.write("a.py", "old word\n")
    place.editor.open(path, "new word\n")
    assert await place.run("search", pattern="word") == "a.py\n1: new word"
    assert await place.run("search", pattern="old") == "No line matches."


async def test_secrets_and_binary_files_are_not_found(place: Place) -> None:
    for name in (".env", "key.pem", ".aws/credentials"):
        place.write(name, "hunter2\n")
    place.write("data.bin", b"hunter2\0\n")
    place.write("latin", b"hunter2 \xff\n")
    assert await place.run("search", pattern="hunter2") == "No line matches."
    place.editor.open(place.folder / ".env", "hunter2 in a buffer")
    assert await place.run("search", pattern="hunter2") == "No line matches."


async def test_an_invalid_regular_expression_is_an_error(place: Place) -> None:
    place.write("a")
    words = await place.refused("search", pattern="f(")
    assert words.startswith("'f(' is not a valid regular expression") and words.endswith(
        "Escape literal characters with a backslash."
    )


@pytest.mark.timeout(30)
async def test_a_search_that_takes_too_long_is_stopped_and_shows_earlier_matches(place: Place) -> None:
    place.write("a", "aaaa!\n")
    place.write("b", "a" * 60 + "!\n")
    result = await Search(place.workspace, seconds=3).run({"pattern": "^(a+)+$|aaaa!$"}, CALL)
    assert result == "a\n1: aaaa!\n[Stopped after 3 seconds: use a simpler pattern, a glob or a path.]"


@pytest.mark.timeout(30)
async def test_a_cancelled_search_leaves_no_process(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.write("b", "a" * 60 + "!\n")
    started: asyncio.Queue[asyncio.SubprocessTransport] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    start = loop.subprocess_exec

    async def recorded(*arguments: Any, **options: Any) -> Any:
        transport, protocol = await start(*arguments, **options)
        if sys.executable in arguments:
            started.put_nowait(transport)
        return transport, protocol

    monkeypatch.setattr(loop, "subprocess_exec", recorded)
    searching = asyncio.create_task(place.run("search", pattern="^(a+)+$"))
    process = await started.get()
    searching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await searching
    assert process.get_returncode() is not None


async def test_many_matches_and_long_lines_are_limited(place: Place) -> None:
    place.write("long", "hit " * 10_000 + "\n")
    for number in range(30):
        place.write(f"many{number:02}", "a hit\n" * 1_000)
    place.write("large", "hit\n" * 1_000_000)
    result = await place.run("search", pattern="hit", context_lines=10)
    assert len(result) <= RESULT_LIMIT
    assert "[There may be more. Narrow the pattern, the glob or the path.]" in result
    assert "39,600 characters" in result
    assert "1 file(s) larger than 2 MiB were not searched" in await place.run("search", pattern="nothing")


async def test_nothing_is_imported_from_the_workspace(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("re.py", "json.py", "sessionls/__init__.py", "sessionls/tools/searcher.py"):
        place.write(name, "import pathlib; pathlib.Path('taken').write_text('x')")
    monkeypatch.chdir(place.folder)
    assert "re.py" in await place.run("search", pattern="taken")
    assert not (place.folder / "taken").exists()


# -- git -----------------------------------------------------------------------------------------------------------------


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
