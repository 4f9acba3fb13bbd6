"""Training as torchvision does it: five losses, and the gradients of nine parameters.

The golden file takes every candidate into its losses, so that chance has no part in it:
all anchors that are clearly object or background, and all proposals.
"""

import json
from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf

from mrcnn import network
from mrcnn.image_meta import parse_image_meta
from mrcnn.inference.inputs import mold_inputs
from mrcnn.losses import LOSS_NAMES
from mrcnn.network_anchors import anchors_for_image
from mrcnn.training_network import build_training_network
from mrcnn.weights.named_variables import named_variables
from mrcnn.weights.systems.rules import Widths, find_weight
from mrcnn.weights.systems.torchvision import TORCHVISION
from tests.conftest import FIXTURES
from tests.torchvision_networks import XYXY, GoldenV1, fill, recipe_weights

LOSSES = {
    "rpn_class_loss": "loss_objectness",
    "rpn_bbox_loss": "loss_rpn_box_reg",
    "mrcnn_class_loss": "loss_classifier",
    "mrcnn_bbox_loss": "loss_box_reg",
    "mrcnn_mask_loss": "loss_mask",
}

PARAMETERS = [
    "backbone.body.layer4.0.conv2.weight",
    "backbone.fpn.inner_blocks.0.0.weight",
    "backbone.fpn.layer_blocks.2.0.weight",
    "rpn.head.conv.0.0.weight",
    "rpn.head.bbox_pred.weight",
    "roi_heads.box_head.fc6.weight",
    "roi_heads.box_predictor.cls_score.weight",
    "roi_heads.mask_head.0.0.weight",
    "roi_heads.mask_predictor.mask_fcn_logits.weight",
]


class EverythingDrawn(GoldenV1):
    """More places for anchors and rois than the image has candidates."""

    RPN_TRAIN_ANCHORS_PER_IMAGE = 20000
    RPN_POSITIVE_RATIO = 0.5
    TRAIN_ROIS_PER_IMAGE = 2100
    ROI_POSITIVE_RATIO = 0.5


class Step(NamedTuple):
    """What one step computes."""

    outputs: dict[str, float]
    gradients: dict[str, np.ndarray]  # by torchvision's names, in its layout


@pytest.fixture(scope="module")
def golden():
    return dict(np.load(FIXTURES / "golden_torchvision_v1_train.npz"))


@pytest.fixture(scope="module")
def step(golden):
    config = EverythingDrawn()
    config.validate()
    model, parts = network.assemble_network(config, "aligned")
    fill(model, recipe_weights("v1"))
    train = build_training_network(config, "aligned", parts)
    weights = named_variables(model)
    kernels = [weights[our_weight(name)].variable.value for name in PARAMETERS]
    with tf.GradientTape() as tape:
        tape.watch(kernels)
        outputs = train(batch_of(config, golden))
        total = sum(outputs[name] for name in LOSS_NAMES)
    gradients = zip(PARAMETERS, tape.gradient(total, kernels), strict=True)
    return Step(
        {name: float(value) for name, value in outputs.items()},
        {name: in_their_layout(name, np.asarray(one)) for name, one in gradients},
    )


def batch_of(config, golden):
    """The golden file's photo and its three objects, as the training graph asks."""
    molded, metas, _ = mold_inputs([golden["image"]], config, pad_after_mean=True)
    parse_image_meta(metas).active_class_ids[:] = 1
    height, width = golden["image"].shape[:2]
    masks = np.zeros((*molded.shape[:3], len(golden["gt_masks"])), bool)
    masks[0, :height, :width] = np.moveaxis(golden["gt_masks"], 0, -1)
    return {
        "input_image": molded,
        "input_image_meta": metas.astype("float32"),
        "input_anchors": anchors_for_image(config, molded.shape[1:], "aligned")[None],
        "input_gt_class_ids": golden["gt_labels"][None].astype("int32"),
        "input_gt_boxes": golden["gt_boxes_xyxy"][None][..., XYXY],
        "input_gt_masks": masks,
    }


def our_weight(name):
    weight, _ = find_weight(name, TORCHVISION)
    return weight


def in_their_layout(name, gradient):
    """A gradient's numbers where the parameter that is read into ours has them."""
    shapes = json.loads((FIXTURES / "torchvision_v1_keys.json").read_text())
    _, conversion = find_weight(name, TORCHVISION)
    count = gradient.size
    numbered = np.arange(count, dtype="float64").reshape(shapes[name])
    places = conversion.convert(numbered, Widths(256, 91)).astype(int)
    theirs = np.full(count, np.nan)
    theirs[places.ravel()] = gradient.ravel()
    return theirs.reshape(shapes[name])


@pytest.mark.parametrize("name", LOSS_NAMES)
def test_the_losses_are_torchvisions(step, golden, name):
    assert step.outputs[name] == pytest.approx(golden[LOSSES[name]], rel=1e-4)


def test_as_many_rois_are_positive(step, golden):
    assert step.outputs["num_positive_rois"] == (golden["roi_labels"] > 0).sum()


@pytest.mark.parametrize("name", PARAMETERS)
def test_the_gradients_are_torchvisions(step, golden, name):
    gradient = step.gradients[name]
    expected = golden[f"gradnorm/{name}"]
    assert np.linalg.norm(gradient) == pytest.approx(expected, rel=2e-3)
    corner = golden[f"grad0/{name}"]
    ours = gradient.reshape(len(gradient), -1)[: corner.shape[0], : corner.shape[1]]
    np.testing.assert_allclose(ours, corner, atol=1e-3 * np.abs(corner).max())


def test_these_are_all_numbers_of_the_golden_file(golden):
    assert {*LOSSES.values()} == {name for name in golden if name.startswith("loss_")}
    assert {*PARAMETERS} == {
        name.removeprefix("gradnorm/") for name in golden if name.startswith("gradnorm")
    }
