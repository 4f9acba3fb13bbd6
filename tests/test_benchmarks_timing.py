"""Times in turn, and the tables that they are printed in."""

import pytest

from benchmarks import timing
from benchmarks.timing import Row, Timing


class Clock:
    """Moved on by tests; all the while two cores are at work."""

    now = 0.0


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(timing.time, "perf_counter", lambda: clock.now)
    monkeypatch.setattr(timing.time, "process_time", lambda: 2 * clock.now)
    return clock


def cells(capsys):
    """Title, then the cells of each line, of a table that was printed."""
    title, table = capsys.readouterr().out.strip().split("\n\n")
    lines = [line.strip("|").split("|") for line in table.splitlines()]
    return title, [[cell.strip() for cell in line] for line in lines]


def test_the_first_calls_do_not_count(clock):
    lasts = iter([9, 9, 1, 2, 6])

    def work():
        clock.now += next(lasts)

    assert timing.time_call(work, repeats=3, warmup=2) == Timing(2, 1, 6, 4)


def test_functions_are_called_round_by_round():
    called = []
    functions = {name: lambda name=name: called.append(name) for name in "ab"}
    assert timing.time_in_turn(functions, repeats=2, warmup=1).keys() == {"a", "b"}
    assert called == ["a", "b"] * 3


def test_a_table_sets_the_shortest_call_against_the_floor(capsys):
    timing.print_table("A title", [Row("detect", Timing(4, 3, 5), floor=2)])
    title, (head, _, line) = cells(capsys)
    assert title == "A title, ms"
    assert head == ["", "median", "min", "max", "floor", "to floor"]
    assert line == ["detect", "4000.00", "3000.00", "5000.00", "2000.00", "1.50"]


def test_a_cell_without_a_figure_is_empty(capsys):
    times = Timing(0.001, 0.001, 0.001, 0.002)
    timing.print_table("", [Row("with", times, aim_ms=7), Row("without", times)])
    _, (head, _, *lines) = cells(capsys)
    assert [line[head.index("aim")] for line in lines] == ["7", ""]
    assert [line[head.index("of all cores")] for line in lines] == ["2.00", "2.00"]


def test_ratios_are_ours_to_theirs(capsys):
    pair = Timing(3, 1, 9, 5), Timing(4, 2, 9, 20)
    timing.print_ratios("A title", {"detect": pair}, {"detect": 0.95})
    _, (_, _, line) = cells(capsys)
    assert line == ["detect", "0.75", "0.50", "0.25", "0.95"]
