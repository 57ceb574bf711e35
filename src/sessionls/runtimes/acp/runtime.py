"""The runtime of external agents (`ports.runtime`): sends a message to an agent and writes the reply."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sessionls.domain import uris
from sessionls.domain.agent import Definition
from sessionls.domain.errors import AgentUnavailable, NotPermitted, SessionNotFound
from sessionls.domain.ids import new_id
from sessionls.domain.model import Context, ImageContext, Message, Session, Usage
from sessionls.domain.permission import PermissionRequest, Policy, stricter
from sessionls.domain.stop_reasons import ReplyStopReason, stop_explanation
from sessionls.ports.editor import Buffers
from sessionls.ports.hands import Commands, Files
from sessionls.ports.models import ImageSupport
from sessionls.ports.runtime import AgentQuestion, ReplyInterrupted, ReplySink, ReplyToWrite, RuntimeAbilities
from sessionls.ports.store import ExternalSession, Store
from sessionls.runtimes.acp.announcements import Announcements
from sessionls.runtimes.acp.asking import ask as ask_agent
from sessionls.runtimes.acp.connection import AgentConnection, AgentEnded, AgentRefused, Timeouts
from sessionls.runtimes.acp.modes import Configuration, RequestedConfiguration
from sessionls.runtimes.acp.our_tools import OurTools
from sessionls.runtimes.acp.permissions import Permissions
from sessionls.runtimes.acp.pool import AgentSession, Pool, RunningAgent
from sessionls.runtimes.acp.prompt import (
    CONTINUE_PROMPT,
    Block,
    image_blocks,
    image_contexts,
    message_blocks,
    text_block,
    transcript_text,
)
from sessionls.runtimes.acp.requests import ACTIONS_PER_REPLY, Requests
from sessionls.runtimes.acp.turn import Outcome, Turn, finish_uncancelled
from sessionls.runtimes.acp.writing import Call, Writing
from sessionls.runtimes.asking import ASK_AGENT, AskingAgent, may_ask
from sessionls.sessions.prompt.blocks import render
from sessionls.sessions.prompt.transcript import plain

__all__ = ["ExternalAgents"]

_MISSED_IMAGES = 5
_REQUIRED_TOOLS = frozenset({"edit_file", "run_command"})
"""The tools that an agent must have to ask an external one, which edits files and runs commands by its own rules."""
_STOP_REASONS: Mapping[str, ReplyStopReason] = {
    "end_turn": "stop",
    "max_tokens": "length",
    "max_turn_requests": "length",
    "refusal": "refusal",
}


@dataclass
class ExternalAgents:
    """`logs` is the folder for the standard error of agents."""

    store: Store
    editor: Buffers
    policy: Policy
    files: Files
    commands: Commands
    tools: OurTools
    logs: Path
    timeouts: Timeouts = field(default_factory=Timeouts)
    idle: float = 600.0
    actions_per_reply: int = ACTIONS_PER_REPLY
    name: str = field(default="acp", init=False)
    abilities: RuntimeAbilities = field(default=RuntimeAbilities(steer=False, resume=True, own_model=True), init=False)
    pool: Pool = field(init=False)
    announcements: Announcements = field(init=False)

    def __post_init__(self) -> None:
        self.announcements = Announcements(self.logs.parent / "external-agents.json")
        self.pool = Pool(self.logs, self.timeouts, self.idle, on_start=self._keep_announcements)

    async def image_support(self, definition: Definition, model: str | None) -> ImageSupport:  # noqa: ARG002
        folder = self._open_folder()
        running = None if folder is None else self.pool.takes_images(definition, folder)
        return ImageSupport(await self.announcements.takes_images(definition) if running is None else running)

    async def _keep_announcements(self, connection: AgentConnection) -> None:
        await self.announcements.keep(connection.definition, images=connection.takes_images)

    async def write(self, reply: ReplyToWrite, sink: ReplySink) -> ReplyStopReason | None:
        outcome = await sink.stoppable(self._write(reply, sink))
        return _STOP_REASONS.get(outcome.reason, "unknown")

    async def answer(self, question: AgentQuestion, sink: ReplySink) -> str:
        """Ask the agent in a new session, so that it sees only the question."""
        definition = question.agent.definition
        sink.spending.take_step()
        await sink.check_budget()
        folder = self._folder(definition)
        await self._check_may_be_asked(question, sink)
        reply = replace(question.reply, definition=definition, model=None)
        key = f"{reply.session.id} {new_id()}"
        async with self.pool.running(definition, folder) as running:
            try:
                params = {"cwd": str(folder), "mcpServers": await self.tools.server_entry(reply.session.id, key)}
                agent_session = await self._new_session(running, params)
                text = f"The agent `{question.asking.name}` asks:\n\n{question.text}"
                prompt = definition.prompt.strip()
                blocks = [text_block(block) for block in (prompt, text) if block]
                rules = AskingRules(question.policy, question.tools, question.depth, question.writing)
                outcome = await self._run_turn(reply, sink, running, agent_session, blocks, rules, key)
            except AgentEnded:
                raise await running.connection.ended_early() from None
            except AgentRefused as refused:
                raise running.connection.unavailable(
                    f"it answered with an error: {refused.message}.", "Ask another agent, or see its log."
                ) from None
            finally:
                self.tools.forget(key)
        answer = plain([part for part in sink.parts if part.kind != "tool"])
        problem = stop_explanation(_STOP_REASONS.get(outcome.reason, "unknown"))
        return "\n\n".join(text for text in (answer, problem and f"({problem})") if text)

    async def close(self) -> None:
        await self.pool.close()
        await self.tools.close()

    async def follow(self, *, trusted: bool) -> None:
        """End the agents that the workspace defines if it is no longer trusted."""
        await self.pool.keep_only(lambda definition: trusted or definition.origin != "workspace")

    # -- one message -------------------------------------------------------------------------------------------------

    async def _write(self, reply: ReplyToWrite, sink: ReplySink) -> Outcome:
        sink.spending.check()
        await sink.check_budget()
        folder = self._folder(reply.definition)
        await self._check_may_start(reply.definition, sink)
        async with self.pool.running(reply.definition, folder) as running:
            try:
                return await self._send(reply, sink, running, folder)
            except AgentEnded:
                problem = await running.connection.ended_early()
                if not sink.parts:
                    raise problem from None
                raise ReplyInterrupted(f"{problem.message} {problem.hint} Resume the session to continue.") from None
            except AgentRefused as refused:
                raise running.connection.unavailable(
                    f"it answered with an error: {refused.message}.", "Send the message again, or see its log."
                ) from None

    async def _send(self, reply: ReplyToWrite, sink: ReplySink, running: RunningAgent, folder: Path) -> Outcome:
        connection = running.connection
        agent_session, seen_position = await self._find_or_open_session(reply, running, folder, sink)
        blocks, position = await self._prompt(reply, sink, connection, seen_position)
        await self._keep_external_session(reply, agent_session, folder, position)
        rules = AskingRules(self.policy, None, 1, asyncio.Lock())
        return await self._run_turn(reply, sink, running, agent_session, blocks, rules, reply.session.id)

    async def _run_turn(
        self,
        reply: ReplyToWrite,
        sink: ReplySink,
        running: RunningAgent,
        agent_session: AgentSession,
        blocks: Sequence[Block],
        rules: AskingRules,
        key: str,
    ) -> Outcome:
        """Send the prompt and write the agent's work to the sink. `key` identifies its connections to our tools."""
        connection, writing = running.connection, Writing(reply, sink, self.files)
        await writing.settle_calls()
        name, too_long = reply.definition.name, connection.transport.too_long
        if agent_session.late:
            await sink.add_notice(f"{name} went on after the end of its last reply. What it wrote then is left out.")
            agent_session.late = 0
        for problem in await agent_session.configuration.apply(connection, agent_session.id, _requested_configuration(reply)):
            await sink.add_notice(problem)
        permissions = Permissions(reply.definition, rules.policy, sink, self.files)
        requests = Requests(reply, writing, permissions, self.files, self.commands, self.actions_per_reply)
        turn = Turn(connection, agent_session.id, writing, requests.handle, agent_session.configuration.update, requests.set_cost)
        writing.turn = requests.turn = turn
        before = await self.files.snapshot()
        asking = AskingAgent(reply, sink, reply.definition, rules.policy, rules.tools, rules.writing, rules.depth)

        def ask(arguments: Mapping[str, Any]) -> Awaitable[str]:
            return ask_agent(writing, asking, permissions, arguments)

        asks = may_ask(reply.definition, rules.tools, rules.depth)
        try:
            async with self.tools.accept_calls(key, permissions, lambda: Call(writing, new_id()), ask if asks else None):
                outcome = await turn.run(blocks)
        except asyncio.CancelledError:
            await finish_uncancelled(self._finish_cancelled(turn, requests, writing, before, agent_session))
            raise
        except (AgentEnded, AgentRefused):
            await self._record_work(turn, requests, writing, before)
            raise
        await turn.end_calls("done")
        await self._record_work(turn, requests, writing, before)
        if connection.transport.too_long > too_long:
            await sink.add_notice(f"{name} sent messages that are too long to be read. They are left out.")
        self._spend(sink, agent_session, outcome, requests.cost)
        for problem in await agent_session.configuration.restore(connection, agent_session.id):
            await sink.add_notice(problem)
        if outcome.reason == "cancelled":
            raise ReplyInterrupted(f"{name} stopped its reply by itself. Resume the session to continue.")
        return outcome

    async def _finish_cancelled(
        self,
        turn: Turn,
        requests: Requests,
        writing: Writing,
        before: Mapping[str, tuple[int, int]] | None,
        agent_session: AgentSession,
    ) -> None:
        await self._record_work(turn, requests, writing, before)
        with contextlib.suppress(Exception):
            await agent_session.configuration.restore(turn.connection, agent_session.id)

    @staticmethod
    async def _record_work(
        turn: Turn, requests: Requests, writing: Writing, before: Mapping[str, tuple[int, int]] | None
    ) -> None:
        await requests.close()
        async with turn.between_parts():
            await writing.record_changes(before)

    def _spend(self, sink: ReplySink, agent_session: AgentSession, outcome: Outcome, cost: float | None) -> None:
        """Count the usage of this message. Agents report totals of their session."""
        tokens = _tokens(outcome.usage)
        used = Usage()
        if tokens is not None:
            last = agent_session.tokens or (0, 0, 0)
            new = tuple(now - before if now >= before else now for now, before in zip(tokens, last, strict=True))
            used = Usage(input_tokens=new[0], output_tokens=new[1], cached_tokens=new[2] or None)
            agent_session.tokens = tokens
        if cost is not None:
            # The earlier cost of a reopened session is unknown.
            spent = None if agent_session.cost is None else max(cost - agent_session.cost, 0.0)
            agent_session.cost = cost
            used = used.model_copy(update={"cost": spent})
        if used != Usage():
            sink.spending.spend(used)

    # -- its session -------------------------------------------------------------------------------------------------

    async def _find_or_open_session(
        self, reply: ReplyToWrite, running: RunningAgent, folder: Path, sink: ReplySink
    ) -> tuple[AgentSession, int]:
        """The agent's session for ours, and the position up to which it has seen ours."""
        session_id, agent = reply.session.id, reply.definition.name
        known = await self.store.external_session(session_id, agent)
        if known is not None and known.folder != str(folder):
            known = None
        live = running.sessions.get(session_id)
        if live is not None and known is not None and live.id == known.external_id:
            return live, known.seen
        if (
            known is not None
            and (reopened := await self._reopen_session(running.connection, session_id, known, folder)) is not None
        ):
            running.sessions[session_id] = reopened
            running.session_ids.add(reopened.id)
            return reopened, known.seen
        if known is None and (fork := await self._fork_session(reply.session, agent, running, folder)) is not None:
            running.sessions[session_id] = fork[0]
            return fork
        new = await self._new_session(running, await self._session_params(session_id, folder))
        running.sessions[session_id] = new
        if known is None:
            await sink.add_notice(
                f"{agent} is an external agent: if it reads, changes or runs something without asking, its own rules apply, "
                "not those of sessionls."
            )
        return new, 0

    async def _fork_session(
        self, session: Session, agent: str, running: RunningAgent, folder: Path
    ) -> tuple[AgentSession, int] | None:
        """A fork of the agent's session for an ancestor of ours, if ours has all messages that it received and wrote there."""
        if not running.connection.forks:
            return None
        ancestor: Session | None = session
        while ancestor is not None and ancestor.parent is not None:
            parent_id = ancestor.parent.session_id
            try:
                known = await self.store.external_session(parent_id, agent)
                if known is not None:
                    break
                ancestor = await self.store.session(parent_id)
            except SessionNotFound:  # it was deleted, and the agent's session with it
                return None
        else:
            return None
        if known.folder != str(folder) or not await self._has_turn(session.id, parent_id, known.seen):
            return None
        params = {"sessionId": known.external_id, **await self._session_params(session.id, folder)}
        try:
            answer = await running.connection.request("session/fork", params, seconds=self.timeouts.session)
        except AgentRefused:  # it does not know the session any more
            return None
        return self._register_session(running, answer, cost=None), known.seen

    async def _has_turn(self, session_id: str, ancestor_id: str, seen_position: int) -> bool:
        """Whether the session has, from its ancestor, the message at that position and the reply to it."""
        ours, theirs = [
            [
                entry.message.id
                for entry in (await self.store.transcript(log_id, through=seen_position + 1, after=seen_position - 1)).entries
            ]
            for log_id in (session_id, ancestor_id)
        ]
        return len(theirs) == 2 and ours == theirs

    async def _new_session(self, running: RunningAgent, params: Mapping[str, Any]) -> AgentSession:
        answer = await running.connection.request("session/new", params, seconds=self.timeouts.session)
        return self._register_session(running, answer, cost=0.0)

    @staticmethod
    def _register_session(running: RunningAgent, answer: Mapping[str, Any], *, cost: float | None) -> AgentSession:
        external = answer.get("sessionId")
        if not isinstance(external, str) or not external or len(external) > 1_000:
            raise running.connection.unavailable("it did not open a session.", "Update it.")
        if external in running.session_ids:
            raise running.connection.unavailable(
                "it gave a new session the id of another one.", "Update it: it would mix what the two contain."
            )
        running.session_ids.add(external)
        return AgentSession(external, Configuration.of(answer), cost=cost)

    async def _reopen_session(
        self, connection: AgentConnection, session_id: str, known: ExternalSession, folder: Path
    ) -> AgentSession | None:
        """Reopen its session from an earlier message, if the agent can. Updates that replay old messages are ignored."""
        method = "session/resume" if connection.resumes else "session/load" if connection.loads else None
        if method is None:
            return None
        params = {"sessionId": known.external_id, **await self._session_params(session_id, folder)}
        try:
            answer = await connection.request(method, params, seconds=self.timeouts.session)
        except AgentRefused:  # the agent no longer has this session
            return None
        return AgentSession(known.external_id, Configuration.of(answer))

    async def _session_params(self, session_id: str, folder: Path) -> dict[str, Any]:
        return {"cwd": str(folder), "mcpServers": await self.tools.server_entry(session_id)}

    async def _keep_external_session(
        self, reply: ReplyToWrite, agent_session: AgentSession, folder: Path, seen_position: int
    ) -> None:
        known = ExternalSession(agent_session.id, str(folder), seen_position)
        await self.store.keep_external_session(reply.session.id, reply.definition.name, known)

    # -- the prompt --------------------------------------------------------------------------------------------------

    async def _prompt(
        self, reply: ReplyToWrite, sink: ReplySink, connection: AgentConnection, seen_position: int
    ) -> tuple[list[Block], int]:
        """The blocks of the prompt, and the position up to which the agent will then have seen the session."""
        session, definition, message = reply.session, reply.definition, reply.message

        def as_text(context: Context) -> str:
            return render(context, session.workspace_folders)

        resources, named = connection.takes_resources, len(session.participants) > 1
        images = await self._images(session.id, connection, image_contexts(message, *sink.steered))
        blocks: list[Block] = []
        position = max(reply.position, seen_position)
        if seen_position < reply.position:
            if seen_position == 0 and definition.prompt.strip():
                blocks.append(text_block(definition.prompt.strip()))
            missed = await self.store.transcript(session.id, through=reply.position - 1, after=seen_position)
            if text := transcript_text(missed, definition.name, seen_position, as_text):
                blocks.append(text_block(text))
                blocks += await self._missed_images(session.id, connection, [entry.message for entry in missed.entries])
            blocks += message_blocks(message, as_text, resources=resources, named=named, images=images)
        steered = [
            other for other in sink.steered if await self._position(session.id, other) > max(seen_position, reply.position)
        ]
        if sink.parts and not steered:
            if seen_position < reply.position:  # a new session of the agent, which does not know the reply so far
                blocks.append(text_block(f"This is your reply so far:\n\n{plain(sink.parts)}"))
            blocks.append(text_block(CONTINUE_PROMPT))
        for other in steered:
            blocks += message_blocks(other, as_text, resources=resources, named=named, images=images)
            position = max(position, await self._position(session.id, other))
        return blocks, position

    async def _images(self, session_id: str, connection: AgentConnection, contexts: Sequence[ImageContext]) -> dict[str, str]:
        """The bytes of images in base64, by their hash. Raises `AgentUnavailable` if the agent accepts none."""
        if contexts and not connection.takes_images:
            raise connection.unavailable("it accepts no images.", "Send the message to another agent, or without the image.")
        encoded: dict[str, str] = {}
        for digest in dict.fromkeys(context.sha256 for context in contexts if context.sha256 is not None):
            if (data := await self.store.image(session_id, digest)) is not None:
                encoded[digest] = (await asyncio.to_thread(base64.b64encode, data)).decode()
        return encoded

    async def _missed_images(self, session_id: str, connection: AgentConnection, missed: Sequence[Message]) -> list[Block]:
        """The newest images of what the agent has not seen, if it accepts images. The transcript names all of them."""
        contexts = image_contexts(*missed)[-_MISSED_IMAGES:]
        if not contexts or not connection.takes_images:
            return []
        images = await self._images(session_id, connection, contexts)
        names = ", ".join(context.title or context.uri or "image" for context in contexts)
        return [text_block(f"The newest images of the transcript, in order: {names}."), *image_blocks(contexts, images)]

    async def _position(self, session_id: str, message: Message) -> int:
        return (await self.store.entry(session_id, message.id)).place or 0

    # -- folder and permission to start -------------------------------------------------------------------------------

    def _open_folder(self) -> Path | None:
        return next((Path(path) for uri in self.editor.folders if (path := uris.to_path(uri)) is not None), None)

    def _folder(self, definition: Definition) -> Path:
        if (folder := self._open_folder()) is not None:
            return folder
        raise AgentUnavailable(definition.name, "no folder is open.", hint="Open the folder that it should work in.")

    async def _check_may_be_asked(self, question: AgentQuestion, sink: ReplySink) -> None:
        """Raise if the agent that asks may not do what this one does by its own rules: edit files and run commands."""
        definition, asking = question.agent.definition, question.asking
        if question.tools is not None and not question.tools >= _REQUIRED_TOOLS:
            raise AgentUnavailable(
                definition.name,
                f"it edits files and runs commands by its own rules, and {asking.name} has no tools for that.",
                hint="Answer without it, or let the person ask it.",
            )
        policy = question.policy
        rule = stricter(policy.decide(definition, "edit_file", "write"), policy.decide(definition, "run_command", "execute"))
        if rule == "allow":
            await self._check_may_start(definition, sink)
            return
        if (refusal := self.policy.refusal_reason("execute", runs_programs=True)) is not None or rule == "deny":
            raise NotPermitted(f"{definition.name} was not asked. {refusal or 'A rule forbids it.'}", hint="Continue without it.")
        start = _start_request(definition)
        answer = await sink.ask_permission(
            agent=asking.name,
            tool=ASK_AGENT,
            risk="execute",
            summary=f"Ask the external agent {definition.name}: {question.text[:100]}",
            detail=f"{question.text}\n\n{start.detail}",
            scope=f"{ASK_AGENT}:{definition.name}",
        )
        if answer == "deny":
            raise NotPermitted(f"{definition.name} was not asked: nobody allowed it.", hint="Continue without it.")

    async def _check_may_start(self, definition: Definition, sink: ReplySink) -> None:
        """Raise `NotPermitted` if it may not be started here. A person is asked about agents that a workspace defines."""
        if (refusal := self.policy.refusal_reason("execute", runs_programs=True)) is not None:
            raise NotPermitted(
                f"{definition.name} was not started. {refusal}",
                hint="Trust the workspace first, or use an agent that is built into sessionls.",
            )
        if definition.origin != "workspace" and self.policy.trusted:
            return
        request = _start_request(definition)
        answer = await sink.ask_permission(
            agent=definition.name,
            tool="run_command",
            risk="execute",
            summary=request.summary,
            detail=request.detail,
            scope=request.scope or "",
        )
        if answer == "deny":
            raise NotPermitted(
                f"{definition.name} was not started: nobody allowed it.", hint="Send the message again and allow it."
            )


@dataclass(frozen=True, slots=True)
class AskingRules:
    """The rules by which the agent of a turn may ask others (see `AskingAgent`)."""

    policy: Policy
    tools: frozenset[str] | None
    depth: int
    writing: asyncio.Lock


def _start_request(definition: Definition) -> PermissionRequest:
    command = " ".join([definition.command or "", *definition.args])
    where = "The workspace defines it." if definition.origin == "workspace" else "The workspace is not trusted."
    lines = [command, where, "It may read its own configuration in the workspace and follows its own rules."]
    if definition.env:
        lines.append("Variables: " + ", ".join(f"{name}={value}" for name, value in definition.env.items()))
    if definition.cwd:
        lines.append(f"In {definition.cwd}")
    detail = "\n".join(lines)
    summary = f"Start the external agent {definition.name}: {command[:150]}"
    return PermissionRequest(summary, detail=detail, scope=f"start {definition.name}: {detail}")


def _requested_configuration(reply: ReplyToWrite) -> RequestedConfiguration:
    definition = reply.definition
    model = reply.model or next(iter(definition.models), None)
    return RequestedConfiguration(definition.mode, model, definition.options)


def _tokens(usage: Mapping[str, Any] | None) -> tuple[int, int, int] | None:
    if usage is None:
        return None
    counts = [usage.get(name) for name in ("inputTokens", "outputTokens", "cachedReadTokens")]
    numbers = [
        count if isinstance(count, int) and not isinstance(count, bool) and 0 <= count < 1 << 53 else 0 for count in counts
    ]
    return numbers[0], numbers[1], numbers[2]
