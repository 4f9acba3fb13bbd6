"""ResNet: from an image to the feature maps of five stages.

Layers bear the names of matterport's checkpoints: `res4b_branch2a` is the first
convolution of the second block of stage 4, `bn4b_branch2a` its normalization. The
blocks are those of He et al., "Deep Residual Learning for Image Recognition",
section 4.1; `ResnetStyle` tells what implementations make of them.

Shapes: B images, H W molded height and width, h w a feature map, F channels.
"""

import string
from typing import Any, NamedTuple

from keras import layers

from mrcnn.geometry.arrays import Array
from mrcnn.layers.batch_norm import BatchNorm


class Architecture(NamedTuple):
    """What tells one ResNet from another."""

    blocks: tuple[int, int, int, int]  # in stages 2 to 5
    is_bottleneck: bool  # blocks of 1x1, 3x3, 1x1 rather than two 3x3


ARCHITECTURES: dict[str, Architecture] = {
    "resnet18": Architecture((2, 2, 2, 2), is_bottleneck=False),
    "resnet34": Architecture((3, 4, 6, 3), is_bottleneck=False),
    "resnet50": Architecture((3, 4, 6, 3), is_bottleneck=True),
    "resnet101": Architecture((3, 4, 23, 3), is_bottleneck=True),
}


class ResnetStyle(NamedTuple):
    """What tells one implementation of a ResNet from another."""

    stride_in_1x1: bool = True
    """Whether a bottleneck shrinks the map in its first convolution, of 1x1, or in the
    one of 3x3."""

    bias_before_norm: bool = True
    """Whether convolutions have a bias, though a normalization follows."""

    symmetric_padding: bool = False
    """Whether what shrinks a map pads it alike on all sides, or, where a padding is
    odd, with the greater part at the bottom and the right."""

    norm_epsilon: float = 1e-3
    """What normalizations add to the variance."""

    stem_stride: int = 4
    """Pixels that a cell of C1 covers: 4; 2 without the pooling, 1 without strides."""

    dilated_stage5: bool = False
    """Whether the last stage keeps the map's size and spreads its convolutions."""


MATTERPORT = ResnetStyle()


def build_resnet(
    image: Array,
    architecture: str,
    *,
    stage5: bool = True,
    train_bn: bool | None = None,
    style: ResnetStyle = MATTERPORT,
) -> list[Array]:
    """Feature maps of all stages.

    Args:
        image: [B, H, W, any] molded
        architecture: a key of `ARCHITECTURES`
        stage5: whether to build the last stage
        train_bn: False freezes every normalization; otherwise they follow Keras'
            training flag
        style: whose ResNet it is

    Returns:
        C1 to C5, [B, h, w, F] with 4, 4, 8, 16 and 32 pixels a cell, or what the style
        makes of them, sides rounded up; C5 is None without `stage5`.
    """
    if architecture not in ARCHITECTURES:
        raise ValueError(
            f"Unknown ResNet architecture {architecture!r}; "
            f"choose one of {', '.join(ARCHITECTURES)}."
        )
    features = build_stem(image, train_bn=train_bn, style=style)
    stages = [features]
    for stage in (2, 3, 4, 5):
        if stage == 5 and not stage5:
            return [*stages, None]
        features = build_stage(
            features, architecture, stage, train_bn=train_bn, style=style
        )
        stages.append(features)
    return stages


def build_stage(
    features: Array,
    architecture: str,
    stage: int,
    *,
    train_bn: bool | None = None,
    style: ResnetStyle = MATTERPORT,
) -> Array:
    """The blocks of one stage, 2 to 5. [B, h, w, F] -> [B, h', w', F']"""
    blocks, is_bottleneck = ARCHITECTURES[architecture]
    width = 64 * 2 ** (stage - 2)
    filters = [width, width, 4 * width] if is_bottleneck else [width, width]
    is_dilated = stage == 5 and style.dilated_stage5
    # Where a stage begins the image shrinks, but for the second stage, which the
    # stem's pooling has served already.
    shrinks = stage > 2 and not is_dilated
    for index in range(blocks[stage - 2]):
        starts_stage = index == 0
        features = build_block(
            features,
            filters,
            stage,
            string.ascii_lowercase[index],
            strides=2 if starts_stage and shrinks else 1,
            dilation=2 if is_dilated else 1,
            project=starts_stage and (is_bottleneck or stage > 2),
            train_bn=train_bn,
            style=style,
        )
    return features


def build_stem(
    image: Array,
    *,
    train_bn: bool | None = None,
    style: ResnetStyle = MATTERPORT,
) -> Array:
    """The 7x7 convolution and pooling in front of all blocks, C1.

    [B, H, W, any] -> [B, H / 4, W / 4, 64], for a stem stride of 4
    """
    features = layers.ZeroPadding2D(3)(image)
    strides = min(style.stem_stride, 2)
    features = layers.Conv2D(
        64, 7, strides=strides, use_bias=style.bias_before_norm, name="conv1"
    )(features)
    features = _norm("bn_conv1", train_bn, style)(features)
    features = layers.Activation("relu")(features)
    if style.stem_stride < 4:
        return features
    if not style.symmetric_padding:
        return layers.MaxPooling2D(3, strides=2, padding="same")(features)
    # Activations are not negative, so zeros never are the only largest value.
    return layers.MaxPooling2D(3, strides=2)(layers.ZeroPadding2D(1)(features))


def build_block(
    features: Array,
    filters: list[int],
    stage: int,
    block: str,
    *,
    kernel_size: Any = 3,
    strides: Any = 1,
    dilation: int = 1,
    project: bool = False,
    train_bn: bool | None = None,
    style: ResnetStyle = MATTERPORT,
) -> Array:
    """A residual block: two or three convolutions beside a shortcut.

    Args:
        features: [B, h, w, F]
        filters: channels of the convolutions, three for a bottleneck of 1x1,
            `kernel_size` and 1x1, two for a basic block, all of `kernel_size`
        stage: number in the layers' names
        block: letter in the layers' names
        kernel_size: side of the convolutions that look around
        strides: of one convolution and the shortcut
        dilation: cells between the taps of convolutions that look around
        project: whether a 1x1 convolution adapts the shortcut; without it, the
            input must already have the output's shape
        train_bn: see `build_resnet`
        style: see `build_resnet`

    Returns:
        [B, h / strides, w / strides, filters[-1]]
    """
    is_bottleneck = len(filters) == 3
    sides = [1, kernel_size, 1] if is_bottleneck else [kernel_size] * 2
    shrinking = "b" if is_bottleneck and not style.stride_in_1x1 else "a"
    conv_name, norm_name = f"res{stage}{block}_branch", f"bn{stage}{block}_branch"
    residual, shortcut = features, features
    for letter, width, side in zip("abc", filters, sides, strict=False):
        if letter != "a":
            residual = layers.Activation("relu")(residual)
        step = strides if letter == shrinking else 1
        padding = "same"
        if style.symmetric_padding and step not in (1, (1, 1)) and side != 1:
            residual = layers.ZeroPadding2D(side // 2)(residual)
            padding = "valid"
        residual = layers.Conv2D(
            width,
            side,
            strides=step,
            padding=padding,
            dilation_rate=1 if side == 1 else dilation,
            use_bias=style.bias_before_norm,
            name=f"{conv_name}2{letter}",
        )(residual)
        residual = _norm(f"{norm_name}2{letter}", train_bn, style)(residual)
    if project:
        shortcut = layers.Conv2D(
            filters[-1],
            1,
            strides=strides,
            use_bias=style.bias_before_norm,
            name=f"{conv_name}1",
        )(features)
        shortcut = _norm(f"{norm_name}1", train_bn, style)(shortcut)
    total = layers.Add()([residual, shortcut])
    return layers.Activation("relu", name=f"res{stage}{block}_out")(total)


def _norm(name: str, train_bn: bool | None, style: ResnetStyle) -> BatchNorm:
    return BatchNorm(frozen=train_bn is False, epsilon=style.norm_epsilon, name=name)
