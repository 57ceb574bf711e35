"""The prompt for an external agent: the part of the session that it has not seen yet, and the message with its context."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sessionls.domain.model import Context, FileContext, ImageContext, Message, Participant, SelectionContext, SymbolContext
from sessionls.domain.state import Entry
from sessionls.ports.store import Transcript
from sessionls.sessions.prompt.transcript import plain

__all__ = ["CONTINUE_PROMPT", "Block", "image_blocks", "image_contexts", "message_blocks", "text_block", "transcript_text"]

Block = dict[str, Any]

CONTINUE_PROMPT = (
    "Your reply was interrupted here. Continue exactly where it stopped, without repeating anything and without mentioning the "
    "interruption. It is not known whether your last action was carried out: check before you do it again."
)
_LIMIT = 200_000  # characters of unseen messages; older ones are left out


def text_block(text: str) -> Block:
    return {"type": "text", "text": text}


def image_contexts(*messages: Message) -> list[ImageContext]:
    """The images of the messages, in order."""
    return [context for message in messages for context in message.context or () if isinstance(context, ImageContext)]


def message_blocks(
    message: Message, render: Callable[[Context], str], *, resources: bool, named: bool, images: Mapping[str, str]
) -> list[Block]:
    """The message, after the blocks for each of its contexts. `resources`: the agent accepts embedded resources. `images` are
    the bytes of its images in base64, by sha256.
    """
    blocks: list[Block] = []
    for context in message.context or ():
        blocks.append(_context_block(context, render, resources=resources))
        if isinstance(context, ImageContext):
            blocks += image_blocks([context], images)
    author = f"[{message.author.name}] " if named and isinstance(message.author, Participant) else ""
    return [*blocks, text_block(f"{author}{message.text}")]


def image_blocks(contexts: Sequence[ImageContext], images: Mapping[str, str]) -> list[Block]:
    return [
        {"type": "image", "data": images[context.sha256], "mimeType": context.mime_type}
        for context in contexts
        if context.sha256 is not None and context.sha256 in images
    ]


def _context_block(context: Context, render: Callable[[Context], str], *, resources: bool) -> Block:
    """Documents as resources with the editor's text, including unsaved changes; everything else as in prompts for models."""
    has_text = isinstance(context, FileContext | SelectionContext | SymbolContext) and context.text is not None
    if not resources or not has_text or context.notice is not None:
        return text_block(render(context))
    assert isinstance(context, FileContext | SelectionContext | SymbolContext)
    uri = context.uri
    if not isinstance(context, FileContext) and context.range is not None:
        uri += f"#L{context.range.start.line + 1}-L{context.range.end.line + 1}"
    return {"type": "resource", "resource": {"uri": uri, "mimeType": "text/plain", "text": context.text}}


def transcript_text(transcript: Transcript, agent: str, seen_position: int, render: Callable[[Context], str]) -> str:
    """The messages with their authors, for an agent that has seen the session up to `seen_position`.

    Empty if there are no new ones. The agent's own reply to the message at this position is left out.
    """
    own_position = seen_position + 1 if seen_position else 0
    pieces = [_entry(entry, agent, render) for entry in transcript.entries if not _is_reply_of(entry, agent, own_position)]
    pieces = [piece for piece in pieces if piece]
    kept: list[str] = []
    remaining = _LIMIT
    for piece in reversed(pieces):
        if len(piece) > remaining:
            break
        kept.insert(0, piece)
        remaining -= len(piece)
    left_out = len(pieces) - len(kept)
    if transcript.summary:
        kept.insert(0, f"Summary of the earlier session:\n\n{transcript.summary[:_LIMIT]}")
    if left_out:
        kept.insert(0, f"({left_out} older messages are left out.)")
    if not kept:
        return ""
    body = "\n\n".join(kept).replace("</transcript", "<\\/transcript")
    return (
        "You take part in a session with people and other agents. The transcript has the messages that you have not seen yet. "
        f"The message to you follows after it.\n\n<transcript>\n{body}\n</transcript>"
    )


def _is_reply_of(entry: Entry, agent: str, position: int) -> bool:
    return entry.place == position and not isinstance(entry.message.author, Participant) and entry.message.author.agent == agent


def _entry(entry: Entry, agent: str, render: Callable[[Context], str]) -> str:
    message = entry.message
    if isinstance(message.author, Participant):
        to = f" to the agent {message.agent}" if message.agent else ""
        contexts = [render(context) for context in message.context or ()]
        return "\n\n".join([f"[{message.author.name}{to}]", *contexts, message.text])
    text = plain(message.parts)
    if not text:
        return ""
    author = "you, the agent" if message.author.agent == agent else "the agent"
    status = "" if message.status == "complete" else f", {message.status}"
    return f"[{author} {message.author.agent}{status}]\n\n{text}"
