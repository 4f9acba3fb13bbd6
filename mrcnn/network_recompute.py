"""The same training network in less memory: the backbone's features are not kept.

A gradient needs the features that its layers saw. Of a backbone, `recompute_backbone`
keeps those between blocks only, and runs a block again when its gradient is due. See
Chen et al., "Training Deep Nets with Sublinear Memory Cost".
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import keras

from mrcnn.geometry.arrays import Array
from mrcnn.layers.recomputed import Recomputed

# Convolutions that make up a block at least: with fewer, as much would be kept.
_MIN_CONVOLUTIONS = 2


class _Block(NamedTuple):
    """Layers between two tensors, with no other way in or out."""

    layers: list[str]
    model: Recomputed


def recompute_backbone(
    model: keras.Model, image: Array, stages: Sequence[Array]
) -> keras.Model:
    """A network that computes what another does, on the same weights.

    Args:
        model: that trains
        image: what its backbone begins with
        stages: what its backbone ends with, finest first; features that the rest of
            the network looks at are among them

    Raises:
        ValueError: where the backbone has no block that could be run again.
    """
    blocks = list(_blocks(image, stages))
    if not blocks:
        raise ValueError(
            "RECOMPUTE_FEATURES would change nothing: the backbone has no two "
            "convolutions in a row with a single tensor before and after them. Set it "
            "to False."
        )
    block_of = {name: block for block in blocks for name in block.layers}
    entries: dict[str, Array] = {}

    def call(layer: Any, *args: Any, **kwargs: Any) -> Any:
        block = block_of.get(layer.name)
        if block is None:
            return layer(*args, **kwargs)
        first, last = block.layers[0], block.layers[-1]
        if layer.name == first:
            entries[first] = args[0]
        return block.model(entries[first]) if layer.name == last else entries[first]

    return keras.models.clone_model(
        model, clone_function=lambda layer: layer, call_function=call
    )


def _blocks(image: Array, stages: Sequence[Array]) -> Iterator[_Block]:
    """Blocks from the image to the last stage, each where the one before ended.

    A block ends where one tensor is all that later layers look at, before a layer with
    weights. Stages end one too; layers between two such places around a stage are in
    none.
    """
    nodes = _nodes_between(image, stages[-1])
    last_use = {
        id(tensor): place
        for place, node in enumerate(nodes)
        for tensor in node.arguments.keras_tensors
    }
    taps = {id(stage) for stage in stages}
    start, inside, pending = image, [], {id(image)}
    for place, node in enumerate(nodes):
        output = node.outputs[0]
        inside.append(node)
        pending = {
            key for key in (*pending, id(output)) if last_use.get(key, 0) > place
        }
        if pending - {id(output)}:
            continue
        is_full = _num_convolutions(inside) >= _MIN_CONVOLUTIONS
        if id(output) in taps or (is_full and nodes[place + 1].operation.weights):
            if _is_closed(inside, taps):
                yield _block(start, inside)
            start, inside = output, []


def _nodes_between(start: Array, end: Array) -> list[Any]:
    """Calls of layers that lead from one tensor to another, each after its inputs."""
    by_depth = keras.Model(start, end)._nodes_by_depth
    depths = sorted(by_depth, reverse=True)
    return [node for depth in depths for node in by_depth[depth] if not node.is_input]


def _num_convolutions(nodes: Sequence[Any]) -> int:
    kinds = keras.layers.Conv2D | keras.layers.DepthwiseConv2D
    return sum(isinstance(node.operation, kinds) for node in nodes)


def _is_closed(nodes: Sequence[Any], taps: set[int]) -> bool:
    """Whether nobody looks inside, and each layer is called once."""
    names = {node.operation.name for node in nodes}
    inner = {id(node.outputs[0]) for node in nodes[:-1]}
    return 1 < len(nodes) == len(names) and not inner & taps


def _block(start: Array, nodes: Sequence[Any]) -> _Block:
    names = [node.operation.name for node in nodes]
    name = f"recomputed_{names[-1]}"
    return _Block(names, Recomputed(start, nodes[-1].outputs[0], name=name))
