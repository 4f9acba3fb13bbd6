"""Pascal VOC: one xml file of boxes for each image. A box becomes a filled mask."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, get_args
from xml.etree.ElementTree import Element

from mrcnn.data.annotation_files import PathLike, check_folder, find_image, read_xml
from mrcnn.data.annotations import AnnotatedImage, AnnotationDataset, Outline
from mrcnn.data.image_files import image_shape_or_none
from mrcnn.data.readers.outlines import rectangle

Difficult = Literal["keep", "skip", "crowd"]


class VocDataset(AnnotationDataset):
    """A Dataset that reads Pascal VOC's xml files."""

    @classmethod
    def from_path(
        cls,
        path: PathLike,
        image_folder: PathLike | None = None,
        class_names: Sequence[str] | None = None,
    ) -> "VocDataset":
        """The prepared dataset of a folder; see `load_voc`."""
        dataset = cls()
        dataset.load_voc(path, image_folder, class_names=class_names)
        dataset.prepare()
        return dataset

    def load_voc(
        self,
        annotation_folder: PathLike,
        image_folder: PathLike | None = None,
        *,
        image_set: PathLike | None = None,
        difficult: Difficult = "keep",
        class_names: Sequence[str] | None = None,
        source: str = "voc",
    ) -> None:
        """Add the images and classes of a folder of xml files.

        Boxes count pixels from 1 and include their last row and column. Images without
        objects are kept.

        Args:
            annotation_folder: the folder of xml files, or one with `Annotations` in it
            image_folder: where the images lie; by default `JPEGImages` beside
                `Annotations`, or the folder itself
            image_set: a text file whose lines begin with the names of the images to
                read, such as `ImageSets/Main/train.txt`; by default all
            difficult: what to do with objects marked so: keep them, skip them, or take
                them as crowds, which are neither learnt nor counted as missed
            class_names: the classes in the order of their ids; see
                `add_annotated_images`
            source: name that classes and images get as their source
        """
        if difficult not in get_args(Difficult):
            raise ValueError(
                f"difficult is {difficult!r}; expected one of {get_args(Difficult)}."
            )
        root = check_folder(annotation_folder, "Pascal VOC xml files")
        folder = root / "Annotations" if (root / "Annotations").is_dir() else root
        places = [folder.parent / "JPEGImages", folder.parent / "images", folder]
        places = places if image_folder is None else [Path(image_folder)]
        images = []
        for file in _listed_files(folder, image_set):
            image = self._read_image(file, places, difficult)
            if image is None:
                self.left_out["images without a file"] += 1
            else:
                images.append(image)
        if not images:
            raise FileNotFoundError(
                f"{os.fspath(folder)!r} holds no Pascal VOC xml whose image lies in "
                f"one of {[str(place) for place in places]}. Say where the images are "
                "with image_folder=."
            )
        self.add_annotated_images(source, images, class_names)
        self.report_left_out(os.fspath(folder))

    def _read_image(
        self, file: Path, places: list[Path], difficult: str
    ) -> AnnotatedImage | None:
        root = read_xml(file)
        path = find_image(root.findtext("filename") or file.stem, places)
        path = path or find_image(file.stem, places)
        if path is None:
            return None
        outlines = []
        for element in root.iter("object"):
            is_difficult = (element.findtext("difficult") or "0").strip() == "1"
            if is_difficult and difficult == "skip":
                self.left_out["difficult objects"] += 1
                continue
            is_crowd = is_difficult and difficult == "crowd"
            outlines.append(_outline(element, file, is_crowd))
        return AnnotatedImage(file.stem, str(path), image_shape_or_none(path), outlines)


def is_voc(root: Element) -> bool:
    """Whether an xml file's root is Pascal VOC's."""
    return root.tag == "annotation"


def _listed_files(folder: Path, image_set: PathLike | None) -> list[Path]:
    if image_set is None:
        return sorted(folder.glob("*.xml"))
    lines = Path(image_set).read_text(encoding="utf-8").splitlines()
    return [folder / f"{line.split()[0]}.xml" for line in lines if line.strip()]


def _outline(element: Element, file: Path, is_crowd: bool) -> Outline:
    name = (element.findtext("name") or "").strip()
    box = element.find("bndbox")
    try:
        assert box is not None
        x1, y1, x2, y2 = (
            float(box.findtext(side) or "") for side in ("xmin", "ymin", "xmax", "ymax")
        )
    except (AssertionError, ValueError):
        raise ValueError(
            f"{str(file)!r} has an object {name!r} without a whole bndbox: expected "
            "xmin, ymin, xmax and ymax."
        ) from None
    return Outline(name, [rectangle(x1 - 1, y1 - 1, x2, y2)], is_crowd)
