"""Column types that behave the same in every database: text may contain any character and is compared by code point."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Integer, Text, TypeDecorator
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.schema import CreateColumn

__all__ = ["NUMBER", "TEXT", "escape", "unescape"]

_ESCAPES = str.maketrans({"\0": "\x1a0", "\x1a": "\x1a1"})


def escape(value: str) -> str:
    """As PostgreSQL stores it: its text type does not accept NUL."""
    return value.translate(_ESCAPES) if "\0" in value or "\x1a" in value else value


def unescape(value: str) -> str:
    return value.replace("\x1a0", "\0").replace("\x1a1", "\x1a") if "\x1a" in value else value


class _PostgresText(TypeDecorator[str]):
    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Any) -> str | None:  # noqa: ARG002
        return None if value is None else escape(value)

    def process_result_value(self, value: str | None, dialect: Any) -> str | None:  # noqa: ARG002
        return None if value is None else unescape(value)


@compiles(CreateColumn, "postgresql")
def _compare_by_code_point(element: CreateColumn, compiler: Any, **options: Any) -> str:
    """Add the collation "C" to text columns: by default PostgreSQL compares text by the rules of a language.

    (The collation is not part of the type, because then it would appear in every cast.)
    """
    definition = str(compiler.visit_create_column(element, **options))
    return definition.replace(" TEXT", ' TEXT COLLATE "C"', 1) if isinstance(element.element.type, Text) else definition


TEXT = Text().with_variant(_PostgresText(), "postgresql")
NUMBER = BigInteger().with_variant(Integer, "sqlite")
"""An auto-incremented number. (SQLite increments only columns of type INTEGER, which has 64 bits there.)"""
