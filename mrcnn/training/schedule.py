"""How the learning rate goes over the steps of a stage of training.

A schedule is a factor by step. The rate of a step is that factor times the base rate,
which `keras_model.optimizer.learning_rate` holds between steps: a callback that sets it
changes the base, and warm-up and schedule go on from there.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

# Share of the base rate that a warm-up begins with.
WARMUP_START = 0.001
# What is left of the rate after a drop of the "step" schedule.
DROP_FACTOR = 0.1


class Schedule(NamedTuple):
    """Factors of the learning rate; steps count updates of weights from 0."""

    name: str = "constant"
    """"constant", "step" or "cosine"."""

    warmup_steps: int = 0
    """Steps at the beginning in which the rate rises in a line."""

    drop_steps: Sequence[int] = ()
    """With "step", from each of these on the rate is a tenth of what it was."""

    total_steps: int = 1
    """With "cosine", the rate falls to zero over so many steps."""

    def factor(self, step: int) -> float:
        """What the base rate is multiplied by in a step of the stage."""
        factor = 1.0
        if step < self.warmup_steps:
            share = step / self.warmup_steps
            factor = WARMUP_START * (1 - share) + share
        if self.name == "step":
            return factor * DROP_FACTOR ** sum(step >= drop for drop in self.drop_steps)
        if self.name == "cosine":
            share = min(1.0, step / max(1, self.total_steps))
            return factor * 0.5 * (1 + math.cos(math.pi * share))
        return factor


def scaled_rate(rate: float, batch_size: int, meant_for: int | None) -> float:
    """A learning rate by the linear scaling rule; as it is where `meant_for` is None.

    Goyal et al., "Accurate, Large Minibatch SGD": a batch k times as large takes k
    times the rate, after a warm-up.
    """
    return rate if meant_for is None else rate * batch_size / meant_for
