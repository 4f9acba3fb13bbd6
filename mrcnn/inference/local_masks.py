"""Masks that take memory only where their instance is, and none before they are asked.

Two forms: what the mask head puts out, pasted when a mask is asked for, and COCO's
run lengths, as read from files. Both give one instance's mask as a small array and
the place of its upper-left corner in the image.

Shapes: N instances, H W the image, h w the part of it that a mask covers, S side of
a mask patch.
"""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol

import numpy as np

from mrcnn.geometry.mask_coding import (
    decode_rle,
    encode_local_rle,
    encode_rle,
    mask_to_polygons,
)
from mrcnn.geometry.masks import mask_bounds, paste_patch


class LocalMask(NamedTuple):
    """One mask without the empty rest of its image."""

    mask: np.ndarray  # bool [h, w]
    offset: tuple[int, int]  # (y, x) of its upper-left corner


class LocalMasks(Protocol):
    """The masks of one image's instances."""

    def __len__(self) -> int: ...

    def local(self, index: int) -> LocalMask:
        """One instance's mask."""
        ...

    def rle(self, index: int) -> dict[str, Any]:
        """One instance's mask as COCO's compressed run lengths."""
        ...

    def take(self, indices: np.ndarray) -> "LocalMasks":
        """The masks of some instances, in the order asked for."""
        ...

    def mirrored(self, width: int) -> "LocalMasks":
        """The masks in the image's mirror image, left and right exchanged."""
        ...


@dataclass(frozen=True)
class PatchMasks:
    """Masks as the mask head gives them, pasted into their boxes when asked for."""

    patches: np.ndarray  # [N, S, S] share of each cell that is the instance's
    boxes: np.ndarray  # [N, 4] pixels
    image_shape: tuple[int, int]
    threshold: float
    whole_pixel_paste: bool  # see `Convention`

    def __len__(self) -> int:
        return len(self.patches)

    def local(self, index: int) -> LocalMask:
        """One instance's mask, the part inside its box."""
        mask, offset = paste_patch(
            self.patches[index],
            self.boxes[index],
            self.image_shape,
            threshold=self.threshold,
            whole_pixel_paste=self.whole_pixel_paste,
        )
        return LocalMask(mask, offset)

    def rle(self, index: int) -> dict[str, Any]:
        """One instance's mask as COCO's compressed run lengths."""
        return encode_local_rle(*self.local(index), self.image_shape)

    def take(self, indices: np.ndarray) -> "PatchMasks":
        """The masks of some instances, in the order asked for."""
        return replace(self, patches=self.patches[indices], boxes=self.boxes[indices])

    def mirrored(self, width: int) -> "PatchMasks":
        """The masks in the image's mirror image, left and right exchanged."""
        return replace(
            self,
            patches=self.patches[..., ::-1],
            boxes=mirror_boxes(self.boxes, width),
        )


@dataclass(frozen=True)
class RleMasks:
    """Masks as COCO's compressed run lengths, decoded when asked for."""

    rles: tuple[dict[str, Any], ...]  # [N]

    @classmethod
    def from_masks(cls, masks: np.ndarray) -> "RleMasks":
        """[H, W, N] -> [N]"""
        return cls(tuple(encode_rle(masks[..., i]) for i in range(masks.shape[-1])))

    def __len__(self) -> int:
        return len(self.rles)

    def local(self, index: int) -> LocalMask:
        """One instance's mask, cut to its bounds; empty for an empty mask."""
        mask = decode_rle(self.rles[index])
        y1, x1, y2, x2 = mask_bounds(mask[..., None])[0].tolist()
        return LocalMask(mask[y1:y2, x1:x2], (y1, x1))

    def rle(self, index: int) -> dict[str, Any]:
        """One instance's mask as COCO's compressed run lengths."""
        return dict(self.rles[index])

    def take(self, indices: np.ndarray) -> "RleMasks":
        """The masks of some instances, in the order asked for."""
        return RleMasks(tuple(self.rles[index] for index in indices))

    def mirrored(self, width: int) -> "RleMasks":
        """The masks in the image's mirror image, left and right exchanged."""
        return RleMasks(tuple(encode_rle(decode_rle(r)[:, ::-1]) for r in self.rles))


def mirror_boxes(boxes: np.ndarray, width: int) -> np.ndarray:
    """Boxes in the mirror image of an image. [N, 4] pixels -> [N, 4]"""
    y1, x1, y2, x2 = np.moveaxis(boxes, -1, 0)
    return np.stack([y1, width - x2, y2, width - x1], axis=-1)


def paint_masks(masks: LocalMasks, image_shape: tuple[int, int]) -> np.ndarray:
    """All masks at full size, one block of memory each. -> bool [N, H, W]"""
    painted = np.zeros((len(masks), *image_shape), bool)
    for index in range(len(masks)):
        mask, (y, x) = masks.local(index)
        painted[index, y : y + mask.shape[0], x : x + mask.shape[1]] = mask
    return painted


def outline(local_mask: LocalMask) -> list[list[float]]:
    """A mask's polygons in its image, each as COCO's flat list x, y, x, y, …"""
    mask, (y, x) = local_mask
    polygons = [np.array(flat).reshape(-1, 2) for flat in mask_to_polygons(mask)]
    return [np.add(polygon, (x, y)).ravel().tolist() for polygon in polygons]
