"""Output formats of findings: text with code frames, JSON, and SARIF 2.1.0 (OASIS)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rich.text import Text

from sessionls import __version__
from sessionls.cli.terminal import safe
from sessionls.domain import uris
from sessionls.domain.model import Finding
from sessionls.sessions.replies.scan import SCAN
from sessionls.sessions.workspace.positions import Lines

__all__ = ["SEVERITIES", "as_sarif", "frames"]

SEVERITIES: Mapping[str, int] = {"error": 1, "warning": 2, "info": 3, "hint": 4}
_SEVERITY_STYLES = {1: ("error", "bold red"), 2: ("warning", "yellow"), 3: ("info", "cyan"), 4: ("hint", "dim")}
_LEVELS = {1: "error", 2: "warning", 3: "note", 4: "note"}
_CONTEXT_LINES = 1  # lines before and after
_MAX_CODE_LINES = 6  # lines of a long finding
_MAX_WIDTH = 160  # characters of a line of code
_MAX_SUMMARY = 200  # characters of a scanner's message
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z`])")  # not after `e.g.`, because a small letter follows


def frames(finding: Finding, path: str, lines: Lines | None) -> list[Text]:
    """One finding: location, severity, rule, message, and the code with the range underlined."""
    word, style = _SEVERITY_STYLES[finding.severity]
    start = finding.range.start
    head = Text(f"{safe(path)}:{start.line + 1}:{start.character + 1} ", style="bold").append(word, style=style)
    if finding.rule:
        head.append(f" {safe(finding.rule)}", style="dim not bold")
    shown = [head.append(f" {safe(finding.title)}", style="not bold")]
    body = finding.body.strip()
    if body and body != finding.title.strip():
        rest = body.removeprefix(finding.title).strip()
        if finding.agent == SCAN.name:
            rest = _summary(rest)
        shown += [Text(f"    {safe(line)}") for line in rest.splitlines()]
    if lines is not None:
        shown += _code(finding, lines, style)
    if finding.help:
        shown.append(Text(f"    {safe(finding.help)}", style="dim"))
    return [*shown, Text("")]


def _summary(text: str) -> str:
    """The first sentence of a scanner's message, which may be a long Markdown text about the rule (`help` links to it)."""
    lines = text.splitlines()
    plain = " ".join(" ".join(line for line in lines if not line.lstrip().startswith("#")).split())
    first = _SENTENCE_END.split(plain, maxsplit=1)[0]
    return first if len(first) <= _MAX_SUMMARY else first[: _MAX_SUMMARY - 1].rstrip() + "…"


def _code(finding: Finding, lines: Lines, style: str) -> list[Text]:
    first, last = finding.range.start.line, finding.range.end.line
    if first >= len(lines):
        return []
    last = min(last, first + _MAX_CODE_LINES - 1, len(lines) - 1)
    from_line, to_line = max(0, first - _CONTEXT_LINES), min(len(lines) - 1, last + _CONTEXT_LINES)
    width = len(str(to_line + 1))
    shown = []
    for number in range(from_line, to_line + 1):
        # Tabs have different widths. Replacing them with one space keeps the mark below its code.
        text = safe(lines.line(number)).replace("\t", " ")[:_MAX_WIDTH]
        shown.append(Text(f"  {number + 1:>{width}} | ", style="dim").append(text, style="not dim"))
        if first <= number <= last:
            begin = finding.range.start.character if number == first else len(text) - len(text.lstrip())
            end = finding.range.end.character if number == finding.range.end.line else len(text)
            begin = min(begin, len(text))
            mark = "^" * max(1, min(end, len(text)) - begin)
            # Wide characters take two columns.
            pad = " " * Text(text[:begin]).cell_len
            shown.append(Text(f"  {' ' * width} | ", style="dim").append(pad + mark, style=f"not dim {style}"))
    return shown


def as_sarif(
    findings: Sequence[Finding], path_of: Callable[[str], str], root: str, problems: Sequence[str] = ()
) -> dict[str, Any]:
    """A SARIF log of the findings. `root` is the URI of the folder; `path_of` returns a document's path in it. `problems` are the
    reasons why the review is incomplete.

    Positions must count code points (`unicodeCodePoints`).
    """
    rules: dict[str, dict[str, Any]] = {}
    for finding in findings:
        name = finding.rule or finding.agent
        rule = rules.setdefault(name, {"id": name, "shortDescription": {"text": finding.title}})
        if finding.help:
            rule["helpUri"] = finding.help
    order = list(rules)
    driver = {"name": "sessionls", "version": __version__, "rules": list(rules.values())}
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": driver},
                "invocations": [
                    {
                        "executionSuccessful": not problems,
                        "toolExecutionNotifications": [{"level": "error", "message": {"text": problem}} for problem in problems],
                    }
                ],
                "columnKind": "unicodeCodePoints",
                "originalUriBaseIds": {"ROOT": {"uri": f"{root.rstrip('/')}/"}},
                "results": [_result(finding, path_of, order) for finding in findings],
            }
        ],
    }


def _result(finding: Finding, path_of: Callable[[str], str], order: Sequence[str]) -> dict[str, Any]:
    name = finding.rule or finding.agent
    start, end = finding.range.start, finding.range.end
    path = path_of(finding.uri)
    in_folder = not uris.is_uri(path)
    location = {"uri": uris.from_path(f"/{path}", windows=False)[8:], "uriBaseId": "ROOT"} if in_folder else {"uri": finding.uri}
    return {
        "ruleId": name,
        "ruleIndex": order.index(name),
        "level": _LEVELS[finding.severity],
        "message": {"text": f"{finding.title}\n\n{finding.body}".strip()},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": location,
                    "region": {
                        "startLine": start.line + 1,
                        "startColumn": start.character + 1,
                        "endLine": end.line + 1,
                        "endColumn": end.character + 1,
                    },
                }
            }
        ],
        "properties": {"agent": finding.agent, "findingId": finding.id, "sessionId": finding.session_id},
    }
