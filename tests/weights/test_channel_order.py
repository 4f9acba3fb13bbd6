import numpy as np
import pytest

from mrcnn.weights.channel_order import channel_order, turn_round


@pytest.mark.parametrize(
    ("attributes", "order"),
    [
        ({}, "RGB"),
        ({"config": {"NAME": "old"}}, "RGB"),
        ({"config": {"IMAGE_CHANNEL_ORDER": "RGB"}}, "RGB"),
        ({"config": {"IMAGE_CHANNEL_ORDER": "BGR"}}, "BGR"),
        ({"config": "damaged"}, "RGB"),
    ],
)
def test_the_order_is_what_the_config_says_and_else_rgb(attributes, order):
    assert channel_order(attributes) == order


def test_a_turned_kernel_sees_in_bgr_what_it_saw_in_rgb(rng):
    kernel = rng.normal(size=(7, 7, 3, 2))
    pixel = rng.normal(size=3)
    np.testing.assert_allclose(
        np.einsum("c,hwcf->hwf", pixel[::-1], turn_round(kernel)),
        np.einsum("c,hwcf->hwf", pixel, kernel),
    )
    np.testing.assert_array_equal(turn_round(turn_round(kernel)), kernel)
