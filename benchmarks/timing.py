"""How long a call takes, and tables of it."""

import time
from collections.abc import Callable
from statistics import median
from typing import Any, NamedTuple


class Timing(NamedTuple):
    """Seconds that repeated calls took."""

    median: float
    min: float
    max: float


class Row(NamedTuple):
    """One line of a table: what was measured, how long it took, the aim if any."""

    what: str
    timing: Timing
    aim_ms: float | None = None


def time_call(
    function: Callable[[], Any], repeats: int = 20, warmup: int = 2
) -> Timing:
    """Wall-clock time of single calls after some that do not count."""
    for _ in range(warmup):
        function()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - start)
    return Timing(median(seconds), min(seconds), max(seconds))


def print_table(title: str, rows: list[Row]) -> None:
    """Prints one line for each row, in milliseconds."""
    width = max(len(row.what) for row in rows)
    print(f"\n{title}")
    print(f"{'':{width}}  {'median':>9} {'min':>9} {'max':>9} {'aim':>9}   ms")
    for row in rows:
        figures = " ".join(f"{1000 * seconds:9.2f}" for seconds in row.timing)
        aim = f"{row.aim_ms:9.0f}" if row.aim_ms else ""
        print(f"{row.what:{width}}  {figures} {aim}")
