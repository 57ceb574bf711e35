"""The four roles in a session. Each role includes the rights of the previous one."""

from __future__ import annotations

from typing import Final

from sessionls.domain.errors import NotPermitted
from sessionls.domain.model import Participant, Role, Session

__all__ = ["ROLES", "TEAM", "covers", "reachable", "require_role"]

ROLES: Final[tuple[Role, ...]] = ("reader", "commenter", "writer", "owner")
TEAM: Final = "team"
"""The id that means everybody who can log in to the database."""

_NEEDED: Final[dict[str, Role]] = {
    "messageSent": "commenter",
    "participantJoined": "commenter",
    "participantLeft": "commenter",
    "shared": "owner",
    "unshared": "owner",
    "archived": "owner",
    "unarchived": "owner",
}
_MAY: Final[dict[Role, str]] = {
    "reader": "read it",
    "commenter": "read it and leave comments, which no agent answers",
    "writer": "read it and work in it, but not share, archive or delete it",
    "owner": "do everything",
}


def covers(role: Role, needed: Role) -> bool:
    """Whether the role includes the rights of `needed`."""
    return ROLES.index(role) >= ROLES.index(needed)


def require_role(role: Role, kind: str, session_id: str) -> None:
    """Raise `NotPermitted` unless the role may add an event of that kind to the session, or `delete` it.

    (A database with logins also enforces this itself.)
    """
    needed = "owner" if kind == "delete" else _NEEDED.get(kind, "writer")
    if not covers(role, needed):
        hint = f"Ask an owner to make you {'an owner' if needed == 'owner' else f'a {needed}'} of it, or fork it."
        if (role, kind) == ("commenter", "replyStarted"):
            hint = f"Leave a comment instead: it wakes no agent (session/comment, `sessionls comment`). {hint}"
        raise NotPermitted(
            f"You are a {role} of this session: you may {_MAY[role]}.",
            hint=hint,
            sessionId=session_id,
            role=role,
        )


def reachable(session: Session) -> list[Participant]:
    """The people who can be mentioned in a session, and to whom it can be handed over: its participants and everybody with a
    role in it, except readers.

    Readers cannot write, so anything that waits for a reader would wait forever.
    """
    people = {person.id: person for person in session.people or ()}
    team = people.pop(TEAM, None)
    all_comment = team is not None and covers(team.role, "commenter")
    readers = {person.id for person in people.values() if not covers(person.role, "commenter") and not all_comment}
    known = [person for person in session.participants if person.id not in readers]
    ids = {person.id for person in session.participants} | readers
    return known + [
        Participant(id=person.id, name=person.name or person.id) for person in people.values() if person.id not in ids
    ]
