"""Instruction files of a workspace: for all agents, and for those that work on certain files."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from in_process_app import app
from model_server import Answer, ModelServer, ToolUse
from sessionls.agents.catalog import Catalog
from sessionls.domain.model import FileContext, TextContext
from sessionls.sessions.composing import Outgoing


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


async def loaded(folder: Path, *, trusted: bool = True) -> Catalog:
    catalog = Catalog([folder], trusted=trusted, user_dir=folder.parent / "config", home=folder.parent / "home")
    await catalog.reload()
    return catalog


async def near(catalog: Catalog, folder: Path, name: str) -> list[tuple[str, str]]:
    return list(await asyncio.to_thread(catalog.instructions_near, folder, name))


async def test_every_agent_gets_the_instruction_files_of_all_supported_programs(folder: Path) -> None:
    write(folder / "AGENTS.md", "Use tabs.")
    write(folder / "CLAUDE.md", "Write tests.")
    write(folder / ".github/copilot-instructions.md", "Be brief.")
    told = (("AGENTS.md", "Use tabs."), ("CLAUDE.md", "Write tests."), (".github/copilot-instructions.md", "Be brief."))
    assert (await loaded(folder)).instructions() == "\n\n".join(
        f"# Instructions of the workspace folder work ({name})\n\n{text}" for name, text in told
    )
    assert (await loaded(folder, trusted=False)).instructions() == ""


@pytest.mark.parametrize("text", ["Use tabs.", "@AGENTS.md", "@./AGENTS.md\n"])
async def test_the_same_text_in_two_files_is_given_once(folder: Path, text: str) -> None:
    write(folder / "AGENTS.md", "Use tabs.")
    write(folder / "CLAUDE.md", text)
    assert (await loaded(folder)).instructions().count("# Instructions") == 1


async def test_the_total_length_is_limited_and_cuts_are_reported(folder: Path) -> None:
    for name in ("AGENTS.md", "CLAUDE.md", ".github/copilot-instructions.md"):
        write(folder / name, f"{name} " + "x" * 90_000)
    text = (await loaded(folder)).instructions()
    assert len(text) < 100_000 and text.count("These are only its first ") == 2
    assert text.endswith("(.github/copilot-instructions.md is omitted: the instructions together are too long.)")


async def test_subfolders_have_instructions_for_their_files_the_nearest_last(folder: Path) -> None:
    write(folder / "AGENTS.md", "for all")
    write(folder / "src/AGENTS.md", "for src")
    write(folder / "src/deep/CLAUDE.md", "for deep")
    write(folder / "other/AGENTS.md", "for others")
    catalog = await loaded(folder)
    assert await near(catalog, folder, "src/deep/er/a.py") == [
        ("src/AGENTS.md", "for src"),
        ("src/deep/CLAUDE.md", "for deep"),
    ]
    assert await near(catalog, folder, "src/a.py") == [("src/AGENTS.md", "for src")]
    assert await near(catalog, folder, "a.py") == []
    assert await near(catalog, folder.parent, "work/src/a.py") == []  # not a workspace folder
    assert await near(await loaded(folder, trusted=False), folder, "src/a.py") == []


@pytest.mark.parametrize(
    ("head", "name", "applies"),
    [
        ("applyTo: '**'", "a.py", True),
        ("applyTo: **", "a.py", True),  # invalid YAML
        ('applyTo: "**/*.ts,**/*.tsx"', "src/a.tsx", True),
        ('applyTo: "**/*.ts,**/*.tsx"', "src/a.py", False),
        ("applyTo: [src/**, '*.md']", "src/deep/a.py", True),
        ("applyTo: 'src/{a,b}/*.py'", "src/b/x.py", True),
        ("description: by hand only", "a.py", False),
        ("applyTo: " + "a" * 5_000, "a.py", False),
    ],
)
async def test_instructions_for_certain_files_apply_only_to_them(folder: Path, head: str, name: str, applies: bool) -> None:
    write(folder / ".github/instructions/sub/style.instructions.md", f"---\n{head}\n---\nBe neat.")
    found = await near(await loaded(folder), folder, name)
    assert found == ([(".github/instructions/sub/style.instructions.md", "Be neat.")] if applies else [])


async def test_a_link_out_of_the_folder_is_not_read(folder: Path, tmp_path: Path) -> None:
    write(tmp_path / "secret", "key")
    for name in ("CLAUDE.md", "src/AGENTS.md", ".github/instructions/x.instructions.md"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).symlink_to(tmp_path / "secret")
    catalog = await loaded(folder)
    assert catalog.instructions() == "" and await near(catalog, folder, "src/a.py") == []


async def test_reading_a_file_in_a_subfolder_adds_its_instructions_once(
    folder: Path, model_server: ModelServer, litellm_ready: None
) -> None:
    write(folder / "src/AGENTS.md", "Use tabs here.")
    for name in ("src/a.py", "src/b.py", "c.py"):
        write(folder / name, "x = 1\n")
    reads = [ToolUse("read_file", {"path": path}) for path in ("c.py", "src/a.py", "src/b.py")]
    model_server.script(*(Answer(tools=[one]) for one in reads), Answer("Done."), Answer(tools=[reads[1]]), Answer("Done."))
    async with app(folder, model_server) as home:
        session = await home.sessions.create()
        first = (await home.sessions.message(session.id, "go")).reply
        told = [part.result or "" for part in first.parts if part.kind == "tool"]
        words = "[Workspace instructions for files like this one (src/AGENTS.md):]\nUse tabs here."
        assert [words in result for result in told] == [False, True, False]
        second = (await home.sessions.message(session.id, "again")).reply
        assert [words in (part.result or "") for part in second.parts if part.kind == "tool"] == [True]
        home.built.bounds.trusted = False
        await home.built.follow()
        model_server.script(Answer(tools=[reads[1]]), Answer("Done."))
        third = (await home.sessions.message(session.id, "again")).reply
        assert [words in (part.result or "") for part in third.parts if part.kind == "tool"] == [False]


async def test_a_message_about_a_file_in_a_subfolder_includes_its_instructions(
    folder: Path, model_server: ModelServer, litellm_ready: None
) -> None:
    write(folder / "src/CLAUDE.md", "Use tabs here.")
    write(folder / "src/a.py", "x = 1\n")
    model_server.script(Answer("Done."))
    async with app(folder, model_server) as home:
        session = await home.sessions.create()
        asked = (
            await home.sessions.message(session.id, Outgoing("go", context=[FileContext(uri=(folder / "src/a.py").as_uri())]))
        ).message
        assert asked.context is not None
        assert asked.context[1:] == [TextContext(title="Instructions for these files (src/CLAUDE.md)", text="Use tabs here.")]
        assert "Use tabs here." in model_server.requests[0].text
