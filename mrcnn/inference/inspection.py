"""Looking inside a network: values of inner tensors, and the layers behind them.

Symbolic tensors are named by the layer that makes them: `"ROI"`, `"mrcnn_class"`,
`"res4f_out"`.
"""

import logging
import re
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np

from mrcnn.layers.proposals import ProposalLayer, ProposalSteps

logger = logging.getLogger("mrcnn")

# matterport's names of tensors inside its "ROI" layer, and what they are called here.
_PROPOSAL_STEPS = {
    "pre_nms_anchors": "anchors",
    "refined_anchors": "refined",
    "refined_anchors_clipped": "clipped",
    "rpn_non_max_suppression": "chosen",
}


def evaluate_tensors(
    model: keras.Model, outputs: Sequence[tuple[str, Any]], inputs: Sequence[np.ndarray]
) -> OrderedDict[str, np.ndarray]:
    """Values of inner tensors for given inputs of the network.

    Args:
        model: the network
        outputs: pairs of a title and what to compute: a symbolic tensor such as
            `keras_model.get_layer("ROI").output`, or the name of a layer
        inputs: one array for each of the model's inputs

    Returns:
        Arrays by title, in the order of `outputs`.
    """
    tensors = [_symbolic(model, title, tensor) for title, tensor in outputs]
    values = keras.Model(model.inputs, tensors)(list(inputs), training=False)
    if len(tensors) == 1:
        values = [values]  # Keras takes a single output out of its list
    named = zip(outputs, values, strict=True)
    result = OrderedDict(
        (title, keras.ops.convert_to_numpy(value)) for (title, _), value in named
    )
    for title, array in result.items():
        logger.debug("%-25s shape: %-20s %s", title, array.shape, array.dtype)
    return result


def find_ancestor(tensor: Any, name: str, checked: list[Any] | None = None) -> Any:
    """The tensor that a layer of this name made on the way to a given tensor.

    Args:
        tensor: a symbolic tensor, where the search starts
        name: a layer's name or a regular expression; old spellings with an output
            number behind a colon are understood
        checked: tensors to leave out, with all that lies before them

    Returns:
        A symbolic tensor, or None if no layer of that name lies before it.
    """
    name = re.sub(r":\d+$", "", name)
    pattern = re.compile(name)
    for candidate in _upstream(tensor, checked or []):
        operation = candidate._keras_history.operation
        if pattern.fullmatch(operation.name):
            return candidate
        if isinstance(operation, ProposalLayer) and name.startswith(operation.name):
            return _proposal_step(candidate, name)
    return None


def unwrap(layer: keras.layers.Layer) -> keras.layers.Layer:
    """The layer that holds the weights, inside any wrappers around it."""
    while isinstance(layer, keras.layers.Wrapper):
        layer = layer.layer
    return layer


def layers_with_weights(model: keras.Model) -> list[keras.layers.Layer]:
    """Layers that hold weights, unwrapped; a nested model counts as one layer."""
    return [layer for layer in map(unwrap, model.layers) if layer.weights]


class _Steps(keras.layers.Layer):
    """Gives what a `ProposalLayer` makes on the way to its proposals."""

    def __init__(self, inspected: ProposalLayer) -> None:
        super().__init__(autocast=False)
        self.inspected = inspected
        self.supports_jit = False

    def call(self, inputs: Sequence[Any]) -> tuple[Any, ...]:
        return tuple(self.inspected.steps(inputs))


def _proposal_step(proposals: Any, name: str) -> Any | None:
    """The tensor behind an old name such as "ROI/refined_anchors", if it is one."""
    layer, node_index, _ = proposals._keras_history
    step = name.removeprefix(layer.name).strip("/").split("/")[0]
    if step not in _PROPOSAL_STEPS:
        return None
    inputs = layer._inbound_nodes[node_index].input_tensors
    steps = ProposalSteps(*_Steps(layer)(list(inputs)))
    tensor = getattr(steps, _PROPOSAL_STEPS[step])
    # Suppression used to run image by image, and its name stood for the first.
    return tensor[0] if step == "rpn_non_max_suppression" else tensor


def _symbolic(model: keras.Model, title: str, tensor: Any) -> Any:
    if isinstance(tensor, str):
        return model.get_layer(tensor).output
    if isinstance(tensor, keras.KerasTensor):
        return tensor
    raise ValueError(
        f"run_graph cannot compute {title!r}: got {type(tensor).__name__}, expected a "
        "symbolic tensor or a layer name. Write "
        f'({title!r}, model.keras_model.get_layer("NAME").output) or ({title!r}, '
        '"NAME"). `ancestor` returns None where no layer of that name exists.'
    )


def _upstream(tensor: Any, left_out: list[Any]) -> Iterator[Any]:
    """The tensor and all that it depends on, nearest first, each once."""
    queue, seen = [tensor], {id(one) for one in [tensor, *left_out]}
    while queue:
        tensor = queue.pop(0)
        yield tensor
        operation, node_index, _ = tensor._keras_history
        for parent in operation._inbound_nodes[node_index].input_tensors:
            if id(parent) not in seen:
                seen.add(id(parent))
                queue.append(parent)
