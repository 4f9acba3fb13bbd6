"""COCO's evaluation by pycocotools, fed from memory image by image.

The reference for average precision: its areas, its crowds, its limit on detections and
its order of equal scores hold here because its code runs here. Instances have the area
of their mask, or the one that their annotation states where that is asked for;
detections that of their mask in mask numbers, and of their box in box numbers.

Shapes: H W the image, G instances.
"""

import io
from collections import Counter
from collections.abc import Sequence
from contextlib import redirect_stdout
from typing import Any

from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from mrcnn.data.dataset import StatedSizes
from mrcnn.evaluation.curves import (
    Curves,
    class_numbers,
    precisions_at_50,
    twelve_numbers,
)
from mrcnn.evaluation.records import (
    Detections,
    EvaluatedImage,
    FoundInstances,
    GroundTruth,
    ImageId,
    keep_detections,
    keep_ground_truth,
    no_detections,
)
from mrcnn.evaluation.scores import ClassScores, CocoScores
from mrcnn.geometry.mask_coding import rle_area


class CocoEvaluator:
    """Collects ground truth and detections, and computes COCO's numbers.

    Images without detections count as images in which nothing was found.
    """

    def __init__(
        self,
        class_names: Sequence[str],
        *,
        max_detections: Sequence[int] = (1, 10, 100),
    ) -> None:
        """An evaluator without images.

        Args:
            class_names: by class id, the background first
            max_detections: the limits on detections of a class in an image for which
                recall is computed; average precision goes by the last
        """
        self.class_names = tuple(class_names)
        self.max_detections = tuple(sorted(max_detections))
        self._shapes: dict[ImageId, tuple[int, int]] = {}
        self._gt: dict[ImageId, GroundTruth] = {}
        self._detections: dict[ImageId, Detections] = {}

    def add_ground_truth(
        self,
        image_id: ImageId,
        masks: Any,
        class_ids: Any,
        image_shape: Sequence[int],
        stated: StatedSizes | None = None,
    ) -> None:
        """The instances that there are in an image.

        Args:
            image_id: any number or name, once
            masks: [H, W, G] as `load_mask` returns them, or [G] run-length codes;
                those without a pixel are left out
            class_ids: [G], negative for crowds
            image_shape: (H, W) or more
            stated: boxes and areas in place of the masks', see `Dataset.stated_sizes`
        """
        if image_id in self._gt:
            raise ValueError(f"Image {image_id!r} has its ground truth already.")
        reference, num_classes = f"image {image_id!r}", len(self.class_names)
        self._gt[image_id] = keep_ground_truth(
            masks, class_ids, image_shape, num_classes, reference, stated
        )
        self._shapes[image_id] = (int(image_shape[0]), int(image_shape[1]))

    def add_detections(self, image_id: ImageId, instances: FoundInstances) -> None:
        """The instances that were found in an image whose ground truth is known."""
        if image_id not in self._gt:
            raise ValueError(
                f"Image {image_id!r} has no ground truth. Call add_ground_truth first, "
                "with no instances if there are none."
            )
        if image_id in self._detections:
            raise ValueError(f"Image {image_id!r} has its detections already.")
        reference, num_classes = f"image {image_id!r}", len(self.class_names)
        self._detections[image_id] = keep_detections(
            instances, self._shapes[image_id], num_classes, reference
        )

    @property
    def images(self) -> list[EvaluatedImage]:
        """What was collected, in the order of image ids, numbers before names."""
        ids = sorted(self._gt, key=lambda i: (isinstance(i, str), i))
        return [
            EvaluatedImage(
                image_id,
                self._shapes[image_id],
                self._gt[image_id],
                found if len(found) else no_detections(),
            )
            for image_id in ids
            for found in [self._detections.get(image_id, no_detections())]
        ]

    @property
    def has_masks(self) -> bool:
        """Whether masks can be evaluated: no image's detections lack them."""
        every = list(self._detections.values())
        # Where nothing was found, masks are not missed, unless that is everywhere.
        asked = [found for found in every if len(found)] or every
        return all(found.rles is not None for found in asked)

    def summarize(self) -> CocoScores:
        """COCO's numbers of all images collected so far."""
        images = self.images
        boxes = self._evaluate(images, "bbox")
        masks = self._evaluate(images, "segm") if self.has_masks else None
        return CocoScores(
            num_images=len(images),
            boxes=twelve_numbers(boxes, self.max_detections),
            masks=None if masks is None else twelve_numbers(masks, self.max_detections),
            per_class=self._per_class(images, boxes, masks),
        )

    def _evaluate(self, images: list[EvaluatedImage], kind: str) -> Curves:
        detected = _detected_boxes if kind == "bbox" else _detected_masks
        # It prints its progress, and the tables of scores are ours.
        with redirect_stdout(io.StringIO()):
            evaluation = COCOeval(
                self._index(images, _ground_truth(images)),
                self._index(images, detected(images)),
                kind,
            )
            evaluation.params.maxDets = list(self.max_detections)
            evaluation.evaluate()
            evaluation.accumulate()
        return Curves(evaluation.eval["precision"], evaluation.eval["recall"])

    def _index(
        self, images: list[EvaluatedImage], annotations: list[dict[str, Any]]
    ) -> COCO:
        index = COCO()
        index.dataset = {
            "images": [
                {"id": number, "height": height, "width": width}
                for number, (height, width) in enumerate(i.image_shape for i in images)
            ],
            "categories": [{"id": i} for i in range(1, len(self.class_names))],
            # An annotation of id 0 would count as no match.
            "annotations": [{"id": i, **a} for i, a in enumerate(annotations, 1)],
        }
        index.createIndex()
        return index

    def _per_class(
        self, images: list[EvaluatedImage], boxes: Curves, masks: Curves | None
    ) -> list[ClassScores]:
        num_gt: Counter[int] = Counter()
        num_detections: Counter[int] = Counter()
        for image in images:
            num_gt.update(image.gt.class_ids[~image.gt.is_crowd].tolist())
            num_detections.update(image.detections.class_ids.tolist())
        return [
            ClassScores(
                class_id=class_id,
                class_name=self.class_names[class_id],
                num_gt=num_gt[class_id],
                num_detections=num_detections[class_id],
                boxes=class_numbers(boxes, class_id - 1),
                masks=None if masks is None else class_numbers(masks, class_id - 1),
                box_precisions=precisions_at_50(boxes, class_id - 1),
                mask_precisions=None
                if masks is None
                else precisions_at_50(masks, class_id - 1),
            )
            for class_id in range(1, len(self.class_names))
        ]


def _ground_truth(images: list[EvaluatedImage]) -> list[dict[str, Any]]:
    return [
        {
            "image_id": number,
            "category_id": class_id,
            "bbox": [x1, y1, x2 - x1, y2 - y1],
            "area": area,
            "iscrowd": int(is_crowd),
            "segmentation": rle,
        }
        for number, image in enumerate(images)
        for (y1, x1, y2, x2), area, class_id, is_crowd, rle in zip(
            image.gt.boxes.tolist(),
            image.gt.areas.tolist(),
            image.gt.class_ids.tolist(),
            image.gt.is_crowd,
            image.gt.rles,
            strict=True,
        )
    ]


def _detected_boxes(images: list[EvaluatedImage]) -> list[dict[str, Any]]:
    return [
        {
            "image_id": number,
            "category_id": class_id,
            "score": score,
            "bbox": [x1, y1, x2 - x1, y2 - y1],
            "area": (x2 - x1) * (y2 - y1),
            "iscrowd": 0,
        }
        for number, image in enumerate(images)
        for (y1, x1, y2, x2), class_id, score in zip(
            image.detections.boxes.tolist(),
            image.detections.class_ids.tolist(),
            image.detections.scores.tolist(),
            strict=True,
        )
    ]


def _detected_masks(images: list[EvaluatedImage]) -> list[dict[str, Any]]:
    return [
        {
            "image_id": number,
            "category_id": class_id,
            "score": score,
            "segmentation": rle,
            "area": rle_area(rle),
            "iscrowd": 0,
        }
        for number, image in enumerate(images)
        for class_id, score, rle in zip(
            image.detections.class_ids.tolist(),
            image.detections.scores.tolist(),
            image.detections.rles or [],
            strict=True,
        )
    ]
