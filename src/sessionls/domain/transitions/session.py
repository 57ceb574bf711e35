"""The session itself: its title, default agent, budget and state."""

from __future__ import annotations

from collections.abc import Sequence

from sessionls.domain import events as ev
from sessionls.domain.change import Change
from sessionls.domain.errors import NotPermitted
from sessionls.domain.model import Participant, Session, Usage
from sessionls.domain.roles import require_role
from sessionls.domain.state import State
from sessionls.domain.transitions.common import live_state

__all__ = [
    "archive",
    "create",
    "delete_check",
    "refuse_while_working",
    "rename",
    "set_budget",
    "spend",
    "switch_agent",
    "unarchive",
]


def create(change: Change, session: Session, identities: Sequence[str], by: Participant) -> Session:
    change.add(ev.Created, seq=1, by=by, session=session, identities=list(identities))
    return change.now.session


def rename(change: Change, title: str, by: Participant) -> Session:
    state = live_state(change)
    if state.session.title != title:
        change.add(ev.Renamed, by=by, title=title)
    return change.now.session


def switch_agent(change: Change, agent: str, model: str | None, by: Participant) -> Session:
    session = live_state(change).session
    if (session.agent, session.model) != (agent, model):
        change.add(ev.AgentSwitched, by=by, agent=agent, model=model, from_=session.agent)
    return change.now.session


def set_budget(change: Change, budget: float | None, by: Participant) -> Session:
    """Change the session's budget, in any state of the session."""
    if live_state(change).session.budget != budget:
        change.add(ev.BudgetChanged, by=by, budget=budget)
    return change.now.session


def spend(change: Change, usage: Usage) -> None:
    """Count the usage of models outside a reply, if it had no result."""
    if change.state is not None:
        change.add(ev.Spent, usage=usage)


def archive(change: Change, by: Participant) -> Session:
    state = live_state(change)
    require_role(change.role, "archived", change.session_id)
    refuse_while_working(state, "archived")
    if state.session.state != "archived":
        change.add(ev.Archived, by=by)
    return change.now.session


def unarchive(change: Change, by: Participant) -> Session:
    """Unarchive the session. A session that was paused before is paused again."""
    state = live_state(change)
    require_role(change.role, "unarchived", change.session_id)
    if state.session.state == "archived":
        change.add(ev.Unarchived, by=by, state="paused" if state.paused else "active", stopped=state.stopped)
    return change.now.session


def delete_check(change: Change) -> None:
    """Raise an error if the session cannot be deleted now."""
    require_role(change.role, "delete", change.session_id)
    refuse_while_working(live_state(change), "deleted")


def refuse_while_working(state: State, done: str) -> None:
    if state.reply is not None or (state.queue and state.session.state == "active" and state.resumable is None):
        raise NotPermitted(
            f"The session cannot be {done} while a reply is being written in it.",
            hint="Cancel the reply or pause the session first.",
            sessionId=state.session.id,
        )
