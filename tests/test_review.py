"""`sessionls review`: a real repository with problems, real ruff and bandit, and a model on loopback or none."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from model_server import Answer, ModelServer, ToolUse
from shared_server import environment, key_for

PLANTED = """import subprocess


def run(name):
    label = "é"; eval(label)
    subprocess.call("ls " + name, shell=True)
    return lable
"""


@dataclass
class CommandResult:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Project:
    folder: Path
    environ: Mapping[str, str]

    async def review(self, *words: str) -> CommandResult:
        return await self.run("review", *words)

    async def run(self, *words: str) -> CommandResult:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "sessionls", *words),
            cwd=self.folder,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        out, err = await process.communicate()
        return CommandResult(process.returncode or 0, out.decode(), err.decode())

    def git(self, *words: str) -> None:
        subprocess.run(
            ["git", "-c", "user.name=a", "-c", "user.email=a@b", *words], cwd=self.folder, check=True, capture_output=True
        )


@pytest.fixture
def project(tmp_path: Path) -> Project:
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "planted.py").write_text(PLANTED, encoding="utf-8")
    project = Project(folder, environment(tmp_path / "home"))
    project.git("init", "-q")
    return project


def reported(result: CommandResult) -> set[tuple[int, str]]:
    return {(one["range"]["start"]["line"] + 1, one.get("rule", "")) for one in result.json["findings"]}


async def test_without_a_model_the_scanners_still_report_findings(project: Project) -> None:
    result = await project.review("planted.py", "--format", "json")
    assert {(5, "bandit/B307"), (6, "bandit/B602"), (7, "ruff/F821")} <= reported(result)
    assert result.code == 1
    assert "review could not answer: No model can answer" in result.err
    session = result.json["sessionId"]
    assert session in result.err
    shown = await project.run("show", session[-8:], "--json")
    kinds = [part["kind"] for message in shown.json["messages"] for part in message["parts"]]
    assert kinds.count("finding") == len(result.json["findings"])
    # A second review reports the same findings, although an earlier session has them already.
    assert reported(await project.review("planted.py", "--format", "json")) == reported(result)


async def test_the_exit_code_shows_the_severity(project: Project) -> None:
    (project.folder / "planted.py").write_text("import os\n")
    assert (await project.review("planted.py", "--fail-on", "warning")).code == 1
    assert (await project.review("planted.py")).code == 3  # no such findings, but no agent could answer
    assert (await project.review("nowhere.py")).code == 2
    assert (await project.review("planted.py", "--staged")).code == 2


async def test_agents_review_after_the_scan_and_know_its_findings(project: Project, model_server: ModelServer) -> None:
    project.environ = {**project.environ, **key_for(model_server), "SESSIONLS_MODEL": "openai/test"}
    quote = "    return lable"
    model_server.script(
        Answer(
            tools=[
                ToolUse(
                    "report_finding", {"path": "planted.py", "quote": quote, "title": "It returns a typo", "severity": "error"}
                )
            ]
        ),
        Answer("One defect of my own."),
    )
    result = await project.review("planted.py", "--agent", "review")
    assert result.code == 1
    assert "planted.py:7:5 error It returns a typo" in result.out
    assert '  6 |     subprocess.call("ls " + name, shell=True)\n    |     ^^^^^^^^^^^^^^^' in result.out
    asked = json.dumps(model_server.requests[0].body["messages"])
    assert "subprocess call with shell=True" in asked  # even for a model without tool calling


@pytest.mark.parametrize("answer", [Answer("It seems", reason="length"), Answer("It seems", reason="content_filter"), Answer("")])
async def test_an_incomplete_review_is_reported_and_fails(project: Project, model_server: ModelServer, answer: Answer) -> None:
    project.environ = {**project.environ, **key_for(model_server), "SESSIONLS_MODEL": "openai/test"}
    (project.folder / "planted.py").write_text("ANSWER = 42\n")
    model_server.script(answer, answer, answer)
    text = await project.review("planted.py")
    assert text.code == 3 and "The review by review is not complete." in text.err
    (problem,) = (await project.review("planted.py", "--format", "json")).json["problems"]
    assert problem["agent"] == "review" and problem["message"]
    (run,) = (await project.review("planted.py", "--format", "sarif")).json["runs"]
    assert run["invocations"][0]["executionSuccessful"] is False
    assert problem["message"] in run["invocations"][0]["toolExecutionNotifications"][0]["message"]["text"]


async def test_an_agent_that_only_reports_findings_completes_the_review(project: Project, model_server: ModelServer) -> None:
    project.environ = {**project.environ, **key_for(model_server), "SESSIONLS_MODEL": "openai/test"}
    (project.folder / "planted.py").write_text("ANSWER = 42\n")
    found = {"path": "planted.py", "quote": "ANSWER = 42", "title": "It has no type", "severity": "hint"}
    model_server.script(Answer(tools=[ToolUse("report_finding", found)]), Answer(""))
    result = await project.review("planted.py")
    assert result.code == 0 and "not complete" not in result.err


async def test_the_first_sentence_of_a_rules_description_is_printed(project: Project) -> None:
    result = await project.review("planted.py")
    _, found, rest = result.out.partition("planted.py:7:12 error ruff/F821 Undefined name `lable`\n")
    assert found
    says, code = rest.splitlines()[:2]
    assert says == "    Checks for uses of undefined names."
    assert code.startswith("  6 | ")
    assert "Why is this bad" not in result.out


async def test_only_changed_lines_are_reviewed(project: Project) -> None:
    project.git("add", ".")
    project.git("commit", "-qm", "one")
    (project.folder / "planted.py").write_text(PLANTED + "\n\nexec(run)\n", encoding="utf-8")
    assert {line for line, _ in reported(await project.review("--diff", "HEAD", "--format", "json"))} == {10}
    assert reported(await project.review("--staged", "--format", "json")) == set()
    project.git("add", ".")
    assert {line for line, _ in reported(await project.review("--staged", "--format", "json"))} == {10}


async def test_sarif_follows_the_standard(project: Project) -> None:
    log = (await project.review("planted.py", "--format", "sarif")).json
    assert (log["version"], log["$schema"].rpartition("/")[2]) == ("2.1.0", "sarif-2.1.0.json")
    (run,) = log["runs"]
    assert run["originalUriBaseIds"]["ROOT"]["uri"] == project.folder.as_uri() + "/"
    assert run["columnKind"] == "unicodeCodePoints"
    rules = run["tool"]["driver"]["rules"]
    assert len({rule["id"] for rule in rules}) == len(rules)
    for result in run["results"]:
        assert set(result) <= {"ruleId", "ruleIndex", "level", "message", "locations", "properties"}
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in ("error", "warning", "note") and result["message"]["text"]
        place = result["locations"][0]["physicalLocation"]
        assert place["artifactLocation"] == {"uri": "planted.py", "uriBaseId": "ROOT"}
        region = place["region"]
        assert all(region[key] >= 1 for key in ("startLine", "startColumn", "endLine", "endColumn"))
    shell = next(one for one in run["results"] if one["ruleId"] == "bandit/B602")
    region = shell["locations"][0]["physicalLocation"]["region"]
    line = PLANTED.splitlines()[region["startLine"] - 1]
    assert line[region["startColumn"] - 1 : region["endColumn"] - 1] == 'subprocess.call("ls " + name, shell=True)'


async def test_a_failed_scanner_makes_the_review_incomplete(project: Project, model_server: ModelServer) -> None:
    """The findings of the others are printed nevertheless."""
    broken = {"broken": {"command": [sys.executable, "-c", "raise SystemExit('the licence has run out')"]}}
    model_server.script(Answer("Nothing to report."))
    environ = {
        **project.environ,
        **key_for(model_server),
        "SESSIONLS_SCANNERS": json.dumps(broken),
        "SESSIONLS_MODEL": "openai/test",
    }
    result = await Project(project.folder, environ).review("planted.py", "--format", "json", "--fail-on", "never")
    assert result.code == 3, result.err
    assert (7, "ruff/F821") in reported(result)
    assert "broken: 0 findings in 1 files" in result.json["problems"][0]["message"]
