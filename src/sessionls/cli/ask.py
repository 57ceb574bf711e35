"""`ask` and `resume`: send a message or resume a reply, and show the reply while it is written."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from sessionls.cli.context import CliContext
from sessionls.cli.names import context_of, find_session, newest_session, short, with_full_ids
from sessionls.cli.render import spent
from sessionls.cli.stream import ReplyStream
from sessionls.cli.terminal import UsageError
from sessionls.domain.budget import pause_explanation
from sessionls.domain.errors import SessionlsError
from sessionls.domain.ids import new_id
from sessionls.domain.model import AgentAuthor, Context, DiffContext, Message, Session
from sessionls.domain.results import Exchange
from sessionls.domain.stop_reasons import incomplete
from sessionls.sessions.composing import Outgoing

__all__ = ["CANCELLED", "Question", "ask", "resume"]

CANCELLED = 130  # what a shell expects after Ctrl+C
_LONGEST = 4_000_000  # characters on stdin; no model takes more


@dataclass(frozen=True, slots=True)
class Question:
    """The arguments of `ask`. `words` are the files, then the text."""

    words: Sequence[str]
    session: str | None = None
    newest: bool = False
    agent: str | None = None
    model: str | None = None
    diff: str | None = None
    title: str | None = None
    json: bool = False
    budget: float | None = None


async def ask(cli: CliContext, question: Question) -> int:
    """Send the message, show the reply, and print how to continue. Returns the exit code."""
    if question.session is not None and question.newest:
        raise UsageError("--session and --continue cannot be combined.", "Use only one of them.")
    text, context = await asyncio.to_thread(_read, question, cli)
    context = await with_full_ids(context, cli.sessions)
    session = await _session(cli, question)
    stream = ReplyStream(cli.terminal, session.id, new_id(), quiet=question.json)

    async def send() -> Exchange:
        return await cli.sessions.send(
            session.id, Outgoing(text, agent=question.agent, model=question.model, context=context, message_id=stream.message_id)
        )

    try:
        exchange = await stream.during(cli.sessions, send)
    except asyncio.CancelledError:
        return _cancelled(cli, session)
    except SessionlsError as error:
        cli.terminal.tell(error)
        if "replyId" in error.data:
            cli.terminal.note(f"The message was saved. To try again: sessionls resume {short(session.id)}")
        return 1
    if exchange.reply is not None:
        stream.finish(exchange.reply)
    if question.json:
        cli.terminal.json(exchange.wire())
    for given in exchange.message.context or ():
        if notice := getattr(given, "notice", None):
            cli.terminal.note(notice, "yellow")
    for notice in exchange.message.notices or ():
        cli.terminal.note(notice, "yellow")
    if exchange.reply is None:
        known = {one.id: one.name for one in (await cli.sessions.get(session.id)).participants}
        names = ", ".join(known.get(one, one) for one in exchange.message.mentions or ())
        cli.terminal.note(f"Sent to {names}. No agent answers it; to ask one: --agent.")
        return 0
    return await _report(cli, session, exchange.reply)


async def resume(cli: CliContext, name: str) -> int:
    """Resume the session, and show the resumed reply, if any."""
    session = await find_session(cli.sessions, name)
    stream = ReplyStream(cli.terminal, session.id)

    async def go_on() -> Message | None:
        now = await cli.sessions.resume(session.id)  # refused while the budget is used up
        return await stream.finished if now.replying or stream.finished.done() else None

    try:
        reply = await stream.during(cli.sessions, go_on)
    except asyncio.CancelledError:
        await cli.sessions.cancel(session.id)
        return _cancelled(cli, session)
    if reply is None:
        cli.terminal.note(f"Session {short(session.id)} is no longer paused.")
        return 0
    stream.finish(reply)
    if reply.error is not None:
        cli.terminal.fail(reply.error.message, reply.error.hint or "")
    return await _report(cli, session, reply)


def _read(question: Question, cli: CliContext) -> tuple[str, list[Context]]:
    """The text and the context of the message."""
    *places, text = question.words
    context = context_of(places, cli.folder)
    if question.diff is not None:
        context.append(DiffContext(base=question.diff))
    if text == "-":
        text = sys.stdin.read(_LONGEST)
    elif not places and not context and (cli.folder / text).is_file():
        raise UsageError("The text is missing, there is only a file.", f'sessionls ask {text} "text"')
    if not text.strip():
        raise UsageError("The message is empty.", 'sessionls ask [FILE[:LINE-LINE] …] "text"')
    return text, context


async def _session(cli: CliContext, question: Question) -> Session:
    if question.session is not None:
        found = await find_session(cli.sessions, question.session)
    elif question.newest:
        found = await newest_session(cli.sessions, cli.folder_uri)
    else:
        return await cli.sessions.create(title=question.title, budget=question.budget)
    return found if question.budget is None else await cli.sessions.set_budget(found.id, question.budget)


def _cancelled(cli: CliContext, session: Session) -> int:
    task = asyncio.current_task()
    if task is not None:
        task.uncancel()  # Ctrl+C was handled; now close properly
    cli.terminal.note(f"Cancelled. The text so far was kept: sessionls show {short(session.id)}", "yellow")
    return CANCELLED


async def _report(cli: CliContext, session: Session, reply: Message) -> int:
    """Print how the reply ended and, after a session's first reply, how to continue. Returns the exit code."""
    name, new = short(session.id), session.message_count == 0
    author = reply.author
    if isinstance(author, AgentAuthor):
        facts = [f"session {name}", author.agent, author.model, spent(reply.usage)]
        cli.terminal.note(" · ".join(fact for fact in facts if fact))
        if new and author.model.startswith("embedded/"):
            cli.terminal.note(
                "Written by the embedded model, which is too small for real work. Set a key (such as ANTHROPIC_API_KEY or "
                "OPENAI_API_KEY) or start Ollama. See `sessionls doctor`."
            )
    now = await cli.sessions.get(session.id)
    if now.budget is not None and reply.usage is not None and reply.usage.cost is None:
        cli.terminal.note("The cost of its model is unknown and does not count against the session's budget.", "yellow")
    for notice in reply.notices or ():
        cli.terminal.note(notice, "yellow")
    if (problem := incomplete(reply)) is not None:
        cli.terminal.note(problem, "yellow")
    why = pause_explanation(now) if reply.status == "paused" else None
    if why is not None:
        cli.terminal.note(f"The reply is paused. {why}", "yellow")
        cli.terminal.note(f"  sessionls budget {name} AMOUNT && sessionls resume {name}")
    elif reply.status in ("paused", "interrupted"):
        cli.terminal.note(f"The reply is {reply.status}. To continue: sessionls resume {name}", "yellow")
    elif reply.status == "cancelled":
        cli.terminal.note("The reply was cancelled. The text so far was kept.", "yellow")
    elif new:
        cli.terminal.note(f'To continue: sessionls ask --session {name} "…"')
    return 0 if reply.status in ("complete", "paused") else 1
