"""What the client declares in `initialize`: its options and capabilities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from lsprotocol import types as lsp
from pydantic import Field, model_validator
from pygls.capabilities import get_capability

from sessionls.domain.model import Wire

__all__ = ["Client", "Configuration", "EditSupport", "Options"]

_REGISTERED = ("code_lens", "document_symbol", "folding_range", "document_link", "completion", "hover")
_Text = Annotated[str, Field(min_length=1, max_length=1000)]


def _without_empty(value: Any) -> Any:
    """The options that have a value: editors send their settings as they are, with null or "" for those without one."""
    if not isinstance(value, dict):
        return {}
    return {key: value for key, value in value.items() if value is not None and value != ""}


class Person(Wire):
    name: _Text
    email: _Text | None = None

    @model_validator(mode="before")
    @classmethod
    def _ignore_empty(cls, value: Any) -> Any:
        return _without_empty(value) if isinstance(value, dict) else value


class Options(Wire):
    """`initializationOptions`. Anything but an object sets nothing."""

    participant: Person | None = None
    workspace_trusted: bool = False
    read_only: bool = False
    agent: _Text | None = None
    model: _Text | None = None
    database_url: _Text | None = None

    @model_validator(mode="before")
    @classmethod
    def _ignore_empty(cls, value: Any) -> Any:
        options = _without_empty(value)
        if isinstance(person := options.get("participant"), dict) and not _without_empty(person):
            del options["participant"]
        return options


class _ChangedOptions(Wire):
    workspace_trusted: bool | None = None
    read_only: bool | None = None


class Configuration(Wire):
    """`settings` of `workspace/didChangeConfiguration`: the options that can change while the server runs. Absent ones stay."""

    sessionls: _ChangedOptions = _ChangedOptions()

    @model_validator(mode="before")
    @classmethod
    def _ignore_empty(cls, value: Any) -> Any:
        changed = _without_empty(value)
        return {"sessionls": _without_empty(changed["sessionls"])} if "sessionls" in changed else {}


@dataclass(frozen=True, slots=True)
class EditSupport:
    """What the client supports of `workspace/applyEdit`: edits at all, document versions (`documentChanges`), creating and
    deleting files, and annotations, with which it can ask before it makes a change.
    """

    applies: bool = False
    versions: bool = False
    creates: bool = False
    deletes: bool = False
    annotations: bool = False

    @classmethod
    def of(cls, capabilities: lsp.ClientCapabilities) -> EditSupport:
        support = get_capability(capabilities, "workspace.workspace_edit") or lsp.WorkspaceEditClientCapabilities()
        # Only `documentChanges` can create and delete files: a client with these operations has it. Neovim 0.11 does not say so.
        kinds = support.resource_operations or ()
        versions = bool(support.document_changes or kinds)
        return cls(
            applies=bool(get_capability(capabilities, "workspace.apply_edit")),
            versions=versions,
            creates=lsp.ResourceOperationKind.Create in kinds,
            deletes=lsp.ResourceOperationKind.Delete in kinds,
            annotations=versions and support.change_annotation_support is not None,
        )


@dataclass(frozen=True, slots=True)
class Client:
    """The client's capabilities. Each is false unless the client declares it.

    `events`, `permissions` and `saves` are ours (`capabilities.experimental.sessionls`). The others are LSP's: progress that the
    server begins, `window/showDocument`, documents whose text the server gives, files watched on request, code lenses asked for
    again, features of `textDocument` that are registered for some documents alone, and edits.
    """

    events: bool = False
    permissions: bool = False
    saves: bool = False
    progress: bool = False
    shows_documents: bool = False
    reads_content: bool = False
    watches_files: bool = False
    refreshes_lenses: bool = False
    registers: frozenset[str] = frozenset()
    edits: EditSupport = EditSupport()

    @property
    def wants_progress(self) -> bool:
        """Whether the server begins progress by itself: a client that receives the events shows it in its own way."""
        return self.progress and not self.events

    @property
    def shows_sessions(self) -> bool:
        """Whether the client can show a session to a person: as a document, or through a plugin."""
        return self.shows_documents and (self.reads_content or self.events)

    @classmethod
    def of(cls, capabilities: lsp.ClientCapabilities) -> Client:
        experimental: Any = capabilities.experimental
        own = experimental.get("sessionls") if isinstance(experimental, dict) else None
        own = own if isinstance(own, dict) else {}
        return cls(
            events=own.get("events") is True,
            permissions=own.get("permissions") is True,
            saves=own.get("saves") is True,
            progress=bool(get_capability(capabilities, "window.work_done_progress")),
            shows_documents=bool(get_capability(capabilities, "window.show_document.support")),
            watches_files=bool(get_capability(capabilities, "workspace.did_change_watched_files.dynamic_registration")),
            reads_content=get_capability(capabilities, "workspace.text_document_content") is not None,
            refreshes_lenses=bool(get_capability(capabilities, "workspace.code_lens.refresh_support")),
            registers=frozenset(
                name for name in _REGISTERED if get_capability(capabilities, f"text_document.{name}.dynamic_registration")
            ),
            edits=EditSupport.of(capabilities),
        )
