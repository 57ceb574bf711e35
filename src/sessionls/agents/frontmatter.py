"""A definition's file: YAML between two lines of `---`, and the prompt below."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import yaml

from sessionls.agents.line_reader import as_value, read_lines

__all__ = ["Broken", "Page", "parse"]

LIMIT = 32 * 1024
"""Characters of frontmatter. YAML is slow to read, and nobody writes that much by hand."""

_DEEPEST = 50
_Loader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_FENCE = re.compile(r"^---[ \t]*$", re.MULTILINE)
# What may stand before the frontmatter: empty lines, and comments of Markdown or of YAML, where a field follows the fence.
_COMMENTS = re.compile(
    # Nothing is given back: an end of a line after a comment could be its own or the next piece, each time anew.
    r"(?:[ \t]*+\n|<!--(?:(?!-->)[\s\S]){0,4000}+-->[ \t]*+\n?+|#[^\n]*+\n){1,100}+(?=---[ \t]*+\n\s*+[A-Za-z_#])"
)


class Broken(Exception):
    """A file that defines no agent; the message says why, with the line where there is one."""


@dataclass(frozen=True, slots=True)
class Page:
    """The fields of the frontmatter, the line of each (counted from 1), and the prompt. `fenced` is False without frontmatter.

    `texts` are the plain values as they are written, where YAML makes of them a number, a date, or yes and no. `notes` say, in
    words for a person, what was not read as it stands.
    """

    fields: dict[str, Any]
    lines: dict[str, int]
    body: str
    fenced: bool
    texts: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def parse(text: str, *, lenient: bool = False) -> Page:
    """Split and read a definition's text. Raises `Broken`.

    `lenient` reads what other tools accept though it is no YAML, field by field, and says so in the notes.
    """
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    before = 0
    if lenient and (comments := _COMMENTS.match(text)) is not None:
        before = text.count("\n", 0, comments.end())
        text = text[comments.end() :]
    opening = _FENCE.match(text)
    if opening is None:
        return Page({}, {}, text.strip(), fenced=False)
    closing = _FENCE.search(text, opening.end())
    if closing is None:
        raise Broken("line 1: the frontmatter is opened with --- and never closed")
    head, body = text[opening.end() + 1 : closing.start()], text[closing.end() :].strip()
    if len(head) > LIMIT:
        raise Broken(f"the frontmatter is longer than {LIMIT // 1024} KB")
    try:
        fields, lines, texts = _read(head)
    except Broken as problem:
        if not lenient:
            raise
        fields, lines, texts = _line_by_line(head)
        notes = [f"it is no plain YAML and was read line by line ({problem})"]
        page = Page(fields, lines, body, fenced=True, texts=texts, notes=notes)
    else:
        page = Page(fields, lines, body, fenced=True, texts=texts)
    for name in page.lines:
        page.lines[name] += before
    return page


def _line_by_line(head: str) -> tuple[dict[str, Any], dict[str, int], dict[str, str]]:
    """Each field by itself: as YAML where it is some, else as the text that it is."""
    fields: dict[str, Any] = {}
    texts: dict[str, str] = {}
    found, lines = read_lines(head)
    for name, value in found.items():
        indented = [re.sub(r"^[ \t]+", lambda space: space[0].replace("\t", "    "), line) for line in value]
        try:
            read, _, plain = _read("\n".join([f"{name}: {indented[0]}", *indented[1:]]))
            if list(read) != [name]:
                raise Broken("more than one field")  # noqa: TRY301
            fields[name], texts = read[name], texts | plain
        except Broken:
            fields[name] = as_value(name, value)
            if isinstance(fields[name], str):
                texts[name] = fields[name]
    return fields, lines, texts


def _read(head: str) -> tuple[dict[str, Any], dict[str, int], dict[str, str]]:
    """The fields, the line of each, and as they are written those that are one plain value."""
    if head.count("[") + head.count("{") > 1_000:  # open ones cost the square of their number
        raise Broken("the frontmatter has more than 1000 brackets")
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
                return {}, {}, {}
            if not isinstance(node, yaml.MappingNode):
                raise Broken(f"line {_line(node.start_mark)}: the frontmatter is no list of fields (name: value)")
            lines: dict[str, int] = {}
            texts: dict[str, str] = {}
            for key, value in node.value:
                name = str(key.value) if isinstance(key, yaml.ScalarNode) else ""
                if not name:
                    raise Broken(f"line {_line(key.start_mark)}: a field's name is no plain word")
                if name in lines:
                    raise Broken(f"line {_line(key.start_mark)}: the field {name} stands here twice")
                lines[name] = _line(key.start_mark)
                if isinstance(value, yaml.ScalarNode) and value.tag != "tag:yaml.org,2002:null":
                    texts[name] = value.value
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
    if len(values) != len(lines) or "<<" in lines:  # yes and true are one name to YAML; << takes others in
        raise Broken("the frontmatter has two fields of one name")
    return dict(zip(lines, values.values(), strict=True)), lines, texts


def _line(mark: Any) -> int:
    # Marks count from 0, and the opening --- is line 1 of the file.
    return int(mark.line) + 2
