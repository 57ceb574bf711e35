"""Files that make other programs start programs: writing them needs permission; files that configure the server are protected."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from in_process_app import App, PlainEditor, app, write_agent
from model_server import Answer, ModelServer, ToolUse
from sessionls.domain.agent import Definition, Permission, rule_problem
from sessionls.domain.model import Message, ToolPart
from sessionls.domain.permission import PermissionRequest, Policy
from sessionls.domain.visible import in_one_line
from sessionls.ports.editor import DocumentChange, EditOutcome
from sessionls.ports.tools import ToolFailed
from sessionls.sessions.workspace.workspace import Workspace
from sessionls.tools.startup_files import STARTUP_FILES, uri_key
from sessionls.tools.toolbox import all_tools
from tool_calls import LoneCall

posix_only = pytest.mark.skipif(os.name == "nt", reason="makes symbolic links")

PATHS = [
    ".vscode/tasks.json",
    ".vscode/launch.json",
    "sub/.vscode/tasks.json",
    ".VSCode/Tasks.json",
    ".claude/settings.json",
    ".cursor/mcp.json",
    ".husky/pre-commit",
    ".githooks/pre-push",
    ".github/workflows/ci.yml",
    ".github/actions/a/action.yml",
    ".gitlab-ci.yml",
    ".circleci/config.yml",
    "Jenkinsfile",
    "conftest.py",
    "tests/conftest.py",
    "sitecustomize.py",
    "lib/x.pth",
    "Makefile",
    "sub/GNUmakefile",
    "justfile",
    "package.json",
    "web/package.json",
    ".yarnrc",
    "pyproject.toml",
    "setup.py",
    "tox.ini",
    "noxfile.py",
    ".pre-commit-config.yaml",
    "lefthook.yml",
    "Dockerfile",
    "docker-compose.yml",
    "compose.yaml",
    ".devcontainer/devcontainer.json",
    "Cargo.toml",
    "build.rs",
    ".cargo/config.toml",
    "CMakeLists.txt",
    "app/build.gradle",
    "build.gradle.kts",
    ".mvn/extensions.xml",
    "Rakefile",
    "Gemfile",
    ".exrc",
    ".nvim.lua",
    ".idea/runConfigurations/run.xml",
    ".gitattributes",
    ".gitmodules",
    ".mise.toml",
    ".tool-versions",
    "vite.config.ts",
    ".eslintrc.cjs",
    ".zed/tasks.json",
    ".helix/config.toml",
    "taskfile.yml",
    ".dir-locals.el",
    "make\u200bfile",
]
OTHERS = [
    "src/main.py",
    "README.md",
    "AGENTS.md",
    "docs/index.md",
    "index.js",
    "src/build.py",
    "build/out.txt",
    "workspace/x.py",
    "tasks.json",
    "settings.json",
    "src/make.py",
    "github/workflows/ci.yml",
    "Makefile/notes.txt",
    "husky.md",
]
SERVERS = [
    ".vscode/settings.json",
    ".VSCODE/Settings.JSON",
    "sub/deep/.vscode/settings.json",
    "app.code-workspace",
    "sub/App.Code-Workspace",
    ".vs\u200bcode/settings.json",
    ".config/Code/User/settings.json",
    "Library/Code/User/profiles/a1/settings.json",
    "data/Machine/settings.json",
]


async def wish_to(tool: str, folder: Path, **arguments: object) -> PermissionRequest:
    editor = PlainEditor([folder.as_uri()])
    tools = {one.name: one for one in all_tools(Workspace(editor), editor)}
    if tool == "edit_file":
        await tools["read_file"].run({"path": arguments["path"]}, LoneCall())
    return await tools[tool].permission_request(arguments)


@pytest.mark.parametrize("path", [*PATHS, "Makefile."])
async def test_the_permission_request_says_which_programs_run_the_file(folder: Path, path: str) -> None:
    permission_request = await wish_to("create_file", folder, path=path, text="x")
    assert permission_request.startup is not None and "can start programs" in permission_request.summary
    assert any(f"{who} runs what it says" in permission_request.summary for who in STARTUP_FILES)
    assert permission_request.scope is not None and in_one_line(path) in permission_request.scope, (
        "a yes for the session is for this file alone"
    )


@pytest.mark.parametrize("path", OTHERS)
async def test_other_files_need_no_additional_permission(folder: Path, path: str) -> None:
    assert (await wish_to("create_file", folder, path=path, text="x")).startup is None


@pytest.mark.parametrize("path", [*SERVERS, ".vscode./settings.json", "app.code-workspace ."])
async def test_files_that_configure_the_server_are_never_written(folder: Path, path: str) -> None:
    with pytest.raises(ToolFailed, match="only people may change it"):
        await wish_to("create_file", folder, path=path, text="{}")


@pytest.mark.parametrize("tool", ["edit_file", "delete_file"])
async def test_every_writing_tool_asks_for_startup_files(folder: Path, tool: str) -> None:
    more = {"edits": [{"old": "a", "new": "b"}]} if tool == "edit_file" else {}
    (folder / "Makefile").write_text("a\n")
    assert (await wish_to(tool, folder, path="Makefile", **more)).startup == "Makefile"
    (folder / ".vscode").mkdir()
    (folder / ".vscode" / "settings.json").write_text("a\n")
    with pytest.raises(ToolFailed, match="only people may change it"):
        await wish_to(tool, folder, path=".vscode/settings.json", **more)


@posix_only
async def test_links_do_not_avoid_the_permission_request(folder: Path) -> None:
    for name in ("scripts/build.mk.txt", "flows/ci.txt", "hidden/settings.json", "one/settings.json", "space.txt", "twin.txt"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("a\n")
    (folder / "Makefile").symlink_to("scripts/build.mk.txt")
    (folder / ".github").mkdir()
    (folder / ".github" / "workflows").symlink_to("../flows")
    (folder / ".vscode").symlink_to("hidden")
    (folder / "x.code-workspace").symlink_to("space.txt")
    (folder / "package.json").hardlink_to(folder / "twin.txt")
    edits = [{"old": "a", "new": "b"}]
    for path in ("scripts/build.mk.txt", "twin.txt", ".github/workflows/ci.txt"):
        assert (await wish_to("edit_file", folder, path=path, edits=edits)).startup is not None, path
    assert (await wish_to("create_file", folder, path=".github/workflows/new.yml", text="x")).startup is not None
    assert (await wish_to("create_file", folder, path="flows/new.yml", text="x")).startup is not None
    for path in ("hidden/settings.json", ".vscode/settings.json", "space.txt"):
        with pytest.raises(ToolFailed, match="only people may change it"):
            await wish_to("edit_file", folder, path=path, edits=edits)


# -- rules -----------------------------------------------------------------------------------------------------------


def agent(origin: str = "builtin", **permissions: Permission) -> Definition:
    rules = {name.replace("__", ":"): rule for name, rule in permissions.items()}
    return Definition.model_validate({"name": "a", "prompt": "", "origin": origin, "permissions": rules})


@pytest.mark.parametrize(
    ("settings", "definition", "path", "decision"),
    [
        ({}, agent(), "Makefile", "ask"),
        ({"write": "allow", "*": "allow", "edit_file": "allow"}, agent(), "Makefile", "ask"),
        ({"startup": "allow"}, agent(), "Makefile", "allow"),
        ({"startup:Makefile": "allow"}, agent(), "Makefile", "allow"),
        ({"startup:Makefile": "allow"}, agent(), "package.json", "ask"),
        ({"startup": "allow", "startup:.github/**": "deny"}, agent(), ".github/workflows/ci.yml", "deny"),
        ({"startup:*.json": "deny", "startup:package.json": "allow"}, agent(), "web/package.json", "allow"),
        ({}, agent(startup="allow"), "Makefile", "allow"),
        ({}, agent("workspace", startup="allow"), "Makefile", "ask"),
        ({"startup": "deny"}, agent(startup="allow"), "Makefile", "deny"),
        ({"startup": "allow"}, agent("workspace", startup="deny"), "Makefile", "deny"),
    ],
)
def test_only_a_rule_for_startup_files_allows_writing_them(
    settings: dict[str, Permission], definition: Definition, path: str, decision: Permission
) -> None:
    assert Policy(settings).decide_startup(definition, path) == decision


@pytest.mark.parametrize("name", ["Makefile::$DATA", "MAKEFILE:x", "Makefile .", "makefi\u200dle"])
def test_different_spellings_of_the_same_file_name_are_recognized(name: str) -> None:
    assert uri_key(name) == "makefile"


def test_rule_names_are_checked() -> None:
    assert rule_problem("startup") is None and rule_problem("startup:.github/**") is None
    assert rule_problem("startup:") is not None and rule_problem("startups") is not None


# -- in a session ----------------------------------------------------------------------------------------------------


@pytest.fixture
async def home(folder: Path, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[App]:
    monkeypatch.setenv("SESSIONLS_PERMISSIONS", json.dumps({"write": "allow", "startup:Dockerfile": "allow"}))
    write_agent(folder, "writer", "You write.")
    async with app(folder, model_server) as home:

        async def apply(label: str, changes: Sequence[DocumentChange], *, confirm: bool = False) -> EditOutcome:
            for change in changes:
                await asyncio.to_thread(Path(change.uri.removeprefix("file://")).write_text, change.text)
            return EditOutcome(applied=True)

        monkeypatch.setattr(home.editor, "apply", apply)
        yield home


def creates(*paths: str) -> Answer:
    return Answer(tools=[ToolUse("create_file", {"path": path, "text": "x"}) for path in paths])


def statuses(reply: Message) -> list[str]:
    return [part.status for part in reply.parts if isinstance(part, ToolPart)]


async def test_an_agent_that_may_write_asks_only_for_startup_files(home: App, folder: Path, model_server: ModelServer) -> None:
    model_server.script(creates("notes.md", "Makefile", "Dockerfile", "package.json", "Rakefile"), Answer("done"))
    home.editor.answers += ["once", "session", "deny"]
    session = await home.sessions.create(agent="writer")
    reply = (await home.sessions.message(session.id, "write")).reply
    assert statuses(reply) == ["done", "done", "done", "done", "denied"]
    assert [question.summary for question in home.editor.questions] == [
        "Create Makefile: this file can start programs, make runs what it says",
        "Create package.json: this file can start programs, Node runs what it says",
        "Create Rakefile: this file can start programs, a task runner runs what it says",
    ]
    assert not (folder / "Rakefile").exists()
