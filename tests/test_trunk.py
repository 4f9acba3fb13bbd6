"""Backbone, pyramid and region proposal network together: names and numbers."""

import json

import keras
import numpy as np
import pytest

from mrcnn.backbones.pyramid import build_pyramid
from mrcnn.backbones.resnet import build_resnet
from mrcnn.heads.rpn import build_rpn_head, join_levels
from tests.conftest import FIXTURES
from tests.fixtures.weights_recipe import keras_weight


def build_trunk(architecture):
    """image -> C5, P2, P5, P6, logits, probs, deltas"""
    image = keras.Input((None, None, 3), name="input_image")
    stages = build_resnet(image, architecture)
    levels = build_pyramid(stages[1:])
    head = build_rpn_head(256, 3)
    rpn = join_levels([head(level) for level in levels])
    watched = [stages[-1], levels[0], levels[3], levels[4]]
    return keras.Model(image, [*watched, *rpn])


def leaf_name(layer, weight):
    """Name in a checkpoint, where the layers of a nested model stand for themselves."""
    owner = weight.path.split("/")[-2] if isinstance(layer, keras.Model) else layer.name
    return f"{owner}/{weight.name}"


def set_recipe_weights(model):
    for layer in model.layers:
        for weight in layer.weights:
            owner, name = leaf_name(layer, weight).split("/")
            weight.assign(keras_weight(owner, name, tuple(weight.shape)))


@pytest.mark.parametrize("architecture", ["resnet50", "resnet101"])
def test_names_shapes_and_order_are_those_of_checkpoints(architecture):
    layout = json.loads((FIXTURES / "h5_layout.json").read_text())
    entries = layout["models"][f"{architecture}_81"]["weight_layers_in_model_order"]
    expected = [
        (layer, [(name, tuple(shape)) for name, shape in weights])
        for layer, weights in entries
        if not layer.startswith("mrcnn_")
    ]
    found = [
        (
            layer.name,
            [(f"{leaf_name(layer, w)}:0", tuple(w.shape)) for w in layer.weights],
        )
        for layer in build_trunk(architecture).layers
        if layer.weights
    ]
    assert found == expected


@pytest.fixture(scope="module")
def computed(golden_matterport):
    model = build_trunk("resnet50")
    set_recipe_weights(model)
    model.compile(jit_compile=False)
    c5, p2, p5, p6, _, probs, deltas = model.predict_on_batch(
        golden_matterport["molded"]
    )
    return {
        "res5c_corner": c5[0, :4, :4],
        "p2_corner": p2[0, :8, :8],
        "p5": p5[0],
        "p6": p6[0],
        "rpn_class": probs[0],
        "rpn_bbox": deltas[0],
    }


@pytest.mark.parametrize(
    "name", ["res5c_corner", "p2_corner", "p5", "p6", "rpn_class", "rpn_bbox"]
)
def test_numbers_are_those_of_matterports_network(name, computed, golden_matterport):
    expected = golden_matterport[name]
    # Relative to the array's own scale: single values may cancel to almost zero.
    scale = np.abs(expected).max()
    np.testing.assert_allclose(computed[name], expected, rtol=1e-3, atol=1e-4 * scale)
