"""Inputs made to take forever, one function each. `python tests/hostile_inputs.py NAME` processes one of them.

Each is passed to the code that processes such input in real use. Earlier versions took minutes or much longer for each.
"""

from __future__ import annotations

import contextlib
import json
import re
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from sessionls.domain.errors import InvalidParams

CASES: dict[str, Callable[[], None]] = {}


def case(function: Callable[[], None]) -> Callable[[], None]:
    CASES[function.__name__] = function
    return function


STARS = "*a" * 30 + "b"


@case
def gitignore_without_git() -> None:
    from sessionls.tools import files

    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / ".gitignore").write_text(f"{STARS}\n**/a/**/a/**/a/**/b\n")
        deep = root.joinpath(*"aaaaaaaaaaaaaaaa")
        deep.mkdir(parents=True)
        for at in (root, deep):
            (at / ("a" * 200)).write_text("")
        found, cut = files._walk(root, ".")
        assert len(found) == 3 and not cut


@case
def session_files() -> None:
    from sessionls.domain.model import Session
    from sessionls.server.features.session_file import draft, marks, outline
    from sessionls.server.features.session_file.planning import apply, plan, plan_reference

    session = Session(id="s", title="t", agent="code", created_at="", updated_at="")
    heading = marks.message_mark("s", 1, "m")
    for piece in (
        *("<!-- sessionls ", "<!-- sessionls next " + "a" * 199, heading, "▸ \n````\n", "#file:", '#file:"', "a/", "@a.", "\n"),
        "<!-- sessionls next 12345678 12345678 | ",
        f"{heading}\n▸ \n```\n",
    ):
        text = piece * (1_000_000 // len(piece))
        found = marks.parse(text, "s")
        outline.folds(found)
        outline.links(found, [], "utf-16")
        outline.symbols(found, "utf-16")
        draft.read(text)
        marks.without_marks(text)
        apply(text, plan(found, session, [], None))  # type: ignore[arg-type]  # nobody wrote anything
        plan_reference(found, "#diff")


@case
def glob_of_a_model() -> None:
    from sessionls.tools.files import glob_filter

    for glob in (STARS, "{a,b}{a,b}{a,b}*" + STARS, "**/*a" * 100 + "/b", "?*" * 200 + "b"):
        assert not glob_filter(glob).match("a/" * 500 + "a" * 1000)


@case
def braces_of_a_model() -> None:
    from sessionls.tools.files import glob_filter

    for glob in ("{" + "," * 900, "{" + "a," * 20 + "}" + "{" + "b," * 20 + "}" * 3, "{" * 900):
        with contextlib.suppress(ValueError):
            glob_filter(glob)


@case
def names_in_a_definition() -> None:
    from sessionls.domain.agent import Definition

    definition = Definition(name="a", prompt="x", tools=("*a" * 5000 + "b",), permissions={"*a" * 5000 + "b/*": "deny"})
    assert definition.choose_tools(["a" * 500]) == []


@case
def comments_in_settings() -> None:
    from sessionls.tools.mcp.config import read_folder

    for text in ("/*" * 130_000, '\\"' * 130_000, '"' + "\\\\" * 130_000, "," + " " * 260_000, ",  " * 80_000, "//" * 130_000):
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, ".mcp.json").write_text(text)
            assert read_folder(Path(folder))[0].problem


@case
def secrets_in_a_text() -> None:
    from sessionls.masking import find_secrets

    pieces = ("://a:", "eyJa.", "-", "a.", "sk-a1", "password=", "cl_key", " =", "-----BEGIN RSA ", "://", "softlayer", "0.")
    for piece in pieces:  # (a whole line of it took a minute and more for some)
        assert find_secrets(piece * (50_000 // len(piece))) is not None


@case
def prompt_files() -> None:
    import asyncio

    from sessionls.agents.prompt_files import PromptFiles

    pieces = ("${input:a:", "${input:a:b", "${input:", "$1", "$ARGUMENTS", "# ", "${input:a}", "$", "{", "a: b\n", "---\n", "- [")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prompts = folder / ".github" / "prompts"
        prompts.mkdir(parents=True)
        for number, piece in enumerate(pieces):
            text = piece * (250_000 // len(piece))
            (prompts / f"a{number}.prompt.md").write_text(f"x{text}")
            (prompts / f"b{number}.prompt.md").write_text(f"---\ndescription: {text}\n---\n{text[:1000]}")
        found = PromptFiles(lambda: [folder], trusted=lambda: True, user_dir=folder / "none", home=folder)
        assert len(asyncio.run(found.list())) == 2 * len(pieces)
        for number in range(len(pieces)):
            for arguments in ("'" * 50_000, "a " * 20_000):
                with contextlib.suppress(InvalidParams):  # the message would be too long
                    asyncio.run(found.expand(f"a{number}", arguments))


@case
def messages_that_cannot_be_parsed() -> None:
    from sessionls.server.transport.json import head_of

    for body in (b'"' + b'\\"' * 130_000, b'\\"' * 130_000, b',"":""' * 65_000, b',"' * 130_000, b', "a" : ' + b" " * 260_000):
        assert head_of(body) is None


@case
def patch_of_many_lines() -> None:
    from sessionls.sessions.workspace.diffing import patch

    lines = [f"{number * 7919 % 100_000}\n" for number in range(100_000)]
    assert patch("a", "".join(lines), "".join(sorted(lines)))
    assert patch("a", "a\nb\n" * 50_000, "b\nc\na\n" * 33_000)


@case
def replace_all_in_one_line() -> None:
    from sessionls.tools.patching import replace

    made = replace("é" + "a" * 400_000, [("a", "bb", True)], "utf-16", "f")
    assert made.count == 400_000 and made.text == "é" + "b" * 800_000
    assert len(made.edits) <= 1000


@case
def replace_in_a_text_that_is_all_alike() -> None:
    from sessionls.ports.tools import ToolFailed
    from sessionls.tools.patching import replace

    text = "a" * 4_000_000
    for old in ("a" * 900_000, "a" * 900_000 + "b", "a\n" * 400_000 + "b"):
        with contextlib.suppress(ToolFailed):
            replace(text, [(old, "c", False)], "utf-16", "f")
    with contextlib.suppress(ToolFailed):
        replace("a\n" * 400_000, [("a \n" * 200_000 + "b", "c", False)], "utf-16", "f")


@case
def text_that_is_nearly_there() -> None:
    from sessionls.ports.tools import ToolFailed
    from sessionls.tools.patching import replace

    lines = "\n".join(("ab" * 150)[number % 7 :] + str(number) for number in range(20_000))
    with contextlib.suppress(ToolFailed):
        replace(lines, [("ba" * 150, "c", False)], "utf-16", "f")


@case
def positions_in_one_long_line() -> None:
    from sessionls.sessions.workspace.positions import Lines

    lines = Lines("é" * 1_000_000, "utf-16")
    assert [lines.position(offset).character for offset in range(0, 1_000_000, 10)] == list(range(0, 1_000_000, 10))
    assert [lines.offset(lines.position(offset)) for offset in range(0, 1_000_000, 1000)] == list(range(0, 1_000_000, 1000))


@case
def frontmatter() -> None:
    from sessionls.agents.frontmatter import InvalidDefinition, parse

    for head in (
        "a: &a [x, x]\nb: &b [*a, *a]\n",  # grows with each line
        "- " * 16_000,
        "? " * 16_000,
        "[" * 900,
        "a: x" + " " * 32_000 + "y",
        "a: " + "9" * 32_000,
        "a: " + "1:" * 15_000 + "1",
        "".join(f"{' ' * depth}a:\n" for depth in range(240)),
    ):
        with contextlib.suppress(InvalidDefinition):
            parse(f"---\n{head}\n---\nx", lenient=True)
    for before in ("<!---->\n" * 90, "<!----> \n" * 90, " \n" * 20_000, "#\n" * 20_000, "<!--" * 20_000, "<!---->" * 20_000):
        assert not parse(f"{before}x", lenient=True).fenced


@case
def definitions_of_other_tools() -> None:
    from sessionls.agents import foreign, frontmatter

    for value in ("," * 30_000, "a(," * 10_000, "a" * 30_000, "1" * 30_000 + "!"):
        page = frontmatter.Page({"tools": value, "model": "a" + value}, {"tools": 2, "model": 3}, "x", fenced=True)
        for read in (foreign.read_claude, foreign.read_copilot):
            with contextlib.suppress(frontmatter.InvalidDefinition):
                read(page)


@case
def instructions_of_a_repository() -> None:
    from sessionls.agents.instructions import read_rules

    for globs in (f"'{STARS}'", "'" + "," * 1900 + "'", "'" + "{a,b}" * 100 + "'", "'" + "{" * 1900 + "'"):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, ".github", "instructions", "a.instructions.md")
            path.parent.mkdir(parents=True)
            path.write_text(f"---\napplyTo: {globs}\n---\nx\n")
            for rule in read_rules(Path(folder)):
                rule.globs.match("a/" * 500 + "a" * 1000)


@case
def context_of_an_editor() -> None:
    from sessionls.domain.model import TextContext
    from sessionls.sessions.prompt.blocks import render

    told = render(TextContext(title="t", text="<" + " " * 1_000_000 + "x"), [])
    assert "context" in told


@case
def outline_of_markdown() -> None:
    from sessionls.tools.symbols import outline

    assert len(outline("# a\n" * 400_000, "markdown")[0]) == 400_000


@case
def outline_by_form() -> None:
    from sessionls.sessions.workspace.symbols import find_definition
    from sessionls.tools.symbols import outline

    for text in (
        "".join(f"{' ' * depth}def a(\n" for depth in range(1500)),
        ("a " * 990 + "a(\n") * 500,
        (" a" * 990 + " a(;\n") * 500,
        ("a<" * 900 + "\n") * 500,
    ):
        outline(text, "go")
        find_definition(text, "a", "go")


@case
def outline_of_python() -> None:
    from sessionls.tools.symbols import outline

    for text in (
        "x=" + "-" * 499_000 + "1",
        "x=a" + ".a" * 240_000,
        "x=1" + "+1" * 240_000,
        "if a:\n pass\n" + "elif a:\n pass\n" * 20_000,
    ):
        outline(text, "python")


@case
def changed_lines() -> None:
    from sessionls.tools.scan import _new_lines

    diff = b"diff --git a/a b/a\n@@ -0,0 +1 @@\n+@@ -1 +1,99999999999 @@\n"
    assert _new_lines(diff) == frozenset({0})


@case
def anchors() -> None:
    from sessionls.domain.model import Position, Range
    from sessionls.sessions.workspace.anchors import AnchorIndex, anchor_of

    text = "a\n" * 200_000
    whole = Range(start=Position(line=0, character=0), end=Position(line=100_000, character=0))
    index = AnchorIndex(text, "utf-16")
    anchor = anchor_of(text, whole, "utf-16")
    for _ in range(20):
        assert index.locate(anchor, whole) is not None


@case
def export() -> None:
    from sessionls.sessions.export.markdown import contained

    for text in ("[" * 49_000, "![[" * 16_000, "*a **a " * 7_000, "> " * 24_000, "`" * 49_000, "<!--" * 12_000):
        contained(text)


@case
def colours_of_code() -> None:
    from sessionls.sessions.export.html import _highlighted

    for language in ("javascript", "java", "c", "csharp", "markdown", "cpp", "ini"):
        for piece in (" a\n", "/", "'\\", "\n", "="):
            code = piece * (60_000 // len(piece)) + "!"
            assert re.sub("<[^<>]*>", "", _highlighted(code, language)).count("!") == 1


def main() -> None:
    CASES[sys.argv[1]]()
    sys.stdout.write(json.dumps("done"))


if __name__ == "__main__":
    main()
