"""Diffs are correct for any texts, short for typical changes, and always finish."""

from __future__ import annotations

import difflib
import random
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sessionls.sessions.workspace.diffing import changes, patch, unified

LINES = st.lists(st.sampled_from([f"{letter}\n" for letter in "abcdefg"]), max_size=30)


def applied(old: Sequence[str], diff: Sequence[str]) -> list[str]:
    """Apply a unified diff to the old lines. All its context lines must match."""
    new: list[str] = []
    at = 0
    for line in diff[2:]:
        if (head := re.match(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@\n", line)) is not None:
            start = int(head[1]) - (head[2] != "0")
            new += old[at:start]
            at = start
            assert len(new) == int(head[3]) - (head[4] != "0")
            continue
        if line[0] in " -":
            assert old[at] == line[1:]
            at += 1
        if line[0] in " +":
            new.append(line[1:])
    return [*new, *old[at:]]


@settings(max_examples=300, deadline=None)
@given(old=LINES, new=LINES, budget=st.sampled_from([0, 5, 40, 1_000_000]))
def test_applying_the_diff_to_the_old_text_gives_the_new_one(old: list[str], new: list[str], budget: int) -> None:
    assert applied(old, list(unified(old, new, "a", "b"))) == new
    at = into = 0
    for a, b, c, d in changes(old, new, budget):
        assert old[at:a] == new[into:c] and (b > a or d > c)
        at, into = b, d
    assert old[at:] == new[into:]


@given(old=LINES, new=LINES)
def test_the_diff_is_nearly_minimal(old: list[str], new: list[str]) -> None:
    def size(diff: Sequence[str]) -> int:
        return sum(line[0] in "+-" for line in diff[2:])

    assert size(list(unified(old, new, "a", "b"))) <= 2 * size(list(difflib.unified_diff(old, new))) + 4


def test_typical_changes_have_the_same_diff_as_in_git(tmp_path: Path) -> None:
    old = "".join(f"line {number}\n" for number in range(50))
    new = old.replace("line 7\n", "seven\n").replace("line 30\n", "").replace("line 44\n", "line 44\nmore\n")
    (tmp_path / "old").write_text(old)
    (tmp_path / "new").write_text(new)
    words = ["git", "diff", "--no-index", "--no-color", "--no-prefix", str(tmp_path / "old"), str(tmp_path / "new")]
    said = subprocess.run(words, capture_output=True, text=True, check=False).stdout
    hunks = [
        re.sub(r"(@@ .* @@).*", r"\1", line) for line in said.splitlines() if not line.startswith(("diff", "index", "---", "+++"))
    ]
    assert patch("f", old, new).splitlines()[2:] == hunks


@pytest.mark.parametrize("kind", ["shuffled", "reversed", "few words", "every line new", "repeated", "one tie after the other"])
def test_a_diff_of_a_hundred_thousand_lines_finishes(kind: str) -> None:
    chance = random.Random(1)
    old = [f"line {number}\n" for number in range(100_000)]
    match kind:
        case "shuffled":
            new = chance.sample(old, len(old))
        case "reversed":
            new = old[::-1]
        case "few words":
            old = [chance.choice("ab\n") + "\n" for _ in old]
            new = [chance.choice("ab\n") + "\n" for _ in old]
        case "every line new":
            new = [f"other {number}\n" for number in range(100_000)]
        case "one tie after the other":
            twice = [f"{number // 2 + number % 2}\n" for number in range(100_000)]
            old, new = [line for one in twice for line in (one, "x\n")], [line for one in twice for line in (one, "y\n")]
        case _:
            old = ["a\n", "b\n"] * 50_000
            new = ["b\n", "c\n", "a\n"] * 33_000
    assert applied(old, list(unified(old, new, "a", "b"))) == new
