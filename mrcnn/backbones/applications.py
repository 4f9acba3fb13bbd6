"""Networks of `keras.applications` as backbones: from an image to stages C2..C5.

An application is rebuilt, layer by layer and under its own layer names, on the molded
image. What scales its input is replaced by one step that turns molded pixels into what
it was trained on; what drops activations at random is left out. The stages are found
in its graph, so no layer is listed here.

Shapes: B images, H W molded height and width, h w a feature map, F channels.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import layers, ops

from mrcnn.geometry.arrays import Array
from mrcnn.layers.batch_norm import BatchNorm
from mrcnn.layers.channel_scale import ChannelScale

STRIDES = (4, 8, 16, 32)

# Of the image on which shapes are computed: the applications' own, so that Keras takes
# the weights that were trained at it.
SIDE = 224


class Pixels(NamedTuple):
    """What an application was trained on: (pixel - mean) / deviation."""

    mean: tuple[float, float, float]
    deviation: tuple[float, float, float]
    is_bgr: bool = False
    """Whether blue comes first; the numbers are in RGB order all the same."""


CAFFE = Pixels((123.68, 116.779, 103.939), (1.0, 1.0, 1.0), is_bgr=True)
SIGNED = Pixels((127.5, 127.5, 127.5), (127.5, 127.5, 127.5))
SIGNED_128 = Pixels((128.0, 128.0, 128.0), (128.0, 128.0, 128.0))
STANDARD = Pixels(
    (0.485 * 255, 0.456 * 255, 0.406 * 255), (0.229 * 255, 0.224 * 255, 0.225 * 255)
)

APPLICATIONS: dict[str, Pixels] = {
    **dict.fromkeys(["VGG16", "VGG19"], CAFFE),
    **dict.fromkeys(["ResNet50", "ResNet101", "ResNet152"], CAFFE),
    **dict.fromkeys(["ResNet50V2", "ResNet101V2", "ResNet152V2"], SIGNED),
    **dict.fromkeys(["MobileNet", "MobileNetV2"], SIGNED),
    **dict.fromkeys(["MobileNetV3Small", "MobileNetV3Large"], SIGNED),
    **dict.fromkeys(["DenseNet121", "DenseNet169", "DenseNet201"], STANDARD),
    **dict.fromkeys([f"EfficientNetB{size}" for size in range(8)], STANDARD),
    **dict.fromkeys([f"EfficientNetV2B{size}" for size in range(4)], STANDARD),
    **dict.fromkeys([f"EfficientNetV2{size}" for size in "SML"], SIGNED_128),
    **dict.fromkeys(
        [f"ConvNeXt{size}" for size in ("Tiny", "Small", "Base", "Large", "XLarge")],
        STANDARD,
    ),
}

# Layers that scale an application's input, in place of which stands `standardize`.
_SCALING = (layers.Rescaling, layers.Normalization)


def build_application(
    image: Array,
    source: str | keras.Model,
    *,
    mean_pixel: Array,
    pixel_std: Array = 1.0,
    train_bn: bool | None = None,
) -> list[Array]:
    """Feature maps of the stages that a pyramid is built from.

    Args:
        image: [B, H, W, any] molded
        source: a key of `APPLICATIONS`, or what `make_application` made, whose weights
            are then copied
        mean_pixel: what was subtracted from the image, one number for each channel
        pixel_std: what the difference was divided by, one number or one each
        train_bn: False freezes every normalization; otherwise they follow Keras'
            training flag

    Returns:
        C2 to C5, [B, h, w, F] with 4, 8, 16 and 32 pixels a cell; H and W are
        multiples of 32.
    """
    takes_weights = isinstance(source, keras.Model)
    application = make_application(source) if isinstance(source, str) else source
    rename = _stable_names(application)
    built: dict[str, Array] = {}

    def rebuild(operation: Any, *inputs: Any, **options: Any) -> Any:
        """Calls a copy of the operation on the inputs."""
        features = inputs[0]
        if isinstance(operation, keras.Sequential):
            for inner in operation.layers:
                features = rebuild(inner, features)
        elif not isinstance(operation, _SCALING):
            copied = _copied(operation, rename(operation), frozen=train_bn is False)
            given = {key: value for key, value in options.items() if value is not None}
            features = copied(*inputs, **given)
            if takes_weights and isinstance(operation, layers.Layer):
                _copy_weights(operation, copied)
        built[operation.name] = features
        return features

    pixels = APPLICATIONS[application.name]
    keras.models.clone_model(
        application,
        input_tensors=standardize(image, pixels, mean_pixel, pixel_std),
        clone_function=lambda operation: operation,
        call_function=rebuild,
    )
    return [built[name] for name in find_stages(application)]


def make_application(name: str, weights: str | None = None) -> keras.Model:
    """The network of `keras.applications` itself, without its classifier.

    Args:
        name: a key of `APPLICATIONS`
        weights: None for random ones, or "imagenet", which Keras downloads
    """
    if name not in APPLICATIONS:
        raise ValueError(
            f"{name!r} of keras.applications is no backbone here; choose one of "
            f"{', '.join(APPLICATIONS)}."
        )
    make: Callable[..., keras.Model] = getattr(keras.applications, name)
    made = make(include_top=False, weights=weights, input_shape=(SIDE, SIDE, 3))
    made.name = name
    return made


def standardize(
    image: Array, pixels: Pixels, mean_pixel: Array, pixel_std: Array = 1.0
) -> Array:
    """Molded pixels as an application was trained on them.

    Channels beyond three, or in place of three, are scaled as the three are on average.

    Args:
        image: [B, H, W, any] molded, RGB first
        pixels: what the application wants
        mean_pixel: see `build_application`
        pixel_std: see `build_application`

    Returns:
        [B, H, W, any]; for a picture of three channels or more that wants BGR, blue
        comes first.
    """
    channels = image.shape[-1]
    mean = _for_channels(pixels.mean, channels)
    deviation = _for_channels(pixels.deviation, channels)
    scale = np.broadcast_to(pixel_std, channels) / deviation
    offset = (np.broadcast_to(mean_pixel, channels) - mean) / deviation
    image = layers.Rescaling(scale.tolist(), offset.tolist(), name="standardize")(image)
    if not pixels.is_bgr or channels < 3:
        return image
    return ops.take(image, [2, 1, 0, *range(3, channels)], axis=-1)


def find_stages(application: keras.Model) -> list[str]:
    """Names of the operations that end the stages with 4, 8, 16 and 32 pixels a cell.

    All that is deeper than a stage depends on its end alone, or on what is computed
    from that alone at the same size and width, as an activation is. So branches inside
    of blocks are never taken.

    Raises:
        ValueError: where a map of one of the sizes is missing.
    """
    side = application.input_shape[1]
    operations = application.operations
    positions = {id(operation.output): i for i, operation in enumerate(operations)}
    last_use = [*range(len(operations))]
    for position, operation in enumerate(operations[1:], 1):
        for tensor in keras.tree.flatten(operation.input):
            last_use[positions[id(tensor)]] = position

    ends: dict[int, tuple[str, tuple]] = {}
    longest_use = 0
    for i, operation in enumerate(operations):
        shape = tuple(operation.output.shape)
        is_map = len(shape) == 4 and shape[1] == shape[2] and side % shape[1] == 0
        if is_map:
            stride = side // shape[1]
            is_bottleneck = longest_use <= i
            if is_bottleneck or (stride in ends and ends[stride][1] == shape):
                ends[stride] = operation.name, shape
        longest_use = max(longest_use, last_use[i])
    missing = [stride for stride in STRIDES if stride not in ends]
    if missing:
        raise ValueError(
            f"{application.name} cannot be a backbone: it has no maps with "
            f"{', '.join(map(str, missing))} pixels a cell, as its convolutions do not "
            "halve the sides."
        )
    return [ends[stride][0] for stride in STRIDES]


def _copied(operation: Any, name: str, *, frozen: bool) -> Any:
    """An operation of the same settings with weights of its own."""
    config = operation.get_config()
    config["name"] = name
    # Layers of the same policy as all others follow when training changes it.
    config.pop("dtype", None)
    if isinstance(operation, layers.BatchNormalization):
        return BatchNorm.from_config({**config, "frozen": frozen})
    if isinstance(operation, layers.Dropout):
        # With a few images a batch it costs more than it gives, and seeds would be
        # needed for its random numbers.
        config["rate"] = 0.0
    if type(operation).__name__ == "LayerScale":
        return ChannelScale(config["init_values"], name=name)
    return type(operation).from_config(config)


def _copy_weights(source: layers.Layer, target: layers.Layer) -> None:
    if len(target.weights) == 1:
        target.weights[0].assign(source.weights[0])
        return
    # By name, as frozen layers list their weights in another order.
    values = {variable.name: variable for variable in source.weights}
    for variable in target.weights:
        variable.assign(values[variable.name])


def _stable_names(application: keras.Model) -> Callable[[Any], str]:
    """Names for an application's operations, the same each time that it is built.

    Keras counts layers without a name through the whole program; those with weights are
    counted from 1 in the application.
    """
    leaves = [
        inner
        for layer in application.layers
        for inner in (layer.layers if isinstance(layer, keras.Sequential) else [layer])
    ]
    names: dict[int, str] = {}
    for leaf in leaves:
        kind = re.sub(r"(?<!^)(?=[A-Z])", "_", type(leaf).__name__).lower()
        is_automatic = re.fullmatch(rf"{kind}(_\d+)?", leaf.name)
        if leaf.weights and is_automatic and not isinstance(leaf, _SCALING):
            names[id(leaf)] = f"backbone_{kind}_{len(names) + 1}"
    return lambda operation: names.get(id(operation), operation.name)


def _for_channels(numbers: Sequence[float], channels: int) -> np.ndarray:
    """Three numbers for any number of channels. -> [channels]"""
    mean = float(np.mean(numbers))
    extra = [mean] * (channels - 3)
    return np.array([*numbers, *extra] if channels >= 3 else [mean] * channels)
