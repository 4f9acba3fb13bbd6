"""Batch normalization that can be frozen for good.

Batches of a few images give poor statistics, so fine-tuning often keeps those that
came with the weights. A frozen layer is a fixed scale and shift, whatever happens
around it.
"""

from typing import Any

import keras

from mrcnn.geometry.arrays import Array


@keras.saving.register_keras_serializable(package="mrcnn")
class BatchNorm(keras.layers.BatchNormalization):
    """Batch normalization with an option to never learn.

    Not frozen, the layer is Keras' own: batch statistics in training, moving
    statistics otherwise. Frozen, it always uses the moving statistics and keeps
    them, and gamma and beta stay untrainable even after `layer.trainable = True`.

    Inputs:
        features: [..., F]

    Output:
        features: [..., F]
    """

    def __init__(self, *, frozen: bool = False, **kwargs: Any) -> None:
        self.frozen = frozen
        super().__init__(**kwargs)

    @property
    def trainable(self) -> bool:
        """Whether gamma and beta may be trained; a frozen layer answers False."""
        return self._trainable and not self.frozen

    @trainable.setter
    def trainable(self, value: bool) -> None:
        keras.layers.Layer.trainable.fset(self, value and not self.frozen)

    def call(self, inputs: Array, training: bool | None = None) -> Array:
        return super().call(inputs, training=training)

    def build(self, input_shape: Any) -> None:
        super().build(input_shape)
        if self.frozen:
            # A model collects its trainable weights from the variables alone.
            for weight in self.weights:
                weight.trainable = False

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "frozen": self.frozen}
