"""The state of one session: a pure fold over its events.

`apply(state, event)` is the only way to change a session. It returns the next state and the entries (messages) that changed, so
that a store can write the event and its projection in one transaction. The state contains only what is unfinished, so its size
does not grow with the length of the session.

Places: a message gets its *place* in the transcript (1, 2, 3…) when the reply to it starts; the reply gets the next place. A
message that steers this reply takes the reply's place, and the reply moves to the next one. So a queued message comes after
the reply that it waited for, and the messages up to any place are complete. A fork begins at a place of its parent and continues
the numbering.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from sessionls.domain import events as ev
from sessionls.domain.model import (
    AgentAuthor,
    EditPart,
    FindingPart,
    Message,
    Need,
    OpenQuestion,
    Part,
    Participant,
    Person,
    ReasoningPart,
    Session,
    Steered,
    Stopped,
    TextPart,
    ToolPart,
    Usage,
)
from sessionls.domain.scope import Scope, scope_of

__all__ = ["Applied", "Drafted", "Entry", "Grant", "State", "apply", "with_drafts", "with_work"]

_ENDED = frozenset({"complete", "cancelled", "failed"})
_QUIET = frozenset({"participantJoined", "participantLeft", "forked", "shared", "unshared"})  # they do not change the session
_RESUMABLE = frozenset({"paused", "interrupted", "failed"})


@dataclass(frozen=True, slots=True)
class Entry:
    """A message, its place in the transcript (None while it is queued), and the number of the event that ended it."""

    message: Message
    place: int | None = None
    ended_seq: int | None = None


@dataclass(frozen=True, slots=True)
class Drafted:
    """Text of a reply that no event contains yet: `text` begins at code point `offset` of the part with index `part`."""

    part: int
    kind: Literal["text", "reasoning"]
    offset: int
    text: str


def with_drafts(parts: Sequence[Part], drafted: Sequence[Drafted]) -> list[Part]:
    """The parts of a reply in the log, extended with the drafted text."""
    whole = list(parts)
    for draft in drafted:
        new = TextPart if draft.kind == "text" else ReasoningPart
        if draft.part == len(whole):
            whole.append(new(text=draft.text))
        elif draft.part < len(whole) and isinstance(part := whole[draft.part], TextPart | ReasoningPart):
            whole[draft.part] = part.model_copy(update={"text": part.text[: draft.offset] + draft.text})
    return whole


def with_work(parts: Sequence[Part], path: Sequence[int], index: int, work: Sequence[Part]) -> list[Part]:
    """The parts with the work of an agent that the call at `path` asked (see `AgentWorked`)."""
    whole = list(parts)
    if not path:
        whole[index : index + len(work)] = work
    elif path[0] < len(whole) and isinstance(asking := whole[path[0]], ToolPart):
        inner = with_work(asking.parts or (), path[1:], index, work)
        whole[path[0]] = asking.model_copy(update={"parts": inner})
    return whole


@dataclass(frozen=True, slots=True)
class Grant:
    """A participant allowed `scope` for the whole session, in replies to their own messages."""

    participant_id: str
    scope: str


@dataclass(frozen=True, slots=True)
class State:
    """`open` are the entries that are not final, by message id: the queued messages in order, and the newest reply with its
    message while that reply is being written or can be resumed. `reply` is the reply being written, `resumable` a stopped one.
    `granted` are the participants' grants for the whole session. `paused`: it accepts no messages until it is resumed, even after
    it is unarchived.
    """

    session: Session
    identities: tuple[str, ...] = ()
    placed: int = 0
    reply: str | None = None
    resumable: str | None = None
    open: Mapping[str, Entry] = field(default_factory=dict)
    granted: tuple[Grant, ...] = ()
    paused: bool = False

    @property
    def scope(self) -> Scope:
        """The scope of the session."""
        return scope_of(self.session.workspace_folders, self.identities)

    @property
    def stopped(self) -> Stopped | None:
        """How the newest reply stopped, if it can be resumed."""
        status = None if self.resumable is None else self.open[self.resumable].message.status
        return status if status in ("paused", "interrupted", "failed") else None

    @property
    def asking(self) -> Sequence[OpenQuestion]:
        """The open permission requests, oldest first."""
        return self.session.asking or ()

    @property
    def present(self) -> Sequence[Participant]:
        """The participants who have the session open."""
        return self.session.present or ()

    @property
    def queue(self) -> list[Entry]:
        """The queued messages in the order in which they are answered: as they were sent, unless somebody reordered them."""
        return [entry for entry in self.open.values() if entry.message.status == "queued"]

    @property
    def settled(self) -> int:
        """The place up to which everything is final, so that a fork can share it."""
        return min((entry.place - 1 for entry in self.open.values() if entry.place is not None), default=self.placed)

    @property
    def next_seq(self) -> int:
        return self.session.seq + 1

    def entry(self, message_id: str) -> Entry:
        return self.open[message_id]


@dataclass(frozen=True, slots=True)
class Applied:
    """The state after an event, the entries that it changed, and the ids of entries that it removed."""

    state: State
    touched: tuple[Entry, ...] = ()
    removed: tuple[str, ...] = ()


def apply(state: State | None, event: ev.Event) -> Applied:
    """Fold one event. `state` is None for a session's first event, which must be `created`."""
    if isinstance(event, ev.Created):
        if state is not None:
            raise ValueError("a session is created once")
        session = event.session.model_copy(update={"seq": event.seq, "updated_at": event.at})
        return Applied(State(session=session, identities=tuple(event.identities), placed=event.placed))
    if state is None:
        raise ValueError("a session's first event is `created`")
    if event.seq != state.next_seq:
        raise ValueError(f"event {event.seq} does not follow {state.session.seq}")
    return _Folding(state, event).run()


class _Folding:
    """One event being folded."""

    def __init__(self, state: State, event: ev.Event) -> None:
        self.event = event
        self.session: dict[str, Any] = {"seq": event.seq, "updated_at": event.at}
        self.before = state
        self.placed = state.placed
        self.reply = state.reply
        self.resumable = state.resumable
        self.open = dict(state.open)
        self.present = state.present
        self.asking = state.asking
        self.granted = state.granted
        self.paused = state.paused
        self.touched: dict[str, Entry] = {}
        self.removed: tuple[str, ...] = ()

    def run(self) -> Applied:
        self._settle_needs()
        self._fold()
        # Final entries are removed from the open ones. A failed reply stays until the next message is answered.
        for entry in list(self.open.values()):
            if entry.message.status in _ENDED and not self._belongs_to(self.reply or self.resumable, entry):
                del self.open[entry.message.id]
        state = replace(
            self.before,
            placed=self.placed,
            reply=self.reply,
            resumable=self.resumable,
            open=self.open,
            granted=self.granted,
            paused=self.paused,
        )
        archived = self.session.get("state", self.before.session.state) == "archived"
        self.session["replying"] = self.reply is not None
        self.session["stopped"] = None if archived else state.stopped
        self.session["queued"] = len(state.queue)
        self.session["asking"] = list(self.asking) or None
        self.session["present"] = list(self.present) or None
        session = self.before.session.model_copy(update=self.session)
        return Applied(replace(state, session=session), tuple(self.touched.values()), self.removed)

    def _belongs_to(self, reply_id: str | None, entry: Entry) -> bool:
        """Whether the entry is that reply, the message it answers, or a message that steered it."""
        if reply_id is None or reply_id not in self.open:
            return False
        reply, message = self.open[reply_id].message, entry.message
        steered = message.steered is not None and message.steered.message_id == reply_id
        return message.id in (reply_id, reply.reply_to) or steered

    def _put(self, entry: Entry) -> Entry:
        self.open[entry.message.id] = self.touched[entry.message.id] = entry
        return entry

    def _update(self, message_id: str, *, place: int | None = None, ended_seq: int | None = None, **fields: Any) -> Entry:
        entry = self.open[message_id]
        message = entry.message.model_copy(update=fields)
        return self._put(
            Entry(message, entry.place if place is None else place, entry.ended_seq if ended_seq is None else ended_seq)
        )

    def _next_place(self) -> int:
        self.placed += 1
        return self.placed

    def _add_usage(self, usage: Usage) -> None:
        self.session["usage"] = self.before.session.usage + usage

    # One small branch for each kind of event that changes the state. The other events are only history.
    def _fold(self) -> None:
        event, session = self.event, self.before.session
        match event:
            case ev.Renamed():
                self.session["title"] = event.title
            case ev.Paused():
                self.session.update(state="paused", pause_reason=event.reason)
                self.paused = True
            case ev.Resumed():
                self.session.update(state="active", pause_reason=None)
                self.paused = False
            case ev.BudgetChanged():
                self.session["budget"] = event.budget
            case ev.Spent():
                self._add_usage(event.usage)
            case ev.Archived():
                self.session["state"] = "archived"
            case ev.Unarchived():
                self.session["state"], self.paused = event.state, event.state == "paused"
            case ev.AgentSwitched():
                self.session.update(agent=event.agent, model=event.model)
            case ev.ParticipantJoined():
                self._add_participant(event.participant)
                self.present = [*(p for p in self.present if p.id != event.participant.id), event.participant]
                self.session["updated_at"] = session.updated_at  # opening a session does not change it
            case ev.ParticipantLeft():
                self.present = [p for p in self.present if p.id != event.participant_id]
                self.session["updated_at"] = session.updated_at
            case ev.HandedOver():
                self._handed_over(event)
            case ev.Shared() | ev.Unshared():
                self._shared(event)
            case ev.Forked():
                self.session["updated_at"] = session.updated_at  # a fork does not change its parent
            case ev.Compacted():
                if event.usage is not None:
                    self._add_usage(event.usage)
            case ev.MessageSent():
                self._message_sent(event.message)
            case ev.MessageSteered():
                self._steered(event)
            case ev.MessageWithdrawn():
                del self.open[event.message_id]
                self.removed = (event.message_id,)
                self.session["message_count"] = session.message_count - 1
            case ev.QueueOrdered():
                self._queue_ordered(event)
            case ev.ReplyStarted():
                self._reply_started(event)
            case ev.StepFinished():
                parts = self.open[event.message_id].message.parts
                self._update_progress(event, [*parts[: event.index], *event.parts])
            case ev.ToolCalled() | ev.ToolFinished():
                self._put_part(event.message_id, event.index, event.part)
            case ev.AgentWorked():
                parts = self.open[event.message_id].message.parts
                self._update_progress(event, with_work(parts, event.path, event.index, event.parts))
            case ev.ReplyNoticed():
                self._update(event.message_id, notices=event.notices or None)
            case ev.PermissionAsked():
                self._permission_asked(event)
            case ev.PermissionAnswered():
                self._permission_answered(event)
            case ev.FindingReported():
                self._append(event.finding.message_id, FindingPart(finding=event.finding))
            case ev.Edited():
                part = EditPart(uri=event.uri, summary=event.summary, applied=event.applied, patch=event.patch)
                self._append(event.message_id, part)
            case ev.ReplyFinished():
                # A reply that ends or stops withdraws its own questions, but not those of other replies.
                self.asking = [question for question in self.asking if question.message_id != event.message.id]
                self._reply_finished(event.message, event.seq)
            case _:
                pass

    def _settle_needs(self) -> None:
        """Remove everything that waits for the participant who does something now."""
        if isinstance(self.event.by, Participant) and self.event.kind not in _QUIET and self.before.session.needs:
            actor_id = self.event.by.id
            self.session["needs"] = [need for need in self.before.session.needs if need.participant.id != actor_id] or None
        elif isinstance(self.event, ev.ParticipantJoined) and self.before.session.needs:
            joined_id = self.event.participant.id
            remaining = [need for need in self.before.session.needs if (need.participant.id, need.kind) != (joined_id, "mention")]
            self.session["needs"] = remaining or None

    def _handed_over(self, event: ev.HandedOver) -> None:
        assert isinstance(event.by, Participant)
        need = Need(kind="handOver", participant=event.to, by=event.by, note=event.note, waiting=event.waiting, at=event.at)
        if any(participant.id == event.to.id for participant in self.before.session.participants):
            self._add_participant(event.to)
        remaining = self.session.get("needs", self.before.session.needs) or []
        self.session["needs"] = [*(other for other in remaining if other.kind != "handOver"), need]

    def _add_participant(self, participant: Participant) -> None:
        known = self.before.session.participants
        if participant not in known:
            self.session["participants"] = [*(p for p in known if p.id != participant.id), participant]

    def _shared(self, event: ev.Shared | ev.Unshared) -> None:
        # A session from before there were roles belongs to everybody.
        people = self.before.session.people or [Person(id="team", role="owner")]
        if isinstance(event, ev.Shared):
            known = any(person.id == event.person.id for person in people)
            people = [event.person if person.id == event.person.id else person for person in people]
            people += [] if known else [event.person]
        else:
            people = [person for person in people if person.id != event.person_id]
        self.session["people"] = people
        # A person who may no longer comment counts as absent at once, because they may not write the event that they left.
        allowed = {person.id for person in people if person.role != "reader"}
        self.present = [participant for participant in self.present if participant.id in allowed or "team" in allowed]
        self.session["updated_at"] = self.before.session.updated_at

    def _permission_asked(self, event: ev.PermissionAsked) -> None:
        question = OpenQuestion(
            request_id=event.request_id,
            message_id=event.message_id,
            agent=event.by.agent if isinstance(event.by, ev.ByAgent) else "",
            tool=event.tool,
            summary=event.summary,
            detail=event.detail,
            risk=event.risk,
            scope=event.scope or None,
            at=event.at,
        )
        self.asking = [*self.asking, question]

    def _permission_answered(self, event: ev.PermissionAnswered) -> None:
        question = next((candidate for candidate in self.asking if candidate.request_id == event.request_id), None)
        self.asking = [candidate for candidate in self.asking if candidate is not question]
        if question is None or question.scope is None or event.decision != "session" or not isinstance(event.by, Participant):
            return
        grant = Grant(event.by.id, question.scope)
        if grant not in self.granted:
            self.granted = (*self.granted, grant)

    def _add_mentions(self, message: Message, by: Participant) -> None:
        session = self.before.session
        known = {person.id: Participant(id=person.id, name=person.name or person.id) for person in session.people or ()}
        known |= {participant.id: participant for participant in session.participants}
        for person in (known[mentioned] for mentioned in message.mentions or () if mentioned in known and mentioned != by.id):
            note = message.text.strip()[:200]
            need = Need(kind="mention", participant=person, by=by, message_id=message.id, note=note or None, at=self.event.at)
            left = self.session.get("needs", self.before.session.needs) or []
            others = [item for item in left if (item.participant.id, item.kind) != (person.id, "mention")]
            self.session["needs"] = [*others, need]

    def _message_sent(self, message: Message) -> None:
        self.session["message_count"] = self.before.session.message_count + 1
        if isinstance(message.author, Participant):
            self._add_participant(message.author)
            self._add_mentions(message, message.author)
        if message.status == "queued":
            self._put(Entry(message))
        else:  # a message to people, or a fork's copy of a message that was unfinished in its parent
            self._put(Entry(message, self._next_place(), self.event.seq))

    def _steered(self, event: ev.MessageSteered) -> None:
        """The message takes the reply's place, and the reply the next one, so that it comes after everything it answers."""
        steered = Steered(message_id=event.reply_id, part=event.part)
        place = self.open[event.reply_id].place
        self._update(event.message_id, place=place, ended_seq=event.seq, steered=steered, status="complete")
        self._update(event.reply_id, place=self._next_place())

    def _queue_ordered(self, event: ev.QueueOrdered) -> None:
        if event.now is not None:
            self._update(event.now, delivery=None)
        queued = [self.open.pop(message_id) for message_id in event.message_ids]
        self.open.update((entry.message.id, entry) for entry in queued)

    def _reply_started(self, event: ev.ReplyStarted) -> None:
        author = AgentAuthor(agent=event.agent, model=event.model, definition=event.definition)
        if event.message_id not in self.open:
            self.resumable = None  # a stopped reply is final as soon as the next message is answered
            self._begin_reply(event.message_id, event.reply_to, author)
        self._update(event.message_id, status="replying", author=author, error=None, stop_reason=None, finished_at=None)
        self._update(event.reply_to, status="replying")
        self.reply, self.resumable = event.message_id, None

    def _begin_reply(self, reply_id: str, message_id: str, author: AgentAuthor) -> None:
        """Give a queued message its place, and its reply the next place."""
        if message_id in self.open and self.open[message_id].place is None:
            self._update(message_id, place=self._next_place(), ended_seq=self.event.seq - 1)
        reply = Message(
            id=reply_id,
            session_id=self.event.session_id,
            seq=self.event.seq,
            role="agent",
            author=author,
            reply_to=message_id,
            status="replying",
            created_at=self.event.at,
        )
        self._put(Entry(reply, self._next_place()))
        self.session["message_count"] = self.before.session.message_count + 1

    def _update_progress(self, event: ev.StepFinished | ev.AgentWorked, parts: list[Part]) -> None:
        """Update the parts and the usage of the reply."""
        fields: dict[str, Any] = {"parts": parts}
        if event.usage is not None:
            self._spend(event.message_id, event.usage)
            fields["usage"] = event.usage
        if event.steps is not None:
            fields["steps"] = event.steps
        self._update(event.message_id, **fields)

    def _append(self, message_id: str, part: Part) -> None:
        if message_id in self.open:
            self._update(message_id, parts=[*self.open[message_id].message.parts, part])

    def _put_part(self, message_id: str, index: int, part: Part) -> None:
        parts = list(self.open[message_id].message.parts)
        parts[index : index + 1] = [part]
        self._update(message_id, parts=parts)

    def _spend(self, message_id: str, usage: Usage) -> None:
        """Add the usage of a reply since it was last counted to the session."""
        before = self.open[message_id].message.usage
        self._add_usage(usage if before is None else usage - before)

    def _reply_finished(self, message: Message, seq: int) -> None:
        assert isinstance(message.author, AgentAuthor) and message.reply_to is not None
        if message.id not in self.open:  # it never started: it was cancelled in the queue, or no model was available
            self._begin_reply(message.id, message.reply_to, message.author)
        elif message.usage is not None:  # (the usage of a fork's copy counts in its parent)
            self._spend(message.id, message.usage)
        ended = message.status in _ENDED
        fields = {name: getattr(message, name) for name in type(message).model_fields if name not in ("seq", "created_at")}
        self._update(message.id, ended_seq=seq, **fields)
        if message.reply_to in self.open:  # a fork's copy of a message is final before its reply
            self._update(message.reply_to, status="complete" if ended else message.status)
        if self.reply == message.id:
            self.reply = None
        if message.status in _RESUMABLE:
            self.resumable = message.id
        elif self.resumable == message.id:
            self.resumable = None
