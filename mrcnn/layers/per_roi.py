"""Work on rois without a loop: rois become images for a while.

The heads apply one small network to every roi. `PerRoi` folds the rois into the
batch axis for that; `TrimRois` and `PadRois` around the mask head see to it that
empty detection slots cost nothing.

Shapes: B images, R rois, D detection slots, D' slots in use.
"""

from typing import Any

import keras
from keras import ops

from mrcnn.geometry.boxes import is_padding


@keras.saving.register_keras_serializable(package="mrcnn")
class PerRoi(keras.layers.Wrapper):
    """Applies a layer to every roi at once, as if each were an image.

    Stands where `keras.layers.TimeDistributed` could, which computes roi after roi.
    Takes the inner layer's name and dtype policy unless told otherwise; the inner
    layer stays reachable as `layer`.

    Inputs:
        features: [B, R, ...]; B and R may be unknown, R may be zero

    Output:
        features: [B, R, ...] with what the inner layer makes of the last axes
    """

    def __init__(self, layer: keras.layers.Layer, **kwargs: Any) -> None:
        kwargs.setdefault("name", layer.name)
        kwargs.setdefault("dtype", layer.dtype_policy)
        super().__init__(layer, **kwargs)

    def build(self, input_shape: tuple) -> None:
        super().build((None, *input_shape[2:]))

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        inner_shape = self.layer.compute_output_shape((None, *input_shape[2:]))
        return (*input_shape[:2], *inner_shape[1:])

    # `training` reaches the inner layer through Keras' call context, which is only
    # filled from arguments that the signature names.
    def call(self, inputs: Any, training: bool | None = None) -> Any:
        shape = ops.shape(inputs)
        outputs = self.layer(ops.reshape(inputs, (-1, *shape[2:])))  # [B * R, ...]
        return ops.reshape(outputs, (*shape[:2], *ops.shape(outputs)[1:]))


@keras.saving.register_keras_serializable(package="mrcnn")
class FoldRois(keras.layers.Layer):
    """Makes rois the images of a batch, for a network of several layers.

    Inputs:
        features: [B, R, ...]; B and R may be unknown, R may be zero

    Output:
        features: [B * R, ...]
    """

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return (None, *input_shape[2:])

    def call(self, inputs: Any) -> Any:
        return ops.reshape(inputs, (-1, *inputs.shape[2:]))


@keras.saving.register_keras_serializable(package="mrcnn")
class UnfoldRois(keras.layers.Layer):
    """Undoes `FoldRois`.

    Inputs:
        features: [B * R, ...]
        rois: [B, R, ...], as they were folded, whatever follows on the last axes

    Output:
        features: [B, R, ...]
    """

    def compute_output_shape(self, input_shape: Any) -> tuple:
        features, rois = input_shape
        return (*rois[:2], *features[1:])

    def call(self, inputs: Any) -> Any:
        features, rois = inputs
        return ops.reshape(features, (*ops.shape(rois)[:2], *features.shape[1:]))


@keras.saving.register_keras_serializable(package="mrcnn")
class TrimRois(keras.layers.Layer):
    """Cuts off the slots that no image of the batch uses, keeping at least one.

    Inputs:
        detections: [B, D, 6], real rows first, zero rows after

    Output:
        detections: [B, D', 6]
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        self.supports_jit = False  # The output's shape depends on the data.

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return (input_shape[0], None, *input_shape[2:])

    def call(self, inputs: Any) -> Any:
        is_real = ops.logical_not(is_padding(inputs))  # [B, D]
        used = ops.max(ops.sum(ops.cast(is_real, "int32"), axis=1), initial=1)
        return inputs[:, :used]


@keras.saving.register_keras_serializable(package="mrcnn")
class PadRois(keras.layers.Layer):
    """Appends zero rows until there are `count`; more than that is an error.

    Inputs:
        rows: [B, D', ...]

    Output:
        rows: [B, count, ...]
    """

    def __init__(self, count: int, **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        self.count = count

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return (input_shape[0], self.count, *input_shape[2:])

    def call(self, inputs: Any) -> Any:
        missing = self.count - ops.shape(inputs)[1]
        other_axes = [(0, 0)] * (len(inputs.shape) - 2)
        padded = ops.pad(inputs, [(0, 0), (0, missing), *other_axes])
        # Spells `count` out, which `pad` cannot infer from an unknown width.
        shape = ops.shape(padded)
        return ops.reshape(padded, (shape[0], self.count, *shape[2:]))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "count": self.count}
