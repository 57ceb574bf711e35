"""A definition's file: YAML between two lines of `---`, and the prompt below."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import yaml

from sessionls.agents.line_reader import as_value, read_lines

__all__ = ["InvalidDefinition", "Page", "parse"]

LIMIT = 32 * 1024
"""Characters of frontmatter. YAML is slow to parse, and frontmatter written by hand is much shorter."""

_MAX_DEPTH = 50
_Loader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_FENCE = re.compile(r"^---[ \t]*$", re.MULTILINE)
# Where the frontmatter of a definition begins: a field follows the fence.
_BEGINNING = re.compile(r"---[ \t]*\n\s*[A-Za-z_#]")
_MAX_COMMENTS = 100  # comments and empty lines before the frontmatter
_MAX_COMMENT_LENGTH = 4000  # characters


class InvalidDefinition(Exception):
    """An invalid definition; the message says why, with the line if there is one."""


@dataclass(frozen=True, slots=True)
class Page:
    """The fields of the frontmatter, the line of each (counted from 1), and the prompt. `fenced` is False without frontmatter.

    `texts` are the plain values as written, where YAML reads a number, a date or a boolean. `notes` tell a person what was
    ignored or read differently.
    """

    fields: dict[str, Any]
    lines: dict[str, int]
    body: str
    fenced: bool
    texts: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def parse(text: str, *, lenient: bool = False) -> Page:
    """Split and read a definition's text. Raises `InvalidDefinition`.

    `lenient` reads what other tools accept although it is not YAML, field by field, and says so in the notes.
    """
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    skipped_lines = 0
    if lenient and (end := _end_of_comments(text)) > 0:
        skipped_lines = text.count("\n", 0, end)
        text = text[end:]
    opening = _FENCE.match(text)
    if opening is None:
        return Page({}, {}, text.strip(), fenced=False)
    closing = _FENCE.search(text, opening.end())
    if closing is None:
        raise InvalidDefinition("line 1: the frontmatter is opened with --- but not closed")
    head, body = text[opening.end() + 1 : closing.start()], text[closing.end() :].strip()
    if len(head) > LIMIT:
        raise InvalidDefinition(f"the frontmatter is longer than {LIMIT // 1024} KB")
    try:
        fields, lines, texts = _read(head)
    except InvalidDefinition as problem:
        if not lenient:
            raise
        fields, lines, texts = _read_line_by_line(head)
        notes = [f"it is not valid YAML and was read line by line ({problem})"]
        page = Page(fields, lines, body, fenced=True, texts=texts, notes=notes)
    else:
        page = Page(fields, lines, body, fenced=True, texts=texts)
    for name in page.lines:
        page.lines[name] += skipped_lines
    return page


def _read_line_by_line(head: str) -> tuple[dict[str, Any], dict[str, int], dict[str, str]]:
    """Read each field separately: as YAML if it is valid, else as plain text."""
    fields: dict[str, Any] = {}
    texts: dict[str, str] = {}
    lines_by_field, lines = read_lines(head)
    for name, value in lines_by_field.items():
        indented = [re.sub(r"^[ \t]+", lambda space: space[0].replace("\t", "    "), line) for line in value]
        try:
            read, _, plain = _read("\n".join([f"{name}: {indented[0]}", *indented[1:]]))
            if list(read) != [name]:
                raise InvalidDefinition("more than one field")  # noqa: TRY301
            fields[name], texts = read[name], texts | plain
        except InvalidDefinition:
            fields[name] = as_value(name, value)
            if isinstance(fields[name], str):
                texts[name] = fields[name]
    return fields, lines, texts


def _read(head: str) -> tuple[dict[str, Any], dict[str, int], dict[str, str]]:
    """The fields, the line of each, and those that are one plain value as written."""
    if head.count("[") + head.count("{") > 1_000:  # unclosed ones take quadratic time
        raise InvalidDefinition("the frontmatter has more than 1000 brackets")
    try:
        depth = 0
        for event in yaml.parse(head, Loader=_Loader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > _MAX_DEPTH:  # each level takes stack space, and an overflow cannot be caught in time
                raise InvalidDefinition(f"line {_line(event.start_mark)}: nested deeper than {_MAX_DEPTH} levels")
            if isinstance(event, yaml.AliasEvent):  # a few of them, merged into each other, could fill the memory
                raise InvalidDefinition(f"line {_line(event.start_mark)}: references (*{event.anchor}) are not supported")
        loader = _Loader(head)
        try:
            node = loader.get_single_node()
            if node is None:
                return {}, {}, {}
            if not isinstance(node, yaml.MappingNode):
                raise InvalidDefinition(f"line {_line(node.start_mark)}: the frontmatter is not a list of fields (name: value)")
            lines: dict[str, int] = {}
            texts: dict[str, str] = {}
            for key, value in node.value:
                name = str(key.value) if isinstance(key, yaml.ScalarNode) else ""
                if not name:
                    raise InvalidDefinition(f"line {_line(key.start_mark)}: a field's name is not a plain word")
                if name in lines:
                    raise InvalidDefinition(f"line {_line(key.start_mark)}: the field {name} appears twice")
                lines[name] = _line(key.start_mark)
                if isinstance(value, yaml.ScalarNode) and value.tag != "tag:yaml.org,2002:null":
                    texts[name] = value.value
            values = loader.construct_document(node)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        where = f"line {_line(error.problem_mark)}: " if error.problem_mark else ""
        raise InvalidDefinition(f"{where}invalid YAML ({error.problem or error.context})") from None
    except yaml.YAMLError:
        raise InvalidDefinition("the frontmatter contains a character that YAML does not allow") from None
    except (RecursionError, ValueError, OverflowError):  # nested too deeply; an invalid date or number
        raise InvalidDefinition("the frontmatter cannot be read as YAML") from None
    if len(values) != len(lines) or "<<" in lines:  # yes and true are the same key in YAML; << merges other keys
        raise InvalidDefinition("the frontmatter has two fields with the same name")
    return dict(zip(lines, values.values(), strict=True)), lines, texts


def _line(mark: Any) -> int:
    # Marks count from 0, and the opening --- is line 1 of the file.
    return int(mark.line) + 2


def _end_of_comments(text: str) -> int:
    """Where the frontmatter begins after empty lines and comments of Markdown or YAML; 0 if it does not follow those.

    Reads line by line, because a pattern in which a line end may belong to either of two parts takes exponential time.
    """
    at = 0
    for _ in range(_MAX_COMMENTS):
        line_end = text.find("\n", at)
        if text.startswith("<!--", at):
            closing = text.find("-->", at + 4, at + 4 + _MAX_COMMENT_LENGTH + 3)
            if closing < 0:
                return 0
            at = closing + 3
            line_end = text.find("\n", at)
            if line_end >= 0 and not text[at:line_end].strip(" \t"):
                at = line_end + 1
        elif line_end >= 0 and (text.startswith("#", at) or not text[at:line_end].strip(" \t")):
            at = line_end + 1
        else:
            break
    return at if at and _BEGINNING.match(text, at) else 0
