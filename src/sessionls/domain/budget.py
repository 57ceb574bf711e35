"""The budget of a session: how many US dollars its models may cost together.

It is checked before each request to a model, so the last request may exceed it a little. Models on this machine and models with
an unknown price are not counted.
"""

from __future__ import annotations

from sessionls.domain.errors import NotPermitted
from sessionls.domain.model import Session, Usage

__all__ = ["LARGEST", "SessionAccount", "budget_error", "dollars", "is_used_up", "pause_explanation", "read_amount"]

LARGEST = 1e9  # US dollars


def is_used_up(session: Session, more: Usage | None = None) -> bool:
    """Whether the session's budget is used up. `more`: usage that the session does not include yet."""
    cost = (session.usage.cost or 0.0) + ((more.cost if more else None) or 0.0)
    return session.budget is not None and cost >= session.budget


def budget_error(session: Session) -> NotPermitted:
    """The error for continuing without raising the budget."""
    return NotPermitted(
        f"{_used(session)}.", hint="Raise the budget of the session, or remove it, and try again.", sessionId=session.id
    )


def pause_explanation(session: Session) -> str | None:
    """Why the session is paused, and what to do; None if a person paused it."""
    if session.state != "paused" or session.pause_reason != "budget":
        return None
    if is_used_up(session):
        return f"{_used(session)}. Raise the budget, or remove it, and resume."
    return "The session was paused when its budget was used up. The budget has been raised since: resume to continue."


def dollars(amount: float) -> str:
    return f"${amount:,.2f}" if amount >= 0.1 or amount == 0 else f"${amount:.4f}"


def read_amount(text: str) -> float | None:
    """US dollars from a person's input; None if it is not a valid amount for a budget."""
    try:
        amount = float(text.strip().removeprefix("$"))
    except ValueError:
        return None
    return amount if 0 <= amount <= LARGEST else None  # (false for NaN)


def _used(session: Session) -> str:
    return f"The session has used {dollars(session.usage.cost or 0)} of its budget of {dollars(session.budget or 0)}"


class SessionAccount:
    """The account for a summary outside a reply (`compaction.Account`). `usage` is what it used."""

    def __init__(self, session: Session) -> None:
        self.usage: Usage | None = None
        self._session = session

    async def before_call(self) -> None:
        """Raises `NotPermitted` if the budget is used up."""
        if is_used_up(self._session, self.usage):
            raise budget_error(self._session)

    def spend(self, usage: Usage | None) -> None:
        if usage is not None:
            self.usage = usage if self.usage is None else self.usage + usage
