"""Deletes sessions that nobody has changed for the time in the setting `retention`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sessionls.domain import transitions
from sessionls.domain.change import Change
from sessionls.domain.errors import NotPermitted, SessionNotFound, SessionUnreadable
from sessionls.domain.model import Session
from sessionls.store.store import SqlStore

__all__ = ["RetentionReport", "apply_retention", "expired_sessions"]

_PAGE_SIZE = 500  # sessions read in one transaction
_AGAIN = "Try again later."


@dataclass(slots=True)
class RetentionReport:
    deleted: list[Session] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    """The ids of sessions that were not deleted, each with the reason."""


async def expired_sessions(
    store: SqlStore, days: Mapping[str, float], *, at: datetime | None = None, page_size: int = _PAGE_SIZE
) -> list[Session]:
    """Returns the sessions in these states whose last change is at least that many days ago, oldest first.

    `at`: by default, now.
    """
    expired: list[Session] = []
    for state, age in days.items():
        before = _limit(age, at or datetime.now(UTC))
        after = ("", "")
        while page := await store.unchanged_sessions(state, before=before, after=after, limit=page_size):
            expired += page
            after = (page[-1].updated_at, page[-1].id)
    return sorted(expired, key=lambda session: (session.updated_at, session.id))


async def apply_retention(
    store: SqlStore,
    days: Mapping[str, float],
    sessions: Sequence[Session],
    progress: Callable[[int, int], None],
    *,
    at: datetime | None = None,
) -> RetentionReport:
    """Delete these sessions, except those that were changed or opened meanwhile, or that are busy."""
    report = RetentionReport()
    for done, session in enumerate(sessions, 1):
        before = _limit(days[session.state], at or datetime.now(UTC))

        def check(change: Change, session: Session = session, before: str = before) -> None:
            transitions.delete_check(change)
            now = change.now.session
            if now.state != session.state or now.updated_at >= before:
                raise NotPermitted("It was changed meanwhile.", hint=_AGAIN)
            if any(entry.alive for entry in change.presence):
                raise NotPermitted("Somebody has it open.", hint=_AGAIN)

        try:
            await store.delete(session.id, check)
            report.deleted.append(session)
        except SessionNotFound:
            pass  # another process has deleted it
        except (NotPermitted, SessionUnreadable, transitions.WriterGone) as error:
            report.refused[session.id] = str(error) or "A reply is being written in it."
        progress(done, len(sessions))
    return report


def _limit(days: float, at: datetime) -> str:
    """Sessions that were last changed before this time are too old."""
    try:
        limit = at - timedelta(days=days)
    except OverflowError:  # nothing is that old
        return ""
    return limit.isoformat(timespec="milliseconds").replace("+00:00", "Z")
