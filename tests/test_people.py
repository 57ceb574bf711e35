"""Who may do what in a session: sharing, roles, comments, and what becomes of somebody who loses access."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from pathlib import Path

import pytest

from in_process_app import App, app, write_agent
from logins import TeamDatabase
from model_server import Answer, Hold, ModelServer, ToolUse
from sessionls.domain.errors import InvalidParams, NotPermitted, SessionNotFound
from sessionls.domain.model import Participant, Role
from sessionls.ports.store import SessionNotice
from sessionls.store import maintenance

Member = Callable[[str], Awaitable[App]]


@pytest.fixture
def folder(folder: Path) -> Path:
    write_agent(folder, "plain", "You are plain.", tools="[]")
    write_agent(folder, "runner", "You run.")
    return folder


@pytest.fixture
async def database(tmp_path: Path) -> TeamDatabase:
    return await asyncio.to_thread(TeamDatabase.make, tmp_path, "ann", "ben", "carl")


@pytest.fixture
async def member(folder: Path, database: TeamDatabase, model_server: ModelServer) -> AsyncIterator[Member]:
    """Opens the editor of a member of the team, who has a login of their own: ann, ben or carl."""
    async with AsyncExitStack() as open_:

        async def enter(name: str) -> App:
            editor: AbstractAsyncContextManager[App] = app(
                folder, model_server, participant=Participant(id="-", name=name.title()), url=database.of(name)
            )
            return await open_.enter_async_context(editor)

        yield enter


def login(home: App) -> str:
    return home.sessions._participant.id


async def share(by: App, session_id: str, home: App, role: Role) -> None:
    await by.sessions.sharing.share(session_id, login(home), role)


# -- a database that is a file -----------------------------------------------------------------------------------------


async def test_everybody_who_can_open_a_file_owns_its_sessions_and_is_informed(folder: Path, model_server: ModelServer) -> None:
    async with app(folder, model_server) as home:
        session = await home.sessions.create(agent="plain")
        assert session.people is None
        found = await home.sessions.sharing.people(session.id)
        assert (found.people, found.role, found.known) == ([], "owner", [])
        assert found.notice is not None and "Everybody who can open it" in found.notice
        for refused in (
            home.sessions.sharing.share(session.id, "ben", "reader"),
            home.sessions.sharing.unshare(session.id, "team"),
        ):
            with pytest.raises(NotPermitted, match="Everybody who can open it") as told:
                await refused
            assert "docs/teams.md" in told.value.hint


async def test_a_comment_wakes_no_agent_and_is_read_with_the_next_message(folder: Path, model_server: ModelServer) -> None:
    hold = Hold("Red", Answer("."))
    model_server.script(hold, Answer("Blue."))
    async with app(folder, model_server) as home:
        session = await home.sessions.create(agent="plain")
        await home.sessions.open(session.id)
        first = asyncio.create_task(home.sessions.message(session.id, "a colour"))
        await hold.reached.wait()
        left = await home.sessions.comment(session.id, "note this")
        assert left.status == "complete" and (await home.sessions.get(session.id)).queued == 0
        hold.go.set()
        assert (await first).reply.text == "Red."
        await home.sessions.message(session.id, "another")
        told = [message["content"] for message in model_server.requests[1].messages[1:]]
        assert told == ["a colour", "Red.", "note this\n\nanother"]
        messages = (await home.sessions.history(session.id)).messages
        assert [message.text for message in messages] == ["a colour", "Red.", "note this", "another", "Blue."]
        assert all(message.reply_to != left.id for message in messages)


# -- a database with logins ----------------------------------------------------------------------------------------------


async def test_a_session_is_private_until_it_is_shared(member: Member) -> None:
    ann, ben = await member("ann"), await member("ben")
    session = await ann.sessions.create(title="Private", agent="plain")
    assert session.people is not None and [(one.id, one.role, one.name) for one in session.people] == [
        (login(ann), "owner", "Ann")
    ]
    assert (await ben.sessions.list(workspace_folder="*")).sessions == []
    with pytest.raises(SessionNotFound):
        await ben.sessions.open(session.id)
    await share(ann, session.id, ben, "reader")
    await ben.until(lambda: session.id in ben.known)
    assert [one.id for one in (await ben.sessions.list()).sessions] == [session.id]
    found = await ben.sessions.sharing.people(session.id)
    assert found.role == "reader" and [(one.name, one.role) for one in found.people] == [("Ann", "owner"), ("Ben", "reader")]
    assert [one.name for one in found.known] == ["Ann", "Ben"]


async def test_a_message_in_a_shared_session_is_its_authors_and_is_answered_by_their_own_process(
    member: Member, model_server: ModelServer
) -> None:
    ann, ben = await member("ann"), await member("ben")
    session = await ann.sessions.create(agent="plain")
    await share(ann, session.id, ben, "writer")
    await ann.sessions.open(session.id)
    model_server.script(Answer("for Ben"))
    exchange = await ben.sessions.message(session.id, "hello")
    assert exchange.message.author == Participant(id=login(ben), name="Ben")
    await ann.event("replyFinished")
    assert (await ann.sessions.history(session.id)).messages[-1].text == "for Ben"
    for refused in (
        ben.sessions.archive(session.id),
        ben.sessions.delete(session.id),
        ben.sessions.sharing.share(session.id, "team", "reader"),
        ben.sessions.sharing.share(session.id, login(ben), "owner"),
        ben.sessions.sharing.unshare(session.id, login(ann)),
    ):
        with pytest.raises(NotPermitted, match="You are a writer"):
            await refused


async def test_who_may_only_comment_wakes_no_agent(member: Member) -> None:
    ann, ben = await member("ann"), await member("ben")
    session = await ann.sessions.create(agent="plain")
    await share(ann, session.id, ben, "commenter")
    await ann.sessions.open(session.id)
    await ben.sessions.open(session.id)
    with pytest.raises(NotPermitted, match="You are a commenter") as refused:
        await ben.sessions.message(session.id, "hello")
    assert "session/comment" in refused.value.hint
    await ben.sessions.comment(session.id, "look here")
    await ann.event("messageSent")
    (message,) = (await ann.sessions.history(session.id)).messages
    assert (message.text, message.status) == ("look here", "complete")
    with pytest.raises(NotPermitted):
        await ben.sessions.rename(session.id, "mine")


async def test_who_may_only_read_sees_it_live_and_makes_forks_of_their_own(member: Member, model_server: ModelServer) -> None:
    ann, ben = await member("ann"), await member("ben")
    session = await ann.sessions.create(agent="plain")
    await share(ann, session.id, ben, "reader")
    await ben.sessions.open(session.id)
    model_server.script(Answer("seen by Ben"))
    await ann.sessions.message(session.id, "hello")
    await ben.event("replyFinished")
    for refused in (
        ben.sessions.message(session.id, "x"),
        ben.sessions.comment(session.id, "x"),
        ben.sessions.rename(session.id, "x"),
    ):
        with pytest.raises(NotPermitted, match="You are a reader"):
            await refused
    fork = await ben.sessions.fork(session.id)
    assert fork.people is not None and [(one.id, one.role) for one in fork.people] == [(login(ben), "owner")]
    model_server.script(Answer("in the fork"))
    assert (await ben.sessions.message(fork.id, "and now")).reply.text == "in the fork"
    with pytest.raises(SessionNotFound):
        await ann.sessions.get(fork.id)


async def test_losing_access_is_reported_and_ends_the_persons_reply(member: Member, model_server: ModelServer) -> None:
    ann, ben = await member("ann"), await member("ben")
    session = await ann.sessions.create(agent="plain")
    await share(ann, session.id, ben, "writer")
    await ann.sessions.open(session.id)
    await ben.sessions.open(session.id)
    hold = Hold("never", Answer("told"))
    model_server.script(hold)
    sending = asyncio.create_task(ben.sessions.message(session.id, "hello"))
    await hold.reached.wait()
    await ann.sessions.sharing.unshare(session.id, login(ben))
    hold.go.set()
    await asyncio.wait([sending])
    assert isinstance(sending.exception(), SessionNotFound)
    with pytest.raises(SessionNotFound):
        await ben.sessions.get(session.id)
    last = (await ann.sessions.history(session.id)).messages[-1]
    assert (last.role, last.status) == ("agent", "interrupted")
    assert not (await ann.sessions.get(session.id)).replying


async def test_who_gets_access_back_is_here_again_and_sees_the_session_live(member: Member) -> None:
    ann, ben = await member("ann"), await member("ben")
    session = await ann.sessions.create(agent="plain")
    await share(ann, session.id, ben, "commenter")
    await ben.sessions.open(session.id)
    notices: list[SessionNotice] = []
    ben.built.store.subscribe(lambda notice: notices.append(notice) if isinstance(notice, SessionNotice) else None)
    await ann.sessions.sharing.unshare(session.id, login(ben))
    await ben.until(lambda: any(notice.session is None for notice in notices))
    assert notices[-1].access_lost, "it was not deleted"
    await share(ann, session.id, ben, "commenter")
    await ben.until(lambda: notices[-1].session is not None)
    ben.events.clear()
    await ben.sessions.open(session.id)
    assert (await ben.event("participantJoined")).by == Participant(id=login(ben), name="Ben")
    await ann.sessions.comment(session.id, "welcome back")
    await ben.event("messageSent")


async def test_whoever_may_not_even_comment_any_more_is_not_shown_as_here(member: Member) -> None:
    ann, ben = await member("ann"), await member("ben")
    session = await ann.sessions.create(agent="plain")
    await share(ann, session.id, ben, "writer")
    await ann.sessions.open(session.id)
    await ben.sessions.open(session.id)

    async def here() -> list[str]:
        return [one.name for one in (await ann.sessions.get(session.id)).present or []]

    async def joined() -> None:
        await ann.until(lambda: any(one.name == "Ben" for one in ann.known[session.id].present or []))

    await joined()
    await share(ann, session.id, ben, "reader")
    assert await here() == ["Ann"]
    await share(ann, session.id, ben, "commenter")
    await joined()
    await ann.sessions.sharing.unshare(session.id, login(ben))
    assert await here() == ["Ann"]


async def test_who_has_access_is_mentioned_and_handed_the_session_before_they_open_it(member: Member) -> None:
    ann, ben, carl = await member("ann"), await member("ben"), await member("carl")
    session = await ann.sessions.create(agent="plain")
    await share(ann, session.id, ben, "commenter")
    await share(ann, session.id, carl, "reader")

    async def needs() -> list[tuple[str, str, str]]:
        found = (await ann.sessions.get(session.id)).needs or []
        return [(one.kind, one.participant.name, one.by.name) for one in found]

    message = await ann.sessions.comment(session.id, "@Ben look, and @Carl too")
    assert message.mentions == [login(ben)], "a reader could not say that they saw it"
    assert await needs() == [("mention", "Ben", "Ann")]
    await ben.sessions.comment(session.id, "@Ann done")  # a commenter mentions, too
    assert await needs() == [("mention", "Ann", "Ben")]
    await ann.sessions.hand_over(session.id, "Ben", note="yours")
    assert await needs() == [("handOver", "Ben", "Ann")]
    with pytest.raises(InvalidParams, match="called 'Carl'"):
        await ann.sessions.hand_over(session.id, "Carl")


async def test_a_session_keeps_an_owner_and_is_shared_with_people_that_there_are(member: Member) -> None:
    ann, ben = await member("ann"), await member("ben")
    session = await ann.sessions.create(agent="plain")
    with pytest.raises(InvalidParams, match="no login 'nobody'"):
        await ann.sessions.sharing.share(session.id, "nobody", "reader")
    for refused in (
        ann.sessions.sharing.unshare(session.id, login(ann)),
        ann.sessions.sharing.share(session.id, login(ann), "writer"),
    ):
        with pytest.raises(NotPermitted, match="at least one owner"):
            await refused
    await share(ann, session.id, ben, "owner")
    await ben.sessions.sharing.unshare(session.id, login(ann))
    with pytest.raises(SessionNotFound):
        await ann.sessions.get(session.id)


@pytest.mark.parametrize("role", ["reader", "commenter", "writer", None])
@pytest.mark.parametrize("given_to", ["person", "team"])
async def test_an_owner_can_lower_or_give_up_a_role_of_their_own(
    given_to: str, role: Role | None, database: TeamDatabase, member: Member
) -> None:
    ann, ben = await member("ann"), await member("ben")
    session = await ann.sessions.create(agent="plain")
    given = login(ben) if given_to == "person" else "team"
    await ann.sessions.sharing.share(session.id, given, "owner")
    if role is None:
        await ben.sessions.sharing.unshare(session.id, given)
        with pytest.raises(SessionNotFound):
            await ben.sessions.get(session.id)
    else:
        await ben.sessions.sharing.share(session.id, given, role)
        assert (await ben.sessions.get(session.id)).id == session.id
        with pytest.raises(NotPermitted):
            await ben.sessions.archive(session.id)
    people = (await ann.sessions.get(session.id)).people or []
    assert {person.id: person.role for person in people} == {login(ann): "owner"} | ({given: role} if role else {})
    await ann.sessions.rename(session.id, "Still whole")
    owner_of_the_tables = database.url(f"{database.name}_owner")
    assert await asyncio.to_thread(maintenance.check, owner_of_the_tables, lambda done, of: None) == {}


async def test_the_team_is_everybody_who_has_a_login(member: Member) -> None:
    ann, ben = await member("ann"), await member("ben")
    session = await ann.sessions.create(agent="plain")
    await ann.sessions.sharing.share(session.id, "team", "commenter")
    await ben.sessions.comment(session.id, "hi")
    carl = await member("carl")  # who was not here before
    assert (await carl.sessions.sharing.people(session.id)).role == "commenter"
    await ann.sessions.sharing.unshare(session.id, "team")
    for home in (ben, carl):
        with pytest.raises(SessionNotFound):
            await home.sessions.get(session.id)


async def test_an_agents_question_is_answered_by_owners_and_by_whoever_asked(member: Member, model_server: ModelServer) -> None:
    ann, ben, carl = await member("ann"), await member("ben"), await member("carl")
    session = await ann.sessions.create(agent="runner")
    for home in (ben, carl):
        await share(ann, session.id, home, "writer")
    for by, refused in ((ann, carl), (ben, carl)):
        model_server.script(Answer(tools=[ToolUse("run_command", {"command": "echo a"})]), Answer("done"))
        ben.editor.asked.clear()
        sending = asyncio.create_task(ben.sessions.message(session.id, "run"))
        await ben.editor.asked.wait()
        with pytest.raises(NotPermitted, match="owners of the session and the person who asked"):
            await refused.sessions.answer(session.id, None, "once")
        await by.sessions.answer(session.id, None, "once")
        await sending
    answers = [event for event in await ann.built.store.events(session.id, after=0) if event.kind == "permissionAnswered"]
    assert [getattr(event.by, "id", None) for event in answers] == [login(ann), login(ben)]


async def test_a_name_comes_from_the_profile_which_only_its_own_login_changes(
    folder: Path, tmp_path: Path, model_server: ModelServer, member: Member
) -> None:
    ann = await member("ann")
    again = await member("ann")
    assert again.sessions._participant == ann.sessions._participant
    store = ann.built.store
    renamed = await store.participant(Participant(id="-", name="Ann B.", email="ann@example.org"), renames=True)
    assert renamed == Participant(id=login(ann), name="Ann B.", email="ann@example.org")
    kept = await store.participant(Participant(id="-", name="From git"))
    assert kept == renamed, "only a name that was set by hand changes it"
    ben = await member("ben")
    taken = await ben.built.store.participant(Participant(id="-", name="ANN B."), renames=True)
    assert taken.name == f"ANN B. ({login(ben)})", "nobody has somebody else's name"
