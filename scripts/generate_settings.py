"""Write the tables of settings and commands in docs/ from the code; with --check only compare."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer.main

from sessionls.cli.commands import app
from sessionls.settings.settings import PREFIX, Settings

DOCS = Path(__file__).resolve().parent.parent / "docs"


def settings_table() -> str:
    rows = ["| Setting | In the environment | Default | Meaning |", "|---|---|---|---|"]
    for name, field in Settings.model_fields.items():
        extra = field.json_schema_extra
        shown = extra["shown"] if isinstance(extra, dict) else f"`{str(field.default).lower()}`"
        rows.append(f"| `{name}` | `{PREFIX}{name.upper()}` | {shown} | {field.description} |")
    return "\n".join(rows)


def command_table() -> str:
    rows = ["| Command | Purpose |", "|---|---|"]
    for name, command in _commands(typer.main.get_group(app)):
        arguments = [param.metavar or str(param.name).upper() for param in command.params if param.param_type_name == "argument"]
        options = [max(param.opts, key=len) for param in command.params if param.param_type_name == "option"]
        summary = (command.help or "").partition("\n")[0]
        rows.append(f"| `{' '.join(['sessionls', name, *arguments])}` | {summary}{_options(options)} |")
    return "\n".join(rows)


def _commands(group: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _commands(command, f"{before}{name} ")
        else:
            yield f"{before}{name}", command


def _options(names: list[str]) -> str:
    return f" ({', '.join(f'`{name}`' for name in names)})" if names else ""


# The page that contains each table.
TABLES = {"settings": ("settings.md", settings_table), "commands": ("terminal.md", command_table)}


def with_table(text: str, page: str, name: str, table: str) -> str:
    """The text with a new table between its two markers."""
    begin, end = f"<!-- {name}: written by `make docs` -->\n", f"\n<!-- /{name} -->"
    before, found, rest = text.partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise SystemExit(f"docs/{page} has no markers for the table of {name}.")
    return before + begin + table + end + after


def main() -> int:
    stale = []
    for name, (page, table) in TABLES.items():
        path = DOCS / page
        text = path.read_text(encoding="utf-8")
        fresh = with_table(text, page, name, table())
        if fresh != text:
            stale.append(page)
            if "--check" not in sys.argv[1:]:
                path.write_text(fresh, encoding="utf-8")
    if stale and "--check" in sys.argv[1:]:
        print(f"The tables in docs/ are stale ({', '.join(stale)}): update them with `make docs`.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
