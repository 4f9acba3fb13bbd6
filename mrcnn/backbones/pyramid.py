"""Feature pyramid: the backbone's stages blended into levels of one width.

From the coarsest stage downwards, what the deep stages know is added to what the
shallow ones see. After Lin et al., "Feature Pyramid Networks for Object Detection".

Shapes: B images, h w a feature map, F channels of all levels.
"""

from collections.abc import Sequence

from keras import layers

from mrcnn.geometry.arrays import Array
from mrcnn.layers.batch_norm import BatchNorm


def build_pyramid(
    stages: Sequence[Array],
    *,
    channels: int = 256,
    num_levels: int = 5,
    extra_levels: str = "pool",
    zero_laterals: bool = False,
    symmetric_padding: bool = False,
    norm: bool = False,
    norm_epsilon: float = 1e-3,
    bias_before_norm: bool = True,
    train_bn: bool | None = None,
) -> list[Array]:
    """Levels P2 to P5, P6 or P7.

    Args:
        stages: C2 to C5, [B, h, w, any], each with half the sides of the one before;
            so the image's sides must be multiples of 32, or of 64 for P6 to halve P5
        channels: F
        num_levels: how many in all, 4 or more
        extra_levels: how those beyond P5 are made: "pool", every second cell of the
            level before; "conv_p5", by a convolution of it; "conv_c5", likewise, but
            P6 of C5
        zero_laterals: whether lateral convolutions but the topmost start at zero
        symmetric_padding: whether convolutions that shrink a map pad it alike on all
            sides
        norm: whether a normalization follows each convolution
        norm_epsilon: what normalizations add to the variance
        bias_before_norm: whether convolutions with a normalization have a bias, too
        train_bn: False freezes every normalization; otherwise they follow Keras'
            training flag

    Returns:
        P2 and coarser, [B, h, w, F], each with half the sides of the one before,
        rounded up; those beyond P5 serve the region proposal network alone.
    """
    if len(stages) != 4:
        raise ValueError(
            f"A pyramid needs the four stages C2 to C5, but got {len(stages)}."
        )

    def convolve(
        features: Array, side: int, name: str, initializer: str = "glorot_uniform"
    ) -> Array:
        features = layers.Conv2D(
            channels,
            side,
            padding="same",
            use_bias=bias_before_norm or not norm,
            kernel_initializer=initializer,
            name=name,
        )(features)
        if not norm:
            return features
        frozen = train_bn is False
        return BatchNorm(frozen=frozen, epsilon=norm_epsilon, name=f"{name}_bn")(
            features
        )

    merged = convolve(stages[-1], 1, "fpn_c5p5")
    merged_levels = {5: merged}
    for level in (4, 3, 2):
        above = layers.UpSampling2D(2, name=f"fpn_p{level + 1}upsampled")(merged)
        initializer = "zeros" if zero_laterals else "glorot_uniform"
        lateral = convolve(stages[level - 2], 1, f"fpn_c{level}p{level}", initializer)
        merged = layers.Add(name=f"fpn_p{level}add")([above, lateral])
        merged_levels[level] = merged
    # Smooths away the steps that upsampling leaves.
    levels = [
        convolve(merged_levels[level], 3, f"fpn_p{level}") for level in (2, 3, 4, 5)
    ]
    for number in range(6, num_levels + 2):
        name = f"fpn_p{number}"
        if extra_levels == "pool":
            levels.append(layers.MaxPooling2D(1, strides=2, name=name)(levels[-1]))
        else:
            first = {"conv_p5": levels[-1], "conv_c5": stages[-1]}[extra_levels]
            finer = first if number == 6 else layers.Activation("relu")(levels[-1])
            levels.append(_shrink(finer, channels, name, symmetric_padding))
    return levels


def _shrink(features: Array, channels: int, name: str, symmetric: bool) -> Array:
    """A convolution that halves the map. [B, h, w, any] -> [B, h / 2, w / 2, F]"""
    if symmetric:
        features = layers.ZeroPadding2D(1)(features)
    return layers.Conv2D(
        channels, 3, strides=2, padding="valid" if symmetric else "same", name=name
    )(features)
