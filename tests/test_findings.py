"""Findings: reported by agents, stored with their session, and recognized when the same review runs again."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pytest

from in_process_app import PlainEditor, app
from model_server import Answer, ModelServer, ToolUse
from sessionls.domain import events as ev
from sessionls.domain.errors import InvalidParams
from sessionls.domain.ids import new_id
from sessionls.domain.model import Finding, Position, Range
from sessionls.domain.scope import scope_of
from sessionls.ports.editor import Buffer
from sessionls.ports.tools import ToolFailed
from sessionls.server.features.finding_actions import suggested_edit
from sessionls.server.publishing.finding_diagnostics import LocatedFinding
from sessionls.sessions.workspace.anchors import AnchorIndex, anchor_of
from sessionls.sessions.workspace.positions import Encoding, Lines
from sessionls.sessions.workspace.workspace import Workspace
from sessionls.store import SqlStore
from sessionls.tools.findings import Diagnostics, ReportFinding
from stores import begin, create, end, fork, say, url
from tool_calls import LoneCall

CODE = "import os\n\n\ndef mean(values):\n    return sum(values) / len(values)\n\n\ndef first(values):\n    return values[0]\n"


def place(text: str, code: str, nth: int = 0, encoding: Encoding = "utf-16") -> Range:
    at = -1
    for _ in range(nth + 1):
        at = text.index(code, at + 1)
    lines = Lines(text, encoding)
    return Range(start=lines.position(at), end=lines.position(at + len(code)))


def finding(
    code: str = "len(values)", *, text: str = CODE, nth: int = 0, rule: str | None = "zero", message: str = "m", **fields: Any
) -> Finding:
    range_ = place(text, code, nth)
    return Finding(
        **{
            "id": new_id(),
            "uri": "file:///work/mean.py",
            "range": range_,
            "severity": 2,
            "title": "It divides by zero",
            "body": "For an empty list.",
            "rule": rule,
            "anchor": anchor_of(text, range_, "utf-16"),
            "agent": "review",
            "message_id": message,
            **fields,
        }
    )


async def report(store: SqlStore, session_id: str, one: Finding) -> Finding:
    await store.change(session_id, lambda change: change.add(ev.FindingReported, finding=one))
    return one.model_copy(update={"session_id": session_id})


async def change(store: SqlStore, session_id: str, one: Finding, state: Literal["open", "fixed", "dismissed"], why: str) -> None:
    await store.change(session_id, lambda change: change.add(ev.FindingChanged, finding_id=one.id, state=state, reason=why))


# -- the store ---------------------------------------------------------------------------------------------------------


async def test_a_finding_belongs_to_the_session_that_reported_it_and_changes_with_its_events(tmp_path: Path) -> None:
    async with SqlStore(url(tmp_path)) as store:
        session, other = await create(store), await create(store)
        one = await report(store, session, finding())
        assert await store.finding(one.id) == one
        await change(store, other, one, "dismissed", "of another session")
        assert await store.finding(one.id) == one
        await change(store, session, one, "dismissed", "on purpose")
    async with SqlStore(url(tmp_path)) as store:
        found = await store.finding(one.id)
        assert (found.state, found.reason) == ("dismissed", "on purpose")
        with pytest.raises(InvalidParams):
            await store.finding("nothing")


async def test_findings_are_listed_by_session_document_state_and_folder(tmp_path: Path) -> None:
    async with SqlStore(url(tmp_path)) as store:
        here, cloned = await create(store), await create(store, folders=["file:///else"], identities=["marker:abc:."])
        away = await create(store, folders=["file:///away"])
        one = await report(store, here, finding())
        two = await report(store, cloned, finding(uri="file:///else/caf%C3%A9.py"))
        three = await report(store, away, finding())
        await change(store, here, one, "fixed", "done")
        one = await store.finding(one.id)
        assert await store.findings() == [one, two, three]
        assert await store.findings(session_id=here) == [one]
        assert await store.findings(session_id=here, ids=[one.id, two.id]) == [one]
        assert await store.findings(session_id=here, ids=[two.id]) == []
        assert await store.findings(uri="file:///else/café.py") == [two]
        assert await store.findings(state="open") == [two, three]
        assert await store.findings(scope=scope_of(["file:///work"], ["marker:abc:."])) == [one, two]
        assert await store.findings(scope=scope_of([])) == []
        await store.change(here, lambda change: change.add(ev.Archived))
        assert await store.findings(scope=scope_of(["file:///work"])) == []
        assert await store.findings(session_id=here) == [one]


async def test_changed_findings_are_those_since_a_revision(tmp_path: Path) -> None:
    async with SqlStore(url(tmp_path)) as store:
        session = await create(store)
        one, two = await report(store, session, finding()), await report(store, session, finding("values[0]"))
        await change(store, session, two, "fixed", "done")
        places: dict[str, Any] = {"scope": scope_of(["file:///work"])}
        rev, found = await store.changed_findings(None, **places)
        assert found == [one]
        assert await store.changed_findings(rev, **places) == (rev, [])
        await change(store, session, one, "dismissed", "no")
        again, found = await store.changed_findings(rev, **places)
        assert again > rev and [(each.id, each.state) for each in found] == [(one.id, "dismissed")]
        assert (await store.changed_findings(rev, scope=scope_of(["file:///else"])))[1] == []


async def test_findings_are_deleted_with_their_session_and_forks_own_none(tmp_path: Path) -> None:
    async with SqlStore(url(tmp_path)) as store:
        session = await create(store)
        reply = await begin(store, session, await say(store, session, "Review it"))
        one = await report(store, session, finding(message=reply))
        await end(store, session, reply, "Done.")
        child = await fork(store, session, 2)
        assert await store.findings(session_id=child) == []
        await store.delete(session)
        with pytest.raises(InvalidParams):
            await store.finding(one.id)
        assert await store.findings() == []
        messages, _ = await store.history(child, before=None, limit=10)
        assert messages[-1].text == "Done."


@pytest.mark.parametrize("state", ["open", "dismissed"])
async def test_the_same_finding_is_recognized_in_any_session_of_the_folder(
    tmp_path: Path, state: Literal["open", "dismissed"]
) -> None:
    async with SqlStore(url(tmp_path)) as store:
        session, later, away = await create(store), await create(store), await create(store, folders=["file:///away"])
        one = await report(store, session, finding())
        await change(store, session, one, state, "so")
        moved = finding(text=f"# moved\n{CODE}", message="again", title="Other words", severity=1)
        known = await store.known_finding(later, moved)
        assert known is not None and (known.id, known.state) == (one.id, state)
        spelled = moved.model_copy(update={"uri": "file:///work/me%61n.py"})
        assert (await store.known_finding(later, spelled)) == known
        assert await store.known_finding(away, moved) is None
        assert await store.known_finding(later, finding("values[0]", message="again")) is None
        assert await store.known_finding(later, finding(rule="other", message="again")) is None
        await change(store, session, one, "fixed", "gone")
        assert await store.known_finding(later, moved) is None


async def test_without_a_rule_equal_titles_mean_the_same_finding(tmp_path: Path) -> None:
    async with SqlStore(url(tmp_path)) as store:
        session = await create(store)
        await report(store, session, finding(rule=None))
        assert await store.known_finding(session, finding(rule=None, message="again", title="it divides by ZERO")) is not None
        assert await store.known_finding(session, finding(rule=None, message="again", title="Another")) is None


async def test_the_same_code_at_several_positions_is_several_findings(tmp_path: Path) -> None:
    block = "try:\n    call_{}()\nexcept Exception:\n    pass\n"
    text = "".join(block.format(number) for number in "abc") + block.format("c") * 3
    async with SqlStore(url(tmp_path)) as store:
        session = await create(store)
        first = [finding("except Exception:", text=text, nth=nth, message="first") for nth in range(6)]
        for one in first:
            assert await store.known_finding(session, one) is None
            await report(store, session, one)
        for nth, one in enumerate(first):  # and each is recognized when all are reported again
            again = finding("except Exception:", text=text, nth=nth, message="again")
            known = await store.known_finding(session, again)
            assert known is not None and known.id == one.id
        other = finding("except Exception:", text=f"{text}\nfirst()\n{block.format('d')}last()\n", nth=6, message="again")
        assert await store.known_finding(session, other) is None


# -- report_finding ----------------------------------------------------------------------------------------------------


class ReportingTool:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.editor = PlainEditor([folder.as_uri()])
        self.call = LoneCall()
        self.tool = ReportFinding(Workspace(self.editor), self.editor)

    async def report(self, **arguments: Any) -> str:
        return await self.tool.run({"path": "mean.py", "title": "It fails", **arguments}, self.call)

    @property
    def last(self) -> Finding:
        return self.call.findings[-1]

    def text_at(self, text: str) -> str:
        return Lines(text, self.editor.encoding).cut(self.last.range)[0]


@pytest.fixture
def reporting(tmp_path: Path) -> ReportingTool:
    (tmp_path / "mean.py").write_text(CODE, encoding="utf-8")
    return ReportingTool(tmp_path)


async def test_the_quoted_code_must_match_exactly(reporting: ReportingTool) -> None:
    told = await reporting.report(
        quote="len(values)", severity="error", rule="zero-division", body="For [].", suggestion="(len(values) or 1)"
    )
    one = reporting.last
    assert "mean.py:5" in told and "error" in told
    assert (one.uri, one.range) == ((reporting.folder / "mean.py").as_uri(), place(CODE, "len(values)"))
    assert (one.severity, one.rule, one.title, one.body) == (1, "zero-division", "It fails", "For [].")
    assert (one.suggestion, one.agent, one.message_id, one.session_id) == ("(len(values) or 1)", "code", "message", "session")
    assert one.anchor == anchor_of(CODE, one.range, "utf-16")


async def test_lines_are_counted_from_one_and_begin_with_their_code(reporting: ReportingTool) -> None:
    await reporting.report(start_line=4, end_line=5)
    assert reporting.text_at(CODE) == "def mean(values):\n    return sum(values) / len(values)"
    await reporting.report(start_line=9)
    assert reporting.text_at(CODE) == "return values[0]"
    await reporting.report(start_line=8, end_line=900)
    assert reporting.text_at(CODE) == "def first(values):\n    return values[0]\n"
    await reporting.report(start_line=2)
    assert reporting.text_at(CODE) == ""


async def test_findings_use_the_open_buffer_and_the_editors_encoding(reporting: ReportingTool) -> None:
    uri = (reporting.folder / "mean.py").as_uri()
    text = '# new\r\nname = "😀"; other = name\r\n'
    reporting.editor.buffers[uri] = Buffer(uri, text, 7)
    await reporting.report(quote="other = name")
    assert reporting.last.range == Range(start=Position(line=1, character=13), end=Position(line=1, character=25))
    reporting.editor.encoding = "utf-8"
    await reporting.report(quote="other = name")
    assert reporting.last.range.start.character == 15
    await reporting.report(quote='# new\nname = "😀"')
    assert reporting.text_at(text) == '# new\r\nname = "😀"'


async def test_a_quote_with_different_whitespace_is_found(reporting: ReportingTool) -> None:
    await reporting.report(quote="def first(values):\n  return values[0]")
    assert reporting.text_at(CODE) == "def first(values):\n    return values[0]"


async def test_the_line_selects_one_of_several_matches(reporting: ReportingTool) -> None:
    with pytest.raises(ToolFailed, match=r"2 times \(lines 4, 8\).*start_line"):
        await reporting.report(quote="(values):")
    await reporting.report(quote="(values):", start_line=9)
    assert reporting.last.range.start.line == 7


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "pass `quote`"),
        ({"quote": "  \n "}, "pass `quote`"),
        ({"quote": "len(other)"}, "not in mean.py"),
        ({"start_line": 99}, "line 99 does not exist"),
        ({"start_line": 0}, "start_line"),
        ({"quote": "os", "severity": "fatal"}, "severity"),
        ({"quote": "os", "where": 1}, "unknown argument where"),
        ({"path": "../elsewhere.py", "quote": "os"}, "outside"),
        ({"path": "nothing.py", "quote": "os"}, "nothing.py"),
    ],
)
async def test_a_finding_without_a_clear_position_is_an_error_for_the_agent(
    reporting: ReportingTool, arguments: dict[str, Any], words: str
) -> None:
    with pytest.raises(ToolFailed, match=words):
        await reporting.report(**arguments)
    assert reporting.call.findings == []


@pytest.mark.parametrize(("given", "stored"), [(1, 1), ("2", 2), ("information", 3), ("Hint", 4), (None, 2)])
async def test_severities_are_accepted_in_different_words(reporting: ReportingTool, given: object, stored: int) -> None:
    await reporting.report(quote="import os", severity=given)
    assert reporting.last.severity == stored


def test_the_schema_is_accepted_by_providers(reporting: ReportingTool) -> None:
    schema = reporting.tool.schema
    assert schema["required"] == ["path", "title"]
    assert schema["properties"]["severity"]["enum"] == ["error", "warning", "info", "hint"]
    assert "anyOf" not in str(schema) and "$ref" not in str(schema)


# -- suggestions -------------------------------------------------------------------------------------------------------

BODY = "def f(a):\n    if a:\n        return one(a)\n    return a\n"


@pytest.mark.parametrize(
    ("code", "suggestion", "becomes"),
    [
        ("one(a)", "two(a)", "        return two(a)"),  # a part of a line: exactly that part
        ("return one(a)", "return two(a)", "        return two(a)"),
        ("return one(a)", "        return two(a)\n", "        return two(a)"),  # written with its indentation
        ("return one(a)", "a += 1\nreturn two(a)", "        a += 1\n        return two(a)"),  # with none
        ("return one(a)", "a += 1\n        return two(a)", "        a += 1\n        return two(a)"),  # but in its first line
        ("return one(a)", "for b in a:\n    yield b", "        for b in a:\n            yield b"),
        ("        return one(a)", "pass\r\n", "        pass"),
        ("    if a:\n        return one(a)\n", "", None),
    ],
)
def test_a_suggestion_is_indented_like_its_code(code: str, suggestion: str, becomes: str | None) -> None:
    one = finding(code, text=BODY, suggestion=suggestion)
    for text, deeper in ((BODY, ""), ("# above\n" + BODY, ""), ("".join(f"  {line}\n" for line in BODY.splitlines()), "  ")):
        assert one.anchor is not None
        place_now = AnchorIndex(text, "utf-16").locate(one.anchor, one.range)
        assert place_now is not None
        lines = Lines(text, "utf-16")
        range_, new = suggested_edit(lines, LocatedFinding(one, place_now))
        start, end = lines.span(range_)
        after = text[:start] + new + text[end:]
        gone = "    if a:\n        return one(a)\n" if becomes is None else "        return one(a)"
        put = "" if becomes is None else becomes
        expected = "".join(f"{deeper}{line}\n" for line in BODY.replace(gone, put).splitlines())
        assert after == ("# above\n" if text.startswith("#") else "") + expected


# -- in a reply --------------------------------------------------------------------------------------------------------


async def test_repeating_a_review_adds_no_duplicates_and_keeps_dismissals(tmp_path: Path, model_server: ModelServer) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "mean.py").write_text(CODE, encoding="utf-8")
    one = ToolUse("report_finding", {"path": "mean.py", "title": "It fails", "rule": "zero", "quote": "len(values)"})
    two = ToolUse("report_finding", {"path": "mean.py", "title": "It fails too", "rule": "index", "quote": "values[0]"})
    async with app(folder, model_server) as home:
        model_server.script(Answer(tools=[one, one, two]), Answer("Two findings."))
        session = await home.sessions.create(agent="review")
        await home.sessions.message(session.id, "Review mean.py")
        found = (await home.sessions.findings()).findings
        assert sorted(each.rule or "" for each in found) == ["index", "zero"]
        assert {each.session_id for each in found} == {session.id}
        dismissed = next(each for each in found if each.rule == "zero")
        await home.sessions.update_finding(dismissed.id, "dismissed", reason="never empty")

        (folder / "mean.py").write_text(f"# new\n{CODE}", encoding="utf-8")
        model_server.script(Answer(tools=[one, two]), Answer("Nothing new."))
        again = await home.sessions.create(agent="review")
        exchange = await home.sessions.message(again.id, "Review mean.py")
        results = [part.result or "" for part in exchange.reply.parts if part.kind == "tool"]
        assert "dismissed" in results[0] and "Already known" in results[1]
        assert [each.id for each in (await home.sessions.findings()).findings] == [each.id for each in found]
        assert (await home.sessions.findings(session_id=again.id)).findings == []


async def test_a_session_that_is_opened_again_has_the_current_states_of_its_findings(
    tmp_path: Path, model_server: ModelServer
) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "mean.py").write_text(CODE, encoding="utf-8")
    call = ToolUse("report_finding", {"path": "mean.py", "title": "It fails", "quote": "values[0]"})
    async with app(folder, model_server) as home:
        model_server.script(Answer(tools=[call]), Answer("One finding."))
        session = await home.sessions.create(agent="review")
        await home.sessions.message(session.id, "Review mean.py")
        [found] = (await home.sessions.findings()).findings
        await home.sessions.update_finding(found.id, "dismissed", reason="never empty")
        opened = await home.sessions.open(session.id)
        history = await home.sessions.history(session.id)
        for messages in (opened.messages, history.messages):
            [shown] = [part.finding for message in messages for part in message.parts if part.kind == "finding"]
            assert (shown.state, shown.reason) == ("dismissed", "never empty")


# -- diagnostics -------------------------------------------------------------------------------------------------------


async def test_an_agent_sees_what_the_editor_shows_and_what_is_still_open(reporting: ReportingTool) -> None:
    uri = (reporting.folder / "mean.py").as_uri()
    own = [finding("values[0]", uri=uri, title="May be empty")]

    async def known(*, uri: str | None = None, state: str | None = None) -> list[Finding]:
        return own if (uri, state) == (own[0].uri, "open") else []

    tool = Diagnostics(Workspace(reporting.editor), reporting.editor, known)
    reporting.editor.diagnosed[uri] = [
        {"range": place(CODE, "import os").wire(), "severity": 2, "source": "ruff", "code": "F401", "message": "unused\nimport"},
        {"range": place(CODE, "values[0]").wire(), "severity": 2, "source": "sessionls", "message": "our own, shown"},
        {"message": "broken"},
    ]
    reporting.editor.buffers[uri] = Buffer(uri, f"\n{CODE}", 1)
    assert (await tool.run({"path": "mean.py"}, reporting.call)).splitlines() == [
        "mean.py:1:1: warning: unused import (ruff [F401])",
        "mean.py:10:12: warning: May be empty For an empty list. (sessionls [zero])",
    ]
    reporting.editor.diagnosed, own[0] = {}, own[0].model_copy(update={"uri": "file:///other"})
    assert "has no known problems" in await tool.run({"path": "mean.py"}, reporting.call)
