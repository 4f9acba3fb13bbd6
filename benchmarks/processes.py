"""Measurements in processes of their own, and the memory of processes.

A process that measures one thing has the peak of memory of that thing; two that answer
in turn compare what cannot be loaded side by side. This file runs in the interpreters
of others, too, and so needs nothing but Python.
"""

import json
import multiprocessing
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Any

ROOT = Path(__file__).parent.parent
ANSWER = "answer: "
MEGABYTE = 2**20


def measure_apart(module: str, *arguments: str) -> Any:
    """What a module of this folder answers at once, in a process of its own."""
    with Worker(module, *arguments) as worker:
        return worker.read()


def run_apart(module: str, options: Any) -> bool:
    """Calls `run` of a module in a process of its own. -> whether it ended well"""
    spawn = multiprocessing.get_context("spawn")
    process = spawn.Process(target=_run, args=(module, options))
    process.start()
    process.join()
    return process.exitcode == 0


def _run(module: str, options: Any) -> None:
    import_module(module).run(options)


class Worker:
    """A module of this folder at work in a process of its own, see `serve`.

    Args:
        module: its name
        arguments: on its command line
        interpreter: the Python that runs it
    """

    def __init__(
        self, module: str, *arguments: str, interpreter: str = sys.executable
    ) -> None:
        self._process = subprocess.Popen(
            [interpreter, "-m", module, *arguments],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, *question: Any) -> Any:
        """The answer to a question; it may be read later with `read` alone."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        return self.read()

    def read(self) -> Any:
        """The next answer.

        Raises:
            RuntimeError: where the process ends before; it has told why on stderr.
        """
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith(ANSWER):
                return json.loads(line.removeprefix(ANSWER))
        command = " ".join(map(str, self._process.args))  # type: ignore[arg-type]
        raise RuntimeError(f"{command} ended without an answer.")

    def __enter__(self) -> "Worker":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # Standard input ends here, and with it `serve`.
        self._process.communicate()


def answer(value: Any) -> None:
    """Hands a value to the process that started this one."""
    print(ANSWER + json.dumps(value), flush=True)


def serve(functions: dict[str, Callable[..., Any]]) -> None:
    """Answers questions, each the name of a function and its arguments, to the last."""
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        answer(functions[name](*arguments))


def peak_mb() -> float:
    """Most memory that this process ever held, in megabytes."""
    status = Path("/proc/self/status")
    if not status.exists():
        # What a process was forked from counts here.
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    lines = status.read_text().splitlines()
    peak = next(line for line in lines if line.startswith("VmHWM:"))
    return int(peak.split()[1]) / 1024


def resident_mb(process_ids: Sequence[int] = ()) -> float:
    """Memory that this process and some others hold, in megabytes."""
    ids = [os.getpid(), *process_ids]
    pages = [int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in ids]
    return sum(pages) * os.sysconf("SC_PAGE_SIZE") / MEGABYTE
