"""What is known about models: windows, prices, abilities. Read from litellm's data file, without importing litellm.

The file has thousands of rows and is 3 MB of JSON. Only the rows of models that are asked about are decoded and kept.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

__all__ = ["Catalog", "Row"]

Row = Mapping[str, Any]

_FILE = "model_prices_and_context_window_backup.json"
_NOTHING: Row = {}


class Catalog:
    """Rows by provider and model. `row` returns only rows that `learn` has read before."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._rows: dict[tuple[str, str], Row] = {}

    def row(self, provider: str, model: str) -> Row:
        """What is known about that model; empty if nothing is known, or `learn` was not called for it."""
        return self._rows.get((provider, model), _NOTHING)

    async def learn(self, models: Iterable[tuple[str, str]]) -> None:
        """Read the rows of these (provider, model) pairs. One that was read before costs nothing."""
        missing = [pair for pair in dict.fromkeys(models) if pair not in self._rows]
        if missing:
            self._rows.update(await asyncio.to_thread(self._read, missing))

    def _read(self, pairs: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Row]:
        path = self._path or _find_file()
        try:
            text = "" if path is None else path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            text = ""
        rules = _decode_member(text, "fallback_generalizations") or {}
        return {pair: _find_row(text, rules, *pair) for pair in pairs}


def _find_file() -> Path | None:
    """The data file in the installed package, which is found without being imported."""
    spec = importlib.util.find_spec("litellm")
    places = (spec.submodule_search_locations if spec is not None else None) or ()
    return next((path for place in places if (path := Path(place) / _FILE).is_file()), None)


def _find_row(text: str, rules: Mapping[str, Any], provider: str, model: str) -> Row:
    """The row of `provider/model`, or of the model alone if that row names the provider; else the rules for its family."""
    row = _decode_member(text, f"{provider}/{model}")
    if row is None:
        row = _decode_member(text, model)
        # `bedrock_converse` is one of Bedrock's interfaces.
        if row is not None and not (provider and str(row.get("litellm_provider")).startswith(provider)):
            row = None
    if row is not None:
        return row
    family: dict[str, Any] = {}
    for rule in rules.get("rules") or ():
        # A rule for a whole provider says nothing about the model.
        known = {name: value for name, value in rule.get("model_info", {}).items() if name != "litellm_provider"}
        if known and re.search(str(rule.get("pattern")), model):
            family.update(known)
    return family


def _decode_member(text: str, name: str) -> dict[str, Any] | None:
    """The object that is the value of `name` in the text's outermost object. Decodes nothing else."""
    key = json.dumps(name)
    at = text.find(key)
    while at >= 0:
        after = re.compile(r"\s*:\s*(?=\{)").match(text, at + len(key))
        if after is not None:
            try:
                found, _ = json.JSONDecoder().raw_decode(text, after.end())
            except (ValueError, RecursionError):
                return None
            # Inner objects look different: a row has a mode, and the rules are a list.
            if isinstance(found, dict) and ("mode" in found or "litellm_provider" in found or "rules" in found):
                return found
        at = text.find(key, at + 1)
    return None
