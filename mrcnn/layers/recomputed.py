"""Layers whose features are computed again for the gradient instead of being kept."""

from itertools import count
from typing import Any

import keras

from mrcnn.geometry.arrays import Array


class Recomputed(keras.Model):
    """A part of a network of which training keeps the input and the output alone.

    The gradient runs it once more to have what lies between. It is made like any
    `keras.Model` of one tensor to another, around layers that it shares.

    Input:
        features: [B, ...]

    Output:
        features: [B, ...]
    """

    def call(
        self, inputs: Array, training: bool | None = None, mask: Any = None
    ) -> Array:
        passes = count()
        run = super().call

        def run_once_more(features: Array) -> Array:
            if next(passes) == 0:
                return run(features, training=training)
            # Statistics of BatchNorm layers have moved in the first pass.
            with keras.StatelessScope():
                return run(features, training=training)

        return keras.remat(run_once_more)(inputs) if training else run(inputs)
