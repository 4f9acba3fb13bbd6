import numpy as np
import pytest

from mrcnn.evaluation.curves import (
    Curves,
    class_numbers,
    precisions_at_50,
    twelve_numbers,
)


def curves():
    """Two classes, the second without instances: every entry says where it stands."""
    thresholds = np.arange(10)[:, None, None, None, None] / 100
    areas = np.arange(4)[:, None] / 10
    limits = np.arange(3) / 1000
    precision = np.broadcast_to(thresholds + areas + limits, (10, 101, 2, 4, 3)).copy()
    recall = precision[:, 0] / 2
    precision[:, :, 1], recall[:, 1] = -1, -1
    return Curves(precision, recall)


def test_the_numbers_are_means_over_their_part_of_the_curves():
    numbers = twelve_numbers(curves(), (1, 10, 100))
    assert numbers["AP"] == pytest.approx(0.045 + 0.002)
    assert numbers["AP50"] == pytest.approx(0.002)
    assert numbers["AP75"] == pytest.approx(0.05 + 0.002)
    assert numbers["AP_small"] == pytest.approx(0.045 + 0.1 + 0.002)
    assert numbers["AP_large"] == pytest.approx(0.045 + 0.3 + 0.002)
    assert numbers["AR1"] == pytest.approx(0.045 / 2)
    assert numbers["AR100"] == pytest.approx((0.045 + 0.002) / 2)
    assert numbers["AR_medium"] == pytest.approx((0.045 + 0.2 + 0.002) / 2)


def test_a_class_has_numbers_of_its_own():
    present, absent = (class_numbers(curves(), position) for position in (0, 1))
    total = twelve_numbers(curves(), (1, 10, 100))
    assert present["AR"] == pytest.approx(total["AR100"])
    shared = set(present) - {"AR"}
    assert len(shared) == 9
    assert all(present[name] == pytest.approx(total[name]) for name in shared)
    assert np.isnan(list(absent.values())).all()


def test_the_curve_of_a_class_without_instances_is_nan():
    assert precisions_at_50(curves(), 0) == pytest.approx([0.002] * 101)
    assert np.isnan(precisions_at_50(curves(), 1)).all()
