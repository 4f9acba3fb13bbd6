"""RoI pooling: the largest feature in each part of a roi, on whole cells.

What Faster R-CNN does in place of ROIAlign: a roi is rounded to the cells of its map
and divided into parts that are rounded again, and may overlap by a cell. After
Girshick, "Fast R-CNN", section 2.1.

Shapes: B images, R rois, L levels, P parts along a side, `h w` a feature map, F
channels.
"""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from mrcnn.geometry.arrays import Array
from mrcnn.layers.portable_ops import largest_cells
from mrcnn.layers.roi_align import PyramidROIAlign, level_sides


@keras.saving.register_keras_serializable(package="mrcnn")
class PyramidROIPool(PyramidROIAlign):
    """Cuts a grid of features out of the pyramid for each roi, by their maxima.

    A roi takes in the cells of both its rounded edges; parts outside the map are zero.
    Inputs and output are those of `PyramidROIAlign`.

    Args:
        pool_shape: (height, width) of the grid
        round_fpn_level: see `PyramidROIAlign`
        options: canonical_scale, canonical_level and portable, likewise
    """

    def __init__(
        self, pool_shape: Sequence[int], *, round_fpn_level: bool, **options: Any
    ) -> None:
        super().__init__(
            pool_shape, sample_bins=False, round_fpn_level=round_fpn_level, **options
        )

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        for name in ("sample_bins", "bin_samples", "half_pixel"):
            del config[name]
        return config

    def pool(self, rois: Array, maps: Sequence[Array], levels: Array) -> Array:
        """The largest features of each part. -> [B, R, *pool_shape, F]

        Args:
            rois: [B, R, 4] normalized
            maps: L of [B, h, w, F] float32
            levels: int32 [B, R] positions in `maps`
        """
        sides = level_sides(maps, levels)  # [B, R, 2]
        first = ops.floor(rois[..., :2] * sides + 0.5)
        last = ops.floor(rois[..., 2:] * sides + 0.5)
        lengths = ops.maximum(last - first + 1, 1)
        rows, columns = (
            _parts(first[..., axis], lengths[..., axis], sides[..., axis], parts)
            for axis, parts in enumerate(self.pool_shape)
        )
        return largest_cells(list(maps), rows, columns, levels)


def _parts(
    first: Array, lengths: Array, sides: Array, num_parts: int
) -> tuple[Array, Array]:
    """Where parts begin and end along one axis, all [B, R] -> two int32 [B, R, P]"""
    part = lengths[..., None] / num_parts
    numbers = ops.arange(num_parts, dtype="float32")
    # A part that ends on a cell must not reach into the next by rounding.
    begins = first[..., None] + ops.floor(numbers * part + 1e-4)
    ends = first[..., None] + ops.ceil((numbers + 1) * part - 1e-4)
    limits = sides[..., None]
    return tuple(  # type: ignore[return-value]
        ops.cast(ops.minimum(ops.maximum(edges, 0.0), limits), "int32")
        for edges in (begins, ends)
    )
