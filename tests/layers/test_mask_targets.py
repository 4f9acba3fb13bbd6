"""Mask targets: rectangles on paper, both geometries, full masks and mini-masks."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from mrcnn.geometry.boxes import denormalize_boxes, normalize_boxes
from mrcnn.geometry.masks import mask_through_box
from mrcnn.geometry.mini_masks import minimize_masks
from mrcnn.layers.mask_targets import MaskTargetLayer
from tests.layer_contract import check_layer
from tests.layers.test_rpn_targets import SIDE, ground_truth, scene
from tests.scenes import draw_ellipse

WHOLE = [0, 0, SIDE, SIDE]


def patches_of(
    rois, gt_indices, boxes, masks, shape=(8, 8), *, sample_bins, use_mini_mask
):
    """Patches of one image from pixel rois and boxes. -> [P, S, T]"""
    layer = MaskTargetLayer(shape, sample_bins=sample_bins, use_mini_mask=use_mini_mask)

    def normalized(boxes):
        boxes = np.array(boxes, "float64").reshape(1, -1, 4)
        edge_shift = 0 if sample_bins else 1  # As the two geometries have it.
        boxes = normalize_boxes(boxes, (SIDE, SIDE), edge_shift=edge_shift)
        return boxes.astype("float32")

    inputs = [
        normalized(rois),
        np.array([gt_indices], "int32"),
        normalized(boxes),
        np.asarray(masks)[None],
    ]
    return np.asarray(layer(inputs))[0]


@pytest.fixture
def drawn():
    return scene([[16, 16, 48, 48], [0, 32, 32, 64]], [1, 2])


@pytest.fixture(params=[False, True], ids=["full", "mini"])
def gt(request, drawn):
    """Masks as the layer takes them, and whether they are mini-masks."""
    if not request.param:
        return drawn.masks, False
    return minimize_masks(drawn.masks, drawn.boxes, (28, 28)), True


def half_empty(patch, axis):
    """The part of a patch's rows or columns that is set, as a list of 0 and 1."""
    lines = np.moveaxis(patch, axis, 0)
    np.testing.assert_allclose(lines, np.tile(lines[:, :1], lines.shape[1]), atol=1e-5)
    return list(lines[:, 0].astype(int))


@pytest.mark.parametrize("sample_bins", [False, True])
def test_a_roi_upon_the_object_sees_it_whole(drawn, gt, sample_bins):
    masks, is_mini = gt
    patches = patches_of(
        drawn.boxes,
        [0, 1],
        drawn.boxes,
        masks,
        sample_bins=sample_bins,
        use_mini_mask=is_mini,
    )
    assert patches.shape == (2, 8, 8)
    assert patches.all()


def test_a_roi_half_off_the_object_sees_half_of_it(drawn, gt):
    masks, is_mini = gt
    rois = [[0, 16, 32, 48], [16, 32, 48, 64]]
    above, below = patches_of(
        rois, [0, 1], drawn.boxes, masks, sample_bins=True, use_mini_mask=is_mini
    )
    assert half_empty(above, 0) == [0] * 4 + [1] * 4
    assert half_empty(below, 0) == [1] * 4 + [0] * 4


def test_a_cell_is_the_share_of_its_bin_that_is_covered():
    mask = np.zeros((SIDE, SIDE, 1), bool)
    mask[:32, :20] = True  # Columns of 8 pixels: the third is covered by half.
    mask[32:, :18] = True
    (patch,) = patches_of(
        [WHOLE], [0], [WHOLE], mask, sample_bins=True, use_mini_mask=False
    )
    np.testing.assert_allclose(patch[0], [1, 1, 4 / 8, 0, 0, 0, 0, 0])
    np.testing.assert_allclose(patch[-1], [1, 1, 2 / 8, 0, 0, 0, 0, 0])


def test_corner_to_corner_is_the_kernel_that_matterport_used(rng):
    masks = rng.integers(0, 2, (9, 13, 4)).astype(bool)
    corner = rng.uniform(-0.2, 0.6, (6, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(0.2, 0.6, (6, 2))], axis=-1)
    gt_indices = rng.integers(0, 4, 6)
    samples = tf.image.crop_and_resize(
        np.moveaxis(masks, -1, 0)[..., None].astype("float32"),
        boxes,
        gt_indices,
        (7, 5),
    )[..., 0]
    # At the very middle, the last digit decides.
    is_clear = np.abs(samples - 0.5) > 1e-5

    patches = patches_of(
        denormalize_boxes(boxes, (SIDE, SIDE), edge_shift=1),
        gt_indices,
        [WHOLE] * 4,
        masks,
        (7, 5),
        sample_bins=False,
        use_mini_mask=True,
    )

    assert is_clear.mean() > 0.9
    np.testing.assert_array_equal(patches[is_clear], np.round(samples)[is_clear])


@pytest.mark.parametrize("use_mini_mask", [False, True])
def test_bins_are_what_the_plain_way_gives(rng, use_mini_mask):
    masks = rng.integers(0, 2, (20, 30, 3)).astype(bool)
    corner = rng.uniform(0, 30, (3, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(10, 30, (3, 2))], axis=-1)
    shifts = rng.normal(0, 3, (5, 4))
    gt_indices = np.array([0, 2, 1, 1, 0])
    rois = boxes[gt_indices] + shifts

    patches = patches_of(
        rois, gt_indices, boxes, masks, sample_bins=True, use_mini_mask=use_mini_mask
    )

    for roi, slot, patch in zip(rois, gt_indices, patches, strict=True):
        frame = boxes[slot] if use_mini_mask else np.array(WHOLE)
        sides = np.tile(frame[2:] - frame[:2], 2)
        within = (roi - np.tile(frame[:2], 2)) / sides * [20, 30, 20, 30]
        share = mask_through_box(masks[..., slot], within, (8, 8))
        np.testing.assert_allclose(patch, share, atol=1e-4)


def test_both_geometries_see_the_same_object_at_slightly_other_places():
    mask = draw_ellipse(SIDE, (32, 30), (20, 14))[..., None]
    box = [12, 16, 52, 44]
    patches = [
        patches_of(
            [box],
            [0],
            [box],
            minimize_masks(mask, np.array([box]), (56, 56)),
            (28, 28),
            sample_bins=sample_bins,
            use_mini_mask=True,
        )
        for sample_bins in (False, True)
    ]
    both, either = np.minimum(*patches).sum(), np.maximum(*patches).sum()
    assert 0.9 < both / either < 1


@pytest.mark.parametrize("sample_bins", [False, True])
def test_a_gt_box_without_area_has_no_mask(sample_bins):
    masks = np.ones((28, 28, 1), bool)
    (patch,) = patches_of(
        [[0, 0, 20, 20]],
        [0],
        [[5, 5, 5, 9]],
        masks,
        sample_bins=sample_bins,
        use_mini_mask=True,
    )
    assert not patch.any()


@pytest.mark.parametrize("use_mini_mask", [False, True])
@pytest.mark.parametrize("sample_bins", [False, True])
def test_without_gt_there_are_no_masks(sample_bins, use_mini_mask):
    (patch,) = patches_of(
        [[0, 0, 20, 20]],
        [0],
        [],
        np.zeros((28, 28, 0), bool),
        sample_bins=sample_bins,
        use_mini_mask=use_mini_mask,
    )
    assert not patch.any()


def test_masks_of_any_side_run_in_a_network(drawn):
    inputs = [
        np.repeat(drawn.boxes[None] / SIDE, 2, axis=0).astype("float32"),
        np.array([[0, 1], [1, 0]], "int32"),
        np.repeat(ground_truth(drawn)[1], 2, axis=0),
        np.repeat(drawn.masks[None], 2, axis=0),
    ]
    for sample_bins in (False, True):
        layer = MaskTargetLayer((8, 8), sample_bins=sample_bins, use_mini_mask=False)
        symbols = [
            keras.Input((None, 4)),
            keras.Input((None,), dtype="int32"),
            keras.Input((None, 4)),
            keras.Input((None, None, None), dtype="bool"),
        ]
        model = keras.Model(symbols, layer(symbols))
        assert model.output_shape == (None, None, 8, 8)
        np.testing.assert_array_equal(tf.function(model)(inputs), layer(inputs))


@pytest.mark.parametrize("use_mini_mask", [False, True])
@pytest.mark.parametrize("sample_bins", [False, True])
def test_it_does_the_duties_of_a_layer(drawn, sample_bins, use_mini_mask):
    masks = minimize_masks(drawn.masks, drawn.boxes, (14, 14))
    boxes = np.repeat(drawn.boxes[None] / SIDE, 2, axis=0).astype("float32")
    check_layer(
        MaskTargetLayer((8, 6), sample_bins=sample_bins, use_mini_mask=use_mini_mask),
        [
            boxes + np.float32(0.03),
            np.array([[0, 1], [1, 0]], "int32"),
            boxes,
            np.repeat(masks[None], 2, axis=0),
        ],
        (2, 2, 8, 6),
        no_gradients_to=[0, 2],
        keeps_float32=True,
    )
