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
    norm: bool = False,
    norm_epsilon: float = 1e-3,
    bias_before_norm: bool = True,
    train_bn: bool | None = None,
) -> list[Array]:
    """Levels P2 to P6.

    Args:
        stages: C2 to C5, [B, h, w, any], each with half the sides of the one before;
            so the image's sides must be multiples of 32, or of 64 for P6 to halve P5
        channels: F
        norm: whether a normalization follows each convolution
        norm_epsilon: what normalizations add to the variance
        bias_before_norm: whether convolutions with a normalization have a bias, too
        train_bn: False freezes every normalization; otherwise they follow Keras'
            training flag

    Returns:
        P2 to P6, [B, h, w, F]; P6 is every second cell of P5, for the region
        proposal network alone.
    """
    if len(stages) != 4:
        raise ValueError(
            f"A pyramid needs the four stages C2 to C5, but got {len(stages)}."
        )

    def convolve(features: Array, side: int, name: str) -> Array:
        use_bias = bias_before_norm or not norm
        features = layers.Conv2D(
            channels, side, padding="same", use_bias=use_bias, name=name
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
        lateral = convolve(stages[level - 2], 1, f"fpn_c{level}p{level}")
        merged = layers.Add(name=f"fpn_p{level}add")([above, lateral])
        merged_levels[level] = merged
    # Smooths away the steps that upsampling leaves.
    levels = [
        convolve(merged_levels[level], 3, f"fpn_p{level}") for level in (2, 3, 4, 5)
    ]
    coarsest = layers.MaxPooling2D(1, strides=2, name="fpn_p6")(levels[-1])
    return [*levels, coarsest]
