"""Masks as files keep them: run lengths and polygons, in COCO's spelling.

A run-length code (RLE) is `{"size": [H, W], "counts": ...}`: lengths of alternating
runs of empty and set pixels, column by column, as pycocotools' compressed string or
as plain numbers. A polygon is a flat list `[x1, y1, x2, y2, ...]` in pixels, and
several polygons of one instance are one mask. Coding is pycocotools' wherever it can.

Shapes: H W sides of the image, h w of a part of it, N M run-length codes, P corners.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from mrcnn.geometry.arrays import Array
from mrcnn.geometry.contours import trace_polygons

Rle = dict[str, Any]

# pycocotools walks along a polygon's sides in steps of a fifth of a pixel, in memory.
_FARTHEST = 1e5


def encode_rle(mask: Array) -> Rle:
    """The run-length code of a mask. [H, W] -> counts as str, ready for JSON"""
    mask = np.asarray(mask)
    if mask.ndim != 2:
        raise ValueError(
            f"A mask has shape {mask.shape}, expected (height, width): encode the "
            "masks of an image one by one."
        )
    return _with_text(coco_mask.encode(np.asfortranarray(mask != 0, "uint8")))


def encode_local_rle(mask: Array, offset: tuple[int, int], image_shape: Array) -> Rle:
    """The run-length code of a full mask of which only a part is at hand.

    Args:
        mask: [h, w], the rest of the image is empty
        offset: (y, x) of its corner in the image; it must lie inside
        image_shape: (height, width) or more

    Returns:
        the same as `encode_rle` of the full mask, which is never made
    """
    mask = np.asarray(mask) != 0
    height, width = (int(side) for side in image_shape[:2])
    (y, x), (rows, columns) = offset, mask.shape
    inside = 0 <= y <= height - rows and 0 <= x <= width - columns
    if mask.size and not inside:
        raise ValueError(
            f"A part of {mask.shape} pixels at {tuple(offset)} leaves the image of "
            f"{(height, width)} pixels: cut it off at the edges first."
        )
    # With an empty pixel at both ends, every column has as many starts as ends.
    framed = np.zeros((columns, rows + 2), bool)
    framed[:, 1:-1] = mask.T
    changes = np.flatnonzero(framed[:, 1:] != framed[:, :-1])
    column, row = np.divmod(changes, rows + 1)
    changes = (x + column) * height + y + row
    # A run that goes on at the top of the next column ends where another starts.
    split = np.flatnonzero(changes[1:] == changes[:-1])
    changes = np.delete(changes, np.concatenate([split, split + 1]))
    counts = np.diff(changes, prepend=0, append=height * width)
    if len(counts) > 1 and counts[-1] == 0:
        counts = counts[:-1]
    return _compress([height, width], counts.tolist())


def decode_rle(rle: Rle) -> np.ndarray:
    """The mask of a run-length code, compressed or not. -> bool [H, W]"""
    return coco_mask.decode(_compressed(rle)).astype(bool)


def rle_area(rle: Rle) -> int:
    """Number of set pixels of a run-length code, compressed or not."""
    return int(coco_mask.area(_compressed(rle)))


def rle_iou(
    rles: Sequence[Rle], references: Sequence[Rle], is_crowd: Array = None
) -> np.ndarray:
    """Intersection over union of every code with every reference.

    Args:
        rles: N codes, compressed or not
        references: M codes of images of the same size
        is_crowd: [M] whether a reference is a crowd: then the share of the code's own
            pixels that it covers counts, as in COCO; None for no crowds

    Returns:
        [N, M] in [0, 1]
    """
    if not len(rles) or not len(references):
        return np.zeros((len(rles), len(references)))
    crowd = np.zeros(len(references)) if is_crowd is None else is_crowd
    first = [_compressed(rle) for rle in rles]
    second = [_compressed(rle) for rle in references]
    return coco_mask.iou(first, second, np.asarray(crowd, "uint8").tolist())


def polygons_to_mask(polygons: Sequence[Array], image_shape: Array) -> np.ndarray:
    """The union of polygons, drawn by COCO's rules.

    Args:
        polygons: flat lists [x1, y1, x2, y2, ...] or arrays [P, 2] (x, y), at least
            three corners each; they may leave the image
        image_shape: (height, width) or more

    Returns:
        [H, W] bool; empty for no polygons and for polygons without area
    """
    height, width = (int(side) for side in image_shape[:2])
    if not len(polygons):
        return np.zeros((height, width), bool)
    flat = [_check_polygon(polygon, index) for index, polygon in enumerate(polygons)]
    rles = coco_mask.frPyObjects(flat, height, width)
    return coco_mask.decode(coco_mask.merge(rles)).astype(bool)


def mask_to_polygons(mask: Array) -> list[list[int]]:
    """Polygons along the pixels' edges, which `polygons_to_mask` turns back exactly.

    Args:
        mask: [H, W]

    Returns:
        flat lists [x1, y1, x2, y2, ...], at least one for each part of the mask. A
        part with a hole becomes several, cut through the hole, since polygons of one
        instance add up and cannot take away.
    """
    mask = np.asarray(mask)
    if mask.ndim != 2:
        raise ValueError(f"A mask has shape {mask.shape}, expected (height, width).")
    return [polygon.ravel().tolist() for polygon in trace_polygons(mask != 0)]


def _compressed(rle: Rle) -> Rle:
    if not isinstance(rle, dict) or not {"size", "counts"} <= rle.keys():
        raise ValueError(
            f"A run-length code is a dict with 'size' and 'counts', but got {rle!r}."
        )
    if isinstance(rle["counts"], str | bytes):
        return rle
    counts = np.asarray(rle["counts"], "int64").reshape(-1)
    height, width = rle["size"]
    if (counts < 0).any() or counts.sum() != height * width:
        raise ValueError(
            f"Run lengths {counts[:9].tolist()}... make {counts.sum()} pixels, but the "
            f"size is {height} x {width}: the code is damaged."
        )
    return _compress([int(height), int(width)], counts.tolist())


def _compress(size: list[int], counts: list[int]) -> Rle:
    rle = coco_mask.frPyObjects({"size": size, "counts": counts}, *size)
    return _with_text(rle)


def _with_text(rle: Rle) -> Rle:
    size = [int(side) for side in rle["size"]]
    return {"size": size, "counts": rle["counts"].decode("ascii")}


def _check_polygon(polygon: Array, index: int) -> list[float]:
    numbers = np.asarray(polygon, "float64").ravel()
    if len(numbers) % 2 or len(numbers) < 6:
        raise ValueError(
            f"Polygon {index} has {len(numbers)} numbers: expected x and y of at least "
            "three corners, as a list of flat lists [x1, y1, x2, y2, ...]."
        )
    # Written so that NaN fails too.
    if not (np.abs(numbers) <= _FARTHEST).all():
        raise ValueError(
            f"Polygon {index} has a corner at {numbers[np.abs(numbers).argmax()]}: "
            f"expected pixels, between -{_FARTHEST:.0f} and {_FARTHEST:.0f}."
        )
    return numbers.tolist()
