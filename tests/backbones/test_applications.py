"""Every reference here is the application itself, as Keras builds and calls it."""

import keras
import numpy as np
import pytest

from mrcnn.backbones.applications import (
    APPLICATIONS,
    CAFFE,
    SIDE,
    SIGNED,
    STANDARD,
    build_application,
    find_stages,
    make_application,
    standardize,
)
from mrcnn.layers.batch_norm import BatchNorm
from mrcnn.weights.named_variables import named_variables

MEAN = np.array([123.7, 116.8, 103.9])
STD = np.array([2.0, 3.0, 4.0])

PREPROCESSING = {
    "VGG16": (CAFFE, keras.applications.vgg16.preprocess_input),
    "ResNet50": (CAFFE, keras.applications.resnet.preprocess_input),
    "ResNet50V2": (SIGNED, keras.applications.resnet_v2.preprocess_input),
    "MobileNet": (SIGNED, keras.applications.mobilenet.preprocess_input),
    "MobileNetV2": (SIGNED, keras.applications.mobilenet_v2.preprocess_input),
    "DenseNet121": (STANDARD, keras.applications.densenet.preprocess_input),
}

STAGES = {
    "VGG16": ["block3_conv3", "block4_conv3", "block5_conv3", "block5_pool"],
    "MobileNetV2": [
        "block_3_expand_relu",
        "block_6_expand_relu",
        "block_13_expand_relu",
        "out_relu",
    ],
    "EfficientNetV2B0": [
        "block2b_add",
        "block4a_expand_activation",
        "block6a_expand_activation",
        "top_activation",
    ],
    "ResNet50V2": [
        "conv2_block3_preact_relu",
        "conv3_block4_preact_relu",
        "conv4_block6_preact_relu",
        "post_relu",
    ],
}


def build(source, channels=3, **options):
    image = keras.Input((None, None, channels), name="input_image")
    options = {"mean_pixel": [100.0] * channels, **options}
    return keras.Model(image, build_application(image, source, **options))


def randomized(name, rng):
    """An application with other weights than it starts with, statistics included."""
    application = make_application(name)
    for layer in application.layers:
        # The scaling of the input is no weight to change.
        for variable in [] if "normalization" in layer.name else layer.weights:
            noise = rng.uniform(0.8, 1.2, variable.shape)
            variable.assign(np.asarray(variable) * noise + 0.01 * (noise - 1))
    return application


@pytest.mark.parametrize("name", PREPROCESSING)
def test_pixels_are_what_the_application_was_trained_on(name, rng):
    pixels, preprocess = PREPROCESSING[name]
    assert APPLICATIONS[name] == pixels
    image = rng.uniform(0, 255, (1, 4, 5, 3)).astype("float32")
    inputs = keras.Input((None, None, 3))
    model = keras.Model(inputs, standardize(inputs, pixels, MEAN, STD))
    expected = preprocess(image.copy())
    np.testing.assert_allclose(model((image - MEAN) / STD), expected, atol=1e-4)


def test_further_channels_are_scaled_as_colours_are_on_average():
    inputs = keras.Input((None, None, 5))
    model = keras.Model(inputs, standardize(inputs, CAFFE, [0] * 5))
    mean = (123.68 + 116.779 + 103.939) / 3
    pixel = np.array([1, 2, 3, 4, 5], "float32").reshape(1, 1, 1, 5)
    expected = [3 - 103.939, 2 - 116.779, 1 - 123.68, 4 - mean, 5 - mean]
    np.testing.assert_allclose(np.ravel(model(pixel)), expected, rtol=1e-5)


@pytest.mark.parametrize(
    "name",
    [
        "VGG16",
        "MobileNetV3Small",
        "EfficientNetV2B0",
        pytest.param("DenseNet121", marks=pytest.mark.slow),
        pytest.param("ResNet50V2", marks=pytest.mark.slow),
        pytest.param("EfficientNetV2S", marks=pytest.mark.slow),
        pytest.param("ConvNeXtTiny", marks=pytest.mark.slow),
    ],
)
def test_stages_are_the_applications_own_maps(name, rng):
    application = randomized(name, rng)
    image = rng.uniform(0, 255, (1, SIDE, SIDE, 3)).astype("float32")
    preprocess = PREPROCESSING.get(name, (None, lambda image: image))[1]
    ends = dict.fromkeys(find_stages(application))
    for operation in application.operations:
        if operation.name in ends:
            ends[operation.name] = operation.output
    expected = keras.Model(application.input, list(ends.values()))(
        preprocess(image.copy())
    )
    stages = build(application, mean_pixel=MEAN, pixel_std=STD)((image - MEAN) / STD)
    for stage, own in zip(stages, expected, strict=True):
        scale = np.abs(own).max()
        assert scale > 0
        np.testing.assert_allclose(stage, own, atol=1e-3 * scale)


@pytest.mark.parametrize("name", STAGES)
def test_stages_end_where_blocks_do(name):
    assert find_stages(make_application(name)) == STAGES[name]


@pytest.mark.slow
@pytest.mark.parametrize("name", APPLICATIONS)
def test_every_application_has_four_stages(name):
    application = make_application(name)
    maps = {op.name: op.output.shape for op in application.operations}
    sides = [maps[end][1] for end in find_stages(application)]
    assert sides == [SIDE // 4, SIDE // 8, SIDE // 16, SIDE // 32]


@pytest.mark.parametrize(("height", "width"), [(64, 192), (96, 32)])
def test_maps_have_the_sides_that_anchors_count_on(height, width):
    stages = build("MobileNetV3Small")(np.zeros((1, height, width, 3), "float32"))
    sides = [stage.shape[1:3] for stage in stages]
    assert sides == [(height // s, width // s) for s in (4, 8, 16, 32)]


def test_maps_that_do_not_halve_are_an_error():
    image = keras.Input((SIDE, SIDE, 3))
    valid = keras.layers.Conv2D(4, 3, strides=2, name="valid")(image)
    with pytest.raises(ValueError, match="no maps with 4, 8, 16, 32 pixels"):
        find_stages(keras.Model(image, valid, name="Odd"))


def test_an_unknown_name_is_told_those_that_are_known():
    with pytest.raises(ValueError, match=r"'InceptionV3' .* choose one of VGG16, "):
        make_application("InceptionV3")


@pytest.mark.parametrize("train_bn", [False, None])
def test_frozen_normalizations_stay_frozen(train_bn):
    model = build("MobileNetV3Small", train_bn=train_bn)
    norms = [layer for layer in model.layers if "_bn" in layer.name]
    assert len(norms) == 34
    for norm in norms:
        norm.trainable = True
        assert isinstance(norm, BatchNorm)
        assert bool(norm.trainable_variables) == (train_bn is None)


def test_nothing_is_dropped_at_random():
    layers = build("EfficientNetB0").layers
    rates = [layer.rate for layer in layers if isinstance(layer, keras.layers.Dropout)]
    assert rates == [0.0] * 9


@pytest.mark.parametrize(
    "name",
    ["MobileNetV3Small", pytest.param("ConvNeXtTiny", marks=pytest.mark.slow)],
)
def test_weights_have_the_same_names_each_time(name):
    first, second = (list(named_variables(build(name))) for _ in range(2))
    assert first == second
    assert not [name for name in first if "variable" in name]


def test_images_may_have_any_number_of_channels():
    for channels in (1, 4):
        model = build("MobileNetV3Small", channels)
        assert model.get_layer("conv").kernel.shape == (3, 3, channels, 16)


def test_layers_follow_the_policy_that_others_follow():
    model = build("MobileNetV3Small")
    policy = keras.config.dtype_policy()
    assert all(layer.dtype_policy is policy for layer in model.layers)
