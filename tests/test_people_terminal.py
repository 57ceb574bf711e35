"""People in the terminal: who has access, what they may do, who is here, and what others would see of keys."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from typer.testing import CliRunner

from in_process_app import App, app, write_agent
from logins import TeamDatabase
from model_server import ModelServer
from sessionls.cli.commands import app as commands
from sessionls.cli.render import access_words
from sessionls.domain.model import Participant, Person, Session

_KEY = "AKIA" + "IOSFODNN7EXAMPLQ"  # (what looks like a key must not stand in a file as one)


@pytest.fixture
async def database(tmp_path: Path) -> TeamDatabase:
    return await asyncio.to_thread(TeamDatabase.make, tmp_path, "ann", "ben")


@pytest.fixture
async def editors(tmp_path: Path, database: TeamDatabase, model_server: ModelServer) -> AsyncIterator[tuple[App, App]]:
    """Ann and Ben, each with an editor of their own that is open."""
    folder = tmp_path / "work"
    folder.mkdir()
    write_agent(folder, "plain", "You are plain.", tools="[]")
    async with AsyncExitStack() as open_:
        ann, ben = [
            await open_.enter_async_context(
                app(folder, model_server, participant=Participant(id="-", name=name.title()), url=database.of(name))
            )
            for name in ("ann", "ben")
        ]
        yield ann, ben


Run = Callable[..., str]


@pytest.fixture
def run(tmp_path: Path, database: TeamDatabase, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs the terminal program as a member, and gives all that it prints."""
    (tmp_path / "work").mkdir(exist_ok=True)
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("COLUMNS", "200")

    def as_member(name: str, *words: str, code: int = 0) -> str:
        monkeypatch.setenv("SESSIONLS_DATABASE_URL", database.of(name))
        result = CliRunner().invoke(commands, list(words))
        assert result.exit_code == code, result.output
        return result.output

    return as_member


async def test_it_shows_who_has_access_with_which_role_and_who_is_here(
    editors: tuple[App, App], database: TeamDatabase, run: Run
) -> None:
    ann, ben = editors
    session = await ann.sessions.create(title="Ours", agent="plain")
    await ann.sessions.open(session.id)

    async def said(name: str, *words: str, code: int = 0) -> str:
        return await asyncio.to_thread(run, name, *words, code=code)

    listed = await said("ann", "sessions", "--all")
    assert "private" in listed and "Access" in listed
    assert "Ben is a writer of it now." in await said("ann", "share", session.id, "Ben", "writer")
    await ben.sessions.open(session.id)
    await ann.until(lambda: len(ann.known[session.id].present or []) == 2)
    people = (await said("ann", "people", session.id)).splitlines()
    assert [line.split() for line in people[:2]] == [
        ["owner", database.login("ann"), "Ann", "open", "now"],
        ["writer", database.login("ben"), "Ben", "open", "now"],
    ]
    assert "access: Ann (owner), Ben (writer)" in await said("ben", "show", session.id)
    assert "Ann's, shared" in await said("ben", "sessions", "--all")
    assert "Everybody who may log in is a reader of it now." in await said("ann", "share", session.id, "team")
    assert "The team has no access of its own" in await said("ann", "unshare", session.id, "team")
    assert "Only" not in await said("ann", "unshare", session.id, "BEN")
    assert "no session" in (await said("ben", "show", session.id, code=1)).lower()


async def test_it_lists_the_keys_that_others_would_see_and_says_how_many_when_a_session_is_shared(
    editors: tuple[App, App], run: Run
) -> None:
    ann, _ = editors
    session = await ann.sessions.create(title="Ours", agent="plain")
    await ann.sessions.comment(session.id, f"use {_KEY}")
    checked = await asyncio.to_thread(run, "ann", "share", session.id, "--check", code=1)
    assert "AWS Access Key in message" in checked and "by Ann" in checked and _KEY not in checked
    assert [one.id for one in session.people or []] == [one.id for one in (await ann.sessions.get(session.id)).people or []]
    shared = await asyncio.to_thread(run, "ann", "share", session.id, "Ben")
    assert "It contains 1 key or token" in shared and "--check" in shared
    missing = await asyncio.to_thread(run, "ann", "share", session.id, code=2)
    assert "Name a login, a person or `team`." in missing


@pytest.mark.parametrize(
    ("people", "words"),
    [
        (None, ""),
        ([("ann", "owner")], "private"),
        ([("ann", "owner"), ("ben", "reader")], "shared"),
        ([("ann", "owner"), ("team", "reader")], "team"),
        ([("ben", "owner"), ("ann", "writer")], "ben's, shared"),
        ([("ben", "owner"), ("cleo", "owner"), ("team", "writer")], "2 owners, team"),
        ([("team", "owner")], "team"),
    ],
)
def test_a_list_says_whose_a_session_is(people: list[tuple[str, str]] | None, words: str) -> None:
    given = None if people is None else [Person.model_validate({"id": one, "role": role}) for one, role in people]
    session = Session(id="s", title="t", agent="a", people=given, created_at="", updated_at="")
    assert access_words(session, "ann") == words
