"""`session/handOver`: who gets a session finds there what waits, until they do something in it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from typer.testing import CliRunner

from in_process_app import ANN, BEN, App, app, session_of_both, write_agent
from model_server import Answer, Hold, ModelServer
from sessionls.cli.commands import app as commands
from sessionls.domain.errors import InvalidParams, SessionArchived
from sessionls.domain.events import HandedOver
from sessionls.domain.model import Need, Participant
from stores import database_url

pytestmark = pytest.mark.usefixtures("engine")


@pytest.fixture
def folder(folder: Path) -> Path:
    write_agent(folder, "plain", "Answer.", tools="[]")
    return folder


async def needs(home: App, session_id: str) -> list[Need]:
    return (await home.sessions.get(session_id)).needs or []


async def test_a_session_that_was_handed_over_shows_by_whom_the_note_and_the_waiting_messages(
    folder: Path, model_server: ModelServer
) -> None:
    async with app(folder, model_server) as home, app(folder, model_server, participant=BEN) as ben:
        session_id = await session_of_both(home, ben)
        hold = Hold("so far")
        model_server.script(hold)
        first = asyncio.create_task(home.sessions.message(session_id, "one"))
        await hold.reached.wait()
        waiting = asyncio.create_task(home.sessions.message(session_id, "two"))
        await home.queued(session_id, 1)
        await home.sessions.pause(session_id)
        await first
        await home.sessions.hand_over(session_id, "ben", note="The tests fail on Windows.\nPlease look.")
        event = await ben.event("handedOver")
        assert isinstance(event, HandedOver)
        assert (event.by, event.to, event.note) == (ANN, BEN, "The tests fail on Windows.\nPlease look.")
        [need] = await needs(ben, session_id)
        assert (need.kind, need.participant, need.by, need.note) == ("handOver", BEN, ANN, event.note)
        said = " ".join(need.waiting or ())
        assert "was paused, and can be resumed" in said and "1 message waits" in said and "session is paused" in said
        listed = await ben.sessions.list()
        assert listed.you == BEN and listed.sessions[0].needs == [need]
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)


async def test_a_handover_ends_when_the_participant_acts_not_when_they_look(folder: Path, model_server: ModelServer) -> None:
    model_server.script(Answer("Fine."))
    async with app(folder, model_server) as home, app(folder, model_server, participant=BEN) as ben:
        session_id = await session_of_both(home, ben)
        await home.sessions.hand_over(session_id, "Ben")
        assert (await needs(home, session_id))[0].waiting is None
        await ben.sessions.close(session_id)
        await ben.sessions.open(session_id)
        await ben.sessions.fork(session_id)
        await home.sessions.rename(session_id, "Ann goes on")
        assert len(await needs(home, session_id)) == 1
        await ben.sessions.message(session_id, "I look at it.")
        assert await needs(home, session_id) == []


async def test_a_session_can_be_handed_on_and_back(folder: Path) -> None:
    async with app(folder, None) as home, app(folder, None, participant=BEN) as ben:
        session_id = await session_of_both(home, ben)
        await home.sessions.hand_over(session_id, "@Ben")
        await home.sessions.hand_over(session_id, "BEN@example.org", note="again")
        assert [one.note for one in await needs(home, session_id)] == ["again"]
        await ben.sessions.hand_over(session_id, "ann", note="no time")
        assert [(one.participant, one.note) for one in await needs(home, session_id)] == [(ANN, "no time")]


async def test_a_fork_has_no_handover(folder: Path) -> None:
    async with app(folder, None) as home, app(folder, None, participant=BEN) as ben:
        session_id = await session_of_both(home, ben)
        await home.sessions.hand_over(session_id, "ben")
        assert (await home.sessions.fork(session_id)).needs is None


async def test_a_handover_needs_one_known_participant_who_is_somebody_else(folder: Path) -> None:
    twin = Participant(id="ben-2", name="Ben", email="ben2@example.org")
    async with app(folder, None) as home, app(folder, None, participant=BEN) as ben:
        session_id = await session_of_both(home, ben)
        with pytest.raises(InvalidParams, match="No participant") as unknown:
            await home.sessions.hand_over(session_id, "Cleo")
        assert "Ben" in (unknown.value.hint or "")
        with pytest.raises(InvalidParams, match="yourself"):
            await home.sessions.hand_over(session_id, "ann")
        async with app(folder, None, participant=twin) as other:
            await other.sessions.open(session_id)
            await other.event("participantJoined")
            with pytest.raises(InvalidParams, match="Several") as several:
                await home.sessions.hand_over(session_id, "Ben")
            assert "ben2@example.org" in (several.value.hint or "")
            handed = await home.sessions.hand_over(session_id, "ben2@example.org")
            assert [one.participant for one in handed.needs or ()] == [twin]
        await home.sessions.archive(session_id)
        with pytest.raises(SessionArchived):
            await home.sessions.hand_over(session_id, "ben")
        assert [one.participant for one in await needs(home, session_id)] == [twin], "what is refused changes nothing"


def test_the_terminal_hands_a_session_over_and_confirms_it(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fill() -> str:
        async with app(folder, None) as home, app(folder, None, participant=BEN) as ben:
            return await session_of_both(home, ben)

    session_id = asyncio.run(fill())
    monkeypatch.setenv("SESSIONLS_DATABASE_URL", database_url(tmp_path / "one.db"))
    monkeypatch.setenv("SESSIONLS_PARTICIPANT_NAME", "Cleo")
    monkeypatch.chdir(folder)

    def run(*words: str, code: int = 0) -> str:
        result = CliRunner().invoke(commands, [*words])
        assert result.exit_code == code, result.output
        return result.output

    run("hand-over", session_id, "nobody", code=1)
    run("hand-over", session_id, "Ben", "Please look.")
    said = run("show", session_id)
    assert "Cleo handed this session to Ben" in said and "Please look." in said
    assert "to you" not in run("sessions")
    assert "Ben: Please look. (Cleo)" in run("export", session_id)
