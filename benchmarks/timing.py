"""How long calls take, and tables of it in Markdown, for the page of results."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Any, NamedTuple


class Timing(NamedTuple):
    """Seconds that repeated calls took."""

    median: float
    min: float
    max: float
    processor: float | None = None
    """Of all cores together, the median; less than the machine had to give where it
    had other work to do."""


class Row(NamedTuple):
    """One line of a table: what was measured, how long it took, and what beside it."""

    what: str
    timing: Timing
    aim_ms: float | None = None
    floor: float | None = None
    """Seconds that the machine's convolutions would take at their fastest."""

    peak_mb: float | None = None
    """Most memory that the process held."""


def time_call(
    function: Callable[[], Any], repeats: int = 20, warmup: int = 2
) -> Timing:
    """Wall-clock time of single calls after some that do not count."""
    return time_in_turn({"": function}, repeats, warmup)[""]


def time_in_turn(
    functions: Mapping[str, Callable[[], Any]], repeats: int, warmup: int = 1
) -> dict[str, Timing]:
    """Wall-clock time of several functions, by their names.

    They are called one after the other, round by round, so that whatever slows the
    machine down for a while slows all of them down.
    """
    spent = {
        name: lambda f=function: spent_in(f) for name, function in functions.items()
    }
    return measure_in_turn(spent, repeats, warmup)


def measure_in_turn(
    functions: Mapping[str, Callable[[], Sequence[float]]],
    repeats: int,
    warmup: int = 1,
) -> dict[str, Timing]:
    """The same, of functions that tell themselves what `spent_in` would."""
    rounds = [
        {name: function() for name, function in functions.items()}
        for _ in range(warmup + repeats)
    ]
    return {
        name: timing_of(*zip(*[one[name] for one in rounds[warmup:]], strict=True))
        for name in functions
    }


def spent_in(function: Callable[[], Any]) -> tuple[float, float]:
    """Seconds of the clock, and of all cores together, that a call takes."""
    start, processor_start = time.perf_counter(), time.process_time()
    function()
    return time.perf_counter() - start, time.process_time() - processor_start


def timing_of(seconds: Sequence[float], processor: Sequence[float] = ()) -> Timing:
    """What is kept of single calls."""
    shared = median(processor) if processor else None
    return Timing(median(seconds), min(seconds), max(seconds), shared)


def print_table(title: str, rows: Sequence[Row]) -> None:
    """Prints one line for each row, in milliseconds; empty columns are left out.

    Ratios to the floor are those of the shortest call, and those of what all cores
    together spent, which tell on a busy machine what a call takes on an idle one.
    """
    columns: dict[str, list[str]] = {
        "median": [_milliseconds(row.timing.median) for row in rows],
        "min": [_milliseconds(row.timing.min) for row in rows],
        "max": [_milliseconds(row.timing.max) for row in rows],
        "of all cores": [_milliseconds(row.timing.processor) for row in rows],
        "floor": [_milliseconds(row.floor) for row in rows],
        "to floor": [_ratio(row.timing.min, row.floor) for row in rows],
        "all cores to floor": [
            _ratio(row.timing.processor, row.floor and row.floor * num_cores())
            for row in rows
        ],
        "peak MB": [_rounded(row.peak_mb) for row in rows],
        "aim": [_rounded(row.aim_ms) for row in rows],
    }
    kept = {name: cells for name, cells in columns.items() if any(cells)}
    lines = zip(*kept.values(), strict=True)
    cells = [[row.what, *line] for row, line in zip(rows, lines, strict=True)]
    print_cells(f"{title}, ms", ["", *kept], cells)


def print_cells(
    title: str, headings: Sequence[str], rows: Sequence[Sequence[str]]
) -> None:
    """Prints a table of Markdown: text on the left, figures on the right."""
    widths = [max(map(len, column)) for column in zip(headings, *rows, strict=True)]
    dashes = [f"{'-' * (width - 1)}:" for width in widths]
    print(f"\n{title}\n")
    for row in (headings, ["-" * widths[0], *dashes[1:]], *rows):
        first = f"{row[0]:{widths[0]}}"
        rest = [f"{cell:>{w}}" for cell, w in zip(row[1:], widths[1:], strict=True)]
        print(f"| {' | '.join([first, *rest])} |", flush=True)


def print_ratios(
    title: str, pairs: Mapping[str, tuple[Timing, Timing]], aims: Mapping[str, float]
) -> None:
    """Prints how long we take in units of what somebody else takes.

    Args:
        title: of the table
        pairs: (ours, theirs), measured in turn, by what was measured
        aims: the largest ratio that is good enough, where there is one
    """
    columns = {
        "of medians": [
            _ratio(ours.median, theirs.median) for ours, theirs in pairs.values()
        ],
        "of shortest": [
            _ratio(ours.min, theirs.min) for ours, theirs in pairs.values()
        ],
        "of all cores": [
            _ratio(ours.processor, theirs.processor) for ours, theirs in pairs.values()
        ],
        "aim, at most": [f"{aims[what]:.2f}" if what in aims else "" for what in pairs],
    }
    rows = [list(row) for row in zip(pairs, *columns.values(), strict=True)]
    print_cells(title, ["", *columns], rows)


def num_cores() -> int:
    """That this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _milliseconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{1000 * seconds:.2f}"


def _ratio(seconds: float | None, unit: float | None) -> str:
    return f"{seconds / unit:.2f}" if seconds is not None and unit else ""


def _rounded(number: float | None) -> str:
    return "" if number is None else f"{number:.0f}"
