import numpy as np

from mrcnn.data.random_rois import random_rois


def is_inside(rois: np.ndarray, window) -> np.ndarray:
    y1, x1, y2, x2 = window
    return (rois[:, :2] >= [y1, x1]).all(1) & (rois[:, 2:] <= [y2, x2]).all(1)


def test_nine_in_ten_lie_within_an_instances_enlarged_box(rng):
    boxes = [[100, 200, 110, 240], [300, 50, 330, 60]]
    rois = random_rois((400, 500, 3), boxes, 100, rng)
    assert rois.shape == (100, 4)
    assert rois.dtype == np.int32
    assert is_inside(rois[:90:2], [90, 160, 120, 280]).all()
    assert is_inside(rois[1:90:2], [270, 40, 360, 70]).all()
    assert not is_inside(rois[90:], [90, 40, 360, 280]).all()


def test_rois_have_pixels_and_lie_inside_the_image(rng):
    boxes = [[0, 0, 3, 5], [0, 0, 1, 1], [2, 4, 3, 5]]
    rois = random_rois((3, 5), boxes, 1000, rng)
    assert is_inside(rois, [0, 0, 3, 5]).all()
    assert (rois[:, 2:] > rois[:, :2]).all()
    # Every edge of the image is reached.
    assert rois.min(axis=0).tolist() == [0, 0, 1, 1]
    assert rois.max(axis=0).tolist() == [2, 4, 3, 5]


def test_without_instances_rois_lie_anywhere(rng):
    rois = random_rois((1, 1), np.zeros((0, 4)), 3, rng)
    assert rois.tolist() == [[0, 0, 1, 1]] * 3
    assert random_rois((9, 9), [], 0, rng).shape == (0, 4)


def test_padding_among_the_boxes_does_no_harm(rng):
    rois = random_rois((9, 9), [[0, 0, 0, 0], [20, 20, 30, 30]], 50, rng)
    assert is_inside(rois, [0, 0, 9, 9]).all()
