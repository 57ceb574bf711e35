"""What a session has spent."""

from __future__ import annotations

from sessionls.sessions.model import Usage

__all__ = ["SessionAccount"]


class SessionAccount:
    """Pays for a summary that no reply needs (`compaction.Account`)."""

    def __init__(self) -> None:
        self.usage: Usage | None = None

    async def before_call(self) -> None:
        """Nothing keeps it."""

    def spend(self, usage: Usage | None) -> None:
        if usage is not None:
            self.usage = usage if self.usage is None else self.usage + usage
