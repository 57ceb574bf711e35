"""Handing a session over to another participant."""

from __future__ import annotations

from collections.abc import Iterator

from sessionls.domain import events as ev
from sessionls.domain.change import Change
from sessionls.domain.errors import InvalidParams, SessionArchived
from sessionls.domain.model import Participant, Session
from sessionls.domain.roles import reachable
from sessionls.domain.state import State
from sessionls.domain.transitions.common import live_state

__all__ = ["hand_over", "waiting_work"]


def hand_over(change: Change, to: str, note: str | None, by: Participant) -> Session:
    """Hand the session to somebody who is known in it (see `reachable`), by id, name or e-mail address.

    Raises `InvalidParams` for an unknown or ambiguous participant, and for the caller.
    """
    state = live_state(change)
    if state.session.state == "archived":
        raise SessionArchived(state.session.id)
    person = _participant(state, to)
    if person.id == by.id:
        raise InvalidParams("You cannot hand a session over to yourself.", fields=["to"], hint=_hint(state, by))
    change.add(ev.HandedOver, by=by, to=person, note=note, waiting=list(waiting_work(state)) or None)
    return change.now.session


def waiting_work(state: State) -> Iterator[str]:
    """What is waiting for a person in the session, in sentences."""
    session = state.session
    for question in state.asking:
        yield f"{question.agent} asks for permission: {question.summary}"
    if state.reply is not None:
        yield "A reply is being written."
    if state.stopped is not None:
        yield f"A reply {'failed' if state.stopped == 'failed' else f'was {state.stopped}'}, and can be resumed."
    if session.queued:
        yield "1 message waits for its reply." if session.queued == 1 else f"{session.queued} messages wait for their replies."
    if session.state == "paused":
        yield "The session is paused: resume it before you send messages."


def _participant(state: State, to: str) -> Participant:
    known = reachable(state.session)
    name = to.strip().removeprefix("@").casefold()
    for matches in (
        [participant for participant in known if participant.id == to],
        [participant for participant in known if name in (participant.name.casefold(), (participant.email or "").casefold())],
    ):
        if len(matches) == 1:
            return matches[0]
        if matches:
            names = ", ".join(f"{participant.name} <{participant.email or participant.id}>" for participant in matches)
            raise InvalidParams(
                f"Several participants are called {to!r}.", fields=["to"], hint=f"Use the address or id: {names}."
            )
    raise InvalidParams(f"No participant of this session is called {to!r}.", fields=["to"], hint=_hint(state, None))


def _hint(state: State, excluded: Participant | None) -> str:
    names = ", ".join(
        participant.name for participant in reachable(state.session) if excluded is None or participant.id != excluded.id
    )
    return f"The others are: {names}." if names else "Share the session with somebody first."
