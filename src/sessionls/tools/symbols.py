"""Outlines of files: their definitions with lines. Exact for Python and Markdown, by patterns for other languages."""

from __future__ import annotations

import ast
import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import Field

from sessionls.ports.tools import ToolCall
from sessionls.sessions.workspace.positions import split_lines
from sessionls.sessions.workspace.symbols import COMMENT, KEYWORDS, STATEMENT, last_line
from sessionls.sessions.workspace.workspace import Workspace
from sessionls.tools.base import Arguments, BaseTool

__all__ = ["Symbol", "Symbols", "outline"]

_FILE_LIMIT = 2 << 20  # bytes of a file that is read
_PARSED = 500_000  # characters: Python's parser holds the interpreter lock meanwhile
_LISTED = 500
_SHOWN = 160  # characters of one line
_LONGEST_LINE = 500  # characters; a longer one is data


@dataclass(frozen=True, slots=True)
class Symbol:
    """A definition in lines `first` to `last` (from 1), nested in `depth` others. `text` is its first line."""

    first: int
    last: int
    depth: int
    text: str


class SymbolsArguments(Arguments):
    path: str = Field(description="Path of a file, relative to the workspace folder.", min_length=1)


class Symbols(BaseTool[SymbolsArguments]):
    name = "symbols"
    description = (
        "List the outline of a file: its classes, functions and other definitions with their lines, without their bodies. "
        "Cheaper than reading the file; then read only the relevant lines."
    )
    risk = "read"
    arguments = SymbolsArguments

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    async def perform(self, arguments: SymbolsArguments, call: ToolCall) -> str:  # noqa: ARG002
        document = await self._workspace.read(arguments.path, limit=_FILE_LIMIT)
        found, guessed = await asyncio.to_thread(outline, document.text, document.language)
        if not found:
            return f"No definitions were found in {document.path}. Read it, or search it."
        width = max(len(f"{symbol.first}-{symbol.last}") for symbol in found[:_LISTED])
        lines = [f"{f'{symbol.first}-{symbol.last}':>{width}} | {'  ' * symbol.depth}{symbol.text}" for symbol in found[:_LISTED]]
        if len(found) > _LISTED:
            lines.append(f"[{len(found) - _LISTED} more. Search for a name.]")
        if guessed:
            lines.append("[Found by patterns; some may be missing.]")
        if document.notice:
            lines.append(f"[{document.notice}]")
        return f"{document.path}\n" + "\n".join(lines)


def outline(text: str, language: str | None) -> tuple[list[Symbol], bool]:
    """The definitions in a text, in order, and whether they were found by patterns."""
    if language == "python" and len(text) <= _PARSED:
        try:
            return list(_of_python(ast.parse(text), text.splitlines(), 0)), False
        except (SyntaxError, ValueError, RecursionError, MemoryError):  # incomplete code is normal in an editor
            pass
    lines = split_lines(text)
    if language == "markdown":
        return _of_markdown(lines), False
    return _by_form(lines), True


# -- Python ----------------------------------------------------------------------------------------------------------


def _of_python(parent: ast.AST, lines: list[str], depth: int) -> Iterator[Symbol]:
    for node in ast.iter_child_nodes(parent):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                head = "async def" if isinstance(node, ast.AsyncFunctionDef) else "def"
                returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
                yield _symbol(node, depth, f"{head} {node.name}({ast.unparse(node.args)}){returns}")
                yield from _of_python(node, lines, depth + 1)
            case ast.ClassDef():
                bases = ", ".join(ast.unparse(base) for base in (*node.bases, *node.keywords))
                yield _symbol(node, depth, f"class {node.name}{f'({bases})' if bases else ''}")
                yield from _of_python(node, lines, depth + 1)
            case ast.Assign() | ast.AnnAssign() if isinstance(parent, ast.Module | ast.ClassDef):
                yield _symbol(node, depth, lines[node.lineno - 1].strip() if node.lineno <= len(lines) else "")
            case ast.If() | ast.Try() | ast.With() | ast.ExceptHandler():
                yield from _of_python(node, lines, depth)
            case _:
                pass


def _symbol(node: ast.stmt, depth: int, text: str) -> Symbol:
    first = min([node.lineno, *(decorator.lineno for decorator in getattr(node, "decorator_list", ()))])
    return Symbol(first, node.end_lineno or node.lineno, depth, _short(text))


# -- other languages -------------------------------------------------------------------------------------------------

# [modifiers] keyword [(receiver)] name
_DEFINES = re.compile(
    rf"\s*(?:[A-Za-z_@][^\s=(]*\s+){{0,6}}?(?P<keyword>{KEYWORDS})\s+\*?(?:\([^)]{{0,200}}\)\s*)?[\w$]+(?:(?:\.|::?)[\w$]+)*"
)
# name(…) {  for a method in JavaScript, Java or C#, and unindented type name(…)  for a function in C
_METHOD = re.compile(r"\s+(?:[\w<>\[\],.*&?@]+\s+){0,6}[\w$#]+\s*(?:<[^>]{0,200}>\s*)?\([^;]*\{\s*$")
_FUNCTION = re.compile(r"[A-Za-z_][\w*&:<>,\[\].~]*+\s[\w\s*&:<>,\[\].~]{0,300}?(?<![\w$~])[\w$~]++\s*+\([^;=]*+$")
_VALUE = frozenset({"const", "let", "var", "val", "static", "data", "type"})
_HEADING = re.compile(r"(#{1,6})\s+\S")
_FENCE = re.compile(r"\s{0,3}(```|~~~)")


def _by_form(lines: list[str]) -> list[Symbol]:
    found: list[Symbol] = []
    inside: list[tuple[int, int]] = []  # indentation and last line of the enclosing definitions
    for number, line in enumerate(lines):
        if not line.strip() or len(line) > _LONGEST_LINE or COMMENT.match(line) or STATEMENT.match(line):
            continue
        indent = len(line) - len(line.lstrip())
        if not _is_definition(line, indent):
            continue
        last = last_line(lines, number)
        while inside and (inside[-1][0] >= indent or inside[-1][1] < number):
            inside.pop()
        found.append(Symbol(number + 1, last + 1, len(inside), _short(line.strip().rstrip("{").rstrip())))
        inside.append((indent, last))
    return found


def _is_definition(line: str, indent: int) -> bool:
    match = _DEFINES.match(line)
    if match is not None:
        # Inside a definition a value is local, unless it is a function.
        return match["keyword"] not in _VALUE or indent == 0 or "=>" in line or "function" in line
    return bool(_METHOD.match(line) or (indent == 0 and _FUNCTION.match(line)))


def _of_markdown(lines: list[str]) -> list[Symbol]:
    heads: list[tuple[int, int, str]] = []
    fence = ""
    for number, line in enumerate(lines):
        if (mark := _FENCE.match(line)) is not None:
            fence = "" if fence == mark[1] else fence or mark[1]
        elif not fence and (head := _HEADING.match(line)) is not None:
            heads.append((number, len(head[1]), line))
    found: list[Symbol] = []
    # Backwards: the nearest following heading of each level.
    next_of = [len(lines) - (lines[-1] == "")] * 7
    for number, level, line in reversed(heads):
        found.append(Symbol(number + 1, min(next_of[1 : level + 1]), level - 1, _short(line.strip())))
        next_of[level] = number
    return found[::-1]


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= _SHOWN else f"{flat[:_SHOWN]} …"
