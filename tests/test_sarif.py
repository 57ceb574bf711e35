"""SARIF as scanners write it: each result is kept at the nearest position, with a note on what differs."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from in_process_app import PlainEditor
from sessionls.domain.model import Finding
from sessionls.sessions.workspace.positions import Lines
from sessionls.sessions.workspace.workspace import Workspace
from sessionls.tools.sarif import Report, Result, read_bandit, read_sarif
from sessionls.tools.scan import Scan
from sessionls.tools.scanners import user_scanner
from tool_calls import LoneCall

TEXT = "first\n  é😀 second\r\nthird\nlast"


def log(*results: Any, **run: Any) -> str:
    return json.dumps({"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "t"}}, "results": list(results), **run}]})


def at(region: Any, uri: Any = "a.py", **more: Any) -> dict[str, Any]:
    place = {"artifactLocation": {"uri": uri}, "region": region}
    return {"ruleId": "R", "message": {"text": "wrong"}, "locations": [{"physicalLocation": place}], **more}


def one(output: str) -> Result:
    (result,) = read_sarif(output, "t").results
    return result


def code(result: Result, encoding: Any = "utf-16") -> tuple[int, str]:
    """Its first line, and its text."""
    lines = Lines(TEXT, encoding)
    range_ = result.region.range_in(lines)
    return range_.start.line, lines.cut(range_)[0]


# -- places ----------------------------------------------------------------------------------------------------------

SECOND = "é😀 second"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
@pytest.mark.parametrize(
    ("region", "expected", "noted"),
    [
        ({"startLine": 2}, (1, SECOND), False),
        ({"startLine": "2"}, (1, SECOND), False),
        ({"startLine": 2.0}, (1, SECOND), False),
        ({"startLine": " 2 "}, (1, SECOND), False),
        ({"startLine": "2.0", "startColumn": "6", "endColumn": 12.0}, (1, "second"), False),
        ({"startLine": 0}, (0, "first"), True),
        ({"startLine": -1}, (0, "first"), True),
        ({"startLine": "-1", "startColumn": -1}, (0, "first"), True),
        ({"startLine": None}, (0, "first"), True),
        ({"startLine": True}, (0, "first"), True),
        ({"startLine": "two"}, (0, "first"), True),
        ({"startLine": {}}, (0, "first"), True),
        ({"startLine": 1e400}, (0, "first"), True),
        ({"snippet": {"text": "x"}}, (0, "first"), True),
        ({}, (0, "first"), False),  # a result about the whole file
        (None, (0, "first"), False),
        ({"endLine": 2}, (1, SECOND), False),
        ({"startLine": 2, "startColumn": 0}, (1, "  " + SECOND), True),
        ({"startLine": 2, "startColumn": 3, "endLine": 1}, (1, SECOND), True),
        ({"startLine": 2, "startColumn": 3, "endColumn": 1}, (1, SECOND), True),
        ({"startLine": 1, "endLine": 2, "endColumn": 0}, (0, "first\n"), True),
        ({"startLine": 2, "endLine": "x"}, (1, SECOND), False),
        ({"charOffset": 8, "charLength": 2}, (1, "é😀"), False),
        ({"charOffset": "8", "charLength": 2.0}, (1, "é😀"), False),
        ({"charOffset": 8}, (1, SECOND), False),
        ({"byteOffset": 8, "byteLength": 6}, (1, "é😀"), False),
        ({"charOffset": -1}, (0, "first"), True),
        ({"charOffset": 8, "charLength": -5}, (1, SECOND), False),
        ({"startLine": 3, "charOffset": 8}, (2, "third"), False),
    ],
)
def test_an_invalid_position_is_moved_to_the_nearest_valid_one(
    encoding: Any, region: Any, expected: tuple[int, str], noted: bool
) -> None:
    text = log(at(region)).replace("Infinity", "1e400")
    result = one(text)
    assert code(result, encoding) == expected
    assert (result.note is not None) is noted


def test_offsets_are_counted_in_the_unit_of_the_run() -> None:
    text = log(at({"charOffset": 8, "charLength": 3}), columnKind="utf16CodeUnits")
    assert code(one(text)) == (1, "é😀")
    assert one(log(at({"byteOffset": 3 + 8, "byteLength": 6}))).region.range_in(Lines(TEXT, "utf-16"), bom=True).start.line == 1


@pytest.mark.parametrize(("place", "inside"), [((99, 1), False), ((2, 500), False), ((4, 5), True), ((4, None), True)])
def test_moved_positions_are_noted(place: tuple[int, int | None], inside: bool) -> None:
    region = {"startLine": place[0], **({} if place[1] is None else {"startColumn": place[1]})}
    assert one(log(at(region))).region.is_in(Lines(TEXT, "utf-16")) is inside


# -- what it says ----------------------------------------------------------------------------------------------------

RULES = [{"id": "R", "messageStrings": {"m": {"text": "no {0}"}}, "shortDescription": {"text": "short"}}, {"id": "S"}]


@pytest.mark.parametrize(
    ("changed", "title", "rule", "severity"),
    [
        ({"message": "plain text"}, "plain text", "R", 2),
        ({"message": {"markdown": "**bold**"}}, "**bold**", "R", 2),
        ({"message": {"id": "m", "arguments": ["x"]}}, "no x", "R", 2),
        ({"message": {"id": "unknown", "arguments": ["x", 1]}}, "unknown x 1", "R", 2),
        ({"message": None}, "short", "R", 2),
        ({"message": {"text": ""}}, "short", "R", 2),
        ({"message": {}, "ruleId": None, "ruleIndex": "0"}, "short", "R", 2),
        ({"ruleId": None, "ruleIndex": 1.0}, "wrong", "S", 2),
        ({"ruleId": None, "rule": {"index": 0, "toolComponent": {"index": 0}}}, "wrong", "E", 1),
        ({"ruleId": "E"}, "wrong", "E", 1),
        ({"ruleId": 3, "ruleIndex": -1}, "wrong", None, 2),
        ({"level": "critical"}, "wrong", "R", 1),
        ({"level": "ERROR"}, "wrong", "R", 1),
        ({"level": "Medium"}, "wrong", "R", 2),
        ({"level": "info"}, "wrong", "R", 3),
        ({"level": "never heard of"}, "wrong", "R", 2),
        ({"level": 3, "kind": "new"}, "wrong", "R", 2),
        ({"level": None, "ruleId": "E"}, "wrong", "E", 1),
    ],
)
def test_messages_rules_and_levels_are_read_leniently(changed: Any, title: str, rule: str | None, severity: int) -> None:
    extension = {"name": "more", "rules": [{"id": "E", "defaultConfiguration": {"level": "error"}}]}
    tool = {"driver": {"name": "t", "rules": RULES}, "extensions": [extension]}
    result = one(log({**at({"startLine": 1}), **changed}, tool=tool))
    assert (result.title, result.rule, result.severity) == (title, rule, severity)


def test_rules_by_name_and_several_runs_are_read() -> None:
    first = {"tool": {"driver": {"rules": {"R": {"id": "R", "shortDescription": {"text": "short"}}}}}, "results": [at({})]}
    report = read_sarif("\ufeff" + json.dumps({"runs": [first, None, {"results": None}, {"results": [at({}, message={})]}]}), "t")
    assert [one.title for one in report.results] == ["wrong", "R"]


def test_too_many_results_are_cut_with_a_notice() -> None:
    assert read_sarif(log(at({}), at({})), "t", most_results=2).notes == []
    assert read_sarif(log(at({}), at({}), at({}), 3), "t", most_results=2).notes == (
        "1 results cannot be read",
        "only the first 2 results are read",
    )
    bandit = json.dumps({"results": [{"filename": "a.py", "issue_text": "x", "line_number": "0"}] * 3})
    assert [one.note is None for one in read_bandit(bandit, "t", most_results=2).results] == [False, False]
    assert read_bandit(bandit, "t", most_results=2).notes == ["only the first 2 results are read"]


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=5)
    | st.sampled_from(["-1", "1e999", "file://["]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["uri", "text", "index", "id", "region", "startLine"]), inner, max_size=3)
    ),
    max_leaves=8,
)
FULL: dict[str, Any] = {
    "ruleId": "R",
    "ruleIndex": 0,
    "rule": {"id": "R", "index": 0, "toolComponent": {"index": 0}},
    "level": "error",
    "message": {"text": "x", "id": "m", "arguments": ["a"]},
    "locations": [
        {
            "physicalLocation": {
                "artifactLocation": {"uri": "b.py", "uriBaseId": "ROOT", "index": 0},
                "region": {"startLine": 1, "startColumn": 1, "endLine": 1, "endColumn": 2, "charOffset": 1, "charLength": 1},
            }
        }
    ],
    "fixes": [{"artifactChanges": [{"replacements": [{"deletedRegion": {}, "insertedContent": {"text": "y"}}]}]}],
}


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path] * bool(path) + [one for key, item in inner for one in places(item, (*path, key))]


@settings(deadline=None)
@given(st.sampled_from(places(FULL)), JSON, JSON)
def test_invalid_values_never_lose_other_results(path: tuple[Any, ...], odd: Any, run: Any) -> None:
    changed: Any = json.loads(json.dumps(FULL))
    place = changed
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = odd
    other = {"originalUriBaseIds": {"ROOT": run}, "artifacts": [run], "columnKind": run}
    report = read_sarif(log(changed, at({"startLine": 3}), run, **other), "t")
    assert isinstance(report, Report)
    assert [one.region.line for one in report.results if one.where == "a.py"] == [3]
    for result in report.results:
        result.region.range_in(Lines(TEXT, "utf-16"))
        result.region.is_in(Lines(TEXT, "utf-16"))


# -- files -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def editor(tmp_path: Path) -> PlainEditor:
    folder = tmp_path / "work"
    (folder / "sub").mkdir(parents=True)
    for name in ("a.py", "sub/b.py", "c#d 100%.py"):
        (folder / name).write_text(TEXT, encoding="utf-8")
    return PlainEditor([folder.as_uri()])


async def scanned(editor: PlainEditor, tmp_path: Path, output: str, *paths: str) -> tuple[str, list[Finding]]:
    (tmp_path / "report").write_text(output, encoding="utf-8")
    scanner = tmp_path / "scanner.py"
    scanner.write_text(f"import sys; sys.stdout.buffer.write(open({str(tmp_path / 'report')!r}, 'rb').read())\n")
    call = LoneCall()
    tool = Scan(Workspace(editor), editor, [user_scanner("own", [sys.executable, str(scanner)], ["*.py"])])
    told = await tool.run({"paths": list(paths)}, call)
    return told.splitlines()[0], call.findings


@pytest.mark.parametrize(
    ("uri", "more", "name"),
    [
        ("sub/b.py", {}, "sub/b.py"),
        ("./sub/../sub/b.py", {}, "sub/b.py"),
        ("sub\\b.py", {}, "sub/b.py"),
        ("FOLDER/sub/b.py", {}, "sub/b.py"),
        ("file://FOLDER/sub/b.py", {}, "sub/b.py"),
        ("file://localhostFOLDER/sub/b.py", {}, "sub/b.py"),
        ("C:\\build\\7\\sub\\b.py", {}, "sub/b.py"),  # of another machine
        ("file:///C:/build/7/sub/b.py", {}, "sub/b.py"),
        ("file:///github/workspace/sub/b.py", {}, "sub/b.py"),
        ("c#d 100%.py", {}, "c#d 100%.py"),  # a path that is not a URI
        ("c%23d%20100%25.py", {}, "c#d 100%.py"),
        ("b.py", {"originalUriBaseIds": {"B": {"uri": "file://FOLDER/sub/"}}}, "sub/b.py"),
        ("b.py", {"originalUriBaseIds": {"B": {"uri": "sub", "uriBaseId": "TOP"}, "TOP": {"uri": "file://FOLDER"}}}, "sub/b.py"),
        ("b.py", {"originalUriBaseIds": {"B": {"uri": "sub/", "uriBaseId": "B"}}}, "sub/b.py"),  # it refers to itself
        ("sub/b.py", {"originalUriBaseIds": {"B": {"description": {"text": "the root"}}}}, "sub/b.py"),
        ("sub/b.py", {"originalUriBaseIds": {"B": {"uri": "file:///github/elsewhere/"}}}, "sub/b.py"),
    ],
)
async def test_a_file_is_found_by_any_spelling_of_its_path(
    editor: PlainEditor, tmp_path: Path, uri: str, more: Any, name: str
) -> None:
    result = at({"startLine": 3}, uri)
    result["locations"][0]["physicalLocation"]["artifactLocation"]["uriBaseId"] = "B"
    text = log(result, **more).replace("FOLDER", str(tmp_path / "work"))
    told, findings = await scanned(editor, tmp_path, text)
    assert [(finding.uri, finding.range.start.line) for finding in findings] == [((tmp_path / "work" / name).as_uri(), 2)]
    assert told == "own: 1 findings in 3 files."


async def test_changes_to_a_result_are_noted(editor: PlainEditor, tmp_path: Path) -> None:
    outside = tmp_path / "a.py"
    outside.write_text("")
    text = log(
        at({"startLine": 3}),
        at({"startLine": -1}, message={"text": "one"}),
        at({"startLine": 0}, message={"text": "two"}),
        at({"startLine": 99}),
        {"message": {"text": "nowhere"}},
        at({}, "https://example.org/a.py"),
        at({}, str(outside)),
        "rubbish",
    )
    told, findings = await scanned(editor, tmp_path, text)
    assert told == (
        "own: 4 findings in 3 files (1 results cannot be read; 1 results without a file were left out; "
        "2 results for files that were not scanned were left out; 3 at the nearest position, with a note)."
    )
    bodies = sorted(finding.body for finding in findings)
    assert bodies == [
        "one\n\n(The scanner gave startLine -1: this is the file's first line.)",
        "two\n\n(The scanner gave startLine 0: this is the file's first line.)",
        "wrong",
        "wrong\n\n(The scanner reported a position that does not exist in the file. This is the nearest one.)",
    ]


async def test_a_result_without_a_file_belongs_to_the_only_one(editor: PlainEditor, tmp_path: Path) -> None:
    told, findings = await scanned(editor, tmp_path, log({"message": {"text": "nowhere"}}), "a.py")
    assert [finding.uri for finding in findings] == [(tmp_path / "work/a.py").as_uri()]
    assert told == "own: 1 findings in 1 files (1 at the nearest position, with a note)."
    assert "did not name a file" in findings[0].body


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le"])
async def test_a_report_with_a_byte_order_mark_is_read(editor: PlainEditor, tmp_path: Path, encoding: str) -> None:
    mark = "\ufeff" if encoding == "utf-16-le" else ""
    raw = (mark + log(at({"startLine": 3}))).encode(encoding)
    (tmp_path / "raw").write_bytes(raw)
    scanner = tmp_path / "scanner.py"
    scanner.write_text(f"import sys; sys.stdout.buffer.write(open({str(tmp_path / 'raw')!r}, 'rb').read())\n")
    call = LoneCall()
    tool = Scan(Workspace(editor), editor, [user_scanner("own", [sys.executable, str(scanner)], ["*.py"])])
    await tool.run({}, call)
    assert len(call.findings) == 1
