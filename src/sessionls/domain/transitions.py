"""What may happen in a session, and what happens then: the state machine, as functions on one `Change`.

Each function is pure: it reads the state, refuses with an error, or adds events. A store runs it inside one transaction,
so what it decides on cannot change under it, whichever processes and participants are at work.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from sessionls.domain import events as ev
from sessionls.domain.budget import is_used_up, used_up, words_for_pause
from sessionls.domain.change import Change
from sessionls.domain.errors import NotPermitted, SessionArchived, SessionNotFound, SessionPaused
from sessionls.domain.ids import new_id
from sessionls.domain.model import AgentAuthor, Message, MessageError, ParentRef, Part, Participant, Session, ToolPart, Usage
from sessionls.domain.permission import Answer, Question
from sessionls.domain.state import Drafted, Entry, Grant, State, with_drafts
from sessionls.domain.stop_reasons import ReplyStopReason
from sessionls.domain.titles import UNTITLED, title_of

__all__ = [
    "UNKNOWN_OUTCOME",
    "ClaimLost",
    "Start",
    "WriterGone",
    "answer",
    "archive",
    "ask",
    "ask_cancel",
    "bring",
    "cancel_stopped",
    "cancel_waiting",
    "change_finding",
    "changes_reverted",
    "compact",
    "create",
    "delete_check",
    "finish",
    "fork",
    "forked",
    "interrupt",
    "join",
    "leave",
    "next_waiting",
    "own",
    "pause",
    "pause_for_budget",
    "peek",
    "rename",
    "reorder",
    "restart",
    "send",
    "send_now",
    "set_budget",
    "spend",
    "start",
    "step",
    "switch_agent",
    "unarchive",
    "withdraw",
]

UNKNOWN_OUTCOME = (
    "The call was under way when the reply was interrupted. Whether it took effect is not known: look before you repeat it."
)


class ClaimLost(Exception):
    """Another process took the reply over: this one's lease had lapsed, or the session is gone."""


class WriterGone(Exception):
    """The process that wrote the session's reply no longer lives; the reply must be marked as interrupted first."""


@dataclass(frozen=True, slots=True)
class Start:
    """Who is about to write a reply: agent, model and the definition's digest, or why nobody can.

    `defaults` are the session's agent and model on which that choice was made; where they have changed it is made anew.
    """

    reply_id: str
    author: AgentAuthor
    defaults: tuple[str, str | None]
    error: MessageError | None = None


def _living(change: Change) -> State:
    """The state, once it is certain that nobody is thought to write who no longer lives."""
    if change.state is None:
        raise SessionNotFound(change.session_id)
    state = change.state
    if state.reply is not None:
        claim = change.claims.get(state.reply)
        if claim is None or not (claim.alive or claim.process == change.process):
            raise WriterGone
    return state


def peek(change: Change) -> State:
    """The state, and nothing else."""
    return _living(change)


# -- the session itself ----------------------------------------------------------------------------------------------


def create(change: Change, session: Session, identities: Sequence[str], by: Participant) -> Session:
    change.add(ev.Created, seq=1, by=by, session=session, identities=list(identities))
    return change.now.session


def rename(change: Change, title: str, by: Participant) -> Session:
    state = _living(change)
    if state.session.title != title:
        change.add(ev.Renamed, by=by, title=title)
    return change.now.session


def switch_agent(change: Change, agent: str, model: str | None, by: Participant) -> Session:
    session = _living(change).session
    if (session.agent, session.model) != (agent, model):
        change.add(ev.AgentSwitched, by=by, agent=agent, model=model, from_=session.agent)
    return change.now.session


def archive(change: Change, by: Participant) -> Session:
    state = _living(change)
    _quiet(state, "archived")
    if state.session.state != "archived":
        change.add(ev.Archived, by=by)
    return change.now.session


def unarchive(change: Change, by: Participant) -> Session:
    """It is as it was: what was paused takes no message before it is resumed."""
    state = _living(change)
    if state.session.state == "archived":
        change.add(ev.Unarchived, by=by, state="paused" if state.paused else "active", stopped=state.stopped)
    return change.now.session


def delete_check(change: Change) -> None:
    """Refuse to delete a session in which something is going on."""
    _quiet(_living(change), "deleted")


def _quiet(state: State, done: str) -> None:
    if state.reply is not None or (state.queue and state.session.state == "active" and state.resumable is None):
        raise NotPermitted(
            f"A reply is being written in this session; it cannot be {done} now.",
            hint="Cancel the reply or pause the session first.",
            sessionId=state.session.id,
        )


def join(change: Change, participant: Participant) -> None:
    if participant not in _living(change).present:
        change.add(ev.ParticipantJoined, by=participant, participant=participant)


def leave(change: Change, participant: Participant) -> None:
    if any(p.id == participant.id for p in _living(change).present):
        change.add(ev.ParticipantLeft, by=participant, participant_id=participant.id)


# -- messages and replies --------------------------------------------------------------------------------------------


def send(change: Change, message: Message, start_with: Start | None, replaces: str | None = None) -> bool:
    """Accept a message. Where nothing is going on, its reply starts in the same transaction; says whether it did.

    `replaces` is a waiting message of the same author, which this one takes the place of in the queue.
    """
    state = _living(change)
    _takes_messages(state)
    order = [entry.message.id for entry in state.queue]
    if replaces is not None:
        if waiting_message(state, replaces).author != message.author:
            raise NotPermitted("That message is somebody else's.", hint="Only its author can change it; withdraw it instead.")
        withdraw(change, replaces, message.author)
        order[order.index(replaces)] = message.id
    _settle(change, by=message.author)
    if state.session.message_count == 0 and state.session.title == UNTITLED:
        change.add(ev.Renamed, by=message.author, title=title_of(message.text))
    message = message.model_copy(update={"seq": change.now.next_seq, "created_at": change.at})
    change.add(ev.MessageSent, by=message.author, message=message)
    change.claim(message.id)
    if replaces is not None:
        _order(change, order, message.author)
    return start_with is not None and start(change, message.id, start_with)


def _takes_messages(state: State) -> None:
    if state.session.state == "paused":
        raise SessionPaused(state.session.id, words_for_pause(state.session))
    if state.session.state == "archived":
        raise SessionArchived(state.session.id)


def _settle(change: Change, by: Participant | AgentAuthor) -> None:
    """Who goes on without resuming a reply that stopped has decided: it stays as it is, and is final."""
    state = change.now
    if state.resumable is None:
        return
    reply = state.entry(state.resumable).message
    if reply.status != "failed":  # a failed reply is final as soon as the next one starts
        _end(change, reply, "cancelled", by=by if isinstance(by, Participant) else None)


def next_waiting(change: Change) -> Message | None:
    """The message whose reply this process should write now: the oldest that waits, if its own or of a process that is gone."""
    state = _living(change)
    if state.reply is not None or state.session.state != "active" or not state.queue:
        return None
    if state.resumable is not None and state.entry(state.resumable).message.status != "failed":
        return None  # what stopped is resumed, cancelled or settled first
    message = state.queue[0].message
    claim = change.claims.get(message.id)
    mine = claim is None or claim.process == change.process or not claim.alive
    return message if mine else None


def start(change: Change, message_id: str, begin: Start) -> bool:
    """Start the reply to a waiting message if it is that message's turn; or end it as failed where nobody can write it."""
    waiting = next_waiting(change)
    session = change.now.session
    if waiting is None or waiting.id != message_id or begin.defaults != (session.agent, session.model):
        return False
    change.release(message_id)
    if begin.error is not None:
        reply = _unstarted(change, message_id, begin.reply_id, begin.author)
        _end(change, reply, "failed", error=begin.error)
        return True
    _start(change, begin, message_id)
    return True


def _start(change: Change, begin: Start, message_id: str) -> None:
    author = begin.author
    change.add(
        ev.ReplyStarted,
        by=ev.ByAgent(agent=author.agent),
        message_id=begin.reply_id,
        reply_to=message_id,
        agent=author.agent,
        model=author.model,
        definition=author.definition,
    )
    change.claim(begin.reply_id)


def _unstarted(change: Change, message_id: str, reply_id: str, author: AgentAuthor) -> Message:
    return Message(
        id=reply_id,
        session_id=change.session_id,
        seq=change.now.next_seq,
        role="agent",
        author=author,
        reply_to=message_id,
        status="queued",
        created_at=change.at,
    )


def _end(
    change: Change,
    reply: Message,
    status: Literal["complete", "paused", "interrupted", "cancelled", "failed"],
    *,
    by: Participant | None = None,
    **fields: object,
) -> Message:
    message = reply.model_copy(update={"status": status, "finished_at": change.at, **fields})
    if status == "cancelled":
        message = message.model_copy(update={"parts": _given_up(message.parts)})
    assert isinstance(message.author, AgentAuthor)
    change.add(ev.ReplyFinished, by=by or ev.ByAgent(agent=message.author.agent), message=message)
    change.release(reply.id)
    return message


def _given_up(parts: Sequence[Part]) -> list[Part]:
    """Parts whose calls will not be gone on with."""

    def ended(part: Part) -> Part:
        if not isinstance(part, ToolPart) or part.status not in ("waiting", "running"):
            return part
        words = UNKNOWN_OUTCOME if part.status == "running" else "The reply ended before this call was made."
        return part.model_copy(update={"status": "failed", "result": words})

    return [ended(part) for part in parts]


def own(change: Change, reply_id: str) -> Entry:
    """The reply that this process writes."""
    claim = change.claims.get(reply_id)
    if change.state is None or change.state.reply != reply_id or claim is None or claim.process != change.process:
        raise ClaimLost
    return change.state.entry(reply_id)


def step(
    change: Change,
    reply_id: str,
    index: int,
    parts: Sequence[Part],
    usage: Usage | None,
    steps: int | None = None,
    *,
    steer: bool = True,
) -> list[Message]:
    """A step of the reply ended. Messages that were sent to steer it are handed over and are the answer, unless `steer` says that
    it takes none now.
    """
    own(change, reply_id)
    change.add(ev.StepFinished, message_id=reply_id, index=index, parts=list(parts), usage=usage, steps=steps)
    return _steer(change, reply_id, index + len(parts)) if steer else []


def _steer(change: Change, reply_id: str, part: int) -> list[Message]:
    taken: list[Message] = []
    for entry in change.now.queue:
        message = entry.message
        if message.delivery == "steer":
            change.add(ev.MessageSteered, by=message.author, message_id=message.id, reply_id=reply_id, part=part)
            change.release(message.id)
            taken.append(change.touched[message.id].message)
    return taken


def finish(
    change: Change,
    reply_id: str,
    status: Literal["complete", "paused", "interrupted", "cancelled", "failed"],
    parts: Sequence[Part],
    usage: Usage | None,
    error: MessageError | None = None,
    stop_reason: ReplyStopReason | None = None,
    steps: int | None = None,
    *,
    steer: bool = True,
) -> Message | list[Message]:
    """The reply ended or stopped. Where messages came meanwhile to `steer` it, or the session was resumed before the reply had
    paused, it goes on instead, and the messages are the answer.
    """
    entry = own(change, reply_id)
    steered = steer and status == "complete" and any(waiting.message.delivery == "steer" for waiting in change.now.queue)
    resumed = status == "paused" and change.now.session.state == "active"
    if steered or resumed:
        return step(change, reply_id, 0, parts, usage, steps, steer=steer)
    kept = _given_up(parts) if status == "failed" else list(parts)
    steps = entry.message.steps if steps is None else steps
    return _end(change, entry.message, status, parts=kept, usage=usage, error=error, stop_reason=stop_reason, steps=steps)


def interrupt(change: Change, drafted: Sequence[Drafted]) -> bool:
    """Mark the reply of a process that no longer lives as interrupted, with what it had written."""
    try:
        _living(change)
    except WriterGone:
        assert change.state is not None and change.state.reply is not None
        reply = change.state.entry(change.state.reply).message
        _end(change, reply, "interrupted", parts=with_drafts(reply.parts, drafted))
        return True
    return False


# -- the queue -------------------------------------------------------------------------------------------------------


def waiting_message(state: State, message_id: str) -> Message:
    """That message, while it waits for its reply to begin."""
    entry = state.open.get(message_id)
    if entry is None or entry.message.status != "queued":
        raise NotPermitted(
            "The message does not wait any more: its reply has begun.",
            hint="Cancel the reply instead, or fork the session before the message.",
            messageId=message_id,
        )
    return entry.message


def withdraw(change: Change, message_id: str, by: Participant | AgentAuthor) -> Session:
    """Take a waiting message back, as if it had never been sent. Whoever waits for its reply learns it from the event."""
    waiting_message(_living(change), message_id)
    change.add(ev.MessageWithdrawn, by=by, message_id=message_id)
    change.release(message_id)
    return change.now.session


def reorder(change: Change, message_ids: Sequence[str], by: Participant) -> Session:
    """Answer these messages first, in this order. One that does not wait any more is passed over, unless none does."""
    waiting = [entry.message.id for entry in _living(change).queue]
    chosen = [message_id for message_id in dict.fromkeys(message_ids) if message_id in waiting]
    if not chosen:
        waiting_message(change.now, message_ids[0])
    _order(change, [*chosen, *(one for one in waiting if one not in chosen)], by)
    return change.now.session


def send_now(change: Change, message_id: str, by: Participant) -> str | None:
    """Answer a waiting message before anything else: the reply being written is cancelled, or one that stopped is given up.

    The id of the reply whose writer has to stop it, if there is one. A message that is being answered stays so.
    """
    state = _living(change)
    _takes_messages(state)
    entry = state.open.get(message_id)
    if entry is not None and entry.message.role == "participant" and entry.message.status == "replying":
        return None
    message = waiting_message(state, message_id)
    others = [entry.message.id for entry in state.queue if entry.message.id != message_id]
    _order(change, [message_id, *others], by, now=message_id if message.delivery else None)
    _settle(change, by=by)
    if state.reply is not None:
        change.add(ev.CancelAsked, by=by, message_id=state.reply)
    return state.reply


def _order(change: Change, message_ids: Sequence[str], by: Participant | AgentAuthor, now: str | None = None) -> None:
    if now is not None or list(message_ids) != [entry.message.id for entry in change.now.queue]:
        change.add(ev.QueueOrdered, by=by, message_ids=list(message_ids), now=now)


# -- permission ------------------------------------------------------------------------------------------------------


def ask(change: Change, reply_id: str, question: Question, writer: Participant) -> bool:
    """Put a question for permission in the log, unless a grant for the whole session covers it: then that is the answer.

    `writer` is the participant in whose process the reply is written.
    """
    own(change, reply_id)
    if _is_granted(change.now, reply_id, question.scope, writer):
        return True
    change.add(
        ev.PermissionAsked,
        by=ev.ByAgent(agent=question.agent),
        request_id=question.request_id,
        message_id=reply_id,
        tool=question.tool,
        summary=question.summary,
        risk=question.risk,
        detail=question.detail,
        scope=question.scope,
    )
    return False


def note(change: Change, reply_id: str, notices: Sequence[str]) -> None:
    """Say in the reply what it has to do without, unless it says so already."""
    if list(notices) != (own(change, reply_id).message.notices or []):
        change.add(ev.ReplyNoticed, message_id=reply_id, notices=list(notices))


def _is_granted(state: State, reply_id: str, scope: str, writer: Participant) -> bool:
    """Whether the writer granted it for the session, and all that the reply answers are messages of theirs.

    A reply works with the files, keys and programs of whoever runs it. So nobody's grant opens another participant's machine,
    and nobody's words (a message of theirs that somebody else resumes, or that steers the reply) use another one's grant.
    """
    reply = state.entry(reply_id).message
    answered = [
        entry.message
        for entry in state.open.values()
        if entry.message.id == reply.reply_to or (entry.message.steered and entry.message.steered.message_id == reply_id)
    ]
    own_words = bool(answered) and all(
        isinstance(message.author, Participant) and message.author.id == writer.id for message in answered
    )
    return own_words and Grant(writer.id, scope) in state.granted


def answer(change: Change, request_id: str, decision: Answer, by: Participant | None) -> bool:
    """Answer a question for permission. The first answer counts; says whether this was it."""
    if all(question.request_id != request_id for question in _living(change).asking):
        return False
    change.add(ev.PermissionAnswered, by=by, request_id=request_id, decision=decision)
    return True


def change_finding(
    change: Change, finding_id: str, state: Literal["open", "fixed", "dismissed"], reason: str | None, by: Participant | None
) -> None:
    _living(change)
    change.add(ev.FindingChanged, by=by, finding_id=finding_id, state=state, reason=reason)


def changes_reverted(change: Change, by: Participant, **fields: object) -> None:
    """Record that a participant took back what agents had changed (see the event)."""
    if change.state is None:
        raise SessionNotFound(change.session_id)
    change.add(ev.ChangesReverted, by=by, **fields)


# -- pause, resume, cancel -------------------------------------------------------------------------------------------


def pause(change: Change, by: Participant) -> Session:
    """Whoever writes a reply sees the event, and stops it."""
    state = _living(change)
    if state.session.state == "archived":
        raise SessionArchived(change.session_id)
    if state.session.state == "active":
        change.add(ev.Paused, by=by)
    return change.now.session


def restart(change: Change, by: Participant, begin: Start | None) -> bool:
    """Resume: the session takes messages again, and the reply that stopped goes on. Says whether one did.

    `begin.reply_id` names the reply that the caller is ready to go on with.
    """
    state = _living(change)
    if state.session.state == "archived":
        raise SessionArchived(change.session_id)
    if is_used_up(state.session):
        raise used_up(state.session)
    if state.session.state == "paused" or state.resumable is not None:
        change.add(ev.Resumed, by=by)
    state = change.now
    if begin is None or state.resumable != begin.reply_id or state.reply is not None:
        return False
    if begin.error is not None:
        _end(change, state.entry(begin.reply_id).message, "failed", error=begin.error)
        return False
    reply_to = state.entry(begin.reply_id).message.reply_to
    assert reply_to is not None
    _start(change, begin, reply_to)
    return True


def set_budget(change: Change, budget: float | None, by: Participant) -> Session:
    """Change how much the session may cost, whatever its state."""
    if _living(change).session.budget != budget:
        change.add(ev.BudgetChanged, by=by, budget=budget)
    return change.now.session


def pause_for_budget(change: Change, reply_id: str) -> bool:
    """Pause the session where its budget is used up, before its writer asks a model; says whether it is paused."""
    author = own(change, reply_id).message.author
    session = change.now.session
    if session.state == "active" and is_used_up(session):
        assert isinstance(author, AgentAuthor)
        change.add(ev.Paused, by=ev.ByAgent(agent=author.agent), reason="budget")
    return change.now.session.state == "paused"


def spend(change: Change, usage: Usage) -> None:
    """Count what models used of which nothing came."""
    if change.state is not None:
        change.add(ev.Spent, usage=usage)


def ask_cancel(change: Change, by: Participant, message_id: str | None = None) -> str | None:
    """Cancel the reply being written (only if it answers `message_id`, where given): its writer sees the event.

    The id of that reply, if there is one.
    """
    state = _living(change)
    if state.reply is None or message_id not in (None, state.entry(state.reply).message.reply_to):
        return None
    change.add(ev.CancelAsked, by=by, message_id=state.reply)
    return state.reply


def cancel_stopped(change: Change, by: Participant) -> Session:
    """Cancel a reply that stopped and could be resumed."""
    state = _living(change)
    if state.reply is None and state.resumable is not None:
        _end(change, state.entry(state.resumable).message, "cancelled", by=by, error=None)
    return change.now.session


def cancel_waiting(change: Change, message_id: str, by: Participant) -> Message | None:
    """Cancel a message that still waits: it gets a reply that is cancelled and empty, of the agent that would have written it."""
    state = _living(change)
    entry = state.open.get(message_id)
    if entry is None or entry.message.status != "queued":
        return None
    agent = entry.message.agent or state.session.agent
    model = entry.message.model or (state.session.model if agent == state.session.agent else None)
    author = AgentAuthor(agent=agent, model=model or "", definition="")
    change.release(message_id)
    return _end(change, _unstarted(change, message_id, new_id(), author), "cancelled", by=by)


# -- fork and compact ------------------------------------------------------------------------------------------------


def fork(
    change: Change, session: Session, identities: Iterable[str], place: int, copies: Sequence[Message], by: Participant
) -> Session:
    """Create the child. It holds its parent up to `place` by reference; what the parent had not finished it holds as copies."""
    parent = session.parent
    assert isinstance(parent, ParentRef)
    change.add(ev.Created, seq=parent.seq + 1, by=by, session=session, identities=list(identities), placed=place)
    ids = {message.id: new_id() for message in copies}
    for original in copies:
        final = original.role == "participant" or original.status == "complete"
        message = original.model_copy(
            update={
                "id": ids[original.id],
                "session_id": session.id,
                "seq": change.now.next_seq,
                "reply_to": ids.get(original.reply_to or "", original.reply_to),
                "steered": original.steered
                and original.steered.model_copy(update={"message_id": ids.get(original.steered.message_id, "")}),
                "status": "complete" if final else "cancelled",
                "parts": original.parts if final else _given_up(original.parts),
                "finished_at": change.at,
            }
        )
        if original.role == "participant":
            change.add(ev.MessageSent, by=original.author, message=message.model_copy(update={"finished_at": None}))
        else:
            assert isinstance(original.author, AgentAuthor)
            change.add(ev.ReplyFinished, by=ev.ByAgent(agent=original.author.agent), message=message)
    return change.now.session


def forked(change: Change, child_id: str, by: Participant) -> None:
    if change.state is not None:
        change.add(ev.Forked, by=by, child_id=child_id)


def bring(
    change: Change,
    session: Session,
    identities: Iterable[str],
    messages: Sequence[Message],
    by: Participant,
    *,
    known: int | None,
) -> tuple[Session, int]:
    """Add messages and replies that were written elsewhere, all final. `known`: how many the session has; None: it is new.

    Where that is not so any more nothing is added. Gives the session, and how many messages were added.
    """
    if change.state is not None:
        _takes_messages(_living(change))
    if (None if change.state is None else change.now.session.message_count) != known:
        return change.now.session, 0
    if known is None:
        change.add(ev.Created, seq=1, by=by, session=session, identities=list(identities))
    for message in messages:
        dated = message.model_copy(update={"seq": change.now.next_seq, "created_at": change.at})
        if isinstance(dated.author, AgentAuthor):
            finished = dated.model_copy(update={"finished_at": change.at})
            change.add(ev.ReplyFinished, by=ev.ByAgent(agent=dated.author.agent), message=finished)
        else:
            change.add(ev.MessageSent, by=by, message=dated)
    return change.now.session, len(messages)


def compact(change: Change, through: int, through_seq: int, summary: str, usage: Usage | None, agent: str) -> Session:
    if change.state is None:
        raise SessionNotFound(change.session_id)
    change.add(ev.Compacted, by=ev.ByAgent(agent=agent), through=through, through_seq=through_seq, summary=summary, usage=usage)
    return change.now.session
