"""The Dataset: which images there are, which classes, and the masks of each image.

Users subclass it: they call `add_class` and `add_image`, and override `load_mask` (and
`load_image` where an image is not a plain file). Readers of annotation formats are such
subclasses. The rest of the package sees only what `prepare` makes of it: images are
numbered 0.., classes 1.. with background as 0.

Shapes: H W the image, C channels, N instances.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mrcnn.data.annotation_files import PathLike
from mrcnn.data.image_files import read_image
from mrcnn.data.proposals import proposals_by_image

if TYPE_CHECKING:
    from mrcnn.config import Config
    from mrcnn.data.checks.dataset_report import DatasetReport

logger = logging.getLogger("mrcnn")

_SET_BY_PREPARE = (
    "num_classes",
    "class_ids",
    "class_names",
    "num_images",
    "class_from_source_map",
    "image_from_source_map",
    "sources",
)


class StatedSizes(NamedTuple):
    """What annotations state of an image's instances beside their masks.

    NaN where they state nothing. Boxes may have fractions, and areas may be those of
    polygons.
    """

    boxes: np.ndarray  # float64 [N, 4] pixels
    areas: np.ndarray  # float64 [N] pixels


class Dataset:
    """Images, classes and masks; the base class of every dataset.

    A class or image is known by its source (a name for where it comes from, without a
    dot) and its id there; `prepare` gives it the number that the network uses.
    """

    channel_count = 3
    """Channels of the images that `load_image` returns."""

    def __init__(self, class_map: Any = None) -> None:
        self._image_ids: Any = []
        self.image_info: list[dict[str, Any]] = []
        self.class_info: list[dict[str, Any]] = [{"source": "", "id": 0, "name": "BG"}]
        self.source_class_ids: dict[str, list[int]] = {}

    @classmethod
    def combine(cls, datasets: Iterable["Dataset"]) -> "Dataset":
        """One prepared dataset of several; see `data/combined.py`."""
        from mrcnn.data.combined import CombinedDataset

        return CombinedDataset(datasets)

    def add_class(self, source: str, class_id: Any, class_name: str) -> None:
        """Make a class known, once; a second call with the same id changes nothing."""
        _check_source(source)
        is_known = any(
            (info["source"], info["id"]) == (source, class_id)
            for info in self.class_info
        )
        if not is_known:
            self.class_info.append(
                {"source": source, "id": class_id, "name": class_name}
            )

    def add_image(self, source: str, image_id: Any, path: Any, **kwargs: Any) -> None:
        """Add an image; further arguments are kept in its `image_info` entry."""
        self.image_info.append(
            {"id": image_id, "source": source, "path": path, **kwargs}
        )

    def add_proposals(self, proposals: PathLike | Mapping[Any, Any]) -> None:
        """Give the images added so far their proposals, by their ids at the source.

        `proposals` are boxes [N, 4] by image id, or a json file of COCO results, see
        `proposals_by_image`. Images that it leaves out have none to look at.
        """
        found = proposals_by_image(proposals)
        image_ids = {str(info["id"]) for info in self.image_info}
        if len(image_ids) < len(self.image_info):
            raise ValueError(
                "Several images of this dataset have the same id, so proposals cannot "
                "be given by it. Give them to each of its sources apart, before they "
                "are combined, or to add_image."
            )
        if image_ids.isdisjoint(found):
            known, given = sorted(image_ids)[:3], sorted(found)[:3]
            raise ValueError(
                f"The proposals are of the images {given}…, but the dataset has "
                f"{known}…: no image is in both. Give them by the ids of add_image."
            )
        for info in self.image_info:
            info["proposals"] = found.get(str(info["id"]), [])

    def prepare(self, class_map: Any = None) -> None:
        """Number images and classes. Call it once all of them are added."""
        self.num_classes = len(self.class_info)
        self.class_ids = np.arange(self.num_classes)
        self.class_names = [clean_name(info["name"]) for info in self.class_info]
        self.num_images = len(self.image_info)
        self._image_ids = np.arange(self.num_images)

        self.class_from_source_map = _numbers_by_source(self.class_info)
        self.image_from_source_map = _numbers_by_source(self.image_info)
        self.sources = list(dict.fromkeys(info["source"] for info in self.class_info))
        # Background belongs to every source.
        self.source_class_ids = {
            source: [
                number
                for number, info in enumerate(self.class_info)
                if number == 0 or info["source"] == source
            ]
            for source in self.sources
        }

    @property
    def image_ids(self) -> np.ndarray:
        """Numbers of the images. -> [num_images]"""
        if self.image_info and not self.is_prepared:
            raise ValueError(
                f"{type(self).__name__} holds {len(self.image_info)} images that are "
                "not numbered yet. Call dataset.prepare() after adding them."
            )
        return self._image_ids

    @property
    def is_prepared(self) -> bool:
        """Whether `prepare` was called."""
        return "num_images" in self.__dict__

    def map_source_class_id(self, source_class_id: str) -> int:
        """Number of a class by its source and id there: `"coco.12"` -> 12"""
        number = self.class_from_source_map.get(source_class_id)
        if number is None:
            known = ", ".join(map(repr, self.class_from_source_map))
            raise ValueError(
                f"No class {source_class_id!r} is known. Known are {known}. Add it "
                "with add_class(source, id, name) before prepare()."
            )
        return number

    def get_source_class_id(self, class_id: int, source: str) -> Any:
        """A class's id at its source, by its number."""
        info = self.class_info[class_id]
        if info["source"] != source:
            raise ValueError(
                f"Class {class_id} ({info['name']!r}) comes from the source "
                f"{info['source']!r}, not from {source!r}."
            )
        return info["id"]

    def source_image_link(self, image_id: int) -> Any:
        """Path or address of an image."""
        return self._info(image_id)["path"]

    def image_reference(self, image_id: int) -> str:
        """Something that leads a reader to the image; override it. Empty here."""
        return ""

    def load_image(self, image_id: int) -> np.ndarray:
        """An image's pixels. -> uint8 [H, W, channel_count], RGB for three channels

        Grey images are repeated to RGB and alpha is dropped; 16-bit values are brought
        to 8 bits, see `mrcnn.data.image_files.to_8_bits`.
        """
        path = self._info(image_id)["path"]
        if path is None:
            raise ValueError(
                f"{self.describe_image(image_id)} has no path. Hand a path to "
                "add_image, or override load_image."
            )
        try:
            return read_image(path, self.channel_count)
        except OSError as error:
            raise type(error)(
                f"{error} It belongs to {self.describe_image(image_id)}: restore the "
                "file, correct the path handed to add_image, or leave the image out."
            ) from error

    def load_mask(self, image_id: int) -> tuple[np.ndarray, np.ndarray]:
        """Masks and class ids of an image's instances; override it.

        Returns:
            masks: bool [H, W, N]
            class_ids: int32 [N], negative for crowds

            Here, and for overrides that call `super().load_mask`, no instance at all:
            [0, 0, 0] and [0].
        """
        logger.warning(
            "%s does not define load_mask for %s: it counts as having no object.",
            type(self).__name__,
            self.describe_image(image_id),
        )
        return np.zeros((0, 0, 0), bool), np.zeros(0, "int32")

    def load_proposals(self, image_id: int) -> Any:
        """Boxes that training and evaluation look at without RPN_BRANCH; override it.

        Returns:
            [N, 4] (y1, x1, y2, x2) in pixels of the image as loaded, the best first.
            Here, what was given to `add_image(..., proposals=...)` or `add_proposals`
        """
        proposals = self._info(image_id).get("proposals")
        if proposals is None:
            raise ValueError(
                f"{self.describe_image(image_id)} has no proposals, which a network "
                "with RPN_BRANCH = False needs. Give them to add_image(..., "
                "proposals=boxes) or add_proposals, or override load_proposals; no "
                "boxes at all are an empty list."
            )
        return proposals

    def stated_sizes(self, image_id: int) -> StatedSizes | None:
        """Boxes and areas to evaluate with in place of the masks' own; override it.

        Returns:
            those of the instances of `load_mask`, in its order; None if nothing is
            stated
        """
        return None

    def check(
        self,
        config: "Config | None" = None,
        *,
        image_ids: Sequence[int] | None = None,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> "DatasetReport":
        """What would go wrong in training; see `check_dataset`."""
        from mrcnn.data.checks.checking import check_dataset

        return check_dataset(self, config, image_ids=image_ids, on_progress=on_progress)

    def describe_image(self, image_id: int) -> str:
        """What errors call an image: its number, its id at the source, its path."""
        info = self._info(image_id)
        path = "" if info["path"] is None else f", {info['path']}"
        return f"image {image_id} ({info['source']}.{info['id']}{path})"

    def _info(self, image_id: int) -> dict[str, Any]:
        if not 0 <= image_id < len(self.image_info):
            raise ValueError(
                f"There is no image {image_id}: image ids run from 0 to "
                f"{len(self.image_info) - 1}. An id at the source, as given to "
                "add_image, is turned into one by image_from_source_map."
            )
        return self.image_info[image_id]

    def __getattr__(self, name: str) -> Any:
        if name in _SET_BY_PREPARE:
            raise AttributeError(
                f"{name} is set by prepare(). Call dataset.prepare() once all classes "
                "and images are added."
            )
        raise AttributeError(f"{type(self).__name__!r} has no attribute {name!r}")


def clean_name(name: str) -> str:
    """The first of the names that stand between commas."""
    return name.split(",")[0]


def _numbers_by_source(infos: list[dict[str, Any]]) -> dict[str, int]:
    return {f"{info['source']}.{info['id']}": i for i, info in enumerate(infos)}


def _check_source(source: str) -> None:
    if "." in source:
        raise ValueError(
            f"The source {source!r} holds a dot, which separates source and id in "
            "names such as 'coco.12'. Leave it out."
        )
