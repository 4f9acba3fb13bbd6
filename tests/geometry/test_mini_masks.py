import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mrcnn.geometry.masks import mask_bounds, pairwise_mask_iou
from mrcnn.geometry.mini_masks import (
    expand_masks,
    mini_masks_resized,
    minimize_masks,
)
from mrcnn.geometry.resizing import plan_resize, resize_masks
from tests.scenes import draw_ellipse, random_shape, rectangle_scene


def test_a_mini_mask_of_the_same_shape_is_the_cut(rng):
    masks = rng.random((8, 9, 2)) < 0.5
    boxes = np.array([[1, 2, 5, 6], [4, 5, 8, 9]])
    mini_masks = minimize_masks(masks, boxes, (4, 4))
    assert np.array_equal(mini_masks[..., 0], masks[1:5, 2:6, 0])
    assert np.array_equal(mini_masks[..., 1], masks[4:8, 5:9, 1])


def test_shrinking_to_half_sets_what_is_more_than_half_set():
    mask = np.zeros((4, 4), bool)
    mask[0, :2] = mask[1, 0] = True  # three of four pixels
    mask[2:, 2] = True  # two of four
    mini_masks = minimize_masks(mask[..., None], [[0, 0, 4, 4]], (2, 2))
    assert mini_masks[..., 0].tolist() == [[True, False], [False, False]]


def test_masks_do_not_reach_beyond_their_box():
    masks = np.ones((8, 8, 1), bool)
    mini_masks = minimize_masks(masks, [[2, 2, 4, 4]], (8, 8))
    # Upsampled four times, the corners fade to 0.625 ** 2 on their way to the outside.
    assert not mini_masks[0, 0, 0]
    assert mini_masks[0, 1, 0]


def test_a_box_without_pixels_is_refused_by_its_index():
    masks = np.ones((8, 8, 2), bool)
    with pytest.raises(ValueError, match=r"Instance 1 .*\[3, 3, 3, 5\]"):
        minimize_masks(masks, [[0, 0, 8, 8], [3, 3, 3, 5]], (4, 4))
    with pytest.raises(ValueError, match="Instance 0"):
        minimize_masks(masks[..., :1], [[np.nan, 0, 8, 8]], (4, 4))


def test_a_box_may_leave_the_image():
    masks = np.ones((8, 8, 2), bool)
    boxes = [[-8, -8, 8, 8], [20, 20, 30, 30]]
    mini_masks = minimize_masks(masks, boxes, (4, 4))
    assert mini_masks[..., 0].sum() == 2 * 2
    assert not mini_masks[..., 1].any()


@pytest.mark.parametrize(("dtype", "value"), [("uint8", 255), ("float32", 1)])
def test_masks_may_be_numbers(rng, dtype, value):
    masks = rng.random((8, 9, 2)) < 0.5
    boxes = [[0, 0, 8, 9]] * 2
    expected = minimize_masks(masks, boxes, (5, 5))
    numbers = masks.astype(dtype) * value
    assert np.array_equal(minimize_masks(numbers, boxes, (5, 5)), expected)
    whole = expand_masks(expected.astype(dtype) * value, boxes, (8, 9))
    assert np.array_equal(whole, expand_masks(expected, boxes, (8, 9)))


def test_no_masks_stay_no_masks():
    masks = np.zeros((8, 9, 0), bool)
    plan = plan_resize((8, 9), max_dim=16)
    boxes, mini_masks = mini_masks_resized(masks, plan, (5, 6))
    assert boxes.shape == (0, 4)
    assert mini_masks.shape == (5, 6, 0)
    assert minimize_masks(masks, [], (5, 6)).shape == (5, 6, 0)
    assert expand_masks(np.zeros((5, 6, 0)), [], (8, 9)).shape == (8, 9, 0)


def test_expanding_undoes_minimizing(rng):
    for _ in range(20):
        mask = random_shape(rng, 20, 80)[..., None]
        boxes = mask_bounds(mask)
        mini_masks = minimize_masks(mask, boxes, (56, 56))
        again = expand_masks(mini_masks, boxes, mask.shape)
        assert pairwise_mask_iou(again, mask)[0, 0] > 0.9


def test_mini_masks_of_a_resize_are_those_of_the_resized_masks(rng):
    masks = np.stack(
        [
            draw_ellipse(200, rng.uniform(50, 150, 2), rng.uniform(15, 60, 2))
            for _ in range(6)
        ],
        axis=-1,
    )
    for mode, max_dim in [("square", 512), ("square", 128), ("pad64", None)]:
        plan = plan_resize(masks.shape[:2], min_dim=320, max_dim=max_dim, mode=mode)
        resized = resize_masks(masks, plan)
        boxes, mini_masks = mini_masks_resized(masks, plan, (56, 56))
        assert np.abs(boxes - mask_bounds(resized)).max() <= 1
        expected = minimize_masks(resized, boxes, (56, 56))
        assert (mini_masks != expected).mean() < 0.02


def test_an_unscaled_resize_only_moves_the_boxes(rng):
    scene = rectangle_scene((20, 30), [[2, 3, 12, 9], [0, 0, 20, 30]], [1, 2])
    plan = plan_resize((20, 30), max_dim=40)
    boxes, mini_masks = mini_masks_resized(scene.masks, plan, (8, 8))
    assert np.array_equal(boxes, np.add(scene.boxes, [10, 5, 10, 5]))
    expected = minimize_masks(scene.masks, scene.boxes, (8, 8))
    assert np.array_equal(mini_masks, expected)


def test_an_instance_outside_the_crop_is_left_empty():
    scene = rectangle_scene((20, 40), [[2, 2, 8, 8], [5, 5, 15, 25]], [1, 2])
    plan = plan_resize((20, 40), min_dim=20, mode="crop")  # columns 10 to 30
    boxes, mini_masks = mini_masks_resized(scene.masks, plan, (8, 8))
    assert boxes.tolist() == [[0, 0, 0, 0], [5, 0, 15, 15]]
    assert not mini_masks[..., 0].any()
    assert mini_masks[2:6, 2:6, 1].all()


def test_an_empty_mask_has_a_zero_box():
    plan = plan_resize((8, 8), min_dim=16, max_dim=16)
    boxes, mini_masks = mini_masks_resized(np.zeros((8, 8, 1)), plan, (4, 4))
    assert boxes.tolist() == [[0, 0, 0, 0]]
    assert not mini_masks.any()


@settings(max_examples=200, deadline=None)
@given(
    st.integers(1, 90),
    st.integers(1, 90),
    st.sampled_from(["none", "square", "pad64", "crop"]),
    st.integers(0, 2**32 - 1),
)
def test_one_pixel_keeps_a_box_and_a_mask_through_any_resize(height, width, mode, seed):
    rng = np.random.default_rng(seed)
    masks = np.zeros((height, width, 1), bool)
    masks[rng.integers(height), rng.integers(width)] = True
    plan = plan_resize((height, width), min_dim=64, max_dim=64, mode=mode, rng=rng)
    boxes, mini_masks = mini_masks_resized(masks, plan, (28, 28))
    y1, x1, y2, x2 = boxes[0]
    if mode == "crop" and not boxes.any():
        assert not mini_masks.any()
        return
    top, left, bottom, right = plan.window
    assert top <= y1 < y2 <= bottom
    assert left <= x1 < x2 <= right
    assert mini_masks.any()
