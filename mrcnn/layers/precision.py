"""Half precision where it pays: in convolutions, dense layers and what joins them.

Boxes, suppression, targets, probabilities and losses stay in float32; so do all
weights. The precision holds while a graph is traced, so one and the same layer may
compute in half precision in one graph and in full in another.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import keras

from mrcnn.layers.batch_norm import BatchNorm
from mrcnn.layers.folded_conv import FoldedConv
from mrcnn.layers.own_class import OwnClassPatches
from mrcnn.layers.per_roi import PerRoi

FULL = "float32"

# Those of this room that hold layers and have no weights of their own.
_HOLDING = (FoldedConv, OwnClassPatches, PerRoi)


@contextmanager
def computing_in(model: keras.Model, precision: str) -> Iterator[None]:
    """Layers of a model follow a precision for as long as the block lasts.

    Layers that were given a precision of their own keep it.

    Args:
        model: nested models and wrappers are walked through
        precision: "float32", "mixed_bfloat16" or "mixed_float16"
    """
    layers = []
    if precision != FULL:
        layers = [layer for layer in _all_layers(model) if gains_from_half(layer)]
        if not layers:
            raise ValueError(
                f"No layer would follow PRECISION = {precision!r}: the network was "
                "built under another keras.config.dtype_policy(). Build it anew."
            )
    policies = [layer.dtype_policy for layer in layers]
    try:
        for layer in layers:
            layer.dtype_policy = _policy(layer, precision)
        yield
    finally:
        for layer, policy in zip(layers, policies, strict=True):
            layer.dtype_policy = policy


def gains_from_half(layer: keras.layers.Layer) -> bool:
    """Whether a layer may compute in half precision."""
    if isinstance(layer, keras.Model | keras.layers.InputLayer):
        return False
    is_plain = type(layer).__module__.startswith("keras.")
    # A layer without a policy of its own holds the global one itself, not its equal.
    follows = layer.dtype_policy is keras.config.dtype_policy()
    return follows and (is_plain or isinstance(layer, (BatchNorm, *_HOLDING)))


def _policy(layer: keras.layers.Layer, precision: str) -> str:
    """Under a mixed policy, weights are read in half precision.

    A layer that makes something of the weights that it holds rounds the result instead.
    """
    is_holding = isinstance(layer, _HOLDING)
    return precision.removeprefix("mixed_") if is_holding else precision


def _all_layers(model: keras.Model) -> Iterator[keras.layers.Layer]:
    for layer in model.layers:
        yield layer
        if isinstance(layer, keras.Model):
            yield from _all_layers(layer)
        elif isinstance(layer, keras.layers.Wrapper):
            yield layer.layer
