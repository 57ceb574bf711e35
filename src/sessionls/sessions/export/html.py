"""Exports a session as an HTML file without scripts and external resources, except links. Images are embedded.

The content of messages is escaped, or rendered from Markdown without HTML; a content security policy forbids everything else.
"""

from __future__ import annotations

import base64
import hashlib
import html
import importlib.resources
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from sessionls.domain.model import (
    Context,
    EditPart,
    Finding,
    FindingPart,
    ImageContext,
    Message,
    Part,
    PlanEntry,
    PlanPart,
    ReasoningPart,
    Session,
    TextPart,
    ToolPart,
)
from sessionls.domain.uris import display
from sessionls.sessions.export import labels

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

__all__ = ["article", "head", "tail"]

_LONGEST = 100_000  # characters of code that are coloured
_TIME_LIMIT = 0.5  # seconds for the colours of one piece of code
_HINT = 80  # characters of a tool's arguments that are shown while it is folded
# Language ids of LSP that have another name in Pygments.
_LEXERS = {
    "shellscript": "bash",
    "typescriptreact": "tsx",
    "javascriptreact": "jsx",
    "jsonc": "json",
    "proto": "protobuf",
    "restructuredtext": "rst",
    "latex": "tex",
}


def head(session: Session, outline: labels.Outline) -> str:
    """The page up to its messages."""
    style = _style()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    title = _text(labels.title_of(session))
    rows = "".join(f"<dt>{_text(name)}</dt><dd>{_text(value)}</dd>" for name, value in labels.facts(session, outline))
    empty = "" if outline.count else '<p class="empty">This session has no messages yet.</p>\n'
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<header>
<h1 dir="auto">{title}</h1>
<details class="facts"{"" if outline.count else " open"}><summary>{_summary(session, outline)}</summary>
<dl>{rows}</dl></details>
</header>
<main>
{empty}"""


def tail(note: str) -> str:
    """The page after the messages; `note` says what was masked."""
    paragraph = f"<p><em>{html.escape(note)}</em></p>\n" if note else ""
    return f"{paragraph}</main>\n</body>\n</html>\n"


def _summary(session: Session, outline: labels.Outline) -> str:
    names = [*(participant.name for participant in session.participants), *(outline.agents or [session.agent])]
    count = f"{outline.count:,} message{'' if outline.count == 1 else 's'}"
    return " · ".join(map(_text, (labels.time_of(session.created_at), ", ".join(names), count)))


def article(message: Message, folders: Sequence[str], images: Mapping[str, bytes]) -> str:
    invoked = labels.invoked(message)
    label = f'<span class="with">{_text(invoked)}</span>' if invoked else ""
    time = f'<time datetime="{_text(message.created_at)}">{_text(labels.time_of(message.created_at))}</time>'
    status = labels.status_of(message)
    end = "" if status is None else f'<p class="status {_text(message.status)}">{_text(status[:1].upper() + status[1:])}</p>'
    notices = "".join(f'<p class="status">{_text(labels.readable(notice))}</p>' for notice in message.notices or ())
    used = "" if message.usage is None else f"<footer>{_text(labels.usage_of(message.usage))}</footer>"
    contexts = "".join(_context(context, folders, images) for context in message.context or ())
    parts = "".join(_part(part, folders) for part in message.parts)
    writer, anchor = _text(labels.writer(message)), f"m-{_text(message.id)}"
    return (
        f'<article class="{message.role}" id="{anchor}">\n'
        f'<h2><span class="writer">{writer}</span>{label}<a class="when" href="#{anchor}">{time}</a></h2>\n'
        f"{parts}{contexts}{notices}{end}{used}\n</article>"
    )


def _context(context: Context, folders: Sequence[str], images: Mapping[str, bytes]) -> str:
    about = labels.about_context(context, folders)
    if isinstance(context, ImageContext):
        uri = labels.data_uri(context, images)
        image = "" if uri is None else f'<img src="{uri}" width="{context.width}" height="{context.height}" alt="">'
        caption = f"{_text(about.title)} <span>{_text(about.text or '')}</span>"
        return f'<figure class="image">{image}<figcaption>{caption}</figcaption></figure>'
    notice = f'<p class="notice">{_text(about.notice)}</p>' if about.notice else ""
    text = '<p class="notice">The text was not kept.</p>' if about.text is None else _code(about.text, about.language)
    return _folded("context", _text(about.title), f"{notice}{text}")


def _part(part: Part, folders: Sequence[str]) -> str:
    match part:
        case TextPart():
            return _prose(part.text) if part.text.strip() else ""
        case ReasoningPart():
            return _folded("reasoning", "Reasoning", _prose(part.text)) if part.text.strip() else ""
        case ToolPart():
            status = "" if part.status == "done" else f' <span class="mark {part.status}">{_text(labels.outcome_of(part))}</span>'
            about = part.title or " ".join(str(value) for value in part.arguments.values() if isinstance(value, str | int))
            about = _text(about if len(about) <= _HINT else f"{about[:_HINT]}…")
            result = "" if part.result is None else _code(part.result, None)
            body = f"{_code(labels.arguments_of(part), 'json')}{result}"
            return _folded("tool", f'<b>{_text(part.name)}</b>{status} <span class="about">{about}</span>', body)
        case FindingPart():
            return _finding(part.finding, folders)
        case EditPart():
            done = "Edited" if part.applied else "Not applied"
            summary = f" <span>{_text(part.summary)}</span>" if part.summary else ""
            return f'<p class="edit"><b>{done}</b> <code>{_text(display(part.uri, folders))}</code>{summary}</p>'
        case PlanPart():
            return f'<ul class="plan">{"".join(_plan_entry(entry) for entry in part.entries)}</ul>'


def _plan_entry(entry: PlanEntry) -> str:
    checked = " checked" if entry.status == "completed" else ""
    now = ' <span class="mark">now</span>' if entry.status == "inProgress" else ""
    return f'<li><input type="checkbox" disabled{checked}> {_text(entry.content)}{now}</li>'


def _finding(finding: Finding, folders: Sequence[str]) -> str:
    severity, location = labels.severity_of(finding), _text(labels.place_of(finding, folders))
    rule = f" <code>{_text(finding.rule)}</code>" if finding.rule else ""
    state = "" if finding.state == "open" else f' <span class="mark">{_text(finding.state)}</span>'
    suggestion = "" if finding.suggestion is None else f"<p>Suggestion:</p>{_code(finding.suggestion, None)}"
    return (
        f'<section class="finding {severity}"><h3><span class="mark">{severity}</span> {_text(finding.title)}{rule}{state}</h3>'
        f'<p class="place"><code>{location}</code></p>{_prose(finding.body)}{suggestion}</section>'
    )


def _folded(kind: str, summary: str, body: str) -> str:
    return f'<details class="{kind}"><summary>{summary}</summary>{body}</details>'


def _text(text: str) -> str:
    return html.escape(labels.readable(text))


def _prose(text: str) -> str:
    if len(text) > labels.LONGEST_PROSE:
        return _code(text, None)
    rendered: str = _markdown().render(labels.readable(text))
    return f'<div class="prose" dir="auto">{rendered}</div>'


def _code(text: str, language: str | None) -> str:
    return f"<pre><code>{_highlighted(labels.readable(text), language or '')}</code></pre>"


def _highlighted(code: str, language: str, _attributes: str = "") -> str:
    """The code as HTML, with Pygments' short classes if the language is known and the code is not too long."""
    from pygments import format as format_tokens  # type: ignore[import-untyped]
    from pygments.formatters import HtmlFormatter  # type: ignore[import-untyped]
    from pygments.lexers import get_lexer_by_name  # type: ignore[import-untyped]
    from pygments.util import ClassNotFound  # type: ignore[import-untyped]

    name = language.strip().lower()
    if not name or len(code) > _LONGEST:
        return html.escape(code)
    try:
        lexer = get_lexer_by_name(_LEXERS.get(name, name), stripnl=False, ensurenl=False)
    except ClassNotFound:
        return html.escape(code)
    return str(format_tokens(_tokens_until_deadline(lexer.get_tokens(code), code), HtmlFormatter(nowrap=True)))


def _tokens_until_deadline(tokens: Iterable[tuple[Any, str]], code: str) -> Iterator[tuple[Any, str]]:
    """The tokens of the code until the time limit, because lexers can take quadratic time for malicious code."""
    from pygments.token import Text  # type: ignore[import-untyped]

    deadline, at = time.monotonic() + _TIME_LIMIT, 0
    for kind, text in tokens:
        yield kind, text
        at += len(text)
        if time.monotonic() > deadline:
            yield Text, code[at:]
            return


@cache
def _style() -> str:
    return importlib.resources.files("sessionls.sessions.export").joinpath("export.css").read_text(encoding="utf-8")


@cache
def _markdown() -> MarkdownIt:
    from markdown_it import MarkdownIt
    from markdown_it.renderer import RendererHTML
    from markdown_it.rules_core import StateCore

    class Renderer(RendererHTML):
        """Shows an image's name instead of loading it."""

        def image(self, tokens: Any, index: int, options: Any, env: Any) -> str:
            token = tokens[index]
            name = self.renderInlineAsText(token.children, options, env) or "image"
            source = html.escape(str(token.attrGet("src") or ""))
            return f'<a href="{source}" rel="noopener noreferrer nofollow">Image: {html.escape(name)}</a>'

    def adapt_tokens(state: StateCore) -> None:
        """Headings of a message are below the page's own, columns are aligned by the page's style, links send no referrer."""
        for token in state.tokens:
            if token.type in ("heading_open", "heading_close"):
                token.tag = f"h{min(int(token.tag[1]) + 2, 6)}"
            if token.type in ("th_open", "td_open") and (aligned := token.attrs.pop("style", None)):
                token.attrSet("class", str(aligned).rpartition(":")[2])
            for child in token.children or ():
                if child.type == "link_open":
                    child.attrSet("rel", "noopener noreferrer nofollow")

    def is_safe_link(url: str) -> bool:
        return url.strip().lower().startswith(("http://", "https://", "mailto:"))

    markdown = MarkdownIt("commonmark", {"html": False, "highlight": _highlighted}, renderer_cls=Renderer)
    markdown.enable(["table", "strikethrough"])
    markdown.core.ruler.push("adapt_tokens", adapt_tokens)
    markdown.validateLink = is_safe_link  # type: ignore[method-assign]
    return markdown
