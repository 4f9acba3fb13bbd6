"""Where pixels come from, and boxes that go with them, against masks of rectangles."""

import numpy as np
import pytest

from mrcnn.data.pixel_origins import moved_boxes, origin_masks, pixel_origins
from mrcnn.geometry.masks import mask_bounds

SHAPE = (37, 64)


def shifted(array, rows=3, columns=-5):
    """Moved down and left, False where nothing comes from."""
    moved = np.zeros_like(array)
    moved[rows:, :columns] = array[:-rows, -columns:]
    return moved


def sheared(array):
    """Every row moved on by one pixel more than the row before, round the edge."""
    return np.stack([np.roll(row, y, axis=0) for y, row in enumerate(array)])


def with_a_hole(array):
    """Erased in the middle, as something laid upon it does."""
    holed = array.copy()
    holed[10:20, 20:50] = False
    return holed


MOVES = {
    "as it is": lambda array: array,
    "left and right": lambda array: array[:, ::-1],
    "top and bottom": lambda array: array[::-1],
    "turned": np.rot90,
    "turned and mirrored": lambda array: np.rot90(array, 3)[:, ::-1],
    "cropped": lambda array: array[5:30, 11:40],
    "shifted": shifted,
    "half the size": lambda array: array[::2, ::2],
    "three times the size": lambda array: np.repeat(np.repeat(array, 3, 0), 3, 1),
    "sheared": sheared,
    "with a hole": with_a_hole,
    "nothing left": lambda array: np.zeros_like(array),
}


def rectangles(boxes):
    """Masks of boxes of whole pixels. -> bool [H, W, N]"""
    masks = np.zeros((*SHAPE, len(boxes)), bool)
    for i, (y1, x1, y2, x2) in enumerate(boxes):
        masks[y1:y2, x1:x2, i] = True
    return masks


def random_boxes(rng, count):
    y1, x1 = rng.integers(0, 36, count), rng.integers(0, 63, count)
    y2, x2 = rng.integers(y1 + 1, 38), rng.integers(x1 + 1, 65)
    return np.stack([y1, x1, y2, x2], axis=-1)


def test_every_pixel_of_an_image_that_stays_has_its_own_place():
    rows, columns = pixel_origins(origin_masks((*SHAPE, 3)), SHAPE)
    expected = np.mgrid[: SHAPE[0], : SHAPE[1]]
    np.testing.assert_array_equal([rows, columns], expected)


def test_neighbours_differ_in_one_digit():
    masks = origin_masks(SHAPE)
    assert masks.shape == (37, 64, 1 + 6 + 6)
    assert ((masks[1:] ^ masks[:-1]).sum(axis=-1) == 1).all()
    assert ((masks[:, 1:] ^ masks[:, :-1]).sum(axis=-1) == 1).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (3, 1)])
def test_images_of_a_pixel_or_two_have_places_too(shape):
    rows, columns = pixel_origins(origin_masks(shape), shape)
    np.testing.assert_array_equal([rows, columns], np.mgrid[: shape[0], : shape[1]])


@pytest.mark.parametrize("name", MOVES)
def test_boxes_go_where_masks_of_their_rectangles_go(name, rng):
    move = MOVES[name]
    boxes = random_boxes(rng, 60)
    expected = mask_bounds(move(rectangles(boxes)))
    found, is_seen = moved_boxes(
        boxes, *pixel_origins(move(origin_masks(SHAPE)), SHAPE)
    )
    np.testing.assert_array_equal(is_seen, expected.any(axis=1))
    np.testing.assert_array_equal(found[is_seen], expected[is_seen])
    assert found.dtype == np.float32


def test_a_mirrored_box_on_graph_paper():
    masks = origin_masks((10, 20))[:, ::-1]
    found, _ = moved_boxes(np.array([[1, 2, 4, 8]]), *pixel_origins(masks, (10, 20)))
    assert found.tolist() == [[1, 20 - 8, 4, 20 - 2]]


def test_boxes_with_fractions_are_of_the_nearest_pixels_and_of_one_at_least():
    boxes = np.array([[1.4, 2.6, 4.4, 7.6], [3.6, 3.6, 3.9, 3.9], [9.6, 19.6, 10, 20]])
    found, is_seen = moved_boxes(
        boxes, *pixel_origins(origin_masks((10, 20)), (10, 20))
    )
    assert found.tolist() == [[1, 3, 4, 8], [3, 3, 4, 4], [9, 19, 10, 20]]
    assert is_seen.all()


def test_no_boxes_stay_none():
    found, is_seen = moved_boxes(
        np.zeros((0, 4)), *pixel_origins(origin_masks(SHAPE), SHAPE)
    )
    assert found.shape == (0, 4)
    assert is_seen.shape == (0,)
