"""A function mapped over tasks by threads or processes, results in order.

At most a few results exist at a time, however slow their consumer is. An error in a
worker is raised where its result is asked for, and so is a worker's death; leaving the
iteration, by whatever way, ends the workers.
"""

import logging
import multiprocessing
import signal
import sys
import traceback
import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, NamedTuple

logger = logging.getLogger("mrcnn")

# Seconds without a result after which the log says what is waited for.
PATIENCE = 60.0

# Seconds that a process gets to end when told to.
_GRACE = 5.0


def map_in_order(
    function: Callable[[Any], Any],
    tasks: Iterable[Any],
    *,
    workers: int = 0,
    use_processes: bool = False,
) -> Generator[Any, None, None]:
    """Results of a function for each task, in the order of the tasks.

    Args:
        function: called with one task; in processes its result is pickled
        tasks: consumed a little ahead of the results
        workers: 0 calls the function where the results are asked for
        use_processes: False runs threads, which share memory and, for pure Python
            code, one core. On Linux processes are forked, so the function need not be
            pickled; elsewhere it is

    Yields:
        The results. An exception of the function is raised in place of its result; one
        from a process becomes a RuntimeError that shows the traceback there.
    """
    if not workers:
        return (function(task) for task in tasks)
    if use_processes:
        return _map_in_processes(function, iter(tasks), workers)
    return _map_in_threads(function, iter(tasks), workers)


def _map_in_threads(
    function: Callable[[Any], Any], tasks: Iterator[Any], workers: int
) -> Generator[Any, None, None]:
    executor = ThreadPoolExecutor(workers, thread_name_prefix="mrcnn-data")
    pending: deque[tuple[Any, Future]] = deque()
    try:
        for task in tasks:
            pending.append((task, executor.submit(function, task)))
            # One more than there are threads, so that none has to wait.
            if len(pending) > workers:
                yield _await(*pending.popleft())
        while pending:
            yield _await(*pending.popleft())
    finally:
        executor.shutdown(wait=False, cancel_futures=True)


def _await(task: Any, future: Future) -> Any:
    while not wait([future], PATIENCE).done:
        _report_waiting(task)
    return future.result()


class _Worker(NamedTuple):
    """A process and the parent's end of the pipe to it."""

    process: BaseProcess
    pipe: Connection


class _Failure(NamedTuple):
    """An exception on its way to the parent, as text: not all can be pickled."""

    message: str
    trace: str


class WorkerTraceback(Exception):
    """The traceback of a worker process, shown as the cause of what it raised."""

    def __str__(self) -> str:
        return f"\n{self.args[0]}"


def _map_in_processes(
    function: Callable[[Any], Any], tasks: Iterator[Any], workers: int
) -> Generator[Any, None, None]:
    """Tasks go round; each worker holds one finished result until it is asked for."""
    team = _start(function, workers)
    pending: deque[tuple[Any, _Worker]] = deque()
    try:
        for number, task in enumerate(tasks):
            worker = team[number % workers]
            pending.append((task, worker))
            _send(worker, task)
            if len(pending) > 2 * workers:
                yield _receive(*pending.popleft())
        while pending:
            yield _receive(*pending.popleft())
    finally:
        _stop(team)


def _start(function: Callable[[Any], Any], workers: int) -> list[_Worker]:
    # A fork inherits datasets that cannot be pickled, as those of the main script.
    is_linux = sys.platform.startswith("linux")
    context: Any = multiprocessing.get_context("fork" if is_linux else "spawn")
    team: list[_Worker] = []
    try:
        for number in range(workers):
            pipe, remote = context.Pipe()
            # Forked children inherit the parent's ends too. Closed there, they let
            # every child notice when the parent is gone.
            inherited = [worker.pipe for worker in team] + [pipe] if is_linux else []
            process = context.Process(
                target=_serve,
                args=(function, remote, inherited),
                name=f"mrcnn-data-{number}",
                daemon=True,
            )
            with warnings.catch_warnings():
                # The child runs NumPy and OpenCV only; neither keeps a lock in a fork.
                warnings.simplefilter("ignore", DeprecationWarning)
                process.start()
            remote.close()
            team.append(_Worker(process, pipe))
    except BaseException:
        _stop(team)
        raise
    return team


def _serve(
    function: Callable[[Any], Any], pipe: Connection, inherited: list[Connection]
) -> None:
    """A worker process: answers tasks until the parent closes the pipe."""
    # The parent alone answers to Ctrl-C, and then ends its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    for other in inherited:
        other.close()
    try:
        while True:
            task = pipe.recv()
            pipe.send(_answer(function, task))
    except (EOFError, ConnectionError):
        return


def _answer(function: Callable[[Any], Any], task: Any) -> Any:
    try:
        return function(task)
    except BaseException as error:
        message = str(error) or type(error).__name__
        return _Failure(message, traceback.format_exc())


def _send(worker: _Worker, task: Any) -> None:
    try:
        worker.pipe.send(task)
    except ConnectionError as error:
        raise _death_of(worker, task) from error


def _receive(task: Any, worker: _Worker) -> Any:
    try:
        while not worker.pipe.poll(PATIENCE):
            _report_waiting(task)
        result = worker.pipe.recv()
    except (EOFError, ConnectionError) as error:
        raise _death_of(worker, task) from error
    if isinstance(result, _Failure):
        raise RuntimeError(result.message) from WorkerTraceback(result.trace)
    return result


def _stop(team: list[_Worker]) -> None:
    for worker in team:
        worker.pipe.close()
        worker.process.terminate()
    for worker in team:
        worker.process.join(_GRACE)
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join(_GRACE)


def _death_of(worker: _Worker, task: Any) -> RuntimeError:
    worker.process.join(_GRACE)
    return RuntimeError(
        f"A data worker process ended with exit code {worker.process.exitcode} while "
        f"it was at {task}. A negative code is a signal: -9 mostly means that memory "
        "ran out, -11 a crash in a library. Use fewer workers, or threads, to see more."
    )


def _report_waiting(task: Any) -> None:
    logger.warning(
        "Waiting for data: no worker has finished %s in %.0f seconds.", task, PATIENCE
    )
