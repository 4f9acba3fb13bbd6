"""Painting masks and boxes."""

import numpy as np

from mrcnn.drawing.overlays import (
    apply_mask,
    draw_box,
    draw_frame,
    mask_outline,
    overlay_masks,
    side_by_side,
)


def grey(height=6, width=8):
    return np.full((height, width, 3), 100, "uint8")


def test_apply_mask_mixes_by_alpha_inside_the_mask_only():
    image = grey()
    mask = np.zeros((6, 8), bool)
    mask[2, 3] = True
    assert apply_mask(image, mask, (1, 0, 0), alpha=0.5) is image
    np.testing.assert_array_equal(image[2, 3], [(100 + 255) // 2, 50, 50])
    assert (image[~mask] == 100).all()


def test_apply_mask_takes_masks_of_zeros_and_ones():
    image = grey()
    apply_mask(image, np.eye(6, 8, dtype="uint8"), (0, 0, 0), alpha=1)
    assert (image[0, 0] == 0).all()
    assert (image[0, 1] == 100).all()


def test_draw_box_paints_two_pixels_inside_the_edges():
    image = draw_box(grey(8, 8), [1, 1, 7, 7], (7, 8, 9))
    painted = (image == (7, 8, 9)).all(axis=-1)
    expected = np.zeros((8, 8), bool)
    expected[1:7, 1:7] = True
    expected[3:5, 3:5] = False
    np.testing.assert_array_equal(painted, expected)


def test_draw_box_leaves_out_what_lies_outside():
    np.testing.assert_array_equal(draw_box(grey(), [-9, -9, -2, -2], 0), grey())
    np.testing.assert_array_equal(draw_box(grey(), [2, 2, 2, 6], 0), grey())
    image = draw_box(grey(), [-4, 2, 3, 20], 0)
    assert (image[2, 2:] == 0).all()
    assert (image[0, 4:] == 100).all()


def test_the_outline_of_a_square_is_its_ring():
    mask = np.zeros((6, 6), bool)
    mask[1:5, 1:5] = True
    ring = mask.copy()
    ring[2:4, 2:4] = False
    np.testing.assert_array_equal(mask_outline(mask), ring)
    np.testing.assert_array_equal(mask_outline(np.ones((3, 3), bool)).sum(), 8)


def test_overlays_leave_the_image_alone():
    image = grey()
    masks = np.zeros((6, 8, 2), bool)
    masks[1:3, 1:3, 0] = True
    picture = overlay_masks(image, masks)
    assert (image == 100).all()
    assert (picture[1, 1] != 100).any()
    assert (picture[5, 7] == 100).all()
    np.testing.assert_array_equal(overlay_masks(image, masks[..., :0]), image)


def test_side_by_side_aligns_tops_on_white():
    sheet = side_by_side([grey(2, 3), grey(4, 5)], gap=1)
    assert sheet.shape == (4, 9, 3)
    assert (sheet[:, 3] == 255).all()
    assert (sheet[2:, :3] == 255).all()
    assert (sheet[:2, :3] == 100).all()


def test_draw_frame_is_as_thick_as_asked_for():
    image = draw_frame(grey(9, 9), [0, 0, 9, 9], 0, 3)
    np.testing.assert_array_equal(
        np.argwhere(image[..., 0] == 100)[[0, -1]], [[3, 3], [5, 5]]
    )
    np.testing.assert_array_equal(draw_frame(grey(), [0, 0, 6, 8], 0, 0), grey())
