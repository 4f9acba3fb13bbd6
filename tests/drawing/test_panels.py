"""Ground truth beside detections."""

import numpy as np
import pytest

from mrcnn.drawing.panels import CROWDED, GAP, truth_beside_detections


@pytest.fixture
def square():
    masks = np.zeros((40, 60, 1), bool)
    masks[10:20, 10:20] = True
    return {"masks": masks, "class_ids": np.array([1])}


@pytest.fixture
def nothing():
    return {"masks": np.zeros((40, 60, 0), bool), "class_ids": np.zeros(0, int)}


def test_the_left_half_shows_the_truth_and_the_right_what_was_found(square, nothing):
    image = np.full((40, 60, 3), 100, "uint8")
    names = ["BG", "square"]
    panel = truth_beside_detections(image, square, nothing, class_names=names)
    assert panel.shape == (40, 60 + GAP + 60, 3)
    assert panel.dtype == np.uint8
    assert (panel[10:20, 10:20] != 100).any(axis=-1).all()
    np.testing.assert_array_equal(panel[:, 60 + GAP :], image)


def test_large_images_are_shrunk_and_keep_their_shape(square):
    big = {
        "masks": square["masks"].repeat(20, 0).repeat(20, 1),
        "class_ids": square["class_ids"],
    }
    image = np.zeros((800, 1200, 3), "uint8")
    panel = truth_beside_detections(image, big, big, class_names=["BG", "a", "b"])
    assert panel.shape == (341, 512 + GAP + 512, 3)


def test_the_only_class_is_not_named_and_scores_are_written(square, nothing):
    image = np.zeros((40, 60, 3), "uint8")
    names = ["BG", "square"]
    plain = truth_beside_detections(image, square, nothing, class_names=names)
    scored = {**square, "scores": np.array([0.5])}
    with_score = truth_beside_detections(image, scored, nothing, class_names=names)
    named = truth_beside_detections(image, square, nothing, class_names=[*names, "b"])
    assert plain[20:, :60].max() == 0
    assert with_score[20:, :60].max() > 0 or with_score[:10, :60].max() > 0
    assert named[20:, :60].max() > 0 or named[:10, :60].max() > 0


def test_a_crowd_is_shown_without_boxes():
    masks = np.zeros((40, 60, CROWDED), bool)
    for index in range(CROWDED):
        masks[index : index + 10, index : index + 10, index] = np.eye(10, dtype=bool)
    class_ids = np.ones(CROWDED, int)
    image = np.zeros((40, 60, 3), "uint8")
    names = ["BG", "line"]
    crowd = {"masks": masks, "class_ids": class_ids}
    few = {"masks": masks[..., 1:], "class_ids": class_ids[1:]}
    panel = truth_beside_detections(image, crowd, few, class_names=names)
    is_line = masks.any(axis=-1)
    assert not panel[:, :60][~is_line].any()
    assert panel[:, 60 + GAP :][~is_line].any()
