"""Feature pyramid: the backbone's stages blended into levels of one width.

From the coarsest stage downwards, what the deep stages know is added to what the
shallow ones see. After Lin et al., "Feature Pyramid Networks for Object Detection".

Shapes: B images, h w a feature map, F channels of all levels.
"""

from collections.abc import Sequence

from keras import layers

from mrcnn.geometry.arrays import Array


def build_pyramid(stages: Sequence[Array], *, channels: int = 256) -> list[Array]:
    """Levels P2 to P6.

    Args:
        stages: C2 to C5, [B, h, w, any], each with half the sides of the one before;
            so the image's sides must be multiples of 32, or of 64 for P6 to halve P5
        channels: F

    Returns:
        P2 to P6, [B, h, w, F]; P6 is every second cell of P5, for the region
        proposal network alone.
    """
    if len(stages) != 4:
        raise ValueError(
            f"A pyramid needs the four stages C2 to C5, but got {len(stages)}."
        )
    merged = layers.Conv2D(channels, 1, name="fpn_c5p5")(stages[-1])
    merged_levels = {5: merged}
    for level in (4, 3, 2):
        above = layers.UpSampling2D(2, name=f"fpn_p{level + 1}upsampled")(merged)
        stage = stages[level - 2]
        lateral = layers.Conv2D(channels, 1, name=f"fpn_c{level}p{level}")(stage)
        merged = layers.Add(name=f"fpn_p{level}add")([above, lateral])
        merged_levels[level] = merged
    levels = [
        # Smooths away the steps that upsampling leaves.
        layers.Conv2D(channels, 3, padding="same", name=f"fpn_p{level}")(
            merged_levels[level]
        )
        for level in (2, 3, 4, 5)
    ]
    coarsest = layers.MaxPooling2D(1, strides=2, name="fpn_p6")(levels[-1])
    return [*levels, coarsest]
