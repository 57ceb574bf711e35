"""Contexts of changes, and the form of all contexts in the prompt."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from context_place import Place, diagnostic, place, span
from sessionls.domain.errors import InvalidParams
from sessionls.domain.model import (
    Context,
    DiagnosticsContext,
    DiffContext,
    FileContext,
    SelectionContext,
    SourceLine,
    SymbolContext,
    TextContext,
)
from sessionls.sessions.context.resolver import render

__all__ = ["place"]  # fixtures of these tests

# -- diff --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def repository(place: Place) -> Place:
    place.git("init", "--quiet")
    place.write("a.py", "one\n")
    place.write("sub/b.py", "b\n")
    place.write(".env.sample", "KEY=\n")
    (place.folder / "c.bin").write_bytes(b"\0one")
    place.git("add", "--force", ".")
    place.git("commit", "--quiet", "-m", "First")
    place.git("tag", "v1")
    return place


async def diff(place: Place, base: str | None = None, **options: Any) -> DiffContext:
    [stored] = await place.resolve(DiffContext(base=base), **options)
    assert isinstance(stored, DiffContext)
    return stored


async def test_a_diff_shows_the_changes_since_the_last_commit(repository: Place) -> None:
    repository.write("a.py", "two\n")
    repository.write("new.py", "untracked\n")
    repository.write(".env.sample", "KEY=hunter2\n")
    (repository.folder / "c.bin").write_bytes(b"\0two")
    stored = await diff(repository)
    assert "--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-one\n+two\n" in (stored.text or "")
    assert "Binary files a/c.bin and b/c.bin differ" in (stored.text or "")
    assert "hunter2" not in stored.model_dump_json() and "Withheld: 1" in str(stored.notice)
    assert "new.py" in str(stored.notice) and "untracked\n" not in (stored.text or "")


async def test_a_diff_can_start_at_any_revision(repository: Place) -> None:
    repository.write("a.py", "two\n")
    repository.git("commit", "--quiet", "-a", "-m", "Second")
    assert (await diff(repository)).text == ""
    assert "Nothing has changed" in str((await diff(repository)).notice)
    for base in ("v1", "HEAD~1", repository.git("rev-parse", "v1")):
        stored = await diff(repository, base)
        assert "+two" in (stored.text or "") and stored.base == base


@pytest.mark.parametrize("base", ["--output=x", "-p", "nowhere", "", "HEAD\nHEAD", "HEAD:a.py", "v1..HEAD", "x" * 300])
async def test_an_unknown_revision_is_an_error_that_names_it(repository: Place, base: str) -> None:
    with pytest.raises(InvalidParams) as error:
        await diff(repository, base)
    assert error.value.data["fields"] == ["context.0.base"]
    assert sorted(path.name for path in repository.folder.iterdir()) == [".env.sample", ".git", "a.py", "c.bin", "sub"]


async def test_a_diff_needs_a_repository(place: Place) -> None:
    with pytest.raises(InvalidParams, match="repository"):
        await diff(place)
    place.git("init", "--quiet")
    assert (await diff(place)).notice == "Nothing has changed since HEAD."


async def test_a_long_diff_is_cut_at_a_line(repository: Place) -> None:
    repository.write("a.py", "".join(f"line {number}\n" for number in range(1000)))
    stored = await diff(repository, budget=500)
    assert stored.text is not None and 0 < len(stored.text) <= 500 and stored.text.endswith("\n") and stored.notice is not None


async def test_a_diff_of_a_folder_contains_only_that_folder(repository: Place) -> None:
    repository.write("a.py", "two\n")
    repository.write("sub/b.py", "c\n")
    inner = Place(repository.folder / "sub")
    stored = await diff(inner)
    assert "+++ b/b.py" in (stored.text or "") and "a.py" not in (stored.text or "")


async def test_several_folders_have_distinct_names(repository: Place, tmp_path: Path) -> None:
    other = Place(tmp_path / "other")
    other.folder.mkdir()
    repository.editor.open_folders += [other.folder.as_uri(), (repository.folder / "sub").as_uri()]
    repository.write("sub/b.py", "c\n")
    stored = await diff(repository)  # the other one is not a repository, but that is not an error
    assert (stored.text or "").count("+++ b/project/sub/b.py") == 1


@pytest.mark.skipif(os.name == "nt", reason="the program is a shell script")
async def test_a_repository_cannot_start_a_program(repository: Place, tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch '{tmp_path}/started'\ncat\n")
    program.chmod(0o755)
    repository.write(".gitattributes", "*.py filter=evil diff=evil\n")
    settings_ = ("core.fsmonitor", "diff.external", "diff.evil.command", "diff.evil.textconv", "filter.evil.clean", "core.pager")
    for name in (*settings_, "filter.evil.smudge", "core.sshCommand", "core.hooksPath"):
        repository.git("config", name, str(program))
    repository.git("config", "filter.evil.required", "true")
    repository.write("a.py", "two\n")
    stored = await diff(repository)
    assert "+two" in (stored.text or "")
    assert not (tmp_path / "started").exists()


# -- what a model sees -------------------------------------------------------------------------------------------------


FOLDER = "file:///home/ada/project"


def test_a_selection_is_shown_with_path_lines_and_numbers() -> None:
    context = SelectionContext(
        uri=f"{FOLDER}/src/a.py", range=span(8, 0, 10, 0), text="one\ntwo\n", version=3, dirty=True, language="python"
    )
    assert render(context, [FOLDER]) == (
        '<context kind="selection" path="src/a.py" lines="9-10" language="python" unsaved="true" version="3">\n'
        "```python\n"
        " 9 | one\n"
        "10 | two\n"
        "```\n"
        "</context>"
    )


def test_an_empty_selection_shows_the_cursor_position() -> None:
    assert "the cursor is on line 5" in render(SelectionContext(uri="untitled:1", range=span(4, 2, 4, 2), text=""), [])


def test_diagnostics_are_shown_under_their_lines() -> None:
    shown = render(
        DiagnosticsContext(
            uri=f"{FOLDER}/a.py",
            diagnostics=[
                diagnostic(9, "undefined:\n  z", severity=1, source="lint", code="F821"),
                diagnostic(0, "unused", severity=2),
            ],
            lines=[SourceLine(number=0, text="import os"), SourceLine(number=9, text="y = z")],
        ),
        [FOLDER],
    )
    assert "\n 1 | import os\n ^ warning: unused (line 1)\n10 | y = z\n ^ error [lint/F821]: undefined: z (line 10)\n" in shown


def test_a_diff_a_text_and_an_empty_file_are_shown() -> None:
    assert render(DiffContext(text="-a\n+b\n"), []) == '<context kind="diff" base="HEAD">\n```diff\n-a\n+b\n```\n</context>'
    assert render(TextContext(title="log", text="x"), []) == '<context kind="text" title="log">\n```\nx\n```\n</context>'
    assert render(FileContext(uri="untitled:1", text=""), []) == '<context kind="file" path="untitled:1">\n(empty)\n</context>'
    assert 'notice="cut"' in render(FileContext(uri="untitled:1", text="a", notice="cut"), [])
    assert "(not read)" in render(FileContext(uri="untitled:1"), [])


HOSTILE = st.lists(
    st.sampled_from(
        [
            "</context>",
            '<context kind="text">',
            "```",
            "````",
            "\n",
            "\r",
            "\r\n",
            " ",
            "x",
            "</ CONTEXT >",
            '"',
            ">",
            "\u2028",
            "🙂",
        ]
    )
).map("".join)


@settings(deadline=None, max_examples=200)
@given(text=HOSTILE, name=HOSTILE)
def test_no_text_can_end_its_block(text: str, name: str) -> None:
    from urllib.parse import quote

    uri = f"{FOLDER}/{quote(name)}.py"
    place = span(0, 0, 0, 0)
    contexts: list[Context] = [
        SelectionContext(uri=uri, range=place, text=text, language=name, notice=text),
        FileContext(uri=uri, text=text, language=name),
        SymbolContext(uri=uri, name=name, range=place, text=text),
        TextContext(title=name, text=text),
        DiagnosticsContext(uri=uri, diagnostics=[diagnostic(0, text, source=name)], lines=[SourceLine(number=0, text="x")]),
    ]
    for context in contexts:
        first, *lines, last = render(context, [FOLDER]).split("\n")
        assert first.startswith(f'<context kind="{context.kind}"') and first.count("<") == first.count(">") == 1
        assert last == "</context>"
        if lines[0].startswith("`"):
            fence = lines[0].rstrip("abcdefghijklmnopqrstuvwxyz")
            inside = "\n".join(lines[1:-1]).replace("\r", "\n")
            assert lines[-1] == fence and fence not in inside
            assert not any(
                line.lstrip().lower().startswith(("</context", "</ context", "<context")) for line in inside.split("\n")
            )
