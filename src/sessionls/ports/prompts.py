"""The port of prompt files, which are reusable messages."""

from __future__ import annotations

from typing import Protocol

from sessionls.domain.results import ExpandedPrompt, PromptFile

__all__ = ["Prompts"]


class Prompts(Protocol):
    async def list(self) -> list[PromptFile]:
        """The prompt files of the user and of trusted folders, by name. If several have the same name, the nearest is used."""
        ...

    async def expand(self, name: str, arguments: str) -> ExpandedPrompt:
        """The message that results from the prompt file and these arguments. Raises `InvalidParams`."""
        ...
