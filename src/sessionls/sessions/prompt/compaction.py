"""Summarises the older part of a session for the model. The log keeps everything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from sessionls.domain.errors import ModelUnavailable
from sessionls.domain.model import AgentAuthor, Usage
from sessionls.domain.state import Entry
from sessionls.ports.models import ModelRequest, Models, StepEnd, TextDelta
from sessionls.sessions.prompt.transcript import ModelMessages, TranscriptOptions, estimate_tokens, for_model, plain
from sessionls.sessions.prompt.window import DEFAULT_WINDOW

__all__ = ["Account", "Summary", "split", "summarise"]

_REQUEST = (
    "Write a summary for a colleague who takes over this session and knows nothing else about it. Keep: what was requested and "
    "why; what was decided, with the reasons; what was done, file by file, with exact names, paths and numbers; what was "
    "found out; what is unfinished, and the next step. Omit pleasantries and anything superseded. Write short factual "
    "paragraphs in the language of the session."
)


_SMALLEST = 2_000  # characters of a piece that is not divided further


@dataclass(frozen=True, slots=True)
class Summary:
    text: str
    through: int
    through_seq: int


class Account(Protocol):
    """The account to which a summary's usage is added."""

    async def before_call(self) -> None:
        """Called before each request to a model. Raises an error if the limit is reached."""
        ...

    def spend(self, usage: Usage | None) -> None:
        """Add the usage of one request."""
        ...


def split(entries: Sequence[Entry], options: TranscriptOptions, budget: int) -> int:
    """How many of the entries to summarise so that the others take at most `budget` tokens.

    The newest message and its reply always stay.
    """
    left = budget
    for index in range(len(entries) - 1, -1, -1):
        left -= estimate_tokens(for_model([entries[index]], options))
        if left < 0:
            # A reply stays with the message that it answers.
            cut = index + 1
            while cut < len(entries) and isinstance(entries[cut].message.author, AgentAuthor):
                cut += 1
            cut = min(cut, len(entries) - 1)
            while cut > 0 and isinstance(entries[cut].message.author, AgentAuthor):
                cut -= 1
            return cut
    return 0


async def summarise(
    models: Models, model: str, entries: Sequence[Entry], options: TranscriptOptions, earlier: str | None, account: Account
) -> Summary:
    """Summarise entries, in as many pieces as the model's window requires.

    Raises `ModelUnavailable`, and the errors of `account`.
    """
    window = models.window(model) or DEFAULT_WINDOW
    size = max(window // 2, 500) * 3  # characters
    summary = earlier
    for piece in _pieces([_entry_text(entry, options) for entry in entries], size):
        summary = await _add(models, model, summary, piece, account)
    last = entries[-1]
    assert last.place is not None and summary is not None
    return Summary(summary, last.place, last.ended_seq or last.message.seq)


def _entry_text(entry: Entry, options: TranscriptOptions) -> str:
    message = entry.message
    if isinstance(message.author, AgentAuthor):
        results = "\n".join(
            f"{part.name} returned: {(part.result or '')[:2000]}" for part in message.parts if part.kind == "tool"
        )
        return f"[agent {message.author.agent}]\n{plain(message.parts)}\n{results}".strip()
    contexts = "\n".join(options.render(context) for context in message.context or ())
    return f"[{message.author.name}]\n{contexts}\n{message.text}".strip()


def _pieces(texts: Sequence[str], size: int) -> list[str]:
    pieces = [""]
    for text in texts:
        rest = text
        while rest:
            space = size - len(pieces[-1])
            if len(rest) > space and pieces[-1]:
                pieces.append("")
                continue
            pieces[-1] += rest[:space] + "\n\n"
            rest = rest[space:]
    return [piece for piece in pieces if piece.strip()]


async def _add(models: Models, model: str, earlier: str | None, piece: str, account: Account) -> str:
    """The summary including that piece; if the model says that it is too long, of its two halves in turn."""
    try:
        return await _ask(models, model, earlier, piece, account)
    except ModelUnavailable as problem:
        if problem.reason != "overflow" or len(piece) < _SMALLEST:
            raise
    half = len(piece) // 2
    return await _add(models, model, await _add(models, model, earlier, piece[:half], account), piece[half:], account)


async def _ask(models: Models, model: str, earlier: str | None, piece: str, account: Account) -> str:
    before = f"The summary of the session so far:\n\n{earlier}\n\n" if earlier else ""
    messages: ModelMessages = [
        {"role": "system", "content": "You summarise sessions between people and agents who work on code."},
        {"role": "user", "content": f"{before}The session continues:\n\n{piece}\n\n{_REQUEST}"},
    ]
    text: list[str] = []
    await account.before_call()
    async for output in models.stream(ModelRequest(model, messages, max_tokens=2_000)):
        if isinstance(output, TextDelta):
            text.append(output.text)
        elif isinstance(output, StepEnd):
            account.spend(output.usage)
    summary = "".join(text).strip()
    if not summary:  # an empty summary would lose the messages that it replaces
        raise ModelUnavailable(
            f"{model} returned no summary of the older part of the session.",
            hint="Try again, or choose another model.",
            reason="provider",
            model=model,
        )
    return summary
