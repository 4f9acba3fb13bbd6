"""The end of the mask head where only one mask of each roi is wanted.

A class's patch needs one column of the last convolution's kernel, so the other classes
are not computed. And a transposed convolution whose kernels do not overlap is a matrix
product: it gives every cell its 2×2 pixels, which are put in their places once they
are single numbers. Before that, a roi's numbers are many, so some rois are gone through
at a time.

Shapes: B images, R rois, N of them at a time, S side of the features, F channels before
and F' after the transposed convolution, C classes with background.
"""

from typing import Any

import keras
from keras import ops

from mrcnn.geometry.arrays import Array
from mrcnn.layers.tensorflow_ops import in_turn

ROIS_AT_ONCE = 32


class OwnClassPatches(keras.layers.Layer):
    """Doubles the sides of features and predicts the patches of the rois' own classes.

    Holds the two layers that do so for all classes, and uses their weights. It is not
    saved: the two layers are. Patches are float32 in any precision.

    Args:
        deconv: transposed convolution of kernel 2 and stride 2
        conv: 1×1 convolution to C channels, or to one for all classes alike

    Inputs:
        features: [B, R, S, S, F]; R may be unknown or zero
        class_ids: int [B, R]

    Output:
        patches: [B, R, 2 * S, 2 * S]
    """

    def __init__(
        self,
        deconv: keras.layers.Conv2DTranspose,
        conv: keras.layers.Conv2D,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.deconv = deconv
        self.conv = conv

    def build(self, input_shape: Any) -> None:
        features_shape = (None, *input_shape[0][2:])
        for layer in (self.deconv, self.conv):
            if not layer.built:
                layer.build(features_shape)
            features_shape = layer.compute_output_shape(features_shape)

    def compute_output_shape(self, input_shape: Any) -> tuple:
        num_images, num_rois, height, width, _ = input_shape[0]
        return (num_images, num_rois, 2 * height, 2 * width)

    def compute_output_spec(self, inputs: Any) -> keras.KerasTensor:
        shape = self.compute_output_shape([one.shape for one in inputs])
        return keras.KerasTensor(shape, "float32")

    def call(self, inputs: Any) -> Any:
        features, class_ids = inputs
        num_images, num_rois, height, width, channels = ops.shape(features)
        features = ops.reshape(features, (-1, height, width, channels))
        class_ids = ops.reshape(class_ids, (-1,))

        def of_rois(start: Array, stop: Array) -> Array:
            return self._patches(features[start:stop], class_ids[start:stop])

        patches = in_turn(of_rois, num_images * num_rois, ROIS_AT_ONCE)
        return ops.reshape(patches, (num_images, num_rois, 2 * height, 2 * width))

    def _patches(self, features: Array, class_ids: Array) -> Array:
        """[N, S, S, F], [N] -> [N, 2 * S, 2 * S]"""
        _, height, width, _ = ops.shape(features)
        kernel, bias = self._class_weights(class_ids)
        hidden = ops.reshape(
            self._deconvolve(features), (-1, height * width * 4, kernel.shape[-1])
        )  # [N, S * S * 2 * 2, F']
        hidden = ops.cast(hidden, "float32")
        logits = ops.matmul(hidden, kernel[..., None])[..., 0] + bias[..., None]
        cells = ops.reshape(logits, (-1, height, width, 2, 2))  # [N, S, S, 2, 2]
        patches = ops.transpose(cells, (0, 1, 3, 2, 4))  # [N, S, 2, S, 2]
        return ops.sigmoid(ops.reshape(patches, (-1, 2 * height, 2 * width)))

    def _deconvolve(self, features: Array) -> Array:
        """[N, S, S, F] -> [N * S * S, 2 * 2 * F'] in the order of its axes"""
        kernel = ops.convert_to_tensor(self.deconv.kernel)  # [2, 2, F', F]
        channels_in = kernel.shape[-1]
        kernel = ops.transpose(ops.reshape(kernel, (-1, channels_in)))
        bias = ops.tile(ops.convert_to_tensor(self.deconv.bias), 4)
        pixels = ops.matmul(
            ops.reshape(features, (-1, channels_in)),
            ops.cast(kernel, self.compute_dtype),
        )
        return self.deconv.activation(
            ops.add(pixels, ops.cast(bias, self.compute_dtype))
        )

    def _class_weights(self, class_ids: Array) -> tuple[Array, Array]:
        """Kernel [N, F'] and bias [N] of each roi's class, float32."""
        kernel, biases = (
            ops.cast(ops.convert_to_tensor(weight), "float32")
            for weight in (self.conv.kernel, self.conv.bias)
        )
        kernels = ops.transpose(kernel[0, 0])  # [C, F]
        rows = ops.minimum(class_ids, kernels.shape[0] - 1)
        return ops.take(kernels, rows, axis=0), ops.take(biases, rows, axis=0)
