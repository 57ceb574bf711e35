"""The tool for scanners: real ruff and bandit, and the participant's own programs, on the editor's text."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from in_process_app import PlainEditor
from sessionls.domain.model import Finding, Position, Range
from sessionls.installed import find_program
from sessionls.ports.editor import Buffer
from sessionls.ports.tools import ToolFailed
from sessionls.sessions.workspace.positions import Lines
from sessionls.sessions.workspace.workspace import Workspace
from sessionls.tools.sarif import NotSarif, Region, read_sarif
from sessionls.tools.scan import Scan
from sessionls.tools.scanners import Scanner, builtin_scanners, user_scanner
from tool_calls import LoneCall

PLANTED = '''"""A module with faults."""

import pickle
import subprocess


def run(name):
    label = "é😀"; eval(label)
    subprocess.call("ls " + name, shell=True)
    return pickle.loads(name)
'''


@pytest.fixture
def folder(folder: Path) -> Path:
    (folder / "planted.py").write_text(PLANTED, encoding="utf-8")
    return folder


@pytest.fixture
def editor(folder: Path) -> PlainEditor:
    return PlainEditor([folder.as_uri()])


def scan(editor: PlainEditor, scanners: Sequence[Scanner] | None = None) -> Scan:
    return Scan(Workspace(editor), editor, builtin_scanners() if scanners is None else scanners)


async def found(tool: Scan, **arguments: Any) -> tuple[str, dict[str, Finding]]:
    """The result for the agent, and the findings by rule."""
    call = LoneCall()
    told = await tool.run(arguments, call)
    return told, {finding.rule or "": finding for finding in call.findings}


def source(text: str, editor: PlainEditor, finding: Finding) -> str:
    return Lines(text, editor.encoding).cut(finding.range)[0]


def script(folder: Path, body: str) -> tuple[str, ...]:
    """A scanner that is a Python program."""
    path = folder.parent / "scanner.py"
    path.write_text(body, encoding="utf-8")
    return (sys.executable, str(path))


def sarif(*results: dict[str, Any], **run: Any) -> str:
    return json.dumps({"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "t"}}, "results": list(results)} | run]})


def result(uri: str, line: int, text: str = "wrong", **more: Any) -> dict[str, Any]:
    place = {"physicalLocation": {"artifactLocation": {"uri": uri}, "region": {"startLine": line}}}
    return {"ruleId": "T1", "message": {"text": text}, "locations": [place]} | more


# -- ruff and bandit -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
async def test_bandit_reports_a_problem_at_its_exact_position(editor: PlainEditor, encoding: Any) -> None:
    editor.encoding = encoding
    told, findings = await found(scan(editor), scanners=["bandit"])
    shell, evaluated, pickled = findings["bandit/B602"], findings["bandit/B307"], findings["bandit/B301"]
    assert source(PLANTED, editor, shell) == 'subprocess.call("ls " + name, shell=True)'
    assert source(PLANTED, editor, evaluated) == "eval(label)"
    assert source(PLANTED, editor, pickled) == "pickle.loads(name)"
    assert [shell.severity, evaluated.severity] == [1, 2]
    assert shell.help and shell.help.startswith("https://bandit.readthedocs.io/")
    assert "planted.py:9 error bandit/B602" in told
    assert shell.anchor is not None and "shell=True" in shell.anchor.quote


async def test_ruff_reports_a_problem(editor: PlainEditor, folder: Path) -> None:
    text = PLANTED.replace("label)", "lable)")
    (folder / "planted.py").write_text(text, encoding="utf-8")
    _, findings = await found(scan(editor), scanners=["ruff"])
    unknown = findings["ruff/F821"]
    assert (source(text, editor, unknown), unknown.severity) == ("lable", 1)
    assert unknown.help == "https://docs.astral.sh/ruff/rules/undefined-name"


async def test_a_syntax_error_is_a_finding_and_not_a_failure(editor: PlainEditor, folder: Path) -> None:
    (folder / "planted.py").write_text("def f(:\n    pass\n", encoding="utf-8")
    _, findings = await found(scan(editor))
    assert findings["ruff/invalid-syntax"].severity == 1


async def test_project_settings_choose_rules_but_change_no_files(editor: PlainEditor, folder: Path) -> None:
    (folder / "ruff.toml").write_text('fix = true\nunsafe-fixes = true\n[lint]\nselect = ["F401", "I"]\n', encoding="utf-8")
    (folder / "planted.py").write_text("import sys\nimport os\n", encoding="utf-8")
    _, findings = await found(scan(editor), scanners=["ruff"])
    assert set(findings) == {"ruff/F401", "ruff/I001"}
    assert (folder / "planted.py").read_text() == "import sys\nimport os\n"
    assert sorted(os.listdir(folder)) == ["planted.py", "ruff.toml"]  # noqa: PTH208 (and no cache)


async def test_project_settings_run_no_code(editor: PlainEditor, folder: Path) -> None:
    """A module that would shadow one of bandit's, a plugin, and a .bandit with a file to write."""
    trap = "open('ran', 'w').close()\n"
    for name in ("yaml.py", "bandit.py", "stevedore.py", "conftest.py", "sitecustomize.py"):
        (folder / name).write_text(trap)
    (folder / ".bandit").write_text("[bandit]\noutput: ran\nskips: B602\n")
    (folder / "pyproject.toml").write_text('[tool.bandit]\nskips = ["B602"]\n[tool.ruff]\noutput-format = "concise"\n')
    _, findings = await found(scan(editor))
    assert "bandit/B602" in findings
    assert not (folder / "ran").exists()


async def test_unsaved_changes_are_scanned(editor: PlainEditor, folder: Path) -> None:
    uri = (folder / "planted.py").as_uri()
    text = "\n\n\n" + PLANTED
    editor.buffers[uri] = Buffer(uri, text, version=7, language="python")
    _, findings = await found(scan(editor))
    assert findings["bandit/B602"].range.start.line == 11
    assert source(text, editor, findings["bandit/B602"]).startswith("subprocess.call")
    editor.buffers[uri] = Buffer(uri, '"""Nothing wrong."""\n', version=8)
    assert (await found(scan(editor)))[1] == {}


async def test_only_the_requested_files_are_scanned(editor: PlainEditor, folder: Path) -> None:
    (folder / "sub").mkdir()
    (folder / "sub" / "other.py").write_text("import os\n")
    _, findings = await found(scan(editor), paths=["sub"])
    assert {Path(finding.uri).name for finding in findings.values()} == {"other.py"}
    with pytest.raises(ToolFailed, match="outside of the workspace"):
        await found(scan(editor), paths=["../"])
    with pytest.raises(ToolFailed, match=r"no scanner 'pylint'. Scanners: ruff, bandit"):
        await found(scan(editor), scanners=["pylint"])


async def test_withheld_files_and_links_out_of_the_workspace_are_not_scanned(editor: PlainEditor, folder: Path) -> None:
    (folder.parent / "outside.py").write_text("import os\n")
    (folder / "link.py").symlink_to(folder.parent / "outside.py")
    (folder / ".env.py").write_text("import os\n")
    call = LoneCall()
    await scan(editor).run({}, call)
    assert {Path(finding.uri).name for finding in call.findings} == {"planted.py"}


# -- changes ---------------------------------------------------------------------------------------------------------


def git(folder: Path, *words: str) -> None:
    subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *words], cwd=folder, check=True, capture_output=True)


async def test_only_findings_on_changed_lines_are_reported(editor: PlainEditor, folder: Path) -> None:
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "one")
    (folder / "planted.py").write_text(PLANTED.replace("    return", "    exec(name)\n    return"), encoding="utf-8")
    (folder / "new.py").write_text("exec(1)\n")
    call = LoneCall()
    await scan(editor).run({"base": "HEAD", "scanners": ["bandit"]}, call)
    places = {(Path(finding.uri).name, finding.range.start.line, finding.rule) for finding in call.findings}
    assert places == {("planted.py", 9, "bandit/B102"), ("new.py", 0, "bandit/B102")}
    git(folder, "add", "new.py")
    call = LoneCall()
    await scan(editor).run({"staged": True, "scanners": ["bandit"]}, call)
    assert {Path(finding.uri).name for finding in call.findings} == {"new.py"}
    with pytest.raises(ToolFailed, match="has 'nowhere'"):
        await scan(editor).run({"base": "nowhere"}, LoneCall())


# -- programs of the participant -------------------------------------------------------------------------------------


async def test_any_program_that_writes_sarif_is_a_scanner(editor: PlainEditor, folder: Path) -> None:
    (folder / "notes.txt").write_text("one\n  two\n")
    body = f"import sys\nassert sys.argv[1:] == ['--on', {str(folder / 'notes.txt')!r}]\nprint({sarif(result('notes.txt', 2))!r})"
    own = user_scanner("own", [*script(folder, body), "--on", "{files}"], ["*.txt"])
    told, findings = await found(scan(editor, [own]))
    assert source("one\n  two\n", editor, findings["own/T1"]) == "two"
    assert "own: 1 findings in 1 files" in told


async def test_an_unsaved_text_is_scanned_as_a_copy(editor: PlainEditor, folder: Path) -> None:
    (folder / "notes.txt").write_text("one\n")
    uri = (folder / "notes.txt").as_uri()
    editor.buffers[uri] = Buffer(uri, "one\nTWO\n", version=2)
    body = (
        "import json, pathlib, sys\n"
        "path = pathlib.Path(sys.argv[1])\n"
        "line = path.read_text().splitlines().index('TWO') + 1\n"
        f"report = json.loads({sarif(result('X', 1))!r})\n"
        "place = report['runs'][0]['results'][0]['locations'][0]['physicalLocation']\n"
        "place['artifactLocation']['uri'] = path.as_uri()\n"
        "place['region']['startLine'] = line\n"
        "print(json.dumps(report))\n"
    )
    _, findings = await found(scan(editor, [user_scanner("own", script(folder, body), ["*.txt"])]))
    assert (findings["own/T1"].uri, findings["own/T1"].range.start.line) == (uri, 1)


async def test_a_failing_scanner_is_reported_and_does_not_stop_others(editor: PlainEditor, folder: Path) -> None:
    own = user_scanner("own", script(folder, "import sys; sys.exit('the licence has run out')"), [])
    missing = user_scanner("missing", ["no-such-scanner"], [])
    call = LoneCall()
    with pytest.raises(ToolFailed) as failed:
        await scan(editor, [*builtin_scanners(), own, missing]).run({}, call)
    told = str(failed.value)
    assert "bandit/B602" in [finding.rule for finding in call.findings] and "bandit/B602" in told
    assert "own: 0 findings in 1 files (its output is not JSON (exit code 1): the licence has run out)" in told
    assert "missing: not installed" in told
    with pytest.raises(ToolFailed, match="the licence has run out"):
        await found(scan(editor, [own]))


async def test_a_missing_scanner_is_a_failure_only_if_it_was_requested(editor: PlainEditor) -> None:
    missing = user_scanner("missing", ["no-such-scanner"], [])
    told, _ = await found(scan(editor, [missing]))
    assert told == "Nothing was scanned. missing: it is not installed."
    with pytest.raises(ToolFailed, match="missing: it is not installed"):
        await found(scan(editor, [missing]), scanners=["missing"])


@pytest.mark.skipif(sys.platform == "win32", reason="a named pipe tells who lives")
async def test_cancelling_kills_the_program_and_its_children(editor: PlainEditor, folder: Path) -> None:
    pipe = folder.parent / "alive"
    os.mkfifo(pipe)
    child = f"import time; f = open({str(pipe)!r}, 'w'); f.write('x'); f.flush(); time.sleep(600)"
    body = f"import subprocess, sys, time\nsubprocess.Popen([sys.executable, '-c', {child!r}])\ntime.sleep(600)\n"
    work = asyncio.create_task(scan(editor, [user_scanner("own", script(folder, body), [])]).run({}, LoneCall()))
    reader = await asyncio.to_thread(pipe.open, "rb", 0)  # it opens when the program's child has opened it
    try:
        assert await asyncio.to_thread(reader.read, 1) == b"x"
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        assert await asyncio.to_thread(reader.read, 1) == b""  # no process has it open for writing any more
    finally:
        reader.close()


async def test_a_scanner_that_takes_too_long_or_writes_too_much_is_killed(editor: PlainEditor, folder: Path) -> None:
    own = user_scanner("own", script(folder, "while True: print('x' * 10000)"), [])
    with pytest.raises(ToolFailed, match="output was too long"):
        await found(Scan(Workspace(editor), editor, [own], output_bytes=1000))


def test_programs_in_the_workspace_or_the_current_directory_are_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trap = tmp_path / "odd-scanner"
    trap.write_text("#!/bin/sh\n")
    trap.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", ".")
    assert find_program("odd-scanner") is None
    assert find_program("./odd-scanner") is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_program("odd-scanner") == str(trap)
    assert find_program("odd-scanner", never_in=[tmp_path]) is None


# -- SARIF -----------------------------------------------------------------------------------------------------------


def test_sarif_is_read_according_to_the_standard() -> None:
    rules = [
        {
            "id": "R",
            "helpUri": "https://example.org/R",
            "defaultConfiguration": {"level": "error"},
            "messageStrings": {"m": {"text": "no {0} in {1}"}},
        }
    ]
    results = [
        result("a.py", 1) | {"ruleId": "R/fine", "message": {"id": "m", "arguments": ["x", "y"]}},
        result("a.py", 2, suppressions=[{"kind": "inSource"}]),
        result("a.py", 3, kind="pass"),
        result("a.py", 4, baselineState="absent"),
        result("a.py", 5, level="note"),
        {"message": {"text": "nowhere"}},
        result("a.py", -1),
        "rubbish",
    ]
    text = json.dumps({"runs": [{"tool": {"driver": {"name": "t", "rules": rules}}, "results": results}]})
    report = read_sarif(text, "t")
    first, second, nowhere, before = report.results
    assert (first.title, first.severity, first.help, first.rule) == ("no x in y", 1, "https://example.org/R", "R/fine")
    assert (second.region.line, second.severity) == (5, 3)
    assert (nowhere.where, nowhere.note) == ("", None)
    assert (before.region.line, before.note) == (1, "The scanner gave startLine -1: this is the file's first line.")
    assert report.notes == ["1 results cannot be read"]


@pytest.mark.parametrize("output", ["", "[]", "{}", '{"runs": 3}', "[" * 100_000, "not json"])
def test_output_that_is_not_sarif_is_refused(output: str) -> None:
    with pytest.raises(NotSarif):
        read_sarif(output, "t")


def test_only_web_addresses_become_links() -> None:
    rules = [{"id": "T1", "helpUri": "javascript:alert(1)"}]
    text = json.dumps({"runs": [{"tool": {"driver": {"rules": rules}}, "results": [result("a", 1)]}]})
    assert read_sarif(text, "t").results[0].help is None


@pytest.mark.parametrize(
    ("region", "expected"),
    [
        (Region(1, 3, 1, 4, "utf-32"), "x"),
        (Region(1, 4, 1, 5, "utf-16"), "x"),
        (Region(1, 6, 1, 7, "utf-8"), "x"),
        (Region(2), "two  "),
        (Region(2, 4), "wo  "),
        (Region(1, 3, 2), "x\n  two  "),
        (Region(99, 1, 99, 5), ""),
        (Region(2, 500, 2, 900), ""),
    ],
)
def test_regions_are_converted_in_any_encoding(region: Region, expected: str) -> None:
    text = "a😀x\n  two  "
    for encoding in ("utf-8", "utf-16", "utf-32"):
        lines = Lines(text, encoding)
        range_ = region.range_in(lines)
        if region.line > 90:
            assert range_.end.line == 1
        else:
            assert lines.cut(range_)[0] == expected


def test_a_fix_of_exactly_the_region_becomes_a_suggestion() -> None:
    region = {"startLine": 1, "startColumn": 1, "endLine": 1, "endColumn": 3}
    fix = {"artifactChanges": [{"replacements": [{"deletedRegion": region, "insertedContent": {"text": "ok"}}]}]}
    place = {"physicalLocation": {"artifactLocation": {"uri": "a"}, "region": region}}
    one = read_sarif(sarif(result("a", 1, locations=[place], fixes=[fix])), "t").results[0]
    two = read_sarif(sarif(result("a", 1, locations=[place], fixes=[fix, fix])), "t").results[0]
    assert (one.replacement, two.replacement) == ("ok", None)
    assert one.region.range_in(Lines("abc", "utf-16")) == Range(
        start=Position(line=0, character=0), end=Position(line=0, character=2)
    )
