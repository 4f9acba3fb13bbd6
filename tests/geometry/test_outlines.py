import numpy as np
import pytest

from mrcnn.geometry.outlines import simple_outlines
from tests.scenes import draw_ellipse


def even_odd(outlines, shape):
    """Pixels whose centre an odd number of edges has to its left."""
    y, x = np.indices(shape) + 0.5
    inside = np.zeros(shape, bool)
    for outline in outlines:
        for (x1, y1), (x2, y2) in zip(outline, np.roll(outline, -1, 0), strict=True):
            if y1 != y2:
                crosses = (y > min(y1, y2)) & (y < max(y1, y2))
                at = x1 + (y - y1) * (x2 - x1) / (y2 - y1)
                inside ^= crosses & (at < x)
    return inside


def test_a_rectangle_keeps_its_four_corners():
    mask = np.zeros((9, 9), bool)
    mask[2:5, 3:8] = True
    (outline,) = simple_outlines(mask, tolerance=1.5)
    assert sorted(map(tuple, outline.tolist())) == [(3, 2), (3, 5), (8, 2), (8, 5)]


def test_a_hole_is_an_outline_of_its_own():
    mask = np.ones((12, 12), bool)
    mask[4:8, 4:8] = False
    outlines = simple_outlines(mask, tolerance=1)
    assert len(outlines) == 2
    np.testing.assert_array_equal(even_odd(outlines, mask.shape), mask)


def test_a_round_mask_needs_few_corners_and_stays_within_the_tolerance():
    mask = draw_ellipse(120, (60, 60), (50, 35), 0.4)
    (outline,) = simple_outlines(mask, tolerance=1.5)
    assert 8 < len(outline) < 40
    again = even_odd([outline], mask.shape)
    assert (again & mask).sum() / (again | mask).sum() > 0.96
    (finer,) = simple_outlines(mask, tolerance=0.5)
    assert len(finer) > len(outline)


@pytest.mark.parametrize("side", [1, 2])
def test_a_mask_smaller_than_the_tolerance_does_not_vanish(side):
    mask = np.zeros((5, 5), bool)
    mask[1 : 1 + side, 1 : 1 + side] = True
    (outline,) = simple_outlines(mask, tolerance=9)
    np.testing.assert_array_equal(even_odd([outline], mask.shape), mask)


def test_an_empty_mask_has_no_outline():
    assert simple_outlines(np.zeros((4, 4), bool), tolerance=1) == []
