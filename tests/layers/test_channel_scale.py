import numpy as np

from mrcnn.layers.channel_scale import ChannelScale
from tests.layer_contract import check_layer


def test_every_channel_has_its_factor():
    layer = ChannelScale(0.5)
    features = np.ones((2, 3, 4), "float32")
    np.testing.assert_array_equal(layer(features), 0.5 * features)
    layer.gamma.assign([0, 1, 2, 3])
    np.testing.assert_array_equal(layer(features)[1, 2], [0, 1, 2, 3])
    assert [weight.name for weight in layer.weights] == ["gamma"]


def test_it_keeps_the_duties_of_a_layer(rng):
    features = rng.normal(size=(2, 5, 5, 4)).astype("float32")
    check_layer(ChannelScale(0.1), features, (2, 5, 5, 4))
