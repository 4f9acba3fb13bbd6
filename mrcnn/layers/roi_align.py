"""Features of each roi, cut from the pyramid level that fits its size.

Two ways of sampling, see `Convention.sample_bins`. The exact one divides a roi into
bins and averages samples inside each (Mask R-CNN, He et al. 2017, section 3); the
levels are those of Feature Pyramid Networks (Lin et al. 2017), equation 1.

A grid is made of one sample of every bin; so there are as many grids as samples in a
bin, side by side.

Shapes: B images, R rois, L levels, G grids per roi, `h w` a feature map, F channels.
"""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from mrcnn.geometry.arrays import Array
from mrcnn.geometry.boxes import TINY, box_area
from mrcnn.image_meta import parse_image_meta
from mrcnn.layers.tensorflow_ops import pool_levels, pool_levels_by_count

FIRST_LEVEL = 2


@keras.saving.register_keras_serializable(package="mrcnn")
class PyramidROIAlign(keras.layers.Layer):
    """Cuts a grid of features out of the pyramid for each roi.

    The gradient is stopped towards the rois, not towards the pyramid. Padding rows give
    features of the image's corner; whoever reads the features drops them.

    Args:
        pool_shape: (height, width) of the grid
        sample_bins: whether bins are averaged, or one sample is taken per bin on a grid
            that spans the roi from corner to corner
        bin_samples: with `sample_bins`, samples along each side of a bin; 0 takes as
            many as the bin has cells, rounded up, for each roi and each side
        round_fpn_level: whether a roi's level is rounded to the nearest or cut down
        canonical_scale: pixels; a square of this side belongs to `canonical_level`
        canonical_level: with half the side, the level is one lower
        half_pixel: with `sample_bins`, whether a cell's value belongs to its centre
            (Detectron2) or to its upper-left corner (the paper's code, torchvision);
            the latter takes a roi's sides as at least one cell
        portable: whether to use `keras.ops` alone, for XLA and export

    Inputs:
        rois: [B, R, 4] normalized
        image_meta: [B, 12 + C]
        features: L maps [B, h, w, F], P2 first; the sides of the image are multiples
            of all strides

    Output:
        [B, R, *pool_shape, F]
    """

    def __init__(
        self,
        pool_shape: Sequence[int],
        *,
        sample_bins: bool,
        bin_samples: int = 2,
        round_fpn_level: bool,
        canonical_scale: float = 224,
        canonical_level: int = 4,
        half_pixel: bool = False,
        portable: bool = False,
        **kwargs: Any,
    ) -> None:
        # Rois keep float32 under any policy; the features are cast here.
        super().__init__(autocast=False, **kwargs)
        height, width = pool_shape
        self.pool_shape = (int(height), int(width))
        self.sample_bins = bool(sample_bins)
        self.bin_samples = int(bin_samples)
        self.round_fpn_level = bool(round_fpn_level)
        self.canonical_scale = float(canonical_scale)
        self.canonical_level = int(canonical_level)
        self.half_pixel = bool(half_pixel)
        self.portable = bool(portable)
        self.supports_jit = self.portable

    def call(self, inputs: Sequence[Array]) -> Array:
        rois, image_meta, *features = inputs
        rois = ops.stop_gradient(ops.cast(rois, "float32"))
        # A kernel that is asked for the cell at NaN reads anywhere in memory.
        rois = ops.where(ops.isfinite(rois), rois, 0.0)
        image_shape = parse_image_meta(ops.cast(image_meta, "float32")).image_shape
        levels = self._levels(rois, image_shape, len(features))
        maps = [ops.cast(one, "float32") for one in features]
        return ops.cast(self.pool(rois, maps, levels), self.compute_dtype)

    def pool(self, rois: Array, maps: Sequence[Array], levels: Array) -> Array:
        """Samples each roi's map. -> [B, R, *pool_shape, F]

        Args:
            rois: [B, R, 4] normalized
            maps: L of [B, h, w, F] float32
            levels: int32 [B, R] positions in `maps`
        """
        maps = list(maps)
        options: Any = {"border": int(self.sample_bins), "portable": self.portable}
        if not self.sample_bins:
            boxes = rois[:, :, None]  # [B, R, 1, 4]
            return pool_levels(maps, boxes, levels, self.pool_shape, **options)
        sides = level_sides(maps, levels)
        bins = self._first_bins(rois, sides)
        if self.bin_samples:
            boxes = self._grids(bins, sides)
            return pool_levels(maps, boxes, levels, self.pool_shape, **options)
        grids = self._grids_by_size(bins, sides)
        return pool_levels_by_count(maps, *grids, levels, self.pool_shape, **options)

    def compute_output_shape(self, input_shape: Sequence[tuple]) -> tuple:
        rois, features = input_shape[0], input_shape[-1]
        return (rois[0], rois[1], *self.pool_shape, features[-1])

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "pool_shape": list(self.pool_shape),
            "sample_bins": self.sample_bins,
            "bin_samples": self.bin_samples,
            "round_fpn_level": self.round_fpn_level,
            "canonical_scale": self.canonical_scale,
            "canonical_level": self.canonical_level,
            "half_pixel": self.half_pixel,
            "portable": self.portable,
        }

    def _levels(self, rois: Array, image_shape: Array, num_levels: int) -> Array:
        """Position of each roi's level, P2 being 0. -> int32 [B, R]"""
        image_side = ops.sqrt(image_shape[:, :1] * image_shape[:, 1:2])  # [B, 1]
        unit = self.canonical_scale / ops.maximum(image_side, TINY)
        # A roi without area has no logarithm; it is small, so it goes to P2.
        scale = ops.maximum(ops.sqrt(box_area(rois)) / unit, TINY)
        level = self.canonical_level + ops.log2(scale)
        # A roi of just the canonical side must not fall a level lower by rounding.
        level = ops.round(level) if self.round_fpn_level else ops.floor(level + 1e-6)
        level = ops.clip(level - FIRST_LEVEL, 0, num_levels - 1)
        return ops.cast(level, "int32")

    def _first_bins(self, rois: Array, sides: Array) -> Array:
        """Each roi's upper-left bin, in cells of its map.

        Args:
            rois: [B, R, 4]
            sides: [B, R, 2] height and width of the roi's map

        Returns:
            [B, R, 4] (y, x, height, width)
        """
        corner = rois[..., :2] * sides
        roi_sides = (rois[..., 2:] - rois[..., :2]) * sides
        if self.half_pixel:
            corner = corner - 0.5
        else:
            roi_sides = ops.maximum(roi_sides, 1.0)
        num_bins = ops.array(self.pool_shape, dtype="float32")
        return ops.concatenate([corner, roi_sides / num_bins], axis=-1)

    def _grids(self, bins: Array, sides: Array) -> Array:
        """As many grids for every roi. [B, R, 4], [B, R, 2] -> [B, R, G, 4]"""
        shares = (np.arange(self.bin_samples) + 0.5) / self.bin_samples
        places = np.stack(np.meshgrid(shares, shares, indexing="ij"), axis=-1)
        return self._grid_boxes(
            bins[:, :, None], places.reshape(-1, 2).astype("float32"), sides[:, :, None]
        )

    def _grids_by_size(self, bins: Array, sides: Array) -> tuple[Array, Array, Array]:
        """A grid for each cell of a bin. [B, R, 4], [B, R, 2] -> see below

        Returns:
            boxes [B, R, 4] of the first grids, steps [B, R, 2] to the next ones and
            their numbers int32 [B, R, 2], as `pool_levels_by_count` takes them
        """
        # A bin of just whole cells must not get one more by rounding, and a roi that
        # reaches far beyond its map gets no more than the map has.
        counts = ops.clip(ops.ceil(bins[..., 2:] - 1e-4), 1.0, sides)
        boxes = self._grid_boxes(bins, 0.5 / counts, sides)
        steps = bins[..., 2:] / counts / (sides + 1.0)
        return boxes, steps, ops.cast(counts, "int32")

    def _grid_boxes(self, bins: Array, place: Array, sides: Array) -> Array:
        """The grids with samples at one place of all bins, in units of the map.

        Args:
            bins: [..., 4] the upper-left ones
            place: [..., 2] of the sample, in units of the bin's sides
            sides: [..., 2] height and width of the map

        Returns:
            [..., 4]; 0 and 1 are the outermost cells of the map with its border
        """
        num_bins = ops.array(self.pool_shape, dtype="float32")
        first = bins[..., :2] + bins[..., 2:] * place
        last = first + bins[..., 2:] * (num_bins - 1)
        # One replicated cell on each side, for samples between the outermost cells
        # and half a cell or a cell further out; beyond it, everything is zero.
        cells = ops.concatenate([first, last], axis=-1) + 1.0
        return cells / (ops.concatenate([sides, sides], axis=-1) + 1.0)


def level_sides(features: Sequence[Array], levels: Array) -> Array:
    """Height and width of each roi's map. -> float32 [B, R, 2]"""
    shapes = [ops.shape(one) for one in features]
    heights = ops.stack([ops.cast(shape[1], "float32") for shape in shapes])
    widths = ops.stack([ops.cast(shape[2], "float32") for shape in shapes])
    return ops.stack([ops.take(heights, levels), ops.take(widths, levels)], axis=-1)
