"""Writes the output of an external agent's turn to the reply through the sink, in the order of the log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from sessionls.domain import transitions, uris
from sessionls.domain.model import EditPart, Finding, Part, ToolPart
from sessionls.ports.hands import Files
from sessionls.ports.runtime import ReplySink, ReplyToWrite
from sessionls.runtimes.acp.turn import Turn
from sessionls.runtimes.acp.updates import DiffContent

__all__ = ["Call", "Writing"]

_RECORDED = 200  # changed files


@dataclass
class Writing:
    """`turn` is the turn that writes. `edited` are the keys (see `uri_key`) of the files that are recorded already."""

    reply: ReplyToWrite
    sink: ReplySink
    files: Files
    turn: Turn | None = field(default=None, init=False)
    edited: set[str] = field(default_factory=set, init=False)
    _reported: dict[str, str] = field(default_factory=dict, init=False)  # sha256 of the last text, by key

    @property
    def parts(self) -> list[Part]:
        return self.sink.parts

    def draft(self, kind: Literal["text", "reasoning"], text: str, base: int) -> None:
        self.sink.draft(kind, text, base)

    async def keep_text(self, first: int) -> None:
        await self.sink.keep_step(first)

    async def keep_part(self, index: int, part: Part) -> None:
        if index == len(self.sink.parts):
            self.sink.parts.append(part)
            await self.sink.keep_step(index)
        elif isinstance(part, ToolPart):
            await self.sink.keep_call(index, part)
        else:
            await self.sink.keep_work((), index, [part])

    async def notice(self, text: str) -> None:
        await self.sink.add_notice(text)

    async def changed_file(self, diff: DiffContent) -> None:
        if diff.cut:
            return  # `record_changes` finds it by its modification time
        changed = await self.files.changed_file(diff.path, diff.old, diff.new)
        if changed is None:
            return
        key = uris.uri_key(changed.uri)
        # A change is often reported twice, and one through us is recorded already. Another change of the file is another edit.
        if self._reported.get(key) == changed.sha256 or (key in self.edited and key not in self._reported):
            return
        self._reported[key] = changed.sha256
        await self.record(changed.uri, f"Edit {changed.path}", applied=True, patch=changed.patch, kept=changed.kept)

    async def record(self, uri: str, summary: str, *, applied: bool, patch: str | None, kept: str | None = None) -> None:
        if applied:
            self.edited.add(uris.uri_key(uri))
        await self.sink.edited(uri, summary, agent=self.reply.definition.name, applied=applied, patch=patch, kept=kept)

    async def settle_calls(self) -> None:
        """Close the calls that an earlier turn of this reply left open: their outcome is unknown."""
        for index, part in enumerate(list(self.sink.parts)):
            if isinstance(part, ToolPart) and part.status in ("waiting", "running"):
                ended = part.model_copy(update={"status": "failed", "result": transitions.UNKNOWN_OUTCOME})
                await self.sink.keep_call(index, ended)

    async def record_changes(self, before: Mapping[str, tuple[int, int]] | None) -> None:
        """Record the files that changed on disk since `before` as edits of this reply, unless they are recorded already."""
        after = await self.files.snapshot() if before is not None else None
        name = self.reply.definition.name
        if before is None or after is None:
            await self.sink.add_notice(f"The workspace has too many files to find those that {name} changed by itself.")
            return
        recorded = {uris.uri_key(part.uri) for part in self.sink.parts if isinstance(part, EditPart)}
        changed = sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))
        count = 0
        for path in changed:
            file = await self.files.uri_of(path)
            if file is None or uris.uri_key(file[0]) in recorded | self.edited:
                continue
            count += 1
            if count > _RECORDED:
                await self.sink.add_notice(f"{name} changed more than {_RECORDED} files; the others are not listed.")
                return
            verb = "Create" if path not in before else "Delete" if path not in after else "Edit"
            # What was in the file before is known only if there was none.
            created = await self.files.created_file(path) if verb == "Create" else None
            patch, kept = (created.patch, created.kept) if created is not None else (None, None)
            await self.record(file[0], f"{verb} {file[1]} (on disk, by itself)", applied=True, patch=patch, kept=kept)


@dataclass(frozen=True, slots=True)
class Call:
    """A request of an agent as a tool call (`ports.tools.ToolCall`)."""

    writing: Writing
    call_id: str

    @property
    def session_id(self) -> str:
        return self.writing.reply.session.id

    @property
    def message_id(self) -> str:
        return self.writing.reply.reply.id

    @property
    def agent(self) -> str:
        return self.writing.reply.definition.name

    async def report(self, finding: Finding) -> Finding:
        assert self.writing.turn is not None
        async with self.writing.turn.between_parts():
            return await self.writing.sink.report(finding, agent=self.agent)

    async def edited(self, uri: str, summary: str, *, applied: bool, patch: str | None = None, kept: str | None = None) -> None:
        assert self.writing.turn is not None
        async with self.writing.turn.between_parts():
            await self.writing.record(uri, summary, applied=applied, patch=patch, kept=kept)

    async def confirm(self, summary: str, detail: str) -> bool:
        answer = await self.writing.sink.ask_permission(
            agent=self.agent, tool="edit_file", risk="write", summary=summary, detail=detail
        )
        return answer != "deny"
