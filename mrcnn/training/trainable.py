"""Which layers learn, and how fast BatchNorm layers forget.

Layers are chosen by a regular expression that has to match the whole layer name, or
by one of the names in `LAYER_GROUPS`. A BatchNorm built as frozen stays frozen,
whatever is chosen.
"""

import re
from collections.abc import Iterator

import keras

_HEADS = r"(mrcnn_.*)|(rpn_.*)|(fpn_.*)"

LAYER_GROUPS = {
    "heads": _HEADS,
    "3+": rf"(res[345].*)|(bn[345].*)|{_HEADS}",
    "4+": rf"(res[45].*)|(bn[45].*)|{_HEADS}",
    "5+": rf"(res5.*)|(bn5.*)|{_HEADS}",
    "all": ".*",
}


def set_trainable(model: keras.Model, layers: str) -> list[keras.layers.Layer]:
    """Makes the chosen layers learn and all others rest.

    Args:
        model: nested models and wrappers are walked through
        layers: a key of `LAYER_GROUPS`, or a regular expression on layer names

    Returns:
        The layers with weights that learn, in the model's order.
    """
    pattern = _compiled(layers)
    _check_group(model, layers)
    chosen = []
    for layer in leaf_layers(model):
        layer.trainable = pattern.fullmatch(layer.name) is not None
        if layer.trainable_variables:
            chosen.append(layer)
    if not chosen:
        groups = ", ".join(repr(group) for group in LAYER_GROUPS)
        raise ValueError(
            f"layers={layers!r} matches no layer of {model.name!r} that can learn. "
            f"Give one of {groups}, or a regular expression that matches whole layer "
            "names such as 'mrcnn_mask.*'."
        )
    return chosen


def set_bn_momentum(model: keras.Model, momentum: float) -> None:
    """Sets the share of its old statistics that a BatchNorm layer keeps in a step."""
    for layer in leaf_layers(model):
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = float(momentum)


def leaf_layers(model: keras.Model) -> Iterator[keras.layers.Layer]:
    """Layers with weights, inside nested models and wrappers."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from leaf_layers(layer)
        elif isinstance(layer, keras.layers.Wrapper):
            yield layer.layer
        elif layer.weights:
            yield layer


def _check_group(model: keras.Model, layers: str) -> None:
    """Refuses "3+", "4+" and "5+" for a backbone without such stages."""
    if layers not in ("3+", "4+", "5+"):
        return
    stages = LAYER_GROUPS[layers].removesuffix(f"|{_HEADS}")
    if not any(re.fullmatch(stages, layer.name) for layer in leaf_layers(model)):
        raise ValueError(
            f"layers={layers!r} goes by the layer names of a ResNet, but no layer of "
            f"{model.name!r} is called so. Give 'heads', 'all' or a regular expression "
            f"on its layer names, such as '{_HEADS}|(block5.*)'."
        )


def _compiled(layers: str) -> re.Pattern:
    try:
        return re.compile(LAYER_GROUPS.get(layers, layers))
    except re.error as error:
        raise ValueError(
            f"layers={layers!r} is not a regular expression: {error}. A literal dot, "
            "plus or parenthesis needs a backslash before it."
        ) from error
