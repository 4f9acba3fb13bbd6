"""The two geometries, and everything in which they differ.

matterport's published weights were trained with box conventions of its own; the
paper's (and Detectron's and torchvision's) are more accurate. A formula that differs
between the two exists once, in the file of its subject, and takes the difference as
an argument under the name it has here.
"""

from typing import Literal, NamedTuple

GeometryName = Literal["matterport", "aligned"]


class Convention(NamedTuple):
    """The choices behind one value of `Config.GEOMETRY`."""

    edge_shift: int
    """Pixels between a box's lower-right edge and the pixel it is normalized by. With
    1, the last pixel of the image lies at 1.0; with 0, the image's edge does."""

    round_anchors: bool
    """Whether anchor corners are rounded to whole pixels about the anchor's centre."""

    round_fpn_level: bool
    """Whether the pyramid level of a roi is rounded to the nearest or cut down."""

    sample_bins: bool
    """Whether ROIAlign averages samples inside each bin, as in the paper, or takes
    one sample per bin on a grid that spans the roi from corner to corner."""

    whole_pixel_paste: bool
    """Whether a mask patch is pasted into a box of whole pixels, fading to zero at
    its border, or where the box really lies, at full strength up to its edge."""

    pad_after_mean: bool
    """Whether the border of a molded image is zero, as convolutions pad, or black,
    which is minus the mean pixel."""


CONVENTIONS: dict[str, Convention] = {
    "matterport": Convention(
        edge_shift=1,
        round_anchors=False,
        round_fpn_level=True,
        sample_bins=False,
        whole_pixel_paste=True,
        pad_after_mean=False,
    ),
    "aligned": Convention(
        edge_shift=0,
        round_anchors=True,
        round_fpn_level=False,
        sample_bins=True,
        whole_pixel_paste=False,
        pad_after_mean=True,
    ),
}


def rounds_anchors(stated: bool | None, geometry: GeometryName) -> bool:
    """Whether anchors are rounded: as stated, or else as in the geometry."""
    return CONVENTIONS[geometry].round_anchors if stated is None else stated
