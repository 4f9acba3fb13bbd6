import keras
import numpy as np
import pytest

from mrcnn.layers.own_class import OwnClassPatches

NUM_CLASSES = 5


def end_of_head(num_masks: int = NUM_CLASSES) -> OwnClassPatches:
    deconv = keras.layers.Conv2DTranspose(
        6, 2, strides=2, activation="relu", bias_initializer="normal"
    )
    conv = keras.layers.Conv2D(
        num_masks, 1, activation="sigmoid", bias_initializer="normal"
    )
    return OwnClassPatches(deconv, conv)


@pytest.fixture
def features(rng):
    return rng.normal(size=(2, 3, 4, 4, 7)).astype("float32")


@pytest.fixture
def class_ids():
    return np.array([[1, 4, 0], [2, 2, 3]], "int32")


def test_patches_are_those_that_the_two_layers_give_for_the_class(features, class_ids):
    end = end_of_head()
    patches = np.asarray(end([features, class_ids]))
    assert patches.shape == (2, 3, 8, 8)
    for image in range(2):
        for roi in range(3):
            of_all = end.conv(end.deconv(features[image, roi][None]))[0]
            expected = of_all[..., class_ids[image, roi]]
            np.testing.assert_allclose(patches[image, roi], expected, atol=1e-6)


def test_masks_for_all_classes_alike_stand_in_the_only_channel(features, class_ids):
    end = end_of_head(num_masks=1)
    patches = end([features, class_ids])
    same = end([features, np.zeros_like(class_ids)])
    np.testing.assert_array_equal(patches, same)


@pytest.mark.parametrize("count", [0, 2])
def test_the_number_of_rois_may_be_unknown_and_zero(count, features, class_ids):
    end = end_of_head()
    inputs = [keras.Input((None, 4, 4, 7)), keras.Input((None,), dtype="int32")]
    model = keras.Model(inputs, end(inputs))
    assert model.output_shape == (None, None, 8, 8)
    patches = model.predict_on_batch([features[:, :count], class_ids[:, :count]])
    assert patches.shape == (2, count, 8, 8)
    expected = end([features, class_ids])[:, :count]
    np.testing.assert_allclose(patches, expected, atol=1e-6)


def test_patches_are_float32_in_half_precision(features, class_ids):
    end = end_of_head()
    expected = np.asarray(end([features, class_ids]))
    half = OwnClassPatches(end.deconv, end.conv, dtype="mixed_bfloat16")
    patches = half([features, class_ids])
    assert keras.backend.standardize_dtype(patches.dtype) == "float32"
    assert not np.array_equal(patches, expected)
    np.testing.assert_allclose(patches, expected, atol=0.02)


def test_weights_are_those_of_the_layers_also_when_they_change(features, class_ids):
    end = end_of_head()
    before = np.asarray(end([features, class_ids]))
    layers = [*end.deconv.weights, *end.conv.weights]
    assert {id(weight) for weight in end.weights} == {id(weight) for weight in layers}
    end.conv.bias.assign(end.conv.bias + 1)
    assert (np.asarray(end([features, class_ids])) > before).all()
