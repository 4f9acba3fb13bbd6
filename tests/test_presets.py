"""Other systems: torchvision's numbers, and what each preset builds."""

from typing import NamedTuple

import keras
import numpy as np
import pytest

from mrcnn.config import Config
from mrcnn.geometry.boxes import pairwise_iou
from mrcnn.geometry.conventions import CONVENTIONS
from mrcnn.inference.detect import detect_molded
from mrcnn.inference.inputs import mold_inputs
from mrcnn.inference.results import Instances
from mrcnn.mask_rcnn import MaskRCNN
from mrcnn.network import assemble_network, build_network
from mrcnn.network_anchors import pixel_anchors_for_image
from mrcnn.presets import DetectronC4, Matterport, PyFasterRCNN
from tests.conftest import FIXTURES
from tests.small_presets import PRESETS, tiny_preset
from tests.torchvision_networks import CONFIGS, XYXY, Computed, compute

LEVELS = ["p2", "p3", "p4", "p5", "p6"]


class Pair(NamedTuple):
    """What this package computes, and what torchvision does."""

    config: Config
    molded: np.ndarray
    ours: Computed
    found: Instances
    golden: dict[str, np.ndarray]


@pytest.fixture(scope="module", params=["v1", "v2"])
def pair(request):
    config = CONFIGS[request.param]()
    config.validate()
    golden = dict(np.load(FIXTURES / f"golden_torchvision_{request.param}.npz"))
    molded, metas, _ = mold_inputs([golden["image"]], config, pad_after_mean=True)
    ours = compute(config, molded[0], metas[0])

    def predict(*_):
        normalized = ours.detections.copy()
        normalized[:, :4] = normalized[:, XYXY] / np.tile(molded.shape[1:3], 2)
        return normalized[None], ours.patches[None]

    (found,) = detect_molded(
        molded,
        metas,
        config=config,
        predict=predict,
        convention=CONVENTIONS["aligned"],
    )
    return Pair(config, molded, ours, found, golden)


def assert_relatively_close(values, golden, tolerance=1e-3):
    """Largest error over largest value."""
    assert np.abs(values - golden).max() <= tolerance * np.abs(golden).max()


def test_the_input_is_torchvisions(pair):
    assert pair.molded[0].shape == pair.golden["input"].shape
    np.testing.assert_allclose(pair.molded[0], pair.golden["input"], atol=1e-5)


def test_the_anchors_are_torchvisions(pair):
    anchors = pixel_anchors_for_image(pair.config, pair.molded.shape[1:], "aligned")
    np.testing.assert_array_equal(anchors[:, XYXY], pair.golden["anchors"])


@pytest.mark.parametrize("level", range(5), ids=LEVELS)
def test_the_features_are_torchvisions(pair, level):
    golden = pair.golden[LEVELS[level]]
    corner = pair.ours.levels[level][: golden.shape[0], : golden.shape[1]]
    assert_relatively_close(corner, golden)


@pytest.mark.parametrize("level", range(5), ids=LEVELS)
def test_objectness_and_deltas_are_torchvisions(pair, level):
    lengths = [pair.golden[f"objectness_{name}"].size for name in LEVELS]
    rows = slice(sum(lengths[:level]), sum(lengths[: level + 1]))
    golden = pair.golden[f"objectness_{LEVELS[level]}"]
    assert_relatively_close(pair.ours.logits[rows, 1].reshape(golden.shape), golden)
    golden = pair.golden[f"deltas_{LEVELS[level]}"]
    assert_relatively_close(pair.ours.rpn_deltas[rows].reshape(golden.shape), golden)


def test_the_proposals_are_torchvisions_as_a_set(pair):
    iou = pairwise_iou(pair.golden["proposals"], pair.ours.proposals)
    # A pair at the very threshold of suppression may flip between machines.
    assert (iou.max(axis=1) > 0.99).mean() > 0.998
    assert (iou.max(axis=0) > 0.99).mean() > 0.998


def test_the_box_head_gives_torchvisions_numbers(pair):
    golden, ours = pair.golden, pair.ours
    same = np.abs(ours.proposals - golden["proposals"]).max(axis=1) < 0.01
    assert same.mean() > 0.95
    assert same[:20].all()
    features = ours.roi_features[:4].transpose(0, 3, 1, 2)
    assert_relatively_close(features, golden["roi_features_first4"])
    assert_relatively_close(ours.class_logits[same], golden["class_logits"][same])
    deltas = ours.deltas[:20].reshape(20, -1)
    assert_relatively_close(deltas, golden["box_deltas_first20"])


def partners_of(pair) -> np.ndarray:
    """Rows of our detections, one for each of torchvision's."""
    golden, ours = pair.golden, pair.ours.detections
    assert len(ours) == len(golden["boxes"]) > 5
    distance = np.abs(golden["boxes"][:, None] - ours[None, :, :4]).max(axis=-1)
    distance[golden["labels"][:, None] != ours[None, :, 4]] = np.inf
    partners = distance.argmin(axis=1)
    assert len({*partners}) == len(partners)
    assert distance.min(axis=1).max() < 0.05
    return partners


def test_the_detections_are_torchvisions_one_to_one(pair):
    scores = pair.ours.detections[partners_of(pair), 5]
    np.testing.assert_allclose(scores, pair.golden["scores"], atol=1e-3)


def test_the_mask_patches_are_torchvisions(pair):
    patches = pair.ours.patches[partners_of(pair)]
    np.testing.assert_allclose(patches, pair.golden["mask_probs"], atol=2e-3)


def test_instances_and_their_masks_are_torchvisions(pair):
    golden, partners = pair.golden, partners_of(pair)
    boxes = pair.found.boxes[partners][:, XYXY]
    np.testing.assert_allclose(boxes, golden["full_boxes"], atol=0.05)
    shape = golden["pasted_masks_shape"]
    packed = np.unpackbits(golden["pasted_masks_packed"], count=shape.prod())
    expected = packed.astype(bool).reshape(shape)
    masks = np.moveaxis(pair.found.masks, -1, 0)[partners]
    overlap = (masks & expected).sum(axis=(1, 2))
    assert (overlap / (masks | expected).sum(axis=(1, 2))).min() >= 0.98


def test_the_defaults_are_the_preset_of_matterport():
    ours, theirs = Config().to_dict(), Matterport().to_dict()
    different = {name for name in ours if ours[name] != theirs[name]}
    assert different <= {"NAME", "GEOMETRY", "NUM_CLASSES"}


def test_presets_are_legal_and_have_names_of_their_own():
    configs = [preset() for preset in PRESETS]
    for config in configs:
        config.validate()
    assert len({config.NAME for config in configs}) == len(PRESETS)


@pytest.mark.parametrize("preset", PRESETS)
def test_each_preset_makes_a_network_that_detects(preset, rng):
    model = MaskRCNN(config=tiny_preset(preset))
    assert model.geometry == preset.GEOMETRY
    image = rng.integers(0, 256, (90, 120, 3), "uint8")
    boxes = None if preset.RPN_BRANCH else [[[10, 20, 70, 90], [0, 0, 90, 120]]]
    (found,) = model.detect([image], proposals=boxes)
    assert found.image_shape == (90, 120)
    assert found.has_masks == preset.MASK_BRANCH
    if preset.MASK_BRANCH:
        assert found.masks.shape == (90, 120, len(found))
    molded, _, _ = model.mold_inputs([image])
    is_square = preset.IMAGE_RESIZE_MODE == "square"
    assert molded.shape == (1, 128 if is_square else 96, 128, 3)


def test_the_forms_with_c4_share_the_last_stage_between_boxes_and_masks(rng):
    config = tiny_preset(DetectronC4)
    _, parts = assemble_network(config, "aligned")
    (level,) = parts.levels
    assert level.shape[-1] == 256
    # Of 5 scales and 3 ratios each.
    assert parts.rpn.logits.shape[1:] == (None, 2)
    assert len(pixel_anchors_for_image(config, (96, 128), "aligned")) == 6 * 8 * 15
    pooled = rng.normal(size=(1, 2, 14, 14, 256)).astype("float32")
    seen = parts.seen_by_heads(pooled)
    assert seen.shape == (1, 2, 7, 7, 512)
    patches = parts.mask_head(seen)
    assert patches.shape == (1, 2, 14, 14, 4)
    kernel, bias = parts.box_head.logits.get_weights()
    expected = np.array(seen).mean(axis=(2, 3)) @ kernel + bias
    np.testing.assert_allclose(parts.box_head(seen)[0], expected, rtol=1e-3, atol=1e-4)


def test_py_faster_rcnn_has_nine_anchors_on_each_of_vggs_cells():
    config = PyFasterRCNN()
    config.validate()
    anchors = pixel_anchors_for_image(config, (608, 800), "aligned")
    assert len(anchors) == 38 * 50 * 9
    sides = anchors[:9, 2:] - anchors[:9, :2]
    areas = np.sqrt(sides.prod(axis=1)).reshape(3, 3)
    np.testing.assert_allclose(areas, [[128, 256, 512]] * 3, rtol=0.02)
    np.testing.assert_allclose(anchors[:9].reshape(9, 2, 2).mean(axis=1), 8)


def test_the_portable_form_with_c4_gives_the_same_numbers(rng):
    keras.utils.set_random_seed(0)
    model = MaskRCNN(config=tiny_preset(DetectronC4, DETECTION_MIN_CONFIDENCE=0.0))
    portable = build_network(model.config, "aligned", portable=True)
    portable.set_weights(model.keras_model.get_weights())
    image = rng.integers(0, 256, (90, 120, 3), "uint8")
    molded, metas, _ = model.mold_inputs([image])
    inputs = [molded, metas, model.get_anchors(molded.shape[1:])[None]]
    ours = model.keras_model.predict_on_batch(inputs)
    others = portable.predict_on_batch(inputs)
    for output, other in zip(ours[:3], others[:3], strict=True):
        np.testing.assert_allclose(other, output, atol=1e-3)
    is_real = ours[0][..., 4] > 0  # empty slots have patches in the portable form
    assert is_real.any()
    np.testing.assert_allclose(others[3][is_real], ours[3][is_real], atol=2e-3)
