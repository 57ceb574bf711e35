"""Contexts: the referenced text at that moment, and its form in the prompt."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sessionls.domain.errors import InvalidParams, NotPermitted, SessionlsError
from sessionls.domain.model import (
    Context,
    DiagnosticsContext,
    DiffContext,
    FileContext,
    Position,
    Range,
    SelectionContext,
    SourceLine,
    SymbolContext,
    TextContext,
    context_adapter,
)
from sessionls.ports.editor import Buffer
from sessionls.sessions.context.resolver import render, resolve
from sessionls.sessions.workspace.workspace import Workspace


class FakeEditor:
    def __init__(self, *folders: Path) -> None:
        self.encoding: Literal["utf-8", "utf-16", "utf-32"] = "utf-16"
        self.open_folders = [folder.as_uri() for folder in folders]
        self.buffers: dict[str, Buffer] = {}

    @property
    def folders(self) -> Sequence[str]:
        return self.open_folders

    def buffer(self, uri: str) -> Buffer | None:
        return self.buffers.get(uri)


class Place:
    """A workspace of one folder, and the editor on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.editor = FakeEditor(folder)
        self.workspace = Workspace(self.editor)

    def write(self, name: str, text: str) -> str:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
        return path.as_uri()

    def open(self, name: str, text: str, version: int = 3) -> str:
        uri = (self.folder / name).as_uri()
        self.editor.buffers[uri] = Buffer(uri, text, version, "python")
        return uri

    async def resolve(self, *contexts: Context, **options: Any) -> list[Context]:
        stored = await resolve(contexts, self.workspace, self.editor, **options)
        for context in stored:  # the stored form can be read again
            assert context_adapter.validate_json(context.model_dump_json(by_alias=True, exclude_none=True)) == context
        return stored

    def git(self, *arguments: str) -> str:
        identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "commit.gpgsign=false")
        done = subprocess.run(["git", *identity, *arguments], cwd=self.folder, check=True, capture_output=True, text=True)
        return done.stdout.strip()


@pytest.fixture
def place(tmp_path: Path) -> Place:
    (tmp_path / "project").mkdir()
    return Place(tmp_path / "project")


def span(start_line: int, start: int, end_line: int, end: int) -> Range:
    return Range(start=Position(line=start_line, character=start), end=Position(line=end_line, character=end))


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


# -- selection and file ------------------------------------------------------------------------------------------------


async def test_a_selection_is_cut_from_the_unsaved_buffer(place: Place) -> None:
    place.write("a.py", "old\n")
    uri = place.open("a.py", "one\nt🙂wo\nthree\n")
    [stored] = await place.resolve(SelectionContext(uri=uri, range=span(1, 1, 1, 4), text="what the editor's plugin thought"))
    assert stored == SelectionContext(
        uri=uri, range=span(1, 1, 1, 4), text="🙂w", version=3, dirty=True, sha256=sha("one\nt🙂wo\nthree\n"), language="python"
    )


@pytest.mark.parametrize(("encoding", "end"), [("utf-8", 7), ("utf-16", 4), ("utf-32", 3)])
async def test_positions_are_read_in_the_negotiated_encoding(
    place: Place, encoding: Literal["utf-8", "utf-16", "utf-32"], end: int
) -> None:
    place.editor.encoding = encoding
    uri = place.write("a.txt", "é🙂x\r\ny")
    start = {"utf-8": 2}.get(encoding, 1)
    [stored] = await place.resolve(SelectionContext(uri=uri, range=span(0, start, 0, end)))
    assert isinstance(stored, SelectionContext) and stored.text == "🙂x"


async def test_a_range_past_the_end_is_clamped_to_the_text(place: Place) -> None:
    uri = place.write("a.py", "one\r\ntwo")
    [stored] = await place.resolve(SelectionContext(uri=uri, range=span(0, 99, 7, 0)))
    assert isinstance(stored, SelectionContext)
    assert (stored.text, stored.range, stored.dirty, stored.version) == ("\r\ntwo", span(0, 3, 1, 3), False, None)


async def test_a_range_that_starts_after_its_end_is_an_error(place: Place) -> None:
    uri = place.write("a.py", "one\n")
    with pytest.raises(InvalidParams) as error:
        await place.resolve(FileContext(uri=uri), SelectionContext(uri=uri, range=span(0, 2, 0, 1)))
    assert error.value.data["fields"] == ["context.1.range"]


async def test_a_file_is_added_completely(place: Place) -> None:
    uri = place.write("src/a.py", "x = 1\n")
    [stored] = await place.resolve(FileContext(uri=uri))
    assert stored == FileContext(uri=uri, text="x = 1\n", dirty=False, sha256=sha("x = 1\n"), language="python")


async def test_a_document_without_a_file_is_read_from_its_buffer_or_from_the_request(place: Place) -> None:
    chosen = span(0, 0, 0, 5)
    with pytest.raises(NotPermitted):
        await place.resolve(SelectionContext(uri="untitled:1", range=chosen))
    [sent] = await place.resolve(SelectionContext(uri="untitled:1", range=chosen, text="sent"))
    assert isinstance(sent, SelectionContext) and sent.text == "sent" and sent.notice is not None
    place.editor.buffers["untitled:1"] = Buffer("untitled:1", "buffer", 1, "plaintext")
    [own] = await place.resolve(SelectionContext(uri="untitled:1", range=chosen, text="sent"))
    assert isinstance(own, SelectionContext) and own.text == "buffe" and own.notice is None


@pytest.mark.parametrize("sent", [None, "text that was sent"])
async def test_files_that_may_not_be_read_are_refused_even_with_their_text(
    place: Place, tmp_path: Path, sent: str | None
) -> None:
    (tmp_path / "outside.py").write_text("secret")
    refused = [(tmp_path / "outside.py").as_uri(), place.write(".env", "KEY=secret"), "git:/project/.env?HEAD"]
    for uri in refused:
        with pytest.raises(NotPermitted) as error:
            await place.resolve(SelectionContext(uri=uri, range=span(0, 0, 9, 0), text=sent))
        assert uri in error.value.message
    for uri in (place.folder.as_uri() + "/missing.py", "file://[/broken"):
        with pytest.raises(SessionlsError):
            await place.resolve(SelectionContext(uri=uri, range=span(0, 0, 9, 0), text=sent))


async def test_an_error_names_the_context_by_its_index(place: Place, tmp_path: Path) -> None:
    fine = FileContext(uri=place.write("a.py", ""))
    (place.folder / "b.bin").write_bytes(b"\0")
    for uri in ((place.folder / "b.bin").as_uri(), (place.folder / "missing").as_uri(), tmp_path.as_uri()):
        with pytest.raises(SessionlsError) as error:
            await place.resolve(fine, FileContext(uri=uri))
        assert error.value.data["fields"] == ["context.1.uri"]


async def test_all_contexts_share_a_size_limit_and_report_cuts(place: Place) -> None:
    text = "0123456789\n" * 10
    uri = place.write("a.txt", text)
    stored = await place.resolve(
        TextContext(title="note", text="x" * 50),
        FileContext(uri=uri),
        FileContext(uri=uri),
        TextContext(title="b", text="y"),
        budget=100,
    )
    first, second, third, fourth = stored
    assert isinstance(first, TextContext) and (len(first.text), first.notice) == (50, None)
    assert isinstance(second, FileContext) and second.text == "0123456789\n" * 4 and "44" in str(second.notice)
    assert second.sha256 == sha(text)  # still of the whole document
    assert isinstance(third, FileContext) and third.text == "012345" and third.notice is not None
    assert isinstance(fourth, TextContext) and fourth.text == "" and "Omitted" in str(fourth.notice)


async def test_a_huge_file_is_cut_but_a_selection_far_inside_is_not(place: Place) -> None:
    uri = place.write("big.txt", "".join(f"line {number}\n" for number in range(200_000)))
    whole, part = await place.resolve(
        FileContext(uri=uri), SelectionContext(uri=uri, range=span(150_000, 0, 150_001, 0)), budget=1000
    )
    assert isinstance(whole, FileContext) and whole.notice is not None and len(whole.text or "") <= 1000
    [part] = await place.resolve(SelectionContext(uri=uri, range=span(150_000, 0, 150_001, 0)))
    assert isinstance(part, SelectionContext) and part.text == "line 150000\n"


# -- diagnostics -------------------------------------------------------------------------------------------------------


def diagnostic(line: int, message: str, **more: Any) -> dict[str, Any]:
    return {"range": span(line, 0, line, 3).wire(), "message": message, **more}


async def test_diagnostics_include_their_lines(place: Place) -> None:
    uri = place.open("a.py", "import os\nx = 1\ny = z\n")
    given = [diagnostic(2, "undefined: z", severity=1, source="lint", code="F821"), diagnostic(0, "unused", severity=2)]
    [stored] = await place.resolve(DiagnosticsContext(uri=uri, diagnostics=given))
    assert isinstance(stored, DiagnosticsContext)
    assert stored.diagnostics == given
    assert stored.lines == [SourceLine(number=0, text="import os"), SourceLine(number=2, text="y = z")]
    assert (stored.version, stored.dirty) == (3, True)
    [stored] = await place.resolve(DiagnosticsContext(uri=uri, range=span(1, 0, 2, 1), diagnostics=given))
    assert isinstance(stored, DiagnosticsContext) and stored.diagnostics == [given[0]]


async def test_too_many_diagnostics_are_cut_and_those_without_a_range_refused(place: Place) -> None:
    uri = place.write("a.py", "x\n")
    [stored] = await place.resolve(DiagnosticsContext(uri=uri, diagnostics=[diagnostic(0, f"m{n}") for n in range(300)]))
    assert isinstance(stored, DiagnosticsContext)
    assert (len(stored.diagnostics or ()), stored.notice) == (200, "100 more diagnostics are left out.")
    with pytest.raises(InvalidParams) as error:
        await place.resolve(DiagnosticsContext(uri=uri, diagnostics=[{"message": "no range"}]))
    assert error.value.data["fields"] == ["context.0.diagnostics.0.range"]
    [stored] = await place.resolve(DiagnosticsContext(uri=uri, diagnostics=[diagnostic(0, "half \ud800")]))
    assert "half \ufffd" in render(stored, [])


# -- symbol ------------------------------------------------------------------------------------------------------------

PYTHON = '''import os


@decorated
class Store:
    limit: int = 3

    def get(self, key):
        """Say `def put(` here."""
        return self.items[key]

    async def put(
        self,
        key,
    ):
        pass


def get(key):
    return key
'''

DEFINITIONS: list[tuple[str, str, str, str]] = [
    ("a.py", PYTHON, "Store", "@decorated\nclass Store:"),
    ("a.py", PYTHON, "get", "def get(key):\n    return key"),
    ("a.py", PYTHON, "Store.get", '    def get(self, key):\n        """Say `def put(` here."""\n        return self.items[key]'),
    ("a.py", PYTHON, "put", "    async def put(\n        self,\n        key,\n    ):\n        pass"),
    ("a.py", PYTHON, "limit", "    limit: int = 3"),
    ("broken.py", "x = (\n\ndef go(a):\n    return a\n\ny = 1\n", "go", "def go(a):\n    return a"),
    (
        "a.ts",
        "go();\nexport async function go(a: number) {\n  if (a) {\n    b();\n  }\n}\nx();\n",
        "go",
        "export async function go",
    ),
    (
        "a.ts",
        "class A {\n  run(x) {\n    y();\n  }\n}\nclass B {\n  run(z) {\n    w();\n  }\n}\n",
        "B.run",
        "  run(z) {\n    w();\n  }",
    ),
    ("a.js", "const add = (a, b) => {\n  return a + b;\n};\nadd(1, 2);\n", "add", "const add = (a, b) => {\n  return a + b;\n};"),
    (
        "a.go",
        "// Find finds\nfunc (r *Repo) Find(id int) error {\n\treturn nil\n}\n",
        "Find",
        "func (r *Repo) Find(id int) error {\n\treturn nil\n}",
    ),
    (
        "a.rs",
        "#[test]\npub(crate) fn go<T>(x: T) -> T {\n    x\n}\nmod a;\n",
        "go",
        "#[test]\npub(crate) fn go<T>(x: T) -> T {\n    x\n}",
    ),
    ("a.c", "int go(int);\n\nstatic int\nx;\nint go(int a)\n{\n    return a;\n}\n", "go", "int go(int a)\n{\n    return a;\n}"),
    ("a.c", "#define MAX(a, b) ((a) > (b) ? (a) : (b))\nint x;\n", "MAX", "#define MAX(a, b) ((a) > (b) ? (a) : (b))"),
    (
        "A.java",
        "class A {\n    @Override\n    public int size() {\n        return 1;\n    }\n}\n",
        "size",
        "    @Override\n    public int size() {",
    ),
    ("a.rb", "class A\n  def self.go(x)\n    x\n  end\nend\n", "go", "  def self.go(x)\n    x\n  end"),
    ("a.lua", "local M = {}\nfunction M.go(a)\n  return a\nend\nreturn M\n", "go", "function M.go(a)\n  return a\nend"),
]


@pytest.mark.parametrize(("name", "text", "symbol", "expected"), DEFINITIONS, ids=[f"{row[0]}:{row[2]}" for row in DEFINITIONS])
async def test_a_symbol_is_its_whole_definition(place: Place, name: str, text: str, symbol: str, expected: str) -> None:
    [stored] = await place.resolve(SymbolContext(uri=place.write(name, text), name=symbol))
    assert isinstance(stored, SymbolContext) and stored.text is not None and stored.range is not None
    assert stored.text.startswith(expected)
    if expected.count("\n") > 1 or symbol in ("MAX", "limit"):
        assert stored.text == expected
    assert stored.range.start.line == text[: text.index(expected)].count("\n")


async def test_a_symbol_with_a_range_uses_that_range(place: Place) -> None:
    uri = place.write("a.py", PYTHON)
    [stored] = await place.resolve(SymbolContext(uri=uri, name="limit", range=span(5, 4, 5, 9)))
    assert isinstance(stored, SymbolContext) and stored.text == "limit" and stored.notice is None


async def test_an_undefined_name_is_shown_at_its_first_occurrence(place: Place) -> None:
    uri = place.write("a.txt", "\n".join([*"abcdefghij", "the needle here", *"klmnopqrst"]))
    [stored] = await place.resolve(SymbolContext(uri=uri, name="needle"))
    assert isinstance(stored, SymbolContext) and stored.range is not None
    assert "the needle here" in (stored.text or "") and stored.range.start.line == 5 and "line 11" in str(stored.notice)
    with pytest.raises(InvalidParams) as error:
        await place.resolve(SymbolContext(uri=uri, name="haystack"))
    assert error.value.data["fields"] == ["context.0.name"]


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
