"""The instances found in one image: boxes, classes, scores and masks.

What `detect` returns. `Instances` answers to the four keys of matterport's dict, and
keeps masks local to their instances until they are asked for.

Shapes: N instances, H W the image as loaded, h w a part of it, C channels.
"""

import weakref
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, overload

import numpy as np

from mrcnn.geometry.boxes import box_area
from mrcnn.geometry.masks import mask_bounds
from mrcnn.inference.class_names import ClassNames, ids_of, name_of
from mrcnn.inference.local_masks import (
    LocalMasks,
    RleMasks,
    mirror_boxes,
    outline,
    paint_masks,
)
from mrcnn.inference.result_files import coco_results, read_result, write_result

_ROWS = ("boxes", "class_ids", "scores")
_KEYS = ("rois", "class_ids", "scores", "masks")


class CutOut(NamedTuple):
    """What lies in one instance's roi."""

    image: np.ndarray | None  # [h, w, C], or None if no image was given
    mask: np.ndarray | None  # bool [h, w], or None for an instance without mask


class Instances:
    """The instances of one image, in the order of their detection.

    Read as matterport's dict:

    | key       | shape     | dtype   | meaning                                    |
    |-----------|-----------|---------|--------------------------------------------|
    | rois      | [N, 4]    | int32   | boxes in whole pixels                      |
    | class_ids | [N]       | int32   |                                            |
    | scores    | [N]       | float32 |                                            |
    | masks     | [H, W, N] | bool    | made when asked for; keep it while you use |
    |           |           |         | it, for it is let go with its last user    |

    Any other index chooses instances: `r[0]`, `r[3:7]`, `r[r.scores > 0.9]`. `len(r)`
    is the number of instances, and iteration gives them one by one.
    """

    def __init__(
        self,
        boxes: Any,
        class_ids: Any,
        scores: Any,
        image_shape: tuple[int, ...],
        *,
        masks: LocalMasks | None = None,
        class_names: ClassNames | None = None,
    ) -> None:
        """Instances from their parts.

        Args:
            boxes: [N, 4] pixels
            class_ids: [N]
            scores: [N]
            image_shape: (H, W) or more
            masks: [N], or None for instances without masks
            class_names: by class id, the background first; or None if not known
        """
        self.boxes = np.asarray(boxes, "float32").reshape(-1, 4)
        self.class_ids = np.asarray(class_ids, "int32").reshape(-1)
        self.scores = np.asarray(scores, "float32").reshape(-1)
        self.image_shape = (int(image_shape[0]), int(image_shape[1]))
        self.class_names = None if class_names is None else tuple(class_names)
        self._masks = masks
        self._painted: weakref.ref[np.ndarray] | None = None
        self._stored: dict[str, Any] = {}
        self._check_lengths()

    @classmethod
    def from_masks(
        cls,
        boxes: Any,
        class_ids: Any,
        scores: Any,
        masks: Any,
        *,
        class_names: ClassNames | None = None,
    ) -> "Instances":
        """Instances from masks at full size.

        Args:
            boxes: [N, 4] pixels, or None for the bounds of the masks
            class_ids: [N]
            scores: [N]
            masks: [H, W, N], true or not zero where the instance is
            class_names: by class id, the background first; or None if not known
        """
        masks = np.asarray(masks).astype(bool)
        if masks.ndim != 3:
            raise ValueError(f"Masks are [H, W, N], but got the shape {masks.shape}.")
        return cls(
            mask_bounds(masks) if boxes is None else boxes,
            class_ids,
            scores,
            masks.shape[:2],
            masks=RleMasks.from_masks(masks),
            class_names=class_names,
        )

    @classmethod
    def load(cls, path: str | Path) -> "Instances":
        """Instances from a file that `save` wrote."""
        fields = read_result(path)
        rles = fields.pop("masks")
        return cls(masks=None if rles is None else RleMasks(tuple(rles)), **fields)

    def save(self, path: str | Path) -> None:
        """Write a JSON file that `load` turns into equal instances."""
        write_result(path, self)

    @property
    def rois(self) -> np.ndarray:
        """Boxes in whole pixels, int32 [N, 4]."""
        return round_boxes(self.boxes)

    @property
    def has_masks(self) -> bool:
        """Whether the instances have masks."""
        return self._masks is not None

    @property
    def local_masks(self) -> LocalMasks:
        """All masks, each in as little memory as it needs. [N]"""
        if self._masks is None:
            raise KeyError(
                "masks: these instances have none, they were detected with masks=False."
            )
        return self._masks

    @property
    def masks(self) -> np.ndarray:
        """All masks at full size, bool [H, W, N]."""
        masks = self.local_masks
        # Loops over r["masks"][..., i] hold one slice at a time: as long as any slice
        # lives, so does the whole, and it need not be made again.
        painted = self._painted() if self._painted is not None else None
        if painted is None:
            painted = paint_masks(masks, self.image_shape)
            self._painted = weakref.ref(painted)
        return np.moveaxis(painted, 0, -1)

    @property
    def names(self) -> list[str]:
        """Each instance's class name, or "class 3" where names are not known. [N]"""
        return [name_of(i, self.class_names) for i in self.class_ids.tolist()]

    def mask(self, index: int) -> np.ndarray:
        """One mask at full size, bool [H, W]."""
        return self[int(index)].masks[..., 0]

    def crop(self, index: int, image: np.ndarray | None = None) -> CutOut:
        """What lies in one instance's roi.

        Args:
            index: of the instance
            image: [H, W] or [H, W, C] as it was handed to `detect`, or None

        Returns:
            the parts of the image, a copy, and of the mask that lie in the roi
        """
        if image is not None and image.shape[:2] != self.image_shape:
            raise ValueError(
                f"These instances lie in an image of the shape {self.image_shape}, but "
                f"the image to cut has {image.shape[:2]}. Hand in the image as loaded."
            )
        y1, x1, y2, x2 = self.rois[index].tolist()
        return CutOut(
            None if image is None else image[y1:y2, x1:x2].copy(),
            self.mask(index)[y1:y2, x1:x2] if self.has_masks else None,
        )

    def rle(self) -> list[dict[str, Any]]:
        """COCO's compressed run lengths of each mask, ready for JSON. [N]"""
        masks = self.local_masks
        return [masks.rle(index) for index in range(len(self))]

    def polygons(self) -> list[list[list[float]]]:
        """Each mask's outlines as COCO's flat lists x, y, x, y, … [N]"""
        masks = self.local_masks
        return [outline(masks.local(index)) for index in range(len(self))]

    def areas(self) -> np.ndarray:
        """Pixels of each mask, or of each box where there are no masks. float32 [N]"""
        if self._masks is None:
            return box_area(self.boxes)
        counts = [self._masks.local(index).mask.sum() for index in range(len(self))]
        return np.array(counts, "float32")

    def to_coco(
        self,
        image_id: int | str,
        category_ids: Mapping[int, int] | Sequence[int] | None = None,
    ) -> list[dict[str, Any]]:
        """Results in COCO's format, ready for JSON and for its evaluator.

        Args:
            image_id: of the image in its dataset
            category_ids: COCO's category id of each class id; None if they are equal

        Returns:
            [N] image_id, category_id, bbox [x, y, width, height], score, and
            segmentation if there are masks
        """
        return coco_results(self, image_id, category_ids)

    def filter(
        self,
        *,
        min_score: float | None = None,
        class_ids: int | Sequence[int] | None = None,
        class_names: str | Sequence[str] | None = None,
        min_area: float | None = None,
    ) -> "Instances":
        """The instances that meet every condition given.

        Args:
            min_score: lowest score
            class_ids: the classes to keep, by id
            class_names: the classes to keep, by name; needs known class names
            min_area: smallest area in pixels, see `areas`
        """
        kept = np.ones(len(self), bool)
        if min_score is not None:
            kept &= self.scores >= min_score
        if class_ids is not None:
            kept &= np.isin(self.class_ids, class_ids)
        if class_names is not None:
            kept &= np.isin(self.class_ids, ids_of(class_names, self.class_names))
        if min_area is not None:
            kept &= self.areas() >= min_area
        return self[kept]

    def mirrored(self) -> "Instances":
        """The instances of the mirror image, left and right exchanged."""
        width = self.image_shape[1]
        return Instances(
            mirror_boxes(self.boxes, width),
            self.class_ids,
            self.scores,
            self.image_shape,
            masks=None if self._masks is None else self._masks.mirrored(width),
            class_names=self.class_names,
        )

    def keys(self) -> tuple[str, ...]:
        """The keys of matterport's dict, without "masks" where there are none."""
        keys = _KEYS if self.has_masks else _KEYS[:-1]
        return tuple(dict.fromkeys([*keys, *self._stored]))

    def values(self) -> list[np.ndarray]:
        """The arrays of `keys`, in order."""
        return [self[key] for key in self.keys()]

    def items(self) -> list[tuple[str, np.ndarray]]:
        """`keys` with `values`."""
        return [(key, self[key]) for key in self.keys()]

    def get(self, key: str, default: Any = None) -> Any:
        """One array by its key, or the default."""
        return self[key] if key in self.keys() else default

    def __contains__(self, key: object) -> bool:
        return key in self.keys()

    def __len__(self) -> int:
        return len(self.boxes)

    def __iter__(self) -> Iterator["Instances"]:
        return (self[index] for index in range(len(self)))

    @overload
    def __getitem__(self, key: str) -> np.ndarray: ...

    @overload
    def __getitem__(self, key: Any) -> "Instances": ...

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str):
            return self._array(key)
        # Through the row numbers, so that every kind of index means what it does in
        # NumPy, errors included. An empty list has no dtype of its own.
        is_empty_list = isinstance(key, list) and not key
        rows = np.ravel(np.arange(len(self))[[] if is_empty_list else key])
        return Instances(
            self.boxes[rows],
            self.class_ids[rows],
            self.scores[rows],
            self.image_shape,
            masks=None if self._masks is None else self._masks.take(rows),
            class_names=self.class_names,
        )

    def __setitem__(self, key: str, value: Any) -> None:
        """Stores a value under a key, as in a dict; the instances do not change."""
        if not isinstance(key, str):
            raise TypeError(
                "Instances do not change. Choose some with r[kept] or r.filter(). A "
                "string stores a value under that key alone: r['scores'] = ..."
            )
        self._stored[key] = value

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """One object, not a row of them: np.array([r, r]) has the shape [2]."""
        array = np.empty((), object)
        array[()] = self
        return array

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Instances):
            return NotImplemented
        facts = ("image_shape", "class_names", "has_masks")
        return (
            all(getattr(self, name) == getattr(other, name) for name in facts)
            and all(
                np.array_equal(getattr(self, name), getattr(other, name))
                for name in _ROWS
            )
            and (not self.has_masks or self.rle() == other.rle())
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        height, width = self.image_shape
        shown = [
            f"{name} {score:.2f}"
            for name, score in zip(self.names[:5], self.scores[:5], strict=True)
        ]
        shown += ["…"] if len(self) > len(shown) else []
        listed = ": " + ", ".join(shown) if shown else ""
        return f"Instances({len(self)} in {height}×{width}{listed})"

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_painted": None}  # a weak reference cannot travel

    def _array(self, key: str) -> np.ndarray:
        arrays = {
            "class_ids": lambda: self.class_ids,
            "scores": lambda: self.scores,
            "masks": lambda: self.masks,
        }
        if key in self._stored:
            return self._stored[key]
        if key == "rois":  # kept, so that r["rois"] += 1 and the like are seen later
            return self._stored.setdefault(key, self.rois)
        if key not in arrays:
            raise KeyError(f"{key!r}; instances have the keys {', '.join(self.keys())}")
        return arrays[key]()

    def _check_lengths(self) -> None:
        lengths = {name: len(getattr(self, name)) for name in _ROWS}
        if self._masks is not None:
            lengths["masks"] = len(self._masks)
        if len(set(lengths.values())) > 1:
            raise ValueError(
                f"Instances need one entry in each of their parts, but got {lengths}."
            )


def round_boxes(boxes: np.ndarray) -> np.ndarray:
    """Boxes of whole pixels. [..., 4] -> int32 [..., 4]"""
    return np.round(boxes).astype("int32")
