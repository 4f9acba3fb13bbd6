"""Python's and NumPy's shared random states, seeded for a while."""

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np


@contextmanager
def seeded_globals(entropy: Sequence[int]) -> Iterator[None]:
    """Lets `random` and `np.random` follow from the entropy while it lasts.

    After that they are as they were before. Other threads see the change too.
    """
    states = random.getstate(), np.random.get_state()
    seed = int(np.random.SeedSequence(entropy).generate_state(1)[0])
    random.seed(seed)
    np.random.seed(seed)
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
