"""Generate the Neovim plugin's types (from docs/protocol.schema.json) and help (from its sources). --check only compares."""

from __future__ import annotations

import json
import re
import sys
import textwrap
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SCHEMA = ROOT / "docs" / "protocol.schema.json"
PROTOCOL = ROOT / "docs" / "protocol.md"
PACKAGE = ROOT / "src" / "sessionls"
PLUGIN = ROOT / "editors" / "nvim"
LUA = PLUGIN / "lua" / "sessionls"
PLAIN = {"string": "string", "integer": "integer", "number": "number", "boolean": "boolean", "null": "nil", "object": "table"}
WIDTH = 78


# -- types -----------------------------------------------------------------------------------------------------------


def types() -> str:
    lines = ["---@meta", "-- Generated from docs/protocol.schema.json by `make docs`. Do not edit.", ""]
    for name, shape in sorted(json.loads(SCHEMA.read_text(encoding="utf-8"))["$defs"].items()):
        if "oneOf" in shape or "anyOf" in shape or "enum" in shape:
            lines += [f"---@alias sessionls.{name} {lua_type(shape)}", ""]
            continue
        description = (shape.get("description") or "").partition("\n\n")[0].replace("\n", " ")
        lines += [f"--- {description}"] if description else []
        lines.append(f"---@class sessionls.{name}")
        required = shape.get("required", [])
        for field, value in shape.get("properties", {}).items():
            # The server always sends fields that have a default.
            optional = "" if field in required or "default" in value else "?"
            lines.append(f"---@field {field}{optional} {lua_type(value)}")
        lines.append("")
    return "\n".join(lines)


def lua_type(shape: dict[str, Any]) -> str:
    if "$ref" in shape:
        return f"sessionls.{shape['$ref'].rpartition('/')[2]}"
    for choice in ("oneOf", "anyOf"):
        if choice in shape:
            return "|".join(dict.fromkeys(map(lua_type, shape[choice])))
    if "const" in shape:
        return literal(shape["const"])
    if "enum" in shape:
        return "|".join(map(literal, shape["enum"]))
    kind = shape.get("type")
    if isinstance(kind, list):
        return "|".join(PLAIN[name] for name in kind)
    if kind == "array":
        inner = lua_type(shape.get("items", {}))
        return f"({inner})[]" if "|" in inner else f"{inner}[]"
    return PLAIN.get(kind or "", "any")


def literal(value: object) -> str:
    return f"'{value}'" if isinstance(value, str) else str(value)


def version() -> str:
    """The file with the versions of the plugin (the same as the server's) and of the protocol."""
    plugin = re.search(r'^__version__ = "(.+)"$', (PACKAGE / "__init__.py").read_text(encoding="utf-8"), re.MULTILINE)
    protocol = re.search(r"^# The protocol: version (\d+)$", PROTOCOL.read_text(encoding="utf-8"), re.MULTILINE)
    assert plugin is not None and protocol is not None
    return (
        "-- Generated from the server's version and docs/protocol.md by `make docs`. Do not edit.\n"
        f"return {{ plugin = '{plugin[1]}', protocol = {protocol[1]} }}\n"
    )


# -- help ------------------------------------------------------------------------------------------------------------


def source(name: str) -> str:
    return (LUA / f"{name}.lua").read_text(encoding="utf-8")


def heading(title: str, tag: str) -> list[str]:
    mark = f"*{tag}*"
    return ["", "=" * WIDTH, title + mark.rjust(WIDTH - len(title)), ""]


def entry(head: str, text: str, tag: str = "") -> list[str]:
    lines = [f"*{tag}*".rjust(WIDTH)] if tag else []
    return [*lines, head, *textwrap.wrap(text, WIDTH, initial_indent="    ", subsequent_indent="    "), ""]


def commands() -> list[str]:
    lines = []
    blocks = re.split(r"^M\.(\w+) = \{", source("subcommands"), flags=re.MULTILINE)[1:]
    for name, body in zip(blocks[::2], blocks[1::2], strict=True):
        usage = re.search(r"usage = '([^']*)'", body)
        description = re.search(r"""help = (?:'([^']*)'|"([^"]*)")""", body)
        assert description is not None, f"the subcommand {name} has no help"
        head = f":Sessionls {name} {usage[1] if usage else ''}".rstrip()
        lines += entry(head, description[1] or description[2], f":Sessionls-{name}")
    return lines


def settings() -> list[str]:
    lines = []
    for name, rest in re.findall(r"^---@field (\w+)\?? (.*)$", source("config"), re.MULTILINE):
        kind, description = type_and_description(rest)
        lines += entry(f"{name} ~", f"{description[:1].upper()}{description[1:]}. Type: `{kind}`", f"sessionls-config-{name}")
    return lines


def type_and_description(text: str) -> tuple[str, str]:
    """Split off a LuaCATS type, which may contain spaces inside brackets and after a colon, from its description."""
    depth = 0
    for at, character in enumerate(text):
        depth += (character in "(<{[") - (character in ")>}]")
        if character == " " and depth == 0 and not text[:at].endswith(":"):
            return text[:at], text[at + 1 :]
    return text, ""


def maps() -> list[str]:
    text, lines = source("maps"), []
    sections = {"common_maps": "In both buffers", "transcript_maps": "In the transcript", "draft_maps": "In the draft"}
    for table, title in sections.items():
        lines += [f"{title}: ~"]
        body = text.partition(f"M.{table} = {{")[2].partition("\n}")[0]
        rows = re.findall(r"""^  (\w+) = \{ (.*?), '([^']+)', (?:'([^']*)'|"([^"]*)"), """, body, re.MULTILINE)
        assert rows, f"maps.lua has no {table}"
        for name, modes, key, description, other in rows:
            kinds = ", ".join(re.findall(r"'(\w)'", modes))
            lines.append(f"    {key:<8} {name:<12} {kinds:<5} {description or other}")
        lines.append("")
    return lines


def quickfix_keys() -> list[str]:
    table = source("changes").partition("\nM.keys = {")[2]
    rows = re.findall(r"\{\s+'(\w)',\s+'([^']+)',", table)
    assert rows, "changes.lua has no keys"
    return [f"    {key:<8} {description}" for key, description in rows]


def plugs() -> list[str]:
    text = (PLUGIN / "plugin" / "sessionls.lua").read_text(encoding="utf-8")
    rows = {
        "ask": "(normal: an operator, repeatable with `.`; visual) Ask",
        "add": "(normal: an operator; visual) Add to the draft",
    }
    simple = re.findall(
        r"^  (?:\['([\w-]+)'\]|(\w+)) = '([^']+)',$", text.partition("pairs({")[2].partition("})")[0], re.MULTILINE
    )
    rows |= {quoted or name: f":Sessionls {command}" for quoted, name, command in simple}
    return [f"    <Plug>(sessionls-{name})".ljust(40) + description for name, description in rows.items()]


def functions() -> list[str]:
    lines = []
    for comment, name, arguments in re.findall(r"((?:^---.*\n)+)^function M\.(\w+)\((.*?)\)", source("init"), re.MULTILINE):
        description = " ".join(line[3:].strip() for line in comment.splitlines() if not line.startswith("---@"))
        lines += entry(f"require('sessionls').{name}({arguments})", description, f"sessionls.{name}()")
    return lines


def help_text() -> str:
    lines = [
        "*sessionls.txt*  Sessions with agents, beside your code",
        "Generated from the plugin's sources by `make docs`. Do not edit.",
        *heading("INTRODUCTION", "sessionls"),
        *textwrap.wrap(
            "A session contains messages of people and replies of agents, and is still there after you quit. Select code, run "
            "`:Sessionls ask`, write a sentence and press <CR>: the reply appears beside your code. You can send a single "
            "message to another agent: begin it with `@review`, for example. Nothing is modal or takes the focus unless you "
            "ask for it.",
            WIDTH,
        ),
        "",
        "These words have a meaning in the draft, and completion offers them:",
        "`@agent` as the first word, `#selection`, `#buffer`, `#buffers`,",
        "`#diagnostics`, `#diff`, `#symbol`, `#quickfix` and `#file:PATH`. Delete a",
        "word to remove its context. A `*` in the line above the draft means that",
        "the file is not saved; the agent sees the unsaved text.",
        "",
        "`:checkhealth sessionls` shows what is missing.",
        *heading("COMMANDS", ":Sessionls"),
        *commands(),
        *heading("MAPS", "sessionls-maps"),
        "The plugin maps keys only in the session's buffers. Add your own maps: >lua",
        "    vim.keymap.set({ 'n', 'x' }, '<leader>a', '<Plug>(sessionls-ask)')",
        "<",
        *plugs(),
        "",
        "The keys of the session's buffers, with their names in",
        "`vim.g.sessionls.maps` (set another key, or false):",
        "",
        *maps(),
        *heading("QUESTIONS", "sessionls-questions"),
        *textwrap.wrap(
            "When an agent needs permission, it asks in the transcript, with a notification, and in the status "
            "line. `:Sessionls answer` shows the oldest question in full. There, `y` allows it once, `s` for "
            "this session, `d` denies it, `D` denies it with a reason, and `q` leaves it open. The window ignores keys for its "
            "first 300 ms, so that what you were typing cannot answer the question.",
            WIDTH,
        ),
        *heading("EDITS", "sessionls-edits"),
        *textwrap.wrap(
            "Agents edit your buffers. `u` undoes each edit. A file is saved after an edit if it had no "
            "unsaved changes. Signs mark the lines until you change them or mark them as reviewed. Their highlights are "
            "SessionlsAdded, SessionlsChanged and SessionlsRemoved. `:Sessionls changes` lists the hunks of each reply in "
            "the quickfix window, with these keys:",
            WIDTH,
        ),
        "",
        *quickfix_keys(),
        "",
        *textwrap.wrap(
            "With `p` in a question, or with the server's setting `confirm_edits`, you see an edit before it is made: a "
            "tab with a diff of the file and the proposal. You can change the proposal, also with `do` and `dp`. `:w` "
            "accepts it with your changes, `:q` rejects it. A waiting edit does not take the focus: `:Sessionls answer` shows it "
            "like a question, and `:Sessionls answer once` and `deny` answer it.",
            WIDTH,
        ),
        *heading("SETTINGS", "sessionls-config"),
        "`vim.g.sessionls` is a table or a function that returns one. No setup() is",
        "needed. Configure the language server itself with",
        "`vim.lsp.config('sessionls', { … })`.",
        "",
        *settings(),
        *heading("EVENTS", "sessionls-events"),
        "User autocommands, with `data`: SessionlsReplyStarted,",
        "SessionlsReplyFinished, SessionlsQuestionAsked, SessionlsQuestionAnswered,",
        "SessionlsEdited, SessionlsFindingReported, SessionlsSessionChanged,",
        "SessionlsParticipantJoined. Events of replies, edits and findings come",
        "only for sessions that are open here.",
        *heading("FUNCTIONS", "sessionls-functions"),
        *functions(),
        " vim:tw=78:ts=8:noet:ft=help:norl:",
        "",
    ]
    return "\n".join(lines)


def main() -> int:
    stale = []
    fresh_files = {LUA / "types.lua": types(), LUA / "version.lua": version(), PLUGIN / "doc" / "sessionls.txt": help_text()}
    for path, fresh in fresh_files.items():
        if not path.exists() or path.read_text(encoding="utf-8") != fresh:
            stale.append(path.relative_to(ROOT).as_posix())
            if "--check" not in sys.argv[1:]:
                path.write_text(fresh, encoding="utf-8", newline="\n")
    if stale and "--check" in sys.argv[1:]:
        print(f"Stale: {', '.join(stale)}. Renew them with `make docs`.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
