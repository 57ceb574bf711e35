"""Ranges and positions of lsprotocol and of the domain. Both count in units of the negotiated encoding."""

from __future__ import annotations

from lsprotocol import types as lsp

from sessionls.domain.model import Position, Range

__all__ = ["position_from_lsp", "range_from_lsp", "range_to_lsp"]


def range_to_lsp(range_: Range) -> lsp.Range:
    return lsp.Range(_position_to_lsp(range_.start), _position_to_lsp(range_.end))


def range_from_lsp(range_: lsp.Range) -> Range:
    return Range(start=position_from_lsp(range_.start), end=position_from_lsp(range_.end))


def position_from_lsp(position: lsp.Position) -> Position:
    return Position(line=position.line, character=position.character)


def _position_to_lsp(position: Position) -> lsp.Position:
    return lsp.Position(line=position.line, character=position.character)
