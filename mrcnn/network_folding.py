"""The same network in fewer and shorter steps.

Normalizations that apply fixed statistics are folded into convolutions: all of them at
detection, frozen ones in training. For detection, convolutions may compute in half
precision besides. Weights are shared with the network that is made faster, so training
and loading go on as before, and files do not change.
"""

from collections import Counter, defaultdict
from typing import Any

import keras
import numpy as np

from mrcnn.layers import winograd
from mrcnn.layers.batch_norm import BatchNorm
from mrcnn.layers.folded_conv import FoldedConv, covers_map
from mrcnn.layers.narrowed_conv import NarrowedConv, can_be_narrowed
from mrcnn.layers.per_roi import PerRoi
from mrcnn.layers.precision import FULL, computing_in
from mrcnn.layers.recomputed import Recomputed
from mrcnn.layers.tensorflow_ops import KERNELS_ARE_USABLE, trace_for_all_shapes


class Detector(keras.Model):
    """A network of which `predict` alone is called, in a precision of its own."""

    def __init__(self, inputs: Any, outputs: Any, *, precision: str = FULL) -> None:
        super().__init__(inputs, outputs)
        self.precision = precision

    def predict_step(self, *arguments: Any) -> Any:
        """Runs while the graph is traced, with what Keras' backend calls it with."""
        with computing_in(self, self.precision):
            return super().predict_step(*arguments)

    def predict_on_batch(self, x: Any) -> Any:
        """What the network makes of arrays of numbers of any dtype."""
        return super().predict_on_batch([np.asarray(one, "float32") for one in x])


def build_detector(model: keras.Model, precision: str = FULL) -> Detector:
    """The fast form of a network that detects.

    Args:
        model: from images to detections
        precision: what convolutions compute in, see `computing_in`; boxes, scores and
            masks stay in float32
    """
    folded = fold_norms(model)
    detector = Detector(folded.inputs, folded.outputs, precision=precision)
    detector.make_predict_function()
    if KERNELS_ARE_USABLE:
        trace_for_all_shapes(detector.predict_function, detector.inputs)
    return detector


def fold_norms(model: keras.Model, *, only_frozen: bool = False) -> keras.Model:
    """A model that computes what another does at detection, on the same weights.

    Every `BatchNorm` whose input is the output of a convolution, and nobody else's
    input, goes into that convolution; the convolution may be wrapped in `PerRoi`.
    Convolutions over a whole map become matrix products, and wide ones of 3×3 multiply
    less, see `FoldedConv`; at detection, they swallow narrow ones, see `NarrowedConv`.
    So do those of nested models.

    Args:
        model: gradients go through its weights as before
        only_frozen: leaves normalizations alone that learn in training, so that the
            model computes what the other does there, too

    Layers are chosen by name in the other model: a folded one has the weights of two.
    """
    norms = _norms_by_convolution(model, only_frozen=only_frozen)
    folded_away = {norm.name for norm in norms.values() if norm is not None}
    narrow = {} if only_frozen else _narrow_by_convolution(model)
    channels = _channels(narrow)
    nested: dict[str, keras.Model] = {}

    def call(layer: Any, *args: Any, **kwargs: Any) -> Any:
        if layer.name in folded_away:
            return args[0]
        if layer.name in narrow:
            return NarrowedConv(layer, narrow[layer.name])(*args)
        if layer.name in channels:
            return layer.activation(args[0][..., channels[layer.name]])
        if layer.name in norms:
            return _folded(layer, norms[layer.name])(*args)
        if isinstance(layer, keras.Model):
            # Once, though it may be called on several levels.
            if layer.name not in nested:
                nested[layer.name] = _folded_model(layer, only_frozen=only_frozen)
            return nested[layer.name](*args)
        return layer(*args, **kwargs)

    return keras.models.clone_model(
        model, clone_function=lambda layer: layer, call_function=call
    )


def _folded_model(model: keras.Model, *, only_frozen: bool) -> keras.Model:
    folded = fold_norms(model, only_frozen=only_frozen)
    if isinstance(model, Recomputed):
        return Recomputed(folded.inputs[0], folded.outputs[0], name=model.name)
    return folded


def _norms_by_convolution(
    model: keras.Model, *, only_frozen: bool
) -> dict[str, BatchNorm | None]:
    """What gains: the name of a convolution, and the normalization after it, if any."""
    nodes = [node for nodes in model._nodes_by_depth.values() for node in nodes]
    uses = Counter(
        id(tensor) for node in nodes for tensor in node.arguments.keras_tensors
    )
    calls = Counter(id(node.operation) for node in nodes)
    norm_after = {
        id(node.arguments.keras_tensors[0]): node.operation
        for node in nodes
        if isinstance(node.operation, BatchNorm)
        and calls[id(node.operation)] == 1
        and (node.operation.frozen or not only_frozen)
    }
    found: dict[str, BatchNorm | None] = {}
    for node in nodes:
        layer = node.operation
        if calls[id(layer)] > 1 or not _is_convolution(layer):
            continue
        (output,) = node.outputs
        norm = norm_after.get(id(output)) if uses[id(output)] == 1 else None
        if _inner(layer).activation is not keras.activations.linear:
            norm = None
        if norm is not None or _gains(layer, node.arguments.keras_tensors[0]):
            found[layer.name] = norm
    return found


def _narrow_by_convolution(model: keras.Model) -> dict[str, list[keras.layers.Conv2D]]:
    """The name of a wide convolution, and the narrow ones that alone use its output."""
    nodes = [node for nodes in model._nodes_by_depth.values() for node in nodes]
    calls = Counter(id(node.operation) for node in nodes)
    users = defaultdict(list)
    for node in nodes:
        for tensor in node.arguments.keras_tensors:
            users[id(tensor)].append(node.operation)
    kept = {id(tensor) for tensor in model.outputs}
    found = {}
    for node in nodes:
        layers = [node.operation, *users[id(node.outputs[0])]]
        are_called_once = all(calls[id(layer)] == 1 for layer in layers)
        is_kept = id(node.outputs[0]) in kept
        if are_called_once and not is_kept and can_be_narrowed(layers[0], layers[1:]):
            found[node.operation.name] = layers[1:]
    return found


def _channels(narrow: dict[str, list[keras.layers.Conv2D]]) -> dict[str, slice]:
    """Where a narrow convolution's numbers are among those of its wide one."""
    found = {}
    for layers in narrow.values():
        stop = 0
        for layer in layers:
            start, stop = stop, stop + layer.filters
            found[layer.name] = slice(start, stop)
    return found


def _is_convolution(layer: Any) -> bool:
    inner = _inner(layer)
    return type(inner) is keras.layers.Conv2D and inner.groups == 1


def _gains(layer: Any, features: Any) -> bool:
    """Whether a convolution without a normalization has a better form, too."""
    shape = features.shape[1:] if isinstance(layer, PerRoi) else features.shape
    inner = _inner(layer)
    return covers_map(inner, shape) or winograd.is_quicker(inner)


def _folded(layer: Any, norm: BatchNorm | None) -> Any:
    folded = FoldedConv(_inner(layer), norm)
    return PerRoi(folded) if isinstance(layer, PerRoi) else folded


def _inner(layer: Any) -> Any:
    return layer.layer if isinstance(layer, PerRoi) else layer
