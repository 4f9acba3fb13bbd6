import numpy as np
import pytest

from mrcnn.geometry.sampling import (
    bin_centers,
    cover_weights,
    hat_weights,
    pick_pixels,
    weigh_pixels,
)


def test_bin_centers_of_whole_pixels_are_the_pixels_themselves(as_array):
    centers = bin_centers(as_array(0.0), as_array(4.0), 4)
    assert np.allclose(centers, [0, 1, 2, 3])


def test_bin_centers_lie_half_a_bin_from_the_edges(as_array):
    centers = bin_centers(as_array([2.0, 0.0]), as_array([6.0, 1.0]), 2)
    assert np.allclose(centers, [[3 - 0.5, 5 - 0.5], [0.25 - 0.5, 0.75 - 0.5]])


def test_hat_weights_share_a_position_between_its_two_pixels(as_array):
    weights = hat_weights(as_array([1.25, 2.0]), 4)
    assert np.allclose(weights, [[0, 0.75, 0.25, 0], [0, 0, 1, 0]])


def test_hat_weights_fade_out_beyond_the_outer_pixels(as_array):
    weights = hat_weights(as_array([-0.25, -1.0, 1.5, 3.0]), 2)
    assert np.allclose(weights, [[0.75, 0], [0, 0], [0, 0.5], [0, 0]])


def test_a_position_that_is_not_finite_has_no_weights(as_array):
    weights = hat_weights(as_array([np.nan, np.inf, -np.inf]), 3)
    assert np.array_equal(weights, np.zeros((3, 3)))


def test_cover_weights_are_shares_of_the_bins(as_array):
    weights = cover_weights(as_array(0.5), as_array(4.5), 2, 4)
    # Bins reach from 0.5 to 2.5 and from 2.5 to 4.5, the last half pixel outside.
    expected = [[0.5 / 2, 1 / 2, 0.5 / 2, 0], [0, 0, 0.5 / 2, 1 / 2]]
    assert np.allclose(weights, expected)


@pytest.mark.parametrize(
    "edges", [(2.0, 2.0), (3.0, 1.0), (np.nan, 2.0), (0.0, np.inf), (-9.0, -4.0)]
)
def test_bins_without_extent_or_outside_cover_nothing(as_array, edges):
    weights = cover_weights(as_array(edges[0]), as_array(edges[1]), 3, 4)
    assert np.array_equal(weights, np.zeros((3, 4)))


def test_picking_and_weighing_give_the_same_samples(rng):
    image = rng.random((5, 7)).astype("float32")
    rows, columns = rng.uniform(-2, 7, 4), rng.uniform(-2, 9, 6)
    weighed = weigh_pixels(image, hat_weights(rows, 5), hat_weights(columns, 7))
    assert np.allclose(pick_pixels(image, rows, columns), weighed, atol=1e-6)


def test_picking_takes_channels_along(rng):
    image = rng.integers(0, 255, (4, 5, 3), "uint8")
    picked = pick_pixels(image, [1.5], [0.0, 2.25])
    top, bottom = image[1].astype(float), image[2].astype(float)
    middle = (top + bottom) / 2
    expected = [[middle[0], 0.75 * middle[2] + 0.25 * middle[3]]]
    assert picked.dtype == np.float32
    assert np.allclose(picked, expected)


def test_leading_axes_are_free(as_array, rng):
    images = rng.random((2, 3, 4, 5)).astype("float32")
    rows = rng.uniform(0, 3, (2, 3, 6)).astype("float32")
    columns = rng.uniform(0, 4, (2, 3, 7)).astype("float32")
    sampled = np.asarray(
        weigh_pixels(
            as_array(images),
            hat_weights(as_array(rows), 4),
            hat_weights(as_array(columns), 5),
        )
    )
    for index in np.ndindex(2, 3):
        one = pick_pixels(images[index], rows[index], columns[index])
        assert np.allclose(sampled[index], one, atol=1e-5)
