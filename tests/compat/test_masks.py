import inspect
import json

import numpy as np
import pytest

from mrcnn.compat import masks as old
from mrcnn.compat.resizing import resize_image
from mrcnn.config import Config
from mrcnn.geometry.mini_masks import minimize_masks
from mrcnn.geometry.resizing import plan_resize, resize_masks
from tests.conftest import FIXTURES
from tests.scenes import draw_ellipse, rectangle_scene

SCENE = rectangle_scene((20, 30), [[2, 3, 12, 15], [8, 8, 20, 30]], [1, 2])
NAMES = [
    "extract_bboxes",
    "minimize_mask",
    "expand_mask",
    "mold_mask",
    "unmold_mask",
    "compute_overlaps_masks",
    "resize_mask",
]


@pytest.mark.parametrize("name", NAMES)
def test_parameters_are_matterports(name):
    api = json.loads((FIXTURES / "api.json").read_text())
    expected = api["modules"]["mrcnn.utils"]["functions"][name]["params"]
    parameters = inspect.signature(getattr(old, name)).parameters
    assert list(parameters) == [parameter["name"] for parameter in expected]


def test_boxes_are_extracted():
    assert np.array_equal(old.extract_bboxes(SCENE.masks), SCENE.boxes)
    assert old.extract_bboxes(SCENE.masks).dtype == np.int32


def test_masks_are_minimized_and_expanded_again():
    mini_masks = old.minimize_mask(SCENE.boxes, SCENE.masks, (10, 12))
    assert np.array_equal(
        mini_masks, minimize_masks(SCENE.masks, SCENE.boxes, (10, 12))
    )
    again = old.expand_mask(SCENE.boxes[:1], mini_masks[..., :1], (20, 30, 3))
    assert np.array_equal(again[..., 0], SCENE.masks[..., 0])


def test_a_box_without_area_cannot_be_minimized():
    with pytest.raises(ValueError, match="Instance 0"):
        old.minimize_mask(np.zeros((1, 4)), np.zeros((9, 9, 1)), (4, 4))


def test_a_mold_is_what_the_mask_head_should_put_out():
    mask = draw_ellipse(60, (30, 30), (28, 15))
    mold = old.mold_mask(mask, Config())
    assert mold.shape == (28, 28)
    assert set(np.unique(mold)) == {0, 1}
    assert mold.mean() == pytest.approx(np.pi / 4, abs=0.02)


def test_unmolded_masks_are_matterports(golden_matterport):
    shape = golden_matterport["detect_masks_shape"]
    bits = np.unpackbits(golden_matterport["detect_masks_packed"])
    masks = bits[: np.prod(shape)].reshape(shape)
    patches = golden_matterport["mask_of_class"]
    for i, box in enumerate(golden_matterport["detect_rois"][:10]):
        unmolded = old.unmold_mask(patches[i], box, shape[:2])
        assert unmolded.dtype == bool
        assert np.array_equal(unmolded, masks[..., i])


def test_overlaps_count_values_over_one_half():
    soft = SCENE.masks * 0.9 + ~SCENE.masks * 0.4
    overlaps = old.compute_overlaps_masks(soft, SCENE.masks)
    shared = 4 * 7
    assert np.allclose(overlaps[0], [1, shared / (120 + 264 - shared)])
    assert old.compute_overlaps_masks(soft[..., :0], SCENE.masks).shape == (0, 2)


@pytest.mark.parametrize("mode", ["none", "square", "pad64", "crop"])
def test_masks_follow_what_resize_image_returned(mode):
    image, _, scale, padding, crop = resize_image(
        SCENE.image, min_dim=64, max_dim=128, mode=mode
    )
    resized = old.resize_mask(SCENE.masks, scale, padding, crop)
    assert resized.shape == (*image.shape[:2], 2)
    if mode != "crop":
        plan = plan_resize((20, 30), min_dim=64, max_dim=128, mode=mode)
        assert np.array_equal(resized, resize_masks(SCENE.masks, plan))
