"""Tools for defects in the code: report a finding, and list known problems."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from typing import Annotated, Any, Final, Literal, Protocol

from pydantic import AliasChoices, BeforeValidator, Field

from sessionls.domain.ids import new_id
from sessionls.domain.model import Finding, Position, Range
from sessionls.domain.text import replace_lone_surrogates
from sessionls.domain.visible import in_one_line, shown
from sessionls.ports.editor import Editor
from sessionls.ports.tools import Tool, ToolCall, ToolFailed
from sessionls.sessions.workspace.anchors import AnchorIndex, anchor_of
from sessionls.sessions.workspace.files import LARGEST
from sessionls.sessions.workspace.positions import Encoding, Lines
from sessionls.sessions.workspace.workspace import Workspace
from sessionls.tools.base import Arguments, BaseTool

__all__ = ["SEVERITIES", "Diagnostics", "ReportFinding", "finding_tools"]

SEVERITIES: Final = ("error", "warning", "info", "hint")
"""LSP's severities by name, from 1."""

_NUMBERS: Final[Mapping[str, Literal[1, 2, 3, 4]]] = {"error": 1, "warning": 2, "info": 3, "hint": 4}
_SHOWN = 200  # diagnostics of one file that are shown
_MESSAGE = 500  # characters of a diagnostic's message
_LISTED = 8  # line numbers that are listed if the code occurs several times


class Known(Protocol):
    """Known findings: `Store.findings`."""

    def __call__(self, *, uri: str | None = None, state: str | None = None) -> Awaitable[Sequence[Finding]]: ...


def finding_tools(workspace: Workspace, editor: Editor, known: Known) -> list[Tool]:
    return [ReportFinding(workspace, editor), Diagnostics(workspace, editor, known)]


# -- report_finding ----------------------------------------------------------------------------------------------------


def _severity(value: Any) -> Any:
    """Accepts LSP's numbers and common spellings by models, too."""
    if isinstance(value, int) and 1 <= value <= len(SEVERITIES):
        return SEVERITIES[value - 1]
    word = str(value).strip().lower()
    if word.isdigit() and 1 <= int(word) <= len(SEVERITIES):
        return SEVERITIES[int(word) - 1]
    return "info" if word == "information" else word


class ReportFindingArguments(Arguments):
    path: str = Field(
        validation_alias=AliasChoices("path", "uri"),
        min_length=1,
        max_length=8192,
        description="Path of the file, relative to the workspace folder, or its URI.",
    )
    title: str = Field(min_length=1, max_length=300, description="The defect in one sentence, with its consequence.")
    body: str = Field(
        default="",
        max_length=20_000,
        description="The input or order of events that triggers it, what happens, what should happen, and the evidence.",
    )
    severity: Annotated[Literal["error", "warning", "info", "hint"], BeforeValidator(_severity)] = Field(
        default="warning", description="The severity."
    )
    start_line: int | None = Field(default=None, ge=1, description="First line of the code (from 1).")
    end_line: int | None = Field(default=None, ge=1, description="Last line (inclusive). Default: only the first line.")
    quote: str | None = Field(
        default=None,
        min_length=1,
        max_length=20_000,
        description="The exact code from the file, as few lines as possible.",
    )
    rule: str | None = Field(
        default=None, max_length=200, description="A short, stable name for this kind of defect, such as `unclosed-file`."
    )
    suggestion: str | None = Field(
        default=None, max_length=20_000, description="The text to replace exactly that code, if it is short and you are sure."
    )


class ReportFinding(BaseTool[ReportFindingArguments]):
    name = "report_finding"
    description = (
        "Report a defect. It is shown in the editor's list of problems and follows its code. Specify the location with "
        "`quote`, with `start_line` and `end_line`, or with both if the code occurs several times. Report a defect only once."
    )
    risk = "read"
    arguments = ReportFindingArguments

    def __init__(self, workspace: Workspace, editor: Editor) -> None:
        self._workspace = workspace
        self._editor = editor
        self._one = asyncio.Lock()  # parallel calls must not report the same defect twice

    async def perform(self, arguments: ReportFindingArguments, call: ToolCall) -> str:
        document = await self._workspace.read(arguments.path, limit=LARGEST)
        encoding = self._editor.encoding
        range_ = await asyncio.to_thread(_range_of, document.text, arguments, document.path, encoding)
        finding = Finding(
            id=new_id(),
            uri=document.uri,
            range=range_,
            severity=_NUMBERS[arguments.severity],
            title=in_one_line(" ".join(arguments.title.split())),
            body=shown(arguments.body.strip(), prose=True),
            rule=replace_lone_surrogates(arguments.rule.strip()) or None if arguments.rule else None,
            suggestion=None if arguments.suggestion is None else replace_lone_surrogates(arguments.suggestion),
            anchor=await asyncio.to_thread(anchor_of, document.text, range_, encoding),
            session_id=call.session_id,
            agent=call.agent,
            message_id=call.message_id,
        )
        async with self._one:
            reported = await call.report(finding)
        location = f"{document.path}:{range_.start.line + 1}"
        if reported.id == finding.id:
            return f"Reported at {location}: {arguments.severity}: {finding.title}"
        if reported.state == "dismissed":
            return f"Not reported: the same finding at {location} was dismissed by a person. Do not report it again."
        return f"Already known at {location}: {reported.title}. It is still open, so nothing was added."


def _range_of(text: str, arguments: ReportFindingArguments, path: str, encoding: Encoding) -> Range:
    """The range of the code. Raises `ToolFailed` if it is ambiguous or missing."""
    lines = Lines(text, encoding)
    first = arguments.start_line
    if first is not None and first > len(lines):
        raise ToolFailed(f"{path} has only {len(lines)} lines, so line {first} does not exist.")
    if arguments.quote is not None and arguments.quote.strip():
        return _quoted(text, arguments.quote, first, path, lines)
    if first is None:
        raise ToolFailed("The location is missing: pass `quote`, or `start_line` and `end_line`.")
    last = min(max(arguments.end_line or first, first), len(lines))
    head, tail = lines.line(first - 1), lines.line(last - 1)
    start = lines.start(first - 1) + len(head) - len(head.lstrip())
    end = max(lines.start(last - 1) + len(tail.rstrip()), start)
    return Range(start=lines.position(start), end=lines.position(end))


def _quoted(text: str, quote: str, line: int | None, path: str, lines: Lines) -> Range:
    code = quote.strip()
    found: list[Range] = []
    at = text.find(code)
    while at >= 0 and len(found) < 1000:
        found.append(Range(start=lines.position(at), end=lines.position(at + len(code))))
        at = text.find(code, at + len(code))
    if not found:  # with other white space: other line ends or indentation
        found = AnchorIndex(text, lines.encoding).find(code, None if line is None else line - 1)
    if not found:
        raise ToolFailed(f"That code is not in {path}. Read the lines again, and quote them exactly, without line numbers.")
    if line is not None:
        return min(found, key=lambda range_: abs(range_.start.line + 1 - line))
    if len(found) > 1:
        numbers = ", ".join(str(range_.start.line + 1) for range_ in found[:_LISTED])
        raise ToolFailed(
            f"That code occurs in {path} {len(found)} times (lines {numbers}{', …' if len(found) > _LISTED else ''}). Pass "
            "`start_line`, too, or quote more of it."
        )
    return found[0]


# -- diagnostics -------------------------------------------------------------------------------------------------------


class DiagnosticsArguments(Arguments):
    path: str = Field(
        validation_alias=AliasChoices("path", "uri"),
        min_length=1,
        max_length=8192,
        description="Path of a file, relative to the workspace folder.",
    )


class Diagnostics(BaseTool[DiagnosticsArguments]):
    name = "diagnostics"
    description = "List the known problems of a file: problems that the editor shows, and open findings."
    risk = "read"
    arguments = DiagnosticsArguments

    def __init__(self, workspace: Workspace, editor: Editor, known: Known) -> None:
        self._workspace = workspace
        self._editor = editor
        self._known = known

    async def perform(self, arguments: DiagnosticsArguments, call: ToolCall) -> str:  # noqa: ARG002
        document = await self._workspace.read(arguments.path, limit=LARGEST)
        findings = await self._known(uri=document.uri, state="open")
        own = await asyncio.to_thread(_located_lines, document.text, findings, self._editor.encoding)
        theirs = [line for diagnostic in self._editor.diagnostics(document.uri) if (line := _line_of(diagnostic)) is not None]
        lines = [f"{document.path}:{location}" for _, location in sorted([*theirs, *own])]
        if not lines:
            return f"{document.path} has no known problems."
        more = f"\n… and {len(lines) - _SHOWN} more" if len(lines) > _SHOWN else ""
        return "\n".join(lines[:_SHOWN]) + more


def _located_lines(text: str, findings: Sequence[Finding], encoding: Encoding) -> list[tuple[tuple[int, int], str]]:
    index = AnchorIndex(text, encoding)
    found = []
    for finding in sorted(findings, key=lambda finding: finding.range.start.line):
        range_ = index.locate(finding.anchor, finding.range) if finding.anchor else finding.range
        if range_ is not None:
            found.append(
                _diagnostic_line(range_.start, finding.severity, "sessionls", finding.rule, f"{finding.title}\n{finding.body}")
            )
    return found


def _line_of(diagnostic: Mapping[str, Any]) -> tuple[tuple[int, int], str] | None:
    """A diagnostic of the editor as one line. None for our own, which come from the store."""
    if diagnostic.get("source") == "sessionls":
        return None
    try:
        start = Position.model_validate(diagnostic["range"]["start"])
    except (KeyError, TypeError, ValueError):
        return None
    code = diagnostic.get("code")
    return _diagnostic_line(
        start, diagnostic.get("severity"), str(diagnostic.get("source") or "editor"), code, str(diagnostic.get("message", ""))
    )


def _diagnostic_line(start: Position, severity: Any, source: str, code: Any, message: str) -> tuple[tuple[int, int], str]:
    name = SEVERITIES[severity - 1] if isinstance(severity, int) and 1 <= severity <= len(SEVERITIES) else "warning"
    words = " ".join(message.split())
    words = words if len(words) <= _MESSAGE else f"{words[:_MESSAGE]}…"
    rule = "" if code is None else f" [{code}]"
    return (start.line, start.character), f"{start.line + 1}:{start.character + 1}: {name}: {words} ({source}{rule})"
