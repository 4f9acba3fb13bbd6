"""Instances in every form they come in."""

import numpy as np
import pytest

from mrcnn.drawing.instance_parts import (
    captions_of,
    class_text,
    painting_order,
    parts_of,
    parts_of_arrays,
)
from mrcnn.inference.results import Instances
from tests.scenes import rectangle_scene

SCENE = rectangle_scene((20, 30), [[2, 3, 8, 12], [10, 10, 19, 29]], [1, 2])
ROWS = {
    "rois": SCENE.boxes,
    "class_ids": SCENE.class_ids,
    "scores": [0.5, 0.75],
    "masks": SCENE.masks,
}


@pytest.mark.parametrize(
    "result",
    [
        ROWS,
        {**ROWS, "masks": SCENE.masks * np.uint8(255)},
        {key: ROWS[key] for key in ("class_ids", "scores", "masks")},
        Instances.from_masks(
            SCENE.boxes,
            SCENE.class_ids,
            [0.5, 0.75],
            SCENE.masks,
            class_names=["", "a"],
        ),
    ],
)
def test_dicts_and_instances_have_the_same_parts(result):
    parts = parts_of(result, (20, 30, 3))
    np.testing.assert_array_equal(parts.boxes, SCENE.boxes)
    np.testing.assert_array_equal(parts.class_ids, [1, 2])
    np.testing.assert_array_equal(parts.scores, [0.5, 0.75])
    np.testing.assert_array_equal(parts.mask_of(1), SCENE.masks[..., 1])
    assert parts.mask_of(1).dtype == bool


def test_instances_without_masks_have_no_masks():
    instances = Instances(SCENE.boxes, SCENE.class_ids, [0.5, 0.75], (20, 30))
    assert parts_of(instances, (20, 30)).mask_of is None


def test_no_instances_may_come_as_empty_lists():
    parts = parts_of_arrays([], [], [], [], image_shape=(20, 30))
    assert parts.boxes.shape == (0, 4)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"class_ids": [1]}, "'class_ids': 1"),
        ({"scores": [1, 2, 3]}, "'scores': 3"),
        ({"masks": SCENE.masks[..., :1]}, "'masks': 1"),
        ({"masks": SCENE.masks[:10]}, "utils.expand_mask"),
        ({"masks": None, "rois": None}, "nothing to draw"),
    ],
)
def test_parts_that_do_not_fit_are_refused(changed, message):
    with pytest.raises(ValueError, match=message):
        parts_of({**ROWS, **changed}, (20, 30))


def test_instances_of_another_image_are_refused():
    instances = Instances.from_masks(None, [1, 2], [1, 1], SCENE.masks)
    with pytest.raises(ValueError, match="do not lie on an image"):
        parts_of(instances, (10, 30))


def test_a_list_of_results_is_refused_with_the_remedy():
    with pytest.raises(TypeError, match=r"results\[0\]"):
        parts_of([ROWS], (20, 30))


def test_captions_tell_class_and_score():
    parts = parts_of(ROWS, (20, 30))
    assert captions_of(parts, ["", "cat", "crème"]) == ["cat 0.50", "crème 0.75"]
    assert captions_of(parts) == ["class 1 0.50", "class 2 0.75"]
    assert captions_of(parts._replace(scores=None), {1: "cat"}) == ["cat", "class 2"]
    assert captions_of(parts._replace(class_ids=None)) == ["0.50", "0.75"]
    unknown = parts._replace(scores=np.array([np.nan, 1]))
    assert captions_of(unknown, ["", "a", "b"]) == ["a", "b 1.00"]


def test_given_captions_take_the_place():
    parts = parts_of(ROWS, (20, 30))
    assert captions_of(parts, captions=[None, 3]) == ["", "3"]
    with pytest.raises(ValueError, match="1 captions for 2"):
        captions_of(parts, captions=["a"])


def test_negative_class_ids_are_crowds():
    assert class_text(-1, ["", "sheep"]) == "sheep (crowd)"


def test_large_boxes_are_painted_first():
    boxes = np.array([[0, 0, 2, 2], [0, 0, 5, 5], [0, 0, 3, 3]])
    assert painting_order(boxes, [0, 1, 2]) == [1, 2, 0]
    assert painting_order(boxes, [2, 0]) == [2, 0]
