"""A definition's file: YAML between two lines of `---`, and the prompt below."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

import yaml

__all__ = ["Broken", "Page", "parse"]

LIMIT = 32 * 1024
"""Characters of frontmatter. YAML is slow to read, and nobody writes that much by hand."""

_DEEPEST = 50
_Loader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_FENCE = re.compile(r"^---[ \t]*$", re.MULTILINE)
_PLAIN = re.compile(r"^(?P<key>[A-Za-z_][\w-]*):[ \t]+(?P<value>[^\s\"'\[\]{}|>&*!%@`#].*)$", re.MULTILINE)


class Broken(Exception):
    """A file that defines no agent; the message says why, with the line where there is one."""


@dataclass(frozen=True, slots=True)
class Page:
    """The fields of the frontmatter, the line of each (counted from 1), and the prompt. `fenced` is False without frontmatter."""

    fields: dict[str, Any]
    lines: dict[str, int]
    body: str
    fenced: bool


def parse(text: str, *, lenient: bool = False) -> Page:
    """Split and read a definition's text. Raises `Broken`.

    `lenient` reads what other tools accept though it is no YAML: a value such as `description: Use it so: like this`.
    """
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    opening = _FENCE.match(text)
    if opening is None:
        return Page({}, {}, text.strip(), fenced=False)
    closing = _FENCE.search(text, opening.end())
    if closing is None:
        raise Broken("line 1: the frontmatter is opened with --- and never closed")
    head, body = text[opening.end() + 1 : closing.start()], text[closing.end() :].strip()
    if len(head) > LIMIT:
        raise Broken(f"the frontmatter is longer than {LIMIT // 1024} KB")
    if head.count("[") + head.count("{") > 1_000:  # open ones cost the square of their number
        raise Broken("the frontmatter has more than 1000 brackets")
    try:
        fields, lines = _read(head)
    except Broken:
        if not lenient:
            raise
        fields, lines = _read(_PLAIN.sub(_quote, head))
    return Page(fields, lines, body, fenced=True)


def _quote(match: re.Match[str]) -> str:
    value = match["value"].rstrip(" \t")
    return f"{match['key']}: {json.dumps(value, ensure_ascii=False) if ':' in value or ' #' in value else value}"


def _read(head: str) -> tuple[dict[str, Any], dict[str, int]]:
    try:
        depth = 0
        for event in yaml.parse(head, Loader=_Loader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > _DEEPEST:  # each level takes a piece of the stack, which nobody can give back in time
                raise Broken(f"line {_line(event.start_mark)}: nested deeper than {_DEEPEST} levels")
            if isinstance(event, yaml.AliasEvent):  # a few of them, merged into each other, would fill the memory
                raise Broken(f"line {_line(event.start_mark)}: references (*{event.anchor}) are not read here")
        loader = _Loader(head)
        try:
            node = loader.get_single_node()
            if node is None:
                return {}, {}
            if not isinstance(node, yaml.MappingNode):
                raise Broken(f"line {_line(node.start_mark)}: the frontmatter is no list of fields (name: value)")
            lines: dict[str, int] = {}
            for key, _ in node.value:
                name = str(key.value) if isinstance(key, yaml.ScalarNode) else ""
                if not name:
                    raise Broken(f"line {_line(key.start_mark)}: a field's name is no plain word")
                if name in lines:
                    raise Broken(f"line {_line(key.start_mark)}: the field {name} stands here twice")
                lines[name] = _line(key.start_mark)
            values = loader.construct_document(node)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        where = f"line {_line(error.problem_mark)}: " if error.problem_mark else ""
        raise Broken(f"{where}no valid YAML ({error.problem or error.context})") from None
    except yaml.YAMLError:
        raise Broken("the frontmatter holds a character that YAML does not allow") from None
    except (RecursionError, ValueError, OverflowError):  # nested too deep; a date or number that is none
        raise Broken("the frontmatter cannot be read as YAML") from None
    return {str(key): value for key, value in values.items()}, lines


def _line(mark: Any) -> int:
    # Marks count from 0, and the opening --- is line 1 of the file.
    return int(mark.line) + 2
