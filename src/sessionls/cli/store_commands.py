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

_PROGRESS_SECONDS = 1.0  # seconds between two lines of progress


async def status(terminal: Terminal, *, as_json: bool) -> int:
    from sessionls.store.maintenance import status as read_status

    url = await _url()
    state = await asyncio.to_thread(read_status, url)
    if as_json:
        facts: dict[str, Any] = {"url": shown_url(url), "revision": state.revision, "newest": state.newest}
        terminal.json({**facts, **state.counts, "facts": state.facts})
        return 0
    terminal.out.print(Text(safe(shown_url(url)), style="bold"))
    terminal.out.print(Text(safe(", ".join(state.facts))))
    if state.revision is None:
        terminal.out.print("It has no tables yet. The first session creates them, or: sessionls store migrate")
    elif state.counts:
        counts = ", ".join(f"{number:,} {name}" for name, number in state.counts.items())
        terminal.out.print(f"Revision {state.revision}, up to date: {counts}")
    elif state.revision > state.newest:
        terminal.out.print(f"Revision {state.revision} is newer than {state.newest}, which this version uses: update sessionls.")
    else:
        terminal.out.print(f"Revision {state.revision}; this version uses {state.newest}. To migrate: sessionls store migrate")
    return 0


async def migrate(terminal: Terminal) -> int:
    from sessionls.store.maintenance import migrate as migrate_database

    before, after = await asyncio.to_thread(migrate_database, await _url())
    if before == after:
        terminal.note(f"Revision {after}: nothing to do.")
    else:
        terminal.note(f"From revision {before or 'none'} to {after}.")
    return 0


async def check(terminal: Terminal) -> int:
    from sessionls.store.maintenance import check as check_database

    faults_by_session = await _with_progress(terminal, check_database, await _url())
    for session_id, faults in faults_by_session.items():
        for fault in faults:
            terminal.out.print(Text(safe(f"{session_id}: {fault}")), soft_wrap=True)
    terminal.note(f"Faults in {_counted(len(faults_by_session))}." if faults_by_session else "No faults found.")
    return 1 if faults_by_session else 0


async def copy(terminal: Terminal, other: str, session_ids: list[str], *, back: bool, masks: bool) -> int:
    from sessionls.cli.names import short
    from sessionls.store.maintenance import copy as copy_database

    target = await asyncio.to_thread(_url_of, other)
    source = await _url()
    if back:
        source, target = target, source
    settings, folder = await asyncio.to_thread(lambda: (Settings.load(), Path.cwd()))
    own = await local_participant(folder, name=settings.participant_name, email=settings.participant_email)
    report = await _with_progress(terminal, partial(copy_database, own=own, masks=masks), source, target, session_ids)
    for session_id, reason in report.refused.items():
        terminal.out.print(Text(safe(f"{short(session_id)} was not copied: {reason}")), soft_wrap=True)
    if report.masked:
        count = "1 place" if report.masked == 1 else f"{report.masked:,} places"
        terminal.note(f"Masked keys and tokens in {count}. To see them: sessionls share SESSION --check")
    terminal.note(f"Copied {_counted(len(report.copied))}; unchanged: {report.unchanged}; left out: {len(report.refused)}.")
    return 1 if report.refused else 0


async def backup(terminal: Terminal, file: Path) -> int:
    from sessionls.store.maintenance import backup as write_backup

    number = await _with_progress(terminal, write_backup, await _url(), file)
    terminal.note(f"{file} contains {_counted(number)}. To restore them: sessionls store copy --from {file}")
    return 0


async def retention(terminal: Terminal, *, dry_run: bool, as_json: bool) -> int:
    from sessionls.store.maintenance import vacuum as vacuum_database
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
        await asyncio.to_thread(vacuum_database, settings.url)  # only then is it erased
    if as_json:
        listed = expired if dry_run else report.deleted
        facts = [
            {"id": session.id, "title": session.title, "state": session.state, "updatedAt": session.updated_at}
            for session in listed
        ]
        terminal.json({"dryRun": dry_run, "sessions": facts, "refused": report.refused})
    else:
        _print_retention(terminal, expired, report, dry_run=dry_run)
    return 1 if report.refused else 0


def _print_retention(terminal: Terminal, expired: Sequence[Session], report: RetentionReport, *, dry_run: bool) -> None:
    from sessionls.cli.names import short
    from sessionls.cli.render import session_table

    listed = expired if dry_run else report.deleted
    if listed:
        terminal.out.print(session_table(listed, folders=True))
    for session_id, reason in report.refused.items():
        terminal.out.print(Text(safe(f"{short(session_id)} was kept: {reason}")), soft_wrap=True)
    if dry_run:
        terminal.note(f"Would delete {_counted(len(listed))}. Nothing was deleted.")
    else:
        terminal.note(f"Deleted {_counted(len(listed))}; kept: {len(report.refused)}.")


async def vacuum(terminal: Terminal) -> int:
    from sessionls.store.maintenance import vacuum as vacuum_database

    await asyncio.to_thread(vacuum_database, await _url())
    terminal.note("Done.")
    return 0


def _counted(number: int) -> str:
    return "1 session" if number == 1 else f"{number:,} sessions"


async def _url() -> str:
    return (await asyncio.to_thread(Settings.load)).url


def _url_of(other: str) -> str:
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
        if time.monotonic() - self._reported >= _PROGRESS_SECONDS or done == of:
            self._reported = time.monotonic()
            self._terminal.note(f"{done:,} of {_counted(of)}")
