import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mrcnn.geometry.masks import (
    frame_patches,
    mask_bounds,
    mask_through_box,
    pairwise_mask_iou,
    paste_masks,
    paste_patch,
    patches_in_box,
)
from mrcnn.geometry.mini_masks import minimize_masks
from mrcnn.geometry.sampling import hat_weights, weigh_pixels
from tests.scenes import random_shape, rectangle_scene


def paste(patch, box, image_shape, whole_pixel_paste=False):
    masks = paste_masks(
        np.asarray(patch)[None],
        np.asarray(box)[None],
        image_shape,
        threshold=0.5,
        whole_pixel_paste=whole_pixel_paste,
    )
    return masks[..., 0]


def mask_iou(mask, reference):
    return (mask & reference).sum() / (mask | reference).sum()


def test_bounds_exclude_the_lower_right_edge():
    scene = rectangle_scene(
        (9, 12), [[2, 3, 5, 8], [0, 0, 9, 12], [8, 11, 9, 12]], [1] * 3
    )
    assert np.array_equal(mask_bounds(scene.masks), scene.boxes)
    assert mask_bounds(scene.masks).dtype == np.int32


def test_bounds_of_an_empty_mask_are_zero():
    masks = np.zeros((4, 5, 2), bool)
    masks[3, 4, 1] = True
    assert mask_bounds(masks).tolist() == [[0, 0, 0, 0], [3, 4, 4, 5]]


@pytest.mark.parametrize("shape", [(4, 5, 0), (0, 5, 2), (4, 0, 2)])
def test_bounds_of_nothing_are_zero(shape):
    assert np.array_equal(mask_bounds(np.zeros(shape)), np.zeros((shape[2], 4)))


def test_bounds_agree_with_looking_at_every_pixel(rng):
    masks = rng.random((7, 13, 30)) < rng.uniform(0, 0.1, 30)
    for mask, bounds in zip(np.moveaxis(masks, -1, 0), mask_bounds(masks), strict=True):
        y, x = np.nonzero(mask)
        expected = [y.min(), x.min(), y.max() + 1, x.max() + 1] if len(y) else [0] * 4
        assert bounds.tolist() == expected


@pytest.mark.parametrize(("dtype", "value"), [("uint8", 255), ("int64", 3)])
def test_masks_may_be_numbers(rng, dtype, value):
    masks = rng.random((6, 7, 3)) < 0.2
    numbers = masks.astype(dtype) * value
    assert np.array_equal(mask_bounds(numbers), mask_bounds(masks))
    assert np.allclose(pairwise_mask_iou(numbers, masks).diagonal(), 1)
    whole = mask_through_box(masks[..., 0], [0, 0, 6, 7], (6, 7))
    assert np.allclose(whole, masks[..., 0])


def test_masks_of_another_rank_are_refused():
    with pytest.raises(ValueError, match="instances"):
        mask_bounds(np.zeros((4, 5)))


def test_bins_hold_the_share_that_the_mask_covers(as_array):
    mask = np.zeros((4, 4), "float32")
    mask[1:4, 2:4] = 1
    seen = mask_through_box(as_array(mask), as_array([0.0, 0.0, 4.0, 4.0]), (2, 2))
    assert np.allclose(seen, [[0, 0.5], [0, 1]])


def test_a_box_beside_the_mask_sees_it_shifted(as_array):
    mask = np.ones((4, 4), "float32")
    seen = mask_through_box(as_array(mask), as_array([-2.0, 1.5, 2.0, 5.5]), (2, 2))
    assert np.allclose(seen, [[0, 0], [1, 0.5 / 2]])


@pytest.mark.parametrize(
    "box",
    [[2, 2, 2, 4], [3, 3, 1, 1], [np.nan, 0, 4, 4], [0, 0, np.inf, 4], [9, 9, 12, 12]],
)
def test_a_box_without_area_or_beside_the_image_sees_nothing(as_array, box):
    mask = as_array(np.ones((4, 4), "float32"))
    seen = mask_through_box(mask, as_array(np.array(box, "float32")), (2, 3))
    assert np.array_equal(seen, np.zeros((2, 3)))


def test_masks_are_seen_through_their_boxes_in_step(as_array, rng):
    masks = (rng.random((2, 3, 6, 8)) < 0.5).astype("float32")
    boxes = rng.uniform(0, 4, (2, 3, 4)).astype("float32") + np.float32([0, 0, 4, 4])
    seen = np.asarray(mask_through_box(as_array(masks), as_array(boxes), (4, 5)))
    for index in np.ndindex(2, 3):
        one = mask_through_box(masks[index], boxes[index], (4, 5))
        assert np.allclose(seen[index], one, atol=1e-5)


def test_masks_are_seen_through_boxes_inside_a_network(rng):
    masks = keras.Input((3, 8, 8), dtype="bool")
    boxes = keras.Input((3, 4))
    network = keras.Model([masks, boxes], mask_through_box(masks, boxes, (4, 5)))
    values = rng.random((2, 3, 8, 8)) < 0.5, np.tile([1.0, 2.0, 7.0, 6.5], (2, 3, 1))
    assert network.output_shape == (None, 3, 4, 5)
    seen = network.predict(values, verbose=0)
    assert np.allclose(seen, mask_through_box(*values, (4, 5)), atol=1e-5)


def test_aligned_pasting_keeps_full_strength_up_to_the_edge():
    mask = paste(np.ones((2, 2)), [1, 1, 3, 5], (4, 6))
    assert np.array_equal(mask[1:3, 1:5], np.ones((2, 4)))
    assert mask.sum() == 8


def test_aligned_pasting_covers_the_pixels_whose_centre_is_inside():
    mask = paste(np.ones((4, 4)), [0.4, 0.6, 2.6, 3.4], (4, 6))
    assert mask_bounds(mask[..., None])[0].tolist() == [0, 1, 3, 3]


def test_whole_pixel_pasting_fades_at_the_border():
    # Upsampled four times, pixel centres lie 1/8, 3/8, ... cells from the border and
    # have the weights 0.625 and 0.875; corners 0.625 ** 2 stay below one half.
    mask = paste(np.ones((1, 1)), [0, 0, 4, 4], (4, 4), whole_pixel_paste=True)
    weight = np.array([0.625, 0.875, 0.875, 0.625])
    assert np.array_equal(mask, np.outer(weight, weight) >= 0.5)
    assert mask.sum() == 12


def test_whole_pixel_pasting_rounds_the_box():
    mask = paste(np.ones((8, 8)), [0.4, 1.4, 3.6, 4.6], (6, 6), whole_pixel_paste=True)
    assert mask_bounds(mask[..., None])[0].tolist() == [0, 1, 4, 5]


def test_values_at_the_threshold_are_set():
    patch = np.full((2, 2), 0.5, "float32")
    assert paste(patch, [0, 0, 2, 2], (2, 2)).all()
    assert not paste(patch - 1e-3, [0, 0, 2, 2], (2, 2)).any()


def test_a_pasted_patch_comes_with_its_place():
    part, offset = paste_patch(
        np.ones((4, 4)), [2, 3, 5, 9], (10, 8), threshold=0.5, whole_pixel_paste=False
    )
    assert offset == (2, 3)
    assert part.shape == (3, 5)


@pytest.mark.parametrize("whole_pixel_paste", [True, False])
@pytest.mark.parametrize(
    "box",
    [
        [2, 2, 2, 5],
        [5, 5, 2, 2],
        [0, 0, 0, 0],
        [-9, -9, -2, -2],
        [20, 0, 30, 5],
        [np.nan, 0, 4, 4],
        [0, 0, np.inf, 4],
    ],
)
def test_a_box_without_pixels_gives_an_empty_mask(box, whole_pixel_paste):
    mask = paste(np.ones((4, 4)), box, (10, 12), whole_pixel_paste)
    assert mask.shape == (10, 12)
    assert not mask.any()


@pytest.mark.parametrize("whole_pixel_paste", [True, False])
def test_what_leaves_the_image_is_cut_off(rng, whole_pixel_paste):
    patch = rng.random((6, 6))
    small = paste(patch, [-3, -5, 7, 15], (5, 8), whole_pixel_paste)
    large = paste(patch, [7, 5, 17, 25], (30, 30), whole_pixel_paste)
    assert np.array_equal(small, large[10:15, 10:18])


@pytest.mark.parametrize("whole_pixel_paste", [True, False])
def test_a_huge_box_costs_no_more_than_the_image(whole_pixel_paste):
    mask = paste(np.ones((4, 4)), [-1e12, -1e12, 1e12, 1e12], (5, 8), whole_pixel_paste)
    assert mask.all()


def test_pasting_agrees_with_sampling_pixel_by_pixel(rng):
    patch = rng.random((5, 5)).astype("float32")
    y1, x1, y2, x2 = box = [1.3, 2.2, 9.1, 14.7]
    mask = paste(patch, box, (12, 16))
    for y, x in np.ndindex(12, 16):
        inside = y1 <= y + 0.5 < y2 and x1 <= x + 0.5 < x2
        row = np.clip((y + 0.5 - y1) * 5 / (y2 - y1) - 0.5, 0, 4)
        column = np.clip((x + 0.5 - x1) * 5 / (x2 - x1) - 0.5, 0, 4)
        value = hat_weights([row], 5) @ patch @ hat_weights([column], 5).T
        assert mask[y, x] == (inside and value[0, 0] >= 0.5)


def test_no_patches_make_no_masks():
    masks = paste_masks(
        np.zeros((0, 28, 28)), [], (4, 5), threshold=0.5, whole_pixel_paste=True
    )
    assert masks.shape == (4, 5, 0)


def test_boxes_must_be_as_many_as_patches():
    with pytest.raises(ValueError, match=r"\(2, 4\)"):
        paste_masks(
            np.zeros((2, 8, 8)),
            np.zeros((3, 4)),
            (4, 5),
            threshold=0.5,
            whole_pixel_paste=True,
        )


def test_pasted_masks_are_matterports(golden_matterport):
    shape = golden_matterport["detect_masks_shape"]
    bits = np.unpackbits(golden_matterport["detect_masks_packed"])
    masks = paste_masks(
        golden_matterport["mask_of_class"],
        golden_matterport["detect_rois"],
        shape,
        threshold=0.5,
        whole_pixel_paste=True,
    )
    assert np.array_equal(masks, bits[: np.prod(shape)].reshape(shape))


def test_a_patch_looks_the_same_from_its_own_box(rng):
    patches = rng.random((2, 4, 6)).astype("float32")
    boxes = np.array([[0, 0, 8, 6], [3, 1, 5, 9.5]])
    seen = patches_in_box(patches[1:], boxes[1:], boxes[1])
    np.testing.assert_allclose(seen, patches[1:], atol=1e-6)


def test_a_box_shifted_by_a_cell_sees_the_patch_shifted():
    patch = np.arange(1.0, 17).reshape(1, 4, 4)
    seen = patches_in_box(patch, [[0, 0, 8, 8]], [2, 0, 10, 8])  # cells of 2 pixels
    np.testing.assert_allclose(seen[0, :3], patch[0, 1:])
    np.testing.assert_allclose(seen[0, 3], 0)


def test_a_box_elsewhere_or_without_area_sees_nothing():
    patch = np.ones((1, 4, 4))
    assert not patches_in_box(patch, [[0, 0, 8, 8]], [20, 20, 28, 28]).any()
    assert not patches_in_box(patch, [[4, 4, 4, 4]], [0, 0, 8, 8]).any()
    assert patches_in_box(patch[:0], np.zeros((0, 4)), [0, 0, 8, 8]).shape == (0, 4, 4)


def test_iou_counts_pixels():
    scene = rectangle_scene(
        (10, 10), [[0, 0, 8, 8], [1, 1, 8, 8], [9, 9, 10, 10]], [1] * 3
    )
    iou = pairwise_mask_iou(scene.masks[..., :2], scene.masks)
    assert np.allclose(iou, [[1, 49 / 64, 0], [49 / 64, 1, 0]])


def test_an_empty_mask_overlaps_nothing():
    masks = np.zeros((4, 4, 2), bool)
    masks[..., 1] = True
    assert pairwise_mask_iou(masks, masks).tolist() == [[0, 0], [0, 1]]
    assert pairwise_mask_iou(masks[..., :0], masks).shape == (0, 2)


def test_masks_of_different_images_cannot_overlap():
    with pytest.raises(ValueError, match="same image"):
        pairwise_mask_iou(np.zeros((4, 4, 1)), np.zeros((4, 5, 1)))


@pytest.mark.parametrize("shape", [(1, 1), (7, 9), (8, 8), (13, 37)])
def test_iou_agrees_with_comparing_pair_by_pair(rng, shape):
    masks = rng.random((*shape, 5)) < 0.6
    masks[0, 0] = True
    iou = pairwise_mask_iou(masks, masks[..., :3])
    for i, j in np.ndindex(5, 3):
        assert iou[i, j] == pytest.approx(mask_iou(masks[..., i], masks[..., j]))


def test_a_perfect_patch_reaches_an_iou_of_97_percent(rng):
    """The best a 28 x 28 mask head can do, against matterport's two paths."""
    found = {"binary": [], "soft": [], "full mask": [], "mini-mask": []}
    for _ in range(500):
        mask = random_shape(rng, 12, 300)
        box = mask_bounds(mask[..., None])[0]
        soft = mask_through_box(mask, box, (28, 28))
        pasted = {
            "soft": paste(soft, box, mask.shape),
            "binary": paste(soft >= 0.5, box, mask.shape),
            "full mask": paste(
                corner_aligned(mask, box), box, mask.shape, whole_pixel_paste=True
            ),
            "mini-mask": paste(
                corner_aligned(shrunk(mask, box), [0, 0, 56, 56]),
                box,
                mask.shape,
                whole_pixel_paste=True,
            ),
        }
        for name, result in pasted.items():
            found[name].append(mask_iou(result, mask))
    best = {name: np.mean(values) for name, values in found.items()}
    assert best["binary"] >= 0.97
    assert best["soft"] >= 0.985
    assert best["mini-mask"] < best["binary"] - 0.01
    assert best["full mask"] < best["binary"] - 0.01


def corner_aligned(mask, box):
    """matterport's target: samples from corner to corner of the box, rounded."""
    rows = np.linspace(box[0], box[2] - 1, 28)
    columns = np.linspace(box[1], box[3] - 1, 28)
    weights = hat_weights(rows, mask.shape[0]), hat_weights(columns, mask.shape[1])
    return np.round(weigh_pixels(mask, *weights))


def shrunk(mask, box):
    return minimize_masks(mask[..., None], box[None], (56, 56))[..., 0]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.floats(width=32), min_size=4, max_size=4),
    st.booleans(),
    st.integers(0, 2**32 - 1),
)
def test_any_box_pastes_inside_the_image(box, whole_pixel_paste, seed):
    patch = np.random.default_rng(seed).random((7, 7))
    part, (y, x) = paste_patch(
        patch, box, (20, 30), threshold=0.5, whole_pixel_paste=whole_pixel_paste
    )
    assert part.dtype == bool
    assert 0 <= y <= 20 - part.shape[0]
    assert 0 <= x <= 30 - part.shape[1]


def test_a_framed_patch_grows_with_its_box_into_whole_pixels():
    patches = np.ones((1, 4, 2))
    framed, boxes = frame_patches(patches, [[2.5, 3.75, 10.5, 9.75]])
    assert framed.shape == (1, 6, 4)
    np.testing.assert_array_equal(framed[0, 1:-1, 1:-1], patches[0])
    assert framed.sum() == patches.sum()
    # Half sides of 4 and 3 grow by 6 / 4 and 4 / 2 about the centre (6.5, 6.75).
    low, high = [6.5 - 6, 6.75 - 6], [6.5 + 6, 6.75 + 6]
    expected = [int(low[0]), int(low[1]), int(high[0]) + 1, int(high[1]) + 1]
    np.testing.assert_array_equal(boxes, [expected])


def test_corners_of_a_framed_box_are_cut_towards_zero():
    _, boxes = frame_patches(np.ones((1, 2, 2)), [[-0.2, 0, 1, 1]])
    # Half the height of 0.6 doubles about 0.4, half the width of 0.5 about 0.5.
    np.testing.assert_array_equal(boxes, [[0, 0, 2, 2]])


def test_no_patches_frame_to_none():
    framed, boxes = frame_patches(np.zeros((0, 28, 28)), [])
    assert framed.shape == (0, 30, 30)
    assert boxes.shape == (0, 4)
