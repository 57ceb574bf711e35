"""Contexts: the referenced text at that moment."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Literal

import pytest

from context_place import Place, diagnostic, place, span
from sessionls.domain.errors import InvalidParams, NotPermitted, SessionlsError
from sessionls.domain.model import (
    DiagnosticsContext,
    FileContext,
    SelectionContext,
    SourceLine,
    SymbolContext,
    TextContext,
)
from sessionls.ports.editor import Buffer
from sessionls.sessions.context.resolver import render

__all__ = ["place"]  # fixtures of these tests


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
