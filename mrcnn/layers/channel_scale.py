"""A learnt factor for each channel, which ConvNeXt's blocks end with.

Keras has it as part of its applications only, where its weight has no name of its own.
"""

from typing import Any

import keras

from mrcnn.geometry.arrays import Array


@keras.saving.register_keras_serializable(package="mrcnn")
class ChannelScale(keras.layers.Layer):
    """Features times one factor for each channel.

    Inputs:
        features: [..., F]

    Output:
        features: [..., F]
    """

    def __init__(self, init_value: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.init_value = init_value

    def build(self, input_shape: Any) -> None:
        self.gamma = self.add_weight(
            shape=[input_shape[-1]],
            initializer=keras.initializers.Constant(self.init_value),
            name="gamma",
        )

    def call(self, features: Array) -> Array:
        return features * self.gamma

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "init_value": self.init_value}
