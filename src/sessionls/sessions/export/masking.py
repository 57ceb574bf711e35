"""Masks keys, tokens and passwords in exports, and records what it masked."""

from __future__ import annotations

from dataclasses import dataclass, field

from sessionls.domain.model import Message, Session
from sessionls.masking import Secret, mask, mask_tree

__all__ = ["MaskedSecret", "Masking"]

# Fields without text by people or agents.
_NO_TEXT = frozenset(
    {"id", "sessionId", "messageId", "replyTo", "callId", "requestId", "definition", "sha256", "kind", "status", "role", "state"}
)
_LINE = 160  # characters


@dataclass(frozen=True, slots=True)
class MaskedSecret:
    """A masked secret: its kind, its message (None: the session itself), and its line.

    `line` is that line with its secrets masked, cut to a bounded length.
    """

    kind: str
    message: Message | None
    line: str


@dataclass
class Masking:
    """Masks one export. Slow for long texts: do not use it in the event loop."""

    secrets: list[MaskedSecret] = field(default_factory=list)

    def session(self, session: Session) -> Session:
        found: list[tuple[str, Secret]] = []
        masked = Session.model_validate(mask_tree(session.wire(), found, skip=_NO_TEXT))
        self._note(found, None)
        return masked

    def messages(self, messages: list[Message]) -> list[Message]:
        return [self._message(message) for message in messages]

    def _message(self, message: Message) -> Message:
        found: list[tuple[str, Secret]] = []
        masked = mask_tree(message.wire(), found, skip=_NO_TEXT)
        self._note(found, message)
        return Message.model_validate(masked) if found else message

    def _note(self, found: list[tuple[str, Secret]], message: Message | None) -> None:
        self.secrets += [MaskedSecret(secret.kind, message, _line(text, secret)) for text, secret in found]


def _line(text: str, secret: Secret) -> str:
    """The text around a secret in its line."""
    start = max(text.rfind("\n", 0, secret.start) + 1, secret.start - _LINE // 2)
    end = text.find("\n", secret.end)
    end = min(len(text) if end < 0 else end, secret.end + _LINE // 2)
    # The text before and after it may be a part of another secret.
    before, after = mask(text[start : secret.start])[0], mask(text[secret.end : end])[0]
    return f"{before}[masked: {secret.kind}]{after}".strip()
