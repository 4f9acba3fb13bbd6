import json

import numpy as np
import pytest

from mrcnn.evaluation.confusion import confusion_matrix, count_hits
from tests.evaluation.drawn import evaluated

A, B, C, D = [0, 0, 10, 10], [0, 20, 10, 30], [20, 0, 30, 10], [20, 20, 30, 30]

# Class 1: one right, one called 2, one missed. Class 2: none. Class 3: a crowd.
IMAGES = [
    evaluated([(A, 1), (B, 1)], [(A, 1, 0.9), (B, 2, 0.8), (C, 3, 0.7), (B, 1, 0.2)]),
    evaluated([(A, 1), (D, -3)], [([21, 21, 29, 29], 3, 0.9), (A, 1, 0.4)]),
]


def test_the_matrix_counts_each_instance_and_each_detection_once():
    matrix = confusion_matrix(IMAGES, 4)
    assert matrix.tolist() == [
        [0, 0, 0, 1],
        [1, 1, 1, 0],
        [0, 0, 0, 0],
        [0, 0, 0, 0],
    ]


def test_a_lower_threshold_lets_more_detections_in():
    matrix = confusion_matrix(IMAGES, 4, score_threshold=0.1)
    assert matrix[1].tolist() == [0, 2, 1, 0]
    assert matrix[0].tolist() == [0, 1, 0, 1]


def test_hits_by_hand():
    hits = count_hits(IMAGES, 4)
    assert hits.num_right.tolist() == [0, 1, 0, 0]
    assert hits.num_found.tolist() == [0, 1, 1, 1]
    assert hits.num_gt.tolist() == [0, 3, 0, 0]
    np.testing.assert_allclose(hits.precision, [np.nan, 1, 0, 0])
    np.testing.assert_allclose(hits.recall, [np.nan, 1 / 3, np.nan, np.nan])
    np.testing.assert_allclose(hits.f1, [np.nan, 2 / 4, 0, 0])
    numbers = hits.to_dict()
    assert numbers["precision"] == pytest.approx(1 / 3)
    assert numbers["recall"] == pytest.approx(1 / 3)
    assert numbers["per_class"]["precision"] == [None, 1, 0, 0]
    assert json.dumps(numbers, allow_nan=False)


def test_a_higher_iou_is_harder_to_meet():
    image = evaluated([(A, 1)], [([0, 0, 10, 8], 1, 0.9)])
    assert count_hits([image], 2, iou_threshold=0.8).num_right.tolist() == [0, 1]
    assert count_hits([image], 2, iou_threshold=0.81).num_right.tolist() == [0, 0]


def test_nothing_has_neither_precision_nor_recall():
    total = count_hits([evaluated([], [])], 4).over_all()
    assert np.isnan([total.precision, total.recall, total.f1]).all()
    assert confusion_matrix([], 4).sum() == 0


def test_boxes_serve_where_there_are_no_masks():
    image = evaluated([(A, 1)], [(A, 1, 0.9)], masks=False)
    assert confusion_matrix([image], 2, use_masks=False)[1, 1] == 1
    assert count_hits([image], 2, use_masks=False).recall[1] == 1
