"""A convolution that does the work of the normalization behind it.

At detection a batch normalization is a fixed scale and shift of each channel, and the
convolution before it can apply both: with scaled kernels and another bias, a feature
map is gone through once instead of three times.

Shapes: B images, h w a feature map, F channels.
"""

from typing import Any

import keras
from keras import ops

from mrcnn.layers.batch_norm import BatchNorm


class FoldedConv(keras.layers.Layer):
    """A convolution and the normalization of its output in one step.

    Holds the two layers and folds their weights anew at every call, so it follows them
    wherever they are trained or loaded; that costs little beside the convolution. Goes
    by the moving statistics always, so it is for detection alone. It is not saved: the
    two layers are.

    Inputs:
        features: [B, h, w, F]

    Output:
        features: [B, h', w', F']
    """

    def __init__(
        self, conv: keras.layers.Conv2D, norm: BatchNorm, **kwargs: Any
    ) -> None:
        super().__init__(**{"name": conv.name, "dtype": conv.dtype_policy, **kwargs})
        self.conv = conv
        self.norm = norm

    def build(self, input_shape: tuple) -> None:
        if not (self.conv.built and self.norm.built):
            raise ValueError(
                f"The layers {self.conv.name!r} and {self.norm.name!r} have no weights "
                "to fold yet: build the network around them first."
            )

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return self.conv.compute_output_shape(input_shape)

    def call(self, inputs: Any) -> Any:
        conv = self.conv
        scale, shift = scale_and_shift(self.norm)
        if conv.use_bias:
            shift = shift + scale * ops.convert_to_tensor(conv.bias)
        outputs = ops.conv(
            inputs,
            ops.cast(scale * ops.convert_to_tensor(conv.kernel), self.compute_dtype),
            strides=conv.strides,
            padding=conv.padding,
            dilation_rate=conv.dilation_rate,
            data_format=conv.data_format,
        )
        return outputs + ops.cast(shift, self.compute_dtype)


def scale_and_shift(norm: BatchNorm) -> tuple[Any, Any]:
    """What a normalization does to its input at detection. -> float32 [F], [F]"""
    gamma, beta, mean, variance = (
        ops.convert_to_tensor(weight)
        for weight in (norm.gamma, norm.beta, norm.moving_mean, norm.moving_variance)
    )
    scale = gamma * ops.rsqrt(variance + norm.epsilon)
    return scale, beta - mean * scale
