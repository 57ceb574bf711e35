"""`ask` and `resume`: send a message or resume a reply, and show the reply while it is written."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from sessionls.cli.context import CliContext
from sessionls.cli.names import context_of, find_session, newest_session, short, with_full_ids
from sessionls.cli.render import usage_text
from sessionls.cli.stream import ReplyStream
from sessionls.cli.terminal import UsageError
from sessionls.domain.budget import pause_explanation
from sessionls.domain.errors import SessionlsError
from sessionls.domain.ids import new_id
from sessionls.domain.model import AgentAuthor, Context, DiffContext, Message, Session
from sessionls.domain.results import Exchange
from sessionls.domain.stop_reasons import incomplete
from sessionls.sessions.composing import Outgoing

__all__ = ["CANCELLED", "AskOptions", "ask", "resume"]

CANCELLED = 130  # what a shell expects after Ctrl+C
_MAX_STDIN = 4_000_000  # characters on stdin; no model takes more


@dataclass(frozen=True, slots=True)
class AskOptions:
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


async def ask(cli: CliContext, options: AskOptions) -> int:
    """Send the message, show the reply, and print how to continue. Returns the exit code."""
    if options.session is not None and options.newest:
        raise UsageError("--session and --continue cannot be combined.", "Use only one of them.")
    text, context = await asyncio.to_thread(_read, options, cli)
    context = await with_full_ids(context, cli.sessions)
    session = await _find_or_create_session(cli, options)
    stream = ReplyStream(cli.terminal, session.id, new_id(), quiet=options.json)

    async def send() -> Exchange:
        return await cli.sessions.send(
            session.id, Outgoing(text, agent=options.agent, model=options.model, context=context, message_id=stream.message_id)
        )

    try:
        exchange = await stream.show_during(cli.sessions, send)
    except asyncio.CancelledError:
        return _cancelled(cli, session)
    except SessionlsError as error:
        cli.terminal.print_error(error)
        if "replyId" in error.data:
            cli.terminal.note(f"The message was saved. To try again: sessionls resume {short(session.id)}")
        return 1
    if exchange.reply is not None:
        stream.finish(exchange.reply)
    if options.json:
        cli.terminal.json(exchange.wire())
    for item in exchange.message.context or ():
        if notice := getattr(item, "notice", None):
            cli.terminal.note(notice, "yellow")
    for notice in exchange.message.notices or ():
        cli.terminal.note(notice, "yellow")
    if exchange.reply is None:
        names_by_id = {person.id: person.name for person in (await cli.sessions.get(session.id)).participants}
        names = ", ".join(names_by_id.get(participant_id, participant_id) for participant_id in exchange.message.mentions or ())
        cli.terminal.note(f"Sent to {names}. No agent answers it; to ask one: --agent.")
        return 0
    return await _report(cli, session, exchange.reply)


async def resume(cli: CliContext, name: str) -> int:
    """Resume the session, and show the resumed reply, if any."""
    session = await find_session(cli.sessions, name)
    stream = ReplyStream(cli.terminal, session.id)

    async def resume_and_wait() -> Message | None:
        resumed = await cli.sessions.resume(session.id)  # refused while the budget is used up
        return await stream.finished if resumed.replying or stream.finished.done() else None

    try:
        reply = await stream.show_during(cli.sessions, resume_and_wait)
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


def _read(options: AskOptions, cli: CliContext) -> tuple[str, list[Context]]:
    """The text and the context of the message."""
    *arguments, text = options.words
    context = context_of(arguments, cli.folder)
    if options.diff is not None:
        context.append(DiffContext(base=options.diff))
    if text == "-":
        text = sys.stdin.read(_MAX_STDIN)
    elif not arguments and not context and (cli.folder / text).is_file():
        raise UsageError("The text is missing, there is only a file.", f'sessionls ask {text} "text"')
    if not text.strip():
        raise UsageError("The message is empty.", 'sessionls ask [FILE[:LINE-LINE] …] "text"')
    return text, context


async def _find_or_create_session(cli: CliContext, options: AskOptions) -> Session:
    if options.session is not None:
        found = await find_session(cli.sessions, options.session)
    elif options.newest:
        found = await newest_session(cli.sessions, cli.folder_uri)
    else:
        return await cli.sessions.create(title=options.title, budget=options.budget)
    return found if options.budget is None else await cli.sessions.set_budget(found.id, options.budget)


def _cancelled(cli: CliContext, session: Session) -> int:
    task = asyncio.current_task()
    if task is not None:
        task.uncancel()  # Ctrl+C was handled; now close properly
    cli.terminal.note(f"Cancelled. The text so far was kept: sessionls show {short(session.id)}", "yellow")
    return CANCELLED


async def _report(cli: CliContext, session: Session, reply: Message) -> int:
    """Print how the reply ended and, after a session's first reply, how to continue. Returns the exit code."""
    name, is_new = short(session.id), session.message_count == 0
    author = reply.author
    if isinstance(author, AgentAuthor):
        facts = [f"session {name}", author.agent, author.model, usage_text(reply.usage)]
        cli.terminal.note(" · ".join(fact for fact in facts if fact))
        if is_new and author.model.startswith("embedded/"):
            cli.terminal.note(
                "Written by the embedded model, which is too small for real work. Set a key (such as ANTHROPIC_API_KEY or "
                "OPENAI_API_KEY) or start Ollama. See `sessionls doctor`."
            )
    current = await cli.sessions.get(session.id)
    if current.budget is not None and reply.usage is not None and reply.usage.cost is None:
        cli.terminal.note("The cost of its model is unknown and does not count against the session's budget.", "yellow")
    for notice in reply.notices or ():
        cli.terminal.note(notice, "yellow")
    if (problem := incomplete(reply)) is not None:
        cli.terminal.note(problem, "yellow")
    pause_reason = pause_explanation(current) if reply.status == "paused" else None
    if pause_reason is not None:
        cli.terminal.note(f"The reply is paused. {pause_reason}", "yellow")
        cli.terminal.note(f"  sessionls budget {name} AMOUNT && sessionls resume {name}")
    elif reply.status in ("paused", "interrupted"):
        cli.terminal.note(f"The reply is {reply.status}. To continue: sessionls resume {name}", "yellow")
    elif reply.status == "cancelled":
        cli.terminal.note("The reply was cancelled. The text so far was kept.", "yellow")
    elif is_new:
        cli.terminal.note(f'To continue: sessionls ask --session {name} "…"')
    return 0 if reply.status in ("complete", "paused") else 1
