"""Weights of backbones that were trained on ImageNet, as files under our layer names.

matterport starts from one old file of ResNet-50. For every other backbone, Keras
downloads what `keras.applications` publishes; it is written anew under the names of our
layers, once, into the folder of Keras' downloads.
"""

import os
import string
from collections.abc import Mapping
from pathlib import Path

import keras
import numpy as np
from keras import ops

from mrcnn.backbones.applications import (
    APPLICATIONS,
    CAFFE,
    build_application,
    make_application,
)
from mrcnn.config import Config
from mrcnn.weights.legacy_h5 import write_layers
from mrcnn.weights.saving import write_weights

FILE_NAME = "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5"
URL = (
    "https://github.com/fchollet/deep-learning-models/releases/download/v0.2/"
    + FILE_NAME
)
MD5 = "a268eb855778b3df3c7506639542a6af"

# ResNets that have our names and Keras' weights.
CONVERTED = {"resnet101": "ResNet101"}

_BRANCHES = {"0": "1", "1": "2a", "2": "2b", "3": "2c"}

Layers = Mapping[str, Mapping[str, np.ndarray]]
"""Values by the names of layers and weights."""


def imagenet_weights_file(config: Config) -> str:
    """Path of ImageNet weights for a config's backbone; load them with `by_name=True`.

    They are downloaded when first asked for. A BACKBONE that is a function gets those
    of matterport's ResNet-50.

    Raises:
        ValueError: where nobody publishes weights for the backbone.
        OSError: where the file cannot be had; says where to put it by hand.
    """
    backbone = config.BACKBONE
    if callable(backbone) or backbone == "resnet50":
        return _matterports_file()
    if backbone in CONVERTED:
        style = f"epsilon{config.NORM_EPSILON:g}_bias{config.BIAS_BEFORE_NORM:d}"
        path = _cache_folder() / f"mrcnn_{backbone}_imagenet_{style}.h5"
        if not path.is_file():
            application = _download(CONVERTED[backbone])
            layers = resnet_layers(
                application, config.NORM_EPSILON, bias=config.BIAS_BEFORE_NORM
            )
            write_layers(
                path,
                [
                    (name, [(f"{name}/{key}", value) for key, value in weights.items()])
                    for name, weights in layers.items()
                ],
                {},
            )
        return str(path)
    if backbone in APPLICATIONS:
        path = _cache_folder() / f"mrcnn_{backbone}_imagenet.h5"
        if not path.is_file():
            write_weights(path, _backbone_with_weights(_download(backbone)), {})
        return str(path)
    known = ", ".join(["resnet50", *CONVERTED, *APPLICATIONS])
    raise ValueError(
        f"There are no ImageNet weights for BACKBONE = {backbone!r}. Take a backbone "
        f"that has some ({known}), or load a file of your own."
    )


def resnet_layers(application: keras.Model, epsilon: float, *, bias: bool) -> Layers:
    """A ResNet of Keras as the layers of ours, in the order of the application.

    It computes the same in detection, for RGB images of which nothing but the mean was
    subtracted.

    Args:
        application: a ResNet of `keras.applications` of the first version
        epsilon: what our normalizations add to the variance
        bias: whether our convolutions have one
    """
    layers: dict[str, dict[str, np.ndarray]] = {}
    for layer in application.layers:
        if not layer.weights:
            continue
        weights = {
            weight.name: np.array(ops.convert_to_numpy(weight))
            for weight in layer.weights
        }
        if layer.name == "conv1_conv":  # trained on BGR
            weights["kernel"] = weights["kernel"][:, :, ::-1]
        if isinstance(layer, keras.layers.BatchNormalization):
            if not bias:
                convolution = layers[resnet_name(layer.name.replace("_bn", "_conv"))]
                weights["moving_mean"] -= convolution.pop("bias")
            variance = weights["moving_variance"]
            weights["gamma"] *= np.sqrt(
                (variance + epsilon) / (variance + layer.epsilon)
            )
        layers[resnet_name(layer.name)] = weights
    return layers


def resnet_name(name: str) -> str:
    """Our name for a layer of Keras' ResNets.

    "conv1_conv" is "conv1", "conv4_block2_1_bn" is "bn4b_branch2a".
    """
    first, *inner, kind = name.split("_")
    if not inner:
        return "conv1" if kind == "conv" else "bn_conv1"
    block, branch = inner
    letter = string.ascii_lowercase[int(block.removeprefix("block")) - 1]
    prefix = "res" if kind == "conv" else "bn"
    stage = first.removeprefix("conv")
    return f"{prefix}{stage}{letter}_branch{_BRANCHES[branch]}"


def _matterports_file() -> str:
    try:
        return keras.utils.get_file(
            FILE_NAME, URL, cache_subdir="models", file_hash=MD5
        )
    except Exception as error:
        raise OSError(
            f"No ImageNet weights from {URL} ({error}). Without network, download "
            f"{FILE_NAME} elsewhere and put it into {_cache_folder()}."
        ) from error


def _download(name: str) -> keras.Model:
    """An application of Keras with its ImageNet weights."""
    try:
        return make_application(name, "imagenet")
    except Exception as error:
        raise OSError(
            f"No ImageNet weights for {name} ({error}). Without network, download the "
            f"file of that address elsewhere and put it into {_cache_folder()} under "
            "the name that it has there."
        ) from error


def _backbone_with_weights(application: keras.Model) -> keras.Model:
    image = keras.Input([None, None, 3], name="input_image")
    stages = build_application(image, application, mean_pixel=CAFFE.mean)
    return keras.Model(image, stages)


def _cache_folder() -> Path:
    """Where Keras keeps what it downloads for models."""
    home = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
    folder = home / "models"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
