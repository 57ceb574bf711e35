"""The tool that searches the workspace: what it finds, how it is shown, and its limits."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import pytest

from sessionls.tools.base import RESULT_LIMIT
from sessionls.tools.read import Search
from tool_workspace import CALL, Place


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
