"""The server uses only the listed private names of pygls, and pygls still has them (see docs/decisions.md)."""

from __future__ import annotations

import re
from pathlib import Path

import pygls
from pygls.lsp.server import LanguageServer
from pygls.workspace import TextDocument, Workspace

import sessionls.server
from sessionls.server.transport.protocol import SessionProtocol, make_converter

PROTOCOL = {"_ctx_msg_id", "_execute_handler", "_request_futures", "_result_types", "_send_data", "_workspace"}
DOCUMENTS = {"_apply_incremental_change", "_create_text_document", "_source"}


def sources(package: str) -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in Path(package).parent.rglob("*.py"))


def test_only_listed_private_names_are_used() -> None:
    """A private name belongs to pygls if pygls sets or defines it, except for a few names that both use independently."""
    theirs = set(re.findall(r"\b(?:self|cls)\.(_[a-z]\w*)\b(?=\s*[:=])|def (_[a-z]\w*)", sources(pygls.__file__)))
    names = {name for pair in theirs for name in pair if name}
    ours = sources(sessionls.server.__file__)
    private = {name for name in names if re.search(rf"(?:\.|def ){name}\b", ours)}
    own = {"_converter", "_server", "_handle_request"}
    assert private - own == PROTOCOL | DOCUMENTS


def test_pygls_has_the_private_names() -> None:
    server = LanguageServer("name", "1", protocol_cls=SessionProtocol, converter_factory=make_converter)
    protocol = server.protocol
    assert {name for name in PROTOCOL if hasattr(protocol, name)} == PROTOCOL
    assert protocol._request_futures == {} and protocol._result_types == {}
    document = TextDocument("file:///a", source="text")
    assert document._source == "text"
    assert hasattr(document, "_apply_incremental_change") and hasattr(Workspace(None), "_create_text_document")
