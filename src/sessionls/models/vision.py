"""Which images models accept, by litellm's data."""

from __future__ import annotations

from sessionls.models.catalog import Row
from sessionls.ports.models import ImageSupport

__all__ = ["image_support_of"]

# For these, the data marks every model that accepts images. For others, rows may lack the mark.
_COMPLETE = frozenset({"openai", "anthropic", "mistral", "xai", "groq", "gemini", "deepseek"})
_CLAUDE_LARGEST = (5 << 20) * 3 // 4  # bytes: 5 MiB in base64
_CLAUDE_LONGEST = 8_000  # pixels


def image_support_of(provider: str, model: str, row: Row) -> ImageSupport:
    claude = "claude" in model
    largest, longest = (_CLAUDE_LARGEST, _CLAUDE_LONGEST) if claude else (None, None)
    accepted = row.get("supports_vision")
    if not isinstance(accepted, bool):
        # The row of a fine-tuned model has only a price.
        known = provider in _COMPLETE and row.get("mode") in ("chat", "responses") and not model.startswith("ft:")
        accepted = False if known else None
    return ImageSupport(accepted, largest, longest)
