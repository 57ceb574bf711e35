"""A session as a file: Markdown, JSON, and HTML that loads nothing and runs nothing."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from html.parser import HTMLParser
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from sessionls.domain.model import (
    AgentAuthor,
    Context,
    DiagnosticsContext,
    DiffContext,
    EditPart,
    FileContext,
    Finding,
    FindingPart,
    Message,
    MessageError,
    ParentRef,
    Part,
    Participant,
    Position,
    Range,
    ReasoningPart,
    SelectionContext,
    Session,
    SymbolContext,
    TextContext,
    TextPart,
    ToolPart,
    Usage,
)
from sessionls.sessions.export.markdown import contained, render

FOLDER = "file:///home/ada/project"
ADA = Participant(id="p1", name="Ada Lovelace", email="ada@example.org")
FORMATS: list[Literal["markdown", "json", "html"]] = ["markdown", "json", "html"]
HERE = Range(start=Position(line=11, character=0), end=Position(line=12, character=9))


def session(**fields: Any) -> Session:
    known: dict[str, Any] = {
        "id": "s1",
        "title": "Why is the parser slow?",
        "agent": "code",
        "workspace_folders": [FOLDER],
        "participants": [ADA],
        "usage": Usage(input_tokens=12_345, output_tokens=678, cached_tokens=1_000, cost=0.0421),
        "created_at": "2026-03-01T09:30:00.000Z",
        "updated_at": "2026-03-02T10:00:00.000Z",
    }
    return Session(**known | fields)


def message(number: int, text: str, **fields: Any) -> Message:
    known: dict[str, Any] = {
        "id": f"m{number}",
        "session_id": "s1",
        "seq": number,
        "role": "participant",
        "author": ADA,
        "parts": [TextPart(text=text)],
        "status": "complete",
        "created_at": "2026-03-01T09:30:00.000Z",
    }
    return Message(**known | fields)


def reply(number: int, *parts: Part, **fields: Any) -> Message:
    author = AgentAuthor(agent="review", model="openai/gpt", definition="0" * 64)
    known: dict[str, Any] = {"role": "agent", "author": author, "reply_to": f"m{number - 1}", "parts": list(parts)}
    return message(number, "", **known | fields)


def finding(**fields: Any) -> Finding:
    known: dict[str, Any] = {
        "id": "f1",
        "uri": f"{FOLDER}/src/parse.py",
        "range": HERE,
        "severity": 2,
        "title": "Quadratic loop",
        "body": "Each line is **copied** again.",
        "rule": "perf/quadratic",
        "suggestion": "lines = list(text)",
        "agent": "review",
        "message_id": "m2",
    }
    return Finding(**known | fields)


CONTEXTS: list[Context] = [
    SelectionContext(uri=f"{FOLDER}/src/parse.py", range=HERE, text="for x in y:\n    z()", language="python", dirty=True),
    FileContext(
        uri=f"{FOLDER}/README.md", text="# Title\n```sh\nls\n```\n", language="markdown", notice="Only the first part is shown."
    ),
    SymbolContext(uri=f"{FOLDER}/a.rs", name="go", range=HERE, text="fn go() {}", language="rust"),
    DiagnosticsContext(uri=f"{FOLDER}/a.py", diagnostics=[{"range": HERE.wire(), "message": "undefined name", "severity": 1}]),
    DiffContext(base="v1", text="-old\n+new\n"),
    TextContext(title="A log", text="line of the log"),
]
MESSAGES = [
    message(1, "What is wrong **here**?", agent="review", context=CONTEXTS),
    reply(
        2,
        ReasoningPart(text="Let me look."),
        ToolPart(call_id="c1", name="read_file", arguments={"path": "src/parse.py"}, status="done", result="1 | import os"),
        ToolPart(call_id="c2", name="run", arguments={"command": "rm -rf /"}, status="denied"),
        TextPart(text="It is *quadratic*:\n\n```python\nx = 1\n```"),
        FindingPart(finding=finding()),
        EditPart(uri=f"{FOLDER}/src/parse.py", summary="Use a list", applied=True),
        EditPart(uri=f"{FOLDER}/src/other.py", summary="Rename", applied=False),
        usage=Usage(input_tokens=100, output_tokens=20),
    ),
    message(3, "And now?"),
    reply(4, TextPart(text="It"), status="failed", error=MessageError(kind="modelUnavailable", message="No key is set.")),
]
TOLD = [
    "Why is the parser slow?",
    "2026-03-01 09:30 UTC",
    "Ada Lovelace",
    "12,345 tokens in (1,000 cached), 678 out, $0.0421",
    "to review",
    "openai/gpt",
    "Selection: src/parse.py, lines 12-13, unsaved",
    "File: README.md",
    "Only the first part is shown.",
    "Symbol go: a.rs, lines 12-13",
    "Diagnostics: a.py",
    "undefined name",
    "Changes since v1",
    "Text: A log",
    "line of the log",
    "Let me look.",
    "read_file",
    "1 | import os",
    "denied",
    "rm -rf /",
    "Quadratic loop",
    "perf/quadratic",
    "src/parse.py:12",
    "lines = list(text)",
    "Use a list",
    "Not applied",
    "Failed: No key is set.",
    "100 tokens in, 20 out",
]


class Page(HTMLParser):
    """The content of a page: its tags with attributes, and its visible text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == [], "every element is closed"

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "hr", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += data


def html_of(*messages: Message, **fields: Any) -> str:
    return render(session(**fields), messages, "html")


# -- what is in it -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("told", TOLD)
def test_everything_of_a_session_is_in_the_readable_exports(told: str) -> None:
    assert told in Page(render(session(), MESSAGES, "html")).text
    markdown = render(session(), MESSAGES, "markdown")
    assert told in re.sub(r"\\(.)", r"\1", markdown)


def test_json_contains_the_objects_of_the_protocol() -> None:
    text = render(session(), MESSAGES, "json")
    data = json.loads(text)
    assert Session.model_validate(data["session"]) == session()
    assert [Message.model_validate(entry) for entry in data["messages"]] == MESSAGES
    assert text == render(session(), MESSAGES, "json")
    assert text.startswith('{\n  "session": {\n    "id": "s1",\n    "title"')


@pytest.mark.parametrize("format_", FORMATS)
def test_an_empty_session_can_be_exported(format_: Literal["markdown", "json", "html"]) -> None:
    bare = session(title="", participants=[], workspace_folders=[], usage=Usage())
    text = render(bare, [], format_)
    assert text.endswith("\n") and "None" not in text
    if format_ != "json":
        assert "no messages yet" in text and "Untitled session" in text


def test_a_fork_names_its_parent_and_the_model_of_its_agent() -> None:
    text = render(session(parent=ParentRef(session_id="s0", seq=4), model="ollama/x"), [], "markdown")
    assert "- Forked from: s0" in text and "code with ollama/x" in text


def test_every_status_but_complete_is_shown() -> None:
    for status in ("queued", "replying", "paused", "interrupted", "cancelled", "failed"):
        for format_ in ("markdown", "html"):
            assert status.capitalize() in render(session(), [reply(2, status=status)], format_)


# -- Markdown ----------------------------------------------------------------------------------------------------------


def test_markdown_is_readable() -> None:
    lines = render(session(), MESSAGES[2:], "markdown").split("\n")
    assert lines[:4] == [
        "# Why is the parser slow?",
        "",
        "- Created: 2026-03-01 09:30 UTC",
        "- Last changed: 2026-03-02 10:00 UTC",
    ]
    assert "\n".join(lines[lines.index("---") :]) == (
        "---\n\n## **Ada Lovelace** · 2026-03-01 09:30 UTC\n\nAnd now?\n\n"
        "---\n\n## **review** · openai/gpt · 2026-03-01 09:30 UTC\n\nIt\n\n> **Failed: No key is set.**\n"
    )


MARKUP = st.lists(
    st.sampled_from(
        [
            *("```", "````", "~~~", "`", "\n", "\n\n", "\n  ", " ", "    ", "x", "- ", "- ```\n", "> ", "# ", "```python", "\\"),
            *("<!--", "<b>", "</details>", "<script>", "<pre>", "<?php", "<![CDATA[", "<https://example.org>", "a < b"),
        ]
    )
).map("".join)


@settings(deadline=None, max_examples=300)
@given(MARKUP)
def test_no_message_affects_others_in_markdown(text: str) -> None:
    """After an unclosed fence, a comment or a tag in a message, the next heading is still a heading."""
    tokens = MarkdownIt("commonmark").parse(f"{contained(text)}\n\n## Next\n")
    assert [token.content for token in tokens[-3:]] == ["", "Next", ""]
    assert (tokens[-3].type, tokens[-3].level) == ("heading_open", 0)
    assert not any(token.type == "html_block" for token in tokens)


def test_code_and_links_are_kept_unchanged() -> None:
    text = "`List<String>` and <https://example.org>\n\n```html\n<b>x</b>\n```"
    assert contained(text) == text
    assert contained("a <b> c") == "a \\<b> c"


# -- HTML --------------------------------------------------------------------------------------------------------------

ATTACKS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "<style>body{display:none}</style>",
    "</style><script>alert(1)</script>",
    "</title><script>alert(1)</script>",
    "</pre></code></details></article><iframe src=//evil.example></iframe>",
    '"><b onmouseover="alert(1)">',
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](java\nscript:alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "[x](vbscript:x)",
    "[x](file:///etc/passwd)",
    "[x](//evil.example/x)",
    "<javascript:alert(1)>",
    "![x](https://evil.example/pixel.png)",
    "![x](data:image/png;base64,AAAA)",
    '![x](https://evil.example/a" onerror="alert(1))',
    '[x](https://example.org "title\\" onclick=alert(1)")',
    "[x]: javascript:alert(1)\n\n[x]",
    '```"><script>alert(1)</script>\ncode\n```',
    "```python\n</code></pre><script>alert(1)</script>\n```",
    "<!-- x",
    "<meta http-equiv=refresh content='0;url=//evil.example'>",
    "<base href=//evil.example>",
    "<form action=//evil.example><input></form>",
    "&lt;script&gt;",
    "| a |\n|--:|\n| <script>alert(1)</script> |",
]
# The allowed tags: none of them loads, runs or submits anything.
TAGS = set(
    re.findall(
        r"\w+",
        "html head meta title style body header main article section footer details summary div span p a b h1 h2 h3 h4 h5 h6 "
        "dl dt dd ul ol li pre code em strong s blockquote hr br table thead tbody tr th td time",
    )
)
ATTRIBUTES = {
    "lang",
    "charset",
    "http-equiv",
    "content",
    "name",
    "class",
    "id",
    "datetime",
    "dir",
    "open",
    "href",
    "rel",
    "title",
    "start",
}


def assert_harmless(html: str) -> None:
    page = Page(html)
    for tag, attributes in page.tags:
        assert tag in TAGS, tag
        assert set(attributes) <= ATTRIBUTES, attributes
        if "href" in attributes:
            assert re.match(r"https?://|mailto:|#m-", str(attributes["href"])), attributes
    assert sum(tag == "style" for tag, _ in page.tags) == 1
    assert [a["http-equiv"] for tag, a in page.tags if tag == "meta" and "http-equiv" in a] == ["Content-Security-Policy"]


def everywhere(text: str) -> str:
    """A page with the text in every text field of a session."""
    uri = f"{FOLDER}/{text}"
    contexts: list[Context] = [
        SelectionContext(uri=uri, range=HERE, text=text, language=text, notice=text),
        FileContext(uri=text, text=text, language="html"),
        SymbolContext(uri=uri, name=text, range=HERE, text=text),
        DiagnosticsContext(uri=uri, diagnostics=[{"range": HERE.wire(), "message": text, "source": text, "code": text}]),
        DiffContext(base=text, text=text, notice=text),
        TextContext(title=text, text=text),
    ]
    parts: list[Part] = [
        TextPart(text=text),
        ReasoningPart(text=text),
        ToolPart(call_id=text, name=text, arguments={text: text}, status="failed", result=text),
        FindingPart(finding=finding(uri=uri, title=text, body=text, rule=text, suggestion=text)),
        EditPart(uri=uri, summary=text, applied=True),
    ]
    hostile = Participant(id=text, name=text, email=text)
    messages = [
        message(1, text, id=text, author=hostile, agent=text, model=text, context=contexts, created_at=text),
        reply(2, *parts, author=AgentAuthor(agent=text, model=text, definition=text), status="failed")
        .model_copy(update={"error": MessageError(kind=text, message=text)}),
    ]  # fmt: skip
    return html_of(
        *messages,
        id=text,
        title=text,
        agent=text,
        model=text,
        participants=[hostile],
        workspace_folders=[FOLDER, text],
        created_at=text,
        parent=ParentRef(session_id=text, seq=1),
    )


@pytest.mark.parametrize("attack", ATTACKS)
def test_hostile_text_runs_and_loads_nothing_anywhere(attack: str) -> None:
    assert_harmless(everywhere(attack))


@settings(deadline=None, max_examples=30)
@given(st.lists(st.sampled_from([*ATTACKS, *"<>\"'&`[]()!\n\\", "\x00", "\x1b[31m", "\u202e"]), max_size=8).map("".join))
def test_mixed_hostile_texts_run_and_load_nothing(text: str) -> None:
    assert_harmless(everywhere(text))


def test_the_page_allows_only_its_own_style() -> None:
    html = html_of(*MESSAGES)
    style = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    assert f'<meta http-equiv="Content-Security-Policy" content="{policy}">' in html
    assert not re.search(r"url\(|@import|expression", style)


def test_links_show_their_target_and_send_no_referrer() -> None:
    html = html_of(message(1, "[x](https://example.org) <mailto:a@example.org>\n\n![a *cat*](https://example.org/cat.png)"))
    links = [attributes for tag, attributes in Page(html).tags if tag == "a" and not str(attributes["href"]).startswith("#")]
    assert [link["href"] for link in links] == ["https://example.org", "mailto:a@example.org", "https://example.org/cat.png"]
    assert {link["rel"] for link in links} == {"noopener noreferrer nofollow"}
    assert "Image: a cat" in html


def test_code_is_highlighted_by_its_language() -> None:
    html = html_of(*MESSAGES)
    assert '<span class="k">for</span>' in html  # the selection
    assert '<span class="gi">+new</span>' in html  # the diff
    assert "<span" not in Page(html_of(message(1, "```nolanguage\nfor x\n```"))).text
    assert "for x" in Page(html_of(message(1, "```nolanguage\nfor x\n```"))).text


def test_columns_are_aligned_without_inline_styles() -> None:
    tags = Page(html_of(message(1, "| a | b |\n|--:|---|\n| 1 | 2 |"))).tags
    assert [attributes for tag, attributes in tags if tag == "td"] == [{"class": "right"}, {}]


def test_headings_of_messages_are_below_those_of_the_page() -> None:
    tags = [tag for tag, _ in Page(html_of(message(1, "# One\n\n## Two\n\n###### Six"))).tags if re.fullmatch(r"h\d", tag)]
    assert tags == ["h1", "h2", "h3", "h4", "h6"]


def test_control_sequences_and_control_characters_are_not_shown() -> None:
    part = ToolPart(call_id="c", name="run", arguments={}, status="done", result="\x1b[1;31mred\x1b[0m\r\nnext\x07")
    for format_ in ("markdown", "html"):
        text = render(session(), [reply(2, part)], format_)
        assert "red\nnext\\x07" in text and "\x1b" not in text


@pytest.mark.parametrize(
    ("status", "result", "told"),
    [
        ("failed", "Exit code 3.\nbroken", "✗ failed: Exit code 3"),
        ("failed", None, "✗ failed"),
        ("denied", "Not permitted.", "⊘ denied: Not permitted"),
    ],
)
def test_a_failed_call_shows_why_while_it_is_folded(status: Literal["failed", "denied"], result: str | None, told: str) -> None:
    part = ToolPart(call_id="c", name="run", arguments={}, status=status, result=result)
    assert f"<summary>Tool run: {told}</summary>" in render(session(), [reply(2, part)], "markdown")
    assert f'<span class="mark {status}">{told}</span>' in render(session(), [reply(2, part)], "html")


@pytest.mark.parametrize("format_", FORMATS)
def test_lone_surrogates_can_be_written_to_a_file(format_: Literal["markdown", "json", "html"]) -> None:
    part = ToolPart(call_id="c", name="run", arguments={"x": "\ud800"}, status="done")
    assert "\ufffd" in render(session(), [reply(2, part)], format_).encode().decode()


@pytest.mark.timeout(60)
@pytest.mark.parametrize("format_", ["markdown", "html"])
def test_a_very_long_text_is_shown_unformatted(format_: Literal["markdown", "html"]) -> None:
    assert "[" * 1_000_000 in render(session(), [message(1, "[" * 1_000_000)], format_)


def test_a_long_session_is_exported_completely() -> None:
    text = html_of(*(message(number, f"message number {number}\n\n```python\nx = {number}\n```") for number in range(500)))
    assert text.count("<article") == 500
