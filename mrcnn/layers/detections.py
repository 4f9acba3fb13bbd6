"""From classified rois to detections, the network's last word on boxes.

Shapes: B images, R rois, C classes with background, D detection slots.
"""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from mrcnn.geometry.arrays import Array, take_rows, take_values
from mrcnn.geometry.boxes import clip_boxes, decode_boxes, is_padding, normalize_boxes
from mrcnn.image_meta import ImageMeta, parse_image_meta
from mrcnn.layers.proposals import is_large
from mrcnn.layers.tensorflow_ops import non_max_suppression


@keras.saving.register_keras_serializable(package="mrcnn")
class DetectionLayer(keras.layers.Layer):
    """Moves each roi by its class's deltas and keeps the best box of each object.

    A roi counts for its most probable class, and not at all if that is the background;
    with `per_class`, for every class that is probable enough. Boxes are clipped to the
    window of the real picture. Padding rows and NaN never become detections.

    Args:
        max_instances: D, rows put out for each image
        min_confidence: lowest score of a detection; None or 0 keeps all. Or C numbers,
            one for each class, the background's without effect
        nms_threshold: IoU above which the lower-scoring box of two is dropped
        delta_std: what one unit of each delta stands for
        edge_shift: see `Convention`
        per_class: whether a roi may be a detection of several classes (Detectron)
        class_agnostic_nms: whether boxes suppress each other across classes
        min_size: pixels; detections with a smaller side are dropped
        portable: whether to use `keras.ops` alone, for XLA and export

    Inputs:
        rois: [B, R, 4] normalized; padding rows zero
        probs: [B, R, C]
        deltas: [B, R, C, 4] (dy, dx, log dh, log dw), in units of `delta_std`, or
            [B, R, 1, 4] for all classes alike
        image_meta: [B, 12 + C]

    Output:
        detections: [B, D, 6] (y1, x1, y2, x2, class_id, score), boxes normalized, best
            first; unused rows are zero
    """

    def __init__(
        self,
        max_instances: int,
        min_confidence: float | Sequence[float] | None,
        nms_threshold: float,
        *,
        delta_std: Sequence[float],
        edge_shift: int,
        per_class: bool = False,
        class_agnostic_nms: bool = False,
        min_size: float = 0.0,
        portable: bool = False,
        **kwargs: Any,
    ) -> None:
        # Half precision moves a box by pixels, so the policy does not apply here.
        super().__init__(autocast=False, **{"dtype": "float32", **kwargs})
        self.max_instances = int(max_instances)
        self.min_confidence = _plain_confidence(min_confidence)
        self.nms_threshold = float(nms_threshold)
        self.delta_std = tuple(float(std) for std in delta_std)
        self.edge_shift = int(edge_shift)
        self.per_class = bool(per_class)
        self.class_agnostic_nms = bool(class_agnostic_nms)
        self.min_size = float(min_size)
        self.portable = bool(portable)
        self.supports_jit = self.portable

    def build(self, input_shape: Sequence[tuple]) -> None:
        num_classes = input_shape[1][-1]
        given = self.min_confidence
        if isinstance(given, list) and len(given) != num_classes:
            raise ValueError(
                f"min_confidence of {self.name} has {len(given)} numbers, but there "
                f"are {num_classes} classes. Give one number for each class, the "
                "background's first, or one for all."
            )
        self.built = True

    def call(self, inputs: Sequence[Array]) -> Array:
        rois, probs, deltas, image_meta = (
            ops.stop_gradient(ops.cast(one, "float32")) for one in inputs
        )
        boxes = decode_boxes(deltas * ops.array(self.delta_std), rois[:, :, None])
        is_candidate = ops.logical_and(
            self._is_candidate(rois, probs), ops.all(ops.isfinite(boxes), axis=-1)
        )  # [B, R, C]
        boxes = ops.where(is_candidate[..., None], boxes, 0.0)
        boxes, is_inside = self._clip_to_window(boxes, parse_image_meta(image_meta))
        scores = ops.where(ops.logical_and(is_candidate, is_inside), probs, -1.0)

        kept, is_valid = self._suppress(boxes, scores)  # [B, *]
        boxes = ops.reshape(boxes, (ops.shape(boxes)[0], -1, 4))  # [B, R * C, 4]
        scores = ops.reshape(scores, (ops.shape(scores)[0], -1))  # [B, R * C]
        scores = ops.where(is_valid, take_values(scores, kept), -1.0)
        scores, best = ops.top_k(scores, self.max_instances)  # [B, D]
        kept = take_values(kept, best)
        class_ids = ops.cast(kept % probs.shape[-1], "float32")
        detections = ops.concatenate(
            [take_rows(boxes, kept), class_ids[..., None], scores[..., None]], axis=-1
        )
        return ops.where(scores[..., None] >= 0, detections, 0.0)

    def compute_output_shape(self, input_shape: Sequence[tuple]) -> tuple:
        return (input_shape[0][0], self.max_instances, 6)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "max_instances": self.max_instances,
            "min_confidence": self.min_confidence,
            "nms_threshold": self.nms_threshold,
            "delta_std": list(self.delta_std),
            "edge_shift": self.edge_shift,
            "per_class": self.per_class,
            "class_agnostic_nms": self.class_agnostic_nms,
            "min_size": self.min_size,
            "portable": self.portable,
        }

    def _is_candidate(self, rois: Array, probs: Array) -> Array:
        """Which classes of which rois may become detections. -> bool [B, R, C]"""
        num_classes = probs.shape[-1]
        class_ids = ops.arange(num_classes, dtype="int32")
        # The comparison is false for NaN.
        is_candidate = probs >= ops.array(self.min_confidence, dtype="float32")
        is_candidate = ops.logical_and(is_candidate, class_ids > 0)
        if not self.per_class:
            best = ops.cast(ops.argmax(probs, axis=-1), "int32")[..., None]
            is_candidate = ops.logical_and(is_candidate, class_ids == best)
        is_real = ops.logical_not(is_padding(rois))
        return ops.logical_and(is_candidate, is_real[..., None])

    def _clip_to_window(self, boxes: Array, meta: ImageMeta) -> tuple[Array, Array]:
        """Boxes inside the window, and which of them keep enough of their sides.

        Args:
            boxes: [B, R, C, 4]
            meta: of the images

        Returns:
            [B, R, C, 4] and bool [B, R, C]
        """
        image_shape = meta.image_shape[:, None, None]  # [B, 1, 1, 3]
        window = meta.window[:, None, None]  # [B, 1, 1, 4]
        window = normalize_boxes(window, image_shape, edge_shift=self.edge_shift)
        boxes = clip_boxes(boxes, window)
        return boxes, is_large(boxes, image_shape, self.min_size, self.edge_shift)

    def _suppress(self, boxes: Array, scores: Array) -> tuple[Array, Array]:
        """The boxes left by suppression, within each class or over all of them.

        Args:
            boxes: [B, R, C, 4]
            scores: [B, R, C], negative where there is no candidate

        Returns:
            int32 positions [B, *] in the boxes of an image, counted roi by roi, and
            bool [B, *] where there is one
        """
        num_images, num_rois = ops.shape(scores)[:2]
        num_classes = scores.shape[-1]
        settings = (self.max_instances, self.nms_threshold)
        if self.class_agnostic_nms:
            boxes = ops.reshape(boxes, (num_images, -1, 4))
            scores = ops.reshape(scores, (num_images, -1))
            return non_max_suppression(boxes, scores, *settings, portable=self.portable)

        # A class of an image is an image to the kernel, which then needs no classes.
        boxes = ops.transpose(boxes, (0, 2, 1, 3))  # [B, C, R, 4]
        scores = ops.transpose(scores, (0, 2, 1))  # [B, C, R]
        indices, is_valid = non_max_suppression(
            ops.reshape(boxes, (-1, num_rois, 4)),
            ops.reshape(scores, (-1, num_rois)),
            *settings,
            portable=self.portable,
        )  # [B * C, D]
        indices = ops.reshape(indices, (-1, num_classes, self.max_instances))
        class_ids = ops.arange(num_classes, dtype="int32")[:, None]
        positions = ops.reshape(indices * num_classes + class_ids, (num_images, -1))
        return positions, ops.reshape(is_valid, (num_images, -1))


def _plain_confidence(
    confidence: float | Sequence[float] | None,
) -> float | list[float]:
    if confidence is None:
        return 0.0
    numbers = np.asarray(confidence, "float64")
    return numbers.tolist()  # a number for a number, a list for many
