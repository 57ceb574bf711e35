"""Definitions that people wrote for other programs are read as leniently as there, with notices about ignored parts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sessionls.agents.catalog import Catalog
from sessionls.agents.formats import Format, read
from sessionls.agents.frontmatter import InvalidDefinition
from sessionls.domain.agent import Definition

FOREIGN: tuple[Format, ...] = ("claude", "copilot", "opencode")


def define(text: str, form: Format = "claude", stem: str = "helper") -> tuple[Definition, list[str]]:
    notes: list[str] = []
    definition = read(text.encode(), format=form, stem=stem, source="file:///w/helper.md", origin="workspace", notes=notes)
    return definition, notes


EXAMPLES = """---
name: code-reviewer
description: Use this agent when code was written. Examples:

<example>
Context: The user wrote a function.
user: "Please check it: is it right?"
assistant: "I'll use the code-reviewer agent"
<commentary>
It's *important* & urgent: {always}
</commentary>
</example>
model: sonnet
tools: Read, Grep
color: red
---

You review.
"""


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_description_over_several_lines_with_examples_is_read(ends: str, mark: str) -> None:
    definition, notes = define(mark + EXAMPLES.replace("\n", ends))
    assert (definition.name, definition.description) == ("code-reviewer", "Use this agent when code was written. Examples:")
    assert definition.tools == ("read_file", "search")
    assert (definition.color, definition.prompt) == ("red", "You review.")
    assert notes[0].startswith("it is not valid YAML and was read line by line (line ")


@pytest.mark.parametrize(
    ("line", "description"),
    [
        ("description: Use it so: like this", "Use it so: like this"),
        ("description: Use it # always", "Use it"),  # which is YAML
        ('description: "It says \\"hi\\": yes"', 'It says "hi": yes'),
        ("description: 'It''s: fine'", "It's: fine"),
        ("description: *Important* things", "*Important* things"),
        ("description: &you and me", "and me"),  # which is YAML
        ("description: [a: b] and: more", "[a: b] and: more"),
        ("description: {x}: y", "{x}: y"),
        ("description: @team reviews", "@team reviews"),
        ("description: `code` first", "`code` first"),
        ("description: %d: percent", "%d: percent"),
        ("description: - a: b: c", "- a: b: c"),
        ("description: > not: a block", "> not: a block"),
        ("description:\tWith a tab: here", "With a tab: here"),
        ("description: |\n\tBlock with a tab: here", "Block with a tab: here"),
        ("description: |\n  Block: here\n  more", "Block: here"),
        ("description: >-\n  Folded: here\n  more", "Folded: here more"),
        ("description: one: two\n  goes on: here", "one: two"),
        ('description: "unclosed: quote', '"unclosed: quote'),
        ("description: 2024-01-01", "2024-01-01"),
        ("description: yes", "yes"),
        ("description: 1_000", "1_000"),
        ("description:", ""),
        ("description: null", ""),
        ("description: [a, b]", ""),  # no text: it is left out
    ],
)
@pytest.mark.parametrize("form", FOREIGN)
def test_a_description_is_kept_unchanged(form: Format, line: str, description: str) -> None:
    definition, _ = define(f"---\nname: a\n{line}\nmodel: inherit\n---\nYou help.", form, stem="a")
    assert (definition.name, definition.description, definition.prompt) == ("a", description, "You help.")


@pytest.mark.parametrize(
    ("name", "called"),
    [
        ("123", "123"),
        ("007", "007"),
        ("1.5", "1-5"),
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("true", "true"),
        ("2024-01-01", "2024-01-01"),
        ("0x1F", "0x1f"),
        ("1e3", "1e3"),
        ("~", "helper"),
        ("null", "helper"),
        ("", "helper"),
        ("''", "helper"),
        ("Code Reviewer", "code-reviewer"),
        ("审查", "helper"),
        ("a: b", "a-b"),
        ("x" * 80, "x" * 64),
    ],
)
def test_any_name_is_accepted(name: str, called: str) -> None:
    definition, notes = define(f"---\nname: {name}\ndescription: d\n---\nx")
    assert definition.name == called
    assert bool(notes) is (name in ("审查", "x" * 80, "a: b"))


@pytest.mark.parametrize(("name", "called"), [("123", "123"), ("yes", "yes"), ("2024-01-01", "2024-01-01")])
def test_a_name_that_yaml_reads_as_another_type_is_a_name(name: str, called: str) -> None:
    assert define(f"---\nname: {name}\n---\nx", "sessionls")[0].name == called


@pytest.mark.parametrize(
    ("tools", "expected"),
    [
        ("'*'", None),
        ("*", None),
        ("[*]", None),
        ("\n  - '*'", None),
        ("\n  - *", None),
        ("", None),
        ("Read, Grep", ("read_file", "search")),
        ("Read,Grep,", ("read_file", "search")),
        ("Read Grep", ("read_file", "search")),
        ("[Read, Grep]", ("read_file", "search")),
        ("['Read', \"Grep\"]", ("read_file", "search")),
        ("\n  - Read\n  - Grep", ("read_file", "search")),
        ("\n- Read\n- Grep", ("read_file", "search")),
        ("\n\t- Read\n\t- Grep", ("read_file", "search")),
        ("|\n  Read\n  Grep", ("read_file", "search")),
        ("{Read: true, Grep: true, Bash: false}", ("read_file", "search")),
        ("Read, Bash(git log: *)", ("read_file", "run_command", "git_diff", "git_log", "git_show")),
        ("Read, Bash(a, b)", ("read_file", "run_command", "git_diff", "git_log", "git_show")),
        ("[Read, 5, true]", ("read_file",)),
        ("[]", ()),
        ("Unheard", ()),
    ],
)
def test_tools_are_read_in_any_list_format(tools: str, expected: tuple[str, ...] | None) -> None:
    definition, _ = define(f"---\nname: a\ntools: {tools}\ndescription: d\n---\nx".replace("tools: \n", "tools:\n"))
    assert (definition.tools, definition.description) == (expected, "d")


def test_invalid_tools_and_permissions_are_never_ignored() -> None:
    for text in ("tools: 5", "tools: [[a]]", "disallowedTools: 5"):
        with pytest.raises(InvalidDefinition):
            define(f"---\nname: a\n{text}\n---\nx")


@pytest.mark.parametrize(
    ("field", "note"),
    [
        ("maxTurns: many", "line 3: maxSteps"),
        ("maxTurns: -1", "line 3: maxSteps"),
        ("color: [red]", "line 3: color"),
        ("model: gpt-9000", "its model gpt-9000 is unknown here: the default model is used"),
        ("model: 5", "its model 5 is unknown here: the default model is used"),
    ],
)
def test_unusable_optional_fields_are_ignored_with_a_notice(field: str, note: str) -> None:
    definition, notes = define(f"---\nname: a\n{field}\n---\nx")
    assert definition.name == "a"
    assert len(notes) == 1 and note.partition(": ")[2] in notes[0]


@pytest.mark.parametrize("model", ["sonnet", "opus", "haiku", "inherit", "default", "sonnet[1m]", "", "claude-opus-4-6"])
def test_a_known_model_needs_no_notice(model: str) -> None:
    assert define(f"---\nname: a\nmodel: {model}\n---\nx")[1] == []


@pytest.mark.parametrize(
    "before",
    ["\n", "\n\n  \n", "<!-- made by hand -->\n", "<!--\nof two\nlines -->\n\n", "# yaml-language-server: off\n", "# a\n# b\n\n"],
)
@pytest.mark.parametrize("form", FOREIGN)
def test_comments_before_the_frontmatter_are_ignored(form: Format, before: str) -> None:
    definition, _ = define(f"{before}---\nname: a\ndescription: d\n---\nYou help.", form, stem="a")
    assert (definition.name, definition.description, definition.prompt) == ("a", "d", "You help.")


def test_a_heading_before_a_line_is_not_a_comment_before_frontmatter() -> None:
    definition, _ = define("# Helper\n\nYou help.\n\n---\n\nnote: this\n\n---\n", "copilot")
    assert definition.prompt.startswith("# Helper") and definition.prompt.endswith("---")


def test_duplicate_yaml_keys_are_a_problem_and_not_a_failure() -> None:
    for form in (*FOREIGN, "sessionls"):
        for head in ("yes: 1\ntrue: 2", "on: 1", "1: a", "<<: {name: b}", "? [a]\n: b", "2024-01-01: x"):
            try:
                define(f"---\n{head}\n---\nx", form)
            except InvalidDefinition as problem:
                assert str(problem)  # noqa: PT017


LINES = st.lists(
    st.sampled_from(
        [
            "name: b",
            "description: x: y",
            "\tdescription: z",
            "<example>",
            'user: "a',
            "tools: *",
            "- x",
            "  - y",
            "model:",
            ":",
            "---",
            "...",
            "? a",
            "yes: no",
            "'",
            "{",
            "]",
            "|",
            "# c",
            "",
            "permission: {bash: deny}",
            "\x00",
            "&a b",
            "!!python/object:os.system x",
        ]
    ),
    max_size=8,
)


@settings(deadline=None)
@given(st.sampled_from((*FOREIGN, "sessionls")), LINES, LINES)
def test_any_text_gives_a_definition_or_a_problem(form: Any, head: list[str], body: list[str]) -> None:
    try:
        definition, _ = define("\n".join(["---", *head, "name: a", "---", *body, "You help."]), form)
    except InvalidDefinition as problem:
        assert str(problem)  # noqa: PT017
    else:
        assert definition.name and definition.prompt


# -- where they lie --------------------------------------------------------------------------------------------------


def write(path: Path, text: str = "---\ndescription: d\n---\nYou help.") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


async def loaded(root: Path, *, trusted: bool = True) -> Catalog:
    catalog = Catalog([root / "w"], trusted=trusted, user_dir=root / "config", home=root / "home")
    await catalog.reload()
    return catalog


async def test_agents_in_subfolders_are_found(tmp_path: Path) -> None:
    w = tmp_path / "w"
    write(w / ".claude/agents/dev/deep/reviewer.md")
    write(w / ".claude/agents/dev/README.md")
    write(w / ".github/agents/team/plan.agent.md")
    write(w / ".opencode/agents/nested/fix.md")
    write(w / ".sessionls/agents/sql/plans.md")
    write(tmp_path / "home/.copilot/agents/mine.agent.md")
    write(tmp_path / "config/own/tidy.md")
    (w / ".claude/agents/loop").symlink_to(w / ".claude")
    catalog = await loaded(tmp_path)
    names = {agent.name for agent in catalog.list()}
    assert {"reviewer", "plan", "nested-fix", "plans", "mine", "tidy"} <= names and "readme" not in names
    (agent,) = [agent for agent in catalog.list() if agent.name == "reviewer"]
    assert agent.source == (w / ".claude/agents/dev/deep/reviewer.md").as_uri() and agent.available


async def test_ignored_fields_are_listed(tmp_path: Path) -> None:
    write(tmp_path / "w/.claude/agents/dev/a.md", EXAMPLES)
    write(tmp_path / "w/.claude/agents/b.md")
    agents = {agent.name: agent for agent in (await loaded(tmp_path)).list()}
    notice = agents["code-reviewer"].notice
    assert notice is not None and notice.startswith("dev/a.md: it is not valid YAML and was read line by line (line ")
    assert agents["code-reviewer"].available and agents["b"].notice is None


async def test_two_agents_with_the_same_name_in_different_folders_are_a_problem(tmp_path: Path) -> None:
    write(tmp_path / "w/.claude/agents/a/x.md", "---\nname: x\n---\none")
    write(tmp_path / "w/.claude/agents/b/x.md", "---\nname: x\n---\ntwo")
    (agent,) = [agent for agent in (await loaded(tmp_path)).list() if agent.name == "x"]
    assert agent.problem == "a/x.md and b/x.md both define x: rename one of them"
