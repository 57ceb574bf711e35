"""`sessionls review`: scanners and agents over files or changes, and an exit code for whoever automates it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from sessionls.cli.context import CliContext
from sessionls.cli.names import short
from sessionls.cli.report import SEVERITIES, as_sarif, frames
from sessionls.cli.terminal import UsageError
from sessionls.domain import uris
from sessionls.domain.errors import SessionlsError
from sessionls.domain.model import Context, DiffContext, FileContext, Finding
from sessionls.sessions.replies.scanner import SCAN
from sessionls.sessions.review import Review, review
from sessionls.sessions.workspace.positions import Lines

__all__ = ["FAILED", "FOUND", "ReviewOptions", "run_review"]

FOUND, FAILED = 1, 3
_FILES = 50  # files whose text goes with the message; the others the agents read themselves


@dataclass(frozen=True, slots=True)
class ReviewOptions:
    """What `review` was called with."""

    paths: Sequence[str] = ()
    diff: str | None = None
    staged: bool = False
    agents: Sequence[str] = ()
    form: Literal["text", "json", "sarif"] = "text"
    fail_on: Literal["error", "warning", "info", "hint", "never"] = "error"
    scan: bool = True


async def run_review(cli: CliContext, asked: ReviewOptions) -> int:
    """Review, print, and give the exit code: 0 nothing so bad, 1 findings, 3 an agent gave no whole answer (2 is wrong usage)."""
    text, context, scan = await asyncio.to_thread(_read, cli, asked)
    agents = tuple(asked.agents) or ("review",)
    session = await cli.sessions.create(title=text.rstrip("."), agent=agents[0])
    terminal = cli.terminal
    terminal.note(f"session {session.id}")

    def begins(agent: str, _message_id: str) -> None:
        terminal.note("Scanning …" if agent == SCAN.name else f"{agent} reviews …")

    with terminal.busy("Reviewing …"):
        done = await review(
            cli.sessions, session.id, agents, text, context=context, scan=scan if asked.scan else None, begins=begins
        )
    await _print(cli, asked, done)
    for agent, problem in done.problems.items():
        terminal.fail(f"{agent} could not answer: {problem.message}", problem.hint)
    for agent, why in done.unfinished.items():
        terminal.fail(f"The review by {agent} is not complete. {why}")
    scanned = next((reply for reply in done.replies if getattr(reply.author, "agent", "") == SCAN.name), None)
    for part in scanned.parts if scanned is not None else ():
        if part.kind == "tool" and part.result:
            terminal.note(part.result.partition("\n")[0])
    terminal.note(f'{len(done.findings)} findings. Go on: sessionls ask --session {short(session.id)} "…"')
    worst = SEVERITIES.get(asked.fail_on, 0)
    if any(finding.severity <= worst for finding in done.findings):
        return FOUND
    return FAILED if done.problems or done.unfinished or any(reply.status != "complete" for reply in done.replies) else 0


def _read(cli: CliContext, asked: ReviewOptions) -> tuple[str, list[Context], dict[str, Any]]:
    """The message, its contexts, and the arguments of the scan."""
    if (bool(asked.paths) + (asked.diff is not None) + asked.staged) > 1:
        raise UsageError("Files, --diff and --staged contradict each other.", "Give one of them.")
    if asked.staged:
        return "Review the staged changes.", [DiffContext(staged=True)], {"staged": True}
    if asked.diff is not None:
        return f"Review the changes since {asked.diff}.", [DiffContext(base=asked.diff)], {"base": asked.diff}
    if not asked.paths:
        return "Review the uncommitted changes.", [DiffContext()], {"base": "HEAD"}
    context: list[Context] = []
    for given in asked.paths:
        path = Path(os.path.normpath(cli.folder / Path(given).expanduser()))
        if not path.exists():
            raise UsageError(f"{given} does not exist.", "Name files or folders of this directory.")
        if not path.is_relative_to(cli.folder):
            raise UsageError(f"{given} is outside of this directory.", "Run it where the code is.")
        if path.is_file() and len(context) < _FILES:
            context.append(FileContext(uri=uris.from_path(path)))
    names = ", ".join(asked.paths[:3]) + (f" and {len(asked.paths) - 3} more" if len(asked.paths) > 3 else "")
    return f"Review {names}.", context, {"paths": list(asked.paths)}


async def _print(cli: CliContext, asked: ReviewOptions, done: Review) -> None:
    terminal = cli.terminal
    ordered = sorted(done.findings, key=lambda one: (one.uri, one.range.start.line, one.range.start.character))
    if asked.form == "json":
        problems = [{"agent": agent, "message": words} for agent, words in _problems(done)]
        terminal.json({"sessionId": done.session.id, "findings": [finding.wire() for finding in ordered], "problems": problems})
    elif asked.form == "sarif":
        problem_words = [f"{agent}: {words}" for agent, words in _problems(done)]
        terminal.json(as_sarif(ordered, lambda uri: uris.display(uri, [cli.folder_uri]), cli.folder_uri, problem_words))
    else:
        texts: dict[str, Lines | None] = {}
        for finding in ordered:
            if finding.uri not in texts:
                texts[finding.uri] = await asyncio.to_thread(_lines, cli, finding)
            for line in frames(finding, uris.display(finding.uri, [cli.folder_uri]), texts[finding.uri]):
                terminal.out.print(line, soft_wrap=True)
        for reply in done.replies:
            author = getattr(reply.author, "agent", "")
            if author != SCAN.name and reply.text.strip():
                terminal.note(f"{author}: {reply.text}", "")


def _problems(done: Review) -> list[tuple[str, str]]:
    """Each agent that gave no whole review, and why."""
    return [*((agent, problem.message) for agent, problem in done.problems.items()), *done.unfinished.items()]


def _lines(cli: CliContext, finding: Finding) -> Lines | None:
    path = uris.to_path(finding.uri)
    try:
        real = Path(os.path.realpath(path or ""))
        if path is None or not real.is_relative_to(os.path.realpath(cli.folder)) or real.stat().st_size > 8 << 20:
            return None
        return Lines(real.read_bytes().decode("utf-8-sig", "replace"), "utf-32")
    except (OSError, SessionlsError):
        return None
