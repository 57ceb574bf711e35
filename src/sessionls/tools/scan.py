"""The tool `scan`: runs scanners on files of the workspace and reports their results as findings."""

from __future__ import annotations

import asyncio
import os
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from sessionls.domain import uris
from sessionls.domain.errors import SessionlsError
from sessionls.domain.ids import new_id
from sessionls.domain.model import Finding
from sessionls.domain.visible import shown
from sessionls.ports.editor import Buffers
from sessionls.ports.tools import ToolCall, ToolFailed
from sessionls.sessions.prompt.blocks import SEVERITIES
from sessionls.sessions.workspace.anchors import anchor_of
from sessionls.sessions.workspace.git import is_revision
from sessionls.sessions.workspace.git_repository import Repository
from sessionls.sessions.workspace.positions import Lines
from sessionls.sessions.workspace.workspace import Document, ResolvedFile, Workspace
from sessionls.tools.base import RESULT_LIMIT, Arguments, BaseTool, cut_middle
from sessionls.tools.files import list_workspace
from sessionls.tools.git import explained
from sessionls.tools.sarif import Result
from sessionls.tools.scanners import NOT_INSTALLED, OUTPUT_BYTES, Scanned, Scanner, Target, scan_files

__all__ = ["Scan", "ScanArguments"]

_FINDINGS = 200
_FILES = 20_000
_SECONDS = 20.0
_HUNK = re.compile(rb"^@@ -\d+(?:,\d+)? \+(\d{1,9})(?:,(\d{1,9}))? @@", re.MULTILINE)

Changed = Mapping[Path, frozenset[int] | None]
"""The changed files, each with its changed lines (zero-based); None: all lines."""


class ScanArguments(Arguments):
    paths: list[str] = Field(default=[], max_length=500, description="Only these files or folders (default: the workspace).")
    scanners: list[str] = Field(default=[], max_length=20, description="Only these scanners (default: all that are installed).")
    base: str | None = Field(default=None, description="Only lines that changed since this git revision.")
    staged: bool = Field(default=False, description="Only lines that changed in files with staged changes.")


@dataclass(frozen=True, slots=True)
class _Found:
    document: Document
    result: Result
    finding: Finding
    moved: bool = False


class Scan(BaseTool[ScanArguments]):
    """`scanners` is called each time. `never_in`: folders whose programs are not started.

    `variables` are environment variables that scanners get besides the usual ones. `output_bytes` is the limit of one report.
    """

    name = "scan"
    description = (
        "Run the installed scanners (linters, security scanners) on files. Their results are reported as findings and listed for "
        "you: check them and build on them, and do not report them again."
    )
    risk = "read"
    runs_programs = True  # scanners may read settings and even code from the workspace
    arguments = ScanArguments

    def __init__(
        self,
        workspace: Workspace,
        editor: Buffers,
        scanners: Sequence[Scanner],
        *,
        never_in: Callable[[], Sequence[Path]] = tuple,
        variables: Sequence[str] = (),
        output_bytes: int = OUTPUT_BYTES,
    ) -> None:
        self._workspace = workspace
        self._editor = editor
        self._scanners = tuple(scanners)
        self._never_in = never_in
        self._variables = tuple(variables)
        self._output_bytes = output_bytes

    async def perform(self, arguments: ScanArguments, call: ToolCall) -> str:
        chosen = self._chosen(arguments.scanners)
        changed = None
        if arguments.base is not None or arguments.staged:
            changed = await self._changed(arguments.base or "HEAD", staged=arguments.staged)
        targets = await self._targets(arguments.paths, chosen, changed)
        if not targets:
            return "Nothing to scan: no scanner supports these files."
        scanned = await scan_files(
            chosen, targets, never_in=self._never_in(), variables=self._variables, output_bytes=self._output_bytes
        )
        if all(scan.problem for scan in scanned) and not any(scan.results for scan in scanned):
            problems = "; ".join(f"{scan.scanner}: {scan.problem}" for scan in scanned) + "."
            if arguments.scanners or any(scan.failed for scan in scanned):
                raise ToolFailed(problems)
            return f"Nothing was scanned. {problems}"
        found = await self._findings_of(scanned, changed, call)
        reported = [await call.report(match.finding) for match in found[:_FINDINGS]]
        lines = [_line(match, finding) for match, finding in zip(found, reported, strict=False) if finding.state != "dismissed"]
        dismissed = sum(finding.state == "dismissed" for finding in reported)
        result = "\n".join([_summary(scanned, found), *lines, *_notices(dismissed, len(found) - len(reported), bool(lines))])
        if any(scan.failed for scan in scanned):  # the results of the others are reported nevertheless
            raise ToolFailed(cut_middle(result, RESULT_LIMIT))
        return result

    def _chosen(self, names: Sequence[str]) -> Sequence[Scanner]:
        known = {scanner.name: scanner for scanner in self._scanners}
        if unknown := [name for name in names if name not in known]:
            raise ToolFailed(f"There is no scanner {unknown[0][:60]!r}. Scanners: {', '.join(known)}.")
        return [known[name] for name in dict.fromkeys(names)] or self._scanners

    # -- which files -------------------------------------------------------------------------------------------------

    async def _targets(self, paths: Sequence[str], scanners: Sequence[Scanner], changed: Changed | None) -> list[Target]:
        files: dict[Path, ResolvedFile] = {}
        chosen: Sequence[str | None] = paths or [None]
        for path in chosen:
            listing = await list_workspace(self._workspace, path)
            supported = [(root, name) for root, name in listing.files if any(scanner.supports(name) for scanner in scanners)]
            for file in await asyncio.to_thread(self._readable, supported):
                if changed is None or file.path in changed:
                    files[file.path] = file
        if len(files) > _FILES:
            raise ToolFailed(f"There are {len(files):,} files. Choose folders with at most {_FILES:,} files at once.")
        return [await self._target(file) for file in files.values()]

    def _readable(self, names: Sequence[tuple[Path, str]]) -> list[ResolvedFile]:
        """The files that exist, are inside the folders, and are not secret."""
        readable = []
        for root, name in names:
            try:
                file = self._workspace.locate(str(root / name))
            except SessionlsError:
                continue
            if file.path.is_file():
                readable.append(file)
        return readable

    async def _target(self, file: ResolvedFile) -> Target:
        if self._workspace.buffer(file) is None:
            return Target(file)
        document = await self._workspace.read(file.uri)
        return Target(file, document.text if document.dirty else None)

    async def _changed(self, base: str, *, staged: bool) -> Changed:
        """The changes in the working trees since a revision."""
        if not is_revision(base):
            raise ToolFailed(f"{base[:60]!r} is not a git revision. Use a branch, a tag or a commit.")
        changed: dict[Path, frozenset[int] | None] = {}
        known = False
        with explained():
            for _, repository in (await self._workspace.repositories()).required():
                commit = await repository.base(base)
                if commit is not None:
                    known = True
                    changed.update(await _changed_in(repository, commit, staged=staged))
        if not known:
            raise ToolFailed(f"No workspace folder is in a git repository that has {base[:60]!r}.")
        return changed

    # -- findings -----------------------------------------------------------------------------------------------------

    async def _findings_of(self, scanned: Sequence[Scanned], changed: Changed | None, call: ToolCall) -> list[_Found]:
        """The results as findings, the most severe first, without duplicates of the same position and rule."""
        by_file: dict[Path, list[tuple[Target, Result]]] = {}
        for scan in scanned:
            for target, result in scan.results:
                by_file.setdefault(target.file.path, []).append((target, result))
        found: list[_Found] = []
        for results in by_file.values():
            file = results[0][0].file
            try:
                document = await self._workspace.read(file.uri)
            except SessionlsError:  # deleted meanwhile
                continue
            # In a document with unsaved changes, git's line numbers do not apply.
            lines = None if changed is None or document.dirty else changed.get(file.path)
            found += await asyncio.to_thread(self._findings, document, [result for _, result in results], lines, call)
        found.sort(key=lambda match: (match.finding.severity, match.document.path, match.finding.range.start.line))
        return found

    def _findings(
        self, document: Document, results: Sequence[Result], changed: frozenset[int] | None, call: ToolCall
    ) -> list[_Found]:
        lines = Lines(document.text, self._editor.encoding)
        found: dict[tuple[str | None, str, str], _Found] = {}
        for result in results:
            range_ = result.region.range_in(lines, bom=document.bom)
            note = result.note
            if note is None and not result.region.is_in(lines):
                note = "The scanner reported a position that does not exist in the file. This is the nearest one."
            if changed is not None and changed.isdisjoint(range(range_.start.line, range_.end.line + 1)):
                continue
            finding = Finding(
                id=new_id(),
                uri=document.uri,
                range=range_,
                severity=result.severity,
                title=result.title,
                body=shown(result.body if note is None else f"{result.body}\n\n({note})", prose=True),
                rule=f"{result.scanner}/{result.rule}" if result.rule else result.scanner,
                suggestion=result.replacement,
                help=result.help,
                anchor=anchor_of(document.text, range_, self._editor.encoding),
                session_id=call.session_id,
                agent=call.agent,
                message_id=call.message_id,
            )
            # Different results may share a position that is only the nearest.
            same = (finding.rule, range_.model_dump_json(), finding.title if note is not None else "")
            found.setdefault(same, _Found(document, result, finding, note is not None))
        return list(found.values())


async def _changed_in(repository: Repository, commit: str, *, staged: bool) -> Changed:
    """The changes in one repository."""
    safe_options = await repository.safe_options()
    flags = ("--no-color", "--no-ext-diff", "--no-textconv", "--relative", "--no-renames", "--ignore-submodules")
    only = ["--cached"] if staged else []
    names = await repository(
        *safe_options, "diff", *only, *flags, "--name-only", "--diff-filter=d", "-z", commit, "--", ".", seconds=_SECONDS
    )
    changed: dict[Path, frozenset[int] | None] = {}
    for raw in [name for name in names.output.split(b"\0") if name]:
        name = os.fsdecode(raw)
        diff = await repository(
            *(*safe_options, "diff", *flags, "--unified=0", commit, "--", f":(literal){name}"), seconds=_SECONDS, limit=8 << 20
        )
        changed[Path(repository.folder, name)] = None if diff.cut else _new_lines(diff.output)
    if not staged:
        new = await repository("ls-files", "--others", "--exclude-standard", "-z", "--", ".", seconds=_SECONDS)
        changed.update({Path(repository.folder, os.fsdecode(raw)): None for raw in new.output.split(b"\0") if raw})
    return changed


def _new_lines(diff: bytes) -> frozenset[int]:
    lines: set[int] = set()
    for match in _HUNK.finditer(diff):
        first, count = int(match[1]), int(match[2] or 1)
        lines.update(range(first - 1, first - 1 + count))
    return frozenset(lines)


# -- the answer to the agent -----------------------------------------------------------------------------------------


def _summary(scanned: Sequence[Scanned], found: Sequence[_Found]) -> str:
    count = Counter(match.result.scanner for match in found)
    moved = Counter(match.result.scanner for match in found if match.moved)
    summary = []
    for scan in scanned:
        if scan.problem == NOT_INSTALLED:
            summary.append(f"{scan.scanner}: not installed")
        elif scan.files or scan.problem:
            near = [f"{moved[scan.scanner]} at the nearest position, with a note"] if moved[scan.scanner] else []
            problem = (
                f" ({'; '.join(words)})" if (words := [*([scan.problem] if scan.problem else []), *scan.notes, *near]) else ""
            )
            summary.append(f"{scan.scanner}: {count[scan.scanner]} findings in {scan.files} files{problem}")
    return "; ".join(summary) + "."


def _line(match: _Found, finding: Finding) -> str:
    start = match.finding.range.start
    location = f"{match.document.path}:{start.line + 1}"
    return f"{location} {SEVERITIES[finding.severity]} {finding.rule}: {uris.printable(match.finding.title)}"


def _notices(dismissed: int, more: int, reported: bool) -> list[str]:
    words = ["These are already reported as findings."] if reported else []
    if dismissed:
        words.append(f"{dismissed} that a participant dismissed earlier were left out.")
    if more > 0:
        words.append(f"{more} more were left out: scan fewer files, or one scanner at a time.")
    return [f"[{' '.join(words)}]"] if words else []
