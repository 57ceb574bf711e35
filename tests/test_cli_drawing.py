"""Rendering of a growing reply, and the syntax of files and lines on the command line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessionls.cli.names import context_of
from sessionls.cli.render import relative_time
from sessionls.cli.stream import stable_length
from sessionls.cli.terminal import safe
from sessionls.domain.model import FileContext, SelectionContext


class TestSettledText:
    def test_a_paragraph_is_settled_when_the_next_one_begins(self) -> None:
        assert stable_length("one\n\n") == 0
        assert stable_length("one\n\ntwo") == len("one\n\n")

    def test_fenced_code_is_settled_only_as_a_whole(self) -> None:
        code = "```python\na = 1\n\nb = 2\n"
        assert stable_length(code) == 0
        assert stable_length(code + "```\n\nafter") == len(code + "```\n\n")

    def test_a_shorter_fence_inside_does_not_end_the_code(self) -> None:
        assert stable_length("````\n```\n\n```\n\ntext\n") == 0

    def test_indented_text_may_continue_a_list(self) -> None:
        assert stable_length("- one\n\n  still one\n") == 0

    @given(st.lists(st.sampled_from(["a", "```\n", "\n", "\n\n", "  b", "~~~\n", "- c\n"]), max_size=30))
    def test_settled_text_stays_settled(self, pieces: list[str]) -> None:
        text, before = "", 0
        for piece in pieces:
            text += piece
            assert stable_length(text) >= before
            before = stable_length(text)


class TestContextArguments:
    def test_files_lines_and_line_ranges_are_parsed(self, tmp_path: Path) -> None:
        (tmp_path / "a.py").write_text("x\n", encoding="utf-8")
        whole, line, lines = context_of(["a.py", "a.py:3", "a.py:3-5"], tmp_path)
        assert isinstance(whole, FileContext) and whole.uri.endswith("/a.py")
        assert isinstance(line, SelectionContext) and (line.range.start.line, line.range.end.line) == (2, 2)
        assert isinstance(lines, SelectionContext) and (lines.range.start.line, lines.range.end.line) == (2, 4)

    @pytest.mark.skipif(os.name == "nt", reason="such names do not exist there")
    def test_a_file_whose_name_looks_like_lines_is_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "a:3").write_text("x\n", encoding="utf-8")
        [whole] = context_of(["a:3"], tmp_path)
        assert isinstance(whole, FileContext)


def test_times_are_shown_relative_to_now() -> None:
    from datetime import UTC, datetime, timedelta

    now = datetime(2026, 1, 31, 12, tzinfo=UTC)
    ages = {5: "just now", 300: "5 min ago", 7200: "2 h ago", 90_000: "1 day ago", 200_000: "2 days ago"}
    for seconds, words in ages.items():
        assert relative_time((now - timedelta(seconds=seconds)).isoformat(), now) == words


def test_control_sequences_are_made_harmless() -> None:
    assert safe("a\x1b[2Jb\x07\tc\nd\r\ne\x9b1m") == "a\\x1b[2Jb\\x07\tc\nd\ne\\x9b1m"
