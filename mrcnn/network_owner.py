"""What has a network: it follows its config and lets one look inside.

The lower half of `MaskRCNN`: molded images in, the network's own outputs and inner
tensors out. The upper half loads weights, trains, evaluates and detects.
"""

import logging
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from mrcnn import network, network_anchors
from mrcnn.config import Config
from mrcnn.detection_options import detection_options
from mrcnn.geometry.conventions import CONVENTIONS, Convention, GeometryName
from mrcnn.inference import detect, inputs, inspection, outputs
from mrcnn.inference.proposals import list_proposals, stack_rois
from mrcnn.inference.results import Instances
from mrcnn.network_cache import NetworkCache
from mrcnn.weights.saving import LegacySavingModel

logger = logging.getLogger("mrcnn")

MODES = ("training", "inference")


class NetworkOwner:
    """A network of a config, built when it is first needed.

    Args:
        mode: "training" or "inference", for old callers alone
        config: is checked; the network follows changes that leave its weights alone
    """

    def __init__(self, mode: str, config: Config | None) -> None:
        check_mode(mode)
        if not isinstance(config, Config):
            got = "a class" if isinstance(config, type) else f"{config!r:.60}"
            raise TypeError(
                f"MaskRCNN needs a config, but got {got}. "
                "Pass an instance: MaskRCNN(config=MyConfig())."
            )
        config.validate()
        self.mode = mode
        self.config = config
        self.geometry: GeometryName = config.GEOMETRY or "aligned"
        self.class_names: list[str] | None = None
        self._anchored_shape: Sequence[int] | None = None
        self._cache = NetworkCache()

    # --- The network ------------------------------------------------------------

    @property
    def keras_model(self) -> LegacySavingModel:
        """The network; it follows changes of the config that keep its weights."""
        return self._cache.model(self.config, self.geometry, self.class_names)

    def build(self, mode: str, config: Config) -> LegacySavingModel:
        """A fresh network for a config; `keras_model` holds the object's own."""
        check_mode(mode)
        config.validate()
        return network.build_network(
            config,
            self.geometry,
            class_names=self.class_names,
            model_class=LegacySavingModel,
        )

    def get_anchors(self, image_shape: Sequence[int]) -> np.ndarray:
        """Anchors for molded images of a shape (height, width) or more.

        Normalized, float32 [A, 4]; `anchors` holds them in pixels.
        """
        self._anchored_shape = tuple(image_shape)
        return self._cache.anchors(self.config, image_shape, self.geometry)

    @property
    def anchors(self) -> np.ndarray:
        """In pixels [A, 4], of the last `get_anchors` or else of IMAGE_SHAPE."""
        config, shape = self.config, self._anchored_shape or self.config.IMAGE_SHAPE
        return network_anchors.pixel_anchors_for_image(config, shape, self.geometry)

    # --- Molded images ----------------------------------------------------------

    def detect_molded(
        self,
        molded_images: np.ndarray,
        image_metas: np.ndarray,
        verbose: int = 0,
        *,
        proposals: Any = None,
        masks: bool = True,
    ) -> list[Instances]:
        """The instances in images that `mold_inputs` made ready, as one batch.

        `proposals` are as in `MaskRCNN.detect`, but in pixels of the molded images.
        """
        if verbose:
            logger.info("Processing %d images", len(molded_images))
        options = detection_options(*self._network(), masks=masks)
        return detect.detect_molded(
            molded_images, image_metas, proposals=proposals, **options
        )

    def mold_inputs(self, images: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Molded images [N, h, w, C], image metas [N, 12 + C] and windows [N, 4]."""
        return inputs.mold_inputs(
            images, self.config, pad_after_mean=self._convention.pad_after_mean
        )

    def unmold_detections(
        self,
        detections: np.ndarray,
        mrcnn_mask: np.ndarray,
        original_image_shape: Sequence[int],
        image_shape: Sequence[int],
        window: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """One image's network outputs in pixels of the image as loaded.

        `detections` [D, 6], `mrcnn_mask` [D, S, S, C] and `window` [4] become rois
        [N, 4] int32, class ids [N] int32, scores [N] float32, masks [H, W, N] bool.
        """
        instances = outputs.unmold(
            detections,
            mrcnn_mask,
            tuple(original_image_shape),
            tuple(image_shape),
            np.asarray(window),
            convention=self._convention,
            mask_threshold=self.config.MASK_THRESHOLD,
            paste_with_border=self.config.PASTE_WITH_BORDER,
        )
        return instances.rois, instances.class_ids, instances.scores, instances.masks

    # --- Looking inside ---------------------------------------------------------

    def run_graph(
        self,
        images: Any,
        outputs: Sequence[tuple[str, Any]],
        image_metas: np.ndarray | None = None,
        *,
        proposals: Any = None,
    ) -> OrderedDict[str, np.ndarray]:
        """Values of inner tensors for some images.

        `images` are as for `detect`, of one molded shape, or molded already if
        `image_metas` [N, 12 + C] are given. `outputs` are pairs of a title and a
        symbolic tensor or a layer's name; arrays come back by title, in that order.
        `proposals`, where the network needs them, are in pixels of the molded images.
        """
        model = self.keras_model
        if image_metas is None:
            images, image_metas, _ = self.mold_inputs(images)
        shapes = [np.shape(image) for image in images]
        given = list_proposals(proposals, shapes, self.config)
        rois = None if given is None else stack_rois(given)
        boxes = self._cache.boxes_to_look_at(self.config, images, self.geometry, rois)
        values = inspection.evaluate_tensors(
            model, outputs, [images, image_metas, boxes]
        )
        for title, array in values.items():
            logger.info("%-25s shape: %-20s %s", title, array.shape, array.dtype)
        return values

    def ancestor(
        self, tensor: Any, name: str, checked: list[Any] | None = None
    ) -> Any | None:
        """The tensor that the layer of a name made on the way to a tensor, or None."""
        return inspection.find_ancestor(tensor, name, checked)

    def find_trainable_layer(self, layer: keras.layers.Layer) -> keras.layers.Layer:
        """The layer that holds the weights, inside any wrappers around it."""
        return inspection.unwrap(layer)

    def get_trainable_layers(self) -> list[keras.layers.Layer]:
        """Layers that hold weights, in the network's order."""
        return inspection.layers_with_weights(self.keras_model)

    @property
    def _convention(self) -> Convention:
        return CONVENTIONS[self.geometry]

    def _network(
        self, config: Config | None = None
    ) -> tuple[NetworkCache, Config, GeometryName, list[str] | None]:
        return self._cache, config or self.config, self.geometry, self.class_names


def check_mode(mode: str) -> None:
    """Refuses what is neither training nor inference."""
    if mode not in MODES:
        raise ValueError(f"mode is {mode!r}, expected one of {MODES}.")
