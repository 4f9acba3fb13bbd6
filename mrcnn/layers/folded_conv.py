"""A convolution that does the work of the normalization behind it, in its best form.

A batch normalization at detection, and a frozen one always, is a fixed scale and shift
of each channel, and the convolution before it can apply both: with scaled kernels and
another bias, a feature map is gone through once instead of three times. A kernel as
large as the map is one matrix product, which processors do better than convolutions,
and for a wide kernel of 3×3 there is an algorithm that multiplies less.

Shapes: B images, h w a feature map, F channels.
"""

import math
from typing import Any

import keras
from keras import ops

from mrcnn.layers import winograd
from mrcnn.layers.batch_norm import BatchNorm


class FoldedConv(keras.layers.Layer):
    """A convolution, and the normalization of its output if there is one, in one step.

    Holds the two layers, of which the first has no activation if there is a second, and
    folds their weights anew at every call, so it follows them wherever they are trained
    or loaded; that costs little beside the convolution. Goes by the moving statistics
    always, also in training. It is not saved: the two layers are.

    Inputs:
        features: [B, h, w, F]

    Output:
        features: [B, h', w', F']
    """

    def __init__(
        self, conv: keras.layers.Conv2D, norm: BatchNorm | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**{"name": conv.name, "dtype": conv.dtype_policy, **kwargs})
        self.conv = conv
        self.norm = norm

    def build(self, input_shape: tuple) -> None:
        layers = [layer for layer in (self.conv, self.norm) if layer is not None]
        if not all(layer.built for layer in layers):
            names = " and ".join(repr(layer.name) for layer in layers)
            raise ValueError(
                f"The layers {names} have no weights to fold yet: build the network "
                "around them first."
            )

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return self.conv.compute_output_shape(input_shape)

    def call(self, inputs: Any) -> Any:
        if covers_map(self.conv, inputs.shape):
            outputs = self._multiply(inputs)
        else:
            outputs = self._convolve(inputs)
        return self.conv.activation(outputs)

    def _convolve(self, inputs: Any) -> Any:
        """[B, h, w, F] -> [B, h', w', F']"""
        scale, shift = self._scale_and_shift()
        kernel = ops.convert_to_tensor(self.conv.kernel)
        kernel = kernel if scale is None else scale * kernel
        if winograd.is_quicker(self.conv, self.compute_dtype):
            outputs = winograd.convolve(inputs, ops.cast(kernel, "float32"))
        else:
            outputs = ops.conv(
                inputs,
                ops.cast(kernel, self.compute_dtype),
                strides=self.conv.strides,
                padding=self.conv.padding,
                dilation_rate=self.conv.dilation_rate,
                data_format=self.conv.data_format,
            )
        return self._shifted(outputs, shift)

    def _multiply(self, inputs: Any) -> Any:
        """[B, h, w, F] -> [B, 1, 1, F']"""
        scale, shift = self._scale_and_shift()
        kernel = ops.cast(self.conv.kernel, self.compute_dtype)
        length = math.prod(kernel.shape[:-1])
        outputs = ops.matmul(
            ops.reshape(inputs, (-1, length)), ops.reshape(kernel, (length, -1))
        )
        if scale is not None:
            # The kernel is larger than what comes out.
            outputs = outputs * ops.cast(scale, self.compute_dtype)
        outputs = self._shifted(outputs, shift)
        return ops.reshape(outputs, (-1, 1, 1, kernel.shape[-1]))

    def _shifted(self, outputs: Any, shift: Any) -> Any:
        if shift is None:
            return outputs
        # Not `+`: what `ops.add` makes of a bias is fused with the convolution.
        return ops.add(outputs, ops.cast(shift, self.compute_dtype))

    def _scale_and_shift(self) -> tuple[Any, Any]:
        """Of the convolution without its bias, [F'] each; None where there is none."""
        bias = ops.convert_to_tensor(self.conv.bias) if self.conv.use_bias else None
        if self.norm is None:
            return None, bias
        scale, shift = scale_and_shift(self.norm)
        return scale, shift if bias is None else shift + scale * bias


def covers_map(conv: keras.layers.Conv2D, features_shape: tuple) -> bool:
    """Whether a convolution looks at all of the map at once, and only once.

    `features_shape` is [B, h, w, F], with sides that may be unknown.
    """
    is_plain = conv.padding == "valid" or conv.kernel_size == (1, 1)
    is_plain = is_plain and conv.dilation_rate == (1, 1)
    is_plain = is_plain and conv.data_format == "channels_last"
    return is_plain and tuple(features_shape[1:3]) == conv.kernel_size


def scale_and_shift(norm: BatchNorm) -> tuple[Any, Any]:
    """What a normalization does to its input at detection. -> [F], [F]"""
    gamma, beta, mean, variance = (
        ops.convert_to_tensor(weight)
        for weight in (norm.gamma, norm.beta, norm.moving_mean, norm.moving_variance)
    )
    scale = gamma * ops.rsqrt(variance + norm.epsilon)
    return scale, beta - mean * scale
