import numpy as np
import pytest

from mrcnn.geometry.mask_coding import decode_rle, polygons_to_mask
from mrcnn.geometry.masks import paste_masks
from mrcnn.inference.local_masks import (
    PatchMasks,
    RleMasks,
    mirror_boxes,
    outline,
    paint_masks,
)

SHAPE = (20, 30)
BOXES = np.array([[2, 3, 12, 13], [0, 0, 20, 30], [10, 25, 20, 30]], "float32")


@pytest.fixture(params=[True, False], ids=["whole pixels", "exact"])
def patch_masks(request, rng) -> PatchMasks:
    patches = rng.random((3, 7, 7)).astype("float32")
    return PatchMasks(patches, BOXES, SHAPE, 0.5, whole_pixel_paste=request.param)


@pytest.fixture
def full_masks(rng) -> np.ndarray:
    masks = rng.random((*SHAPE, 4)) < 0.5
    masks[..., 1] = False
    masks[..., 2] = False
    masks[4:9, 6:8, 2] = True
    return masks


def test_painted_patches_equal_pasted_masks(patch_masks):
    expected = paste_masks(
        patch_masks.patches,
        BOXES,
        SHAPE,
        threshold=0.5,
        whole_pixel_paste=patch_masks.whole_pixel_paste,
    )
    painted = paint_masks(patch_masks, SHAPE)
    assert painted.any()
    np.testing.assert_array_equal(painted, np.moveaxis(expected, -1, 0))


def test_the_run_lengths_of_patches_decode_to_the_painted_masks(patch_masks):
    painted = paint_masks(patch_masks, SHAPE)
    for index in range(3):
        rle = patch_masks.rle(index)
        np.testing.assert_array_equal(decode_rle(rle), painted[index])


def test_full_masks_survive_as_run_lengths(full_masks):
    masks = RleMasks.from_masks(full_masks)
    painted = paint_masks(masks, SHAPE)
    np.testing.assert_array_equal(painted, np.moveaxis(full_masks, -1, 0))


def test_a_local_mask_is_cut_to_its_bounds(full_masks):
    masks = RleMasks.from_masks(full_masks)
    mask, offset = masks.local(2)
    assert offset == (4, 6)
    assert mask.shape == (5, 2)
    assert mask.all()
    assert masks.local(1).mask.size == 0


def test_taking_keeps_the_order_asked_for(patch_masks, full_masks):
    for masks in (patch_masks, RleMasks.from_masks(full_masks)):
        painted = paint_masks(masks, SHAPE)
        taken = paint_masks(masks.take(np.array([2, 0, 2])), SHAPE)
        np.testing.assert_array_equal(taken, painted[[2, 0, 2]])
        assert len(masks.take(np.array([], int))) == 0


def test_no_masks_paint_nothing():
    masks = RleMasks.from_masks(np.zeros((*SHAPE, 0), bool))
    assert len(masks) == 0
    assert paint_masks(masks, SHAPE).shape == (0, *SHAPE)


def test_the_outline_lies_at_the_masks_place(full_masks):
    masks = RleMasks.from_masks(full_masks)
    polygons = outline(masks.local(2))
    np.testing.assert_array_equal(polygons_to_mask(polygons, SHAPE), full_masks[..., 2])
    assert outline(masks.local(1)) == []


def test_mirrored_patches_are_painted_mirrored(patch_masks):
    painted = paint_masks(patch_masks.mirrored(SHAPE[1]), SHAPE)
    expected = paint_masks(patch_masks, SHAPE)[:, :, ::-1]
    assert expected.any()
    np.testing.assert_array_equal(painted, expected)


def test_mirrored_run_lengths_are_painted_mirrored(full_masks):
    masks = RleMasks.from_masks(full_masks)
    painted = paint_masks(masks.mirrored(SHAPE[1]), SHAPE)
    np.testing.assert_array_equal(painted, paint_masks(masks, SHAPE)[:, :, ::-1])


def test_a_mirrored_box_keeps_its_distance_from_the_other_side():
    mirrored = mirror_boxes(np.array([[2, 3, 12, 13]]), width=30)
    assert mirrored.tolist() == [[2, 30 - 13, 12, 30 - 3]]
