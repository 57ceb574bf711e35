"""Another session as context: its content, which sessions are allowed, and the tool that finds and reads them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from in_process_app import App, app
from model_server import Answer, ModelServer, ToolUse
from sessionls.cli.names import context_of, with_full_ids
from sessionls.domain.errors import InvalidParams, NotPermitted, SessionlsError, SessionNotFound
from sessionls.domain.model import Context, FileContext, Session, SessionContext, TextContext, ToolPart
from sessionls.sessions.composing import Outgoing
from sessionls.sessions.context.other_sessions import SESSION_LIMIT
from sessionls.sessions.export.markdown import render


async def said(home: App, server: ModelServer, *exchanges: tuple[str, str], title: str = "The old one") -> Session:
    """A session with these messages and replies."""
    session = await home.sessions.create(title=title)
    for message, reply in exchanges:
        server.script(Answer(reply))
        await home.sessions.message(session.id, message)
    return session


async def hand_over(home: App, server: ModelServer, context: SessionContext) -> tuple[SessionContext, str]:
    """The context stored with a message of a new session, and the prompt."""
    session = await home.sessions.create(title="The new one")
    server.script(Answer("Done."))
    exchange = await home.sessions.message(session.id, Outgoing("go on", context=[context]))
    (stored,) = exchange.message.context or []
    assert isinstance(stored, SessionContext)
    return stored, server.requests[-1].body["messages"][-1]["content"]


async def test_another_session_can_be_context(folder: Path, model_server: ModelServer, litellm_ready: None) -> None:
    async with app(folder, model_server) as home:
        old = await said(home, model_server, ("Which database?", "We take SQLite."), ("Sure?", "Yes."))
        stored, sent = await hand_over(home, model_server, SessionContext(session_id=old.id))
        assert stored.text == "[Ann] Which database?\n\n[agent code] We take SQLite.\n\n[Ann] Sure?\n\n[agent code] Yes."
        assert (stored.title, stored.notice) == ("The old one", None)
        assert f'<context kind="session" title="The old one" id="{old.id}">' in sent and "We take SQLite." in sent
        await home.sessions.delete(old.id)  # the stored context does not change
        (listed,) = (await home.sessions.list()).sessions
        opened = await home.sessions.open(listed.id)
        assert (opened.messages[0].context or [])[0] == stored
        assert "Session: The old one" in render(opened.session, opened.messages, "markdown")


async def test_one_message_of_another_session_can_be_context(
    folder: Path, model_server: ModelServer, litellm_ready: None
) -> None:
    async with app(folder, model_server) as home:
        old = await said(home, model_server, ("Which database?", "We take SQLite."))
        reply = (await home.sessions.history(old.id)).messages[-1]
        stored, _ = await hand_over(home, model_server, SessionContext(session_id=old.id, message_id=reply.id))
        assert stored.text == "[agent code] We take SQLite."


async def test_the_newest_messages_are_kept_with_a_notice_about_the_others(
    folder: Path, model_server: ModelServer, litellm_ready: None
) -> None:
    async with app(folder, model_server) as home:
        old = await said(home, model_server, *((f"Question {n} {'x' * 15_000}", f"Answer {n}.") for n in range(6)))
        stored, sent = await hand_over(home, model_server, SessionContext(session_id=old.id))
        text = stored.text or ""
        assert "Question 5 " in text and "Answer 0." not in text and text.endswith("Answer 5.")
        assert len(text) <= SESSION_LIMIT and "oldest messages are left out" in (stored.notice or "")
        assert "oldest messages are left out" in sent


async def test_a_summary_replaces_the_messages_before_it(folder: Path, model_server: ModelServer, litellm_ready: None) -> None:
    async with app(folder, model_server) as home:
        old = await said(home, model_server, ("Old question?", "Old answer."), ("Question two?", "Answer two."))
        model_server.script(Answer("They chose SQLite."))
        await home.sessions.compact(old.id)
        model_server.script(Answer("New answer."))
        await home.sessions.message(old.id, "New question?")
        stored, _ = await hand_over(home, model_server, SessionContext(session_id=old.id))
        text = stored.text or ""
        assert text.startswith("Summary of the earlier messages:\n\nThey chose SQLite.")
        assert "New question?" in text and "New answer." in text and "Old question?" not in text


@pytest.mark.parametrize(
    ("other", "message", "error", "field"),
    [
        ("elsewhere", None, NotPermitted, "context.1.sessionId"),
        ("missing", None, InvalidParams, "context.1.sessionId"),
        ("here", "missing", InvalidParams, "context.1.messageId"),
    ],
)
async def test_sessions_of_other_folders_and_missing_ones_are_refused(
    folder: Path,
    model_server: ModelServer,
    litellm_ready: None,
    other: str,
    message: str | None,
    error: type[SessionlsError],
    field: str,
) -> None:
    elsewhere = folder.parent / "elsewhere"
    elsewhere.mkdir()
    ids = {"missing": "0192a1b2-0000-7000-8000-000000000001"}
    async with app(elsewhere, model_server) as home:
        ids["elsewhere"] = (await said(home, model_server, ("Secret?", "Secret."))).id
    async with app(folder, model_server) as home:
        ids["here"] = (await said(home, model_server, ("a?", "b."))).id
        session = await home.sessions.create()
        context = SessionContext(session_id=ids[other], message_id=message and ids[message])
        with pytest.raises(error) as raised:
            await home.sessions.message(session.id, Outgoing("go", context=[TextContext(title="t", text="x"), context]))
        assert raised.value.data["fields"] == [field]
        assert (await home.sessions.get(session.id)).message_count == 0


async def test_agents_search_and_read_sessions_of_the_same_folders_without_permission(
    folder: Path, model_server: ModelServer, litellm_ready: None
) -> None:
    elsewhere = folder.parent / "elsewhere"
    elsewhere.mkdir()
    async with app(elsewhere, model_server) as home:
        foreign = await said(home, model_server, ("Secret database?", "Hidden."), title="Foreign")
    async with app(folder, model_server) as home:
        old = await said(home, model_server, ("Which database?", "We take SQLite."))
        reply_id = (await home.sessions.history(old.id)).messages[-1].id
        session = await home.sessions.create(title="The new one")
        calls = [
            {"query": "database"},
            {},
            {"session": old.id},
            {"session": old.id, "message": reply_id},
            {"session": foreign.id},
            {"message": reply_id},
            {"query": "zebra"},
        ]
        model_server.script(*(Answer(tools=[ToolUse("search_sessions", call)]) for call in calls), Answer("Done."))
        reply = (await home.sessions.message(session.id, "look at the database")).reply
        assert home.editor.questions == []
    found, listed, read, one, refused, alone, nothing = [part for part in reply.parts if isinstance(part, ToolPart)]
    for part in (found, listed):
        assert old.id in (part.result or "") and session.id not in (part.result or "") and foreign.id not in (part.result or "")
    assert "[Ann] Which database?" in (read.result or "") and "[agent code] We take SQLite." in (read.result or "")
    assert "We take SQLite." in (one.result or "") and "Which database?" not in (one.result or "")
    assert refused.status == "failed" and "belongs to other folders" in (refused.result or "")
    assert alone.status == "failed" and "also give the `session`" in (alone.result or "")
    assert nothing.result == "No other session of this workspace contains these words."


async def test_the_terminal_accepts_the_end_of_the_id_of_a_session_or_message(
    folder: Path, model_server: ModelServer, litellm_ready: None
) -> None:
    async def named(*words: str) -> list[Context]:
        return await with_full_ids(await asyncio.to_thread(context_of, words, folder), home.sessions)

    async with app(folder, model_server) as home:
        old = await said(home, model_server, ("Which database?", "We take SQLite."))
        reply = (await home.sessions.history(old.id)).messages[-1]
        words = [f"session:{old.id[-8:]}", f"session:{old.id}/{reply.id[-8:]}"]
        whole, one = await named(*words)
        assert whole == SessionContext(session_id=old.id)
        assert one == SessionContext(session_id=old.id, message_id=reply.id)
        with pytest.raises(SessionNotFound):
            await named("session:00000000")
        (folder / "session:12345678").write_text("a file", encoding="utf-8")
        assert isinstance((await named("session:12345678"))[0], FileContext)
