import logging
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from mrcnn.data import workers
from mrcnn.data.workers import map_in_order

KINDS = [(0, False), (1, False), (3, False), (1, True), (3, True)]
ASYNC = [kind for kind in KINDS if kind[0]]


def mapped(function, tasks, kind):
    return map_in_order(function, tasks, workers=kind[0], use_processes=kind[1])


def wait_until(condition, seconds=10.0) -> bool:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    return condition()


def team() -> list:
    threads = [t for t in threading.enumerate() if t.name.startswith("mrcnn-data")]
    return threads + multiprocessing.active_children()


@pytest.mark.parametrize("kind", KINDS)
def test_results_come_in_the_order_of_the_tasks(kind):
    def slow_at_first(task):
        time.sleep(0.02 if task % 3 == 0 else 0)
        return task * task

    assert list(mapped(slow_at_first, range(10), kind)) == [n * n for n in range(10)]
    assert list(mapped(slow_at_first, [], kind)) == []
    assert wait_until(lambda: not team())


@pytest.mark.parametrize("kind", ASYNC)
def test_an_error_is_raised_at_its_place_with_the_traceback(kind):
    class Unpicklable(Exception):
        def __init__(self, first, second):
            super().__init__(f"{first}{second}")

    def fail_at_two(task):
        if task == 2:
            raise Unpicklable("no ", "luck")
        return task

    results = mapped(fail_at_two, range(9), kind)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(RuntimeError if kind[1] else Unpicklable, match="no luck") as e:
        next(results)
    if kind[1]:
        assert "in fail_at_two" in str(e.value.__cause__)
    assert wait_until(lambda: not team())


@pytest.mark.parametrize("kind", ASYNC)
def test_only_a_few_results_exist_at_a_time(kind):
    begun = []

    def tasks():
        for number in range(1000):
            begun.append(number)
            yield number

    results = mapped(str, tasks(), kind)
    for _ in range(5):
        next(results)
    assert len(begun) <= 5 + 2 * kind[0] + 1
    results.close()


@pytest.mark.parametrize("kind", ASYNC)
def test_closing_the_iterator_ends_the_workers(kind):
    results = mapped(str, iter(int, 1), kind)
    next(results)
    assert team()
    results.close()
    assert wait_until(lambda: not team())


def test_where_processes_are_not_forked_they_are_spawned(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    assert list(mapped(abs, [-1, 2, -3], (1, True))) == [1, 2, 3]


def test_a_process_that_dies_is_noticed_at_once(monkeypatch):
    def die_at_three(task):
        if task == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return task

    monkeypatch.setattr(workers, "PATIENCE", 1e6)  # not what ends the wait
    with pytest.raises(RuntimeError, match="exit code -9 while it was at 3"):
        list(mapped(die_at_three, range(20), (2, True)))
    assert wait_until(lambda: not team())


@pytest.mark.parametrize("kind", [(1, False), (1, True)])
def test_a_long_wait_is_reported(kind, monkeypatch, caplog):
    monkeypatch.setattr(workers, "PATIENCE", 0.05)
    with caplog.at_level(logging.WARNING, "mrcnn"):
        list(mapped(time.sleep, [0.3], kind))
    assert "no worker has finished 0.3" in caplog.text


INTERRUPTED = """
import multiprocessing, signal, time
from mrcnn.data.workers import map_in_order

signal.signal(signal.SIGINT, signal.default_int_handler)

def work(task):
    time.sleep(0.01)
    return task

for result in map_in_order(work, iter(int, 1), workers=2, use_processes={processes}):
    print(*[child.pid for child in multiprocessing.active_children()], flush=True)
"""


def is_running(pid: int) -> bool:
    """Neither gone nor dead and waiting to be collected."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def start_script(processes: bool) -> tuple[subprocess.Popen, list[int]]:
    """A running program, and the ids of its worker processes."""
    script = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED.format(processes=processes)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    return script, [int(pid) for pid in script.stdout.readline().split()]


@pytest.mark.parametrize("processes", [False, True])
def test_an_interrupt_ends_the_program_and_its_workers(processes):
    script, children = start_script(processes)
    assert len(children) == 2 * processes
    os.killpg(script.pid, signal.SIGINT)
    _, errors = script.communicate(timeout=120)
    assert errors.count("KeyboardInterrupt") == 1
    assert not any(map(is_running, children))


@pytest.mark.skipif(not os.path.isdir("/proc"), reason="asks /proc")
def test_workers_end_when_their_parent_is_killed():
    script, children = start_script(True)
    assert all(map(is_running, children))
    script.kill()
    script.communicate()
    assert wait_until(lambda: not any(map(is_running, children)))
