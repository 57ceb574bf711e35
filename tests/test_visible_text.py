"""Texts that a person decides about, and terminal output, contain no invisible or direction-changing characters."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from in_process_app import App, PlainEditor, app, write_agent
from model_server import Answer, ModelServer, ToolUse
from sessionls.cli.terminal import Terminal, safe
from sessionls.domain import uris
from sessionls.domain.model import Message, Participant, Session, TextPart, ToolPart, Usage
from sessionls.domain.titles import title_of, validate_title
from sessionls.domain.visible import as_json, in_one_line, meant, shown, without_escapes
from sessionls.sessions.export.markdown import Format, render
from sessionls.sessions.workspace.workspace import Workspace
from sessionls.settings.participant import participant
from sessionls.tools.read import ReadFile
from tool_calls import LoneCall

BIDI = [chr(code) for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))]
MARKS = ["\u200e", "\u200f", "\u061c", "\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\u00ad", "\U000e0041", "\u2028"]
C1 = [chr(code) for code in range(0x7F, 0xA0)]
TEXT = st.text(st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from([*BIDI, *MARKS, *C1, "\x1b", "\\", "u"])))


@given(TEXT)
def test_one_line_texts_contain_no_invisible_characters(text: str) -> None:
    line = in_one_line(text)
    assert not [letter for letter in line if unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Zl", "Zp")]


@given(TEXT)
def test_prose_contains_no_control_sequences_or_direction_changes(text: str) -> None:
    prose = shown(text, prose=True)
    assert not set(prose) & {*BIDI, *C1, "\x1b", "\x07", "\r", "\U000e0041"}


@given(TEXT)
def test_json_keeps_its_values_and_escapes_unsafe_characters(text: str) -> None:
    written = as_json({text: [text]})
    assert json.loads(written) == {text: [text]}
    assert not set(written) & {*BIDI, *MARKS, *C1, "\x1b"}


def test_unsafe_characters_are_shown_as_escapes() -> None:
    assert in_one_line("a\u202eb\x1b[2J\x9bc\n\U000e0041") == r"a\u202eb\x1b[2J\x9bc\x0a\U000e0041"
    assert shown("a\tb\r\nc") == "a\tb\nc"
    family = "\U0001f468\u200d\U0001f469"
    assert shown(family, prose=True) == family and "\u200d" not in shown(family)
    assert without_escapes("\x1b[31mred\x1b[0m \x1b]8;;http://x\x1b\\link\x1b]0;t\x07") == "red link"


@given(st.text(st.sampled_from([*BIDI, *MARKS, *C1, "a", "/"])))
def test_a_shown_name_converts_back_to_the_original(name: str) -> None:
    assert meant(in_one_line(name)) == name


async def test_a_file_with_hidden_characters_is_read_by_its_shown_name(tmp_path: Path) -> None:
    (tmp_path / "a\u202etxt.py").write_text("found\n")
    workspace = Workspace(PlainEditor([tmp_path.as_uri()]))
    assert "found" in await ReadFile(workspace).run({"path": r"a\u202etxt.py"}, LoneCall())


@pytest.mark.parametrize("letter", [*BIDI, "\x9b", "\x1b", "\u200b", "\u200f"])
def test_names_titles_and_paths_are_escaped(letter: str) -> None:
    text = f"a{letter}b"
    for said in (
        validate_title(text),
        title_of(text),
        participant(text, f"{text}@example.org").name,
        uris.display(f"file:///w/{text}.py", ["file:///w"]),
        safe(text),
    ):
        assert letter not in said and "\\" in said


def test_texts_from_older_versions_are_escaped_too() -> None:
    found = Participant.model_validate({"id": "p", "name": "a\u202eb", "email": "a\u2066@b"})
    assert (found.name, found.email) == (r"a\u202eb", r"a\u2066@b")


def test_stdout_contains_no_control_sequences(capsys: pytest.CaptureFixture[str]) -> None:
    text = "".join([*BIDI, *C1, "\x1b[2J", "é"])
    terminal = Terminal()
    terminal.json({"a": text})
    terminal.write(text)
    terminal.note(text)
    said = capsys.readouterr()
    assert not set(said.out + said.err) & {*BIDI, *C1, "\x1b"} and "é" in said.out
    assert json.loads(said.out.partition("\n}")[0] + "}") == {"a": text}


@pytest.mark.parametrize("format_", ["markdown", "json", "html"])
def test_exports_contain_no_control_sequences(format_: Format) -> None:
    hidden = "".join([*BIDI, *C1, "\x1b[2J"])
    stamp = "2026-03-01T09:30:00.000Z"
    author = Participant.model_construct(id="p", name=f"n{hidden}")
    session = Session.model_construct(
        id="s",
        title=f"t{hidden}",
        agent=f"a{hidden}",
        participants=[author],
        workspace_folders=[],
        usage=Usage(),
        created_at=stamp,
        updated_at=stamp,
        state="active",
        parent=None,
        model=None,
    )
    parts = [
        TextPart(text=f"a {hidden}\n\n```\n{hidden}\n```\n"),
        ToolPart(call_id="c", name="t", arguments={"x": hidden}, status="done", result=hidden),
    ]
    message = Message(
        id="m",
        session_id="s",
        seq=1,
        role="participant",
        author=author,
        parts=parts,
        status="complete",
        created_at=stamp,
    )
    assert not set(render(session, [message], format_)) & {*BIDI, *C1, "\x1b"}


# -- questions -------------------------------------------------------------------------------------------------------


@pytest.fixture
async def home(tmp_path: Path, model_server: ModelServer) -> AsyncIterator[App]:
    folder = tmp_path / "work"
    folder.mkdir()
    write_agent(folder, "writer", "You write.", tools="[create_file, run_command]")
    async with app(folder, model_server) as home:
        yield home


@pytest.mark.usefixtures("litellm_ready")
async def test_a_permission_request_hides_nothing(home: App, model_server: ModelServer) -> None:
    hidden = "".join([*BIDI, *MARKS, "\x9b", "\x1b[2K"])
    model_server.script(
        Answer(tools=[ToolUse("run_command", {"command": f"echo {hidden}"})]),
        Answer(tools=[ToolUse("run_command", {"command": "echo " + shown(hidden)})]),
        Answer(tools=[ToolUse("create_file", {"path": f"a{hidden[:9]}.py", "text": f"x = '{hidden}'\n"})]),
        Answer("done"),
    )
    home.editor.answers += ["deny", "deny", "deny"]
    session = await home.sessions.create(agent="writer")
    await home.sessions.message(session.id, "write")
    for question in home.editor.questions:
        for text in (question.summary, question.detail or "", question.scope):
            assert not set(text) & {*BIDI, *MARKS, *C1, "\x1b"}
        assert r"\u202e" in question.summary
    first, second, _ = home.editor.questions
    assert first.scope != second.scope, "a yes for what looks alike is none for this"
