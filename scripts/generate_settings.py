"""Write the tables of settings and commands in README.md from the code; with --check only say whether they are right."""

from __future__ import annotations

import sys
from pathlib import Path

import typer.main

from sessionls.cli.commands import app
from sessionls.settings import PREFIX, Settings

README = Path(__file__).resolve().parent.parent / "README.md"


def settings_table() -> str:
    rows = ["| Setting | In the environment | Default | Meaning |", "|---|---|---|---|"]
    for name, field in Settings.model_fields.items():
        extra = field.json_schema_extra
        shown = extra["shown"] if isinstance(extra, dict) else f"`{str(field.default).lower()}`"
        rows.append(f"| `{name}` | `{PREFIX}{name.upper()}` | {shown} | {field.description} |")
    return "\n".join(rows)


def command_table() -> str:
    rows = ["| Command | Does |", "|---|---|"]
    group = typer.main.get_group(app)
    for name, command in group.commands.items():
        arguments = [param.metavar or str(param.name).upper() for param in command.params if param.param_type_name == "argument"]
        options = [max(param.opts, key=len) for param in command.params if param.param_type_name == "option"]
        does = (command.help or "").partition("\n")[0]
        rows.append(f"| `{' '.join(['sessionls', name, *arguments])}` | {does}{_options(options)} |")
    return "\n".join(rows)


def _options(names: list[str]) -> str:
    return f" ({', '.join(f'`{name}`' for name in names)})" if names else ""


BLOCKS = {"settings": settings_table, "commands": command_table}


def renewed(text: str) -> str:
    """The text with what stands between each pair of markers written anew."""
    for name, table in BLOCKS.items():
        begin, end = f"<!-- {name}: written by `make docs` -->\n", f"\n<!-- /{name} -->"
        before, found, rest = text.partition(begin)
        _, closed, after = rest.partition(end)
        if not found or not closed:
            raise SystemExit(f"README.md has no place for the table of {name}.")
        text = before + begin + table() + end + after
    return text


def main() -> int:
    text = README.read_text(encoding="utf-8")
    fresh = renewed(text)
    if fresh == text:
        return 0
    if "--check" in sys.argv[1:]:
        print("The tables in README.md are stale: renew them with `make docs`.", file=sys.stderr)
        return 1
    README.write_text(fresh, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
