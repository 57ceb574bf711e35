"""Positions in utf-8, utf-16 and utf-32, with all line ends of LSP and characters of all widths."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sessionls.domain.errors import InvalidParams
from sessionls.domain.model import Position, Range
from sessionls.sessions.workspace.positions import Encoding, Lines, split_lines

ENCODINGS: list[Encoding] = ["utf-8", "utf-16", "utf-32"]
# One character of each width in each encoding, the line ends, and characters that other programs treat as line ends.
TEXTS = st.text(alphabet=st.sampled_from("ab\tßé漢🙂𝒳\u0301\n\r\x0b\x0c\x85\u2028"), max_size=60)


def naive_units(text: str, encoding: Encoding) -> int:
    """The length of the text in units, computed character by character."""
    if encoding == "utf-8":
        return sum(len(character.encode()) for character in text)
    return sum(2 if encoding == "utf-16" and ord(character) > 0xFFFF else 1 for character in text)


def naive_lines(text: str) -> list[tuple[int, str]]:
    """Each line's offset and text."""
    lines, start, index = [], 0, 0
    while index < len(text):
        if text[index] in "\r\n":
            lines.append((start, text[start:index]))
            index += 2 if text[index : index + 2] == "\r\n" else 1
            start = index
        else:
            index += 1
    return [*lines, (start, text[start:])]


def at(line: int, character: int) -> Position:
    return Position(line=line, character=character)


@pytest.mark.parametrize("encoding", ENCODINGS)
@settings(deadline=None)
@given(text=TEXTS)
def test_positions_convert_to_offsets_and_back(encoding: Encoding, text: str) -> None:
    lines = Lines(text, encoding)
    expected = naive_lines(text)
    assert len(lines) == len(expected)
    for number, (start, line) in enumerate(expected):
        assert lines.line(number) == line
        for index in range(len(line) + 1):
            position = at(number, naive_units(line[:index], encoding))
            assert lines.offset(position) == start + index
            assert lines.position(start + index) == position


@pytest.mark.parametrize("encoding", ENCODINGS)
@settings(deadline=None)
@given(text=TEXTS, data=st.data())
def test_a_range_cuts_the_same_text_as_a_naive_implementation(encoding: Encoding, text: str, data: st.DataObject) -> None:
    """Also for positions past the end and inside characters."""

    def naive_offset(position: Position) -> int:
        lines = naive_lines(text)
        if position.line >= len(lines):
            return len(text)
        start, line = lines[position.line]
        return start + max(size for size in range(len(line) + 1) if naive_units(line[:size], encoding) <= position.character)

    numbers = st.tuples(st.integers(0, 70), st.integers(0, 70))
    first, last = sorted([data.draw(numbers), data.draw(numbers)])
    chosen = Range(start=at(*first), end=at(*last))
    cut, normal = Lines(text, encoding).cut(chosen)
    assert cut == text[naive_offset(chosen.start) : naive_offset(chosen.end)]
    assert Lines(text, encoding).cut(normal) == (cut, normal)  # the clamped range is in the text and means the same


@pytest.mark.parametrize(("encoding", "inside"), [("utf-8", [2, 3, 4]), ("utf-16", [2])])
def test_a_position_inside_a_character_is_moved_to_its_start(encoding: Encoding, inside: list[int]) -> None:
    lines = Lines("a🙂b", encoding)
    assert [lines.offset(at(0, character)) for character in inside] == [1] * len(inside)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_positions_past_the_end_are_clamped(encoding: Encoding) -> None:
    lines = Lines("one\r\ntwo\n", encoding)
    assert lines.offset(at(0, 2**31 - 1)) == 3  # before the line end, and not between CR and LF
    assert lines.offset(at(2, 5)) == len("one\r\ntwo\n")
    assert lines.offset(at(2**31 - 1, 0)) == len("one\r\ntwo\n")
    whole, normal = lines.cut(Range(start=at(0, 0), end=at(99, 99)))
    assert (whole, normal.end) == ("one\r\ntwo\n", at(2, 0))
    assert lines.position(4) == at(0, 3)
    assert (lines.position(-1), lines.position(99)) == (at(0, 0), at(2, 0))


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_an_empty_text_has_one_empty_line(encoding: Encoding) -> None:
    lines = Lines("", encoding)
    assert len(lines) == 1
    assert lines.offset(at(0, 7)) == lines.offset(at(7, 0)) == 0


@pytest.mark.parametrize(("start", "end"), [(at(1, 0), at(0, 5)), (at(0, 2), at(0, 1)), (at(9, 1), at(9, 0))])
def test_a_range_that_starts_after_its_end_is_an_error(start: Position, end: Position) -> None:
    with pytest.raises(InvalidParams) as error:
        Lines("abc", "utf-16").cut(Range(start=start, end=end), field="context.0.range")
    assert error.value.data["fields"] == ["context.0.range"]


def test_lone_surrogates_count_as_one_utf16_unit() -> None:
    lines = Lines("a\ud83db\ud83d\udc4dc", "utf-16")
    assert [lines.offset(at(0, character)) for character in range(7)] == [0, 1, 2, 3, 4, 5, 6]


@settings(deadline=None)
@given(TEXTS)
def test_lines_are_split_as_in_lsp(text: str) -> None:
    assert split_lines(text) == [line for _, line in naive_lines(text)]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_line_of_a_million_characters_works(encoding: Encoding) -> None:
    text = "é🙂" * 500_000
    lines = Lines(text, encoding)
    end = lines.position(len(text))
    assert end.character == naive_units(text, encoding)
    assert [lines.offset(at(0, end.character - back)) for back in (0, 1)] == [len(text), len(text) - 1]
