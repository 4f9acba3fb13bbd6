"""Whether two programs detect the same, before their times are compared.

Shapes: N and D detections of either, each (y1, x1, y2, x2, class id, score).
"""

from typing import Any

import numpy as np

PIXELS, SCORE = 1.0, 1e-3


def rows_of(found: Any) -> np.ndarray:
    """[N, 6] of a result of `detect`, ours or of a package with its interface."""
    columns = [found["rois"], *(found[k][:, None] for k in ("class_ids", "scores"))]
    return np.concatenate(columns, axis=1)


def count_agreed(ours: np.ndarray, theirs: np.ndarray) -> int:
    """How many of ours [N, 6] are among theirs [D, 6], too.

    Those have the same class, nearly the same score and corners within a pixel.
    """
    apart = np.abs(ours[:, None] - theirs[None])  # [N, D, 6]
    is_same = (apart[..., :4] <= PIXELS).all(axis=-1)
    is_same &= (apart[..., 4] == 0) & (apart[..., 5] < SCORE)
    return int(is_same.any(axis=1).sum())
