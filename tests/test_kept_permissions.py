"""Permanent permissions: no more questions, in which sessions and for which messages they are valid, and removing them."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from in_process_app import ANN, BEN, App, app, questions_during_reply, write_agent
from model_server import Answer, ModelServer, ToolUse
from sessionls.domain.errors import NotPermitted
from sessionls.domain.results import KeptPermission
from sessionls.sessions.composing import Outgoing
from sessionls.settings.kept_permissions import PermissionFile
from sessionls.settings.settings import config_dir
from tool_calls import runs

COMMAND = "echo a >> log"
OTHER = "echo b >> log"


@pytest.fixture
def folder(folder: Path) -> Path:
    write_agent(folder, "runner", "You run.")
    return folder


async def run(home: App, model_server: ModelServer, session_id: str, command: str = COMMAND) -> list[str]:
    """The questions at this editor during a reply that runs a command."""
    model_server.script(runs(command), Answer("done"))
    return await questions_during_reply(home, session_id)


async def keep(home: App, model_server: ModelServer, session_id: str, *, everywhere: bool) -> KeptPermission:
    """Let the agent ask, and keep the permission before the question is answered."""
    kept: list[KeptPermission] = []

    async def while_it_is_open() -> None:
        await home.editor.asked.wait()
        asking = (await home.sessions.get(session_id)).asking
        assert asking is not None
        kept.append(await home.sessions.permissions.keep(session_id, asking[0].request_id, everywhere=everywhere))
        await home.sessions.answer(session_id, asking[0].request_id, "session")

    home.editor.asked.clear()
    home.editor.answers += [None]
    keeping = asyncio.create_task(while_it_is_open())
    assert await run(home, model_server, session_id) == [COMMAND]
    await keeping
    return kept[0]


async def test_in_sessions_of_the_same_folder_it_is_not_asked_for_again(folder: Path, model_server: ModelServer) -> None:
    async with app(folder, model_server) as home:
        first = await home.sessions.create(agent="runner")
        kept = await keep(home, model_server, first.id, everywhere=False)
        assert (kept.tool, kept.risk, kept.folder) == ("run_command", "execute", folder.as_uri())
        second = await home.sessions.create(agent="runner")
        assert await run(home, model_server, second.id) == []
        home.editor.answers += ["deny"]
        assert await run(home, model_server, second.id, OTHER) == [OTHER], "what it does not cover is asked for"
    async with app(folder, model_server) as tomorrow:
        third = await tomorrow.sessions.create(agent="runner")
        assert await run(tomorrow, model_server, third.id) == []
    assert (folder / "log").read_text() == "a\n" * 3


@pytest.mark.parametrize("everywhere", [False, True])
async def test_another_folder_is_covered_only_where_it_was_kept_for_all(
    folder: Path, tmp_path: Path, model_server: ModelServer, everywhere: bool
) -> None:
    async with app(folder, model_server) as home:
        session = await home.sessions.create(agent="runner")
        await keep(home, model_server, session.id, everywhere=everywhere)
    other = tmp_path / "other"
    other.mkdir()
    write_agent(other, "runner", "You run.")
    async with app(other, model_server) as home:
        session = await home.sessions.create(agent="runner")
        home.editor.answers += ["deny"]
        assert await run(home, model_server, session.id) == ([] if everywhere else [COMMAND])


async def test_it_does_not_cover_another_persons_words(folder: Path, model_server: ModelServer) -> None:
    helpful = app(folder, model_server, participant=ANN, answer_others=True)
    async with helpful as ann, app(folder, model_server, participant=BEN) as ben:
        session = await ann.sessions.create(agent="runner")
        await keep(ann, model_server, session.id, everywhere=True)
        other = await ann.sessions.create(agent="runner")
        before = len(ann.editor.questions)
        calls = [Answer(tools=[ToolUse("run_command", {"command": command})]) for command in (OTHER, COMMAND)]
        model_server.script(*calls, Answer("done"))
        ann.editor.asked.clear()
        sending = asyncio.create_task(ann.sessions.message(other.id, "run"))
        await ann.editor.asked.wait()
        steering = asyncio.create_task(ben.sessions.message(other.id, Outgoing("run it again", delivery="steer")))
        await ann.queued(other.id, 1)
        ann.editor.answers += ["deny"]
        (question,) = (await ann.sessions.questions(session_id=other.id)).questions
        await ann.sessions.answer(other.id, question.question.request_id, "once")
        await asyncio.gather(sending, steering)
        assert [one.detail for one in ann.editor.questions[before:]] == [OTHER, COMMAND]


async def test_permanent_permissions_are_listed_and_removed(folder: Path, model_server: ModelServer) -> None:
    async with app(folder, model_server) as home:
        session = await home.sessions.create(agent="runner")
        kept = await keep(home, model_server, session.id, everywhere=True)
        assert (await home.sessions.permissions.list()).permissions == [kept]
        await home.sessions.permissions.remove(kept.id)
        assert (await home.sessions.permissions.list()).permissions == []
        again = await home.sessions.create(agent="runner")
        home.editor.answers += ["deny"]
        assert await run(home, model_server, again.id) == [COMMAND]
        with pytest.raises(NotPermitted):
            await home.sessions.permissions.remove(kept.id)


async def test_it_can_be_kept_only_from_a_question_that_is_open(folder: Path, model_server: ModelServer) -> None:
    async with app(folder, model_server) as home:
        session = await home.sessions.create(agent="runner")
        with pytest.raises(NotPermitted):
            await home.sessions.permissions.keep(session.id, "no-such-question", everywhere=True)
        assert (await home.sessions.permissions.list()).permissions == []


async def test_a_rule_that_denies_is_stronger(folder: Path, model_server: ModelServer) -> None:
    async with app(folder, model_server) as home:
        session = await home.sessions.create(agent="runner")
        await keep(home, model_server, session.id, everywhere=True)
    async with app(folder, model_server, participant=ANN, permissions={"run_command": "deny"}) as home:
        session = await home.sessions.create(agent="runner")
        assert await run(home, model_server, session.id) == []
    assert (folder / "log").read_text() == "a\n"


async def test_an_unreadable_file_allows_nothing_and_is_reported(folder: Path, model_server: ModelServer) -> None:
    async with app(folder, model_server) as home:
        session = await home.sessions.create(agent="runner")
        await keep(home, model_server, session.id, everywhere=True)
        file = config_dir() / "permissions.json"
        file.write_text("{", encoding="utf-8")
        with pytest.raises(NotPermitted, match=r"permissions\.json"):
            await home.sessions.permissions.list()
        other = await home.sessions.create(agent="runner")
        home.editor.answers += ["deny"]
        assert await run(home, model_server, other.id) == [COMMAND]
        assert file.read_text(encoding="utf-8") == "{", "it is left for the person to correct"


async def test_no_agent_writes_the_file(folder: Path, model_server: ModelServer) -> None:
    target = config_dir() / "permissions.json"
    async with app(config_dir().parent, model_server, participant=ANN, permissions={"write": "allow"}) as home:
        write_agent(config_dir().parent, "runner", "You run.")
        session = await home.sessions.create(agent="code")
        path = str(target.relative_to(config_dir().parent))
        model_server.script(Answer(tools=[ToolUse("create_file", {"path": path, "text": "{}"})]), Answer("done"))
        await home.sessions.message(session.id, "write")
    assert not target.exists()


async def test_keeping_the_same_twice_keeps_it_once(tmp_path: Path) -> None:
    file = PermissionFile(tmp_path / "new" / "permissions.json")
    made = [
        KeptPermission(id=str(n), tool="run_command", risk="execute", scope="make", folder=folder, created_at="now")
        for n, folder in enumerate(["file:///a", "file:///a", None])
    ]
    keep: Callable[[KeptPermission], Awaitable[None]] = file.keep
    await asyncio.gather(*(keep(one) for one in made))
    assert [one.folder for one in await PermissionFile(tmp_path / "new" / "permissions.json").all()] == ["file:///a", None]


async def test_several_processes_that_keep_permissions_at_once_lose_none(tmp_path: Path) -> None:
    path = tmp_path / "permissions.json"
    keep = (
        "import asyncio, sys; from pathlib import Path; from sessionls.settings.kept_permissions import PermissionFile; "
        "from sessionls.domain.results import KeptPermission; file = PermissionFile(Path(sys.argv[1])); "
        "[asyncio.run(file.keep(KeptPermission(id=f'{sys.argv[2]}-{n}', tool='run_command', risk='execute', "
        "scope=f'{sys.argv[2]} {n}', folder=None, created_at='now'))) for n in range(20)]"
    )
    processes = [await asyncio.create_subprocess_exec(sys.executable, "-c", keep, path, str(name)) for name in range(4)]
    assert [await process.wait() for process in processes] == [0] * 4
    kept = await PermissionFile(path).all()
    assert {one.id for one in kept} == {f"{name}-{n}" for name in range(4) for n in range(20)}
