"""What a scanner says, read from SARIF (OASIS, Static Analysis Results Interchange Format 2.1.0), or from bandit's own JSON.

Only what a finding needs is read; whatever is not as the standard has it is left out and not guessed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sessionls.domain.model import Position, Range
from sessionls.domain.text import sound
from sessionls.sessions.workspace.positions import Lines

__all__ = ["NotSarif", "Region", "Result", "Severity", "read_bandit", "read_sarif"]

Severity = Literal[1, 2, 3, 4]
Column = Literal["utf-8", "utf-16", "utf-32"]

_LEVELS: Mapping[str, Severity] = {"error": 1, "warning": 2, "note": 3, "none": 4}
_TITLE = 200  # characters
_BODY = 2_000
_RESULTS = 20_000


class NotSarif(Exception):
    """The output is not what it should be; the message says how."""


@dataclass(frozen=True, slots=True)
class Region:
    """A place in a text: lines from 1; columns from 1 in units of `unit`, the end not included. None: the line's whole text."""

    line: int
    column: int | None = None
    end_line: int | None = None
    end_column: int | None = None
    unit: Column = "utf-32"

    def range_in(self, lines: Lines) -> Range:
        """The same place as positions of that text; what lies behind its end is cut off."""
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


def _offset(lines: Lines, line: int, column: int | None) -> int:
    return lines.offset(Position(line=line, character=max(0, (column or 1) - 1)))


def _line_end(lines: Lines, line: int) -> int:
    return _offset(lines, line, 2**31)


@dataclass(frozen=True, slots=True)
class Result:
    """One result. `where` is the URI or path of its file, as the scanner gave it; `replacement` is text for just its region."""

    scanner: str
    rule: str | None
    severity: Severity
    title: str
    body: str
    where: str
    region: Region
    help: str | None = None
    replacement: str | None = None


# -- SARIF -----------------------------------------------------------------------------------------------------------


def read_sarif(output: str, scanner: str) -> list[Result]:
    """The results of a SARIF log that are open: neither suppressed, nor absent, nor a pass. Raises `NotSarif`."""
    try:
        log = json.loads(output)
    except (ValueError, RecursionError):
        raise NotSarif("its output is no JSON") from None
    runs = log.get("runs") if isinstance(log, dict) else None
    if not isinstance(runs, list):
        raise NotSarif("its output is JSON but no SARIF: it has no runs")
    results: list[Result] = []
    for run in runs:
        for found in _run_results(_dict(run), scanner):
            results.append(found)
            if len(results) >= _RESULTS:
                return results
    return results


def _run_results(run: Mapping[str, Any], scanner: str) -> Iterator[Result]:
    driver = _dict(_dict(run.get("tool")).get("driver"))
    rules = [_dict(rule) for rule in _list(driver.get("rules"))]
    by_id = {rule["id"]: rule for rule in rules if isinstance(rule.get("id"), str)}
    # Section 3.14.17: the unit of columns; without a word code points, which is what tools count that do not think of it.
    unit: Column = "utf-16" if run.get("columnKind") == "utf16CodeUnits" else "utf-32"
    for raw in _list(run.get("results")):
        result = _dict(raw)
        if result.get("kind", "fail") not in ("fail", "review", "open") or result.get("baselineState") == "absent":
            continue
        if any(_dict(one).get("status", "accepted") == "accepted" for one in _list(result.get("suppressions"))):
            continue
        rule_id, rule = _rule(result, rules, by_id)
        place = _place(result, run)
        if place is None:
            continue
        where, region_object = place
        region = _region(region_object, unit)
        if region is None:
            continue
        message = _words(result.get("message"), rule)
        short = _words(rule.get("shortDescription"), rule)
        title = _line(message or short or rule_id or "A finding")
        full = _words(rule.get("fullDescription"), rule)
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
            replacement=_replacement(result, region_object),
        )


def _rule(
    result: Mapping[str, Any], rules: Sequence[Mapping[str, Any]], by_id: Mapping[str, Mapping[str, Any]]
) -> tuple[str | None, Mapping[str, Any]]:
    """Section 3.27.5-7: by id, by reference, or by index; `a/b` is a finer rule of `a`."""
    reference = _dict(result.get("rule"))
    name = result.get("ruleId", reference.get("id"))
    index = result.get("ruleIndex", reference.get("index"))
    rule: Mapping[str, Any] = {}
    if isinstance(name, str):
        rule = by_id.get(name) or by_id.get(name.rpartition("/")[0]) or {}
    if not rule and isinstance(index, int) and 0 <= index < len(rules):
        rule = rules[index]
    name = name if isinstance(name, str) else rule.get("id")
    return (sound(name)[:100] if isinstance(name, str) else None), rule


def _place(result: Mapping[str, Any], run: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]] | None:
    for location in _list(result.get("locations")):
        physical = _dict(_dict(location).get("physicalLocation"))
        artifact = _dict(physical.get("artifactLocation"))
        index = artifact.get("index")
        artifacts = _list(run.get("artifacts"))
        if "uri" not in artifact and isinstance(index, int) and 0 <= index < len(artifacts):
            artifact = _dict(_dict(artifacts[index]).get("location"))
        uri = artifact.get("uri")
        if isinstance(uri, str) and uri:
            base = _dict(_dict(run.get("originalUriBaseIds")).get(str(artifact.get("uriBaseId")))).get("uri")
            whole = f"{base.rstrip('/')}/{uri}" if isinstance(base, str) and ":" not in uri and base.startswith("file:") else uri
            return whole, _dict(physical.get("region"))
    return None


def _region(region: Mapping[str, Any], unit: Column) -> Region | None:
    line = _count(region.get("startLine"))
    if line is None:
        return Region(1, unit=unit) if not region else None  # a whole file; or offsets alone, which few write
    return Region(line, _count(region.get("startColumn")), _count(region.get("endLine")), _count(region.get("endColumn")), unit)


def _severity(result: Mapping[str, Any], rule: Mapping[str, Any]) -> Severity:
    level = result.get("level", _dict(rule.get("defaultConfiguration")).get("level", "warning"))
    return _LEVELS.get(level if isinstance(level, str) else "", 2)


def _words(message: Any, rule: Mapping[str, Any]) -> str:
    """Section 3.11: a message's text, or that of its id in the rule, with its arguments filled in."""
    given = _dict(message)
    text = given.get("text")
    if not isinstance(text, str):
        text = _dict(_dict(rule.get("messageStrings")).get(str(given.get("id")))).get("text")
    if not isinstance(text, str):
        return ""
    arguments = [str(one) for one in _list(given.get("arguments"))]
    if arguments:
        text = re.sub(r"\{(\d{1,3})\}", lambda m: arguments[int(m[1])] if int(m[1]) < len(arguments) else m[0], text)
    return sound(text).strip()


def _replacement(result: Mapping[str, Any], region: Mapping[str, Any]) -> str | None:
    """The text that would stand in place of the region, where the only fix is just that."""
    fixes = _list(result.get("fixes"))
    changes = _list(_dict(fixes[0]).get("artifactChanges")) if len(fixes) == 1 else []
    replacements = _list(_dict(changes[0]).get("replacements")) if len(changes) == 1 else []
    if len(replacements) != 1:
        return None
    one = _dict(replacements[0])
    keys = ("startLine", "startColumn", "endLine", "endColumn")
    deleted = _dict(one.get("deletedRegion"))
    text = _dict(one.get("insertedContent")).get("text", "")
    same = all(deleted.get(key) == region.get(key) for key in keys)
    return sound(text) if same and isinstance(text, str) and len(text) <= _BODY else None


# -- bandit ----------------------------------------------------------------------------------------------------------

_BANDIT: Mapping[str, Severity] = {"HIGH": 1, "MEDIUM": 2, "LOW": 3, "UNDEFINED": 3}


def read_bandit(output: str, scanner: str) -> list[Result]:
    """The results of bandit's `-f json`. Its columns count bytes of UTF-8 from 0, as Python's syntax tree does."""
    try:
        report = json.loads(output)
        raw = report["results"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise NotSarif("its output is not bandit's JSON") from None
    results: list[Result] = []
    for one in [_dict(one) for one in _list(raw)][:_RESULTS]:
        line, where, text = _count(one.get("line_number")), one.get("filename"), one.get("issue_text")
        if line is None or not isinstance(where, str) or not isinstance(text, str):
            continue
        column, end_column = one.get("col_offset"), one.get("end_col_offset")
        ends = [end for end in _list(one.get("line_range")) if isinstance(end, int)]
        region = Region(line, unit="utf-8")
        # Columns are those of the whole statement, the line is that of the trouble in it: they belong together on one line only.
        if isinstance(column, int) and isinstance(end_column, int) and 0 <= column < end_column and set(ends) <= {line}:
            region = Region(line, column + 1, line, end_column + 1, "utf-8")
        cwe = _dict(one.get("issue_cwe")).get("id")
        confidence = str(one.get("issue_confidence", "")).lower()
        words = sound(text).strip()
        body = f"{words}\n\nbandit's confidence: {confidence}.{f' CWE-{cwe}.' if isinstance(cwe, int) else ''}"
        rule = one.get("test_id")
        results.append(
            Result(
                scanner=scanner,
                rule=sound(rule)[:100] if isinstance(rule, str) else None,
                severity=_BANDIT.get(str(one.get("issue_severity")), 2),
                title=_line(words),
                body=_cut(body, _BODY),
                where=where,
                region=region,
                help=_address(one.get("more_info")),
            )
        )
    return results


# -- small things ----------------------------------------------------------------------------------------------------


def _dict(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else ()


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 1 <= value < 2**31 else None


def _address(value: Any) -> str | None:
    """A web address; nothing else is a link that an editor should open."""
    good = isinstance(value, str) and len(value) <= 1_000 and re.fullmatch(r"https?://[^\s\x00-\x1f<>\"]+", value)
    return value if good else None


def _line(text: str) -> str:
    """The first line of a text, cut to a title's length."""
    return _cut(" ".join(text.split("\n", 1)[0].split()), _TITLE)


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
