"""The measurements as a table."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Row", "milliseconds_since", "number", "table"]


@dataclass(frozen=True)
class Row:
    """One thing that was measured several times, in `unit`. Less is better.

    `rival` is the best of three other programs (see run.py), measured elsewhere; `rival_of_baseline` is the same as a multiple
    of the baseline. `aim` is our own limit, `aim_of_baseline` the same as a multiple of the baseline.
    """

    what: str
    unit: str
    ours: Sequence[float]
    baseline: Sequence[float] = ()
    baseline_is: str = ""
    rival: float | None = None
    rival_of_baseline: float | None = None
    aim: float | None = None
    aim_of_baseline: float | None = None

    @property
    def median(self) -> float:
        return statistics.median(self.ours)

    @property
    def factor(self) -> float | None:
        """Our median divided by the baseline's."""
        if not self.baseline or not (base := statistics.median(self.baseline)):
            return None
        return self.median / base

    @property
    def against(self) -> float | None:
        """Our median divided by the best rival's value."""
        if self.rival is not None:
            return self.median / self.rival
        if self.rival_of_baseline is not None and self.factor is not None:
            return self.factor / self.rival_of_baseline
        return None

    @property
    def standing(self) -> str:
        if self.against is None:
            return ""
        if not self.against:
            return "better"
        return f"worse, {number(self.against)} ×" if self.against > 1 else f"better, {number(1 / self.against)} ×"

    @property
    def behind(self) -> float | None:
        """Our median divided by the aim. None if the aim is met."""
        if self.aim is not None:
            return self.median / self.aim if self.median > self.aim else None
        if self.aim_of_baseline is not None and self.factor is not None:
            return self.factor / self.aim_of_baseline if self.factor > self.aim_of_baseline else None
        return None

    @property
    def aims_at(self) -> str:
        if self.aim is not None:
            return f"< {number(self.aim)} {self.unit}"
        return "" if self.aim_of_baseline is None else f"< {number(self.aim_of_baseline)} × the baseline"

    @property
    def shown(self) -> str:
        return f"{number(self.median)} {self.unit}"

    @property
    def target(self) -> str:
        if self.rival is not None:
            return f"{number(self.rival)} {self.unit}"
        if self.rival_of_baseline is not None:
            return f"{number(self.rival_of_baseline)} × the baseline"
        return ""


def number(value: float) -> str:
    """Three significant digits, without an exponent."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def table(rows: Sequence[Row]) -> str:
    """A Markdown table with aligned columns."""
    head = ("measured", "ours: median (min – max)", "baseline", "× baseline", "best rival", "we are", "aim")
    cells = [head, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(head))]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in cells]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def _cells(row: Row) -> tuple[str, ...]:
    spread = f" ({number(min(row.ours))} – {number(max(row.ours))})" if len(row.ours) > 1 else ""
    baseline = f"{number(statistics.median(row.baseline))} {row.unit}: {row.baseline_is}" if row.baseline else ""
    factor = "" if row.factor is None else number(row.factor)
    return row.what, f"{number(row.median)} {row.unit}{spread}", baseline, factor, row.target, row.standing, _aim(row)


def _aim(row: Row) -> str:
    return f"**missed**: {row.aims_at}" if row.behind else row.aims_at


def milliseconds_since(began: float) -> float:
    """`began` is a time of `time.perf_counter`."""
    return (time.perf_counter() - began) * 1000
