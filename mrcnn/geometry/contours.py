"""Outlines of masks along the edges of their pixels.

An outline alternates between horizontal and vertical edges and turns at corners of
pixels. Every row of the pixel grid's corner points holds an even number of turns, and
horizontal edges join the 1st to the 2nd, the 3rd to the 4th and so on; columns
likewise. Walking from partner to partner gives closed rings.

Shapes: H W sides of the mask, K turns over all rings, P corners of one polygon.
"""

from itertools import pairwise

import numpy as np


def trace_polygons(mask: np.ndarray) -> list[np.ndarray]:
    """Polygons without holes that together cover a mask exactly.

    Args:
        mask: [H, W] bool

    Returns:
        [P, 2] int64 (x, y) each, one for each part whose pixels touch by their sides;
        a part with holes is cut into several, at the left end of each hole.
    """
    rings = trace_rings(mask)
    if not any(_is_hole(ring, mask) for ring in rings):
        return rings
    from scipy import ndimage

    labels, _ = ndimage.label(mask)
    polygons = []
    for index, (rows, columns) in enumerate(ndimage.find_objects(labels), start=1):
        part = labels[rows, columns] == index
        corner = (columns.start, rows.start)
        polygons += [np.add(polygon, corner) for polygon in _cut_through_holes(part)]
    return polygons


def _cut_through_holes(part: np.ndarray) -> list[np.ndarray]:
    """Polygons of one part. A cut at a hole's left end opens it to the right strip."""
    rings = trace_rings(part)
    cuts = {int(ring[:, 0].min()) for ring in rings if _is_hole(ring, part)}
    edges = [0, *sorted(cuts), part.shape[1]]
    return [
        np.add(ring, (left, 0))
        for left, right in pairwise(edges)
        for ring in trace_rings(part[:, left:right])
    ]


def _is_hole(ring: np.ndarray, mask: np.ndarray) -> bool:
    """Whether the pixel inside a ring's first corner, its upper left, is empty."""
    x, y = ring[0]
    return not mask[y, x]


def trace_rings(mask: np.ndarray) -> list[np.ndarray]:
    """Closed outlines, of holes too, each from its upper-left corner on. -> [P, 2]"""
    x, y, turned = _find_turns(mask)  # [K]
    # Where two pixels touch at a corner only, two turns share the point. Which comes
    # first in its column decides that each ring stays with its own pixel.
    in_row = np.lexsort((x, y))
    second = np.zeros(len(x), int)
    second[1:] = (x[1:] == x[:-1]) & (y[1:] == y[:-1])
    in_column = np.lexsort((second ^ turned, y, x))
    beside, above = _partners(in_row), _partners(in_column)

    rings, seen = [], np.zeros(len(x), bool)
    for start in range(len(x)):
        if seen[start]:
            continue
        ring: list[int] = []
        turn = start
        while not ring or turn != start:
            ring += [turn, beside[turn]]
            turn = above[beside[turn]]
        seen[ring] = True
        rings.append(np.stack([x[ring], y[ring]], axis=1))
    return rings


def _find_turns(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Corner points where outlines turn, row by row, twice where two of them touch.

    Returns:
        x [K], y [K], and [K] whether the point is shared by the pixels at its upper
        right and lower left
    """
    framed = np.pad(mask, 1).astype("int8")
    upper_left, upper_right = framed[:-1, :-1], framed[:-1, 1:]
    lower_left, lower_right = framed[1:, :-1], framed[1:, 1:]
    count = upper_left + upper_right + lower_left + lower_right
    diagonal = (count == 2) & (upper_left == lower_right)
    y, x = np.nonzero((count % 2 == 1) | diagonal)
    repeats = 1 + diagonal[y, x]
    turned = diagonal[y, x] & (upper_right[y, x] == 1)
    return np.repeat(x, repeats), np.repeat(y, repeats), np.repeat(turned, repeats)


def _partners(order: np.ndarray) -> list[int]:
    """For each turn the other end of its edge, joining neighbours two by two."""
    partners = np.empty_like(order)
    partners[order[0::2]] = order[1::2]
    partners[order[1::2]] = order[0::2]
    return partners.tolist()
