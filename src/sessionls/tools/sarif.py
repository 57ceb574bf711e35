"""Reads a scanner's report: SARIF (OASIS, Static Analysis Results Interchange Format 2.1.0), or bandit's own JSON.

Only what a finding needs is read. Scanners deviate from the standard: line 0, numbers as text, offsets alone, Windows paths.
Such a result is kept at the nearest valid position, with a note that says so; one without a file is counted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, Literal

from sessionls.domain.model import Position, Range
from sessionls.domain.text import replace_lone_surrogates
from sessionls.domain.visible import in_one_line
from sessionls.sessions.workspace.positions import Lines

__all__ = ["NotSarif", "Region", "Report", "Result", "Severity", "read_bandit", "read_sarif"]

Severity = Literal[1, 2, 3, 4]
Column = Literal["utf-8", "utf-16", "utf-32"]

_LEVELS: Mapping[str, Severity] = {"error": 1, "warning": 2, "note": 3, "none": 4}
# What some write instead.
_OTHER_LEVELS: Mapping[str, Severity] = {
    **dict.fromkeys(("critical", "fatal", "high", "blocker"), 1),
    **dict.fromkeys(("medium", "moderate", "warn", "major"), 2),
    **dict.fromkeys(("low", "info", "information", "informational", "recommendation", "minor", "style"), 3),
}
_NO_FAULTS = ("pass", "notApplicable", "informational")
_FAR = 2**31 - 1
_TITLE = 200  # characters
_BODY = 2_000
_MOST_RESULTS = 20_000


class NotSarif(Exception):
    """The output is not a valid report; the message says why."""


@dataclass(frozen=True, slots=True)
class Region:
    """A region of a text: lines from 1; columns from 1 in units of `unit`, the end not included. None: the whole line.

    With `offset` it begins that many units from the beginning of the text, and is `length` units long.
    """

    line: int
    column: int | None = None
    end_line: int | None = None
    end_column: int | None = None
    unit: Column = "utf-32"
    offset: int | None = None
    length: int | None = None

    def is_in(self, lines: Lines) -> bool:
        """Whether the text contains that region."""
        if self.offset is not None:
            return self.offset <= len(_units(lines.text, self.unit)) // _WIDTHS[self.unit]
        if self.line > len(lines):
            return False
        width = len(_units(lines.line(self.line - 1), self.unit)) // _WIDTHS[self.unit]
        return self.column is None or self.column <= width + 1

    def range_in(self, lines: Lines, *, bom: bool = False) -> Range:
        """The region as positions in that text, limited to its end. `bom`: the file begins with a byte order mark."""
        if self.offset is not None:
            return self._by_offset(lines, self.offset, bom=bom)
        counted = Lines(lines.text, self.unit)
        start_line = min(self.line, len(lines)) - 1
        end_line = min(max(self.end_line or self.line, self.line), len(lines)) - 1
        start = _offset(counted, start_line, self.column)
        # An end without a column is the end of the line.
        end = _offset(counted, end_line, self.end_column) if self.end_column is not None else _line_end(counted, end_line)
        if self.column is None:  # the code of the line, without its indentation
            text = counted.line(start_line)
            start += len(text) - len(text.lstrip())
        return Range(start=lines.position(start), end=lines.position(max(start, end)))

    def _by_offset(self, lines: Lines, offset: int, *, bom: bool) -> Range:
        width, units = _WIDTHS[self.unit], _units(lines.text, self.unit)
        if bom and self.unit == "utf-8":
            offset = max(0, offset - 3)
        ends = (offset * width, (offset + (self.length or 0)) * width)
        start, end = (len(units[:at].decode(_CODECS[self.unit], "ignore")) for at in ends)
        if end == start:  # no length: to the end of its line
            line = lines.position(start).line
            end = max(start, _line_end(lines, line))
        return Range(start=lines.position(start), end=lines.position(end))


_CODECS: Mapping[Column, str] = {"utf-8": "utf-8", "utf-16": "utf-16-le", "utf-32": "utf-32-le"}
_WIDTHS: Mapping[Column, int] = {"utf-8": 1, "utf-16": 2, "utf-32": 4}


def _units(text: str, unit: Column) -> bytes:
    return replace_lone_surrogates(text).encode(_CODECS[unit])


def _offset(lines: Lines, line: int, column: int | None) -> int:
    return lines.offset(Position(line=line, character=max(0, (column or 1) - 1)))


def _line_end(lines: Lines, line: int) -> int:
    return _offset(lines, line, 2**31)


@dataclass(frozen=True, slots=True)
class Result:
    """One result. `where` is the URI or path of its file, as the scanner gave it (`or_where`: what else it may mean; both empty
    where it names none); `replacement` is text for just its region. `note` says what of its place is not as the scanner gave it.
    """

    scanner: str
    rule: str | None
    severity: Severity
    title: str
    body: str
    where: str
    region: Region
    help: str | None = None
    replacement: str | None = None
    note: str | None = None
    or_where: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """A scanner's report. `notes` say, for a person, what of it is not among the results."""

    results: Sequence[Result]
    notes: Sequence[str] = ()


# -- SARIF -----------------------------------------------------------------------------------------------------------


def read_sarif(output: str, scanner: str, *, most_results: int = _MOST_RESULTS) -> Report:
    """The open results of a SARIF log: not suppressed, absent or passed. Raises `NotSarif`."""
    try:
        log = json.loads(output.removeprefix("\ufeff"))
    except (ValueError, RecursionError):
        raise NotSarif("its output is not JSON") from None
    runs = log.get("runs") if isinstance(log, dict) else None
    if not isinstance(runs, list):
        raise NotSarif("its output is JSON but not SARIF: it has no runs")
    results: list[Result] = []
    notes = []
    if odd := sum(not isinstance(result, dict) for run in runs for result in _list(_dict(run).get("results"))):
        notes.append(f"{odd:,} results cannot be read")
    for run in runs:
        for found in _run_results(_dict(run), scanner):
            if len(results) >= most_results:
                return Report(results, (*notes, f"only the first {most_results:,} results are read"))
            results.append(found)
    return Report(results, notes)


def _run_results(run: Mapping[str, Any], scanner: str) -> Iterator[Result]:
    tool = _dict(run.get("tool"))
    components = [_dict(tool.get("driver")), *map(_dict, _list(tool.get("extensions")))]
    rules = _Rules(components)
    # Section 3.14.17: the unit of columns; by default code points, which is what tools count that ignore the question.
    unit: Column = "utf-16" if run.get("columnKind") == "utf16CodeUnits" else "utf-32"
    for result in _list(run.get("results")):
        if not isinstance(result, dict):
            continue
        if result.get("kind") in _NO_FAULTS or result.get("baselineState") == "absent":
            continue
        if any(_dict(suppression).get("status", "accepted") == "accepted" for suppression in _list(result.get("suppressions"))):
            continue
        rule_id, rule = rules.of(result)
        where, or_where, region_object = _place(result, run)
        region, note = _region(region_object, unit)
        message = _words(result.get("message"), rule, components[0])
        short = _words(rule.get("shortDescription"), rule, components[0])
        title = _line(message or short or rule_id or "A finding")
        full = _words(rule.get("fullDescription"), rule, components[0])
        body = message if len(message) > len(title) else full or message or title
        yield Result(
            scanner=scanner,
            rule=rule_id,
            severity=_severity(result, rule),
            title=title,
            body=_cut(body, _BODY),
            where=where,
            region=region,
            help=_address(rule.get("helpUri")),
            replacement=None if note else _replacement(result, region_object),
            note=note,
            or_where=or_where,
        )


class _Rules:
    """The rules of a run: those of its driver and its extensions."""

    def __init__(self, components: Sequence[Mapping[str, Any]]) -> None:
        self._lists = [[_dict(rule) for rule in _items(component.get("rules"))] for component in components]
        self._by_id: dict[str, Mapping[str, Any]] = {}
        for rule in (rule for rules in self._lists for rule in rules):
            if isinstance(rule.get("id"), str):
                self._by_id.setdefault(rule["id"], rule)

    def of(self, result: Mapping[str, Any]) -> tuple[str | None, Mapping[str, Any]]:
        """Section 3.27.5-7: by id, by reference, or by index; `a/b` is a finer rule of `a`."""
        reference = _dict(result.get("rule"))
        name = result.get("ruleId", reference.get("id"))
        component = _number(_dict(reference.get("toolComponent")).get("index"))
        rules = self._lists[0 if component is None or not 0 <= component < len(self._lists) - 1 else component + 1]
        index = _number(result.get("ruleIndex", reference.get("index")))
        rule: Mapping[str, Any] = {}
        if isinstance(name, str):
            rule = self._by_id.get(name) or self._by_id.get(name.rpartition("/")[0]) or {}
        if not rule and index is not None and 0 <= index < len(rules):
            rule = rules[index]
        name = name if isinstance(name, str) else rule.get("id")
        return (replace_lone_surrogates(name)[:100] if isinstance(name, str) else None), rule


def _place(result: Mapping[str, Any], run: Mapping[str, Any]) -> tuple[str, str, Mapping[str, Any]]:
    """The file of a result, what else its name may mean, and its region. Without a location, the file that was analysed."""
    artifacts = [_dict(_dict(artifact).get("location")) for artifact in _list(run.get("artifacts"))]
    physical = [_dict(_dict(location).get("physicalLocation")) for location in _list(result.get("locations"))]
    related = [_dict(_dict(location).get("physicalLocation")) for location in _list(result.get("relatedLocations"))]
    target = {"artifactLocation": result.get("analysisTarget")}
    for location in (*physical, target, *related):
        artifact = _dict(location.get("artifactLocation"))
        index = _number(artifact.get("index"))
        if not artifact.get("uri") and index is not None and 0 <= index < len(artifacts):
            artifact = artifacts[index]
        uri = artifact.get("uri")
        if isinstance(uri, str) and uri.strip():
            uri = uri.strip().replace("\\", "/")
            whole = _based(uri, artifact.get("uriBaseId"), _dict(run.get("originalUriBaseIds")))
            return whole, uri if whole != uri else "", _dict(location.get("region"))
    return "", "", _dict(physical[0].get("region")) if physical else {}


def _based(uri: str, base_id: Any, bases: Mapping[str, Any]) -> str:
    """Section 3.14.14: resolve a relative URI against its base, which may be relative to another base."""
    passed: set[str] = set()
    while isinstance(base_id, str) and base_id not in passed and ":" not in uri and not uri.startswith("/"):
        passed.add(base_id)
        base = _dict(bases.get(base_id))
        if isinstance(base.get("uri"), str) and base["uri"]:
            uri = f"{base['uri'].replace(chr(92), '/').rstrip('/')}/{uri}"
        base_id = base.get("uriBaseId")
    return uri


def _region(region: Mapping[str, Any], unit: Column) -> tuple[Region, str | None]:
    """The nearest valid region, and how it differs from the given one."""
    line = _number(region.get("startLine"))
    if line is None and (offset := _number(region.get("charOffset"))) is not None and offset >= 0:
        return Region(1, unit=unit, offset=offset, length=_length(region.get("charLength"))), None
    if line is None and (offset := _number(region.get("byteOffset"))) is not None and offset >= 0:
        return Region(1, unit="utf-8", offset=offset, length=_length(region.get("byteLength"))), None
    end_line = _number(region.get("endLine"))
    if line is None:
        line = end_line
    if line is None or line < 1:
        given = {key: region[key] for key in ("startLine", "charOffset", "byteOffset") if key in region}
        what = ", ".join(f"{key} {str(value)[:20]}" for key, value in given.items()) or "no line"
        return Region(1, unit=unit), f"The scanner gave {what}: this is the file's first line." if region else None
    column, end_column = _number(region.get("startColumn")), _number(region.get("endColumn"))
    note = None
    if (column is not None and column < 1) or (end_column is not None and end_column < 1):
        note = "The scanner gave a column before the first: this is the nearest position."
        column = column if column is None else max(1, column)
        end_column = end_column if end_column is None or end_column >= 1 else 1 if end_line not in (None, line) else None
    if end_line is not None and end_line < line:
        note = f"The scanner gave an end, line {max(end_line, -_FAR)}, before its beginning: this is the line it begins in."
        end_line = end_column = None
    if end_line in (None, line) and column is not None and end_column is not None and end_column < column:
        note = "The scanner gave an end before its beginning: this is where it begins."
        end_column = None
    return Region(line, column, end_line, end_column, unit), note


def _length(value: Any) -> int | None:
    length = _number(value)
    return None if length is None else max(0, length)


def _severity(result: Mapping[str, Any], rule: Mapping[str, Any]) -> Severity:
    for level in (result.get("level"), _dict(rule.get("defaultConfiguration")).get("level")):
        word = level.strip().lower() if isinstance(level, str) else ""
        if (severity := _LEVELS.get(word) or _OTHER_LEVELS.get(word)) is not None:
            return severity
    return 2


def _words(message: Any, rule: Mapping[str, Any], driver: Mapping[str, Any]) -> str:
    """Section 3.11: a message's text, or that of its id in the rule or the tool, with its arguments filled in."""
    if isinstance(message, str):
        return replace_lone_surrogates(message).strip()
    given = _dict(message)
    strings = [
        _dict(_dict(templates).get(str(given.get("id"))))
        for templates in (rule.get("messageStrings"), driver.get("globalMessageStrings"))
    ]
    texts = [entry.get(key) for key in ("text", "markdown") for entry in (given, *strings)]
    text = next((text for text in texts if isinstance(text, str) and text.strip()), "")
    arguments = [str(argument) for argument in _list(given.get("arguments"))]
    if arguments:
        text = re.sub(r"\{(\d{1,3})\}", lambda m: arguments[int(m[1])] if int(m[1]) < len(arguments) else m[0], text)
    if not text and isinstance(given.get("id"), str):
        text = " ".join([given["id"], *arguments])
    return replace_lone_surrogates(text).strip()


def _replacement(result: Mapping[str, Any], region: Mapping[str, Any]) -> str | None:
    """The replacement for the region, if the only fix is exactly that."""
    fixes = _list(result.get("fixes"))
    changes = _list(_dict(fixes[0]).get("artifactChanges")) if len(fixes) == 1 else []
    replacements = _list(_dict(changes[0]).get("replacements")) if len(changes) == 1 else []
    if len(replacements) != 1:
        return None
    replacement = _dict(replacements[0])
    keys = ("startLine", "startColumn", "endLine", "endColumn")
    deleted = _dict(replacement.get("deletedRegion"))
    text = _dict(replacement.get("insertedContent")).get("text", "")
    same = all(_number(deleted.get(key)) == _number(region.get(key)) for key in keys)
    return replace_lone_surrogates(text) if same and isinstance(text, str) and len(text) <= _BODY else None


# -- bandit ----------------------------------------------------------------------------------------------------------

_BANDIT: Mapping[str, Severity] = {"HIGH": 1, "MEDIUM": 2, "LOW": 3, "UNDEFINED": 3}


def read_bandit(output: str, scanner: str, *, most_results: int = _MOST_RESULTS) -> Report:
    """The results of bandit's `-f json`. Its columns count bytes of UTF-8 from 0, as Python's syntax tree does."""
    try:
        report = json.loads(output.removeprefix("\ufeff"))
        raw = report["results"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise NotSarif("its output is not bandit's JSON") from None
    results: list[Result] = []
    notes = [f"only the first {most_results:,} results are read"] if len(_list(raw)) > most_results else []
    for result in [_dict(result) for result in _list(raw)][:most_results]:
        where, text = result.get("filename"), result.get("issue_text")
        region, note = _region({"startLine": result.get("line_number")}, "utf-8")
        text = text if isinstance(text, str) and text.strip() else "A finding"
        line = region.line
        column, end_column = _number(result.get("col_offset")), _number(result.get("end_col_offset"))
        ends = [_number(end) for end in _list(result.get("line_range"))]
        # Columns are those of the whole statement, the line that of the problem: they fit together only within one line.
        if note is None and column is not None and end_column is not None and 0 <= column < end_column and set(ends) <= {line}:
            region = Region(line, column + 1, line, end_column + 1, "utf-8")
        cwe = _dict(result.get("issue_cwe")).get("id")
        confidence = str(result.get("issue_confidence", "")).lower()
        words = replace_lone_surrogates(text).strip()
        body = f"{words}\n\nbandit's confidence: {confidence}.{f' CWE-{cwe}.' if isinstance(cwe, int) else ''}"
        rule = result.get("test_id")
        results.append(
            Result(
                scanner=scanner,
                rule=replace_lone_surrogates(rule)[:100] if isinstance(rule, str) else None,
                severity=_BANDIT.get(str(result.get("issue_severity")), 2),
                title=_line(words),
                body=_cut(body, _BODY),
                where=where if isinstance(where, str) else "",
                region=region,
                help=_address(result.get("more_info")),
                note=note,
            )
        )
    return Report(results, notes)


# -- helpers ---------------------------------------------------------------------------------------------------------


def _dict(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else ()


def _items(value: Any) -> Sequence[Any]:
    """The items of a list, or the values of an object."""
    return list(value.values()) if isinstance(value, dict) else _list(value)


def _number(value: Any) -> int | None:
    """An integer, also if it is written as text or as a float; None for anything else."""
    if isinstance(value, str) and len(value) <= 20:
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, float):
        if not isfinite(value):
            return None
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return max(-_FAR, min(value, _FAR))


def _address(value: Any) -> str | None:
    """A web address; editors should open nothing else."""
    good = isinstance(value, str) and len(value) <= 1_000 and re.fullmatch(r"https?://[^\s\x00-\x1f<>\"]+", value)
    return value if good else None


def _line(text: str) -> str:
    """The first line of a text, cut to a title's length."""
    return _cut(in_one_line(" ".join(text.split("\n", 1)[0].split())), _TITLE)


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
