"""The caller's proposals on their way into the network."""

import numpy as np
import pytest

from mrcnn.geometry.resizing import plan_resize
from mrcnn.inference.proposals import (
    ROI_STEP,
    list_proposals,
    molded_proposals,
    stack_rois,
)
from tests.small_configs import TinyConfig


@pytest.fixture
def config():
    config = TinyConfig()
    config.RPN_BRANCH = False
    return config


def test_an_rpn_takes_no_proposals_and_needs_none():
    assert list_proposals(None, [(8, 8)], TinyConfig()) is None
    assert (
        molded_proposals(None, [plan_resize((8, 8), mode="none")], TinyConfig()) is None
    )
    with pytest.raises(ValueError, match=r"Set RPN_BRANCH = False"):
        list_proposals([[]], [(8, 8)], TinyConfig())


def test_without_an_rpn_proposals_are_asked_for(config):
    with pytest.raises(ValueError, match="Give proposals="):
        list_proposals(None, [(8, 8)], config)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "0 arrays for 2 images"),
        ([[], [], []], "3 arrays for 2 images"),
        (np.zeros((5, 4)), "5 arrays for 2 images"),
        ({0: [], 1: []}, "proposals are dict for 2 images"),
        (7, "proposals are int for 2 images"),
    ],
)
def test_there_is_one_array_for_each_image(config, given, message):
    with pytest.raises(ValueError, match=message):
        list_proposals(given, [(8, 8), (8, 8)], config)


def test_a_wrong_box_is_named_with_its_image(config):
    with pytest.raises(ValueError, match="Proposal 0 of image 1"):
        list_proposals([[], [[0, 0, 9, 10]]], [(20, 20), (8, 8)], config)


def test_no_images_have_no_proposals(config):
    assert list_proposals([], [], config) == []
    assert molded_proposals(np.zeros((0, 3, 4)), [], config) == []


def test_proposals_are_carried_over_with_their_images(config):
    # Doubled and padded by 4 above and below; halved and padded by 7 and 8 aside.
    plans = [
        plan_resize((28, 32), min_dim=56, max_dim=64, mode="square"),
        plan_resize((128, 98), min_dim=16, max_dim=64, mode="square"),
    ]
    assert [plan.window for plan in plans] == [(4, 0, 60, 64), (0, 7, 64, 56)]
    given = [[[1, 2, 10, 20.5]], [[0, 0, 128, 98], [10, 20, 30, 40]]]
    first, second = molded_proposals(given, plans, config)
    assert first.tolist() == [[6, 4, 24, 41]]
    assert second.tolist() == [[0, 7, 64, 56], [5, 17, 15, 27]]
    assert first.dtype == second.dtype == np.float32


@pytest.mark.parametrize(
    ("counts", "expected"),
    [([0], 1), ([1, 3], 1), ([ROI_STEP, 0], 1), ([ROI_STEP + 1], 2), ([], 1)],
)
def test_rois_of_a_batch_are_padded_to_steps(counts, expected, rng):
    boxes = [rng.uniform(1, 9, (count, 4)).astype("float32") for count in counts]
    rois = stack_rois(boxes)
    assert rois.shape == (len(counts), expected * ROI_STEP, 4)
    assert rois.dtype == np.float32
    for row, one in zip(rois, boxes, strict=True):
        np.testing.assert_array_equal(row[: len(one)], one)
        assert not row[len(one) :].any()
