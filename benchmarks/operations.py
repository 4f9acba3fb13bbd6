"""How many multiplications with an addition a network takes, counted layer by layer.

Convolutions and dense layers are counted, which nearly all the time goes to: as many as
their kernel has weights, at every place where the kernel is laid. What the machine does
in a second (`peak.py`) turns the count into a floor, the time of convolutions computed
just so.
"""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import keras
from keras import tree

# A multiplication and an addition.
OPERATIONS = 2


def floor_seconds(multiply_adds: float, peak: float) -> float:
    """Time of so many at `peak` operations a second."""
    return OPERATIONS * multiply_adds / peak


def count_multiply_adds(
    model: keras.Model,
    image_shape: Sequence[int],
    *,
    rois: int,
    training: bool = False,
) -> Counter[str]:
    """Multiply-adds of one call, by the names of layers.

    Args:
        model: a network of layers; its first input is images, [B, H, W, channels]
        image_shape: (B, H, W)
        rois: of all images together, where their number depends on the images, as that
            of detections does
        training: counts a second pass wherever a layer has weights that learn, and
            another where its input depends on such weights
    """
    return _Count(image_shape[0], rois, training).of(model, image_shape)


class _Count:
    """A walk through a network whose tensors have shapes without gaps."""

    def __init__(self, batch_size: int, rois: int, training: bool) -> None:
        self.batch_size = batch_size
        self.rois = rois
        self.training = training
        self.found: Counter[str] = Counter()
        # Tensors that depend on weights that learn; kept, so that ids stay theirs.
        self.learning: dict[int, Any] = {}

    def of(self, model: keras.Model, image_shape: Sequence[int]) -> Counter[str]:
        image = tree.flatten(model.input)[0]

        def with_shape(tensor: Any) -> Any:
            inner = image_shape[1:] if tensor is image else tensor.shape[1:-1]
            shape = (self.batch_size, *inner, tensor.shape[-1])
            return keras.Input(batch_shape=shape, dtype=tensor.dtype, name=tensor.name)

        self._walk(model, tree.map_structure(with_shape, model.input))
        return self.found

    def _walk(self, model: keras.Model, inputs: Any) -> None:
        keras.models.clone_model(
            model, inputs, clone_function=lambda layer: layer, call_function=self._call
        )

    def _call(self, layer: Any, *args: Any, **kwargs: Any) -> Any:
        """Calls a layer, as the walk asks, and counts."""
        outputs = layer(*args, **kwargs)
        is_learning = self._is_learning(args, kwargs)
        if isinstance(layer, keras.Model):
            self._call_nested(layer, *args, is_learning=is_learning)
        has_learning = bool(getattr(layer, "trainable_weights", ()))
        passes = 1 + self.training * (is_learning + has_learning)
        self.found[layer.name] += passes * self._of_call(layer, args, outputs)
        if is_learning or has_learning:
            self._note_learning(outputs)
        return outputs

    def _call_nested(self, model: keras.Model, tensor: Any, is_learning: bool) -> None:
        inputs = keras.Input(batch_shape=tensor.shape, dtype=tensor.dtype)
        if is_learning:
            self._note_learning(inputs)
        self._walk(model, inputs)

    def _note_learning(self, tensors: Any) -> None:
        self.learning.update({id(tensor): tensor for tensor in tree.flatten(tensors)})

    def _is_learning(self, *arguments: Any) -> bool:
        return any(id(tensor) in self.learning for tensor in tree.flatten(arguments))

    def _of_call(self, layer: Any, args: Sequence[Any], outputs: Any) -> int:
        inner = layer.layer if isinstance(layer, keras.layers.Wrapper) else layer
        kernel = getattr(inner, "kernel", None)
        if kernel is None:
            return 0
        # A transposed convolution lays its kernel onto every place of its input.
        is_transposed = isinstance(inner, keras.layers.Conv2DTranspose)
        shape = (args[0] if is_transposed else outputs).shape
        return math.prod(kernel.shape) * self._places(shape[:-1])

    def _places(self, shape: Sequence[int | None]) -> int:
        """[B, ..., R or None, ...] -> number of places"""
        if None not in shape:
            return math.prod(shape)  # type: ignore[arg-type]
        after = shape[shape.index(None) + 1 :]
        return self.rois * math.prod(after)  # type: ignore[arg-type]
