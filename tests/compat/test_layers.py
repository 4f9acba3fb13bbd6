"""matterport's layers: numbers from a config, and a life in a file without it."""

import numpy as np
import pytest

from mrcnn.compat.layers import (
    DetectionLayer,
    DetectionTargetLayer,
    ProposalLayer,
    PyramidROIAlign,
)
from mrcnn.geometry.boxes import pairwise_iou
from tests.layer_contract import check_layer
from tests.small_configs import TinyConfig

STD = (0.1, 0.1, 0.2, 0.2)


class LayersConfig(TinyConfig):
    TRAIN_ROIS_PER_IMAGE = 6
    ROI_POSITIVE_RATIO = 0.5
    USE_MINI_MASK = False
    DETECTION_PER_CLASS = False
    DETECTION_NMS_THRESHOLD = 0.3


def meta(num_images=2):
    """Of images of 101 pixels, so that a pixel more or less shows."""
    one = [0, 101, 101, 3, 101, 101, 3, 0, 0, 101, 51, 1, 1, 1, 1]
    return np.array([one] * num_images, "float32")


# --- Proposals ----------------------------------------------------------------------


def test_proposals_are_matterports(golden_matterport):
    inputs = [golden_matterport[name][None] for name in ("rpn_class", "rpn_bbox")]
    layer = ProposalLayer(1000, 0.7, TinyConfig())
    found = np.asarray(layer([*inputs, golden_matterport["anchors"][None]]))[0]
    golden = golden_matterport["rpn_rois"]
    golden = golden[golden.any(axis=1)]
    assert np.mean(pairwise_iou(golden, found).max(axis=1) > 0.999) > 0.99


def test_a_proposal_layer_takes_its_limits_from_the_config():
    config = TinyConfig()
    config.PRE_NMS_LIMIT, config.RPN_BBOX_STD_DEV = 1, np.array([1, 1, 1, 1])
    layer = ProposalLayer(proposal_count=3, nms_threshold=0.5, config=config)
    assert (layer.proposal_count, layer.nms_threshold) == (3, 0.5)
    assert layer.config is config
    probs = np.array([[[0.2, 0.8], [0.1, 0.9]]], "float32")
    anchors = np.array([[[0, 0, 0.5, 0.5], [0.5, 0.5, 0.75, 0.75]]], "float32")
    deltas = np.array([[[0] * 4, [1, 0, 0, 0]]], "float32")
    proposals = np.asarray(layer([probs, deltas, anchors]))
    # The better anchor alone, moved by its height and no more than the image allows.
    expected = [[0.75, 0.5, 1, 0.75], [0] * 4, [0] * 4]
    np.testing.assert_allclose(proposals[0], expected, atol=1e-6)


def test_a_proposal_layer_does_the_duties_of_a_layer(rng):
    scores = rng.random((2, 30)).astype("float32")
    corners = rng.random((2, 30, 2)) * 0.5
    anchors = np.concatenate([corners, corners + 0.3], axis=-1).astype("float32")
    inputs = [
        np.stack([1 - scores, scores], axis=-1),
        rng.normal(size=(2, 30, 4)).astype("float32"),
        anchors,
    ]
    check_layer(
        ProposalLayer(5, 0.7, TinyConfig()), inputs, (2, 5, 4), keeps_float32=True
    )


# --- ROIAlign -----------------------------------------------------------------------


def test_roi_align_samples_from_corner_to_corner():
    ramp = np.arange(16, dtype="float32") / 15  # over the columns of P2
    level = np.broadcast_to(ramp[:, None], (1, 16, 16, 1))
    features = [level, *(np.zeros((1, side, side, 1), "float32") for side in (8, 4, 2))]
    rois = np.array([[[0, 0.2, 1, 0.8]]], "float32")
    layer = PyramidROIAlign((3, 4))
    assert layer.pool_shape == (3, 4)
    pooled = layer([rois, meta(1)[:, :15], *features])
    expected = np.tile([0.2, 0.4, 0.6, 0.8], (3, 1))
    np.testing.assert_allclose(pooled[0, 0, :, :, 0], expected, atol=1e-6)


def test_roi_align_does_the_duties_of_a_layer(rng):
    rois = np.array([[[0, 0, 0.5, 0.6], [0.1, 0.2, 0.9, 0.8]]] * 2, "float32")
    sides = (16, 8, 4, 2)
    features = [rng.normal(size=(2, s, s, 3)).astype("float32") for s in sides]
    check_layer(
        PyramidROIAlign([7, 7]),
        [rois, meta(), *features],
        (2, 2, 7, 7, 3),
        gradients_to=[2],
        no_gradients_to=[0],
    )


# --- Targets ------------------------------------------------------------------------

GT_BOXES = np.array([[[0.2, 0.2, 0.6, 0.6], [0, 0, 0, 0]]], "float32")
GT_CLASS_IDS = np.array([[2, 0]], "int32")
PROPOSALS = np.array(
    [[[0.2, 0.2, 0.6, 0.6], [0.2, 0.2, 0.6, 0.5], [0.7, 0.7, 0.9, 0.9], [0] * 4]],
    "float32",
)


def gt_masks():
    """The left half of the box is set. [1, 41, 41, 2]"""
    masks = np.zeros((1, 41, 41, 2), bool)
    masks[0, 8:25, 8:16, 0] = True
    return masks


def target_inputs():
    return [PROPOSALS, GT_CLASS_IDS, GT_BOXES, gt_masks()]


def test_targets_are_those_of_the_proposals_alone():
    outputs = DetectionTargetLayer(LayersConfig())(target_inputs())
    assert isinstance(outputs, list)
    rois, class_ids, deltas, masks = (np.asarray(one)[0] for one in outputs)
    assert class_ids.dtype == np.int32
    assert class_ids.tolist() == [2, 2, 0, 0, 0, 0]
    np.testing.assert_array_equal(rois[2], PROPOSALS[0, 2])
    assert not rois[3:].any()
    whole, part = np.argsort(rois[:2, 3])[::-1]
    np.testing.assert_array_equal(rois[[whole, part]], PROPOSALS[0, :2])
    np.testing.assert_allclose(deltas[whole], np.zeros(4), atol=1e-5)
    # The box's centre is 0.05 further right; it is 4/3 as wide as the roi of 0.3.
    expected = [0, 0.05 / 0.3 / 0.1, 0, np.log(4 / 3) / 0.2]
    np.testing.assert_allclose(deltas[part], expected, atol=1e-4)

    assert masks.shape == (6, 28, 28)
    assert set(np.unique(masks)) == {0, 1}
    assert masks[whole][:, :12].all()
    assert not masks[whole][:, 16:].any()
    assert not masks[2:].any()


def test_positives_are_drawn_at_random():
    config = LayersConfig()
    config.TRAIN_ROIS_PER_IMAGE = 2  # one of them positive
    layer = DetectionTargetLayer(config)
    widths = {round(float(layer(target_inputs())[0][0, 0, 3]), 2) for _ in range(12)}
    assert widths == {0.5, 0.6}


def test_a_target_layer_has_shapes_and_no_masks_and_a_life_in_a_file():
    layer = DetectionTargetLayer(LayersConfig())
    shapes = layer.compute_output_shape([one.shape for one in target_inputs()])
    assert shapes == [(1, 6, 4), (1, 6), (1, 6, 4), (1, 6, 28, 28)]
    assert layer.compute_mask(target_inputs()) == [None] * 4
    twin = DetectionTargetLayer.from_config(layer.get_config())
    assert twin.get_config() == layer.get_config()
    for one, other in zip(layer(target_inputs()), twin(target_inputs()), strict=True):
        np.testing.assert_array_equal(np.sort(one, axis=1), np.sort(other, axis=1))


# --- Detections ---------------------------------------------------------------------


def detection_inputs():
    rois = np.array([[[0.1, 0.1, 0.3, 0.3], [0.4, 0.4, 0.8, 0.8], [0] * 4]], "float32")
    probs = np.array([[[0.1, 0.9, 0], [0.3, 0, 0.7], [0, 1, 0]]], "float32")
    return [np.tile(one, (2, 1, 1)) for one in (rois, probs)] + [
        np.zeros((2, 3, 3, 4), "float32"),
        meta(),
    ]


def test_detections_are_clipped_to_the_window_with_matterports_shift():
    config = LayersConfig()
    layer = DetectionLayer(config)
    assert layer.config is config
    detections = np.asarray(layer(detection_inputs()))
    assert detections.shape == (2, 10, 6)
    # The window ends at 51 pixels of 101, which is (51 - 1) / (101 - 1).
    expected = [[0.1, 0.1, 0.3, 0.3, 1, 0.9], [0.4, 0.4, 0.8, 0.5, 2, 0.7]]
    np.testing.assert_allclose(detections[0, :2], expected, atol=1e-6)
    assert not detections[:, 2:].any()


@pytest.mark.parametrize("confidence", [0.8, {1: 0.8, 2: 0.8}])
def test_confidence_follows_the_config(confidence):
    config = LayersConfig()
    config.DETECTION_MIN_CONFIDENCE = confidence
    detections = np.asarray(DetectionLayer(config)(detection_inputs()))
    assert detections[0, :, 4].tolist() == [1] + [0] * 9


def test_a_detection_layer_needs_no_config():
    layer = DetectionLayer()
    assert layer.config is None
    assert layer(detection_inputs()).shape == (2, 100, 6)
    assert layer.delta_std == STD


def test_a_detection_layer_does_the_duties_of_a_layer():
    layer = DetectionLayer(LayersConfig())
    check_layer(layer, detection_inputs(), (2, 10, 6), keeps_float32=True)
