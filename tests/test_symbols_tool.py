"""The outline of a file: its definitions and their lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from in_process_app import PlainEditor
from sessionls.ports.tools import ToolFailed
from sessionls.sessions.workspace.workspace import Workspace
from sessionls.tools.symbols import Symbols, outline
from tool_calls import LoneCall

PYTHON = """\
LIMIT: int = 3

@cached
class Shop(Base, final=True):
    name = "x"

    async def sell(self, item: str, *, count: int = 1) -> None:
        local = 1
        def inner(): ...

if True:
    def late(a): ...
"""

TYPESCRIPT = """\
export interface Item {
  name: string;
}
export default class Shop extends Base {
  private async sell(item: Item): Promise<void> {
    if (item) {
      const local = 1;
    }
  }
}
export const add = (a: number) => a + 1;
function last() {
}
"""

C = """\
#include <stdio.h>
static int add(int a, int b)
{
    return a + b;
}
struct shop {
    int size;
};
"""


def told(text: str, language: str | None) -> list[tuple[int, int, int, str]]:
    found, _ = outline(text, language)
    return [(one.first, one.last, one.depth, one.text) for one in found]


def test_python_symbols_are_exact() -> None:
    assert told(PYTHON, "python") == [
        (1, 1, 0, "LIMIT: int = 3"),
        (3, 9, 0, "class Shop(Base, final=True)"),
        (5, 5, 1, 'name = "x"'),
        (7, 9, 1, "async def sell(self, item: str, *, count: int=1) -> None"),
        (9, 9, 2, "def inner()"),
        (12, 12, 0, "def late(a)"),
    ]


def test_symbols_of_incomplete_python_are_found() -> None:
    found, guessed = outline("class Shop:\n    def sell(self):\n        return (\n", "python")
    assert guessed and [one.text for one in found] == ["class Shop:", "def sell(self):"]


def test_typescript_symbols_are_found_by_pattern() -> None:
    assert told(TYPESCRIPT, "typescript") == [
        (1, 3, 0, "export interface Item"),
        (4, 10, 0, "export default class Shop extends Base"),
        (5, 9, 1, "private async sell(item: Item): Promise<void>"),
        (11, 11, 0, "export const add = (a: number) => a + 1;"),
        (12, 13, 0, "function last()"),
    ]


def test_c_symbols_are_found_by_pattern() -> None:
    assert told(C, "c") == [(2, 5, 0, "static int add(int a, int b)"), (6, 8, 0, "struct shop")]


def test_markdown_headings_are_symbols() -> None:
    text = "# One\n\n## Two\n```\n# no heading\n```\n## Three\n# Four\n"
    assert told(text, "markdown") == [(1, 7, 0, "# One"), (3, 6, 1, "## Two"), (7, 7, 1, "## Three"), (8, 8, 0, "# Four")]


@pytest.mark.parametrize("text", ["", "x" * 100_000, "(" * 50_000, "a " * 50_000, "\t" * 10_000 + "(", "f(" * 5_000])
def test_no_text_takes_long_to_analyze(text: str) -> None:
    for language in ("python", "markdown", "c"):
        outline(text, language)


async def test_the_tool_shows_lines_and_nesting(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(PYTHON, encoding="utf-8")
    (tmp_path / "empty.py").write_text("", encoding="utf-8")
    tool = Symbols(Workspace(PlainEditor([tmp_path.as_uri()])))
    said = await tool.run({"path": "a.py"}, LoneCall())
    assert said.startswith("a.py\n  1-1 | LIMIT: int = 3\n  3-9 | class Shop(Base, final=True)\n  5-5 |   name")
    assert "No definitions" in await tool.run({"path": "empty.py"}, LoneCall())
    with pytest.raises(ToolFailed, match="outside"):
        await tool.run({"path": "../a.py"}, LoneCall())
