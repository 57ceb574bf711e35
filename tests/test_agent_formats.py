"""Definitions of agents in our format and in those of other programs."""

from __future__ import annotations

import contextlib
import hashlib
import re
from pathlib import Path

import pytest

from sessionls.agents.formats import FIELDS, Disabled, Format, normal_name, read
from sessionls.agents.frontmatter import InvalidDefinition
from sessionls.domain.agent import TOOL_NAMES, Definition

DOCS = Path(__file__).parent.parent / "docs" / "agents.md"


def define(text: str, form: Format = "sessionls", stem: str = "helper") -> Definition:
    return read(text.encode(), format=form, stem=stem, source="file:///w/helper.md", origin="workspace")


def problem(text: str | bytes, form: Format = "sessionls", stem: str = "helper") -> str:
    data = text.encode() if isinstance(text, str) else text
    with pytest.raises(InvalidDefinition) as raised:
        read(data, format=form, stem=stem, source="file:///w/helper.md", origin="workspace")
    return str(raised.value)


# -- our own format ----------------------------------------------------------------------------------------------------


def test_every_field_is_read() -> None:
    text = """---
name: sql
description: Reviews SQL.
model: [anthropic/claude-sonnet-4-5, openai/gpt-5]
tools: [read_file, github/get_issue, "linear/*"]
temperature: 0.2
maxTokens: 1000
reasoningEffort: low
maxSteps: 7
maxCost: 0.5
permissions: {run_command: deny, write: ask}
codeAction: true
color: red
---

You review SQL.
"""
    assert define(text) == Definition(
        name="sql",
        description="Reviews SQL.",
        prompt="You review SQL.",
        models=("anthropic/claude-sonnet-4-5", "openai/gpt-5"),
        tools=("read_file", "github/get_issue", "linear/*"),
        temperature=0.2,
        max_tokens=1000,
        reasoning_effort="low",
        max_steps=7,
        max_cost=0.5,
        permissions={"run_command": "deny", "write": "ask"},
        code_action=True,
        color="red",
        source="file:///w/helper.md",
        origin="workspace",
        digest=hashlib.sha256(text.encode()).hexdigest(),
    )


def test_a_prompt_is_enough() -> None:
    definition = define("Be brief.\n", stem="Be Brief")
    assert (definition.name, definition.prompt, definition.tools, definition.models) == ("be-brief", "Be brief.", None, ())


def test_one_model_and_a_comma_separated_list_of_tools() -> None:
    definition = define("---\nmodel: openai/gpt-5\ntools: read_file, search\n---\nx")
    assert definition.models == ("openai/gpt-5",)
    assert definition.tools == ("read_file", "search")


def test_an_empty_list_of_tools_gives_no_tools() -> None:
    assert define("---\ntools: []\n---\nx").tools == ()


def test_line_ends_and_a_byte_order_mark_do_not_matter() -> None:
    definition = define("\ufeff---\r\ndescription: d\r\n---\r\n\r\none\r\ntwo\r\n")
    assert (definition.description, definition.prompt) == ("d", "one\ntwo")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("---\ntools: [a, b\n---\nx", "line 3: invalid YAML"),
        ("---\nname: a\nname: b\n---\nx", "line 3: the field name appears twice"),
        ("---\nname: x\n", "line 1: the frontmatter is opened with --- but not closed"),
        ("---\n- a\n---\nx", "line 2: the frontmatter is not a list of fields"),
        ("---\n\ntempurature: 1\n---\nx", "line 3: unknown field tempurature; did you mean temperature?"),
        ("---\nprompt: x\n---\nx", "line 2: unknown field prompt"),
        ("---\nsource: builtin\n---\nx", "line 2: unknown field source"),
        ("---\norigin: builtin\n---\nx", "line 2: unknown field origin"),
        ("---\nmax_tokens: 5\n---\nx", "line 2: unknown field max_tokens; did you mean maxTokens?"),
        ("---\ndescription: d\ntemperature: 9\n---\nx", "line 3: temperature: input should be less than or equal to 2"),
        ("---\nmaxSteps: 0\n---\nx", "line 2: maxSteps: input should be greater than or equal to 1"),
        ("---\nmodel: [1]\n---\nx", "line 2: model[0]: input should be a valid string"),
        ("---\nmodel: {a: b}\n---\nx", "line 2: model"),
        ("---\ntools: 5\n---\nx", "line 2: tools: input should be a valid tuple"),
        ("---\ntools: [read_fil]\n---\nx", "line 2: unknown tool read_fil; did you mean read_file?"),
        ("---\npermissions: {netwrk: deny}\n---\nx", "line 2: netwrk is not a tool or a risk (did you mean network?)"),
        ("---\npermissions: {everything: deny}\n---\nx", "line 2: everything is not a tool or a risk"),
        ("---\npermissions: {write: maybe}\n---\nx", "line 2: permissions[write]: input should be 'allow', 'ask' or 'deny'"),
        ("---\nname: [a]\n---\nx", "line 2: name: input should be a valid string"),
        ("---\nname: '!!'\n---\nx", "no name: give it a name with letters a-z, digits, - and _"),
        ("---\nname: " + "a" * 65 + "\n---\nx", "the name is longer than 64 characters"),
        ("---\nname: a\n---\n  \n", "no prompt"),
        ("", "no prompt"),
        ("---\nmaxSteps: 2024-99-99\n---\nx", "the frontmatter cannot be read as YAML"),
        ("---\ndescription: !!python/object/apply:os.system [id]\n---\nx", "line 2: invalid YAML"),
        ("---\ncolor: &a red\ndescription: *a\n---\nx", "line 3: references (*a) are not supported"),
        ("---\ndescription: a\x00b\n---\nx", "the frontmatter contains a character that YAML does not allow"),
        ("---\ndescription: " + "[" * 20_000 + "\n---\nx", "the frontmatter has more than 1000 brackets"),
        ("---\ndescription: " + "[" * 900 + "\n---\nx", "nested deeper than 50 levels"),
        ("---\ndescription: " + "a" * 40_000 + "\n---\nx", "the frontmatter is longer than 32 KB"),
        (b"---\nname: a\n---\nok\n\xff\xfe", "line 5: not UTF-8 text"),
    ],
)
def test_a_problem_is_named_with_its_line(text: str | bytes, expected: str) -> None:
    assert expected in problem(text)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("Review", "review"),
        ("SQL Review", "sql-review"),
        ("a.b", "a-b"),
        ("_x_", "x_"),
        ("über-test", "ber-test"),
        ("7up", "7up"),
    ],
)
def test_invalid_names_are_adapted(given: str, name: str) -> None:
    assert normal_name(given) == name


def test_an_agent_gets_the_listed_tools_without_denied_ones() -> None:
    names = ["read_file", "run_command", "gh/read", "gh/write"]
    assert define("x").choose_tools(names) == names
    assert define("---\ntools: [read_file, gh/*, other/*]\n---\nx").choose_tools(names) == ["read_file", "gh/read", "gh/write"]
    some = define("---\npermissions: {run_command: deny, gh/*: deny, gh/read: ask, write: deny}\n---\nx")
    assert some.choose_tools(names) == ["read_file", "gh/read"]


# -- Claude Code -------------------------------------------------------------------------------------------------------


def test_claude_code() -> None:
    definition = define(
        """---
name: code-reviewer
description: Use this agent when code is done. Examples: <example>user: "x"</example>\\nMore: text
tools: Read, Grep, Glob, Write, WebFetch, mcp__github__get_issue, mcp__linear
model: sonnet
maxTurns: 12
effort: max
color: purple
skills: [a]
hooks: {}
---
You review.
""",
        "claude",
    )
    assert definition.name == "code-reviewer"
    assert definition.description == 'Use this agent when code is done. Examples: <example>user: "x"</example>'
    assert definition.tools == (
        "read_file",
        "search",
        "list_files",
        "create_file",
        "edit_file",
        "github/get_issue",
        "linear/*",
        "skill",
    )
    assert definition.models == ()
    assert (definition.max_steps, definition.reasoning_effort, definition.color) == (12, "high", "purple")
    assert definition.permissions == {}


def test_claude_code_without_tools_means_all() -> None:
    assert define("---\nname: a\ndescription: b\n---\nx", "claude").tools is None


def test_claude_code_tools_as_a_list_and_a_command_with_a_pattern() -> None:
    definition = define("---\nname: a\ntools: [Bash(git diff:*, git log:*), Agent(x, y)]\n---\nx", "claude")
    assert definition.tools == ("run_command", "git_diff", "git_log", "git_show", "ask_agent")
    assert definition.permissions == {"run_command": "ask"}
    same = define("---\nname: a\ntools: Bash(git diff:*, git log:*), Agent(x, y)\n---\nx", "claude")
    assert (same.tools, same.permissions) == (definition.tools, definition.permissions)


@pytest.mark.parametrize(
    ("field", "permissions"),
    [
        ("disallowedTools: Write, Bash", {"create_file": "deny", "edit_file": "deny", "run_command": "deny"}),
        ("disallowedTools: [mcp__github]", {"github/*": "deny"}),
        ("permissionMode: plan", {"write": "deny", "execute": "deny", "network": "deny"}),
        ("permissionMode: acceptEdits", {}),
        ("permissionMode: bypassPermissions", {}),
    ],
)
def test_denials_for_claude_code_apply_but_permissions_do_not(field: str, permissions: dict[str, str]) -> None:
    assert define(f"---\nname: a\n{field}\n---\nx", "claude").permissions == permissions


@pytest.mark.parametrize(
    ("model", "models"),
    [("opus", ()), ("inherit", ()), ("haiku", ()), ("claude-opus-4-6", ("anthropic/claude-opus-4-6",)), ("5", ())],
)
def test_claude_code_models(model: str, models: tuple[str, ...]) -> None:
    assert define(f"---\nname: a\nmodel: {model}\n---\nx", "claude").models == models


def test_a_file_without_frontmatter_is_not_an_agent_of_claude_code() -> None:
    assert "line 1: no frontmatter" in problem("Just notes.", "claude")


# -- VS Code and GitHub Copilot ------------------------------------------------------------------------------------------


def test_copilot() -> None:
    definition = define(
        """---
name: Security Planner
description: Plans: carefully
argument-hint: what to plan
tools: ['read', 'search/codebase', 'web/fetch', 'edit/createFile', 'github/*', 'execute/runInTerminal', todo, vscode/askQuestions]
model: ['Claude Sonnet 4.5 (copilot)', 'GPT-5 (copilot)']
target: vscode
user-invocable: true
mcp-servers: {x: {command: rm}}
hooks: {PostToolUse: [{type: command, command: ./x.sh}]}
handoffs:
  - label: Go
    agent: code
    prompt: do it
---
You plan.
""",
        "copilot",
    )
    assert (definition.name, definition.description) == ("security-planner", "Plans: carefully")
    assert definition.tools == (
        *("read_file", "diagnostics", "search", "create_file", "github/*", "run_command", "git_diff", "git_log", "git_show"),
    )
    assert definition.models == ()


@pytest.mark.parametrize(
    ("tools", "expected"),
    [
        ("'*'", None),
        ("[]", ()),
        ("[codebase, usages, problems, changes]", ("search", "symbols", "diagnostics", "git_diff")),
        ("read, edit", ("read_file", "diagnostics", "edit_file", "create_file", "delete_file")),
        ("[search/*]", ("search", "list_files", "symbols")),
        ("[Shell, Task, nonsense]", ("run_command", "git_diff", "git_log", "git_show", "ask_agent")),
    ],
)
def test_copilot_tools(tools: str, expected: tuple[str, ...] | None) -> None:
    assert define(f"---\ndescription: d\ntools: {tools}\n---\nx", "copilot").tools == expected


@pytest.mark.parametrize(
    ("model", "models"),
    [
        ("Claude Sonnet 4.5", ()),
        ("GPT-5 (copilot)", ()),
        ("auto", ()),
        ("gpt-4o", ("gpt-4o",)),
        ("openai/gpt-5", ("openai/gpt-5",)),
    ],
)
def test_copilot_models(model: str, models: tuple[str, ...]) -> None:
    assert define(f"---\ndescription: d\nmodel: {model}\n---\nx", "copilot").models == models


def test_a_copilot_agent_needs_no_frontmatter() -> None:
    assert define("You help.", "copilot", stem="Helper").name == "helper"


# -- OpenCode ------------------------------------------------------------------------------------------------------------


def test_opencode() -> None:
    definition = define(
        """---
description: Reviews
mode: subagent
model: google/gemini-2.5-pro
temperature: 0.1
top_p: 0.9
steps: 5
variant: high
color: "#ff0000"
hidden: true
tools:
  write: false
  mymcp_*: false
permission:
  bash:
    "*": ask
    "git diff*": allow
  webfetch: deny
---
You review.
""",
        "opencode",
        stem="review",
    )
    assert (definition.name, definition.description, definition.prompt) == ("review", "Reviews", "You review.")
    assert definition.models == ("gemini/gemini-2.5-pro",)
    assert (definition.temperature, definition.max_steps, definition.reasoning_effort) == (0.1, 5, "high")
    assert definition.tools is None
    assert definition.permissions == {
        "edit_file": "deny",
        "create_file": "deny",
        "delete_file": "deny",
        "run_command": "ask",
        "mymcp/*": "deny",
    }


@pytest.mark.parametrize(
    ("rules", "denied"),
    [
        ("permission: allow", set()),
        ("permission: deny", set(TOOL_NAMES) - {"git_diff", "git_log", "git_show", "report_finding"}),
        (
            "permission: {'*': deny, read: allow, grep: allow}",
            set(TOOL_NAMES) - {"git_diff", "git_log", "git_show", "report_finding", "read_file", "search", "search_sessions"},
        ),
        ("permission: {bash: {'*': deny, 'rm *': deny}}", {"run_command"}),
        ("tools: {bash: false}\npermission: {bash: allow}", set()),
        ("tools: {patch: false}", {"edit_file", "create_file", "delete_file"}),
        ("permissions: [{action: bash, resource: '*', effect: deny}]", {"run_command"}),
        ("permissions: nonsense", set()),
    ],
)
def test_opencode_permissions(rules: str, denied: set[str]) -> None:
    permissions = define(f"---\ndescription: d\n{rules}\n---\nx", "opencode").permissions
    assert {tool for tool, action in permissions.items() if action == "deny"} == denied
    assert "allow" not in permissions.values()


@pytest.mark.parametrize(
    ("model", "models"),
    [
        ("anthropic/claude-sonnet-4-5", ("anthropic/claude-sonnet-4-5",)),
        ("amazon-bedrock/x.y", ("bedrock/x.y",)),
        ("openrouter/meta/llama-4#fast", ("openrouter/meta/llama-4",)),
        ("opencode/gpt-5", ()),
        ("github-copilot/gpt-5", ()),
    ],
)
def test_opencode_models(model: str, models: tuple[str, ...]) -> None:
    assert define(f"---\ndescription: d\nmodel: {model}\n---\nx", "opencode").models == models


def test_opencode_prompt_in_a_field() -> None:
    assert define("---\nprompt: Be brief.\n---\n", "opencode").prompt == "Be brief."


@pytest.mark.parametrize("field", ["tools: [read]", "permission: [read]"])
def test_invalid_opencode_files_are_refused(field: str) -> None:
    assert "line 2" in problem(f"---\n{field}\n---\nx", "opencode")


@pytest.mark.parametrize("field", ["disable", "disabled"])
def test_a_file_can_disable_itself(field: str) -> None:
    with pytest.raises(Disabled):
        define(f"---\n{field}: true\n---\nx", "opencode")


# -- what nobody wrote on purpose ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["sessionls", "claude", "copilot", "opencode"])
@pytest.mark.parametrize(
    "value", ["5", "[1, 2]", "{a: {b: [c]}}", "true", "null", "''", "[[a], [b]]", "2024-01-01", "[{action: 5}]", "{'*': {}}"]
)
def test_any_value_in_any_field_gives_a_definition_or_a_problem(form: Format, value: str) -> None:
    others = ("disallowedTools", "effort", "maxTurns", "permission", "permissionMode", "steps", "variant", "prompt")
    for field in (*FIELDS, *others):
        with contextlib.suppress(InvalidDefinition):
            assert define(f"---\n{field}: {value}\n---\nx", form).name


# -- the documentation -----------------------------------------------------------------------------------------------------


def test_the_documentation_has_every_field_with_its_default() -> None:
    section = DOCS.read_text("utf-8").split("## Fields")[1].split("\n## ")[0]
    rows = dict(re.findall(r"^\| `(\w+)` \| .*? \| (.*?) \|", section, re.MULTILINE))
    assert tuple(rows) == FIELDS
    for name, field in Definition.model_fields.items():
        written = "`false`" if field.default is False else '`""`' if field.default == "" else f"`{field.default}`"
        if isinstance(field.default, bool | int | str) and (field.alias or name) in rows and name != "name":
            assert rows[field.alias or name] == written


def test_the_documentation_has_every_tool() -> None:
    section = DOCS.read_text("utf-8").split("\nTools: ")[1].split("\n\n")[0]
    assert tuple(re.findall(r"`(\w+)`", section)) == TOOL_NAMES
