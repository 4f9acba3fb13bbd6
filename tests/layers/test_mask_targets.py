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
    rois,
    gt_indices,
    boxes,
    masks,
    shape=(8, 8),
    *,
    sample_bins=True,
    use_mini_mask=False,
    content="share",
):
    """Patches of one image from pixel rois and boxes. -> [P, S, T]"""
    layer = MaskTargetLayer(
        shape, sample_bins=sample_bins, use_mini_mask=use_mini_mask, content=content
    )

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


def test_a_binary_cell_is_set_from_half_of_its_bin():
    mask = np.zeros((SIDE, SIDE, 1), bool)
    mask[:32, :20] = True  # As above: the third column is covered by half, or less.
    mask[32:, :18] = True
    (patch,) = patches_of([WHOLE], [0], [WHOLE], mask, content="binary")
    assert patch[0].tolist() == [1, 1, 1, 0, 0, 0, 0, 0]
    assert patch[-1].tolist() == [1, 1, 0, 0, 0, 0, 0, 0]


def test_samples_lie_half_a_pixel_off():
    mask = np.zeros((SIDE, SIDE, 1), bool)
    mask[:, :20] = True  # A bin of 8 pixels is sampled at 0.5, 1.5, ... of them.
    (patch,) = patches_of([WHOLE], [0], [WHOLE], mask, content="samples")
    # Pixel 19 is the last that is set, and 19.5 lies between it and the next.
    expected = [1, 1, 3.5 / 8, 0, 0, 0, 0, 0]
    np.testing.assert_allclose(patch, [expected] * 8, atol=1e-6)


@pytest.mark.parametrize("use_mini_mask", [False, True])
def test_samples_are_what_the_plain_way_gives(rng, use_mini_mask):
    # Of any size, also less than a pixel, and over the image's edges.
    corner = rng.uniform(-9, 55, (12, 2))
    rois = np.concatenate([corner, corner + rng.uniform(0.2, 40, (12, 2))], axis=-1)
    masks = rng.integers(0, 2, (SIDE, SIDE, 1)).astype(bool)

    patches = patches_of(
        rois,
        [0] * 12,
        [WHOLE],
        masks,
        (5, 4),
        use_mini_mask=use_mini_mask,
        content="samples",
    )

    for roi, patch in zip(rois, patches, strict=True):
        expected = plain_samples(masks[..., 0].astype(float), roi, (5, 4))
        np.testing.assert_allclose(patch, expected, atol=1e-4)


def plain_samples(mask, roi, shape):
    """Bin for bin, and in each sample for sample."""
    sides = np.maximum(roi[2:] - roi[:2], 1) / shape
    counts = np.ceil(sides).astype(int)
    patch = np.zeros(shape)
    for row, column in np.ndindex(*shape):
        total = 0.0
        corner = roi[:2] + np.array([row, column]) * sides
        for sample in np.ndindex(*counts):
            place = corner + (np.array(sample) + 0.5) / counts * sides
            total += bilinear(mask, *place)
        patch[row, column] = total / counts.prod()
    return patch


def bilinear(mask, y, x):
    """The outer pixels reach one pixel further, and beyond is nothing."""
    height, width = mask.shape
    if not (-1 <= y <= height and -1 <= x <= width):
        return 0.0
    y, x = np.clip([y, x], 0, [height - 1, width - 1])
    top, left = int(y), int(x)
    bottom, right = min(top + 1, height - 1), min(left + 1, width - 1)
    upper = mask[top, left] * (left + 1 - x) + mask[top, right] * (x - left)
    lower = mask[bottom, left] * (left + 1 - x) + mask[bottom, right] * (x - left)
    return upper * (top + 1 - y) + lower * (y - top)


def test_only_known_contents_are_taken():
    with pytest.raises(ValueError, match="give one of"):
        MaskTargetLayer((8, 8), sample_bins=True, use_mini_mask=False, content="poly")


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


@pytest.mark.parametrize("content", ["share", "binary", "samples"])
@pytest.mark.parametrize("sample_bins", [False, True])
def test_a_gt_box_without_area_has_no_mask(sample_bins, content):
    masks = np.ones((28, 28, 1), bool)
    (patch,) = patches_of(
        [[0, 0, 20, 20]],
        [0],
        [[5, 5, 5, 9]],
        masks,
        sample_bins=sample_bins,
        use_mini_mask=True,
        content=content,
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
    for sample_bins, content in ((False, "share"), (True, "share"), (True, "samples")):
        layer = MaskTargetLayer(
            (8, 8), sample_bins=sample_bins, use_mini_mask=False, content=content
        )
        symbols = [
            keras.Input((None, 4)),
            keras.Input((None,), dtype="int32"),
            keras.Input((None, 4)),
            keras.Input((None, None, None), dtype="bool"),
        ]
        model = keras.Model(symbols, layer(symbols))
        assert model.output_shape == (None, None, 8, 8)
        np.testing.assert_array_equal(tf.function(model)(inputs), layer(inputs))


@pytest.mark.parametrize(
    ("sample_bins", "use_mini_mask", "content"),
    [
        (False, False, "share"),
        (False, True, "share"),
        (True, False, "share"),
        (True, True, "binary"),
        (True, True, "samples"),
    ],
)
def test_it_does_the_duties_of_a_layer(drawn, sample_bins, use_mini_mask, content):
    masks = minimize_masks(drawn.masks, drawn.boxes, (14, 14))
    boxes = np.repeat(drawn.boxes[None] / SIDE, 2, axis=0).astype("float32")
    check_layer(
        MaskTargetLayer(
            (8, 6),
            sample_bins=sample_bins,
            use_mini_mask=use_mini_mask,
            content=content,
        ),
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
