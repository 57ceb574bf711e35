"""Changes that agents made to files, and reverting them: on texts only, for any edits of agents and people.

(tests/e2e/test_reverts.py has the same through a server and an editor.)
"""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sessionls.sessions.changes.files import Edit, changed_files, hunk_id
from sessionls.sessions.changes.kept import EditTexts, pack, unpack
from sessionls.sessions.changes.segments import LaterChange, PatchSegment, TextSegment
from sessionls.sessions.workspace.diffing import patch, split_lines

LINES = st.sampled_from(["a", "b", "c", "", "x = 1", "𝄞", "\u2028\f", "-- a", "+++ b", "@@ -1 +1 @@", "\\ No newline"])
ENDS = st.sampled_from(["\n", "\n", "\n", "\r\n"])


@st.composite
def texts(draw: st.DrawFn) -> str:
    text = "".join(draw(LINES) + draw(ENDS) for _ in range(draw(st.integers(0, 12))))
    return text + draw(st.sampled_from(["", "", "no end"]))


@st.composite
def edited(draw: st.DrawFn, text: str) -> str:
    """The text after some edits of whole lines."""
    lines = split_lines(text)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(lines)))
        until = min(len(lines), at + draw(st.integers(0, 3)))
        lines[at:until] = [draw(LINES) + draw(ENDS) for _ in range(draw(st.integers(0, 3)))]
    return "".join(lines)


def segment(before: str | None, after: str | None) -> TextSegment:
    return TextSegment(EditTexts(before, after), (1, 1), ["reply"])


# -- what the log keeps ----------------------------------------------------------------------------------------------


@given(st.none() | texts(), st.none() | texts(), st.booleans())
def test_the_log_restores_both_texts_exactly(before: str | None, after: str | None, bom: bool) -> None:
    packed = pack(EditTexts(before, after, bom))
    assert packed is not None and unpack(packed) == EditTexts(before, after, bom)


def test_a_text_that_is_too_large_for_the_log_is_not_kept() -> None:
    import random

    chance = random.Random(1)
    noise = "".join(chr(chance.randrange(0x4E00, 0x9FFF)) for _ in range(3 << 20))
    assert pack(EditTexts(None, noise)) is None


@pytest.mark.parametrize("packed", ["", "nonsense", "e30=", "eJyrVgIAAHkAPA=="])
def test_invalid_data_is_ignored(packed: str) -> None:
    assert unpack(packed) is None


# -- one edit --------------------------------------------------------------------------------------------------------


@given(st.data())
def test_an_untouched_edit_is_reverted_exactly(data: st.DataObject) -> None:
    before = data.draw(st.none() | texts())
    after = data.draw(texts() if before is None else edited(before) | st.none())
    assume(before != after)
    one = segment(before, after)
    assert {hunk.state for hunk in one.locate(after)} == {"applied"}
    assert one.without(after) == before
    assert {hunk.state for hunk in one.locate(before)} == {"reverted"}
    assert one.without(before) == before, "reverting a reverted change changes nothing"


@given(st.data())
def test_hunks_can_be_reverted_in_any_order(data: st.DataObject) -> None:
    before = data.draw(texts())
    after = data.draw(edited(before))
    one = segment(before, after)
    text: str | None = after
    for index in data.draw(st.permutations([hunk.index for hunk in one.locate(after)])):
        try:
            text = one.without(text, {index})
        except LaterChange:  # equal lines cannot be told apart
            return
    assert text == before


@given(st.data())
def test_a_persons_changes_elsewhere_are_kept(data: st.DataObject) -> None:
    """Above and below the agent's change, and more than a line away from it."""
    before = data.draw(texts())
    after = data.draw(edited(before))
    above, below = "".join(f"above {n}\n" for n in range(5)), "".join(f"below {n}\n" for n in range(5))
    one = segment(f"{above}{before}\n{below}", f"{above}{after}\n{below}")
    typed = data.draw(texts())
    mine = above.replace("above 1\n", f"{typed}\nmine\n"), below.replace("below 3\n", "")
    assert one.without(f"{mine[0]}{after}\n{mine[1]}") == f"{mine[0]}{before}\n{mine[1]}"


@given(st.data())
def test_lines_of_the_person_are_never_lost(data: st.DataObject) -> None:
    """Either it is refused, or all lines of the person are still there, and none of the agent's."""
    before = data.draw(texts())
    after_lines = split_lines(data.draw(edited(before)))
    at = data.draw(st.integers(0, len(after_lines)))
    after_lines[at:at] = ["the agent's\n"]
    after = "".join(after_lines)
    now = split_lines(after)
    for number in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(now)))
        stop = min(len(now), start + data.draw(st.integers(0, 2)))
        now[start:stop] = [f"the person's {number}\n"]
    text = "".join(now)
    try:
        result = segment(before, after).without(text)
    except LaterChange:
        return
    assert result is not None
    assert "the agent's" not in result
    typed = re.compile("the person's .")
    assert typed.findall(result) == typed.findall(text)


def test_a_line_that_was_changed_later_is_reported_as_a_conflict() -> None:
    one = segment("a\nb\nc\n", "a\nB\nc\n")
    (hunk,) = one.locate("a\nmine\nc\n")
    assert hunk.state == "overwritten"
    with pytest.raises(LaterChange) as problem:
        one.without("a\nmine\nc\n")
    assert problem.value.later == ("a\nB\nc\n", "a\nmine\nc\n")


def test_a_created_file_that_somebody_changed_is_not_deleted() -> None:
    with pytest.raises(LaterChange):
        segment(None, "new\n").without("new\nmine\n")


def test_a_deleted_file_that_somebody_created_again_is_not_overwritten() -> None:
    with pytest.raises(LaterChange):
        segment("old\n", None).without("mine\n")


def test_changed_line_ends_are_not_a_conflict() -> None:
    one = segment("a\r\nb\r\nc\n", "a\r\nB\r\nc\n")
    assert one.without("a\nB\nc\n") == "a\nb\nc\n"
    assert one.without("a\r\nB\r\nc\r\n") == "a\r\nb\r\nc\r\n"


# -- several edits of one file ----------------------------------------------------------------------------------------


@given(st.data())
def test_reverting_all_edits_restores_the_original_with_the_persons_lines(data: st.DataObject) -> None:
    """The agent edits, the person types far below, the agent edits again, and so on."""
    body, mine = data.draw(texts()), ["far\n", "away\n", "below\n"]
    first = body
    edits = []
    for seq in range(1, data.draw(st.integers(2, 5))):
        after = data.draw(edited(body))
        whole = "\nkeep\nkeep this\n" + "".join(mine)
        edits.append(Edit("file:///a", seq, "reply", EditTexts(body + whole, after + whole)))
        body = after
        if data.draw(st.booleans()):
            mine.append(f"typed {seq}\n")
    files = changed_files(edits)
    if not files:
        return
    now = body + "\nkeep\nkeep this\n" + "".join(mine)
    assert files[0].without(now) == first + "\nkeep\nkeep this\n" + "".join(mine)


def test_consecutive_edits_are_combined() -> None:
    texts = [EditTexts("1\n", "2\n"), EditTexts("2\n", "3\n")]
    (file,) = changed_files(Edit("file:///a", seq, f"r{seq}", one) for seq, one in enumerate(texts, 1))
    ((one, hunk),), before = file.locate("3\n")
    assert (hunk.state, hunk.old, hunk.new, before) == ("applied", ["1\n"], ["3\n"], "1\n")
    assert one.message_ids == ["r1", "r2"] and hunk_id(one, hunk) == "1-2.0"


def test_edits_that_cancel_out_are_not_listed() -> None:
    texts = [EditTexts(None, "new\n"), EditTexts("new\n", None)]
    assert changed_files(Edit("file:///a", seq, "r", one) for seq, one in enumerate(texts)) == []


# -- edits of which the log has their patch alone ---------------------------------------------------------------------


@given(st.data())
def test_a_patch_alone_reverts_an_edit_or_refuses(data: st.DataObject) -> None:
    """From older versions, or from agents that run elsewhere: line ends are those of the file."""
    before = data.draw(texts()).replace("\r\n", "\n")
    after = data.draw(edited(before)).replace("\r\n", "\n")
    assume(before != after)
    one = PatchSegment(patch("a.py", before, after), (1, 1), ["reply"])
    end = data.draw(st.sampled_from(["\n", "\r\n"]))
    try:
        result = one.without(after.replace("\n", end))
    except LaterChange:  # its lines stand at more than one place
        return
    assert result == before.replace("\n", end)


def test_a_patch_finds_moved_lines() -> None:
    one = PatchSegment(patch("a.py", "a\nb\nc\n", "a\nB\nc\n"), (1, 1), ["reply"])
    assert one.without("new\na\nB\nc\n") == "new\na\nb\nc\n"
    with pytest.raises(LaterChange):
        one.without("a\nB\nc\nand\na\nB\nc\n")
    with pytest.raises(LaterChange):
        one.without("a\nmine\nc\n")


def test_a_patch_of_a_whole_file_creates_or_deletes_it() -> None:
    assert PatchSegment(patch("a.py", None, "new\n"), (1, 1), []).without("new\n") is None
    assert PatchSegment(patch("a.py", "old\nend", None), (1, 1), []).without(None) == "old\nend"
    with pytest.raises(LaterChange):
        PatchSegment(patch("a.py", None, "new\n"), (1, 1), []).without("new\nmine\n")
