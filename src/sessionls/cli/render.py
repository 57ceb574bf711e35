"""Renders sessions, messages, agents and models for the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from rich import box
from rich.console import RenderableType
from rich.markdown import Markdown
from rich.table import Table
from rich.text import Text

from sessionls.cli.names import short
from sessionls.cli.terminal import safe
from sessionls.domain import uris
from sessionls.domain.model import (
    Agent,
    AgentAuthor,
    Context,
    DiagnosticsContext,
    DiffContext,
    EditPart,
    Finding,
    FindingPart,
    ImageContext,
    Message,
    ModelInfo,
    Participant,
    PlanPart,
    ReasoningPart,
    SelectionContext,
    Session,
    SessionContext,
    Skill,
    SymbolContext,
    TextContext,
    TextPart,
    ToolPart,
    Usage,
)
from sessionls.domain.questions import answer_command, scope_explanation, waiting_explanation
from sessionls.domain.results import Hit, KeptPermission
from sessionls.domain.roles import TEAM
from sessionls.domain.stop_reasons import incomplete
from sessionls.sessions.export.labels import outcome_of
from sessionls.sessions.prompt.blocks import image_name, image_words

__all__ = [
    "access_words",
    "agent_table",
    "finding_line",
    "hit_lines",
    "markdown",
    "message_lines",
    "model_table",
    "names",
    "need_lines",
    "permission_table",
    "question_lines",
    "relative_time",
    "session_table",
    "tool_line",
    "usage_text",
]

_SEVERITIES = {1: ("error", "red"), 2: ("warning", "yellow"), 3: ("information", "blue"), 4: ("hint", "dim")}
_STATUS_STYLES = {"failed": "red", "denied": "yellow", "cancelled": "yellow", "interrupted": "yellow", "paused": "yellow"}
# The arguments that identify a tool call, in order of preference.
_KEY_ARGUMENTS = ("path", "uri", "command", "pattern", "query", "name", "agent", "title")


def markdown(text: str) -> Markdown:
    """Markdown with visible link targets, because the text of a link may be misleading."""
    return Markdown(safe(text, prose=True), hyperlinks=False, code_theme="ansi_dark")


def permission_table(permissions: Sequence[KeptPermission]) -> Table:
    table = _table("Id", "Allowed", "Tool", "Where", "Since")
    for permission in permissions:
        where = "all folders" if permission.folder is None else uris.printable(permission.folder)
        table.add_row(
            Text(short(permission.id), style="cyan", no_wrap=True),
            Text(safe(permission.scope)),
            Text(safe(permission.tool)),
            Text(safe(where), style="dim"),
            Text(relative_time(permission.created_at), style="dim", no_wrap=True),
        )
    return table


def session_table(sessions: Sequence[Session], *, folders: bool, you: str = "") -> Table:
    """`you` is the id of the participant who reads it."""
    present = any(session.present for session in sessions)
    access = any(session.people for session in sessions)
    more = [*(["Access"] if access else []), *(["Open now"] if present else []), *(["Folder"] if folders else [])]
    table = _table("Id", "Title", "Agent", "State", "Messages", "Changed", *more)
    for session in sessions:
        state = "asks" if session.asking else "replying" if session.replying else session.state
        row: list[RenderableType] = [
            Text(short(session.id), style="cyan", no_wrap=True),
            Text(safe(session.title)),
            Text(safe(session.agent)),
            Text(
                f"{state} (budget)" if session.pause_reason else state,
                style={"asks": "bold yellow", "replying": "green", "paused": "yellow", "archived": "dim"}.get(state, ""),
            ),
            Text(str(session.message_count), justify="right"),
            Text(relative_time(session.updated_at), style="dim", no_wrap=True),
        ]
        if access:
            row.append(Text(safe(access_words(session, you))))
        if present:
            row.append(Text(safe(names(session.present or ())), style="green"))
        if folders:
            row.append(
                Text(safe(", ".join(uri.rstrip("/").rpartition("/")[2] for uri in session.workspace_folders)), style="dim")
            )
        table.add_row(*row)
    return table


def access_words(session: Session, you: str) -> str:
    """Who owns a session and who else has access, if the database knows that."""
    if session.people is None:
        return ""
    people = [person for person in session.people if person.id != TEAM]
    owners = [person.name or person.id for person in people if person.role == "owner" and person.id != you]
    is_mine = any(person.id == you and person.role == "owner" for person in people)
    others = sum(person.id != you for person in people)
    owner = "" if is_mine or not owners else f"{owners[0]}'s, " if len(owners) == 1 else f"{len(owners)} owners, "
    if len(people) < len(session.people):
        return f"{owner}team"
    return "private" if is_mine and not others else f"{owner}shared"


def names(participants: Iterable[Participant]) -> str:
    return ", ".join(participant.name for participant in participants)


def need_lines(session: Session) -> Iterable[RenderableType]:
    """Who handed the session to whom, with their note and what is waiting."""
    for need in session.needs or ():
        if need.kind != "handOver":
            continue  # the message itself is shown
        yield Text(
            safe(f"{need.by.name} handed this session to {need.participant.name}, {relative_time(need.at)}"), style="bold yellow"
        )
        for line in safe(need.note or "").splitlines():
            yield Text(f"  {line}")
        for line in need.waiting or ():
            yield Text(safe(f"  - {line}"), style="dim")


def question_lines(session: Session, messages: Sequence[Message]) -> Iterable[RenderableType]:
    """The open permission requests of a session, and how to answer them."""
    for question in session.asking or ():
        yield Text(f"{safe(question.agent)} asks: {safe(question.summary)}", style="bold yellow")
        yield Text(safe(waiting_explanation(question, messages)))
        for line in safe(question.detail or "").splitlines():
            yield Text(f"  {line}", style="green" if line[:1] == "+" else "red" if line[:1] == "-" else "dim")
        if question.scope:
            yield Text(safe(scope_explanation(question.scope)), style="dim")
        yield Text(f"Answer: {answer_command(session.id, question.request_id)}\n", style="yellow")


def agent_table(agents: Iterable[Agent], default: str) -> Table:
    table = _table("Agent", "Does", "Model", "From")
    for agent in agents:
        name = Text(safe(agent.name), style="cyan" if agent.available else "red", no_wrap=True)
        if agent.name == default:
            name.append(" *", style="green")
        does = Text(safe(agent.description))
        if agent.problem:
            does.append(f"\n{safe(agent.problem)}", style="red")
        if agent.notice:
            does.append(f"\n{safe(agent.notice)}", style="yellow")
        source = agent.source if agent.source == "builtin" else agent.source.rpartition("/")[2]
        table.add_row(
            name, does, Text(safe(agent.model)), Text(safe(source) + ("" if agent.trusted else " (untrusted)"), style="dim")
        )
    return table


def skill_table(skills: Iterable[Skill]) -> Table:
    table = _table("Skill", "Does", "From")
    for skill in skills:
        does = Text(safe(skill.description))
        for words, style in ((skill.problem, "red"), (skill.notice, "yellow")):
            if words:
                does.append(f"{chr(10) if does else ''}{safe(words)}", style=style)
        source = Text(safe("/".join(skill.source.split("/")[-3:-1])) + ("" if skill.trusted else " (untrusted)"), style="dim")
        table.add_row(Text(safe(skill.name), style="cyan" if skill.available else "red", no_wrap=True), does, source)
    return table


def model_table(models: Iterable[ModelInfo]) -> Table:
    table = _table("Model", "Provider", "Window", "")
    for model in models:
        name = Text(safe(model.name), style="cyan" if model.available else "dim")
        if model.default:
            name.append(" *", style="green")
        window = f"{model.context_window:,}" if model.context_window else ""
        state = Text("ready", style="green") if model.available else Text(safe(model.problem or ""), style="dim")
        table.add_row(name, Text(safe(model.provider)), Text(window, justify="right"), state)
    return table


def message_lines(message: Message, folders: Sequence[str], *, ids: bool = False) -> Iterable[RenderableType]:
    """One message: a line with its author, then its parts. File paths are relative to the session's folders."""
    if isinstance(message.author, AgentAuthor):
        head = Text(safe(message.author.agent), style="bold magenta").append(
            f"  {safe(message.author.model)}", style="not bold dim"
        )
    else:
        head = Text(safe(message.author.name), style="bold cyan")
        if message.agent:
            head.append(f"  to {safe(message.agent)}", style="not bold dim")
    head.append(f"  {relative_time(message.created_at)}", style="not bold dim")
    if message.status != "complete":
        head.append(f"  {message.status}", style=_STATUS_STYLES.get(message.status, "green"))
    if ids:
        head.append(f"  {message.id}", style="not bold dim")
    yield head
    for context in message.context or ():
        yield Text(safe(f"  {context.kind} {_context_name(context, folders)}").rstrip(), style="dim")
    for part in message.parts:
        match part:
            case TextPart():
                yield markdown(part.text)
            case ReasoningPart() if not part.text.strip():
                pass
            case ReasoningPart():
                yield Text(safe(part.text.strip()), style="dim italic")
            case ToolPart():
                yield tool_line(part)
            case FindingPart():
                yield finding_line(part.finding)
            case EditPart():
                done = "edited" if part.applied else "not edited"
                yield Text(safe(f"  {done} {uris.display(part.uri, folders)}: {part.summary}"), style="dim")
            case PlanPart():
                yield from plan_lines(part)
    if message.error is not None:
        yield Text(safe(message.error.message), style="red")
    for notice in message.notices or ():
        yield Text(safe(notice), style="yellow")
    if (problem := incomplete(message)) is not None:
        yield Text(problem, style="yellow")
    yield Text("")


def plan_lines(part: PlanPart) -> Iterable[Text]:
    """A plan as a checklist."""
    marks = {"pending": ("☐", "dim"), "inProgress": ("▸", "yellow"), "completed": ("☑", "green")}
    for entry in part.entries:
        mark, style = marks[entry.status]
        yield Text(f"  {mark} ", style=style).append(safe(entry.content), style="default")


def _context_name(context: Context, folders: Sequence[str]) -> str:
    """A short name for the source of a context."""
    match context:
        case SessionContext():
            return f"{context.title or ''} {short(context.session_id)}".strip()
        case DiffContext():
            return f"since {context.base or 'HEAD'}"
        case TextContext():
            return context.title
        case ImageContext():
            return f"{image_name(context, folders)} ({image_words(context)})"
        case SelectionContext() | DiagnosticsContext() | SymbolContext() if context.range is not None:
            # A range that ends before the first character of a line does not include that line.
            last = context.range.end.line + (context.range.end.character > 0)
            first = context.range.start.line + 1
            return f"{uris.display(context.uri, folders)}:{first}-{max(first, last)}"
        case _:
            return uris.display(context.uri, folders)


def hit_lines(hits: Sequence[Hit]) -> Iterable[RenderableType]:
    for hit in hits:
        yield Text(short(hit.session.id), style="cyan").append(f"  {safe(hit.session.title)}", style="bold default")
        yield Text("  " + safe(" ".join(hit.snippet.split())), style="dim")


def tool_line(part: ToolPart) -> Text:
    """A tool call in one line."""
    detail = part.title or next(
        (part.arguments[name] for name in _KEY_ARGUMENTS if isinstance(part.arguments.get(name), str)), ""
    )
    line = Text("  ").append(f"{part.name} {detail}".rstrip().replace("\n", " "), style="dim")
    line.plain = safe(line.plain)
    line.truncate(120, overflow="ellipsis")
    if part.status in ("failed", "denied"):
        line.append(f"  {safe(outcome_of(part))}", style=_STATUS_STYLES[part.status])
    return line


def finding_line(finding: Finding) -> Text:
    word, style = _SEVERITIES[finding.severity]
    location = f"{finding.uri.rpartition('/')[2]}:{finding.range.start.line + 1}"
    return Text("  ").append(f"{word} ", style=style).append(safe(f"{location} {finding.title}"))


def usage_text(usage: Usage | None) -> str:
    """The usage as text: `1,204 tokens in, 88 out, $0.0051`."""
    if usage is None or not usage.input_tokens + usage.output_tokens:
        return ""
    cost = f", ${usage.cost:.4f}" if usage.cost is not None else ""
    return f"{usage.input_tokens:,} tokens in, {usage.output_tokens:,} out{cost}"


def relative_time(time: str, now: datetime | None = None) -> str:
    """An RFC 3339 time relative to now: `just now`, `5 min ago`, `3 h ago`, `2 days ago`, or else the date."""
    moment = datetime.fromisoformat(time)
    seconds = ((now or datetime.now(UTC)) - moment).total_seconds()
    for limit, unit, word in (
        (60, 0, "just now"),
        (3600, 60, "min ago"),
        (86_400, 3600, "h ago"),
        (7 * 86_400, 86_400, "days ago"),
    ):
        if seconds < limit:
            return f"{int(seconds // unit)} {word}".replace("1 days", "1 day") if unit else word
    return moment.astimezone().strftime("%Y-%m-%d")


def _table(*names: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for name in names:
        table.add_column(name)
    return table
