"""torchvision's two models rebuilt here, with the weights of the golden files.

Boxes are turned into torchvision's (x1, y1, x2, y2) in pixels of the molded image, so
that they can be laid beside the golden arrays.

Shapes: A anchors over all levels, R proposals, D detections, C classes, S side of a
mask patch.
"""

import functools
import json
from typing import NamedTuple

import keras
import numpy as np

from mrcnn import network
from mrcnn.config import Config
from mrcnn.network_anchors import anchors_for_image
from mrcnn.presets import Torchvision, TorchvisionV2
from mrcnn.weights.named_variables import named_variables
from mrcnn.weights.systems.torchvision import to_named_weights
from tests.conftest import FIXTURES
from tests.fixtures.weights_recipe import torch_weight


class GoldenV1(Torchvision):
    """The model of golden_torchvision_v1.npz."""

    IMAGE_MIN_DIM = 200
    IMAGE_MAX_DIM = 256
    DETECTION_MIN_CONFIDENCE = 0.97


class GoldenV2(TorchvisionV2):
    """The model of golden_torchvision_v2.npz."""

    IMAGE_MIN_DIM = 200
    IMAGE_MAX_DIM = 256
    DETECTION_MIN_CONFIDENCE = 0.9


CONFIGS: dict[str, type[Config]] = {"v1": GoldenV1, "v2": GoldenV2}

XYXY = [1, 0, 3, 2]


class Computed(NamedTuple):
    """Values inside a network for one molded image."""

    levels: list[np.ndarray]  # P2 to P6, [h, w, F]
    logits: np.ndarray  # [A, 2]
    rpn_deltas: np.ndarray  # [A, 4] (dx, dy, log dw, log dh)
    proposals: np.ndarray  # [R, 4]
    roi_features: np.ndarray  # [R, 7, 7, F]
    class_logits: np.ndarray  # [R, C]
    deltas: np.ndarray  # [R, C, 4] (dx, dy, log dw, log dh)
    detections: np.ndarray  # [D, 6], used slots only
    patches: np.ndarray  # [D, S, S] of each detection's class


@functools.cache
def recipe_weights(version: str) -> dict[str, np.ndarray]:
    """The weights of a golden file by our full weight names."""
    text = (FIXTURES / f"torchvision_{version}_keys.json").read_text()
    state = {
        name: torch_weight(name, tuple(shape))
        for name, shape in json.loads(text).items()
    }
    return to_named_weights(state)


def fill(model: keras.Model, weights: dict[str, np.ndarray]) -> None:
    """Gives each weight of a network its value; there may be no others."""
    variables = named_variables(model)
    assert variables.keys() == weights.keys()
    for name, item in variables.items():
        item.variable.assign(weights[name])


def compute(config: Config, molded: np.ndarray, meta: np.ndarray) -> Computed:
    """What the network of a golden file computes. [h, w, 3], [12 + C] -> Computed"""
    model, parts = network.assemble_network(config, "aligned")
    fill(model, recipe_weights("v2" if config.FPN_NORM else "v1"))
    names = ["ROI", "roi_align_classifier", "mrcnn_class_logits", "mrcnn_bbox"]
    inner = [model.get_layer(name).output for name in names]
    outputs = [
        *parts.levels,
        parts.rpn.logits,
        parts.rpn.deltas,
        *inner,
        model.outputs[0],
        model.outputs[3],
    ]
    anchors = anchors_for_image(config, molded.shape, "aligned")
    inputs = [molded[None], meta[None].astype("float32"), anchors[None]]
    values = keras.Model(model.inputs, outputs)(inputs, training=False)
    values = [np.asarray(value)[0] for value in values]
    *levels, logits, rpn_deltas, proposals, features = values[:9]
    class_logits, deltas, detections, patches = values[9:]
    sides = np.tile(molded.shape[:2], 2)
    used = np.flatnonzero(detections[:, 4])
    class_ids = detections[used, 4].astype(int)
    detections = detections[used]
    detections[:, :4] = (detections[:, :4] * sides)[:, XYXY]
    return Computed(
        levels,
        logits,
        rpn_deltas[:, XYXY],
        (proposals * sides)[:, XYXY],
        features,
        class_logits,
        deltas[..., XYXY],
        detections,
        patches[used, :, :, class_ids],
    )
