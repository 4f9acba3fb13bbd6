"""Instances painted into images."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from mrcnn.drawing.colors import indexed_color, to_uint8
from mrcnn.drawing.instances import draw_instances
from tests.scenes import rectangle_scene

SCENE = rectangle_scene((120, 160), [[30, 20, 80, 70], [70, 90, 119, 159]], [2, 1])
GREY = np.full((120, 160, 3), 100, "uint8")
RESULT = {
    "rois": SCENE.boxes,
    "class_ids": SCENE.class_ids,
    "scores": np.array([0.9, 0.8]),
    "masks": SCENE.masks,
}


def color_of(index):
    return to_uint8(indexed_color(index))


def test_masks_are_tinted_and_outlined_and_the_rest_stays():
    picture = draw_instances(GREY, RESULT, show_boxes=False, show_labels=False)
    assert (picture.shape, picture.dtype) == (GREY.shape, np.uint8)
    tinted = 0.55 * 100 + 0.45 * 255 * np.array(indexed_color(0))
    np.testing.assert_allclose(picture[50, 50], tinted, atol=1)
    np.testing.assert_array_equal(picture[30, 40], color_of(0))
    np.testing.assert_array_equal(picture[118, 120], color_of(1))
    untouched = ~SCENE.masks.any(axis=-1)
    assert (picture[untouched] == 100).all()
    assert (GREY == 100).all()


def test_boxes_alone_are_frames():
    picture = draw_instances(GREY, RESULT, show_masks=False, show_labels=False)
    np.testing.assert_array_equal(picture[30, 40], color_of(0))
    assert (picture[50, 50] == 100).all()


def test_labels_stand_above_their_box_in_its_color():
    picture = draw_instances(GREY, RESULT, show_masks=False, show_boxes=False)
    rows, columns = np.nonzero((picture == color_of(0)).all(axis=-1))
    assert rows.max() == 29
    assert columns.min() == 20
    assert (picture[30:70] == 100).all(axis=-1).mean() > 0.85


def test_colors_by_class_do_not_depend_on_the_order():
    plain = {"show_labels": False, "colors": "class"}
    turned = {key: value[..., ::-1] for key, value in RESULT.items() if key != "rois"}
    turned["rois"] = SCENE.boxes[::-1]
    np.testing.assert_array_equal(
        draw_instances(GREY, RESULT, **plain), draw_instances(GREY, turned, **plain)
    )
    picture = draw_instances(GREY, RESULT, **plain)
    np.testing.assert_array_equal(picture[30, 40], color_of(2))


def test_colors_may_be_given():
    picture = draw_instances(
        GREY, RESULT, colors=["#ff0000", (0, 0, 1)], alpha=1, show_labels=False
    )
    np.testing.assert_array_equal(picture[50, 50], [255, 0, 0])
    np.testing.assert_array_equal(picture[90, 120], [0, 0, 255])


def test_captions_and_class_names_change_the_labels():
    pictures = [
        draw_instances(GREY, RESULT, **options)
        for options in (
            {},
            {"class_names": ["", "dog", "crème brûlée"]},
            {"captions": ["left", "right"]},
            {"captions": ["", ""]},
        )
    ]
    for index, picture in enumerate(pictures):
        for other in pictures[:index]:
            assert (picture != other).any()
    unlabelled = draw_instances(GREY, RESULT, show_labels=False)
    np.testing.assert_array_equal(pictures[-1], unlabelled)


@pytest.mark.parametrize(
    "result",
    [
        {"rois": [], "class_ids": [], "scores": [], "masks": np.zeros((120, 160, 0))},
        {"rois": np.zeros((2, 4)), "class_ids": [0, 0]},
    ],
)
def test_without_instances_the_image_comes_back(result):
    np.testing.assert_array_equal(draw_instances(GREY, result), GREY)


def test_an_empty_mask_and_a_box_beyond_the_border_do_no_harm():
    masks = np.zeros((120, 160, 1), bool)
    result = {"rois": [[-20, 100, 50, 300]], "class_ids": [1], "masks": masks}
    picture = draw_instances(GREY, result)
    assert (picture != 100).any()
    assert (picture[60:] == 100).all()


def test_small_instances_stay_visible_on_large_ones():
    scene = rectangle_scene((60, 60), [[20, 20, 40, 40], [0, 0, 60, 60]], [1, 1])
    result = {"masks": scene.masks, "class_ids": [1, 1]}
    picture = draw_instances(scene.image, result, alpha=1, show_labels=False)
    np.testing.assert_allclose(picture[30, 30], color_of(0), atol=1)
    np.testing.assert_allclose(picture[10, 10], color_of(1), atol=1)


@pytest.mark.parametrize("shape", [(8, 8), (40, 30), (60, 2000), (3000, 2400)])
def test_pictures_of_any_size_are_drawn_at_their_own(shape):
    height, width = shape
    box = [[height // 4, width // 4, height // 2, width // 2]]
    result = {"rois": box, "class_ids": [1], "scores": [0.5]}
    picture = draw_instances(np.full(shape, 100, "uint8"), result)
    assert picture.shape == (*shape, 3)
    assert (picture != 100).any()


def test_lines_are_thicker_in_larger_pictures():
    def thickness(side):
        result = {"rois": [[0, 0, side, side]]}
        picture = draw_instances(np.zeros((side, side), "uint8"), result)
        return picture[side // 2, : side // 2].any(axis=-1).sum()

    assert thickness(100) == 1
    assert 5 <= thickness(2000) <= 10


def test_sixty_instances_are_drawn(rng, tmp_path):
    corners = rng.integers(0, 400, (60, 2))
    boxes = np.hstack([corners, corners + rng.integers(10, 100, (60, 2))])
    result = {"rois": boxes, "class_ids": np.arange(60), "scores": rng.random(60)}
    picture = draw_instances(np.full((500, 500, 3), 100, "uint8"), result)
    Image.fromarray(picture).save(tmp_path / "many.png")
    assert (picture == 100).all(axis=-1).mean() > 0.3


def test_matplotlib_is_not_loaded():
    program = (
        "import sys, numpy as np; from mrcnn.visualize import draw_instances;"
        "draw_instances(np.zeros((99, 99)), {'rois': [[9, 9, 50, 50]], 'scores': [1]});"
        "print({'matplotlib', 'tensorflow', 'keras'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"
