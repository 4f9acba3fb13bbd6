import keras
import numpy as np
import pytest
from keras import layers

from mrcnn.backbones.resnet import build_stage
from mrcnn.heads.stage import StageHead
from mrcnn.weights.named_variables import named_variables


def halve(features):
    return layers.Conv2D(5, 3, strides=2, padding="same", name="res5a")(features)


@pytest.fixture
def features(rng):
    return rng.normal(size=(2, 3, 6, 6, 4)).astype("float32")


def test_a_roi_is_seen_alone(features):
    head = StageHead(halve, 4)
    seen = head(features)
    assert seen.shape == (2, 3, 3, 3, 5)
    conv = head.model.get_layer("res5a")
    for image in range(2):
        for roi in range(3):
            alone = conv(features[image, roi][None])[0]
            np.testing.assert_allclose(seen[image, roi], alone, atol=1e-5)


def test_the_number_of_rois_may_be_unknown(features):
    inputs = keras.Input((None, 6, 6, 4))
    model = keras.Model(inputs, StageHead(halve, 4)(inputs))
    assert model.output_shape == (None, None, 3, 3, 5)
    assert model(features[:, :2]).shape == (2, 2, 3, 3, 5)


def test_two_uses_share_the_weights_of_a_backbones_stage():
    head = StageHead(lambda x: build_stage(x, "resnet18", 5), 256)
    boxes, masks = keras.Input((7, 14, 14, 256)), keras.Input((3, 14, 14, 256))
    model = keras.Model([boxes, masks], [head(boxes), head(masks)])
    assert model.output_shape == [(None, 7, 7, 7, 512), (None, 3, 7, 7, 512)]
    names = named_variables(model)
    # As in a backbone, so that its weights fit.
    image = keras.Input((None, None, 256))
    stage = keras.Model(image, build_stage(image, "resnet18", 5))
    assert names.keys() == named_variables(stage).keys()
    assert "res5a_branch2a/kernel" in names


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_it_computes_in_half_precision_where_that_is_asked_for(policy, features):
    keras.config.set_dtype_policy(policy)
    try:
        head = StageHead(halve, 4)
        seen = head(features)
    finally:
        keras.config.set_dtype_policy("float32")
    assert keras.backend.standardize_dtype(seen.dtype) == policy.removeprefix("mixed_")
