"""Converts the schemas of servers' tools to the form that all model APIs accept: an object with properties, without references.

Servers send whatever their libraries generate: no `type`, `properties` that are null or a list, references, alternatives of
objects, schemas that are `true`. Each is converted to its only reasonable meaning.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["SchemaUnusable", "tool_schema"]

_LONGEST = 30_000  # characters of a schema as JSON
_DEEPEST = 24  # levels
_LARGEST = 5_000  # subschemas, after replacing references
_CHOICES = ("allOf", "anyOf", "oneOf")
_ONE = ("items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames", "unevaluatedProperties")
_MANY = ("properties", "patternProperties", "dependentSchemas")
_LEFT_OUT = {"$schema", "$id", "id", "$anchor", "$dynamicAnchor", "$comment", "$defs", "definitions"}


class SchemaUnusable(Exception):
    """A schema cannot be used. The message continues "its schema"."""


def tool_schema(raw: Any) -> dict[str, Any]:
    """The schema of a tool's arguments: `{"type": "object", "properties": {…}}`. Raises `SchemaUnusable`."""
    if raw is None or isinstance(raw, bool):
        raw = {}
    if not isinstance(raw, dict):
        raise SchemaUnusable("is not an object")
    schema = _Reader(raw).read(raw, 0)
    schema = _merged(schema)
    kind = schema.get("type", "object")
    kinds = {name for name in (kind if isinstance(kind, list) else [kind]) if name != "null"}
    if kinds and "object" not in kinds:
        raise SchemaUnusable("does not accept an object")
    properties = schema.get("properties")
    schema = {**schema, "type": "object", "properties": properties if isinstance(properties, dict) else {}}
    if "required" in schema:
        required = [name for name in schema["required"] if name in schema["properties"]]
        schema = {key: value for key, value in schema.items() if key != "required"}
        if required:
            schema["required"] = required
    if not isinstance(schema.get("additionalProperties", {}), bool | dict):
        del schema["additionalProperties"]
    try:
        size = len(json.dumps(schema, allow_nan=False))
    except ValueError:
        raise SchemaUnusable("contains numbers that are not valid JSON") from None
    if size > _LONGEST:
        raise SchemaUnusable("is too large")
    return schema


class _Reader:
    """Reads a schema and replaces its references."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._pieces = 0

    def read(self, schema: Any, depth: int, inside: tuple[str, ...] = ()) -> dict[str, Any]:
        """Read a subschema. Anything that is not a schema allows everything."""
        self._pieces += 1
        if self._pieces > _LARGEST or depth > _DEEPEST:
            raise SchemaUnusable("is too large or too deep")
        if not isinstance(schema, dict):
            return {}
        reference = schema.get("$ref")
        if isinstance(reference, str):
            rest = {key: value for key, value in schema.items() if key != "$ref"}
            target = None if reference in inside else self._find(reference)
            # A recursive schema is cut where it repeats: there it allows anything.
            found = self.read(target, depth + 1, (*inside, reference)) if target is not None else {}
            return {**found, **self.read(rest, depth + 1, inside)}
        return dict(self._keywords(schema, depth, inside))

    def _keywords(self, schema: Mapping[str, Any], depth: int, inside: tuple[str, ...]) -> Iterable[tuple[str, Any]]:
        for key, value in schema.items():
            if key in _LEFT_OUT and not (key == "id" and isinstance(value, dict)):
                continue
            if key in _MANY:
                if isinstance(value, dict):
                    pieces = ((str(name), item) for name, item in value.items() if item is not False)
                    yield key, {name: self.read(item, depth + 1, inside) for name, item in pieces}
            elif key in _CHOICES or key == "prefixItems":
                if isinstance(value, list) and value:
                    yield key, [self.read(item, depth + 1, inside) for item in value]
            elif key in _ONE:
                if isinstance(value, dict):
                    yield key, self.read(value, depth + 1, inside)
                elif isinstance(value, bool) and key == "additionalProperties":
                    yield key, value
                elif isinstance(value, list) and key == "items":  # drafts before 2020-12
                    yield "prefixItems", [self.read(item, depth + 1, inside) for item in value]
            elif key == "required":
                if isinstance(value, list):  # (the oldest draft has a boolean in the property)
                    yield key, list(dict.fromkeys(name for name in value if isinstance(name, str)))
            elif key == "type":
                if isinstance(value, str) or (isinstance(value, list) and value and all(isinstance(item, str) for item in value)):
                    yield key, value
            elif key in ("description", "title", "format", "pattern", "$ref"):
                if isinstance(value, str) and key != "$ref":
                    yield key, value
            elif key == "enum":
                if isinstance(value, list) and value:
                    yield key, value
            elif value is not None or key in ("default", "const"):
                yield key, value

    def _find(self, reference: str) -> Any:
        """The target of a reference within the schema; None for other references."""
        if not reference.startswith("#"):
            return None
        found: Any = self._root
        for step in reference[1:].split("/")[1:] if reference != "#" else ():
            name = step.replace("~1", "/").replace("~0", "~")
            if isinstance(found, list) and name.isdecimal() and len(name) < 6 and int(name) < len(found):
                found = found[int(name)]
            elif isinstance(found, dict) and name in found:
                found = found[name]
            else:
                return None
        return found


def _merged(schema: dict[str, Any]) -> dict[str, Any]:
    """Merge alternatives at the top, which model APIs reject: all their properties, requiring only what all of them require."""
    plain = {key: value for key, value in schema.items() if key not in (*_CHOICES, "not", "if", "then", "else", "enum", "const")}
    properties = dict(plain.get("properties") or {})
    required = list(plain.get("required") or [])
    for keyword in _CHOICES:
        options = [_merged(option) for option in schema.get(keyword, ())]
        options = [option for option in options if option.get("type") != "null"]
        if not options:
            continue
        for option in options:
            for name, value in (option.get("properties") or {}).items():
                properties.setdefault(name, value)
        demanded = [set(option.get("required") or ()) for option in options]
        agreed = set.union(*demanded) if keyword == "allOf" else set.intersection(*demanded)
        required += [name for name in properties if name in agreed]
        if "type" not in plain and all(option.get("type", "object") != "object" for option in options):
            plain["type"] = options[0]["type"]
    if properties:
        plain["properties"] = properties
    if required:
        plain["required"] = list(dict.fromkeys(required))
    return plain
