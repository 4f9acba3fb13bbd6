"""VGG Image Annotator (VIA), versions 1, 2 and 3: a json file beside the images."""

import os
from collections.abc import Sequence
from pathlib import Path

from mrcnn.data.annotation_files import PathLike, find_image, read_json
from mrcnn.data.annotations import AnnotatedImage, AnnotationDataset, Outline
from mrcnn.data.image_files import image_shape_or_none
from mrcnn.data.readers.via_regions import Region, ViaImage, is_via, via_images


class ViaDataset(AnnotationDataset):
    """A Dataset that reads VIA's json, saved as project or exported."""

    @classmethod
    def from_path(
        cls,
        path: PathLike,
        image_folder: PathLike | None = None,
        class_names: Sequence[str] | None = None,
    ) -> "ViaDataset":
        """The prepared dataset of one json file; see `load_via`."""
        dataset = cls()
        dataset.load_via(path, image_folder, class_names=class_names)
        dataset.prepare()
        return dataset

    def load_via(
        self,
        annotation_path: PathLike,
        image_folder: PathLike | None = None,
        *,
        class_attribute: str | None = None,
        class_names: Sequence[str] | None = None,
        keep_empty: bool = False,
        source: str = "via",
    ) -> None:
        """Add the images and classes of a VIA json.

        Polygons, rectangles, circles and ellipses become masks, and so do polylines of
        three points or more, which are closed; points and lines are left out.

        Args:
            annotation_path: the json file
            image_folder: where the images lie; by default beside the json file
            class_attribute: the region attribute that names the class. It can be left
                out where the regions carry only one attribute, or none: then all are
                of the one class in `class_names`, or "object"
            class_names: the classes in the order of their ids; see
                `add_annotated_images`
            keep_empty: keep images without regions, as negatives. VIA lists images that
                nobody has looked at, so they are left out by default
            source: name that classes and images get as their source
        """
        content = read_json(annotation_path)
        if not is_via(content):
            raise ValueError(
                f"{os.fspath(annotation_path)!r} is not a VIA file: expected images "
                "with 'filename' and 'regions', or a VIA project."
            )
        images = via_images(content)
        attribute = class_attribute or _only_attribute(images, class_names)
        single_class = class_names[0] if class_names else "object"
        folder = Path(image_folder or Path(annotation_path).parent)
        read = []
        for image in images:
            outlines = self._outlines(image.regions, attribute, single_class)
            if not (outlines or keep_empty):
                self.left_out["images without regions"] += 1
                continue
            path = find_image(image.file_name, [folder])
            if path is None:
                self.left_out["images without a file"] += 1
                continue
            image_shape = image_shape_or_none(path)
            read.append(AnnotatedImage(path.name, str(path), image_shape, outlines))
        _check_any(read, images, folder, self.left_out["images without a file"])
        self.add_annotated_images(source, read, class_names)
        self.report_left_out(os.fspath(annotation_path))

    def _outlines(
        self, regions: list[Region], attribute: str | None, single_class: str
    ) -> list[Outline]:
        outlines = []
        for region in regions:
            name = region.attributes.get(attribute) if attribute else single_class
            if region.outline is None:
                self.left_out[f"regions of shape {region.shape_name}"] += 1
            elif not name:
                self.left_out[f"regions without {attribute!r}"] += 1
            else:
                outlines.append(Outline(name, [region.outline]))
        return outlines


def _only_attribute(
    images: list[ViaImage], class_names: Sequence[str] | None
) -> str | None:
    """The region attribute to name classes by; None where there is a single class."""
    names = sorted({n for image in images for r in image.regions for n in r.attributes})
    if len(names) == 1:
        return names[0]
    if not names and (class_names is None or len(class_names) == 1):
        return None
    if not names:
        raise ValueError(
            f"The regions carry no attribute that could tell {list(class_names or [])} "
            "apart. Name a single class in class_names, or add the attribute in VIA."
        )
    raise ValueError(
        f"The regions carry the attributes {names}. Say which of them names the class "
        "with class_attribute=."
    )


def _check_any(
    read: list[AnnotatedImage], images: list[ViaImage], folder: Path, missing: int
) -> None:
    if missing and not read:
        raise FileNotFoundError(
            f"None of the {missing} annotated images lies in {str(folder)!r}; the "
            f"file names {images[0].file_name!r} first. Say where they are with "
            "image_folder=."
        )
