import keras
import pytest
from keras import layers

from mrcnn.weights.named_variables import layer_names, layer_variables, named_variables
from tests.weights.tiny_network import build_network, build_rpn

NAMES = [
    "conv1/kernel",
    "conv1/bias",
    "bn_conv1/gamma",
    "bn_conv1/beta",
    "bn_conv1/moving_mean",
    "bn_conv1/moving_variance",
    "rpn_conv_shared/kernel",
    "mrcnn_class_conv1/kernel",
    "mrcnn_class_bn1/moving_mean",
    "mrcnn_mask/bias",
]


@pytest.mark.parametrize("freeze", [False, True])
def test_names_are_those_of_the_layers_whatever_is_frozen(freeze):
    network = build_network(freeze_rpn=freeze)
    if freeze:
        network.get_layer("bn_conv1").trainable = False

    found = named_variables(network)

    assert set(NAMES) <= set(found)
    assert len(found) == len(network.weights)
    assert all(name == item.name for name, item in found.items())


def test_a_name_leads_to_its_variable_and_the_layers_around_it():
    network = build_network()

    found = named_variables(network)["rpn_conv_shared/kernel"]

    layer = network.get_layer("rpn_model").get_layer("rpn_conv_shared")
    assert found.variable is layer.kernel
    assert found.layers == ("rpn_model", "rpn_conv_shared")


def test_the_nested_model_lists_its_layers_as_files_do():
    rpn_model = build_rpn(freeze=True)
    turned = keras.Model(rpn_model.inputs, rpn_model.outputs[::-1], name="rpn_model")

    for model in (rpn_model, turned):
        assert [item.name for item in layer_variables(model)] == [
            "rpn_conv_shared/kernel",
            "rpn_conv_shared/bias",
            "rpn_class_raw/kernel",
            "rpn_class_raw/bias",
            "rpn_bbox_pred/kernel",
            "rpn_bbox_pred/bias",
        ]


def test_a_layer_of_many_kernels_keeps_them_apart():
    x = keras.Input((4, 4))
    model = keras.Model(x, layers.MultiHeadAttention(2, 2, name="attention")(x, x))

    found = named_variables(model)

    assert len(found) == len(model.weights) == 8
    assert "attention/query/kernel" in found


def test_weights_that_are_not_float_have_no_name():
    class Counter(layers.Layer):
        def build(self, input_shape):
            self.seen = self.add_weight(shape=(), dtype="int32", name="seen")

        def call(self, inputs):
            return inputs

    x = keras.Input((2,))

    assert named_variables(keras.Model(x, Counter()(x))) == {}


def test_two_weights_of_one_name_are_an_error():
    x = keras.Input((4,))
    inner = keras.Model(x, layers.Dense(4, name="fc")(x), name="inner")
    model = keras.Model(x, layers.Dense(4, name="fc")(inner(x)))

    with pytest.raises(ValueError, match="fc/kernel"):
        named_variables(model)


def test_layer_names_include_nested_ones():
    names = layer_names(build_network())

    assert {"conv1", "rpn_model", "rpn_class_raw", "mrcnn_bbox"} <= names
