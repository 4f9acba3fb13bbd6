import numpy as np
import pytest

from mrcnn.evaluation.average_precision import (
    area_under_curve,
    match_detections,
    order_by_score,
    precision_and_recall,
    sampled_average_precision,
)


def plain_matches(overlaps, may_match, iou_threshold):
    """Each row in turn takes the best column that is left."""
    matches, taken = [], set()
    for row in range(len(overlaps)):
        best, best_overlap = -1, -1.0
        for column in range(overlaps.shape[1]):
            overlap = overlaps[row, column]
            is_open = column not in taken and may_match[row, column]
            if is_open and overlap >= iou_threshold and overlap > best_overlap:
                best, best_overlap = column, overlap
        taken.add(best)
        matches.append(best)
    return matches


def plain_area(is_true, num_gt):
    """The area of one bar for each right detection, as high as any from there on."""
    area = 0.0
    precisions = [sum(is_true[: i + 1]) / (i + 1) for i in range(len(is_true))]
    for i, right in enumerate(is_true):
        if right:
            area += max(precisions[i:]) / num_gt
    return area


def test_equal_scores_keep_their_order():
    assert order_by_score([0.5, 0.9, 0.5, 0.9, 0.1]).tolist() == [1, 3, 0, 2, 4]
    assert order_by_score([]).tolist() == []


def test_the_best_detection_chooses_first_and_each_instance_is_found_once():
    overlaps = [[0.6, 0.9], [0.0, 0.8], [0.7, 0.95]]
    assert match_detections(overlaps, iou_threshold=0.5).tolist() == [1, -1, 0]


def test_an_instance_found_by_the_first_detection_is_taken():
    assert match_detections([[0.9], [0.9]], iou_threshold=0.5).tolist() == [0, -1]


def test_the_threshold_itself_is_enough():
    assert match_detections([[0.5]], iou_threshold=0.5).tolist() == [0]
    assert match_detections([[0.0]], iou_threshold=0.0).tolist() == [0]
    assert match_detections([[0.49]], iou_threshold=0.5).tolist() == [-1]


def test_what_may_not_match_does_not_match():
    overlaps, may_match = [[0.9, 0.6]], [[False, True]]
    assert match_detections(overlaps, may_match, iou_threshold=0.5).tolist() == [1]
    assert match_detections([[0.9]], [[False]], iou_threshold=0.0).tolist() == [-1]


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 0)])
def test_nothing_matches_nothing(shape):
    matches = match_detections(np.zeros(shape), iou_threshold=0.5)
    assert matches.tolist() == [-1] * shape[0]


def test_matching_equals_the_plain_loop(rng):
    for _ in range(200):
        shape = rng.integers(0, 9, 2)
        # Coarse overlaps, so that many are equal.
        overlaps = rng.integers(0, 5, shape) / 4
        may_match = rng.random(shape) < 0.7
        threshold = rng.choice([0.0, 0.25, 0.5, 1.0])
        matches = match_detections(overlaps, may_match, iou_threshold=threshold)
        assert matches.tolist() == plain_matches(overlaps, may_match, threshold)


def test_precision_and_recall_by_hand():
    precisions, recalls = precision_and_recall([True, False, True], 4)
    assert precisions.tolist() == [1, 1 / 2, 2 / 3]
    assert recalls.tolist() == [1 / 4, 1 / 4, 2 / 4]


def test_the_area_lies_under_the_best_precision_of_any_higher_recall():
    area, precisions, recalls = area_under_curve(
        [1, 1 / 2, 2 / 3], [1 / 4, 1 / 4, 1 / 2]
    )
    assert area == pytest.approx(1 / 4 * 1 + 1 / 4 * 2 / 3)
    assert precisions.tolist() == [1, 1, 2 / 3, 2 / 3, 0]
    assert recalls.tolist() == [0, 1 / 4, 1 / 4, 1 / 2, 1]


def test_the_area_equals_the_plain_loop(rng):
    for _ in range(100):
        is_true = rng.random(rng.integers(0, 12)) < 0.5
        num_gt = is_true.sum() + rng.integers(1, 4)
        area, precisions, _ = area_under_curve(*precision_and_recall(is_true, num_gt))
        assert area == pytest.approx(plain_area(is_true, num_gt), abs=1e-12)
        assert (np.diff(precisions) <= 0).all()


def test_sampled_precision_by_hand():
    # Recall 1/2 by precision 1, recall 1 by 2/3: 51 of 101 samples, and 50.
    assert sampled_average_precision([True, False, True], 2) == pytest.approx(
        (51 + 50 * 2 / 3) / 101
    )
    assert sampled_average_precision([], 2) == 0
    assert sampled_average_precision([False], 0) == 0
