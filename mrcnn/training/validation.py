"""Losses over a validation set: every image once, nothing left to chance.

Shapes: L losses.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import tensorflow as tf

from mrcnn.training.forward import Forward
from mrcnn.training.strategy import (
    Batch,
    num_images_of,
    num_local_replicas,
    repeat_batch,
    split_batch,
    sum_over_workers,
)


class Validation:
    """Computes mean losses of images that the network does not learn from.

    Args:
        forward: from a batch to losses
        strategy: that the network was built under
    """

    def __init__(self, forward: Forward, strategy: tf.distribute.Strategy) -> None:
        self.forward = forward
        self.strategy = strategy
        self._losses = tf.function(self._losses_on_devices, reduce_retracing=True)

    def __call__(self, batches: Iterable[Batch]) -> dict[str, float]:
        """Means over all images, of all machines: "loss" and each loss by name.

        Args:
            batches: this machine's share, of any sizes
        """
        sums = np.zeros(len(self.forward.loss_names))  # [L]
        num_images = 0
        for batch in batches:
            sums += self._losses_of(batch) * num_images_of(batch)
            num_images += num_images_of(batch)
        sums, counts = sum_over_workers(self.strategy, [sums, np.array([num_images])])
        if not counts[0]:
            raise ValueError("The validation set has no images. Give one that has.")
        means = sums / counts[0]
        named = dict(zip(self.forward.loss_names, map(float, means), strict=True))
        return {"loss": float(means.sum()), **named}

    def _losses_of(self, batch: Batch) -> np.ndarray:
        """Losses of a batch of this machine's. -> [L]"""
        num_parts = num_local_replicas(self.strategy)
        is_even = num_images_of(batch) % num_parts == 0
        # The last batch of a set may be odd. Each device takes it as a whole then, in
        # the time that one of them would.
        shared = (split_batch if is_even else repeat_batch)(self.strategy, batch)
        rows = self.strategy.experimental_local_results(self._losses(shared))
        return np.mean([row.numpy() for row in rows], axis=0)

    def _losses_on_devices(self, batch: Any) -> Any:
        def losses_of(part: Batch) -> tf.Tensor:
            losses, _ = self.forward(part, tf.constant(0, "int64"), training=False)
            return losses

        return self.strategy.run(losses_of, args=(batch,))
