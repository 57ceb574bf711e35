"""The objects of a session, as they are stored and sent: pure data.

Every model is frozen, snake_case in Python and camelCase on the wire. Absent optional fields are left out.
Times are RFC 3339 in UTC with milliseconds, ids are UUIDv7 (RFC 9562, section 5.7), positions are LSP positions in
the negotiated encoding.
"""

from __future__ import annotations

from sessionls.domain.model.base import Position, Range, Wire
from sessionls.domain.model.context import (
    Context,
    DiagnosticsContext,
    DiffContext,
    FileContext,
    ImageContext,
    SelectionContext,
    SessionContext,
    SourceLine,
    SymbolContext,
    TextContext,
    context_adapter,
)
from sessionls.domain.model.finding import Anchor, Finding
from sessionls.domain.model.listed import Agent, InstallableAgent, ModelInfo, Skill
from sessionls.domain.model.message import Message, MessageError, MessageStatus, Steered, StopReason
from sessionls.domain.model.parts import (
    KEEP_NATIVE,
    EditPart,
    FindingPart,
    KeptReasoning,
    Part,
    PlanEntry,
    PlanPart,
    ReasoningPart,
    TextPart,
    ToolPart,
)
from sessionls.domain.model.people import AgentAuthor, Participant, Person, Role
from sessionls.domain.model.session import Need, OpenQuestion, ParentRef, Session, Stopped
from sessionls.domain.model.usage import Usage

__all__ = [
    "KEEP_NATIVE",
    "Agent",
    "AgentAuthor",
    "Anchor",
    "Context",
    "DiagnosticsContext",
    "DiffContext",
    "EditPart",
    "FileContext",
    "Finding",
    "FindingPart",
    "ImageContext",
    "InstallableAgent",
    "KeptReasoning",
    "Message",
    "MessageError",
    "MessageStatus",
    "ModelInfo",
    "Need",
    "OpenQuestion",
    "ParentRef",
    "Part",
    "Participant",
    "Person",
    "PlanEntry",
    "PlanPart",
    "Position",
    "Range",
    "ReasoningPart",
    "Role",
    "SelectionContext",
    "Session",
    "SessionContext",
    "Skill",
    "SourceLine",
    "Steered",
    "StopReason",
    "Stopped",
    "SymbolContext",
    "TextContext",
    "TextPart",
    "ToolPart",
    "Usage",
    "Wire",
    "context_adapter",
]
