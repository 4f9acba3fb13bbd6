"""The network of a config, built when it is first needed and kept in step with it.

Configs are changed after the fact: a confidence is lowered, a limit raised. What
leaves the weights alone is followed, by building the graph anew around the weights;
what would need other weights is an error that names the change.

Shapes: B images, A anchors.
"""

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np

from mrcnn import network, network_anchors, network_layers
from mrcnn.config import Config
from mrcnn.geometry.conventions import GeometryName
from mrcnn.network import NetworkParts
from mrcnn.network_folding import build_detector
from mrcnn.network_knobs import ANCHOR_KNOBS, NETWORK_KNOBS, WEIGHT_KNOBS
from mrcnn.training_network import build_training_network
from mrcnn.weights.saving import LegacySavingModel

# Shapes whose anchors are kept: they take megabytes, and images may have many shapes.
MAX_ANCHORED_SHAPES = 8


class NetworkCache:
    """The network, its parts for detection and training, and its anchors.

    Safe to use from several threads.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._model: LegacySavingModel | None = None
        self._parts: NetworkParts | None = None
        self._settings: dict[str, Any] = {}
        self._detectors: dict[str, keras.Model] = {}
        self._anchors: dict[tuple, np.ndarray] = {}
        self._num_trainings = 0

    def model(
        self,
        config: Config,
        geometry: GeometryName,
        class_names: Sequence[str] | None = None,
    ) -> LegacySavingModel:
        """The network for a config, with the weights of the one before, if any.

        Files of its weights say the geometry, the config and the class names. While
        the network trains, it is the one that trains.
        """
        with self._lock:
            settings = settings_of(config, geometry, class_names)
            is_current = settings == self._settings or self._num_trainings > 0
            if self._model is None or not is_current:
                model, parts = self._assemble(config, geometry, class_names)
                if self._model is not None:
                    self._carry_weights(self._model, model, settings)
                self._model, self._parts, self._settings = model, parts, settings
                self._detectors = {}
            attributes: dict[str, Any] = {
                "geometry": geometry,
                "config": config.to_dict(),
            }
            if class_names is not None:
                attributes["class_names"] = list(class_names)
            self._model.file_attributes.update(attributes)
            return self._model

    def detector(
        self,
        config: Config,
        geometry: GeometryName,
        class_names: Sequence[str] | None = None,
        *,
        masks: bool = True,
    ) -> keras.Model:
        """The part of the network that detection needs, with or without masks.

        It shares the network's weights, also while they are trained, and follows the
        config's thresholds without a new network.
        """
        with self._lock:
            settings = settings_of(config, geometry, class_names)
            if self._model is None or self._changed(settings, WEIGHT_KNOBS):
                self.model(config, geometry, class_names)
            precision = config.DETECTION_PRECISION
            key = f"{masks} {precision} {settings}"
            if key not in self._detectors:
                config.validate()
                assert self._parts is not None
                found = network.detector_of(
                    config, geometry, self._parts, class_names=class_names, masks=masks
                )
                self._detectors[key] = build_detector(found, precision)
            return self._detectors[key]

    @contextmanager
    def training(self) -> Iterator[None]:
        """While inside, `model` stays the same network whatever the config says."""
        self._num_trainings += 1
        try:
            yield
        finally:
            self._num_trainings -= 1

    def training_pair(
        self,
        config: Config,
        geometry: GeometryName,
        class_names: Sequence[str] | None,
        *,
        with_own_layers: bool,
    ) -> tuple[keras.Model, keras.Model]:
        """A network that detects, and the training network around its layers.

        Args:
            config: of the network
            geometry: of the network
            class_names: needed where knobs name classes
            with_own_layers: whether to make both anew, apart from the cached network
        """
        if with_own_layers:
            model, parts = self._assemble(config, geometry, class_names)
        else:
            model = self.model(config, geometry, class_names)
            assert self._parts is not None
            parts = self._parts
        training = build_training_network(
            config, geometry, parts, class_names=class_names, seed=config.SEED
        )
        return model, training

    def anchors(
        self, config: Config, image_shape: Sequence[int], geometry: GeometryName
    ) -> np.ndarray:
        """Anchors for molded images of one shape, normalized, float32 [A, 4]."""
        shape = tuple(int(side) for side in image_shape[:2])
        key = (shape, geometry, *(repr(getattr(config, name)) for name in ANCHOR_KNOBS))
        with self._lock:
            anchors = self._anchors.pop(key, None)
            if anchors is None:
                anchors = network_anchors.anchors_for_image(config, shape, geometry)
            self._anchors[key] = anchors  # the latest stands last
            while len(self._anchors) > MAX_ANCHORED_SHAPES:
                del self._anchors[next(iter(self._anchors))]
            return anchors

    def boxes_to_look_at(
        self,
        config: Config,
        molded_images: np.ndarray,
        geometry: GeometryName,
        rois: np.ndarray | None = None,
    ) -> np.ndarray:
        """What the network takes beside molded images [B, h, w, C] and their metas.

        Anchors [B, A, 4], or without RPN_BRANCH the caller's rois [B, R, 4] in pixels.
        """
        if not config.RPN_BRANCH:
            assert rois is not None
            return rois
        num_images, *shape = molded_images.shape[:3]
        anchors = self.anchors(config, shape, geometry)
        return np.broadcast_to(anchors, (num_images, *anchors.shape))

    def _assemble(
        self,
        config: Config,
        geometry: GeometryName,
        class_names: Sequence[str] | None,
    ) -> tuple[LegacySavingModel, NetworkParts]:
        config.validate()
        model, parts = network.assemble_network(
            config, geometry, class_names=class_names, model_class=LegacySavingModel
        )
        assert isinstance(model, LegacySavingModel)
        return model, parts

    def _changed(self, settings: dict[str, Any], names: Iterable[str]) -> list[str]:
        """What differs from the network that is there, in words."""
        return [
            f"{name} from {self._settings[name]} to {settings[name]}"
            for name in names
            if settings[name] != self._settings[name]
        ]

    def _carry_weights(
        self, old: keras.Model, new: keras.Model, settings: dict[str, Any]
    ) -> None:
        shapes = [[tuple(w.shape) for w in model.weights] for model in (old, new)]
        if shapes[0] != shapes[1]:
            changed = ", ".join(self._changed(settings, settings))
            raise ValueError(
                f"The config changed after the network was built: {changed}."
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
