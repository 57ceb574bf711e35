"""Lists the keys and tokens in a session, without showing them."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from sessionls.cli.names import short
from sessionls.cli.terminal import Terminal, safe
from sessionls.domain.model import Participant
from sessionls.sessions.export.masking import MaskedSecret

__all__ = ["print_secrets", "secrets_words"]


def print_secrets(terminal: Terminal, secrets: Sequence[MaskedSecret]) -> int:
    """List what would be masked. Returns the exit code: 1 if anything would be masked."""
    for secret in secrets:
        where = "the session" if secret.message is None else f"message {short(secret.message.id)} by {_author(secret)}"
        terminal.out.print(Text(safe(f"{secret.kind} in {where}:"), style="yellow"), soft_wrap=True)
        terminal.out.print(Text(safe(f"  {secret.line}")), soft_wrap=True)
    if secrets:
        terminal.note(f"Would mask {secrets_words(len(secrets))}.", "yellow")
    else:
        terminal.note("Nothing looks like a key, a token or a password.")
    return 1 if secrets else 0


def secrets_words(number: int) -> str:
    return "1 key or token" if number == 1 else f"{number:,} keys and tokens"


def _author(secret: MaskedSecret) -> str:
    assert secret.message is not None
    author = secret.message.author
    return author.name if isinstance(author, Participant) else author.agent
