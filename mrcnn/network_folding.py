"""The same network in fewer and shorter steps, for detection alone.

Normalizations are folded into convolutions, and convolutions may compute in half
precision. Weights are shared with the network that is made faster, so training and
loading go on as before, and files do not change.
"""

from collections import Counter
from typing import Any

import keras

from mrcnn.layers.batch_norm import BatchNorm
from mrcnn.layers.folded_conv import FoldedConv
from mrcnn.layers.per_roi import PerRoi
from mrcnn.layers.precision import FULL, computing_in


class Detector(keras.Model):
    """A network of which `predict` alone is called, in a precision of its own."""

    def __init__(self, inputs: Any, outputs: Any, *, precision: str = FULL) -> None:
        super().__init__(inputs, outputs)
        self.precision = precision

    def predict_step(self, data: Any) -> Any:
        """Runs while the graph is traced, for each shape of images anew."""
        with computing_in(self, self.precision):
            return super().predict_step(data)


def build_detector(model: keras.Model, precision: str = FULL) -> Detector:
    """The fast form of a network that detects.

    Args:
        model: from images to detections
        precision: what convolutions compute in, see `computing_in`; boxes, scores and
            masks stay in float32
    """
    folded = fold_norms(model)
    return Detector(folded.inputs, folded.outputs, precision=precision)


def fold_norms(model: keras.Model) -> keras.Model:
    """A model that computes what another does at detection, on the same weights.

    Every `BatchNorm` whose input is the output of a convolution, and nobody else's
    input, goes into that convolution; the convolution may be wrapped in `PerRoi`.
    """
    norms = _norms_by_convolution(model)
    folded_away = {norm.name for norm in norms.values()}

    def call(layer: Any, *args: Any, **kwargs: Any) -> Any:
        if layer.name in folded_away:
            return args[0]
        if layer.name in norms:
            return _folded(layer, norms[layer.name])(*args)
        return layer(*args, **kwargs)

    return keras.models.clone_model(
        model, clone_function=lambda layer: layer, call_function=call
    )


def _norms_by_convolution(model: keras.Model) -> dict[str, BatchNorm]:
    """What can be folded: the name of a convolution, and the normalization after it."""
    nodes = [node for nodes in model._nodes_by_depth.values() for node in nodes]
    uses = Counter(
        id(tensor) for node in nodes for tensor in node.arguments.keras_tensors
    )
    calls = Counter(id(node.operation) for node in nodes)
    found = {}
    for node in nodes:
        norm = node.operation
        if not isinstance(norm, BatchNorm):
            continue
        (tensor,) = node.arguments.keras_tensors
        before = tensor._keras_history.operation
        is_only_use = uses[id(tensor)] == calls[id(norm)] == calls[id(before)] == 1
        if is_only_use and _is_plain_convolution(before):
            found[before.name] = norm
    return found


def _is_plain_convolution(layer: Any) -> bool:
    inner = layer.layer if isinstance(layer, PerRoi) else layer
    is_convolution = type(inner) is keras.layers.Conv2D and inner.groups == 1
    return is_convolution and inner.activation is keras.activations.linear


def _folded(layer: Any, norm: BatchNorm) -> Any:
    if isinstance(layer, PerRoi):
        return PerRoi(FoldedConv(layer.layer, norm))
    return FoldedConv(layer, norm)
