"""LSP's types, each class completed when it is first used.

lsprotocol declares some 550 classes with `attrs.define`, which writes and compiles the methods of each one. A server uses a tenth
of them, so completing all of them was the largest part of its start. Here `attrs.define` is replaced while `lsprotocol.types` is
imported: the class is left as it was declared, and what makes it a class of attrs (`__attrs_attrs__`, by which attrs and cattrs
recognize one, and `__init__`) completes it on first access.
"""

from __future__ import annotations

import sys
import threading
from typing import Any

__all__ = ["completed", "import_lsp_types"]

_completing = threading.RLock()
_completed: set[type] = set()


class _Attributes:
    """In place of a class's `__attrs_attrs__`: completes the class, which puts the real ones here."""

    def __get__(self, instance: object, owner: type) -> Any:
        _complete(owner)
        return owner.__attrs_attrs__  # type: ignore[attr-defined]


def import_lsp_types() -> None:
    """Import lsprotocol's types and its converters. To be called before anything else imports them; does nothing later.

    Classes have no `__eq__` and no `__repr__` of attrs, which nothing here calls.
    """
    if "lsprotocol.types" in sys.modules:
        return
    import attrs

    define = attrs.define
    attrs.define = _declare  # type: ignore[assignment]
    try:
        import lsprotocol.types  # noqa: F401
    finally:
        attrs.define = define
    from lsprotocol.converters import get_converter

    # The first converter resolves the annotations of every class that is known to attrs, which would complete them all. It is
    # told that there is none: each class is resolved when it is completed.
    has = attrs.has
    attrs.has = lambda _cls: False  # type: ignore[assignment]
    try:
        get_converter()
    finally:
        attrs.has = has


def completed() -> frozenset[type]:
    """The classes that were used so far."""
    return frozenset(_completed)


def _declare(cls: type) -> type:
    """In place of `attrs.define`."""

    def complete_and_initialize(self: Any, *args: Any, **kwargs: Any) -> None:
        _complete(cls)
        cls.__init__(self, *args, **kwargs)  # type: ignore[misc]

    cls.__attrs_attrs__ = _Attributes()  # type: ignore[attr-defined]
    cls.__init__ = complete_and_initialize  # type: ignore[misc]
    return cls


def _complete(cls: type) -> None:
    import attrs
    from lsprotocol.types import ALL_TYPES_MAP

    with _completing:
        if cls not in _completed:
            attrs.define(cls, init=True, eq=False, repr=False, slots=False)
            attrs.resolve_types(cls, ALL_TYPES_MAP, {})
            _completed.add(cls)
