"""The network of a config, built when it is first needed and kept in step with it.

Configs are changed after the fact: a confidence is lowered, a limit raised. What
leaves the weights alone is followed, by building the graph anew around the weights;
what would need other weights is an error that names the change.

Shapes: B images, A anchors.
"""

import logging
import threading
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from mrcnn import network, network_anchors, network_layers
from mrcnn.config import Config
from mrcnn.geometry.conventions import GeometryName
from mrcnn.weights.saving import LegacySavingModel

logger = logging.getLogger("mrcnn")

# What the network and its anchors are made from; no other knob changes them.
NETWORK_KNOBS = (
    "BACKBONE",
    "BACKBONE_STRIDES",
    "BBOX_STD_DEV",
    "CLASS_AGNOSTIC_BOXES",
    "CLASS_AGNOSTIC_MASKS",
    "COMPUTE_BACKBONE_SHAPE",
    "DETECTION_CLASS_AGNOSTIC_NMS",
    "DETECTION_MAX_INSTANCES",
    "DETECTION_MIN_CONFIDENCE",
    "DETECTION_MIN_SIZE",
    "DETECTION_NMS_THRESHOLD",
    "DETECTION_PER_CLASS",
    "FPN_CLASSIF_FC_LAYERS_SIZE",
    "IMAGE_CHANNEL_COUNT",
    "IMAGE_META_SIZE",
    "MASK_POOL_SIZE",
    "NUM_CLASSES",
    "POOL_SIZE",
    "POST_NMS_ROIS_INFERENCE",
    "PRE_NMS_LIMIT",
    "ROI_CANONICAL_LEVEL",
    "ROI_CANONICAL_SCALE",
    "RPN_ANCHOR_RATIOS",
    "RPN_ANCHOR_SCALES",
    "RPN_ANCHOR_STRIDE",
    "RPN_BBOX_STD_DEV",
    "RPN_MIN_SIZE",
    "RPN_NMS_THRESHOLD",
    "TOP_DOWN_PYRAMID_SIZE",
    "TRAIN_BN",
)

ANCHOR_KNOBS = (
    "BACKBONE",
    "BACKBONE_STRIDES",
    "COMPUTE_BACKBONE_SHAPE",
    "RPN_ANCHOR_RATIOS",
    "RPN_ANCHOR_SCALES",
    "RPN_ANCHOR_STRIDE",
)


class NetworkCache:
    """The network, its parts for detection, and its anchors, each made once.

    Safe to use from several threads.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._model: LegacySavingModel | None = None
        self._parts: network.NetworkParts | None = None
        self._settings: dict[str, Any] = {}
        self._detectors: dict[bool, keras.Model] = {}
        self._anchors: dict[tuple, np.ndarray] = {}

    def model(
        self,
        config: Config,
        geometry: GeometryName,
        class_names: Sequence[str] | None = None,
    ) -> LegacySavingModel:
        """The network for a config, with the weights of the one before, if any."""
        with self._lock:
            settings = settings_of(config, geometry, class_names)
            if self._model is None or settings != self._settings:
                config.validate()
                model, parts = network.assemble_network(
                    config,
                    geometry,
                    class_names=class_names,
                    model_class=LegacySavingModel,
                )
                if self._model is not None:
                    self._carry_weights(self._model, model, settings)
                self._model, self._parts, self._settings = model, parts, settings
                self._detectors = {}
            return self._model

    def detector(self, model: keras.Model, *, masks: bool) -> keras.Model:
        """The part of the network that detection needs, with or without masks."""
        with self._lock:
            if masks not in self._detectors:
                detector = network.detector_of(model, masks=masks)
                # Made by the first thread that comes, not by several at once.
                detector.make_predict_function()
                self._detectors[masks] = detector
            return self._detectors[masks]

    def anchors(
        self, config: Config, image_shape: Sequence[int], geometry: GeometryName
    ) -> np.ndarray:
        """Anchors for molded images of one shape, normalized, float32 [A, 4]."""
        shape = tuple(int(side) for side in image_shape[:2])
        key = (shape, geometry, *(repr(getattr(config, name)) for name in ANCHOR_KNOBS))
        with self._lock:
            if key not in self._anchors:
                self._anchors[key] = network_anchors.anchors_for_image(
                    config, shape, geometry
                )
            return self._anchors[key]

    def _carry_weights(
        self, old: keras.Model, new: keras.Model, settings: dict[str, Any]
    ) -> None:
        shapes = [[tuple(w.shape) for w in model.weights] for model in (old, new)]
        if shapes[0] != shapes[1]:
            changed = [
                f"{name} from {self._settings[name]} to {value}"
                for name, value in settings.items()
                if value != self._settings[name]
            ]
            raise ValueError(
                f"The config changed after the network was built: {', '.join(changed)}."
                " The weights do not fit that network. Undo the change, or make a new "
                "MaskRCNN with the new config and load weights into it."
            )
        new.set_weights(old.get_weights())


def settings_of(
    config: Config, geometry: GeometryName, class_names: Sequence[str] | None
) -> dict[str, Any]:
    """Everything that a network and its anchors depend on, as comparable values."""
    knobs = {name: getattr(config, name) for name in NETWORK_KNOBS}
    knobs["DETECTION_MIN_CONFIDENCE"] = network_layers.confidence_by_class(
        config, class_names
    )
    settings = {"GEOMETRY": geometry, **knobs}
    return {name: _comparable(value) for name, value in settings.items()}


def _comparable(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tolist()
    return list(value) if isinstance(value, tuple) else value
