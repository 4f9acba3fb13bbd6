"""labelme: one json file for each image, in a folder."""

import base64
import os
from collections import defaultdict
from collections.abc import Sequence
from io import BytesIO
from math import hypot
from pathlib import Path
from typing import Any

import numpy as np

from mrcnn.data.annotation_files import PathLike, find_image, read_json
from mrcnn.data.annotations import AnnotatedImage, AnnotationDataset, Outline
from mrcnn.data.image_files import (
    fit_channels,
    image_shape_or_none,
    picture_pixels,
    picture_shape,
    to_8_bits,
)
from mrcnn.data.readers.outlines import ellipse, rectangle
from mrcnn.geometry.mask_coding import encode_local_rle


class LabelmeDataset(AnnotationDataset):
    """A Dataset that reads labelme's json files."""

    @classmethod
    def from_path(
        cls, path: PathLike, class_names: Sequence[str] | None = None
    ) -> "LabelmeDataset":
        """The prepared dataset of a folder or of one file; see `load_labelme`."""
        dataset = cls()
        dataset.load_labelme(path, class_names=class_names)
        dataset.prepare()
        return dataset

    def load_labelme(
        self,
        path: PathLike,
        *,
        class_names: Sequence[str] | None = None,
        source: str = "labelme",
    ) -> None:
        """Add the images and classes of labelme's json files.

        Polygons, rectangles, circles and masks are read; lines and points are left
        out. Shapes of one label that share a group id are parts of one instance. Where
        the image file is missing, the copy inside the json is used if there is one.

        Args:
            path: a folder of json files, or one such file
            class_names: the classes in the order of their ids; see
                `add_annotated_images`
            source: name that classes and images get as their source
        """
        path = Path(path)
        files = sorted(path.glob("*.json")) if path.is_dir() else [path]
        images = []
        for file in files:
            content = read_json(file)
            if not is_labelme(content):
                self.left_out["json files of another kind"] += 1
                continue
            image = self._read_image(file, content)
            if image is None:
                self.left_out["images without a file"] += 1
            else:
                images.append(image)
        if not images:
            raise ValueError(
                f"{os.fspath(path)!r} holds no labelme json with an image: expected "
                "files with 'shapes' and 'imagePath', and the image beside or inside. "
                f"Left out: {dict(self.left_out)}."
            )
        self.add_annotated_images(source, images, class_names)
        self.report_left_out(os.fspath(path))

    def load_image(self, image_id: int) -> np.ndarray:
        """The image file, or the copy inside the json. -> uint8 [H, W, C]"""
        path = self._info(image_id)["path"]
        if not path.endswith(".json"):
            return super().load_image(image_id)
        pixels = picture_pixels(_embedded_picture(read_json(path), path))
        return to_8_bits(fit_channels(pixels, self.channel_count))

    def _read_image(self, file: Path, content: dict[str, Any]) -> AnnotatedImage | None:
        name = content["imagePath"] or file.name
        path = find_image(name, [file.parent])
        if path is not None:
            image_shape = image_shape_or_none(path)
        elif content.get("imageData"):
            path = file
            image_shape = _embedded_shape(content, file)
        else:
            return None
        try:
            outlines = self._outlines(content["shapes"], image_shape)
        except (AttributeError, KeyError, OSError, TypeError, ValueError) as error:
            raise ValueError(
                f"{os.fspath(file)!r} has a damaged shape: {error!r}. Draw it again in "
                "labelme, or remove it from the file."
            ) from error
        return AnnotatedImage(file.stem, str(path), image_shape, outlines)

    def _outlines(
        self, shapes: list[dict[str, Any]], image_shape: tuple[int, int] | None
    ) -> list[Outline]:
        alone: list[Outline] = []
        groups: dict[tuple[str, Any], list[list[float]]] = defaultdict(list)
        for shape in shapes:
            # Files of the first versions have no shape type: all are polygons.
            kind, points = shape.get("shape_type") or "polygon", shape["points"]
            if kind == "mask":
                # Where the image cannot be read, its masks will not be asked for.
                rle = _mask_rle(shape, image_shape) if image_shape else []
                alone.append(Outline(shape["label"], rle))
                continue
            outline = _outline(kind, points)
            if outline is None:
                self.left_out[f"shapes of type {kind}"] += 1
            elif shape.get("group_id") is None:
                alone.append(Outline(shape["label"], [outline]))
            else:
                groups[shape["label"], shape["group_id"]].append(outline)
        return alone + [Outline(label, parts) for (label, _), parts in groups.items()]


def is_labelme(content: Any) -> bool:
    """Whether a json's content is labelme's."""
    return isinstance(content, dict) and {"shapes", "imagePath"} <= content.keys()


def _outline(kind: str, points: list[list[float]]) -> list[float] | None:
    if kind == "polygon" and len(points) >= 3:
        return [float(value) for point in points for value in point]
    if kind == "rectangle" and len(points) >= 2:
        xs, ys = zip(*points, strict=True)
        return rectangle(min(xs), min(ys), max(xs), max(ys))
    if kind == "circle" and len(points) == 2:
        (x, y), (edge_x, edge_y) = points
        radius = hypot(edge_x - x, edge_y - y)
        return ellipse(x, y, radius, radius)
    return None


def _mask_rle(shape: dict[str, Any], image_shape: tuple[int, int]) -> dict[str, Any]:
    """RLE of a mask that is stored as a picture of its box."""
    from PIL import Image

    picture = Image.open(BytesIO(base64.b64decode(shape["mask"])))
    mask = np.asarray(picture.convert("L")) > 0
    x, y = (int(value) for value in shape["points"][0])
    height, width = image_shape
    mask = mask[max(-y, 0) : height - y, max(-x, 0) : width - x]
    return encode_local_rle(mask, (max(y, 0), max(x, 0)), image_shape)


def _embedded_shape(content: dict[str, Any], path: PathLike) -> tuple[int, int] | None:
    """None for a picture that cannot be read: loading it will say why."""
    try:
        return picture_shape(_embedded_picture(content, path))
    except OSError:
        return None


def _embedded_picture(content: dict[str, Any], path: PathLike) -> Any:
    from PIL import Image

    try:
        return Image.open(BytesIO(base64.b64decode(content["imageData"])))
    except (OSError, ValueError) as error:
        raise OSError(
            f"Cannot read the image inside {os.fspath(path)!r}: {error}. Put the image "
            f"file {content['imagePath']!r} beside it."
        ) from error
