"""Access to a session: gives, removes and lists roles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sessionls.domain import transitions
from sessionls.domain.change import Change
from sessionls.domain.errors import InvalidParams, NotPermitted
from sessionls.domain.model import Participant, Person, Role, Session
from sessionls.domain.results import People
from sessionls.domain.roles import TEAM
from sessionls.ports.store import Store
from sessionls.sessions.first_people import NO_LOGINS
from sessionls.sessions.replies.scheduler import Replies

__all__ = ["Sharing"]


@dataclass(frozen=True, slots=True)
class Sharing:
    """Shares sessions for one participant."""

    store: Store
    replies: Replies
    participant: Participant

    async def share(self, session_id: str, who: str, role: Role) -> Session:
        """Give a participant, or the `team`, a role. Raises `NotPermitted`, and `InvalidParams` for somebody unknown."""
        person = await self._person(who)
        person_with_role = Person(id=person.id, role=role, name=None if person.id == TEAM else person.name)
        return await self._change_access(session_id, lambda change: transitions.share(change, person_with_role, self.participant))

    async def unshare(self, session_id: str, who: str) -> Session:
        """Take the role of a participant, or of the `team`, away. Raises `NotPermitted`, and `InvalidParams` for a name that
        several people have.
        """
        person = await self._person(who, must_exist=False)
        return await self._change_access(session_id, lambda change: transitions.unshare(change, person.id, self.participant))

    async def _person(self, who: str, *, must_exist: bool = True) -> Participant:
        """Find the person for `who`: a login, the name of somebody who was here, or the team."""
        self._require_logins()
        if who == TEAM:
            return Participant(id=TEAM, name=TEAM)
        if (login := await self.store.login(who)) is not None:
            return login
        named = [person for person in await self.store.people() if person.name.casefold() == who.casefold()]
        if len(named) > 1:
            logins = ", ".join(person.id for person in named)
            raise InvalidParams(f"{len(named)} people are called {who!r}.", fields=["with"], hint=f"Name the login: {logins}.")
        if not named and must_exist:
            raise InvalidParams(
                f"The database has no login {who!r}.",
                fields=["with"],
                hint="session/people lists the known people. An administrator of the database can create a login.",
            )
        return named[0] if named else Participant(id=who, name=who)

    def _require_logins(self) -> None:
        if not self.store.has_logins:
            raise NotPermitted(NO_LOGINS, hint="Sharing single sessions needs PostgreSQL: see docs/teams.md.")

    async def people(self, session_id: str) -> People:
        """The people with access to the session (see `People`)."""

        def read(change: Change) -> tuple[Session, Role]:
            return transitions.live_state(change).session, change.role

        session, role = await self.replies.change(session_id, read)
        if not self.store.has_logins:
            return People(people=[], role=role, notice=NO_LOGINS)
        known = await self.store.people()
        names = {person.id: person.name for person in known}
        people = session.people or [Person(id=TEAM, role="owner")]
        shown = [person.model_copy(update={"name": names.get(person.id, person.name)}) for person in people]
        return People(people=shown, role=role, known=known)

    async def _change_access(self, session_id: str, decide: Callable[[Change], Session]) -> Session:
        session = await self.replies.change(session_id, decide)
        self.replies.wake(session_id)
        return session
