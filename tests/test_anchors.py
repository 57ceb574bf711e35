"""A finding's code is found again after edits: moved, reformatted, or one of several equal pieces, unless it is gone."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sessionls.domain.model import Position, Range
from sessionls.sessions.workspace.anchors import AnchorIndex, anchor_of, locate, strip_whitespace
from sessionls.sessions.workspace.positions import Encoding, Lines

ENCODINGS: tuple[Encoding, ...] = ("utf-8", "utf-16", "utf-32")


def span(first: int, start: int, last: int, end: int) -> Range:
    return Range(start=Position(line=first, character=start), end=Position(line=last, character=end))


def text_at(text: str, range_: Range, encoding: Encoding = "utf-16") -> str:
    return Lines(text, encoding).cut(range_)[0]


def moved(old: str, new: str, range_: Range, encoding: Encoding = "utf-16") -> Range | None:
    return locate(new, anchor_of(old, range_, encoding), range_, encoding)


def code_moved(old: str, new: str, code: str, nth: int = 0) -> str | None:
    """The line and text in `new` of a finding about the code in `old`."""
    at = -1
    for _ in range(nth + 1):
        at = old.index(code, at + 1)
    lines = Lines(old, "utf-16")
    found = moved(old, new, Range(start=lines.position(at), end=lines.position(at + len(code))))
    return None if found is None else f"{found.start.line}: {text_at(new, found)}"


MEAN = """\
import math


def mean(values):
    total = sum(values)
    return total / len(values)


def spread(values):
    middle = mean(values)
    return math.sqrt(sum((v - middle) ** 2 for v in values))
"""


def test_an_anchor_moves_with_lines_added_and_removed_before_it() -> None:
    assert code_moved(MEAN, f"# one\n# two\n{MEAN}", "total / len(values)") == "7: total / len(values)"
    assert code_moved(MEAN, MEAN.removeprefix("import math\n\n"), "total / len(values)") == "3: total / len(values)"


def test_an_anchor_stays_while_the_code_around_it_changes() -> None:
    assert code_moved(MEAN, MEAN.replace("sum(values)", "fsum(values)"), "return total / len(values)") is not None
    assert code_moved(MEAN, MEAN.replace("spread", "deviation"), "return total / len(values)") is not None


def test_an_anchor_is_lost_when_its_code_is_changed_or_removed() -> None:
    assert code_moved(MEAN, MEAN.replace("len(values)", "(len(values) or 1)"), "total / len(values)") is None
    assert code_moved(MEAN, MEAN.replace("    return total / len(values)\n", ""), "total / len(values)") is None
    assert code_moved(MEAN, "", "total / len(values)") is None


def test_reformatting_does_not_lose_an_anchor() -> None:
    indented = "if True:\n" + "\n".join(f"\t{line}" if line else "" for line in MEAN.splitlines())
    assert code_moved(MEAN, indented, "total / len(values)") == "6: total / len(values)"
    spaced = MEAN.replace("total / len(values)", "total/len( values )")
    assert code_moved(MEAN, spaced, "total / len(values)") == "5: total/len( values )"
    windows = MEAN.replace("\n", "\r\n")
    assert code_moved(MEAN, windows, "total = sum(values)\n    return total") == "4: total = sum(values)\r\n    return total"


def test_different_line_breaks_do_not_lose_an_anchor() -> None:
    old = "a = 1\nresult = call(first, second)\nb = 2\n"
    new = "a = 1\nresult = call(\n    first, second\n)\nb = 2\n"
    assert code_moved(old, new, "call(first, second)") == "1: call(\n    first, second\n)"
    assert code_moved(new, old, "first, second") == "1: first, second" or code_moved(new, old, "first, second") is None


def test_code_within_a_longer_line_does_not_match() -> None:
    assert code_moved("x = 1\n", "max = 10\n", "x = 1") is None
    assert code_moved("x = 1\n", "x  = 10\n", "x = 1") is None


def test_among_equal_code_the_surrounding_lines_decide() -> None:
    blocks = [f"def f{n}():\n    try:\n        do_{n}()\n    except Exception:\n        pass\n\n" for n in range(5)]
    old = "".join(blocks)
    code = "except Exception:\n        pass"
    for nth in range(5):
        new = "# a header\n" * 40 + "".join(reversed(blocks))
        line = 40 + 6 * (4 - nth) + 3
        assert code_moved(old, new, code, nth) == f"{line}: {code}"


def test_among_equal_code_with_equal_surroundings_the_nearest_is_used() -> None:
    old = "x = f()\n" * 9
    assert code_moved(old, old, "x = f()", 4) == "4: x = f()"
    assert code_moved(old, f"import f\n{old}", "x = f()", 0) == "1: x = f()"


def test_a_common_line_far_away_does_not_replace_lost_code() -> None:
    filler = "".join(f"value_{n} = {n}\n" for n in range(50))
    old = f"def a():\n    one()\n    pass\n    two()\n{filler}"
    new = old.replace("    pass\n", "    three()\n") + "class Far:\n    pass\n"
    assert code_moved(old, new, "pass") is None


def test_a_distinctive_line_is_found_anywhere() -> None:
    old = "a\nb\nconnection.execute(query % name)\nc\nd\n" + "x\n" * 20
    new = "y\n" * 60 + "connection.execute(query % name)\nz\n"
    assert code_moved(old, new, "connection.execute(query % name)") == "60: connection.execute(query % name)"


def test_blank_lines_are_found_by_the_lines_around_them() -> None:
    old = "a = 1\n\n\nb = 2\n\nc = 3\n"
    range_ = span(4, 0, 4, 0)
    assert moved(old, f"# new\n{old}", range_) == span(5, 0, 5, 0)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_columns_use_the_requested_encoding(encoding: Encoding) -> None:
    text = 'name = "😀ß"; value = name\n'
    at = text.index("value")
    lines = {one: Lines(text, one) for one in ENCODINGS}
    reported = Range(start=lines["utf-16"].position(at), end=lines["utf-16"].position(at + 5))
    anchor = anchor_of(text, reported, "utf-16")
    found = locate(f"\n{text}", anchor, reported, encoding)
    assert found is not None
    assert Lines(f"\n{text}", encoding).cut(found)[0] == "value"


def test_a_range_of_whole_lines_ends_at_the_end_of_its_last_line() -> None:
    anchor = anchor_of("a\n  b\nc\n", span(1, 0, 2, 0), "utf-16")
    assert (anchor.quote, anchor.before, anchor.after, anchor.start, anchor.end) == ("  b", "a", "c", 0, None)
    assert locate("  b\n", anchor, span(1, 0, 2, 0), "utf-16") == span(0, 0, 0, 3)


def test_code_is_found_regardless_of_whitespace() -> None:
    index = AnchorIndex("if a:\n\tb( c )\nb(c)\n", "utf-16")
    assert [place.start.line for place in index.find("b(c)")] == [1, 2]
    assert [place.start.line for place in index.find("b(c)", 2)] == [2, 1]
    assert index.find("nothing") == index.find("  \n") == []


# -- properties --------------------------------------------------------------------------------------------------------

code = st.sampled_from(["x = 1", "  y = f(x)", "", "\treturn y", "pass", "é = '😀'", "}", "# note", "    ", "if a: b()"])
texts = st.lists(code, min_size=1, max_size=30).map("\n".join)
encodings = st.sampled_from(ENCODINGS)


@st.composite
def ranges(draw: st.DrawFn, text: str, encoding: Encoding) -> Range:
    lines = Lines(text, encoding)
    start = draw(st.integers(0, len(text)))
    end = draw(st.integers(start, len(text)))
    return Range(start=lines.position(start), end=lines.position(end))


@settings(max_examples=200, deadline=None)
@given(st.data(), texts, encodings)
def test_an_anchor_stays_in_an_unchanged_text(data: st.DataObject, text: str, encoding: Encoding) -> None:
    range_ = data.draw(ranges(text, encoding))
    found = locate(text, anchor_of(text, range_, encoding), range_, encoding)
    assert found is not None
    assert found.start == range_.start
    whole = range_.end.character == 0 and range_.end.line > range_.start.line
    assert text_at(text, found, encoding) == (text_at(text, range_, encoding)[: -1 if whole else None])


@settings(max_examples=200, deadline=None)
@given(st.data(), texts, st.lists(st.just("# put before"), max_size=5), st.lists(st.just("# put behind"), max_size=5), encodings)
def test_an_anchor_moves_by_the_number_of_lines_added_before_it(
    data: st.DataObject, text: str, before: list[str], after: list[str], encoding: Encoding
) -> None:
    range_ = data.draw(ranges(text, encoding))
    new = "\n".join([*before, text, *after])
    anchor = anchor_of(text, range_, encoding)
    found = locate(new, anchor, range_, encoding)
    # Code that occurs several times may be matched at another occurrence, but only if both look the same.
    if found is not None and text.count(anchor.quote.strip()) == 1:
        assert found.start.line == range_.start.line + len(before)
        assert found.start.character == range_.start.character


@settings(max_examples=200, deadline=None)
@given(st.data(), texts, texts, encodings)
def test_the_found_range_contains_the_quoted_code(data: st.DataObject, old: str, new: str, encoding: Encoding) -> None:
    range_ = data.draw(ranges(old, encoding))
    anchor = anchor_of(old, range_, encoding)
    found = locate(new, anchor, range_, encoding)
    wanted = strip_whitespace(text_at(old, range_, encoding))
    if found is not None and wanted:
        assert strip_whitespace(text_at(new, found, encoding)) == wanted
