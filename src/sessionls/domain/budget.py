"""The budget of a session: how many US dollars its models may cost together, and what happens when that is used up.

It is checked before each request to a model. So the last request may go a little beyond it. What a model costs whose price is not
known, or that runs on this machine, is not counted.
"""

from __future__ import annotations

from sessionls.domain.errors import NotPermitted
from sessionls.domain.model import Session, Usage

__all__ = ["LARGEST", "SessionAccount", "dollars", "is_used_up", "read_amount", "used_up", "words_for_pause"]

LARGEST = 1e9  # US dollars


def is_used_up(session: Session, more: Usage | None = None) -> bool:
    """Whether no model may be asked in the session any more; `more`: what was used and is not counted there yet."""
    cost = (session.usage.cost or 0.0) + ((more.cost if more else None) or 0.0)
    return session.budget is not None and cost >= session.budget


def used_up(session: Session) -> NotPermitted:
    """The error of who wants to go on without raising the budget."""
    return NotPermitted(
        f"{_used(session)}.", hint="Raise the budget of the session, or remove it, and try again.", sessionId=session.id
    )


def words_for_pause(session: Session) -> str | None:
    """Why the session is paused, and what can be done, where it is not a person who paused it."""
    if session.state != "paused" or session.pause_reason != "budget":
        return None
    if is_used_up(session):
        return f"{_used(session)}. Raise the budget, or remove it, and resume."
    return "The session was paused when its budget was used up. It has been raised since: resume to go on."


def dollars(amount: float) -> str:
    return f"${amount:,.2f}" if amount >= 0.1 or amount == 0 else f"${amount:.4f}"


def read_amount(text: str) -> float | None:
    """US dollars, as a person writes them; None for what is no amount that a budget could have."""
    try:
        amount = float(text.strip().removeprefix("$"))
    except ValueError:
        return None
    return amount if 0 <= amount <= LARGEST else None  # (which NaN is not)


def _used(session: Session) -> str:
    return f"The session has used {dollars(session.usage.cost or 0)} of its budget of {dollars(session.budget or 0)}"


class SessionAccount:
    """Pays for a summary that no reply needs (`compaction.Account`). `usage` is what it used."""

    def __init__(self, session: Session) -> None:
        self.usage: Usage | None = None
        self._session = session

    async def before_call(self) -> None:
        """Raises `NotPermitted` where the budget is used up."""
        if is_used_up(self._session, self.usage):
            raise used_up(self._session)

    def spend(self, usage: Usage | None) -> None:
        if usage is not None:
            self.usage = usage if self.usage is None else self.usage + usage
