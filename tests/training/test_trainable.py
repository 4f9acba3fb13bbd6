"""Choosing the layers that learn."""

import keras
import numpy as np
import pytest

from mrcnn.layers.batch_norm import BatchNorm
from mrcnn.layers.per_roi import PerRoi
from mrcnn.training.trainable import (
    LAYER_GROUPS,
    leaf_layers,
    set_bn_momentum,
    set_trainable,
)


@pytest.fixture
def model():
    feature_map = keras.Input((4, 4, 2))
    hidden = keras.layers.Conv2D(2, 1, name="rpn_conv_shared")(feature_map)
    nested = keras.Model(feature_map, hidden, name="rpn_model")

    image = keras.Input((4, 4, 3))
    x = keras.layers.Conv2D(2, 1, name="conv1")(image)
    x = BatchNorm(frozen=True, name="bn_conv1")(x)
    x = keras.layers.Conv2D(2, 1, name="res3a_branch1")(x)
    x = keras.layers.Conv2D(2, 1, name="res4a_branch1")(x)
    x = BatchNorm(frozen=False, name="bn5a_branch1")(x)
    x = nested(x)
    x = keras.layers.Reshape((4, 4, 1, 2))(x)
    x = PerRoi(keras.layers.Conv2D(2, 1, name="mrcnn_mask"), name="mrcnn_mask")(x)
    return keras.Model(image, x)


def learning(model):
    return {layer.name for layer in leaf_layers(model) if layer.trainable_variables}


@pytest.mark.parametrize(
    ("layers", "names"),
    [
        ("heads", {"rpn_conv_shared", "mrcnn_mask"}),
        ("5+", {"bn5a_branch1", "rpn_conv_shared", "mrcnn_mask"}),
        ("4+", {"res4a_branch1", "bn5a_branch1", "rpn_conv_shared", "mrcnn_mask"}),
        ("conv1", {"conv1"}),
        ("(rpn_.*)|(conv1)", {"rpn_conv_shared", "conv1"}),
    ],
)
def test_the_layers_asked_for_learn_and_no_others(model, layers, names):
    chosen = set_trainable(model, layers)
    assert learning(model) == names
    assert {layer.name for layer in chosen} == names


def test_all_means_all_but_frozen_batch_norm(model):
    set_trainable(model, "heads")
    set_trainable(model, "all")
    everything = {layer.name for layer in leaf_layers(model)}
    assert learning(model) == everything - {"bn_conv1"}


def test_groups_grow_from_heads_to_all(model):
    sizes = [len(set_trainable(model, group)) for group in ("heads", "5+", "4+", "3+")]
    assert sizes == sorted(sizes)
    assert set(LAYER_GROUPS) == {"heads", "3+", "4+", "5+", "all"}


@pytest.mark.parametrize("group", ["3+", "4+", "5+"])
def test_stages_are_refused_where_no_layer_is_called_by_them(group):
    image = keras.Input((4, 4, 3))
    x = keras.layers.Conv2D(2, 1, name="block5_conv1")(image)
    x = keras.layers.Conv2D(2, 1, name="fpn_p2")(x)
    vgg = keras.Model(image, x, name="vgg")
    with pytest.raises(ValueError, match=r"'.\+' goes by the layer names of a ResNet"):
        set_trainable(vgg, group)
    assert learning(vgg) == {"block5_conv1", "fpn_p2"}
    assert len(set_trainable(vgg, "heads")) == 1


def test_a_choice_that_matches_nothing_is_an_error(model):
    with pytest.raises(ValueError, match="'haeds' matches no layer"):
        set_trainable(model, "haeds")
    with pytest.raises(ValueError, match="not a regular expression"):
        set_trainable(model, "(res")


def test_batch_norm_keeps_the_share_of_its_statistics_that_is_asked_for(model):
    set_bn_momentum(model, 0.75)
    bn = model.get_layer("bn5a_branch1")
    bn(np.full((2, 4, 4, 2), 8.0, "float32"), training=True)
    # The mean was 0 and the variance 1; the batch has 8 and 0.
    np.testing.assert_allclose(bn.moving_mean, [0.25 * 8] * 2)
    np.testing.assert_allclose(bn.moving_variance, [0.75] * 2)
