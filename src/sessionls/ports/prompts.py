"""The port to prompt files: messages that are written once and sent often."""

from __future__ import annotations

from typing import Protocol

from sessionls.domain.results import ExpandedPrompt, PromptFile

__all__ = ["Prompts"]


class Prompts(Protocol):
    async def list(self) -> list[PromptFile]:
        """Those of the user and of trusted folders, by name. Of several with one name the nearest counts."""
        ...

    async def expand(self, name: str, arguments: str) -> ExpandedPrompt:
        """The message that one makes of these arguments. Raises `InvalidParams`."""
        ...
