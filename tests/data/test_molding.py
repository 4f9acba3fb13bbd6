import numpy as np
import pytest

from mrcnn.data.molding import clear_outside, mold_image, mold_padded, unmold_image

MEAN = np.array([123.7, 116.8, 103.9])


def test_molding_subtracts_in_single_precision():
    molded = mold_image(np.array([[[200, 100, 50]]], "uint8"), [123.7, 116.8, 103.9])
    assert molded.dtype == np.float32
    np.testing.assert_allclose(molded[0, 0], [76.3, -16.8, -53.9], rtol=1e-6)


@pytest.mark.parametrize("channels", [1, 3, 5])
def test_every_layout_and_number_of_channels_molds_alike(rng, channels):
    image = rng.integers(0, 256, (4, 6, channels), "uint8")
    mean = rng.uniform(0, 255, channels)
    expected = image.astype("float64") - mean
    for layout in (image, np.asfortranarray(image), image[::-1][::-1]):
        np.testing.assert_allclose(mold_image(layout, mean), expected, atol=1e-4)
    np.testing.assert_allclose(mold_image(image[None], mean)[0], expected, atol=1e-4)
    np.testing.assert_allclose(mold_image(image[0], mean), expected[0], atol=1e-4)
    np.testing.assert_allclose(mold_image(image, 7), image - 7.0)


def test_unmolding_gives_back_the_bytes(rng):
    image = rng.integers(0, 256, (2, 5, 6, 3), dtype="uint8")
    restored = unmold_image(mold_image(image, MEAN), MEAN)
    assert restored.dtype == np.uint8
    np.testing.assert_array_equal(restored, image)


@pytest.mark.parametrize("pad_after_mean", [True, False])
def test_padding_is_zero_or_minus_the_mean(pad_after_mean):
    image = np.zeros((4, 6, 3), "uint8")
    image[1:3, 2:5] = 200
    molded = mold_padded(image, MEAN, (1, 2, 3, 5), pad_after_mean=pad_after_mean)
    outside = np.ones((4, 6), bool)
    outside[1:3, 2:5] = False
    border = np.zeros(3) if pad_after_mean else -MEAN
    np.testing.assert_allclose(molded[outside], np.tile(border, (18, 1)), rtol=1e-6)
    np.testing.assert_allclose(molded[1, 2], 200 - MEAN, rtol=1e-6)


def test_a_window_as_large_as_the_image_clears_nothing():
    molded = np.ones((4, 6, 3))
    clear_outside(molded, (0, 0, 4, 6))
    assert molded.all()


@pytest.mark.parametrize("std", [2.0, [1.0, 2.0, 4.0]])
def test_pixels_may_be_divided_by_their_deviation(rng, std):
    image = rng.integers(0, 256, (4, 6, 3), "uint8")
    molded = mold_image(image, MEAN, std)
    assert molded.dtype == np.float32
    np.testing.assert_allclose(molded, (image - MEAN) / std, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(mold_image(image[0], MEAN, std), molded[0])
    np.testing.assert_array_equal(unmold_image(molded, MEAN, std), image)
    padded = mold_padded(image, MEAN, (0, 0, 3, 6), pad_after_mean=True, pixel_std=std)
    np.testing.assert_array_equal(padded[:3], molded[:3])
    assert not padded[3].any()
