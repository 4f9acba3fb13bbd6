"""The many spellings of a weight's name in files, brought to one.

A full weight name is "<layer>/<weight>": "conv1/kernel", "rpn_conv_shared/bias".
Versions of Keras differ in what they write around it and in how they number layers.
"""

import re

# Names that other versions of Keras give to the same weights. Keras 1 kept the
# variance under the name of its root.
OLD_WEIGHT_NAMES = {
    "W": "kernel",
    "b": "bias",
    "running_mean": "moving_mean",
    "running_std": "moving_variance",
}


def possible_names(group: str, name: str) -> tuple[str, ...]:
    """Full weight names that a tensor `name` of the layer group `group` may mean.

    "conv1", "conv1_1/kernel:0" -> "conv1_1/kernel", "conv1/kernel"
    """
    name = re.sub(r":\d+$", "", name)
    above, _, weight = name.rpartition("/")
    if not above and weight.startswith(f"{group}_"):  # "conv1_W", as Keras 1 has it
        weight = weight[len(group) + 1 :]
    weight = OLD_WEIGHT_NAMES.get(weight, weight)
    layer = above.rpartition("/")[2] or group
    # Old Keras numbers the layers of a graph that is built twice.
    unnumbered = re.sub(r"_\d+$", "", layer)
    layers = [above or group, layer, unnumbered, group]
    return tuple(dict.fromkeys(f"{layer}/{weight}" for layer in layers))
