"""Sharing a session: people's roles in it."""

from __future__ import annotations

from sessionls.domain import events as ev
from sessionls.domain.change import Change
from sessionls.domain.errors import NotPermitted
from sessionls.domain.model import Participant, Person, Session
from sessionls.domain.roles import TEAM, covers, require_role
from sessionls.domain.transitions.common import end_reply, live_state
from sessionls.domain.transitions.pausing import cancel_waiting

__all__ = ["share", "unshare"]


def share(change: Change, person: Person, by: Participant) -> Session:
    """Give a person, or the team, a role in the session. Raises `NotPermitted` if no owner would be left."""
    people = _people(change)
    if people.get(person.id) == person:
        return change.now.session
    _keep_an_owner(people | {person.id: person}, change)
    if not covers(person.role, "writer"):
        _stop_work(change, person.id, by)
    change.add(ev.Shared, by=by, person=person)
    return change.now.session


def unshare(change: Change, person_id: str, by: Participant) -> Session:
    """Remove a person's role. Cancels their waiting messages, and interrupts a reply to them."""
    people = _people(change)
    if person_id not in people:
        return change.now.session
    _keep_an_owner({other: person for other, person in people.items() if other != person_id}, change)
    _stop_work(change, person_id, by)
    change.add(ev.Unshared, by=by, person_id=person_id)
    return change.now.session


def _people(change: Change) -> dict[str, Person]:
    state = live_state(change)
    require_role(change.role, "shared", change.session_id)
    return {person.id: person for person in state.session.people or [Person(id=TEAM, role="owner")]}


def _keep_an_owner(people: dict[str, Person], change: Change) -> None:
    if not any(person.role == "owner" for person in people.values()):
        raise NotPermitted(
            "A session must have at least one owner.",
            hint="Make another person an owner first.",
            sessionId=change.session_id,
        )


def _stop_work(change: Change, person_id: str, by: Participant) -> None:
    """End the work that this person's process may no longer write."""
    state = change.now
    message_ids = {entry.message.id for entry in state.open.values() if _is_by(entry.message.author, person_id)}
    for entry in state.queue:
        if entry.message.id in message_ids:
            cancel_waiting(change, entry.message.id, by)
    reply = None if state.reply is None else state.entry(state.reply).message
    if reply is not None and reply.reply_to in message_ids:
        end_reply(change, reply, "interrupted")


def _is_by(author: object, person_id: str) -> bool:
    return isinstance(author, Participant) and author.id == person_id
