"""Reviews from any editor: code actions on findings and files, and the commands behind them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from lsprotocol import types as lsp

from sessionls.domain.errors import SessionNotFound
from sessionls.domain.model import (
    Finding,
    Range,
    SelectionContext,
    Session,
    TextContext,
)
from sessionls.domain.titles import title_of
from sessionls.server.editor.convert import range_from_lsp, range_to_lsp
from sessionls.server.publishing.finding_diagnostics import SOURCE, LocatedFinding
from sessionls.server.schema.params import FixParams, MessageParams, ReviewParams
from sessionls.sessions.review import ReviewTarget
from sessionls.sessions.workspace.anchors import locate
from sessionls.sessions.workspace.positions import Lines

if TYPE_CHECKING:
    from sessionls.ports.editor import Editor
    from sessionls.server.handlers import RequestContext

__all__ = ["FIX", "REVIEW", "REVIEW_KIND", "FindingActions", "is_cursor", "suggested_edit"]

FIX, REVIEW = "sessionls.fix", "sessionls.review"
REVIEW_KIND = "source.sessionls"
_REVIEWER, _FIXER = "review", "code"
_EDIT_TOOL = "edit_file"  # an agent with this tool can fix findings
_TITLE_LENGTH = 60  # characters of a finding's title in the title of an action
# What a person sees as one character: a line end, or a character with its marks, joiners and skin tones.
_MARKS = "[\u0300-\u036f\u1ab0-\u1aff\u20d0-\u20ff\ufe00-\ufe0f\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]"
_ONE_CHARACTER = re.compile(f"(?:\r\n|[\U0001f1e6-\U0001f1ff]{{2}}|.(?:{_MARKS}|\u200d.){{0,16}})?", re.DOTALL)


class FindingActions:
    """`ask` shows a session and sends a message to it in the background; `begin_review` shows it and reviews in it."""

    def __init__(
        self,
        request: RequestContext,
        ask: Callable[[MessageParams], None],
        begin_review: Callable[[Session, ReviewTarget, str], None],
        folder_of: Callable[[str], str | None],
    ) -> None:
        self._request = request
        self._findings = request.findings
        self._ask = ask
        self._begin_review = begin_review
        self._folder_of = folder_of

    # -- code actions ----------------------------------------------------------------------------------------------------

    async def actions(self, params: lsp.CodeActionParams, wants: Callable[[str], bool], *, cursor: bool) -> list[lsp.CodeAction]:
        """Code actions for the findings in the range, and for the file if nothing is selected (`cursor`).

        `wants` says whether the client asked for that kind.
        """
        found: list[lsp.CodeAction] = []
        if wants(lsp.CodeActionKind.QuickFix.value):
            requested = self._requested(params)
            for located in requested:
                found += await self._on_finding(located, params, several=len(requested) > 1)
        # Not at each move of the cursor: the light bulb would be shown everywhere.
        automatic = params.context.trigger_kind == lsp.CodeActionTriggerKind.Automatic and not params.context.only
        if cursor and not automatic and wants(REVIEW_KIND):
            uri = params.text_document.uri
            command = lsp.Command(title="Review this file", command=REVIEW, arguments=[{"uri": uri}])
            found.append(lsp.CodeAction(title="Review this file", kind=REVIEW_KIND, command=command))
        return found

    def _requested(self, params: lsp.CodeActionParams) -> list[LocatedFinding]:
        """The findings of the diagnostics that the client names; without diagnostics, those in the range."""
        shown = self._findings.at(params.text_document.uri, range_from_lsp(params.range))
        diagnostics = params.context.diagnostics
        return (
            [located for located in shown if any(_belongs_to(diagnostic, located.finding) for diagnostic in diagnostics)]
            if diagnostics
            else shown
        )

    async def _on_finding(self, located: LocatedFinding, params: lsp.CodeActionParams, *, several: bool) -> list[lsp.CodeAction]:
        finding = located.finding
        about = f": {_short(finding.title)}" if several else ""
        diagnostics = [diagnostic for diagnostic in params.context.diagnostics if _belongs_to(diagnostic, finding)] or None
        try:
            agent = await self._fixer(finding)
        except SessionNotFound:  # deleted just now
            return []

        def action(title: str, **fields: Any) -> lsp.CodeAction:
            return lsp.CodeAction(title=f"{title}{about}", kind=lsp.CodeActionKind.QuickFix, diagnostics=diagnostics, **fields)

        def command(title: str, name: str, **arguments: Any) -> lsp.CodeAction:
            return action(title, command=lsp.Command(title=title, command=name, arguments=[arguments]))

        found = []
        if (edit := await self._suggestion(located, params.text_document.uri)) is not None:
            found.append(action("Apply suggestion", edit=edit, is_preferred=True))
        return [
            *found,
            command(f"Fix with {agent}", FIX, findingId=finding.id, agent=agent),
            command("Dismiss", "sessionls.updateFinding", findingId=finding.id, state="dismissed"),
            command("Open session", "sessionls.show", sessionId=finding.session_id),
        ]

    async def _suggestion(self, located: LocatedFinding, uri: str) -> lsp.WorkspaceEdit | None:
        buffer, encoding = self._request.editor.buffer(uri), self._request.editor.encoding
        if located.finding.suggestion is None or located.finding.anchor is None or buffer is None:
            return None
        # The buffer may have changed since the finding was located.
        current = await asyncio.to_thread(locate, buffer.text, located.finding.anchor, located.range, encoding)
        if current is None:
            return None
        range_, text = suggested_edit(Lines(buffer.text, encoding), LocatedFinding(located.finding, current))
        edit = lsp.TextEdit(range=range_to_lsp(range_), new_text=text)
        if not self._request.client.edits.versions:
            return lsp.WorkspaceEdit(changes={uri: [edit]})
        document = lsp.OptionalVersionedTextDocumentIdentifier(uri=uri, version=buffer.version)
        return lsp.WorkspaceEdit(document_changes=[lsp.TextDocumentEdit(text_document=document, edits=[edit])])

    async def _fixer(self, finding: Finding) -> str:
        """The session's agent if it can edit; else the default agent, or another one that can."""
        session, known = await self._request.sessions.get(finding.session_id), await self._request.sessions.agents()
        capable = [agent.name for agent in known.agents if agent.available and agent.trusted and _EDIT_TOOL in agent.tools]
        return next((name for name in (session.agent, known.default, _FIXER, *capable) if name in capable), session.agent)

    # -- commands --------------------------------------------------------------------------------------------------------

    async def fix(self, params: FixParams) -> Session:
        """Ask an agent to fix a finding, in the finding's own session. Returns at once."""
        finding = self._findings.with_current_range(await self._request.sessions.finding(params.finding_id))
        agent = params.agent or await self._fixer(finding)
        self._ask(
            MessageParams(
                session_id=finding.session_id,
                text=params.text or f"Fix this finding: {finding.title}",
                agent=agent,
                context=[_finding_context(finding), SelectionContext(uri=finding.uri, range=finding.range)],
            )
        )
        return await self._request.sessions.get(finding.session_id)

    async def review(self, params: ReviewParams) -> Session:
        """Create and show a session, and review files or changes in it. Returns at once."""
        files = [*([params.uri] if params.uri else []), *(params.uris or [])]
        target = ReviewTarget(files, files, params.diff, params.staged)
        question = params.text or target.question("this file" if len(files) == 1 else "these files")
        session = await self._request.sessions.create(
            title=title_of(question).rstrip("."),
            agent=params.agent or _REVIEWER,
            workspace_folder=self._folder_of(files[0]) if files and not params.staged else None,
        )
        self._begin_review(session, target, question)
        return session


def suggested_edit(lines: Lines, located: LocatedFinding) -> tuple[Range, str]:
    """The range to replace, and its new text. A suggestion for whole lines gets their current indentation."""
    text = (located.finding.suggestion or "").replace("\r\n", "\n")
    start, end = lines.span(located.range)
    first, last = located.range.start.line, located.range.end.line
    head = lines.text[lines.start(first) : start]
    tail = lines.text[end : lines.start(last) + len(lines.line(last))]
    if not lines.text[start:end].strip() or head.strip() or tail.strip():  # a part of a line
        return located.range, text
    indent = _indent(lines.line(first))
    whole = Range(start=lines.position(lines.start(first)), end=lines.position(lines.start(last) + len(lines.line(last))))
    if not text.strip():
        if last + 1 < len(lines):
            whole = Range(start=whole.start, end=lines.position(lines.start(last + 1)))
        return whole, ""
    anchor = located.finding.anchor
    return whole, _indented(text.rstrip("\n"), indent, indent if anchor is None else _indent(anchor.quote.partition("\n")[0]))


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _indented(text: str, indent: str, before: str) -> str:
    """The suggestion with the indentation `indent`. It was written for the indentation `before`: with it, without it, or
    without it only in the first line, which begins where the code does.
    """
    suggestion = text.split("\n")
    following = [line for line in suggestion[1:] if line.strip()]
    if not suggestion[0].startswith(before) and all(line.startswith(before) for line in following):
        suggestion[0] = before + suggestion[0]
    cut = len(before) if all(line.startswith(before) for line in suggestion if line.strip()) else 0
    return "\n".join(indent + line[cut:] if line.strip() else "" for line in suggestion)


def _finding_context(finding: Finding) -> TextContext:
    paragraphs = [finding.title, finding.body, f"Rule: {finding.rule}" if finding.rule else ""]
    if finding.suggestion is not None:
        paragraphs.append(f"Suggested in its place:\n{finding.suggestion}")
    return TextContext(title="The finding", text="\n\n".join(part for part in paragraphs if part))


def is_cursor(editor: Editor, params: lsp.CodeActionParams) -> bool:
    """Whether nothing is selected: editors with a block cursor send the one character under it."""
    range_ = range_from_lsp(params.range)
    start, end = range_.start, range_.end
    if start.as_pair >= end.as_pair:
        return True
    if end.line > start.line + 1:
        return False
    buffer = editor.buffer(params.text_document.uri)
    if buffer is None:
        return start.line == end.line and end.character - start.character == 1
    begin, finish = Lines(buffer.text, editor.encoding).span(range_)
    return _ONE_CHARACTER.fullmatch(buffer.text, begin, finish) is not None


def _belongs_to(diagnostic: lsp.Diagnostic, finding: Finding) -> bool:
    data = diagnostic.data
    if isinstance(data, dict):
        return data.get("findingId") == finding.id
    return diagnostic.source == SOURCE and diagnostic.message.startswith(finding.title)


def _short(title: str) -> str:
    return title if len(title) <= _TITLE_LENGTH else f"{title[:_TITLE_LENGTH]}…"
