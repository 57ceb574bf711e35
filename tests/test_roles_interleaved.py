"""Participants with different roles act in any order: roles limit what they see and do, and the logs stay valid.

A small model of the rights is compared with what the database allows them to do and see with raw SQL.
"""

from __future__ import annotations

import asyncio
import itertools
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from logins import TeamDatabase
from sessionls.domain import transitions
from sessionls.domain.change import Change
from sessionls.domain.errors import SessionlsError
from sessionls.domain.ids import new_id, now
from sessionls.domain.model import Message, ParentRef, Participant, Person, Session, TextPart
from sessionls.domain.roles import ROLES, TEAM
from sessionls.store import SqlStore, maintenance

MEMBERS = ("ann", "bob", "carl")
Step = tuple[str, int, int, int, int]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["create", "share", "share", "unshare", "say", "say", "comment", "fork", "rename", "archive", "delete"]),
        st.integers(0, 2),
        st.integers(0, 5),
        st.integers(0, 3),
        st.integers(0, 3),
    ),
    min_size=10,
    max_size=25,
)


@dataclass
class Known:
    """The model of a session: the roles, and the texts in it, including its parent's."""

    roles: dict[str, int]
    texts: list[str] = field(default_factory=list)
    archived: bool = False
    deleted: bool = False

    def role(self, member: str) -> int:
        """0 for none, up to 4 for an owner."""
        return 0 if self.deleted else max(self.roles.get(member, 0), self.roles.get(TEAM, 0))


class Drive:
    def __init__(self, database: TeamDatabase, members: dict[str, SqlStore], people: dict[str, Participant]) -> None:
        self.database, self.members, self.people = database, members, people
        self.known: dict[str, Known] = {}
        self.words = itertools.count()

    async def run(self, steps: list[Step]) -> None:
        await self.step(("create", 0, 0, 0, 0))
        for step in steps:
            await self.step(step)
            await self.compare()

    async def step(self, step: Step) -> None:
        kind, who, which, target, role = step
        member = MEMBERS[who]
        if kind == "create":
            await self.create(member)
            return
        session_id = list(self.known)[which % len(self.known)]
        known = self.known[session_id]
        needed = {"say": 3, "rename": 3, "comment": 2, "fork": 1}.get(kind, 4)
        allowed = known.role(member) >= needed
        try:
            await self.act(kind, member, session_id, [*MEMBERS, TEAM][target], role)
        except (SessionlsError, transitions.WriterGone):
            if allowed and kind in ("rename", "fork"):
                raise
            return
        assert allowed, f"{member} did {kind} as {known.role(member)} of 4"

    async def create(self, member: str) -> None:
        at, owner = now(), self.people[member]
        people = [Person(id=owner.id, role="owner")]
        session = Session(id=new_id(), title="T", agent="code", people=people, created_at=at, updated_at=at)
        await self.members[member].change(session.id, lambda change: transitions.create(change, session, [], owner))
        self.known[session.id] = Known({member: 4})

    async def act(self, kind: str, member: str, session_id: str, target: str, role: int) -> None:
        store, person, known = self.members[member], self.people[member], self.known[session_id]
        text = f"word{next(self.words)} by {member}"

        def decide(change: Change) -> object:
            match kind:
                case "say":
                    return transitions.send(change, self.message(session_id, person, text), None)
                case "comment":
                    return transitions.comment(change, self.message(session_id, person, text))
                case "rename":
                    return transitions.rename(change, text, person)
                case "archive":
                    return transitions.archive(change, person)
                case "share":
                    other = Person(id=TEAM if target == TEAM else self.people[target].id, role=ROLES[role])
                    return transitions.share(change, other, person)
                case _:
                    return transitions.unshare(change, TEAM if target == TEAM else self.people[target].id, person)

        if kind == "delete":
            await store.delete(session_id, transitions.delete_check)
            known.deleted = True
        elif kind == "fork":
            child = await self.fork(store, session_id, person)
            self.known[child] = Known({member: 4})
        else:
            await store.change(session_id, decide)
        if kind in ("say", "comment"):
            known.texts.append(text)
        elif kind == "share":
            known.roles[target] = role + 1
        elif kind == "unshare":
            known.roles.pop(target, None)

    @staticmethod
    async def fork(store: SqlStore, session_id: str, person: Participant) -> str:
        """A fork without messages of its parent so far."""
        parent, at = await store.session(session_id), now()
        fresh = {
            "id": new_id(),
            "parent": ParentRef(session_id=session_id, seq=0),
            "people": [Person(id=person.id, role="owner")],
        }
        fresh |= {"participants": [person], "present": None, "state": "active", "queued": 0, "message_count": 0}
        child = parent.model_copy(update={**fresh, "created_at": at, "updated_at": at})
        await store.change(child.id, lambda change: transitions.fork(change, child, [], 0, [], person))
        return child.id

    @staticmethod
    def message(session_id: str, author: Participant, text: str) -> Message:
        return Message(
            id=new_id(),
            session_id=session_id,
            seq=0,
            role="participant",
            author=author,
            parts=[TextPart(text=text)],
            status="queued",
            created_at="",
        )

    async def compare(self) -> None:
        """What each member sees with raw SQL is what they may see."""
        for member in MEMBERS:
            login = self.database.login(member)
            seen = {row[0] for row in await asyncio.to_thread(self.database.run, login, "SELECT id FROM sessions")}
            mine = {session_id for session_id, known in self.known.items() if known.role(member) > 0}
            assert seen == mine, member
            listed, _ = await self.members[member].sessions(scope=None, state=None, query=None, limit=100, cursor=None)
            archived, _ = await self.members[member].sessions(scope=None, state="archived", query=None, limit=100, cursor=None)
            assert {session.id for session in [*listed, *archived]} == mine, member
            said = str(await asyncio.to_thread(self.database.run, login, "SELECT message FROM events WHERE message IS NOT NULL"))
            for session_id, known in self.known.items():
                for text in known.texts:
                    assert (f'"{text}"' in said) == (session_id in mine), (member, text)


@given(steps=STEPS)
@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
def test_roles_limit_what_participants_see_and_do(tmp_path_factory: pytest.TempPathFactory, steps: list[Step]) -> None:
    asyncio.run(_drive(tmp_path_factory.mktemp("team"), steps))


async def _drive(folder: Path, steps: list[Step]) -> None:
    database = await asyncio.to_thread(TeamDatabase.make, folder, *MEMBERS)
    async with AsyncExitStack() as open_:
        members: dict[str, Any] = {}
        people = {}
        for name in MEMBERS:
            members[name] = await open_.enter_async_context(SqlStore(database.of(name)))
            people[name] = await members[name].participant(Participant(id="-", name=name.title()))
        await Drive(database, members, people).run(steps)
    wrong = await asyncio.to_thread(maintenance.check, database.url(f"{database.name}_owner"), lambda done, of: None)
    assert wrong == {}
