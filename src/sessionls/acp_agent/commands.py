"""Slash commands: actions on a session besides sending messages, for clients that have only a prompt."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast, get_args

from acp import schema

from sessionls.acp_agent.tool_calls import finding_text
from sessionls.domain import uris
from sessionls.domain.budget import dollars, pause_explanation, read_amount
from sessionls.domain.errors import InvalidParams, SessionlsError
from sessionls.domain.model import Message, Role, Session
from sessionls.sessions.review import Review, ReviewStep, ReviewTarget, review
from sessionls.sessions.service import Sessions

__all__ = ["COMMANDS", "CommandContext", "available_commands", "command_in"]

_INLINE = 100_000  # characters of an export shown in the session
_FORMATS = {".md": "markdown", ".markdown": "markdown", ".json": "json", ".html": "html", ".htm": "html"}


class CommandContext(Protocol):
    """The context of a command. `say` shows a paragraph. `resumed` resumes the session and returns the resumed reply, if any."""

    sessions: Sessions
    session_id: str
    folders: Sequence[Path]

    def say(self, text: str) -> None: ...
    def own(self, message_id: str) -> None: ...
    async def resumed(self) -> Message | None: ...


@dataclass(frozen=True, slots=True)
class Command:
    description: str
    hint: str | None
    run: Callable[[CommandContext, str], Awaitable[Message | None]]


def available_commands() -> schema.AvailableCommandsUpdate:
    commands = [
        schema.AvailableCommand(
            name=name,
            description=command.description,
            input=schema.AvailableCommandInput(root=schema.UnstructuredCommandInput(hint=command.hint)) if command.hint else None,
        )
        for name, command in COMMANDS.items()
    ]
    return schema.AvailableCommandsUpdate(session_update="available_commands_update", available_commands=commands)


def command_in(text: str) -> tuple[Command, str] | None:
    """The command and its argument, if the prompt is a command; None for other text, such as a path."""
    name, _, argument = text.strip().partition(" ")
    command = COMMANDS.get(name[1:]) if name.startswith("/") else None
    return None if command is None else (command, argument.strip())


async def _fork(context: CommandContext, title: str) -> None:
    child = await context.sessions.fork(context.session_id, title=title or None)
    context.say(
        f'Forked: "{child.title}" has {child.message_count} messages, and this session is unchanged. '
        f"Open it from the list of sessions; its id is `{child.id}`."
    )


async def _pause(context: CommandContext, _: str) -> None:
    await context.sessions.pause(context.session_id)
    context.say("Paused. Send /resume to continue.")


async def _resume(context: CommandContext, _: str) -> Message | None:
    reply = await context.resumed()
    if reply is None:
        context.say("The session is no longer paused.")
    return reply


async def _agent(context: CommandContext, name: str) -> None:
    if not name:
        session = await context.sessions.get(context.session_id)
        lines = [
            f"- {'**' if agent.name == session.agent else ''}{agent.name}{'** (default)' if agent.name == session.agent else ''}"
            f": {agent.description or agent.problem or ''}"
            for agent in (await context.sessions.agents()).agents
            if agent.available
        ]
        context.say("\n".join(lines))
        return
    session = await context.sessions.get(context.session_id)
    session = await context.sessions.switch_agent(context.session_id, name.removeprefix("@"), model=session.model)
    context.say(f"The default agent is now {session.agent}.")


async def _review(context: CommandContext, what: str) -> None:
    @contextlib.asynccontextmanager
    async def progress(step: ReviewStep) -> AsyncIterator[None]:
        context.own(step.message_id)
        yield

    target = await asyncio.to_thread(_target_of, context.folders, what)
    done = await review(context.sessions, context.session_id, ("review",), target, target.question(what), progress=progress)
    context.say(_summary(done))


def _target_of(folders: Sequence[Path], what: str) -> ReviewTarget:
    """The file or folder with this name, or else the changes since this revision."""
    if not what:
        return ReviewTarget()
    if what in ("staged", "--staged"):
        return ReviewTarget(staged=True)
    for folder in folders:
        path = Path(os.path.normpath(folder / what))
        if path.is_relative_to(folder) and path.exists():
            return ReviewTarget(paths=(str(path),), files=(uris.from_path(path),) if path.is_file() else ())
    return ReviewTarget(base=what)


def _summary(done: Review) -> str:
    lines = [f"{len(done.findings)} finding{'' if len(done.findings) == 1 else 's'}."]
    ordered = sorted(done.findings, key=lambda finding: (finding.severity, finding.uri, finding.range.start.line))
    for finding in ordered[:50]:
        where = f"{uris.display(finding.uri, done.session.workspace_folders)}:{finding.range.start.line + 1}"
        lines.append(f"- `{where}` {finding_text(finding).partition(chr(10))[0]}")
    if len(ordered) > 50:
        lines.append(f"- and {len(ordered) - 50} more")
    lines += [f"> {problem}" for problem in done.problems]
    return "\n".join(lines)


async def _export(context: CommandContext, name: str) -> None:
    if not name:
        content = (await context.sessions.export(context.session_id, "markdown")).content or ""
        if len(content) > _INLINE:
            raise InvalidParams(
                "The session is too long to show here.", fields=["prompt"], hint="Write it to a file: /export session.md"
            )
        context.say(content)
        return
    form = _FORMATS.get(Path(name).suffix.lower())
    if form is None:
        raise InvalidParams(
            f"{name} has an unknown extension.", fields=["prompt"], hint="Use a file name that ends with .md, .json or .html."
        )
    path, exists = await asyncio.to_thread(_target, context.folders, name)
    if exists:
        raise InvalidParams(f"{name} exists already.", fields=["prompt"], hint="Choose the name of a new file.")
    try:
        masked = (await context.sessions.export(context.session_id, form, file=path)).masked  # type: ignore[arg-type]
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else "unknown error"
        raise InvalidParams(f"{name} cannot be written: {reason}.", fields=["prompt"], hint="Choose another file.") from None
    context.say(f"Written to {path}." + (f" Keys and tokens masked in it: {masked}." if masked else ""))


def _target(folders: Sequence[Path], name: str) -> tuple[Path, bool]:
    """The path of an export, relative to the first folder, and whether it exists."""
    path = (folders[0] if folders else Path.home()) / Path(name).expanduser()
    return path, os.path.lexists(path)


async def _rename(context: CommandContext, title: str) -> None:
    context.say(f'Renamed to "{(await context.sessions.rename(context.session_id, title)).title}".')


async def _compact(context: CommandContext, _: str) -> None:
    await context.sessions.compact(context.session_id)
    context.say("Older messages are now summarized for the model. You still see all of them.")


async def _budget(context: CommandContext, amount: str) -> None:
    if not amount:
        session = await context.sessions.get(context.session_id)
        context.say(_describe_budget(session))
        return
    value = None if amount == "none" else read_amount(amount)
    if value is None and amount != "none":
        raise InvalidParams(f"{amount} is not an amount.", fields=["prompt"], hint="Enter US dollars such as 2.50, or none.")
    context.say(_describe_budget(await context.sessions.set_budget(context.session_id, value)))


def _describe_budget(session: Session) -> str:
    spent = "" if session.usage.cost is None else f" {dollars(session.usage.cost)} have been spent."
    words = "The session has no budget." if session.budget is None else f"The budget is {dollars(session.budget)}."
    why = pause_explanation(session)
    return f"{words}{spent}{f' {why}' if why else ''}"


async def _share(context: CommandContext, argument: str) -> None:
    who, _, role = argument.rpartition(" ")
    if not who:
        who, role = argument, "reader"
    if role not in (*get_args(Role), "nobody"):
        hint = f"Roles: {', '.join(get_args(Role))}. With nobody they lose access."
        raise InvalidParams(f"{role} is not a role.", fields=["prompt"], hint=hint)
    if role == "nobody":
        await context.sessions.sharing.unshare(context.session_id, who)
    elif who:
        await context.sessions.sharing.share(context.session_id, who, cast(Role, role))
    people = await context.sessions.sharing.people(context.session_id)
    lines = [f"- {person.id}{f' ({person.name})' if person.name else ''}: {person.role}" for person in people.people]
    if people.notice is None and (secrets := len(await context.sessions.find_secrets(context.session_id))):
        number = "1 key or token" if secrets == 1 else f"{secrets:,} keys and tokens"
        lines += ["", f"They see {number} in it."]
    context.say(people.notice or "\n".join(["Who has access to the session:", "", *lines]))


async def _comment(context: CommandContext, text: str) -> None:
    if not text:
        raise InvalidParams("The comment is empty.", fields=["prompt"], hint="Write it after the command: /comment Looks right.")
    await context.sessions.comment(context.session_id, text)
    context.say("Left as a comment. No agent answers it.")


async def _cancel(context: CommandContext, _: str) -> None:
    try:
        await context.sessions.cancel(context.session_id)
    except SessionlsError as error:
        context.say(error.message)
    else:
        context.say("Cancelled.")


COMMANDS: Mapping[str, Command] = {
    "agent": Command("Change the session's default agent, or list the agents", "name of an agent", _agent),
    "review": Command(
        "Run the scanners and the review agent on a file or on changes", "file, folder, revision or staged", _review
    ),
    "fork": Command("Copy the session to continue in the copy, and leave this one unchanged", "title of the copy", _fork),
    "pause": Command("Pause the session: it accepts no messages until it is resumed", None, _pause),
    "resume": Command("Resume the session and continue a reply that stopped", None, _resume),
    "cancel": Command("Cancel a reply that stopped, or one that another editor writes", None, _cancel),
    "export": Command("Show the session as Markdown, or write it to a file", "file that ends with .md, .json or .html", _export),
    "rename": Command("Give the session another title", "title", _rename),
    "compact": Command("Summarize older messages for the model", None, _compact),
    "share": Command(
        "Share the session with a person or the team, or list who has access", "login, name or team, and a role or nobody", _share
    ),
    "comment": Command("Leave a comment for the others, which no agent answers", "text", _comment),
    "budget": Command("Set how many US dollars models may cost in the session", "amount or none", _budget),
}
