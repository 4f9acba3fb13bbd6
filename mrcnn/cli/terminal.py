"""What all commands say to a terminal: exit codes, complaints, a progress bar."""

import logging
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

WELL, FAILED, MISUSED, INTERRUPTED = 0, 1, 2, 130
"""Exit codes: all is well; files or data have errors; the command was not understood;
Ctrl-C."""

# Some warnings come with every batch of images.
REPEATS = 3

OnProgress = Callable[[int, int], None]
"""Called with the number of images done and of all."""


class Misuse(Exception):
    """What was typed cannot be understood."""


def complain(command: str, message: object) -> None:
    """A line on standard error that says which command it comes from."""
    print(f"{command}: {message}", file=sys.stderr)


def counted(number: int, noun: str) -> str:
    """A number of things: "1 image", "2 images"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def progress_bar(label: str) -> OnProgress | None:
    """A callback that draws a bar on stderr; None where nobody looks at it."""
    if not sys.stderr.isatty():
        return None

    def show(done: int, total: int) -> None:
        bar = "█" * (30 * done // total)
        end = "\n" if done == total else ""
        sys.stderr.write(f"\r{label} {bar:·<30} {done}/{total}{end}")
        sys.stderr.flush()

    return show


@contextmanager
def log_on_stderr() -> Iterator[None]:
    """Lets the package's warnings reach standard error, the same ones not often."""
    logger, handler = logging.getLogger("mrcnn"), logging.StreamHandler(sys.stderr)
    handler.setLevel(logging.WARNING)
    seen: Counter[object] = Counter()

    def is_shown(record: logging.LogRecord) -> bool:
        seen[record.msg] += 1
        return seen[record.msg] <= REPEATS

    handler.addFilter(is_shown)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
