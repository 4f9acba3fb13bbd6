"""Anchors of a network."""

import numpy as np

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


def test_a_callable_backbone_says_its_own_shapes():
    class CallableConfig(TinyConfig):
        BACKBONE = staticmethod(lambda image, stage5, train_bn: None)
        COMPUTE_BACKBONE_SHAPE = staticmethod(
            lambda shape: [[2, 2], [1, 1], [1, 1], [1, 1], [1, 1]]
        )

    anchors = pixel_anchors_for_image(CallableConfig(), (64, 64), "aligned")
    assert len(anchors) == 3 * (4 + 4)
