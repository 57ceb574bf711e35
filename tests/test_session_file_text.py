"""The text of a session file: whatever a person types and an agent answers, messages stay apart and nothing typed is lost."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sessionls.domain.ids import new_id
from sessionls.domain.model import (
    AgentAuthor,
    Message,
    OpenQuestion,
    Participant,
    ReasoningPart,
    Session,
    TextPart,
    ToolPart,
)
from sessionls.server.features.session_file import draft as drafts
from sessionls.server.features.session_file.marks import new_nonce, next_mark, parse, without_marks
from sessionls.server.features.session_file.planning import apply, plan, plan_earlier, plan_reference
from sessionls.server.features.session_file.rendering import head, next_heading, rest_of, section

ADA = Participant(id="ada", name="Ada")
BOB = Participant(id="bob", name="Bob")
AT = "2026-11-28T15:04:00.000Z"


def new_session(**fields: Any) -> Session:
    return Session(id=new_id(), title="A title", agent="code", created_at=AT, updated_at=AT, **fields)


class Conversation:
    """A session with its messages, and its file as an editor has it."""

    def __init__(self) -> None:
        self.session = new_session()
        self.messages: list[Message] = []
        self.text = head(self.session, earlier=False) + next_heading(self.session.id, new_nonce()) + "\n\n"
        self.seq = 1

    def say(self, text: str, author: Participant = ADA, **fields: Any) -> Message:
        return self._add(role="participant", author=author, parts=[TextPart(text=text)], status="complete", **fields)

    def reply(self, text: str, to: Message, status: str = "complete") -> Message:
        author = AgentAuthor(agent="code", model="openai/test", definition="x")
        return self._add(role="agent", author=author, parts=[TextPart(text=text)], status=status, reply_to=to.id)

    def continue_reply(self, reply: Message, text: str, status: str) -> Message:
        new = reply.model_copy(update={"parts": [TextPart(text=text)], "status": status})
        self.messages[self.messages.index(reply)] = new
        return new

    def _add(self, **fields: Any) -> Message:
        self.seq += 1
        message = Message(id=new_id(), session_id=self.session.id, seq=self.seq, created_at=AT, **fields)
        self.messages.append(message)
        return message

    def update(self, sent: str | None = None) -> None:
        for _ in range(3):  # a question is shown once its reply is in the file
            edits = plan(parse(self.text, self.session.id), self.session, self.messages, ADA, sent=sent)
            self.text = apply(self.text, edits)
        assert not edits

    def type(self, text: str) -> None:
        """At the end of the file, where a person's cursor is."""
        self.text += text

    def draft(self) -> str:
        found = parse(self.text, self.session.id).draft
        assert found is not None
        return found.text

    def ids(self) -> list[str]:
        return [one.message_id for one in parse(self.text, self.session.id).sections]

    def marks(self) -> list[str]:
        """What somebody who copies from the file could paste."""
        return re.findall(r".*<!-- sessionls .*-->", self.text)


def typed(texts: Sequence[str] = ()) -> st.SearchStrategy[str]:
    """What a person types: anything, and pieces of the file itself."""
    pieces = st.one_of(
        st.text(max_size=40),
        st.sampled_from(
            ["\n", "\r\n", "```", "## Next message", "<!--", "-->", "𝒳", "@review", "# Title", "---", "<details>", *texts]
        ),
    )
    return st.lists(pieces, max_size=12).map("".join)


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_what_is_typed_is_what_is_sent_and_stays_where_it_is(data: st.DataObject) -> None:
    talk = Conversation()
    for _ in range(data.draw(st.integers(0, 2))):
        asked = talk.say(data.draw(st.text(max_size=30)), BOB)
        talk.reply(data.draw(st.text(max_size=60)), asked)
    talk.update()
    for _ in range(data.draw(st.integers(1, 3))):
        written = data.draw(typed(talk.marks()))
        before = talk.text
        talk.type(written)
        draft = talk.draft()
        assert draft.strip() == written.strip() or draft == before[len(before) - len(draft) + len(written) :] + written
        message = drafts.read(draft)
        if not message.text:
            talk.text = before
            continue
        sent = talk.say(message.text)
        # While the message is on its way the person goes on typing.
        more = data.draw(st.sampled_from(["", "\nAnd the next one"]))
        talk.type(more)
        talk.update(sent=draft.rstrip())
        assert draft.strip() in talk.text and talk.draft().strip() == more.strip()
        assert talk.ids()[-1] == sent.id
        reply = data.draw(typed(talk.marks()))
        talk.reply(reply, sent)
        talk.update()
        assert talk.ids() == [one.id for one in talk.messages] and talk.draft().strip() == more.strip()
        talk.text = talk.text[: len(talk.text) - len(talk.draft())] + "\n\n"


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_a_growing_reply_only_adds_and_disturbs_no_one_who_types(data: st.DataObject) -> None:
    talk = Conversation()
    asked = talk.say("Tell me", BOB)
    whole = data.draw(typed(talk.marks()))
    reply = talk.reply("", asked, "replying")
    talk.update()
    mine = data.draw(typed())
    talk.type(mine)
    written = talk.draft()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=5)))
    for cut in cuts:
        reply = talk.continue_reply(reply, whole[:cut], "replying")
        before = talk.text
        talk.update()
        assert talk.draft() == written
        shown = before.partition("<!-- sessionls writing")[0]
        assert talk.text.startswith(shown)
    talk.continue_reply(reply, whole, "complete")
    talk.update()
    assert talk.draft() == written and "sessionls writing" not in talk.text.partition(next_mark_of(talk))[0]
    complete = section(talk.session, talk.messages[-1])
    assert "".join(complete.split()) in "".join(talk.text.split())  # as if it had come at once
    again = talk.text
    talk.update()
    assert talk.text == again


def next_mark_of(talk: Conversation) -> str:
    found = parse(talk.text, talk.session.id).draft
    assert found is not None
    return next_mark(talk.session.id, found.nonce)


@given(st.text(), st.text())
def test_any_text_is_read_without_failing(text: str, more: str) -> None:
    session = new_session()
    found = parse(text, session.id)
    assert found.draft is None and not found.sections
    marked = f"{text}{next_heading(session.id, '12345678')}{more}"
    draft = parse(marked, session.id).draft
    assert draft is not None and draft.text == more


@given(typed(["## Ada <!-- sessionls message 1 x 12345678 -->", "<!-- sessionls next 12345678 12345678 -->"]))
def test_no_text_that_is_written_holds_a_mark(text: str) -> None:
    assert "<!-- sessionls" not in without_marks(text)


@pytest.mark.parametrize(
    "reply", ["# Top\n\ntext", "Ada\n---\n", "## Ada · 2026-11-28 15:04 UTC", "```\nopen fence", "<!-- sessionls next x -->"]
)
def test_a_reply_cannot_look_like_a_message_of_somebody_else(reply: str) -> None:
    talk = Conversation()
    talk.reply(reply, talk.say("Tell me", BOB))
    talk.update()
    headings = [line for line in outside_of_fences(talk.text) if re.match(r"##? ", line)]
    assert len(headings) == 4  # the title, two messages, the next one
    assert "Ada\n---" not in talk.text


def outside_of_fences(text: str) -> list[str]:
    lines, open_ = [], False
    for line in text.split("\n"):
        if line.startswith("```"):
            open_ = not open_
        elif not open_:
            lines.append(line)
    assert not open_
    return lines


def test_the_headings_and_fences_of_a_reply_stay_below_its_own_heading() -> None:
    talk = Conversation()
    talk.reply("# One\n```sh\n# a comment\n```\n###### Six", talk.say("Tell me", BOB))
    talk.update()
    assert "\n### One\n```sh\n# a comment\n```\n###### Six\n" in talk.text


def test_a_mark_of_another_session_is_text() -> None:
    talk, other = Conversation(), Conversation()
    other.say("Hello")
    other.update()
    talk.type(other.text)
    assert talk.draft().strip() == other.text.strip() and not talk.ids()


def test_a_heading_that_somebody_deleted_comes_back_at_the_end() -> None:
    talk = Conversation()
    talk.say("Hello", BOB)
    talk.update()
    talk.text = talk.text.partition("## Next message")[0] + "Words of mine"
    assert parse(talk.text, talk.session.id).draft is None
    talk.update()
    assert "Words of mine\n\n## Next message" in talk.text and talk.draft().strip() == ""


def test_what_was_deleted_from_the_file_is_not_put_back() -> None:
    talk = Conversation()
    first = talk.say("First", BOB)
    talk.say("Second", BOB)
    talk.update()
    found = parse(talk.text, talk.session.id).section(first.id)
    assert found is not None
    talk.text = talk.text[: found.start] + talk.text[found.end :]
    talk.say("Third", BOB)
    talk.update()
    assert "First" not in talk.text and talk.ids() == [one.id for one in talk.messages[1:]]


def test_a_reply_comes_after_its_message_also_with_waiting_messages() -> None:
    talk = Conversation()
    one, two = talk.say("One", BOB), talk.say("Two", BOB)
    talk.update()
    answer = talk.reply("First answer", one)
    talk.messages.sort(key=lambda each: [one.id, answer.id, two.id].index(each.id))
    talk.update()
    assert talk.ids() == [one.id, answer.id, two.id]


def test_a_message_that_was_sent_before_a_crash_does_not_stay_the_next_one() -> None:
    talk = Conversation()
    talk.type("@review Is it right?")
    talk.say("Is it right?", agent="review")  # it was accepted, and the process ended before the file was changed
    talk.update()
    assert talk.draft().strip() == "" and talk.text.count("Is it right?") == 1


def test_an_open_question_is_shown_whole_and_goes_when_it_was_answered() -> None:
    talk = Conversation()
    reply = talk.reply("", talk.say("Run it", BOB), "replying")
    asked = OpenQuestion(
        request_id="q1",
        message_id=reply.id,
        agent="code",
        tool="run_command",
        summary="run ls",
        detail="ls <!-- sessionls x",
        risk="execute",
        at=AT,
    )
    talk.session = talk.session.model_copy(update={"asking": [asked]})
    talk.update()
    found = parse(talk.text, talk.session.id)
    assert list(found.questions) == ["q1"] and "code asks: run ls" in talk.text and "\nls < !-- sessionls x\n" in talk.text
    talk.session = talk.session.model_copy(update={"asking": None})
    talk.text = apply(talk.text, plan(found, talk.session, talk.messages, ADA, answers={"q1": "*Denied by Bob.*"}))
    assert not parse(talk.text, talk.session.id).questions and "code asks: run ls** *Denied by Bob.*" in talk.text


def test_of_a_text_that_grows_only_whole_lines_are_shown() -> None:
    talk = Conversation()
    session, reply = talk.session, talk.reply("one\ntw", talk.say("Count", BOB), "replying")
    text, part, offset = rest_of(session, reply, 0, 0)
    assert (text, part, offset) == ("\none\n", 0, 4)
    rest = reply.model_copy(update={"parts": [TextPart(text="one\ntwo")], "status": "complete"})
    assert rest_of(session, rest, 0, 4)[0] == "two\n"


def test_a_tool_is_added_to_the_file_when_it_has_ended() -> None:
    session = new_session()
    call = ToolPart(call_id="c", name="read_file", arguments={"path": "a"}, status="running")
    author = AgentAuthor(agent="code", model="m", definition="x")
    parts = [ReasoningPart(text="Hm."), call, TextPart(text="Done.\n")]
    reply = Message(
        id="r", session_id=session.id, seq=2, role="agent", author=author, parts=parts, status="replying", created_at=AT
    )
    text, part, offset = rest_of(session, reply, 0, 0)
    assert "▸ Reasoning" in text and "read_file" not in text and (part, offset) == (1, 0)
    ended = reply.model_copy(update={"parts": [parts[0], call.model_copy(update={"status": "done", "result": "text"}), parts[2]]})
    text, part, offset = rest_of(session, ended, part, offset)
    assert "▸ Tool read_file" in text and text.endswith("Done.\n") and part == 2


def test_a_restarted_reply_is_marked() -> None:
    session = new_session()
    author = AgentAuthor(agent="code", model="m", definition="x")
    parts = [TextPart(text="new\n")]
    reply = Message(
        id="r", session_id=session.id, seq=2, role="agent", author=author, parts=parts, status="complete", created_at=AT
    )
    text, _, _ = rest_of(session, reply, 0, 100)
    assert "restarts here" in text and "new" in text


def test_line_ends_are_those_of_the_file() -> None:
    talk = Conversation()
    talk.text = talk.text.replace("\n", "\r\n")
    talk.reply("one\ntwo", talk.say("Tell me", BOB))
    talk.update()
    assert "\n" not in talk.text.replace("\r\n", "")


def test_earlier_messages_come_before_the_first() -> None:
    talk = Conversation()
    old, new = talk.say("Old", BOB), talk.say("New", BOB)
    talk.text = head(talk.session, earlier=True) + next_heading(talk.session.id, new_nonce()) + "\n\n"
    talk.messages.remove(old)
    talk.update()
    found = parse(talk.text, talk.session.id)
    assert found.earlier is not None
    talk.text = apply(talk.text, plan_earlier(found, talk.session, [old], more=False))
    assert talk.ids() == [old.id, new.id] and parse(talk.text, talk.session.id).earlier is None


def test_words_are_added_to_the_next_message_once() -> None:
    talk = Conversation()
    talk.type("Why?")
    for _ in range(2):
        talk.text = apply(talk.text, plan_reference(parse(talk.text, talk.session.id), "#file:a.py:1-2"))
    assert talk.draft().strip() == "Why? #file:a.py:1-2"


@pytest.mark.parametrize(
    ("draft", "agent", "text", "words"),
    [
        ("  @review Is it right?\n", "review", "Is it right?", []),
        ("Ask @review", None, "Ask @review", []),
        ("@review", "review", "", []),
        ("a@review b", None, "a@review b", []),
        ("See #file:a.py:1-2 and #diff", None, "See #file:a.py:1-2 and #diff", ["#file:a.py:1-2", "#diff"]),
        ('#file:"a b.py"', None, '#file:"a b.py"', ['#file:"a b.py"']),
        ("#1234 and #include <a>", None, "#1234 and #include <a>", []),
    ],
)
def test_a_draft_names_its_agent_and_its_context(draft: str, agent: str | None, text: str, words: list[str]) -> None:
    written = drafts.read(draft)
    assert (written.agent, written.text, list(written.words)) == (agent, text, words)
