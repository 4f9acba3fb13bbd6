"""How `MaskRCNN` hands its network to the functions that detect.

Shapes: B images, h w molded height and width, C channels and classes.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from mrcnn.config import Config
from mrcnn.geometry.conventions import CONVENTIONS, GeometryName
from mrcnn.network_cache import NetworkCache


def detection_options(
    cache: NetworkCache,
    config: Config,
    geometry: GeometryName,
    class_names: Sequence[str] | None,
    *,
    masks: bool,
) -> dict[str, Any]:
    """Arguments of `inference.detect.detect` but for the images."""
    detector = cache.detector(config, geometry, class_names, masks=masks)

    def predict(molded_images: np.ndarray, image_metas: np.ndarray) -> tuple:
        anchors = cache.batch_anchors(config, molded_images, geometry)
        found = detector.predict_on_batch([molded_images, image_metas, anchors])
        return tuple(found) if masks else (found, None)

    return {
        "config": config,
        "predict": predict,
        "convention": CONVENTIONS[geometry],
        "masks": masks,
        "mask_threshold": config.MASK_THRESHOLD,
        "class_names": class_names,
    }
