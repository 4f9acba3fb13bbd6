"""Large images cut into overlapping tiles, each an image of a dataset of its own.

A large image that is shrunk to the network's input loses its small objects; its tiles
keep them.

Shapes: H W the large image, h w the tile, C channels, N instances.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from mrcnn.data.aspect import image_shape_or
from mrcnn.data.dataset import Dataset
from mrcnn.data.mask_checks import checked_masks
from mrcnn.data.proposals import checked_proposals
from mrcnn.geometry.boxes import box_area, clip_boxes


class Tile(NamedTuple):
    """Where a tile lies in its image, in pixels."""

    image_id: int
    y: int
    x: int
    height: int
    width: int


class TiledDataset(Dataset):
    """The tiles of a dataset's images, with the instances cut to them.

    Classes, their numbers and sources stay those of the dataset. Each entry of
    `image_info` has its tile under "tile". The image loaded last is kept, and so are
    its masks: tiles that are asked for in order load each image once. An image that
    cannot be loaded is one tile, so that it can be named.

    Args:
        dataset: has been prepared
        tile: (height, width) of the tiles; images smaller than that stay whole
        overlap: pixels that neighbours share at least. An object up to this side is
            whole on one tile at least
        min_share: of its area; an instance with less of it on a tile is left out there
    """

    def __init__(
        self,
        dataset: Dataset,
        tile: tuple[int, int],
        overlap: int = 0,
        min_share: float = 0.2,
    ) -> None:
        super().__init__()
        if not 0 <= overlap < min(tile):
            raise ValueError(
                f"The overlap of {overlap} pixels does not fit tiles of {tile}: give "
                f"0 to {min(tile) - 1}."
            )
        self.dataset = dataset
        self._whole_image = _Last(dataset.load_image)
        self._whole_masks = _Last(self._load_whole_masks)
        self.min_share = min_share
        self.channel_count = dataset.channel_count
        self.class_info = list(dataset.class_info)
        self._whole_shapes: dict[int, tuple[int, int]] = {}
        for image_id in dataset.image_ids:
            self._add_tiles(int(image_id), tile, overlap)
        self.prepare()

    def prepare(self, class_map: Any = None) -> None:
        """Number the tiles; classes keep the numbers that they have."""
        super().prepare(class_map)
        self.class_names = list(self.dataset.class_names)
        self.class_from_source_map = dict(self.dataset.class_from_source_map)
        self.source_class_ids = dict(self.dataset.source_class_ids)
        self.sources = list(self.dataset.sources)

    def load_image(self, image_id: int) -> np.ndarray:
        """The tile's pixels. -> [h, w, C]"""
        tile = self._info(image_id)["tile"]
        image = np.asarray(self._whole_image(tile.image_id))
        return _cut(image, tile, self.describe_image(image_id)).copy()

    def load_mask(self, image_id: int) -> tuple[np.ndarray, np.ndarray]:
        """What the tile shows of each instance. -> bool [h, w, N], int32 [N]"""
        tile = self._info(image_id)["tile"]
        masks, class_ids = self._whole_masks(tile.image_id)
        cut = _cut(masks, tile, self.describe_image(image_id))
        areas = np.count_nonzero(cut, axis=(0, 1))
        # Most instances are not on the tile, and only the others need to be measured.
        seen = np.flatnonzero(areas)
        whole = np.count_nonzero(masks[..., seen], axis=(0, 1))
        kept = seen[areas[seen] >= self.min_share * whole]
        return cut[..., kept], class_ids[kept]

    def load_proposals(self, image_id: int) -> np.ndarray:
        """What was added here, or else what of the image's own is on the tile.

        A box with less of its area there than `min_share` is left out. -> [N, 4] pixels
        of the tile
        """
        if "proposals" in self._info(image_id):
            return super().load_proposals(image_id)
        tile = self._info(image_id)["tile"]
        boxes = checked_proposals(
            self.dataset.load_proposals(tile.image_id),
            self._whole_shapes[tile.image_id],
            self.dataset.describe_image(tile.image_id),
        )
        corner = np.array([tile.y, tile.x] * 2, "float32")
        cut = clip_boxes(boxes - corner, np.array([0, 0, tile.height, tile.width]))
        area = box_area(cut)
        return cut[(area > 0) & (area >= self.min_share * box_area(boxes))]

    def image_reference(self, image_id: int) -> str:
        """What the dataset says of the whole image."""
        return self.dataset.image_reference(self._info(image_id)["tile"].image_id)

    def _load_whole_masks(self, image_id: int) -> tuple[np.ndarray, np.ndarray]:
        return checked_masks(
            *self.dataset.load_mask(image_id),
            self._whole_shapes[image_id],
            self.num_classes,
            self.dataset.describe_image(image_id),
        )

    def _add_tiles(self, image_id: int, shape: tuple[int, int], overlap: int) -> None:
        info = dict(self.dataset.image_info[image_id])
        # What is in pixels of the whole image would be wrong for a tile.
        info.pop("annotations", None)
        info.pop("proposals", None)
        height, width = image_shape_or(self.dataset, image_id, shape)
        self._whole_shapes[image_id] = height, width
        for y in tile_starts(height, shape[0], overlap):
            for x in tile_starts(width, shape[1], overlap):
                tile = Tile(image_id, y, x, min(shape[0], height), min(shape[1], width))
                self.image_info.append(
                    {
                        **info,
                        "id": f"{info['id']}@{y},{x}",
                        "height": tile.height,
                        "width": tile.width,
                        "tile": tile,
                    }
                )


class _Last:
    """A function of an image id that remembers its last result."""

    def __init__(self, load: Callable[[int], Any]) -> None:
        self.load = load
        self.last: tuple[int, Any] | None = None

    def __call__(self, image_id: int) -> Any:
        # Read and replaced as a whole, as several threads may ask.
        last = self.last
        if last is None or last[0] != image_id:
            self.last = last = image_id, self.load(image_id)
        return last[1]


def tile_starts(side: int, tile_side: int, overlap: int) -> list[int]:
    """Where tiles begin along a side: as few as cover it, spread evenly."""
    if side <= tile_side:
        return [0]
    count = -(-(side - overlap) // (tile_side - overlap))
    return np.linspace(0, side - tile_side, count).round().astype(int).tolist()


def _cut(array: np.ndarray, tile: Tile, reference: str) -> np.ndarray:
    y2, x2 = tile.y + tile.height, tile.x + tile.width
    if array.shape[0] < y2 or array.shape[1] < x2:
        raise ValueError(
            f"{reference} needs pixels up to ({y2}, {x2}), but the image loads as "
            f"{array.shape[:2]}. Correct the height and width handed to add_image."
        )
    return array[tile.y : y2, tile.x : x2]
