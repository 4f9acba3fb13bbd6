"""Masks class by class."""

import numpy as np
import pytest

from mrcnn.drawing.class_masks import show_class_masks
from mrcnn.drawing.colors import indexed_color, to_uint8
from tests.scenes import rectangle_scene

SCENE = rectangle_scene(
    (40, 60), [[0, 0, 9, 9], [10, 10, 40, 30], [0, 20, 9, 29]], [1, 2, 1]
)
NAMES = ["background", "fig", "date"]


def panels(plt):
    return {
        axes.get_title(): axes.get_images()[0].get_array() for axes in plt.gcf().axes
    }


def test_the_largest_class_comes_first_with_each_mask_in_its_color(plt):
    show_class_masks(SCENE.image, SCENE.masks, SCENE.class_ids, NAMES, 4)
    shown = panels(plt)
    assert list(shown) == ["H × W = 40 × 60", "date", "fig (2)"]
    np.testing.assert_array_equal(shown["fig (2)"][5, 5], to_uint8(indexed_color(0)))
    np.testing.assert_array_equal(shown["fig (2)"][5, 25], to_uint8(indexed_color(2)))
    assert not shown["fig (2)"][20, 20].any()
    np.testing.assert_array_equal(shown["H × W = 40 × 60"], SCENE.image)


def test_no_more_classes_than_asked_for_and_no_background(plt):
    show_class_masks(SCENE.image, SCENE.masks, SCENE.class_ids, NAMES, 1)
    assert len(panels(plt)) == 2
    show_class_masks(SCENE.image, SCENE.masks, [0, 0, 1], NAMES, 4)
    assert len(panels(plt)) == 2


def test_without_instances_the_image_is_shown(plt):
    show_class_masks(SCENE.image, SCENE.masks[..., :0], [], NAMES, 4)
    assert len(panels(plt)) == 1


def test_class_ids_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="2 class ids for 3 masks"):
        show_class_masks(SCENE.image, SCENE.masks, [1, 2], NAMES, 4)
