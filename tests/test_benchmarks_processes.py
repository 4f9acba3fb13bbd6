"""Measuring in other processes: this file is the module at work in them."""

import os

import pytest

from benchmarks.processes import Worker, peak_mb, resident_mb, run_apart, serve


def test_a_worker_answers_in_a_process_of_its_own():
    with Worker(__name__) as worker:
        assert worker.ask("add", 2, 3) == 5
        assert worker.ask("process_id") != os.getpid()


def test_what_a_worker_prints_besides_is_no_answer():
    with Worker(__name__) as worker:
        assert worker.ask("chatter") == ["said"]


def test_a_worker_that_fails_is_an_error(capfd):
    with (
        Worker(__name__) as worker,
        pytest.raises(RuntimeError, match="without an ans"),
    ):
        worker.ask("fail")
    assert "ZeroDivisionError" in capfd.readouterr().err


def test_a_module_runs_apart_and_tells_whether_it_ended_well(capfd):
    assert run_apart(__name__, "well")
    assert not run_apart(__name__, "badly")
    assert "ended badly" in capfd.readouterr().err


def test_memory_that_was_given_back_stays_in_the_peak():
    before = peak_mb()
    block = bytearray(os.urandom(1) * (300 * 2**20))
    held = resident_mb()
    del block
    assert peak_mb() >= held > 300
    assert peak_mb() >= before


def run(options):
    if options != "well":
        raise ValueError(f"ended {options}")


def chatter():
    print("loading")
    return ["said"]


if __name__ == "__main__":
    serve(
        {
            "add": lambda one, other: one + other,
            "process_id": os.getpid,
            "chatter": chatter,
            "fail": lambda: 1 / 0,
        }
    )
