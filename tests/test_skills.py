"""Skills: where they are found, their precedence, what agents know of them, and what they can read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from in_process_app import app, write_agent
from model_server import Answer, ModelServer, ToolUse
from sessionls.agents.catalog import Catalog
from sessionls.agents.formats import read
from sessionls.domain.agent import TOOL_NAMES
from sessionls.domain.model import Skill, ToolPart
from sessionls.ports.agents import SkillFolder
from sessionls.ports.tools import ToolFailed
from sessionls.sessions.composing import Outgoing
from sessionls.tools.skill import ReadSkill
from tool_calls import LoneCall

needs_links = pytest.mark.skipif(os.name == "nt", reason="needs POSIX links and pipes")


def write(path: Path, text: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def skill(directory: Path, name: str, body: str = "Do it well.", *, description: str = "Helps.", head: str = "") -> Path:
    return write(directory / name / "SKILL.md", f"---\nname: {name}\ndescription: {description}\n{head}---\n{body}\n")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def catalog(folder: Path, home: Path, *, trusted: bool = True, folders: list[Path] | None = None) -> Catalog:
    return Catalog(folders or [folder], trusted=trusted, user_dir=home / "config" / "agents", home=home)


async def skills(folder: Path, home: Path, *, trusted: bool = True) -> list[Skill]:
    loaded = catalog(folder, home, trusted=trusted)
    await loaded.reload()
    return list(loaded.skills())


# -- found ---------------------------------------------------------------------------------------------------------------


async def test_of_several_skills_with_the_same_name_the_nearest_is_used_with_a_notice(folder: Path, home: Path) -> None:
    places = [
        home / ".config/opencode/skill",
        home / ".config/opencode/skills",
        home / ".copilot/skills",
        home / ".claude/skills",
        home / ".agents/skills",
        home / "config/skills",
        folder / ".opencode/skill",
        folder / ".opencode/skills",
        folder / ".github/skills",
        folder / ".claude/skills",
        folder / ".agents/skills",
        folder / ".sessionls/skills",
    ]
    for number, place in enumerate(places):
        path = skill(place, "notes", description=f"Number {number}.")
        (found,) = await skills(folder, home)
        assert (found.description, found.source, found.available) == (f"Number {number}.", path.as_uri(), True)
        assert (found.notice is None) == (number == 0)
    assert found.notice and found.notice.startswith(f"it replaces {(places[0] / 'notes/SKILL.md').as_uri()}")


async def test_skills_in_subfolders_are_found_but_not_inside_another_skill(folder: Path, home: Path) -> None:
    base = folder / ".agents/skills"
    skill(base / "group", "deep")
    skill(base / "group" / "deep", "inner")
    skill(base / "a" / "b" / "c", "deeper-than-that")
    skill(base / "node_modules", "package")
    assert [one.name for one in await skills(folder, home)] == ["deep"]


async def test_an_untrusted_workspace_adds_and_hides_no_skill(folder: Path, home: Path) -> None:
    skill(folder / ".agents/skills", "notes", description="Evil.")
    skill(home / ".agents/skills", "notes", description="Mine.")
    loaded = catalog(folder, home, trusted=False)
    await loaded.reload()
    mine, theirs = loaded.skills()
    assert (mine.description, mine.available, mine.notice) == ("Mine.", True, None)
    assert (theirs.trusted, theirs.available, theirs.problem) == (False, False, "The workspace is not trusted.")
    assert "Mine." in loaded.skill_instructions(loaded.get("code")) and "Evil." not in loaded.skill_instructions(
        loaded.get("code")
    )
    await loaded.set_workspace([folder], trusted=True)
    assert "Evil." in loaded.skill_instructions(loaded.get("code"))
    await loaded.set_workspace([folder], trusted=False)
    assert "Evil." not in loaded.skill_instructions(loaded.get("code"))


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("a", "Just words.", "no frontmatter"),
        ("a", "---\nname: a\n---\nx", "no description"),
        ("a", "---\nname: a\ndescription: ' '\n---\nx", "no description"),
        ("a", "---\nname: a\ndescription: d\n---\n", "no instructions"),
        ("a", "---\nname: a\ndescription: d\nx", "not closed"),
        ("Big", "---\ndescription: d\n---\nx", "the name Big is not valid"),
        ("a", "---\nname: a b\ndescription: d\n---\nx", "the name a b is not valid"),
        ("a", "---\nname: a--b\ndescription: d\n---\nx", "a hyphen must be between"),
        ("a", "---\nname: -b\ndescription: d\n---\nx", "a hyphen must be between"),
        ("a", "---\nname: ../b\ndescription: d\n---\nx", "is not valid"),
        ("a", f"---\nname: {'b' * 65}\ndescription: d\n---\nx", "longer than 64 characters"),
        ("a", b"---\nname: a\ndescription: d\n---\n\xff", "line 5: not UTF-8 text"),
        ("a", "---\nname: a\ndescription: d\n---\n" + "x" * (256 << 10), "longer than 256 KB"),
    ],
)
async def test_a_broken_skill_is_listed_with_its_problem(
    folder: Path, home: Path, name: str, text: str | bytes, problem: str
) -> None:
    write(folder / ".agents/skills" / name / "SKILL.md", text)
    skill(folder / ".agents/skills", "fine")
    listed = await skills(folder, home)
    (broken,) = [one for one in listed if one.name != "fine"]
    assert not broken.available and problem in (broken.problem or "") and "SKILL.md" in (broken.problem or "")
    assert [one.available for one in listed if one.name == "fine"] == [True]


@pytest.mark.parametrize(
    ("text", "name", "notice"),
    [
        ("---\ndescription: d\n---\nx", "here", "it has no name"),
        ("---\nname: other\ndescription: d\n---\nx", "other", "its folder has another name"),
        ("---\nname: here\ndescription: Use when: asked\n---\nx", "here", "read line by line"),
        (f"---\nname: here\ndescription: {'d' * 1025}\n---\nx", "here", "is cut"),
        ("---\nname: here\ndescription: d\ndisable-model-invocation: true\n---\nx", "here", "agents do not see it"),
    ],
)
async def test_unusual_fields_are_read_with_a_notice(folder: Path, home: Path, text: str, name: str, notice: str) -> None:
    write(folder / ".agents/skills/here/SKILL.md", text)
    (found,) = await skills(folder, home)
    assert found.available and found.name == name and notice in (found.notice or "") and len(found.description) <= 1024


async def test_two_skills_with_the_same_name_in_one_directory_are_a_problem(folder: Path, home: Path) -> None:
    for name in ("one", "two"):
        write(folder / ".agents/skills" / name / "SKILL.md", "---\nname: same\ndescription: d\n---\nx")
    (found,) = await skills(folder, home)
    assert not found.available and "both define same" in (found.problem or "")


@needs_links
async def test_only_the_users_own_skills_may_be_links_to_other_folders(folder: Path, home: Path, tmp_path: Path) -> None:
    skill(tmp_path / "elsewhere", "linked")
    for place in (folder / ".agents/skills", home / ".agents/skills"):
        place.mkdir(parents=True)
        (place / "linked").symlink_to(tmp_path / "elsewhere/linked")
    (found,) = await skills(folder, home)
    assert not found.available and "a link that leads out" in (found.problem or "")
    (folder / ".agents/skills/linked").unlink()
    (found,) = await skills(folder, home)
    assert found.available
    (folder / ".agents/skills/file").mkdir()
    (folder / ".agents/skills/file/SKILL.md").symlink_to(tmp_path / "elsewhere/linked/SKILL.md")
    assert [one.available for one in await skills(folder, home)] == [False, True]


async def test_too_many_skills_are_listed_by_name_only(folder: Path, home: Path) -> None:
    for number in range(40):
        skill(folder / ".agents/skills", f"s{number:02}", description="d" * 1000)
    loaded = catalog(folder, home)
    await loaded.reload()
    told = loaded.skill_instructions(loaded.get("code"))
    assert len(told) < 26_000 and "`s00`: d" in told and "`s39`: d" not in told and "`s39`" in told


# -- told ----------------------------------------------------------------------------------------------------------------


async def test_an_agent_knows_the_skills_and_reads_one_with_its_files(
    folder: Path, model_server: ModelServer, litellm_ready: None
) -> None:
    base = skill(folder / ".claude/skills", "notes", "Follow style.md.", description="Writes notes.").parent
    write(base / "style.md", "Short lines.")
    uses = [ToolUse("skill", {"name": "notes"}), ToolUse("skill", {"name": "notes", "path": "style.md"})]
    model_server.script(*(Answer(tools=[use]) for use in uses), Answer("Done."))
    async with app(folder, model_server) as home:
        session = await home.sessions.create()
        reply = (await home.sessions.message(session.id, "go")).reply
        results = [part.result or "" for part in reply.parts if isinstance(part, ToolPart)]
        assert "Follow style.md." in results[0] and "style.md" in results[0].rpartition("[")[2] and str(base) in results[0]
        assert results[1] == "Short lines."
    system = model_server.requests[0].body["messages"][0]
    assert system["role"] == "system" and "- `notes`: Writes notes." in system["content"]


@pytest.mark.parametrize(
    ("fields", "told", "offered"),
    [
        ({}, ["one", "two"], True),
        ({"skills": "[]"}, [], False),
        ({"skills": "two"}, ["two"], True),
        ({"skills": "[t*, three]"}, ["two"], True),
        ({"tools": "[read_file]"}, [], False),
        ({"permissions": "{skill: deny}"}, [], False),
    ],
)
async def test_a_definition_limits_skills(
    folder: Path,
    model_server: ModelServer,
    litellm_ready: None,
    fields: dict[str, object],
    told: list[str],
    offered: bool,
) -> None:
    for name in ("one", "two"):
        skill(folder / ".agents/skills", name, f"Secret of {name}.")
    write_agent(folder, "limited", "You help.", **fields)
    model_server.script(Answer(tools=[ToolUse("skill", {"name": "one"})]), Answer("Done."))
    async with app(folder, model_server) as home:
        session = await home.sessions.create()
        reply = (await home.sessions.message(session.id, Outgoing("go", agent="limited"))).reply
        readable = any(isinstance(part, ToolPart) and "Secret of one." in (part.result or "") for part in reply.parts)
    request = model_server.requests[0].body
    assert [name for name in ("one", "two") if f"`{name}`" in request["messages"][0]["content"]] == told
    assert ("skill" in [tool["function"]["name"] for tool in request.get("tools", [])]) == offered
    assert readable == ("one" in told)


async def test_without_skills_no_agent_has_the_tool(folder: Path, model_server: ModelServer, litellm_ready: None) -> None:
    model_server.script(Answer("Done."))
    async with app(folder, model_server) as home:
        session = await home.sessions.create()
        await home.sessions.message(session.id, "go")
    request = model_server.requests[0].body
    assert "skill" not in [tool["function"]["name"] for tool in request["tools"]]
    assert "# Skills" not in request["messages"][0]["content"]


def test_definitions_of_other_tools_name_skills() -> None:
    claude = b"---\nname: a\ndescription: d\ntools: Read\nskills: one, two\n---\nx"
    definition = read(claude, format="claude", stem="a", source="s", origin="user")
    assert (definition.skills, definition.tools) == (("one", "two"), ("read_file", "skill"))
    opencode = b"---\ndescription: d\npermission: {skill: deny}\n---\nx"
    denied = read(opencode, format="opencode", stem="a", source="s", origin="user")
    assert "skill" not in denied.choose_tools(TOOL_NAMES)


# -- read ----------------------------------------------------------------------------------------------------------------


async def read_it(root: Path, **arguments: object) -> str:
    tool = ReadSkill(lambda _: {"notes": SkillFolder("notes", root)}, lambda: True)
    return await tool.run({"name": "notes", **arguments}, LoneCall())


@pytest.mark.parametrize("path", ["../../secret", "/etc/passwd", "a/../../secret", "x\0y", "link", "folder/inside"])
@needs_links
async def test_nothing_outside_the_skills_folder_is_read(tmp_path: Path, path: str) -> None:
    root = skill(tmp_path / "skills", "notes").parent
    write(tmp_path / "outer/inside", "secret")
    write(tmp_path / "secret", "secret")
    (root / "a").mkdir()
    (root / "link").symlink_to(tmp_path / "secret")
    (root / "folder").symlink_to(tmp_path / "outer")
    with pytest.raises(ToolFailed, match="is not in the folder of the skill notes"):
        await read_it(root, path=path)


@needs_links
async def test_only_text_files_without_secrets_are_read(tmp_path: Path) -> None:
    root = skill(tmp_path / "skills", "notes").parent
    write(root / "picture.png", b"\x89PNG\0")
    write(root / "latin", b"\xe4")
    write(root / ".env", "KEY=1")
    write(root / "big", "x" * ((2 << 20) + 1))
    os.mkfifo(root / "pipe")
    for path, why in (
        ("picture.png", "is not a text file"),
        ("latin", "is not a text file"),
        (".env", "may contain secrets"),
        ("big", "is longer than 2 MB"),
        ("pipe", "cannot be read"),
        ("gone", "cannot be read"),
        (".", "cannot be read"),
    ):
        with pytest.raises(ToolFailed, match=why):
            await read_it(root, path=path)
    assert ".env" not in await read_it(root)


async def test_a_long_file_is_read_in_pieces(tmp_path: Path) -> None:
    root = skill(tmp_path / "skills", "notes").parent
    lines = [f"{number} {'x' * 90}" for number in range(1, 1001)]
    write(root / "long.md", "\n".join(lines))
    told, start = "", 1
    while True:
        piece = await read_it(root, path="long.md", start_line=start)
        text, _, more = piece.partition("\n\n[Continue with start_line=")
        assert len(piece) < 51_000
        told += text + "\n"
        if not more:
            break
        start = int(more.rstrip("]."))
    assert told.splitlines() == lines and start > 1
    with pytest.raises(ToolFailed, match="has only 1000 lines"):
        await read_it(root, path="long.md", start_line=1001)


async def test_an_unknown_skill_is_an_error_that_lists_the_existing_ones(tmp_path: Path) -> None:
    root = skill(tmp_path / "skills", "notes").parent
    with pytest.raises(ToolFailed, match=r"There is no skill other that this agent may read\. Skills: notes"):
        await read_it(root, name="other")


async def test_a_subagent_knows_skills_only_if_both_agents_have_the_tool(
    folder: Path, model_server: ModelServer, litellm_ready: None
) -> None:
    skill(folder / ".agents/skills", "notes")
    write_agent(folder, "helper", "You help.")
    write_agent(folder, "with-tool", "You ask.", tools="[ask_agent, skill]")
    write_agent(folder, "without-tool", "You ask.", tools="[ask_agent]")
    for name in ("with-tool", "without-tool"):
        model_server.script(
            Answer(tools=[ToolUse("ask_agent", {"agent": "helper", "question": "well?"})]), Answer("Yes."), Answer("Done.")
        )
        async with app(folder, model_server) as home:
            session = await home.sessions.create()
            await home.sessions.message(session.id, Outgoing("go", agent=name))
        asked = model_server.requests[-2].body["messages"]
        assert asked[0]["content"].startswith("You help.") and "well?" in asked[1]["content"]
        assert ("`notes`" in asked[0]["content"]) == (name == "with-tool")
