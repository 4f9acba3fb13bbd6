import numpy as np
import pytest

from mrcnn.evaluation.records import (
    keep_detections,
    keep_ground_truth,
    no_detections,
)
from mrcnn.geometry.mask_coding import decode_rle, encode_rle
from mrcnn.inference.results import Instances
from tests.evaluation.drawn import evaluated, rectangles
from tests.scenes import rectangle_scene

BOX, FAR = [0, 0, 10, 10], [20, 20, 30, 30]


def test_ground_truth_keeps_what_its_masks_say():
    scene = rectangle_scene((40, 50), [BOX, [7, 7, 7, 9], FAR], [1, 2, -3])
    gt = keep_ground_truth(scene.masks * 255, [1, 2, -3], (40, 50, 3), 4, "image 0")
    assert len(gt) == 2
    assert gt.boxes.tolist() == [BOX, FAR]
    assert gt.areas.tolist() == [100, 100]
    assert gt.class_ids.tolist() == [1, 3]
    assert gt.is_crowd.tolist() == [False, True]
    assert np.array_equal(decode_rle(gt.rles[1]), scene.masks[..., 2])


def test_no_ground_truth_is_kept_in_any_form():
    for masks in (np.zeros((0, 0, 0), bool), [], np.zeros((40, 40, 0), bool)):
        gt = keep_ground_truth(masks, [], (40, 40), 4, "image 0")
        assert len(gt) == 0
        assert gt.boxes.shape == (0, 4)


def test_detections_keep_single_precision_numbers_exactly():
    instances = rectangles([(BOX, 1, 0.1), (FAR, 2, 0.7)])
    found = keep_detections(instances, (40, 40), 4, "image 0")
    assert found.scores.tolist() == instances.scores.tolist()
    assert found.boxes.tolist() == [BOX, FAR]
    assert found.rles == instances.rle()
    assert len(no_detections()) == 0


@pytest.mark.parametrize("use_masks", [True, False])
def test_overlaps_are_shares_of_the_union_or_of_the_detection_in_a_crowd(use_masks):
    shifted = [0, 5, 10, 15]
    image = evaluated([(BOX, 1), (BOX, -1), (FAR, 2)], [(shifted, 1, 0.9)])
    overlaps = image.overlaps(use_masks=use_masks)
    assert overlaps == pytest.approx(np.array([[50 / 150, 50 / 100, 0]]))


def test_overlaps_of_nothing_are_empty():
    assert evaluated([], []).overlaps(use_masks=True).shape == (0, 0)
    assert evaluated([], [], masks=False).overlaps(use_masks=False).shape == (0, 0)
    assert evaluated([(BOX, 1)], []).overlaps(use_masks=True).shape == (0, 1)


def test_masks_that_are_not_there_cannot_be_compared():
    image = evaluated([(BOX, 1)], [(BOX, 1, 0.9)], masks=False)
    with pytest.raises(ValueError, match="use_masks=False"):
        image.overlaps(use_masks=True)


def test_class_ids_that_do_not_exist_are_refused():
    with pytest.raises(ValueError, match=r"class ids \[7\].*from 1 to 3"):
        keep_detections(rectangles([(BOX, 7, 0.9)]), (40, 40), 4, "image 0")
    rle = encode_rle(np.ones((4, 4)))
    with pytest.raises(ValueError, match=r"class ids \[9\].*from 1 to 3"):
        keep_ground_truth([rle], [-9], (4, 4), 4, "image 0")


def test_masks_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"\[50, 40\].*\[40, 40\]"):
        keep_detections(rectangles([(BOX, 1, 0.9)]), (50, 40), 4, "image 0")
    rle = encode_rle(np.ones((4, 4)))
    with pytest.raises(ValueError, match="1 masks and 2 class ids"):
        keep_ground_truth([rle], [1, 1], (4, 4), 4, "image 0")


def test_numbers_that_are_not_finite_are_refused():
    bad = Instances([[0, 0, np.nan, 4]], [1], [0.5], (40, 40))
    with pytest.raises(ValueError, match="box that is not finite"):
        keep_detections(bad, (40, 40), 4, "image 0")
    bad = Instances([BOX], [1], [np.nan], (40, 40))
    with pytest.raises(ValueError, match="score that is not finite"):
        keep_detections(bad, (40, 40), 4, "image 0")
