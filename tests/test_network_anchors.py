"""Anchors of a network."""

import numpy as np
import pytest

from mrcnn.network_anchors import anchors_for_image, pixel_anchors_for_image
from tests.small_configs import GoldenConfig, TinyConfig


def test_they_are_matterports_in_its_geometry(golden_matterport):
    anchors = anchors_for_image(GoldenConfig(), (256, 256, 3), "matterport")
    np.testing.assert_array_equal(anchors, golden_matterport["anchors"])


def test_rectangles_have_anchors_all_over():
    anchors = pixel_anchors_for_image(TinyConfig(), (64, 128), "aligned")
    assert len(anchors) == 3 * sum(64 * 128 // s**2 for s in (4, 8, 16, 32, 64))
    centers = (anchors[:, :2] + anchors[:, 2:]) / 2
    np.testing.assert_array_equal(centers.max(axis=0), [60, 124])
    normalized = anchors_for_image(TinyConfig(), (64, 128), "aligned")
    np.testing.assert_allclose(normalized * [64, 128, 64, 128], anchors, rtol=1e-6)


def test_without_an_rpn_there_are_none():
    config = TinyConfig()
    config.RPN_BRANCH = False
    for anchors_of in (anchors_for_image, pixel_anchors_for_image):
        with pytest.raises(ValueError, match=r"detect\(images, proposals="):
            anchors_of(config, (64, 64), "aligned")


def test_a_callable_backbone_says_its_own_shapes():
    class CallableConfig(TinyConfig):
        BACKBONE = staticmethod(lambda image, stage5, train_bn: None)
        COMPUTE_BACKBONE_SHAPE = staticmethod(
            lambda shape: [[2, 2], [1, 1], [1, 1], [1, 1], [1, 1]]
        )

    anchors = pixel_anchors_for_image(CallableConfig(), (64, 64), "aligned")
    assert len(anchors) == 3 * (4 + 4)


def test_distances_between_anchors_may_follow_a_map_that_was_rounded_up():
    config = TinyConfig()
    plain = pixel_anchors_for_image(config, (96, 64), "aligned")
    config.ANCHOR_STRIDES_FROM_MAPS = True
    fitted = pixel_anchors_for_image(config, (96, 64), "aligned")
    # P6 has two rows, 64 pixels apart, or half of the image's 96.
    np.testing.assert_array_equal(fitted[:-3], plain[:-3])
    np.testing.assert_array_equal(fitted[-3:] - plain[-3:], [[-16, 0, -16, 0]] * 3)


def test_anchors_may_stand_in_the_middle_of_their_cells_and_keep_fractions():
    config = TinyConfig()
    config.RPN_ANCHOR_RATIOS = [2]
    plain = pixel_anchors_for_image(config, (64, 64), "aligned")
    config.ANCHOR_OFFSET = 0.5
    moved = pixel_anchors_for_image(config, (64, 64), "aligned")
    np.testing.assert_array_equal(moved[:256] - plain[:256], np.full((256, 4), 2))
    np.testing.assert_array_equal(moved[-1] - plain[-1], [32] * 4)
    config.ANCHOR_OFFSET, config.ROUND_ANCHORS = 0.0, False
    exact = pixel_anchors_for_image(config, (64, 64), "aligned")
    # The area of 8 pixels squared, twice as wide as high, is 5.66 by 11.31.
    half_height, half_width = 4 / 2**0.5, 4 * 2**0.5
    corner = [-half_height, -half_width, half_height, half_width]
    np.testing.assert_allclose(exact[0], corner)
    np.testing.assert_array_equal(plain[0], np.round(corner))


def test_a_single_map_has_all_scales_on_each_cell_ratio_by_ratio():
    config = TinyConfig()
    config.FEATURES, config.BACKBONE_STRIDES = "C4", [16]
    config.RPN_ANCHOR_SCALES, config.RPN_ANCHOR_RATIOS = (16, 32), [1, 4]
    anchors = pixel_anchors_for_image(config, (64, 32), "aligned")
    assert anchors.shape == (4 * 2 * 4, 4)
    sides = anchors[4:8, 2:] - anchors[4:8, :2]
    np.testing.assert_array_equal(sides, [[16, 16], [32, 32], [8, 32], [16, 64]])
    np.testing.assert_array_equal(anchors[4], [-8, 8, 8, 24])
