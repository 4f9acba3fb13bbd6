import pytest

from mrcnn.evaluation.matches import match_image
from tests.evaluation.drawn import evaluated

BOX, FAR, THIRD = [0, 0, 10, 10], [20, 20, 30, 30], [0, 20, 10, 30]


def test_detections_come_best_first_and_know_their_rows():
    image = evaluated(
        [(FAR, 2), (BOX, 1)], [(FAR, 2, 0.3), (BOX, 1, 0.9), (THIRD, 3, 0.5)]
    )
    found = match_image(image, iou_threshold=0.5)
    assert found.rows.tolist() == [1, 2, 0]
    assert found.class_ids.tolist() == [1, 3, 2]
    assert found.matches.tolist() == [1, -1, 0]
    assert not found.is_ignored.any()


@pytest.mark.parametrize("score", [0.1, 0.3, 0.7, 0.9])
def test_a_score_at_the_threshold_stays(score):
    image = evaluated([], [(BOX, 1, score), (BOX, 1, score - 0.01)])
    found = match_image(image, iou_threshold=0.5, score_threshold=score)
    assert found.rows.tolist() == [0]


def test_classes_matter_unless_told_otherwise():
    image = evaluated([(BOX, 1)], [(BOX, 2, 0.9)])
    assert match_image(image, iou_threshold=0.5).matches.tolist() == [-1]
    across = match_image(image, iou_threshold=0.5, across_classes=True)
    assert across.matches.tolist() == [0]


def test_an_object_with_two_labels_is_matched_by_class():
    gt = [(BOX, 1), (BOX, 2)]
    image = evaluated(gt, [(BOX, 2, 0.9), (BOX, 1, 0.8)])
    found = match_image(image, iou_threshold=0.5, across_classes=True)
    assert found.matches.tolist() == [1, 0]


def test_crowds_are_no_instances_but_excuse_what_lies_in_them():
    crowd, inside = [0, 0, 40, 40], [2, 2, 12, 12]
    image = evaluated(
        [(crowd, -1), (FAR, 1)],
        [(FAR, 1, 0.9), (inside, 1, 0.8), (inside, 2, 0.7)],
    )
    found = match_image(image, iou_threshold=0.5)
    assert found.columns.tolist() == [1]
    assert found.gt_class_ids.tolist() == [1]
    assert found.matches.tolist() == [0, -1, -1]
    assert found.is_ignored.tolist() == [False, True, False]
    across = match_image(image, iou_threshold=0.5, across_classes=True)
    assert across.is_ignored.tolist() == [False, True, True]


def test_boxes_can_be_compared_in_place_of_masks():
    image = evaluated([(BOX, 1)], [(BOX, 1, 0.9)], masks=False)
    found = match_image(image, iou_threshold=0.5, use_masks=False)
    assert found.matches.tolist() == [0]
