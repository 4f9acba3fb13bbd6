import numpy as np
import pytest

from mrcnn.weights.inflation import inflatable, inflate
from mrcnn.weights.report import Mismatch

KERNEL = np.array([1.0, 2.0, 6.0], "float32").reshape(1, 1, 3, 1)


@pytest.mark.parametrize(
    ("channels", "expected"),
    [
        (1, [1 + 2 + 6]),
        (2, [(1 + 2 + 6) / 2] * 2),
        (3, [1, 2, 6]),
        (5, [1, 2, 6, (1 + 2 + 6) / 3, (1 + 2 + 6) / 3]),
    ],
)
def test_further_channels_get_the_mean_and_fewer_share_the_sum(channels, expected):
    inflated = inflate(KERNEL, channels)
    assert inflated.shape == (1, 1, channels, 1)
    assert inflated.dtype == "float32"
    np.testing.assert_allclose(inflated.ravel(), expected)


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_a_grey_image_gives_the_features_that_it_gives_as_rgb(channels, rng):
    kernel = rng.normal(size=(3, 3, 3, 8))
    grey = rng.normal(size=(3, 3))
    expected = np.einsum("hw,hwcf->f", grey, kernel)
    features = np.einsum("hw,hwcf->f", grey, inflate(kernel, channels))
    np.testing.assert_allclose(features, expected)


@pytest.mark.parametrize(
    ("mismatch", "expected"),
    [
        (Mismatch("conv1/kernel", (7, 7, 3, 64), (7, 7, 4, 64)), True),
        (Mismatch("Conv1/kernel", (3, 3, 3, 16), (3, 3, 1, 16)), True),
        (Mismatch("conv1/kernel", (7, 7, 4, 64), (7, 7, 3, 64)), False),
        (Mismatch("conv1/kernel", (7, 7, 3, 64), (3, 3, 4, 64)), False),
        (Mismatch("conv1/kernel", (7, 7, 3, 64), (7, 7, 4, 32)), False),
        (Mismatch("conv1/bias", (3,), (4,)), False),
        (Mismatch("rpn_class_raw/kernel", (1, 1, 3, 6), (1, 1, 4, 6)), False),
    ],
)
def test_only_kernels_of_the_backbone_for_rgb_images_are_fitted(mismatch, expected):
    assert inflatable([mismatch]) == ([mismatch] if expected else [])
