"""Factors of the learning rate."""

import math

import pytest

from mrcnn.training.schedule import Schedule, scaled_rate


def test_constant_is_one_throughout():
    assert [Schedule().factor(step) for step in (0, 1, 10**6)] == [1, 1, 1]


def test_a_warm_up_rises_in_a_line_from_a_thousandth():
    schedule = Schedule(warmup_steps=4)
    expected = [0.001, 0.75 * 0.001 + 0.25, 0.5005, 0.25 * 0.001 + 0.75, 1, 1]
    assert [schedule.factor(step) for step in range(6)] == pytest.approx(expected)


def test_each_drop_leaves_a_tenth():
    schedule = Schedule("step", drop_steps=[2, 4])
    factors = [schedule.factor(step) for step in range(6)]
    assert factors == pytest.approx([1, 1, 0.1, 0.1, 0.01, 0.01])


def test_cosine_is_half_in_the_middle_and_zero_at_the_end():
    schedule = Schedule("cosine", total_steps=8)
    quarter = 0.5 * (1 + math.cos(math.pi / 4))
    factors = [schedule.factor(step) for step in (0, 2, 4, 8, 20)]
    assert factors == pytest.approx([1, quarter, 0.5, 0, 0])


def test_a_warm_up_multiplies_what_follows():
    schedule = Schedule("cosine", warmup_steps=4, total_steps=4)
    assert schedule.factor(2) == pytest.approx(0.5005 * 0.5)


def test_the_rate_goes_with_the_batch():
    assert scaled_rate(0.02, 8, 16) == 0.01
    assert scaled_rate(0.02, 8, None) == 0.02
