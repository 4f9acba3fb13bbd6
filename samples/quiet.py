"""Importing TensorFlow without the greetings that it writes before it can be asked."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

# Later on, it speaks only where it cannot go on.
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """While inside, nothing reaches the process's standard error, C++ included."""
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
