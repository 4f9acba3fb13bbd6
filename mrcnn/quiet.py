"""TensorFlow without its greetings and without what it says to its makers.

    with quiet_stderr():
        import tensorflow

Whoever sets TF_CPP_MIN_LOG_LEVEL below 3 wants to hear it, and does.
"""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

LOG_LEVEL = "TF_CPP_MIN_LOG_LEVEL"
WANTS_TO_HEAR = os.environ.get(LOG_LEVEL, "3") != "3"

# From its import on, it speaks only where it cannot go on.
os.environ.setdefault(LOG_LEVEL, "3")


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """Holds back what the process writes to standard error, C++ included.

    It is let out after all where the block ends in an error.
    """
    kept = None if WANTS_TO_HEAR else _second_way_out()
    if kept is None:
        yield
        return
    with tempfile.TemporaryFile() as held_back:
        os.dup2(held_back.fileno(), 2)
        try:
            yield
        except BaseException:
            held_back.seek(0)
            os.write(kept, held_back.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)


def _second_way_out() -> int | None:
    """A copy of standard error, None where a process has none."""
    if sys.stderr is None:
        return None
    sys.stderr.flush()
    try:
        return os.dup(2)
    except OSError:
        return None
