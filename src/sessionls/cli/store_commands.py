"""`sessionls store`: maintenance of the database."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from rich.text import Text

from sessionls.cli.terminal import Terminal, UsageError, safe
from sessionls.settings.participant import local_participant
from sessionls.settings.settings import Settings, shown_url

if TYPE_CHECKING:
    from sessionls.domain.model import Session
    from sessionls.store.retention import RetentionReport

__all__ = ["backup", "check", "copy", "migrate", "retention", "status", "vacuum"]

T = TypeVar("T")

_EVERY = 1.0  # seconds between two lines of progress


async def status(terminal: Terminal, *, as_json: bool) -> int:
    from sessionls.store.maintenance import status as look

    url = await _url()
    found = await asyncio.to_thread(look, url)
    if as_json:
        facts: dict[str, Any] = {"url": shown_url(url), "revision": found.revision, "newest": found.newest}
        terminal.json({**facts, **found.counts, "facts": found.facts})
        return 0
    terminal.out.print(Text(safe(shown_url(url)), style="bold"))
    terminal.out.print(Text(safe(", ".join(found.facts))))
    if found.revision is None:
        terminal.out.print("It has no tables yet. The first session creates them, or: sessionls store migrate")
    elif found.counts:
        counts = ", ".join(f"{number:,} {name}" for name, number in found.counts.items())
        terminal.out.print(f"Revision {found.revision}, up to date: {counts}")
    elif found.revision > found.newest:
        terminal.out.print(f"Revision {found.revision} is newer than {found.newest}, which this version uses: update sessionls.")
    else:
        terminal.out.print(f"Revision {found.revision}; this version uses {found.newest}. To migrate: sessionls store migrate")
    return 0


async def migrate(terminal: Terminal) -> int:
    from sessionls.store.maintenance import migrate as bring

    before, after = await asyncio.to_thread(bring, await _url())
    if before == after:
        terminal.note(f"Revision {after}: nothing to do.")
    else:
        terminal.note(f"From revision {before or 'none'} to {after}.")
    return 0


async def check(terminal: Terminal) -> int:
    from sessionls.store.maintenance import check as examine

    wrong = await _with_progress(terminal, examine, await _url())
    for session_id, faults in wrong.items():
        for fault in faults:
            terminal.out.print(Text(safe(f"{session_id}: {fault}")), soft_wrap=True)
    terminal.note(f"Faults in {_sessions(len(wrong))}." if wrong else "No faults found.")
    return 1 if wrong else 0


async def copy(terminal: Terminal, other: str, wanted: list[str], *, back: bool, masks: bool) -> int:
    from sessionls.cli.names import short
    from sessionls.store.maintenance import copy as run

    target = await asyncio.to_thread(_address, other)
    source = await _url()
    if back:
        source, target = target, source
    settings, folder = await asyncio.to_thread(lambda: (Settings.load(), Path.cwd()))
    own = await local_participant(folder, name=settings.participant_name, email=settings.participant_email)
    report = await _with_progress(terminal, partial(run, own=own, masks=masks), source, target, wanted)
    for session_id, reason in report.refused.items():
        terminal.out.print(Text(safe(f"{short(session_id)} was not copied: {reason}")), soft_wrap=True)
    if report.masked:
        places = "1 place" if report.masked == 1 else f"{report.masked:,} places"
        terminal.note(f"Masked keys and tokens in {places}. To see them: sessionls share SESSION --check")
    terminal.note(f"Copied {_sessions(len(report.copied))}; unchanged: {report.unchanged}; left out: {len(report.refused)}.")
    return 1 if report.refused else 0


async def backup(terminal: Terminal, file: Path) -> int:
    from sessionls.store.maintenance import backup as write

    number = await _with_progress(terminal, write, await _url(), file)
    terminal.note(f"{file} contains {_sessions(number)}. To restore them: sessionls store copy --from {file}")
    return 0


async def retention(terminal: Terminal, *, dry_run: bool, as_json: bool) -> int:
    from sessionls.store.maintenance import vacuum as tidy
    from sessionls.store.retention import RetentionReport, apply_retention, expired_sessions
    from sessionls.store.store import SqlStore

    settings = await asyncio.to_thread(Settings.load)
    days = settings.retention.days
    if not days:
        raise UsageError(
            "There is no setting for how long sessions are kept.", "Set it: [retention] archived = 90 (days) in config.toml."
        )
    report = RetentionReport()
    async with SqlStore(settings.url) as store:
        expired = await expired_sessions(store, days)
        if not dry_run:
            report = await apply_retention(store, days, expired, _Progress(terminal))
    if report.deleted:
        await asyncio.to_thread(tidy, settings.url)  # only then is it erased
    if as_json:
        listed = expired if dry_run else report.deleted
        facts = [{"id": one.id, "title": one.title, "state": one.state, "updatedAt": one.updated_at} for one in listed]
        terminal.json({"dryRun": dry_run, "sessions": facts, "refused": report.refused})
    else:
        _tell_retention(terminal, expired, report, dry_run=dry_run)
    return 1 if report.refused else 0


def _tell_retention(terminal: Terminal, expired: Sequence[Session], report: RetentionReport, *, dry_run: bool) -> None:
    from sessionls.cli.names import short
    from sessionls.cli.render import session_table

    listed = expired if dry_run else report.deleted
    if listed:
        terminal.out.print(session_table(listed, folders=True))
    for session_id, reason in report.refused.items():
        terminal.out.print(Text(safe(f"{short(session_id)} was kept: {reason}")), soft_wrap=True)
    if dry_run:
        terminal.note(f"Would delete {_sessions(len(listed))}. Nothing was deleted.")
    else:
        terminal.note(f"Deleted {_sessions(len(listed))}; kept: {len(report.refused)}.")


async def vacuum(terminal: Terminal) -> int:
    from sessionls.store.maintenance import vacuum as tidy

    await asyncio.to_thread(tidy, await _url())
    terminal.note("Done.")
    return 0


def _sessions(number: int) -> str:
    return "1 session" if number == 1 else f"{number:,} sessions"


async def _url() -> str:
    return (await asyncio.to_thread(Settings.load)).url


def _address(other: str) -> str:
    """The URL for a URL or the path of a SQLite file."""
    if "://" in other:
        if shown_url(other) != other:
            raise UsageError(
                "Others can see a password on the command line.",
                "Put it into ~/.pgpass, a service file or the variable PGPASSWORD.",
            )
        return other
    return f"sqlite:///{Path(other).absolute().as_posix()}"


async def _with_progress(terminal: Terminal, work: Callable[..., T], *arguments: object) -> T:
    """Run the work in a thread, and report its progress from time to time."""
    return await asyncio.to_thread(work, *arguments, _Progress(terminal))


class _Progress:
    """Reports the progress of long work from time to time."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._reported = time.monotonic()

    def __call__(self, done: int, of: int) -> None:
        if time.monotonic() - self._reported >= _EVERY or done == of:
            self._reported = time.monotonic()
            self._terminal.note(f"{done:,} of {_sessions(of)}")
