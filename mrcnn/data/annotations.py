"""Datasets whose images carry outlines: the common half of most annotation formats.

A reader turns its format into `AnnotatedImage`s and hands them to
`add_annotated_images`. In `image_info` they stand as COCO writes them, under
"annotations": `{"category_id", "segmentation", "iscrowd"}`, with "height" and "width"
of the image beside, and masks are made when they are asked for.

Shapes: H W the image, N instances.
"""

import logging
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from mrcnn.data.dataset import Dataset, StatedSizes
from mrcnn.data.image_files import read_image_shape
from mrcnn.geometry.mask_coding import decode_rle, polygons_to_mask

logger = logging.getLogger("mrcnn")


class Outline(NamedTuple):
    """One instance as a format describes it."""

    class_name: str
    segmentation: Any
    """COCO's: a list of polygons [x, y, x, y, ...] in pixels, or an RLE."""
    is_crowd: bool = False


class AnnotatedImage(NamedTuple):
    """One image and its instances."""

    image_id: str
    path: str
    image_shape: tuple[int, int] | None
    """None where the file cannot be read. The image is kept, so that checks and loading
    can name it."""
    outlines: list[Outline]


class AnnotationDataset(Dataset):
    """A Dataset that draws its masks from COCO-like annotations.

    `left_out` counts by reason what a reader could not use: regions that have no area
    by nature, instances of no known class, images without a file.
    """

    def __init__(self, class_map: Any = None) -> None:
        super().__init__(class_map)
        self.left_out: Counter[str] = Counter()

    def add_annotated_images(
        self,
        source: str,
        images: Iterable[AnnotatedImage],
        class_names: Sequence[str] | None = None,
    ) -> None:
        """Add images and the classes of their outlines.

        Args:
            source: name that classes and images get as their source
            images: what a reader has read
            class_names: the classes in the order of their ids; outlines of any other
                are left out. Without it, all that occur, in alphabetical order. Give
                the list where several files must agree, as training and validation do
        """
        images = list(images)
        if class_names is None:
            class_names = sorted({o.class_name for image in images for o in image[3]})
        class_ids = self.add_class_names(source, class_names)
        for image in images:
            self.add_image(
                source,
                image.image_id,
                image.path,
                annotations=self._annotations(image, class_ids),
                **stated_shape(image.image_shape),
            )

    def add_class_names(self, source: str, names: Sequence[str]) -> dict[str, int]:
        """Add those classes of a source that it lacks. -> its class ids by name"""
        class_ids = {
            info["name"]: info["id"]
            for info in self.class_info
            if info["source"] == source
        }
        for name in names:
            if name not in class_ids:
                class_ids[name] = len(class_ids) + 1
                self.add_class(source, class_ids[name], name)
        return class_ids

    def report_left_out(self, origin: str) -> None:
        """Log what was left out, in one line."""
        if self.left_out:
            counts = ", ".join(f"{n} {reason}" for reason, n in self.left_out.items())
            logger.warning("Left out while reading %s: %s.", origin, counts)

    def load_mask(self, image_id: int) -> tuple[np.ndarray, np.ndarray]:
        """Masks drawn from the outlines. -> bool [H, W, N], int32 [N]

        An instance that covers no pixel of the image is left out. A crowd has a
        negative class id.
        """
        info = self._info(image_id)
        if "annotations" not in info:
            return super().load_mask(image_id)
        annotations, image_shape = info["annotations"], _image_shape(info)
        # Plane by plane in memory: that is how masks are drawn, cropped and resized.
        masks = np.zeros((*image_shape, len(annotations)), bool, order="F")
        class_ids = np.zeros(len(annotations), "int32")
        for i, annotation in enumerate(annotations):
            key = f"{info['source']}.{annotation['category_id']}"
            is_crowd = annotation.get("iscrowd", 0)
            class_ids[i] = self.map_source_class_id(key) * (-1 if is_crowd else 1)
            try:
                masks[..., i] = _draw(annotation, image_shape)
            except ValueError as error:
                raise ValueError(
                    f"Instance {i} of {self.describe_image(image_id)}: {error}"
                ) from error
        kept = masks.any(axis=(0, 1))
        return (masks, class_ids) if kept.all() else (masks[..., kept], class_ids[kept])

    def stated_sizes(self, image_id: int) -> StatedSizes | None:
        """COCO's "bbox" and "area" where annotations hold them.

        None for a subclass that makes its own masks, which they may not belong to.
        """
        info = self._info(image_id)
        annotations = info.get("annotations", [])
        is_stated = any("bbox" in one or "area" in one for one in annotations)
        if not is_stated or type(self).load_mask is not AnnotationDataset.load_mask:
            return None
        image_shape = _image_shape(info)
        kept = [one for one in annotations if _draw(one, image_shape).any()]
        return StatedSizes(
            np.array([_stated_box(one) for one in kept], "float64").reshape(-1, 4),
            np.array([one.get("area") or np.nan for one in kept], "float64"),
        )

    def image_reference(self, image_id: int) -> str:
        """The image's path."""
        return os.fspath(self._info(image_id)["path"])

    def _annotations(
        self, image: AnnotatedImage, class_ids: dict[str, int]
    ) -> list[dict[str, Any]]:
        known = [o for o in image.outlines if o.class_name in class_ids]
        if len(known) < len(image.outlines):
            self.left_out["instances of other classes"] += len(image.outlines) - len(
                known
            )
        return [
            {
                "category_id": class_ids[outline.class_name],
                "segmentation": outline.segmentation,
                "iscrowd": int(outline.is_crowd),
            }
            for outline in known
        ]


def stated_shape(image_shape: tuple[int, int] | None) -> dict[str, int]:
    """Height and width for `image_info`; nothing where they are not known."""
    if image_shape is None:
        return {}
    return {"height": image_shape[0], "width": image_shape[1]}


def _image_shape(info: dict[str, Any]) -> tuple[int, int]:
    """What the annotations state, else the file; an OSError if it cannot be read."""
    if "height" in info and "width" in info:
        return info["height"], info["width"]
    return read_image_shape(info["path"])


def _stated_box(annotation: dict[str, Any]) -> list[float]:
    """(y1, x1, y2, x2), NaN without a box or for one without sides."""
    x, y, width, height = annotation.get("bbox") or (0, 0, 0, 0)
    if not (width > 0 and height > 0):
        return [np.nan] * 4
    return [y, x, y + height, x + width]


def _draw(annotation: dict[str, Any], image_shape: tuple[int, int]) -> np.ndarray:
    """The mask of one annotation. -> bool [H, W]"""
    segmentation = annotation["segmentation"]
    if isinstance(segmentation, list):
        # Some tools write a single polygon without the list around it.
        is_flat = bool(segmentation) and not isinstance(segmentation[0], list)
        polygons = [segmentation] if is_flat else segmentation
        # Points and lines have no area.
        polygons = [polygon for polygon in polygons if len(polygon) >= 6]
        return polygons_to_mask(polygons, image_shape)
    if list(segmentation["size"]) == list(image_shape):
        return decode_rle(segmentation)
    # A crowd that does not fit its image is taken to be anywhere in it.
    if annotation.get("iscrowd", 0):
        return np.ones(image_shape, bool)
    raise ValueError(
        f"its RLE is for an image of {segmentation['size']} (height, width), but the "
        f"image has {list(image_shape)}. Encode it again on the image's own shape."
    )
