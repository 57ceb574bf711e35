"""Globs as in .gitignore, matched in time proportional to the lengths of pattern and path, for every pattern.

Patterns come from repositories and from models. The usual regular expression for a pattern such as `*a*a*a*b` can take
exponential time and would block the process. Here, the text between two `*` is searched from the left, and its first match is
kept (an atomic group). That is sufficient: the text between two stars has a fixed length, so a later match is never better. The
same is true for the folders between two `**`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

__all__ = ["LONGEST", "Globs", "expand_braces"]

LONGEST = 1_000
"""The limit for a pattern, in characters. Real paths are not longer."""
_MAX_LINES = 5_000  # patterns in one .gitignore
_MAX_EXPANSIONS = 100  # patterns that the braces of one glob may expand to

# Named character classes in brackets, for ASCII as in git.
_CLASSES = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "blank": r" \t",
    "cntrl": r"\x00-\x1f\x7f",
    "digit": "0-9",
    "graph": r"\x21-\x7e",
    "lower": "a-z",
    "print": r"\x20-\x7e",
    "punct": r"!-/:-@\[-`{-~",
    "space": r"\s",
    "upper": "A-Z",
    "xdigit": "0-9A-Fa-f",
}
_NOTHING = "(?!)"


@dataclass(frozen=True, slots=True)
class _Pattern:
    include: bool  # False for a pattern that begins with `!`
    expression: re.Pattern[str]


class Globs:
    """Patterns in the order of their lines. The last one that matches counts.

    A pattern that matches a folder matches everything in it; with `exact` only if it ends with `/`.
    """

    def __init__(self, lines: Iterable[str], *, exact: bool = False) -> None:
        self._patterns = list(_parse_lines(lines, exact))[::-1]

    def verdict(self, path: str) -> bool | None:
        """Whether the path (with `/`; for a folder with one at the end) is included; None if no pattern matches."""
        for pattern in self._patterns:
            if pattern.expression.match(path):
                return pattern.include
        return None

    def match(self, path: str) -> bool:
        return bool(self.verdict(path))


def expand_braces(glob: str) -> list[str]:
    """Expand `{a,b}`. Raises `ValueError` if the glob is too long or expands to too many."""
    if len(glob) > LONGEST:
        raise ValueError(f"a glob has at most {LONGEST} characters")
    patterns, has_braces = [glob], True
    while has_braces:
        expanded: list[str] = []
        has_braces = False
        for pattern in patterns:
            choices = _expand_innermost_braces(pattern)
            has_braces = has_braces or choices is not None
            expanded += choices or [pattern]
            if len(expanded) > _MAX_EXPANSIONS:
                raise ValueError(f"a glob may expand to at most {_MAX_EXPANSIONS} patterns")
        patterns = list(dict.fromkeys(expanded))
    return patterns


def _expand_innermost_braces(glob: str) -> list[str] | None:
    """Replace the first innermost pair of braces with a comma by each of its choices."""
    begin = -1
    for at, letter in enumerate(glob):
        if letter == "{":
            begin = at
        elif letter == "}" and begin >= 0:
            choices_text = glob[begin + 1 : at]
            if "," in choices_text:
                return [glob[:begin] + choice.strip() + glob[at + 1 :] for choice in choices_text.split(",")]
            begin = -1
    return None


def _parse_lines(lines: Iterable[str], exact: bool) -> Iterator[_Pattern]:
    for _, line in zip(range(_MAX_LINES), lines, strict=False):
        pattern = _strip_trailing_blanks(line.rstrip("\r\n"))
        if not pattern or pattern.startswith("#") or len(pattern) > LONGEST:
            continue
        include = not pattern.startswith("!")
        expression = _build_expression(pattern if include else pattern[1:], exact)
        if expression is not None:
            yield _Pattern(include, re.compile(expression, re.DOTALL))


def _strip_trailing_blanks(line: str) -> str:
    """Strip trailing blanks, but not one after a backslash."""
    plain = line.rstrip(" ")
    slashes = len(plain) - len(plain.rstrip("\\"))
    return f"{plain} " if plain != line and slashes % 2 else plain


def _build_expression(pattern: str, exact: bool) -> str | None:
    only_folders = pattern.endswith("/")
    parts = _split_at_slashes(pattern.removesuffix("/"))
    if len(parts) > 1 and parts[0] == "":
        parts = parts[1:]
    elif "/" not in pattern.removesuffix("/"):
        parts = ["**", *parts]
    if not any(parts):
        return None
    only_content = len(parts) > 1 and _is_any_folders(parts[-1])  # matches the content of a folder, but not the folder
    if only_content:
        parts.pop()
    blocks: list[str] = []
    block: list[str] = []
    anywhere = False

    def end_block() -> None:
        nonlocal anywhere
        folders = "(?:[^/]*+/)*?" if anywhere else ""
        blocks.append(f"(?>{folders}{''.join(block)})")
        block.clear()

    for number, part in enumerate(parts):
        if _is_any_folders(part):
            if block:
                end_block()
            anywhere = True
            continue
        last = number == len(parts) - 1
        after = "/" if not last or only_folders or only_content else r"\Z" if exact else r"(?=/|\Z)"
        block.append(f"(?>{_component(part)}{after})")
        if last:
            end_block()
    if not blocks:  # only `**`: everything
        return "[^/]++/" if only_folders else "(?=[^/])"
    within = "[^/]++/" if only_folders else "(?=[^/])"
    return "".join(blocks) + (within if only_content else "")


def _split_at_slashes(pattern: str) -> list[str]:
    """Split the pattern at slashes outside brackets."""
    parts: list[str] = []
    start = at = 0
    while at < len(pattern):
        letter = pattern[at]
        at += 1
        if letter == "/":
            parts.append(pattern[start : at - 1])
            start = at
        elif letter == "\\":
            at += 1
        elif letter == "[":
            at = _bracket(pattern, at)[1]
    return [*parts, pattern[start:]]


def _is_any_folders(part: str) -> bool:
    return len(part) > 1 and part.strip("*") == ""


def _component(part: str) -> str:
    """The expression for one part of a path, without slashes."""
    pieces: list[str] = []  # the text between stars
    piece: list[str] = []
    at = 0
    while at < len(part):
        letter = part[at]
        at += 1
        if letter == "*":
            pieces.append("".join(piece))
            piece = []
            while part[at : at + 1] == "*":
                at += 1
        elif letter == "?":
            piece.append("[^/]")
        elif letter == "[":
            text, at = _bracket(part, at)
            piece.append(text)
        elif letter == "\\":
            if at == len(part):
                return _NOTHING
            piece.append(re.escape(part[at]))
            at += 1
        else:
            piece.append(re.escape(letter))
    pieces.append("".join(piece))
    first, *others = pieces
    if not others:
        return first
    middle = "".join(f"(?>[^/]*?{inner})" for inner in others[:-1] if inner)
    return f"{first}{middle}[^/]*{others[-1]}"


def _bracket(part: str, at: int) -> tuple[str, int]:
    """The character class after an opening bracket, and where it ends. Unclosed, it matches nothing, as in git."""
    negated = part[at : at + 1] in ("!", "^")
    at += negated
    members: list[str] = []
    start = at
    while at < len(part):
        letter = part[at]
        if letter == "]" and at > start:
            inside = "".join(members)
            if negated:
                return f"[^/{inside}]", at + 1
            return (f"(?!/)[{inside}]" if inside else _NOTHING), at + 1
        if part.startswith("[:", at) and (end := part.find(":]", at + 2)) > 0:
            if (known := _CLASSES.get(part[at + 2 : end])) is None:
                return _NOTHING, len(part)
            members.append(known)
            at = end + 2
            continue
        letter, at = _member(part, at)
        if part[at : at + 1] == "-" and part[at + 1 : at + 2] not in ("", "]"):
            last, at = _member(part, at + 1)
            if letter <= last:
                members.append(f"{re.escape(letter)}-{re.escape(last)}")
        else:
            members.append(re.escape(letter))
    return _NOTHING, len(part)


def _member(part: str, at: int) -> tuple[str, int]:
    if part[at] == "\\" and at + 1 < len(part):
        at += 1
    return part[at], at + 1
