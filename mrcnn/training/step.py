"""One step of training: batches in, updated weights and losses out.

Each device works on its images; gradients are averaged over micro-batches and devices,
cut to a norm and pulled by weight decay, once and for all devices alike. A step whose
losses or gradients are not finite changes nothing.

Shapes: L losses.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from mrcnn.layers.precision import computing_in
from mrcnn.training.averaging import WeightAverage
from mrcnn.training.forward import Forward
from mrcnn.training.loss_scale import LossScale
from mrcnn.training.optimizer import is_decayed
from mrcnn.training.strategy import Batch, split_batch

SUM, MEAN = tf.distribute.ReduceOp.SUM, tf.distribute.ReduceOp.MEAN


class StepResult(NamedTuple):
    """What came of a step."""

    losses: dict[str, float]
    """Weighted losses by name, means over images; their sum first, as "loss"."""

    is_taken: bool
    """Whether the weights were updated."""

    is_lost: bool
    """Whether training cannot go on: losses or gradients are not finite."""

    wants_stop: bool
    """Whether any machine asked to stop after this step."""


class TrainingStep:
    """Updates the weights of a network that learn.

    Args:
        forward: from a batch to losses; its network's trainable weights learn
        optimizer: has been prepared for them
        strategy: that the network was built under
        clip_norm: length that the gradient is cut to; None cuts nothing
        weight_decay: added to the gradient as so many times the weight
        num_micro_batches: batches that make up a step
        average: of the weights, or None
    """

    def __init__(
        self,
        forward: Forward,
        optimizer: keras.optimizers.Optimizer,
        strategy: tf.distribute.Strategy,
        *,
        clip_norm: float | None = None,
        weight_decay: float = 0.0,
        num_micro_batches: int = 1,
        average: WeightAverage | None = None,
    ) -> None:
        self.forward = forward
        self.optimizer = optimizer
        self.strategy = strategy
        self.clip_norm = clip_norm
        self.weight_decay = weight_decay
        self.average = average
        self.variables = list(forward.network.trainable_variables)
        with strategy.scope():
            is_float16 = forward.precision == "mixed_float16"
            self.loss_scale = LossScale() if is_float16 else None
            self._sums = self._make_sums() if num_micro_batches > 1 else []
        # Molded images may differ in shape; after two of them any will do.
        self._accumulate = tf.function(self._accumulate_all, reduce_retracing=True)
        self._update = tf.function(self._update_all, reduce_retracing=True)

    def __call__(
        self, batches: Sequence[Batch], seed: int, *, wants_stop: bool = False
    ) -> StepResult:
        """Takes a step.

        Args:
            batches: this machine's micro-batches, at most `num_micro_batches`
            seed: of all that the network leaves to chance
            wants_stop: asks all machines to stop after this step
        """
        share = tf.constant(1.0 / len(batches))
        seed = tf.constant(seed, "int64")
        stop = tf.constant(float(wants_stop))
        parts = [split_batch(self.strategy, batch) for batch in batches]
        rows = [self._accumulate(part, seed, share) for part in parts[:-1]]
        row, flags = self._update(parts[-1], seed, share, stop)
        losses = np.mean([one.numpy() for one in (*rows, row)], axis=0)  # [L]
        is_finite, num_stops = flags.numpy()
        total = float(losses.sum())
        named = dict(zip(self.forward.loss_names, map(float, losses), strict=True))
        is_lost = not is_finite and self._is_hopeless(total)
        return StepResult(
            {"loss": total, **named}, bool(is_finite), is_lost, num_stops > 0
        )

    @property
    def state(self) -> list[Any]:
        """Variables beside the network's that a run goes on with."""
        variables = list(self.optimizer.variables)
        if self.loss_scale is not None:
            variables += [self.loss_scale.scale, self.loss_scale.steps]
        return variables + (self.average.stored if self.average is not None else [])

    def _is_hopeless(self, loss: float) -> bool:
        """Whether it is more than a scaled gradient that overflowed."""
        if self.loss_scale is None or not np.isfinite(loss):
            return True
        return float(self.loss_scale.scale.numpy()) < 1.0

    def _make_sums(self) -> list[tf.Variable]:
        """Gradients of earlier micro-batches, of each device apart."""
        return [
            tf.Variable(
                tf.zeros(variable.shape),
                trainable=False,
                synchronization=tf.VariableSynchronization.ON_READ,
                aggregation=tf.VariableAggregation.SUM,
            )
            for variable in self.variables
        ]

    # --- For all devices ----------------------------------------------------------

    def _accumulate_all(self, part: Any, seed: tf.Tensor, share: tf.Tensor) -> Any:
        def accumulate(part: Batch, seed: tf.Tensor, share: tf.Tensor) -> Any:
            losses, gradients, moved = self._gradients(part, seed, share)
            for total, gradient in zip(self._sums, gradients, strict=True):
                total.assign_add(gradient)
            return losses, moved

        losses, moved = self.strategy.run(accumulate, args=(part, seed, share))
        losses = self.strategy.reduce(MEAN, losses, axis=None)
        is_finite = tf.reduce_all(tf.math.is_finite(losses))
        tf.cond(is_finite, lambda: self._move(moved), lambda: False)
        return losses

    def _update_all(
        self, part: Any, seed: tf.Tensor, share: tf.Tensor, stop: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """-> losses [L] and (whether finite, number of machines' devices to stop)"""
        row, gradients, moved = self.strategy.run(
            self._final_gradients, args=(part, seed, share, stop)
        )
        row = self.strategy.reduce(SUM, row, axis=None)
        losses, norm, stops = row[:-2], row[-2], row[-1]
        losses = losses / self.strategy.num_replicas_in_sync
        is_finite = tf.reduce_all(tf.math.is_finite(losses)) & tf.math.is_finite(norm)

        def take() -> bool:
            self.strategy.run(self._apply, args=(gradients,))
            self._move(moved)
            if self.average is not None:
                self.average.update(self.optimizer.iterations.value)
            return True

        # Around `run`, not inside it: devices may not meet within a branch.
        tf.cond(is_finite, take, lambda: False)
        if self.loss_scale is not None:
            self.loss_scale.update(is_finite)
        return losses, tf.stack([tf.cast(is_finite, "float32"), stops])

    def _move(self, moved: Mapping[str, Any]) -> bool:
        """Sets the statistics of BatchNorm layers that learn them."""
        for position, value in moved.items():
            variable = self.forward.resting[int(position)]
            variable.value.assign(self.strategy.reduce(MEAN, value, axis=None))
        return True

    # --- On each device -----------------------------------------------------------

    def _gradients(
        self, part: Mapping[str, tf.Tensor], seed: tf.Tensor, share: tf.Tensor
    ) -> tuple[tf.Tensor, list[tf.Tensor], dict[str, tf.Tensor]]:
        """Losses [L], this device's gradients, scaled, and new statistics."""
        weights = [variable.value for variable in self.variables]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(weights)
            losses, moved = self.forward(part, seed, training=True)
            total = tf.reduce_sum(losses) * share
            if self.loss_scale is not None:
                total = total * self.loss_scale.scale
        zero = tf.UnconnectedGradients.ZERO
        # Layers that are recomputed shall do so as they did before.
        with computing_in(self.forward.running, self.forward.precision):
            gradients = tape.gradient(total, weights, unconnected_gradients=zero)
        return losses, [tf.convert_to_tensor(one) for one in gradients], moved

    def _final_gradients(
        self, part: Any, seed: tf.Tensor, share: tf.Tensor, stop: tf.Tensor
    ) -> tuple[tf.Tensor, list[tf.Tensor], dict[str, tf.Tensor]]:
        """A row of losses, norm and stop; the step's gradients; new statistics."""
        losses, gradients, moved = self._gradients(part, seed, share)
        if self._sums:
            gradients = [
                gradient + total.read_value()
                for gradient, total in zip(gradients, self._sums, strict=True)
            ]
            for total in self._sums:
                total.assign(tf.zeros_like(total))
        divisor = float(self.strategy.num_replicas_in_sync)
        if self.loss_scale is not None:
            divisor = divisor * self.loss_scale.scale
        if self.strategy.num_replicas_in_sync > 1:
            context = tf.distribute.get_replica_context()
            gradients = context.all_reduce(SUM, gradients)
        gradients = [gradient / divisor for gradient in gradients]
        norm = tf.linalg.global_norm(gradients)
        if self.clip_norm is not None:
            gradients, _ = tf.clip_by_global_norm(gradients, self.clip_norm, norm)
        return tf.concat([losses, [norm, stop]], axis=0), gradients, moved

    def _apply(self, gradients: Sequence[tf.Tensor]) -> None:
        pulled = [
            gradient + self.weight_decay * variable.value
            if self.weight_decay and is_decayed(variable)
            else gradient
            for gradient, variable in zip(gradients, self.variables, strict=True)
        ]
        count = self.strategy.num_replicas_in_sync
        if count > 1:
            # The optimizer sums over devices what is the same on all of them.
            pulled = [gradient / count for gradient in pulled]
        with _summing(self.optimizer, count > 1):
            self.optimizer.apply_gradients(zip(pulled, self.variables, strict=True))


@contextmanager
def _summing(optimizer: keras.optimizers.Optimizer, is_summing: bool) -> Iterator[None]:
    """Whether an optimizer sums gradients over devices while its graph is made.

    TensorFlow keeps graphs with such sums for ever, even with those of one device, and
    with them all weights that they update.
    """
    if not is_summing:
        vars(optimizer)["_all_reduce_sum_gradients"] = list
    try:
        yield
    finally:
        vars(optimizer).pop("_all_reduce_sum_gradients", None)
