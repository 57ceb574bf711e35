"""`sessionls review`: runs scanners and agents on files or changes, with exit codes for automation."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sessionls.cli.context import CliContext
from sessionls.cli.names import short
from sessionls.cli.report import SEVERITIES, as_sarif, frames
from sessionls.cli.terminal import UsageError
from sessionls.domain import uris
from sessionls.domain.errors import SessionlsError
from sessionls.domain.model import Finding
from sessionls.sessions.review import Review, ReviewStep, ReviewTarget, review
from sessionls.sessions.workspace.positions import Lines

__all__ = ["HAS_FINDINGS", "INCOMPLETE", "ReviewOptions", "run_review"]

HAS_FINDINGS, INCOMPLETE = 1, 3
_MAX_FILES = 50  # files whose text is sent with the message; agents read further ones themselves


@dataclass(frozen=True, slots=True)
class ReviewOptions:
    """The arguments of `review`."""

    paths: Sequence[str] = ()
    diff: str | None = None
    staged: bool = False
    agents: Sequence[str] = ()
    form: Literal["text", "json", "sarif"] = "text"
    fail_on: Literal["error", "warning", "info", "hint", "never"] = "error"
    scan: bool = True


async def run_review(cli: CliContext, options: ReviewOptions) -> int:
    """Review, print, and return the exit code: 0 no findings of that severity, 1 findings, 3 the review is incomplete."""
    target, text = await asyncio.to_thread(_read, cli, options)
    agents = tuple(options.agents) or ("review",)
    session = await cli.sessions.create(title=text.rstrip("."), agent=agents[0])
    terminal = cli.terminal
    terminal.note(f"session {session.id}")

    @contextlib.asynccontextmanager
    async def progress(step: ReviewStep) -> AsyncIterator[None]:
        terminal.note("Scanning …" if step.scans else f"{step.agent} reviews …")
        yield

    with terminal.busy("Reviewing …"):
        result = await review(cli.sessions, session.id, agents, target, text, scan=options.scan, progress=progress)
    await _print(cli, options, result)
    for problem in result.problems:
        terminal.fail(str(problem), problem.hint)
    for part in result.scan.parts if result.scan is not None else ():
        if part.kind == "tool" and part.result:
            terminal.note(part.result.partition("\n")[0])
    terminal.note(f'{len(result.findings)} findings. To continue: sessionls ask --session {short(session.id)} "…"')
    worst = SEVERITIES.get(options.fail_on, 0)
    if any(finding.severity <= worst for finding in result.findings):
        return HAS_FINDINGS
    return 0 if result.complete else INCOMPLETE


def _read(cli: CliContext, options: ReviewOptions) -> tuple[ReviewTarget, str]:
    """What to review, and the message for the agents."""
    if (bool(options.paths) + (options.diff is not None) + options.staged) > 1:
        raise UsageError("Files, --diff and --staged cannot be combined.", "Use only one of them.")
    files: list[str] = []
    for name in options.paths:
        path = Path(os.path.normpath(cli.folder / Path(name).expanduser()))
        if not path.exists():
            raise UsageError(f"{name} does not exist.", "Use files or folders in this directory.")
        if not path.is_relative_to(cli.folder):
            raise UsageError(f"{name} is outside this directory.", "Run the command in the directory that contains the code.")
        if path.is_file() and len(files) < _MAX_FILES:
            files.append(uris.from_path(path))
    names = ", ".join(options.paths[:3]) + (f" and {len(options.paths) - 3} more" if len(options.paths) > 3 else "")
    target = ReviewTarget(options.paths, files, options.diff, options.staged)
    return target, target.question(names)


async def _print(cli: CliContext, options: ReviewOptions, result: Review) -> None:
    terminal = cli.terminal
    ordered = sorted(result.findings, key=lambda finding: (finding.uri, finding.range.start.line, finding.range.start.character))
    if options.form == "json":
        problems = [{"agent": problem.agent, "message": problem.message} for problem in result.problems]
        terminal.json({"sessionId": result.session.id, "findings": [finding.wire() for finding in ordered], "problems": problems})
    elif options.form == "sarif":
        incomplete = [f"{problem.agent}: {problem.message}" for problem in result.problems]
        terminal.json(as_sarif(ordered, lambda uri: uris.display(uri, [cli.folder_uri]), cli.folder_uri, incomplete))
    else:
        texts: dict[str, Lines | None] = {}
        for finding in ordered:
            if finding.uri not in texts:
                texts[finding.uri] = await asyncio.to_thread(_lines, cli, finding)
            for line in frames(finding, uris.display(finding.uri, [cli.folder_uri]), texts[finding.uri]):
                terminal.out.print(line, soft_wrap=True)
        for reply in result.answers:
            if reply.text.strip():
                terminal.note(f"{getattr(reply.author, 'agent', '')}: {reply.text}", "")


def _lines(cli: CliContext, finding: Finding) -> Lines | None:
    path = uris.to_path(finding.uri)
    try:
        real = Path(os.path.realpath(path or ""))
        if path is None or not real.is_relative_to(os.path.realpath(cli.folder)) or real.stat().st_size > 8 << 20:
            return None
        return Lines(real.read_bytes().decode("utf-8-sig", "replace"), "utf-32")
    except (OSError, SessionlsError):
        return None
