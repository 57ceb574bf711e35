"""Finds where a symbol is defined in a text, by its name alone: exactly for Python, by patterns for other languages."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sessionls.sessions.workspace.positions import split_lines

__all__ = ["COMMENT", "KEYWORDS", "STATEMENT", "Definition", "find_definition", "last_line"]

_LONGEST_LINE = 500  # characters: a longer line is data or minified code, without a definition to find
_LONGEST = 5000  # lines of one definition
_LONGEST_PARSED = 500_000  # characters: Python's parser holds the interpreter lock meanwhile
_AROUND = 5  # lines shown before and after a mere occurrence


@dataclass(frozen=True, slots=True)
class Definition:
    """The lines of a definition, from `first` up to and with `last`, from 0. `notice` says what was guessed."""

    first: int
    last: int
    notice: str | None = None


def find_definition(text: str, name: str, language: str | None) -> Definition | None:
    """The definition of `name` (`Class.method`, `Type::function` for a nested one), else its first occurrence, else None."""
    parts = [part for part in re.split(r"\.|::|#|/", name.strip()) if part]
    if not parts:
        return None
    if language == "python" and len(text) <= _LONGEST_PARSED and (definition := _find_in_python(text, parts)) is not None:
        return definition
    lines = split_lines(text)
    return _find_by_form(lines, parts) or _find_occurrence(lines, parts[-1])


# -- Python ------------------------------------------------------------------------------------------------------------


def _find_in_python(text: str, parts: Sequence[str]) -> Definition | None:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # incomplete code is normal in an editor
        return None
    matches = [node for path, node in _named_nodes(tree) if path[-len(parts) :] == tuple(parts)]
    if not matches:
        return None
    node = matches[0]
    first = min([node.lineno, *(decorator.lineno for decorator in getattr(node, "decorator_list", ()))])
    more = f"{len(matches) - 1} more of that name in this file." if len(matches) > 1 else None
    return Definition(first - 1, (node.end_lineno or node.lineno) - 1, more)


def _named_nodes(tree: ast.Module) -> Iterator[tuple[tuple[str, ...], ast.stmt]]:
    """Functions, classes and assigned names with their paths: outer ones first, in order."""
    level: list[tuple[tuple[str, ...], ast.AST]] = [((), tree)]
    while level:
        next_level: list[tuple[tuple[str, ...], ast.AST]] = []
        for path, parent in level:
            for node in ast.iter_child_nodes(parent):
                node_path = path
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                    node_path = (*path, node.name)
                    yield node_path, node
                elif isinstance(node, ast.Assign | ast.AnnAssign):
                    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                    yield from (((*path, target.id), node) for target in targets if isinstance(target, ast.Name))
                next_level.append((node_path, node))
        level = next_level


# -- other languages ---------------------------------------------------------------------------------------------------

KEYWORDS = (
    r"(?:async\s+)?(?:function\s*\*?|fn|func|fun|def|defp|defmodule|sub|proc|procedure|class|struct|enum|union|interface|trait"
    r"|type|typealias|typedef|impl|module|mod|namespace|package|object|record|protocol|extension|macro|macro_rules!"
    r"|const|let|var|val|static|data|newtype|table|view)"
)
COMMENT = re.compile(r"\s*(?://|/\*|\*|--|;|#(?!\s*define\b|\[))")
STATEMENT = re.compile(
    r"\s*(?:return|if|else|elif|while|for|do|switch|case|await|throw|raise|new|yield|assert|print|import|from|not|delete)\b"
)
_HEAD = re.compile(r"\s*(?:@|#\[)")  # a decorator, annotation or attribute on the line before
_CLOSER = re.compile(r"\s*(?:[}\])]|end\b|fi\b|done\b|esac\b)")


def _forms(name: str) -> list[re.Pattern[str]]:
    """Patterns of lines that define the name, the most reliable first. Each is linear in the length of the line."""
    word = rf"{re.escape(name)}(?![\w$])"
    return [
        # [modifiers] keyword [(receiver)] [Outer.]name, and C's #define
        re.compile(rf"\s*(?:[^\s=]+\s+){{0,6}}?{KEYWORDS}\s+\*?(?:\([^)]{{0,200}}\)\s*)?(?:[\w$]+(?:\.|::?))*{word}"),
        re.compile(rf"\s*#\s*define\s+{word}"),
        # [Outer.]name = function, name: (…) => …
        re.compile(rf"\s*(?:[\w$]+\.)*{word}\s*[:=]\s*(?:async\s*)?(?:function\b|\(|[\w$]+\s*=>)"),
        # type name(… for C, and name(…) { for a method of JavaScript or Java
        re.compile(rf"[\w*&:<>,\[\].~]+\s[\w\s*&:<>,\[\].~]{{0,300}}?(?<![\w$]){word}\s*\([^;]*$"),
        re.compile(rf"\s+(?:[\w<>\[\],.*&?@]+\s+){{0,6}}{word}\s*(?:<[^>]{{0,200}}>\s*)?\([^;]*\{{\s*$"),
        # name = …
        re.compile(rf"\s*(?:local\s+)?{word}\s*(?::[^=]{{0,200}})?=(?!=)"),
    ]


def _find_by_form(lines: Sequence[str], parts: Sequence[str]) -> Definition | None:
    """The definition of the last part, inside the definition of the part before it, and so on."""
    first, last = 0, len(lines) - 1
    for part in parts:
        line = _first_match(lines, first, last, part)
        if line is None:
            return None
        first, last = line, min(last_line(lines, line), last)
    head = first
    while head > 0 and _HEAD.match(lines[head - 1]) and _indent(lines[head - 1]) == _indent(lines[first]):
        head -= 1
    return Definition(head, last, "Found by the form of its first line; its end by the indentation.")


def _first_match(lines: Sequence[str], first: int, last: int, name: str) -> int | None:
    candidates = [
        number
        for number in range(first, last + 1)
        if name in lines[number]
        and len(lines[number]) <= _LONGEST_LINE
        and not COMMENT.match(lines[number])
        and not STATEMENT.match(lines[number])
    ]
    if not candidates:
        return None
    return next((number for form in _forms(name) for number in candidates if form.match(lines[number])), None)


def last_line(lines: Sequence[str], first: int) -> int:
    """The last line that is indented deeper, or opens or closes a block of the first one."""
    depth = _indent(lines[first])
    last = first
    for number in range(first + 1, min(len(lines), first + _LONGEST)):
        line = lines[number]
        if not line.strip():
            continue
        if _indent(line) > depth or (_indent(line) == depth and line.lstrip().startswith("{") and last == first):
            last = number
        elif _indent(line) == depth and _CLOSER.match(line):
            last = number
            if not line.rstrip().endswith(("{", "(", "[")):  # `} else {` and `) {` go on
                break
        else:
            break
    return last


def _indent(line: str) -> int:
    return len(line[: len(line) - len(line.lstrip())].expandtabs(4))


def _find_occurrence(lines: Sequence[str], name: str) -> Definition | None:
    word = re.compile(rf"(?<![\w$]){re.escape(name)}(?![\w$])")
    for number, line in enumerate(lines):
        if word.search(line):
            last = min(len(lines) - 1, number + _AROUND)
            return Definition(
                max(0, number - _AROUND), last, f"No definition was found: line {number + 1} is the first to name it."
            )
    return None
