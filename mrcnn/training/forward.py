"""From a batch to its losses, with no effect on the network.

Random numbers follow from a seed that is handed in, not from a generator that moves on,
so a step can be repeated and every device draws alike. New statistics of BatchNorm
layers are handed back.

Shapes: L losses.
"""

from collections.abc import Mapping

import keras
import tensorflow as tf

from mrcnn.layers.precision import FULL, computing_in
from mrcnn.network_folding import fold_norms

LOSS_ENDING = "_loss"


class Forward:
    """Runs a training network.

    Args:
        network: from inputs by name to a dict of scalars; those whose names end in
            "_loss" are losses
        loss_weights: factors by name, 1 where left out
        precision: see `computing_in`

    Attributes:
        network: whose layers have their own names, and learn
        running: what computes, on the same weights
        loss_names: in the network's order
        resting: weights that do not learn; a pass in training may move some of them
    """

    def __init__(
        self,
        network: keras.Model,
        loss_weights: Mapping[str, float] | None = None,
        precision: str = FULL,
    ) -> None:
        self.network = network
        self.running = fold_norms(network, only_frozen=True)
        self.precision = precision
        outputs = network.output
        self.loss_names = [name for name in outputs if name.endswith(LOSS_ENDING)]
        factors = [(loss_weights or {}).get(name, 1.0) for name in self.loss_names]
        self._factors = [float(factor) for factor in factors]
        weights = {id(variable) for variable in network.weights}
        # Seeds of generators are variables, but no weights.
        self._seeds = [v for v in network.variables if id(v) not in weights]
        self.resting = list(network.non_trainable_weights)

    def __call__(
        self, batch: Mapping[str, tf.Tensor], seed: tf.Tensor, *, training: bool
    ) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        """Weighted losses [L] and new values of `resting` by position.

        Args:
            batch: by the names of inputs; more than the network takes is left aside
            seed: int64 scalar
            training: False computes as detection does, with nothing left to chance
        """
        inputs = keras.tree.map_structure(
            lambda tensor: batch[tensor.name], self.network.input
        )
        seeds = [
            (variable, tf.cast(tf.stack([seed, index]), variable.dtype))
            for index, variable in enumerate(self._seeds)
        ]
        with (
            computing_in(self.running, self.precision),
            keras.StatelessScope(state_mapping=seeds) as scope,
        ):
            outputs = self.running(inputs, training=training)
            values = [scope.get_current_value(variable) for variable in self.resting]
        moved = {
            str(position): tf.convert_to_tensor(value)
            for position, value in enumerate(values)
            if value is not None
        }
        losses = [
            tf.cast(tf.reshape(outputs[name], []), "float32") * factor
            for name, factor in zip(self.loss_names, self._factors, strict=True)
        ]
        return tf.stack(losses), moved
