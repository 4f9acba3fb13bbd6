import math

import numpy as np
import pytest

from mrcnn.data.readers.outlines import ellipse, polygon, rectangle
from mrcnn.geometry.mask_coding import polygons_to_mask


def test_corners_come_in_order():
    assert polygon([1, 2, 3], [4, 5, 6]) == [1, 4, 2, 5, 3, 6]


def test_a_rectangle_may_be_given_by_any_two_corners():
    expected = [1, 2, 5, 2, 5, 4, 1, 4]
    assert rectangle(1, 2, 5, 4) == expected
    assert rectangle(5, 2, 1, 4) == expected
    assert rectangle(5, 4, 1, 2) == expected


def test_a_rectangle_covers_the_pixels_between_its_sides():
    mask = polygons_to_mask([rectangle(1, 2, 5, 4)], (6, 8))
    expected = np.zeros((6, 8), bool)
    expected[2:4, 1:5] = True
    np.testing.assert_array_equal(mask, expected)


@pytest.mark.parametrize(("x_radius", "y_radius"), [(20, 20), (30, 12), (3, 3)])
@pytest.mark.parametrize("angle", [0.0, 0.4, math.pi / 2])
def test_every_corner_lies_on_the_ellipse_and_every_side_close(
    x_radius, y_radius, angle
):
    corners = np.reshape(ellipse(40, 50, x_radius, y_radius, angle), (-1, 2))
    middles = (corners + np.roll(corners, 1, axis=0)) / 2
    for points, slack in [(corners, 1e-9), (middles, 0.05)]:
        x, y = points[:, 0] - 40, points[:, 1] - 50
        along = x * math.cos(angle) + y * math.sin(angle)
        across = y * math.cos(angle) - x * math.sin(angle)
        radius = np.hypot(along / x_radius, across / y_radius)
        assert (radius <= 1 + 1e-9).all()
        assert (radius >= 1 - slack / min(x_radius, y_radius)).all()


def test_an_ellipse_turns_from_x_towards_y():
    corners = np.reshape(ellipse(0, 0, 10, 1, math.pi / 2), (-1, 2))
    assert abs(corners[0] - [0, 10]).max() < 1e-9
    # A quarter of a right angle below the x axis, where y grows.
    corners = np.reshape(ellipse(0, 0, 10, 1, math.pi / 8), (-1, 2))
    assert corners[0, 1] > 0
