"""Prompt files: where they are found, what becomes of their arguments, and what counts in a folder that is not trusted."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessionls.agents.prompt_files import PromptFiles
from sessionls.domain.errors import InvalidParams


class Machine:
    """A home, a configuration directory and a workspace folder."""

    def __init__(self, tmp: Path) -> None:
        self.home, self.own, self.folder = tmp / "home", tmp / "own", tmp / "work"
        self.trusted = True
        self.prompts = PromptFiles(lambda: [self.folder], trusted=lambda: self.trusted, user_dir=self.own, home=self.home)

    def write(self, path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    async def expand(self, body: str, arguments: str = "") -> str:
        self.write(self.own / "it.md", body)
        return (await self.prompts.expand("it", arguments)).text


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


async def test_they_are_found_where_other_tools_keep_them(machine: Machine) -> None:
    machine.write(
        machine.folder / ".github/prompts/explain.prompt.md",
        "---\ndescription: Explains code\nagent: agent\n---\nExplain ${input:what:the code}.",
    )
    machine.write(machine.folder / ".claude/commands/git/commit.md", "---\nargument-hint: [message]\n---\nCommit: $ARGUMENTS")
    machine.write(machine.folder / ".sessionls/prompts/check.md", "---\nagent: review\n---\n# Check it\n\nCheck.")
    machine.write(machine.home / ".claude/commands/mine.md", "Mine.")
    machine.write(machine.own / "own.md", "Own.")
    machine.write(machine.folder / ".github/prompts/readme.md", "No prompt file.")
    found = {one.name: one for one in await machine.prompts.list()}
    assert list(found) == ["check", "explain", "git:commit", "mine", "own"]
    assert (found["explain"].description, found["explain"].arguments, found["explain"].agent) == (
        "Explains code",
        "the code",
        None,
    )
    assert found["git:commit"].arguments == "[message]"
    assert (found["check"].agent, found["check"].description, found["check"].arguments) == ("review", "Check it", None)
    assert found["own"].source == (machine.own / "own.md").as_uri()


async def test_the_nearest_of_a_name_counts_and_that_of_an_untrusted_folder_never(machine: Machine) -> None:
    machine.write(machine.own / "it.md", "Mine.")
    machine.write(machine.folder / ".sessionls/prompts/it.md", "The folder's.")
    assert (await machine.prompts.expand("it", "")).text == "The folder's."
    machine.trusted = False
    assert (await machine.prompts.expand("it", "")).text == "Mine."
    assert [one.source for one in await machine.prompts.list()] == [(machine.own / "it.md").as_uri()]


@pytest.mark.parametrize(
    ("body", "arguments", "text"),
    [
        ("Fix $ARGUMENTS now.", "the bug", "Fix the bug now."),
        ("Compare $1 with $2.", "one 'two words'", "Compare one with two words."),
        ("Compare $1 with $2.", "one", "Compare one with ."),
        ("Explain ${input:what:the code}.", "it all, please", "Explain it all, please."),
        ("Move ${input:from} to ${input:to}.", "a b c", "Move a to b c."),
        ("Say ${input:x} and ${input:x}.", "hi", "Say hi and hi."),
        ("Look at it.", "It's in a.py", "Look at it.\n\nIt's in a.py"),
        ("It costs $10 and $1.", "five", "It costs $10 and five."),
        ("Say $ARGUMENTS.", "", "Say ."),
    ],
)
async def test_arguments_go_into_their_places(machine: Machine, body: str, arguments: str, text: str) -> None:
    assert await machine.expand(body, arguments) == text


async def test_what_is_in_an_argument_is_never_taken_for_a_place(machine: Machine) -> None:
    assert await machine.expand("A $1 B $ARGUMENTS", "'$ARGUMENTS' ${input:x}") == "A $ARGUMENTS B '$ARGUMENTS' ${input:x}"


async def test_one_that_cannot_be_used_says_why(machine: Machine) -> None:
    machine.write(machine.own / "empty.md", "---\ndescription: Nothing\n---\n")
    machine.write(machine.own / "open.md", "---\ndescription: Nothing\n")
    (machine.own / "latin.md").write_bytes(b"caf\xe9")
    problems = {one.name: one.problem for one in await machine.prompts.list()}
    assert set(problems) == {"empty", "open", "latin"} and all(problems.values())
    with pytest.raises(InvalidParams, match="no text"):
        await machine.prompts.expand("empty", "")
    with pytest.raises(InvalidParams, match="no prompt file"):
        await machine.prompts.expand("../own/empty", "")


async def test_a_link_out_of_the_folder_is_not_followed(machine: Machine, tmp_path: Path) -> None:
    secret = tmp_path / "secret.md"
    secret.write_text("A secret.", encoding="utf-8")
    place = machine.folder / ".claude/commands"
    place.mkdir(parents=True)
    (place / "out.md").symlink_to(secret)
    (place / "loop").symlink_to(place, target_is_directory=True)
    (found,) = await machine.prompts.list()
    assert found.problem is not None and "leads out" in found.problem
    with pytest.raises(InvalidParams):
        await machine.prompts.expand("out", "")


@given(body=st.text(max_size=200), arguments=st.text(max_size=100))
def test_any_text_and_any_arguments_make_a_message(body: str, arguments: str) -> None:
    from sessionls.agents.prompt_files import _fill

    assert isinstance(_fill(body, arguments.strip()), str)
