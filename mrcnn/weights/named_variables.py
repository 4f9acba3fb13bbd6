"""A network's weights by full weight name, "<layer>/<weight>", whatever is frozen.

The names are those of matterport's files: "conv1/kernel", "mrcnn_class_bn1/gamma".
A wrapper's weights carry the wrapper's name; those of a nested model, the name of the
layer inside it ("rpn_conv_shared/kernel").
"""

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import keras

# The order in which files list the weights of a layer. Readers that go by position
# rely on it, and a frozen layer of Keras lists its weights in another.
WEIGHT_ORDER = ["kernel", "bias", "gamma", "beta", "moving_mean", "moving_variance"]

# The same for the layers of `rpn_model`, the only nested model.
NESTED_ORDER = ["rpn_conv_shared", "rpn_class_raw", "rpn_bbox_pred"]


class NamedVariable(NamedTuple):
    """A variable, its full weight name, and the layers around it, outermost first."""

    name: str
    variable: keras.Variable
    layers: tuple[str, ...]


def named_variables(model: keras.Model) -> dict[str, NamedVariable]:
    """Every weight of a model by full weight name, in file order."""
    found: dict[str, NamedVariable] = {}
    seen: set[int] = set()
    for layer in model.layers:
        for item in layer_variables(layer):
            if id(item.variable) in seen:
                continue
            if item.name in found:
                message = f"Two weights of {model.name!r} are called {item.name!r}; "
                raise ValueError(message + "give their layers different names.")
            seen.add(id(item.variable))
            found[item.name] = item
    return found


def layer_variables(layer: keras.Layer) -> list[NamedVariable]:
    """The weights of one layer, those of layers inside it included, in file order."""
    return list(_walk(layer, ()))


def layer_names(layer: keras.Layer | keras.Model) -> set[str]:
    """Names of a layer and of all layers inside it."""
    names = {layer.name}
    if isinstance(layer, keras.Model):
        names = names.union(*(layer_names(inner) for inner in layer.layers))
    return names


def _walk(layer: keras.Layer, around: tuple[str, ...]) -> Iterator[NamedVariable]:
    around = (*around, layer.name)
    weights = {id(item): item for item in layer.weights if "float" in item.dtype}
    if isinstance(layer, keras.Model):
        for inner in sorted(layer.layers, key=_nested_rank):
            for item in _walk(inner, around):
                weights.pop(id(item.variable), None)
                yield item
    # What is left belongs to the layer itself, or to the layer that it wraps.
    own = sorted(weights.values(), key=_weight_rank)
    uses = Counter(variable.name for variable in own)
    for variable in own:
        once = uses[variable.name] == 1
        name = f"{layer.name}/{variable.name}" if once else variable.path
        yield NamedVariable(name, variable, around)


def _nested_rank(layer: keras.Layer) -> int:
    known = layer.name in NESTED_ORDER
    return NESTED_ORDER.index(layer.name) if known else len(NESTED_ORDER)


def _weight_rank(variable: keras.Variable) -> int:
    known = variable.name in WEIGHT_ORDER
    return WEIGHT_ORDER.index(variable.name) if known else len(WEIGHT_ORDER)
