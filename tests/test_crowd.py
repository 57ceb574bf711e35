"""Many participants in several real processes, who are killed and suspended in the middle, on both engines.

Nothing that was accepted is lost or doubled, each client was shown what the log says, and nobody saw or did what their role
forbids.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from crowd import Crowd
from logins import TeamDatabase
from model_server import ModelServer

pytestmark = pytest.mark.usefixtures("engine")


async def crowd(
    folder: Path, model: ModelServer, engine: str, people: list[str], processes: int, *, lease: float = 2.0, seed: int
) -> Crowd:
    database = await asyncio.to_thread(TeamDatabase.make, folder, *people) if engine == "postgres" else None
    made = Crowd(folder, model, people, processes, database=database, lease=lease, seed=seed)
    await made.start()
    return made


async def delete_one(people: Crowd) -> None:
    """Delete a session that everybody has open. (On a busy machine each step may be refused, and is tried again.)"""
    async with asyncio.timeout(60):
        while (session_id := await people.create("ann")) is None:  # noqa: ASYNC110
            await asyncio.sleep(0.5)
        if people.database is not None:
            await people.do("ann", "share", session_id, to="team", role="writer")
        for name in ("ann", "bob", "carl", "dora"):
            await people.do(name, "open", session_id)
        await people.do("bob", "message", session_id, text="say: word of what will be deleted", seconds=20)
        while "ok" not in await people.do("ann", "delete", session_id):  # noqa: ASYNC110
            await asyncio.sleep(0.5)
        people.sessions.remove(session_id)


async def test_participants_of_any_role_in_processes_that_are_killed_and_suspended(
    folder: Path, model_server: ModelServer, engine: str
) -> None:
    people = await crowd(folder, model_server, engine, ["ann", "bob", "carl", "dora"], 3, seed=1)
    try:
        await people.run(9, disturb=[people.kill, people.suspend], every=1.5)
        await delete_one(people)
        await people.settle()
        counts = await people.check()
    finally:
        await people.close()
    assert counts.faults == [], counts
    assert counts.kills and counts.suspensions and counts.accepted > 5 and counts.finished > 1 and counts.deleted, counts


async def test_fifty_participants_in_one_session_at_once(folder: Path, model_server: ModelServer, engine: str) -> None:
    names = [f"p{n}" for n in range(50)]
    people = await crowd(folder, model_server, engine, names, 3, lease=10, seed=2)
    try:
        session_id = await people.create(names[0])
        assert session_id is not None
        if people.database is not None:
            await people.do(names[0], "share", session_id, to="team", role="writer")
        await asyncio.gather(*(people.do(name, "open", session_id) for name in names))
        for name in names[:5]:  # before anybody pauses the session: how many messages it accepts later is a matter of chance
            await people.do(name, "message", session_id, text=f"say: first word of {name}")
        actions = ["message", "message", "cancel", "fork", "agent", "comment", "message", "rename", "resume", "message"]

        async def act(n: int, name: str) -> None:
            do = "pause" if n in (19, 39) else actions[n % len(actions)]
            if do in ("message", "comment", "rename"):
                await people.do(name, do, session_id, text=f"say: word of {name}")
            elif do == "agent":
                await people.do(name, do, session_id, text="other")
            else:
                await people.do(name, do, session_id)

        acting = [asyncio.create_task(act(n, name)) for n, name in enumerate(names)]
        await asyncio.wait(acting, timeout=5)  # a message that waits in a paused session gets no reply before it is resumed
        await people.do(names[0], "resume", session_id)
        await asyncio.wait(acting, timeout=5)
        await people.settle()
        counts = await people.check()
    finally:
        await people.close()
    assert counts.faults == [], counts
    # (On a machine that is busy with other things some may wait too long for each other, and are told to try again.)
    assert set(counts.refused) <= {"sessionPaused", "storeUnavailable", "killed"}, counts
    assert counts.accepted >= 5 and counts.shown > 50 * 50, counts
