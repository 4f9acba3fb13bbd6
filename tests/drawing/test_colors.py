"""Colours."""

import random

import numpy as np
import pytest

from mrcnn.drawing.colors import (
    indexed_color,
    instance_colors,
    random_colors,
    readable_on,
    to_color,
    to_uint8,
)


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


def test_instances_get_colors_by_place_by_class_or_as_given():
    by_place = [indexed_color(0), indexed_color(1)]
    assert instance_colors("instance", [7, 7]) == by_place
    assert instance_colors(None, [7, 7]) == by_place
    assert instance_colors("class", [7, -7]) == [indexed_color(7)] * 2
    assert instance_colors(["red", (0, 0, 1), (9, 9, 9)], [7, 7]) == [
        (1, 0, 0),
        (0, 0, 1),
    ]


@pytest.mark.parametrize("colors", ["classes", [(1, 0, 0)]])
def test_colors_that_do_not_fit_the_instances_are_refused(colors):
    with pytest.raises(ValueError, match="for each"):
        instance_colors(colors, [1, 2])


@pytest.mark.parametrize(
    "color", [(0, 0.2, 1), (0, 51, 255), [0, 51, 255, 128], "#0033ff", (0, 0.2, 1, 0.5)]
)
def test_a_color_may_be_written_in_many_ways(color):
    np.testing.assert_allclose(to_color(color), (0, 0.2, 1))


def test_what_is_no_color_is_refused():
    with pytest.raises(ValueError, match="no colour"):
        to_color((1, 2))


def test_text_is_dark_on_light_and_light_on_dark_ground():
    assert readable_on((1, 1, 0)) == "black"
    assert readable_on((0, 0, 1)) == "white"
