"""Colours."""

import random

import numpy as np
import pytest

from mrcnn.drawing.colors import indexed_color, random_colors, to_uint8


@pytest.mark.parametrize("count", [0, 1, 7])
def test_as_many_different_colors_as_asked_for(count):
    assert len(set(random_colors(count))) == count


def test_the_order_follows_the_seed_of_random():
    random.seed(4)
    first = random_colors(12)
    random.seed(4)
    assert random_colors(12) == first


def test_bright_colors_use_the_full_range_and_others_do_not():
    assert max(max(color) for color in random_colors(5)) == 1.0
    assert max(max(color) for color in random_colors(5, bright=False)) == 0.7


def test_indexed_colors_never_change_and_neighbours_differ():
    colors = np.array([indexed_color(index) for index in range(50)])
    np.testing.assert_array_equal(colors[3], indexed_color(3))
    assert np.abs(np.diff(colors, axis=0)).max(axis=1).min() > 0.2


def test_to_uint8_rounds():
    np.testing.assert_array_equal(to_uint8((0, 0.5, 1)), [0, 128, 255])
