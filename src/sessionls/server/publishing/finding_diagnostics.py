"""Findings as diagnostics: what the client's list of problems shows for each document."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from lsprotocol import types as lsp

from sessionls.domain.model import Finding, Range
from sessionls.server.editor.convert import range_to_lsp

__all__ = ["SOURCE", "DiagnosticsPublisher", "LocatedFinding"]

SOURCE = "sessionls"

_MAX_BODY = 600  # characters of a finding's body in the message of its diagnostic

_Comparable = tuple[tuple[int | str, ...], ...]


@dataclass(frozen=True, slots=True)
class LocatedFinding:
    """A finding and the range in which its code is now."""

    finding: Finding
    range: Range


class DiagnosticsPublisher:
    """Publishes a document's findings when they differ from what the client shows. `notify` sends a notification."""

    def __init__(self, notify: Callable[[str, Any], None]) -> None:
        self._notify = notify
        self._published: dict[str, tuple[str, _Comparable]] = {}  # by document: its URI and diagnostics

    def publish(self, key: str, uri: str, findings: Iterable[LocatedFinding], version: int | None) -> None:
        """Show these findings of the document `key` under that URI, as the client spells it now."""
        ordered = sorted(
            findings, key=lambda located: (located.range.start.line, located.range.start.character, located.finding.id)
        )
        diagnostics = [_diagnostic(located) for located in ordered]
        # lsprotocol's classes cannot be compared: for speed, they are imported without `__eq__`.
        current = tuple(sorted(map(_comparable, diagnostics)))
        published = self._published.get(key)
        # A document that was never published is published even when it has no findings: the client may still show those
        # of an earlier server process.
        if published is None or published[0] != uri:
            self.withdraw(key)
            shown: _Comparable | None = None if published is None else ()
        else:
            shown = published[1]
        if current != shown:
            self._send(uri, diagnostics, version)
        self._published[key] = (uri, current)

    def withdraw(self, key: str) -> None:
        """Stop showing findings of this document."""
        published = self._published.pop(key, None)
        if published is not None and published[1]:
            self._send(published[0], [], None)

    def _send(self, uri: str, diagnostics: Sequence[lsp.Diagnostic], version: int | None) -> None:
        params = lsp.PublishDiagnosticsParams(uri=uri, diagnostics=diagnostics, version=version)
        self._notify(lsp.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS, params)


def _diagnostic(located: LocatedFinding) -> lsp.Diagnostic:
    finding = located.finding
    body = finding.body if len(finding.body) <= _MAX_BODY else f"{finding.body[:_MAX_BODY]}…"
    return lsp.Diagnostic(
        range=range_to_lsp(located.range),
        severity=lsp.DiagnosticSeverity(finding.severity),
        source=SOURCE,
        code=finding.rule,
        code_description=_help_page(finding.help) if finding.rule else None,
        message=f"{finding.title}\n{body}".strip(),
        data={"sessionId": finding.session_id, "findingId": finding.id},
    )


def _comparable(diagnostic: lsp.Diagnostic) -> tuple[int | str, ...]:
    """Everything that a person sees of a diagnostic, and its finding."""
    start, end = diagnostic.range.start, diagnostic.range.end
    address = diagnostic.code_description.href if diagnostic.code_description else ""
    position = (start.line, start.character, end.line, end.character, int(diagnostic.severity or 0))
    data: Any = diagnostic.data
    return (*position, str(diagnostic.code), diagnostic.message, address, *(str(value) for value in data.values()))


def _help_page(address: str | None) -> lsp.CodeDescription | None:
    if address is None or urlsplit(address).scheme not in ("http", "https"):
        return None
    return lsp.CodeDescription(href=address)
