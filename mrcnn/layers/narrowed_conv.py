"""A wide convolution of which a few numbers of each place are wanted.

The region proposal network makes hundreds of channels of every place, to make a dozen
numbers of them. On the finest level those channels are the largest map of all, and
nobody else looks at it.

Shapes: B images, h w a feature map, F channels, F' filters, G numbers.
"""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from mrcnn.layers import winograd
from mrcnn.layers.folded_conv import FoldedConv


class NarrowedConv(FoldedConv):
    """A convolution with relu, and the 1×1 convolutions of its output, in one step.

    Where `winograd` is quicker, the output in between is made a few rows at a time and
    never held as a whole. Holds the layers and uses their weights. It is not saved: the
    layers are. For detection; gradients would hold all that lies between.

    Inputs:
        features: [B, h, w, F]

    Output:
        numbers: [B, h, w, G] of the narrow convolutions one after the other, without
            their activations. They are float32 in any precision.
    """

    def __init__(
        self,
        conv: keras.layers.Conv2D,
        narrow: Sequence[keras.layers.Conv2D],
        **kwargs: Any,
    ) -> None:
        super().__init__(conv, **kwargs)
        self.narrow = list(narrow)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        num_numbers = sum(layer.filters for layer in self.narrow)
        return (*super().compute_output_shape(input_shape)[:-1], num_numbers)

    def compute_output_spec(self, inputs: Any) -> keras.KerasTensor:
        return keras.KerasTensor(self.compute_output_shape(inputs.shape), "float32")

    def call(self, inputs: Any) -> Any:
        kernels = [_full(layer.kernel)[0, 0] for layer in self.narrow]
        biases = [_full(layer.bias) for layer in self.narrow]
        narrow = [ops.concatenate(kernels, axis=-1), ops.concatenate(biases)]
        if not winograd.is_quicker(self.conv, self.compute_dtype):
            return _narrow(super().call(inputs), *narrow)
        kernel, bias = _full(self.conv.kernel), _full(self.conv.bias)
        num_numbers = narrow[1].shape[0]
        finish = winograd.Finish(_finish, [bias, *narrow], num_numbers, "float32")
        return winograd.convolve_and_finish(inputs, kernel, finish)


def can_be_narrowed(conv: Any, users: Sequence[Any]) -> bool:
    """Whether a layer is a convolution that gains from knowing who uses its output.

    The users are all layers that do.
    """
    return (
        len(users) > 0
        and _is_plain(conv)
        and conv.use_bias
        and conv.activation is keras.activations.relu
        and winograd.is_quicker(conv)
        and all(_is_plain(user) and _looks_at_places(user) for user in users)
        and sum(user.filters for user in users) < conv.filters
    )


def _is_plain(layer: Any) -> bool:
    return type(layer) is keras.layers.Conv2D and layer.groups == 1


def _looks_at_places(conv: keras.layers.Conv2D) -> bool:
    """Whether each number it makes is of a single place."""
    return (
        conv.kernel_size == (1, 1)
        and conv.strides == (1, 1)
        and conv.data_format == "channels_last"
        and conv.use_bias
    )


def _finish(outputs: Any, bias: Any, kernel: Any, biases: Any) -> Any:
    """[..., F'] without the bias, [F'], [F', G], [G] -> [..., G] float32"""
    hidden = ops.relu(ops.add(outputs, ops.cast(bias, outputs.dtype)))
    return _narrow(hidden, kernel, biases)


def _narrow(hidden: Any, kernel: Any, biases: Any) -> Any:
    """[..., F'], [F', G], [G] -> [..., G] float32"""
    return ops.add(ops.matmul(ops.cast(hidden, "float32"), kernel), biases)


def _full(weight: Any) -> Any:
    return ops.cast(weight, "float32")
