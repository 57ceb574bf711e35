"""The page about tools lists every tool with its risk."""

from __future__ import annotations

import re
from pathlib import Path

from in_process_app import app
from sessionls.runtimes.asking import ASK_AGENT, AskAgent
from sessionls.tools.skill import ReadSkill

PAGE = Path(__file__).parent.parent / "docs" / "tools.md"


async def test_the_page_names_every_tool_with_its_risk(tmp_path: Path) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    async with app(folder, None, model=None) as home:
        toolbox = home.sessions._replies._tools
        there = {tool.name: tool.risk for tool in toolbox.offer(toolbox.names)}
    there[ReadSkill.name] = ReadSkill.risk  # there are no skills here
    there[ASK_AGENT] = AskAgent.risk  # each loop has its own
    told = dict(re.findall(r"^\| `(\w+)` \| (\w+) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE))
    assert told == there
