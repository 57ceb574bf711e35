"""`@name` of a participant in a message notifies that participant, and no agent answers."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from in_process_app import ANN, BEN, app, session_of_both, write_agent
from model_server import Answer, Hold, ModelServer
from sessionls.cli.commands import app as commands
from sessionls.domain.mentions import find_mentions
from sessionls.domain.model import Message, Participant
from sessionls.sessions.composing import Outgoing
from stores import database_url

PEOPLE = [
    Participant(id="ann", name="Ann Lee"),
    Participant(id="ben.k", name="Ben"),
    Participant(id="c1", name="Cleo Roy"),
    Participant(id="c2", name="Cleo Ode"),
    Participant(id="d", name="Dan O'Neill-Ruiz"),
    Participant(id="e", name="Éva"),
    Participant(id="r", name="Review"),
]


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("@Ben look", ["ben.k"]),
        ("look, @ben.", ["ben.k"]),
        ("(@BEN)", ["ben.k"]),
        ("@ben.k and @ben", ["ben.k"]),
        ("@Ann Lee, and @Éva", ["ann", "e"]),
        ("@Ann please", ["ann"]),
        ("@Cleo Ode please", ["c2"]),
        ("@Cleo please", []),  # two are called so
        ("@Dan O'Neill-Ruiz!", ["d"]),
        ("a@ben.org mails x@Ben", []),
        ("@bengt and @benjamin", []),
        ("see `@Ben` and\n```py\n@Ben\ndef f(): ...\n```\n", []),
        ("```\n@Ben", []),  # a fence that is not closed
        ("`a` @Ben `b`", ["ben.k"]),
        ("https://x.org/@Ben/y", []),
        ("@", []),
        ("", []),
    ],
)
def test_who_is_mentioned(text: str, ids: list[str]) -> None:
    people, taken = find_mentions(text, PEOPLE, {"review"})
    assert ([one.id for one in people], taken) == (ids, [])


def test_an_agent_of_the_same_name_wins() -> None:
    assert find_mentions("@review and @Ben", PEOPLE, {"review"}) == ([PEOPLE[1]], ["review"])
    assert find_mentions("@r look", PEOPLE, {"review"}) == ([PEOPLE[6]], [])


@given(st.text(alphabet="@ben `\n.a'-", max_size=60))
def test_any_text_is_read(text: str) -> None:
    people, _ = find_mentions(text, PEOPLE, set())
    assert all(one.name.casefold() in text.casefold() or one.id in text for one in people)


# -- in a session ------------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(folder: Path) -> Path:
    write_agent(folder, "plain", "Answer.", tools="[]")
    return folder


def mentions(session_needs: object) -> list[str]:
    return [f"{one.participant.id}: {one.note}" for one in session_needs or [] if one.kind == "mention"]  # type: ignore[attr-defined]


@pytest.mark.usefixtures("engine")
async def test_it_notifies_and_wakes_no_agent(folder: Path, model_server: ModelServer) -> None:
    async with app(folder, model_server) as home, app(folder, model_server, participant=BEN) as ben:
        session_id = await session_of_both(home, ben)
        exchange = await home.sessions.send(session_id, "@Ben please look at it")
        assert exchange.reply is None
        assert (exchange.message.status, exchange.message.mentions) == ("complete", ["ben"])
        assert model_server.requests == []
        await ben.event("messageSent")
        session = await ben.sessions.get(session_id)
        assert mentions(session.needs) == ["ben: @Ben please look at it"]
        assert (session.queued, session.replying, session.message_count) == (0, False, 1)
        [need] = session.needs or []
        assert (need.by, need.message_id) == (ANN, exchange.message.id)
        # An agent that is asked later has read it.
        model_server.script(Answer("I see."))
        await ben.sessions.message(session_id, "what do you think?")
        assert "@Ben please look at it" in str(model_server.requests[-1].body)
        assert (await home.sessions.get(session_id)).needs is None, "who answers has seen it"


@pytest.mark.usefixtures("engine")
async def test_an_agent_that_is_named_answers_and_who_is_mentioned_is_notified(folder: Path, model_server: ModelServer) -> None:
    model_server.script(Answer("Done."))
    async with app(folder, model_server) as home, app(folder, model_server, participant=BEN) as ben:
        session_id = await session_of_both(home, ben)
        exchange = await home.sessions.send(session_id, Outgoing("do it as @Ben said", agent="plain"))
        assert exchange.reply is not None and exchange.reply.text == "Done."
        assert mentions((await home.sessions.get(session_id)).needs) == ["ben: do it as @Ben said"]


async def test_while_a_reply_is_written_it_takes_its_place_behind_it(folder: Path, model_server: ModelServer) -> None:
    hold = Hold("so far")
    model_server.script(hold)
    async with app(folder, model_server) as home, app(folder, model_server, participant=BEN) as ben:
        session_id = await session_of_both(home, ben)
        writing = asyncio.create_task(home.sessions.message(session_id, "go"))
        await hold.reached.wait()
        assert (await ben.sessions.send(session_id, "@ann wait")).reply is None
        hold.go.set()
        await writing
        history = (await home.sessions.history(session_id)).messages
        assert [one.role for one in history] == ["participant", "agent", "participant"]
        child = await ben.sessions.fork(session_id)
        assert child.needs is None and len((await ben.sessions.history(child.id)).messages) == 3


async def test_to_open_the_session_is_to_have_seen_it(folder: Path) -> None:
    async with app(folder, None) as home, app(folder, None, participant=BEN) as ben:
        session_id = await session_of_both(home, ben)
        await ben.sessions.close(session_id)
        await home.sessions.send(session_id, "@Ben one")
        await home.sessions.send(session_id, "@Ben two, myself @Ann")
        assert mentions((await home.sessions.get(session_id)).needs) == ["ben: @Ben two, myself @Ann"]
        await ben.sessions.open(session_id)
        await ben.event("participantJoined")
        assert (await home.sessions.get(session_id)).needs is None


async def test_a_name_that_an_agent_has_is_said_to_be_the_agents(folder: Path, model_server: ModelServer) -> None:
    model_server.script(Answer("Hello."))
    plain = Participant(id="p", name="Plain")
    async with app(folder, model_server) as home, app(folder, model_server, participant=plain) as other:
        session_id = await session_of_both(home, other)
        exchange = await home.sessions.send(session_id, "as @plain said")
        assert exchange.reply is not None, "it mentions nobody"
        [notice] = exchange.message.notices or []
        assert "@plain means the agent" in notice
        assert (await home.sessions.get(session_id)).needs is None


async def test_people_unknown_in_the_session_cannot_be_mentioned(folder: Path, model_server: ModelServer) -> None:
    model_server.script(Answer("Hello."))
    async with app(folder, model_server) as home:
        session = await home.sessions.create(agent="plain")
        exchange = await home.sessions.send(session.id, "@Ben and @Ann")
        assert exchange.reply is not None and exchange.message.mentions is None


def test_the_terminal_says_who_got_it_and_that_no_agent_answers(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fill() -> str:
        async with app(folder, None) as home, app(folder, None, participant=BEN) as ben:
            return await session_of_both(home, ben)

    session_id = asyncio.run(fill())
    monkeypatch.setenv("SESSIONLS_DATABASE_URL", database_url(tmp_path / "one.db"))
    monkeypatch.setenv("SESSIONLS_PARTICIPANT_NAME", "Cleo")
    monkeypatch.chdir(folder)
    result = CliRunner().invoke(commands, ["ask", "-s", session_id, "@Ben please look"])
    assert result.exit_code == 0, result.output
    assert "Sent to Ben. No agent answers it" in result.output


def test_a_message_says_on_the_wire_whom_it_mentions() -> None:
    fields = {
        "id": "m",
        "session_id": "s",
        "seq": 1,
        "role": "participant",
        "author": ANN,
        "status": "complete",
        "created_at": "",
    }
    message = Message(**fields, mentions=["ben"])
    assert message.wire()["mentions"] == ["ben"]
