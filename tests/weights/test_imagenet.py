"""Files of ImageNet weights; what Keras would download is made up of random numbers."""

from pathlib import Path

import keras
import numpy as np
import pytest

from mrcnn.backbones.applications import build_application
from mrcnn.backbones.resnet import ResnetStyle, build_resnet
from mrcnn.layers.batch_norm import BatchNorm
from mrcnn.weights import imagenet
from mrcnn.weights.loading import load_into
from mrcnn.weights.saving import LegacySavingModel
from tests.small_configs import TinyConfig


def config_of(backbone, **knobs):
    config = TinyConfig()
    config.BACKBONE = backbone
    for name, value in knobs.items():
        setattr(config, name, value)
    return config


@pytest.fixture
def published(monkeypatch, tmp_path, rng):
    """A cache of its own, and the applications that were asked for with weights."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    made = []

    def make(name, weights):
        assert weights == "imagenet"
        build = getattr(keras.applications, name)
        application = build(include_top=False, weights=None, input_shape=(224, 224, 3))
        application.name = name
        for variable in application.weights:
            variable.assign(rng.uniform(0.05, 0.1, variable.shape))
        made.append(application)
        return application

    monkeypatch.setattr(imagenet, "make_application", make)
    return made


def test_the_file_of_matterports_resnet_is_asked_for_by_name_and_checksum(monkeypatch):
    def get_file(name, url, *, cache_subdir, file_hash):
        assert url.endswith("/" + name)
        assert len(file_hash) == 32
        return str(Path("home") / cache_subdir / name)

    monkeypatch.setattr(keras.utils, "get_file", get_file)
    for backbone in ("resnet50", lambda image, **_: image):
        path = Path(imagenet.imagenet_weights_file(config_of(backbone)))
        assert path.parent == Path("home/models")
        assert path.name == "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5"


@pytest.mark.parametrize("backbone", ["resnet50", "MobileNetV3Small"])
def test_without_network_the_error_says_where_the_file_belongs(
    backbone, monkeypatch, tmp_path
):
    def get_file(*_, **__):
        raise Exception("URL fetch failure on https://weights: no network")

    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(keras.utils, "get_file", get_file)
    module = keras.src.applications.mobilenet_v3.file_utils
    monkeypatch.setattr(module, "get_file", get_file)
    with pytest.raises(OSError, match=r"https://.*no network.*/models") as caught:
        imagenet.imagenet_weights_file(config_of(backbone))
    assert str(tmp_path) in str(caught.value)


def test_backbones_without_published_weights_are_told_those_with(published):
    with pytest.raises(ValueError, match=r"'resnet18'.*resnet50, resnet101, VGG16"):
        imagenet.imagenet_weights_file(config_of("resnet18"))


def test_an_applications_weights_fill_its_backbone_and_are_fetched_once(published):
    config = config_of("MobileNetV3Small", TRAIN_BN=False)
    path = imagenet.imagenet_weights_file(config)
    assert imagenet.imagenet_weights_file(config) == path
    assert len(published) == 1

    for channels in (3, 4):
        image = keras.Input((None, None, channels), name="input_image")
        stages = build_application(
            image, "MobileNetV3Small", mean_pixel=[0.0] * channels, train_bn=False
        )
        model = LegacySavingModel(image, stages)
        report = load_into(model, path, by_name=False)
        assert report.is_complete
        assert report.inflated == (("conv/kernel",) if channels == 4 else ())
        for name in ("conv", "conv_bn", "expanded_conv_5_depthwise", "conv_1_bn"):
            own = {weight.name: weight for weight in model.get_layer(name).weights}
            for weight in published[0].get_layer(name).weights:
                values = np.asarray(own[weight.name])
                values = values[:, :, :3] if name == "conv" else values
                np.testing.assert_array_equal(values, weight)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("conv1_conv", "conv1"),
        ("conv1_bn", "bn_conv1"),
        ("conv2_block1_0_conv", "res2a_branch1"),
        ("conv4_block23_3_conv", "res4w_branch2c"),
        ("conv5_block2_1_bn", "bn5b_branch2a"),
    ],
)
def test_layers_of_keras_resnets_have_a_name_of_ours(theirs, ours):
    assert imagenet.resnet_name(theirs) == ours


@pytest.mark.parametrize(("epsilon", "bias"), [(1e-3, True), (1e-5, False)])
def test_a_resnet_computes_what_keras_computes(epsilon, bias, rng):
    """ResNet-50 stands for its longer sister, which has the same blocks."""
    application = keras.applications.ResNet50(
        include_top=False, weights=None, input_shape=(64, 64, 3)
    )
    for variable in application.weights:
        noise = rng.uniform(0.8, 1.2, variable.shape)
        variable.assign(np.asarray(variable) * noise + 0.01 * (noise - 1))
    image = keras.Input((64, 64, 3))
    style = ResnetStyle(
        bias_before_norm=bias, symmetric_padding=True, norm_epsilon=epsilon
    )
    model = keras.Model(image, build_resnet(image, "resnet50", style=style))
    layers = imagenet.resnet_layers(application, epsilon, bias=bias)
    for layer in model.layers:
        for weight in layer.weights:
            weight.assign(layers[layer.name][weight.name])
    assert {layer.name for layer in model.layers if layer.weights} == {*layers}
    assert any(isinstance(layer, BatchNorm) for layer in model.layers)

    molded = rng.normal(size=(1, 64, 64, 3)).astype("float32")
    expected = application(molded[..., ::-1])  # BGR
    computed = model(molded)[-1]
    scale = float(np.abs(expected).max())
    assert scale > 0
    np.testing.assert_allclose(computed, expected, atol=2e-4 * scale)


@pytest.mark.slow
def test_resnet101_takes_the_weights_of_its_name(published):
    config = config_of("resnet101")
    path = imagenet.imagenet_weights_file(config)
    image = keras.Input((None, None, 3), name="input_image")
    model = LegacySavingModel(image, build_resnet(image, "resnet101"))
    assert load_into(model, path, by_name=False).is_complete
    config.NORM_EPSILON = 1e-5
    assert imagenet.imagenet_weights_file(config) != path
