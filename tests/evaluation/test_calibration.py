import json
import math

import numpy as np
import pytest

from mrcnn.evaluation.calibration import calibrate
from tests.evaluation.drawn import evaluated

A, B, C = [0, 0, 10, 10], [0, 20, 10, 30], [20, 0, 30, 10]


def test_bins_by_hand():
    image = evaluated([(A, 1), (B, 1)], [(A, 1, 0.9), (C, 1, 0.7), (B, 1, 0.6)])
    calibration = calibrate([image], num_bins=2)
    assert calibration.edges.tolist() == [0, 0.5, 1]
    assert calibration.counts.tolist() == [0, 3]
    assert calibration.num_right.tolist() == [0, 2]
    assert calibration.mean_scores[1] == pytest.approx((0.9 + 0.7 + 0.6) / 3)
    assert calibration.precisions[1] == pytest.approx(2 / 3)
    gap = (0.9 + 0.7 + 0.6) / 3 - 2 / 3
    assert calibration.expected_error == pytest.approx(gap, abs=1e-6)
    assert calibration.to_dict()["precisions"][0] is None
    assert json.dumps(calibration.to_dict(), allow_nan=False)


def test_bins_weigh_by_their_detections():
    image = evaluated([(A, 1)], [(A, 1, 0.9), (B, 1, 0.2), (C, 1, 0.2)])
    expected = (1 * 0.1 + 2 * 0.2) / 3
    assert calibrate([image]).expected_error == pytest.approx(expected, abs=1e-6)


def test_scores_on_an_edge_belong_to_the_upper_bin():
    scores = [0.0, 0.1, 0.3, 0.6, 0.7, 0.9, 1.0]
    image = evaluated([], [(A, 1, score) for score in scores])
    assert calibrate([image]).counts.tolist() == [1, 1, 0, 1, 0, 0, 1, 1, 0, 2]


def test_honest_scores_have_no_error(rng):
    images = []
    for _ in range(300):
        score = rng.integers(1, 10) / 10
        gt = [(A, 1)] if rng.random() < score else []
        images.append(evaluated(gt, [(A, 1, score)]))
    assert calibrate(images).expected_error < 0.1
    boasting = [evaluated([], [(A, 1, 0.95)])] * 5
    assert calibrate(boasting).expected_error == pytest.approx(0.95)


def test_detections_in_crowds_and_no_detections_say_nothing():
    crowd = evaluated([([0, 0, 40, 40], -1)], [(A, 1, 0.9)])
    calibration = calibrate([crowd, evaluated([(A, 1)], [])])
    assert calibration.counts.sum() == 0
    assert math.isnan(calibration.expected_error)
    assert np.isnan(calibration.mean_scores).all()
