"""Averages of weights over the last steps, which detect better than the last weights.

While a network learns it holds the weights themselves; for validation, checkpoints and
detection the two change places.
"""

from collections.abc import Sequence

import keras
import tensorflow as tf


class WeightAverage:
    """Exponential moving averages of the weights that learn.

    Args:
        variables: of the network
        strategy: that the network was built under
        decay: share of the average that a step leaves; early steps leave less, so
            that the first weights are soon forgotten
    """

    def __init__(
        self,
        variables: Sequence[keras.Variable],
        strategy: tf.distribute.Strategy,
        decay: float,
    ) -> None:
        self.decay = decay
        self.is_in_place = False
        self._strategy = strategy
        self._weights = [variable.value for variable in variables]
        with strategy.scope():
            self._averages = [
                tf.Variable(weight.numpy(), trainable=False, dtype=weight.dtype)
                for weight in self._weights
            ]
        self._swap_all = tf.function(self._swap)

    def update(self, step: tf.Tensor) -> None:
        """Takes in the weights after a step; part of a graph."""
        step = tf.cast(step, "float32")
        share = 1.0 - tf.minimum(self.decay, (1.0 + step) / (10.0 + step))

        def move(average: tf.Variable, weight: tf.Tensor) -> None:
            average.assign_add((weight - average) * share)

        for average, weight in zip(self._averages, self._weights, strict=True):
            self._strategy.extended.update(average, move, args=(weight,), group=False)

    def put_in_place(self) -> None:
        """The network holds the averages from here on."""
        if not self.is_in_place:
            self._swap_all()
            self.is_in_place = True

    def take_out(self) -> None:
        """The network holds the weights themselves again."""
        if self.is_in_place:
            self._swap_all()
            self.is_in_place = False

    @property
    def stored(self) -> list[tf.Variable]:
        """What the network does not hold: the weights while averages are in place."""
        return self._averages

    def _swap(self) -> None:
        for average, weight in zip(self._averages, self._weights, strict=True):
            kept = tf.identity(weight.read_value())
            weight.assign(average.read_value())
            average.assign(kept)
