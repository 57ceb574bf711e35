"""Open permission requests are part of the session: in its row, in lists, with forks, and after a migration."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from in_process_app import BEN, App, app, write_agent
from model_server import Answer, ModelServer, ToolUse
from older_databases import as_version
from sessionls.domain import events as ev
from sessionls.domain.errors import NotPermitted
from sessionls.domain.permission import MAX_DETAIL
from sessionls.domain.scope import scope_of
from sessionls.domain.state import Grant
from sessionls.store import SqlStore
from stores import answer, ask, begin, create, database_url, end, fork, say, url


async def asking_session(store: SqlStore, title: str, *, folder: str = "file:///work") -> str:
    session_id = await create(store, title=title, folders=[folder])
    reply = await begin(store, session_id, await say(store, session_id, "go"))
    await ask(store, session_id, reply, "make")
    return session_id


class TestTheSession:
    async def test_a_question_says_what_is_asked_by_whom_and_for_which_reply(self, tmp_path: Path, store: SqlStore) -> None:
        session_id = await create(store)
        reply = await begin(store, session_id, await say(store, session_id, "go"))
        assert (await store.session(session_id)).asking is None
        first = await ask(store, session_id, reply, "make", detail="make all")
        second = await ask(store, session_id, reply, "git", agent="review")
        async with SqlStore(url(tmp_path)) as other:
            session = await other.session(session_id)
        assert session.asking is not None
        wire = session.wire()["asking"]
        assert all(question.pop("at").endswith("Z") for question in wire)
        assert wire == [
            {
                "requestId": first,
                "messageId": reply,
                "agent": "code",
                "tool": "run_command",
                "summary": "Run make",
                "detail": "make all",
                "risk": "execute",
                "scope": "make",
            },
            {
                "requestId": second,
                "messageId": reply,
                "agent": "review",
                "tool": "run_command",
                "summary": "Run git",
                "risk": "execute",
                "scope": "git",
            },
        ]
        await answer(store, session_id, first, "once")
        assert [one.request_id for one in (await store.session(session_id)).asking or ()] == [second]
        await end(store, session_id, reply, "done")
        assert "asking" not in (await store.session(session_id)).wire()

    async def test_a_fork_has_no_questions_and_no_grants(self, store: SqlStore) -> None:
        session_id = await create(store)
        reply = await begin(store, session_id, await say(store, session_id, "go"))
        await answer(store, session_id, await ask(store, session_id, reply, "make"), "session")
        await ask(store, session_id, reply, "git")
        child = await fork(store, session_id, 0)
        states = [await store.change(one, lambda change: change.state) for one in (session_id, child)]
        assert [len(state.asking) for state in states if state] == [1, 0]
        assert [state.granted for state in states if state] == [(Grant("ann", "make"),), ()]

    async def test_a_question_from_an_older_version_is_complete(self, tmp_path: Path) -> None:
        async with SqlStore(url(tmp_path)) as store:
            session_id = await create(store)
            reply = await begin(store, session_id, await say(store, session_id, "go"))
            await answer(store, session_id, await ask(store, session_id, reply, "make"), "session", by=BEN)
            await answer(store, session_id, await ask(store, session_id, reply, "rm"), "once")
            question = await ask(store, session_id, reply, "git", detail="git push")
            before = await store.session(session_id)
            quiet = await create(store, title="quiet")

        def put_back() -> None:
            """Convert the rows to the previous version."""
            with sqlite3.connect(tmp_path / "data" / "sessions.db") as connection:
                for one, asked, granted in ((session_id, {question: "git"}, ["make"]), (quiet, {}, [])):
                    select = "SELECT session, rest FROM sessions WHERE id = ?"
                    session, rest = (json.loads(text) for text in connection.execute(select, (one,)).fetchone())
                    session.pop("asking", None)
                    rest.pop("granted")
                    old = {"identities": [], "resumable": None, "open": rest["open"], "present": []}
                    old |= {"asked": asked, "granted": granted, "paused": False}
                    texts = [json.dumps(it, separators=(",", ":")) for it in (session, old)]
                    connection.execute("UPDATE sessions SET session = ?, rest = ? WHERE id = ?", (*texts, one))
            connection.close()
            as_version(tmp_path / "data" / "sessions.db", "0003")

        await asyncio.to_thread(put_back)
        async with SqlStore(url(tmp_path)) as store:
            assert await store.session(session_id) == before
            state = await store.change(session_id, lambda change: change.state)
            assert state is not None and state.granted == (Grant("ben", "make"),)
            assert (await store.session(quiet)).title == "quiet"
            await answer(store, session_id, question, "session")
            state = await store.change(session_id, lambda change: change.state)
            assert state is not None and state.granted == (Grant("ben", "make"), Grant("ann", "git")) and not state.asking


async def titles(store: SqlStore, limit: int = 50, **filters: object) -> list[list[str]]:
    """The titles of each page."""
    pages: list[list[str]] = []
    cursor: str | None = None
    while True:
        given = {"scope": None, "state": None, "query": None, **filters}
        found, cursor = await store.sessions(**given, limit=limit, cursor=cursor)  # type: ignore[arg-type]
        pages.append([session.title for session in found])
        if cursor is None:
            return pages


class TestLists:
    async def test_waiting_sessions_are_listed_first_and_only_once(self, store: SqlStore) -> None:
        for title in ("a", "b"):
            await create(store, title=title)
            await asking_session(store, f"{title} asks")
        await create(store, title="c")
        await asking_session(store, "elsewhere", folder="file:///other")
        here: dict[str, Any] = {"scope": scope_of(["file:///work"])}
        assert await titles(store, **here) == [["b asks", "a asks", "c", "b", "a"]]
        assert await titles(store, limit=1, **here) == [["b asks"], ["a asks"], ["c"], ["b"], ["a"]]
        assert await titles(store, limit=2, **here) == [["b asks", "a asks"], ["c", "b"], ["a"]]
        assert await titles(store, limit=3, **here) == [["b asks", "a asks", "c"], ["b", "a"]]
        assert await titles(store, query="asks") == [["b asks", "a asks"]]
        assert (await titles(store))[0][0] == "elsewhere"
        assert await titles(store, state="paused") == [[]]

    async def test_a_session_returns_to_its_position_after_the_answer(self, store: SqlStore) -> None:
        asks = await asking_session(store, "asks")
        await create(store, title="newer")
        await asyncio.sleep(0.01)  # (times are stored in milliseconds)
        state = await store.change(asks, lambda change: change.state)
        assert state is not None
        await answer(store, asks, state.asking[0].request_id, "deny")
        await create(store, title="newest")
        assert await titles(store) == [["newest", "asks", "newer"]]

    async def test_a_title_that_looks_like_a_question_is_only_a_title(self, store: SqlStore) -> None:
        session_id = await create(store, title='"asking":[{"requestId":"1"}]')
        await begin(store, session_id, await say(store, session_id, "go"))
        await create(store, title="newer")
        assert (await titles(store))[0][0] == "newer"

    async def test_waiting_sessions_are_found_without_reading_all_sessions(self, tmp_path: Path, store: SqlStore) -> None:
        await create(store)

        def plan() -> str:
            with sqlite3.connect(tmp_path / "data" / "sessions.db") as connection:
                where = """reply > '' AND session LIKE '%"asking":[%'"""
                rows = connection.execute(f"EXPLAIN QUERY PLAN SELECT session FROM sessions WHERE {where}").fetchall()
            connection.close()
            return " ".join(str(row[-1]) for row in rows)

        assert "USING INDEX sessions_by_reply" in await asyncio.to_thread(plan)


class TestInAReply:
    """The end of one reply does not affect the questions of another."""

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        folder = tmp_path / "work"
        folder.mkdir()
        write_agent(folder, "runner", "You run.")
        return folder

    async def start(self, home: App, model_server: ModelServer) -> tuple[str, asyncio.Task[str]]:
        model_server.script(Answer(tools=[ToolUse("run_command", {"command": "echo a >> log"})]), Answer("done"))
        session = await home.sessions.create(agent="runner")
        await home.sessions.open(session.id)

        async def send() -> str:
            return (await home.sessions.message(session.id, "run")).reply.text

        sending = asyncio.create_task(send())
        await home.editor.asked.wait()
        return session.id, sending

    async def test_cancelling_a_queued_message_leaves_the_question_open(self, folder: Path, model_server: ModelServer) -> None:
        async with app(folder, model_server) as home, app(folder, model_server, participant=BEN) as ben:
            session_id, sending = await self.start(home, model_server)
            waiting = asyncio.create_task(ben.sessions.message(session_id, "me too"))
            await home.queued(session_id, 1)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
            session = await ben.sessions.get(session_id)
            assert session.replying and session.asking is not None
            await ben.sessions.answer(session_id, session.asking[0].request_id, "once")
            assert await sending == "done"
            assert await asyncio.to_thread((folder / "log").read_text) == "a\n"

    async def test_a_question_of_a_subagent_belongs_to_the_reply(self, folder: Path, model_server: ModelServer) -> None:
        write_agent(folder, "asker", "You ask.", tools="[ask_agent, run_command]")
        model_server.script(
            Answer(tools=[ToolUse("ask_agent", {"agent": "runner", "question": "Run it."})]),
            Answer(tools=[ToolUse("run_command", {"command": "echo a >> log"})]),
            Answer("ran"),
            Answer("done"),
        )
        async with app(folder, model_server) as home:
            session = await home.sessions.create(agent="asker")
            sending = asyncio.create_task(home.sessions.message(session.id, "go"))
            await home.editor.asked.wait()
            (asked,) = (await home.sessions.questions(session_id=session.id)).questions
            (reply,) = [one for one in (await home.sessions.history(session.id)).messages if one.role == "agent"]
            assert (asked.question.agent, asked.question.message_id) == ("runner", reply.id)
            await home.sessions.cancel(session.id)
            await sending
            assert (await home.sessions.questions(session_id=session.id)).questions == []

    async def test_a_very_long_question_is_cut_with_a_notice(self, folder: Path, model_server: ModelServer) -> None:
        write_agent(folder, "asker", "You ask.", tools="[ask_agent]", permissions="{ask_agent: ask}")
        question = f"begin {'x' * MAX_DETAIL} end"
        model_server.script(Answer(tools=[ToolUse("ask_agent", {"agent": "runner", "question": question})]), Answer("done"))
        async with app(folder, model_server) as home:
            session = await home.sessions.create(agent="asker")
            sending = asyncio.create_task(home.sessions.message(session.id, "go"))
            await home.editor.asked.wait()
            asking = (await home.sessions.get(session.id)).asking
            assert asking is not None
            detail = asking[0].detail or ""
            assert len(detail) < MAX_DETAIL + 200 and detail.startswith("begin xxx") and detail.endswith("xxx end")
            assert "characters are left out here: deny this if you need to see them" in detail
            assert home.editor.questions[0].detail == detail  # the editor shows the same
            await home.sessions.cancel(session.id)
            await sending

    async def test_a_question_is_withdrawn_when_another_process_takes_over_the_reply(
        self, folder: Path, model_server: ModelServer
    ) -> None:
        async with app(folder, model_server) as home:
            session_id, sending = await self.start(home, model_server)
            (reply,) = [message for message in (await home.sessions.history(session_id)).messages if message.role == "agent"]

            async with SqlStore(url_of_store(folder)) as other:
                ended = reply.model_copy(update={"status": "interrupted", "finished_at": reply.created_at})
                await other.change(session_id, lambda change: change.add(ev.ReplyFinished, message=ended))
            await asyncio.wait_for(sending, 30)
            assert home.editor.withdrawn
            with pytest.raises(NotPermitted, match="no longer open"):
                await home.sessions.answer(session_id, home.editor.questions[0].request_id, "once")


def url_of_store(folder: Path) -> str:
    return database_url(folder.parent / "one.db")
