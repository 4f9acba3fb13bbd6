import numpy as np
import pytest

from mrcnn.compat.detection_targets import (
    build_detection_targets,
    generate_random_rois,
)
from mrcnn.geometry.mini_masks import minimize_masks
from tests.data.scene_dataset import config

GT_BOXES = np.array([[10, 10, 30, 50], [0, 0, 0, 0], [40, 40, 60, 60]], "int32")
GT_CLASS_IDS = np.array([2, 0, -1], "int32")


def gt_masks() -> np.ndarray:
    """The left half of the first box; all of the crowd's box."""
    masks = np.zeros((64, 64, 3), bool)
    masks[10:30, 10:30, 0] = True
    masks[40:60, 40:60, 2] = True
    return masks


def targets_of(rois, masks, **knobs):
    made = config(TRAIN_ROIS_PER_IMAGE=6, ROI_POSITIVE_RATIO=0.5, **knobs)
    return build_detection_targets(rois, GT_CLASS_IDS, GT_BOXES, masks, made)


ROIS = np.array(
    [
        [10, 10, 30, 50],  # the first box itself
        [10, 10, 30, 40],  # its first three quarters: IoU 0.75
        [0, 50, 9, 63],  # background
        [41, 41, 60, 60],  # on the crowd, neither
        [0, 0, 0, 0],  # padding
    ],
    "int32",
)


def test_rois_that_a_crowd_covers_are_not_used():
    rois = np.array([[41, 41, 60, 60], [0, 50, 9, 63]], "int32")
    for knobs, count in ({}, 2), ({"ROI_CROWD_COVER": 0.7}, 1):
        drawn, *_ = targets_of(rois, gt_masks(), CROWD_IOU=1.0, **knobs)
        assert drawn.any(axis=1).sum() == count
    assert drawn[0].tolist() == [0, 50, 9, 63]


@pytest.mark.parametrize("use_mini_mask", [False, True])
def test_targets_of_positives_negatives_and_unused_rows(use_mini_mask):
    masks = gt_masks()
    if use_mini_mask:
        boxes = np.where(GT_BOXES.any(1)[:, None], GT_BOXES, [0, 0, 1, 1])
        masks = minimize_masks(masks, boxes, (56, 56))
    rois, class_ids, bboxes, patches = targets_of(
        ROIS, masks, USE_MINI_MASK=use_mini_mask
    )
    assert rois.dtype == class_ids.dtype == np.int32
    assert bboxes.dtype == patches.dtype == np.float32
    assert bboxes.shape == (6, 3, 4)
    assert patches.shape == (6, 28, 28, 3)
    assert class_ids.tolist() == [2, 2, 0, 0, 0, 0]
    assert rois[2].tolist() == [0, 50, 9, 63]
    assert not rois[3:].any()

    whole, part = np.argsort(rois[:2, 3])[::-1]
    assert not bboxes[whole].any()
    # The box is 5 pixels further right and 4/3 as wide as the roi of 30 pixels.
    expected = [0, 5 / 30 / 0.1, 0, np.log(4 / 3) / 0.2]
    np.testing.assert_allclose(bboxes[part, 2], expected, rtol=1e-5)
    assert not bboxes[:, :2].any()
    assert not bboxes[2:].any()

    assert patches[whole, :, :14, 2].all()
    assert not patches[whole, :, 14:].any()
    # Two thirds of 28 columns.
    assert patches[part, :, :18, 2].all()
    assert not patches[part, :, 19:].any()
    assert not patches[..., :2].any()
    assert not patches[2:].any()


def test_the_draw_follows_numpys_global_state():
    rois = np.array([[0, x, 9, x + 9] for x in range(50)], "int32")
    np.random.seed(3)
    first = targets_of(rois, gt_masks(), USE_MINI_MASK=False)[0]
    other = targets_of(rois, gt_masks(), USE_MINI_MASK=False)[0]
    np.random.seed(3)
    again = targets_of(rois, gt_masks(), USE_MINI_MASK=False)[0]
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_no_rois_and_no_instances_leave_all_rows_unused():
    made = config(TRAIN_ROIS_PER_IMAGE=4, USE_MINI_MASK=False)
    parts = build_detection_targets(
        np.zeros((0, 4)), [], np.zeros((0, 4)), np.zeros((64, 64, 0), bool), made
    )
    assert not any(part.any() for part in parts)
    rois, class_ids, *_ = build_detection_targets(
        ROIS[:1], [], [], np.zeros((64, 64, 0), bool), made
    )
    assert rois[0].tolist() == [10, 10, 30, 50]
    assert not class_ids.any()


def test_random_rois_lie_around_real_boxes():
    rois = generate_random_rois((640, 640), 100, GT_CLASS_IDS, GT_BOXES)
    assert rois.shape == (100, 4)
    assert rois.dtype == np.int32
    # The padding row is none of the boxes: all 90 lie within the enlarged two.
    assert (rois[:90, 2:] <= [80, 90]).all()
    assert len(generate_random_rois((64, 64), 5, [], [])) == 5
