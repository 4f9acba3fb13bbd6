"""How `MaskRCNN` hands its network to the functions that detect.

Shapes: B images, h w molded height and width, C channels and classes.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from mrcnn.config import Config
from mrcnn.geometry.conventions import CONVENTIONS, GeometryName
from mrcnn.inference.detect import detect
from mrcnn.inference.results import Instances
from mrcnn.inference.views import View, detect_in_views, list_views, scaled_config
from mrcnn.network_cache import NetworkCache


def finder(
    cache: NetworkCache,
    config: Config,
    geometry: GeometryName,
    class_names: Sequence[str] | None,
    *,
    masks: bool = True,
    flip: bool = False,
    scales: Sequence[float] = (1,),
) -> Callable[..., list[Instances]]:
    """A function of images and more of `inference.detect.detect` that finds instances.

    With `flip`, or scales other than 1, it looks at several views of each image.
    """

    def look(view: View) -> Callable[..., list[Instances]]:
        seen = scaled_config(config, view.scale)
        return partial(
            detect, **detection_options(cache, seen, geometry, class_names, masks=masks)
        )

    views = list_views(flip, scales)
    if views == [View()]:
        return look(View())
    detectors = [(view, look(view)) for view in views]
    return partial(detect_in_views, detectors=detectors, config=config)


def detection_options(
    cache: NetworkCache,
    config: Config,
    geometry: GeometryName,
    class_names: Sequence[str] | None,
    *,
    masks: bool,
) -> dict[str, Any]:
    """Arguments of `inference.detect.detect` but for the images."""
    masks = masks and config.MASK_BRANCH
    detector = cache.detector(config, geometry, class_names, masks=masks)

    def predict(
        molded_images: np.ndarray,
        image_metas: np.ndarray,
        rois: np.ndarray | None = None,
    ) -> tuple:
        boxes = cache.boxes_to_look_at(config, molded_images, geometry, rois)
        found = detector.predict_on_batch([molded_images, image_metas, boxes])
        return tuple(found) if masks else (found, None)

    return {
        "config": config,
        "predict": predict,
        "convention": CONVENTIONS[geometry],
        "masks": masks,
        "mask_threshold": config.MASK_THRESHOLD,
        "class_names": class_names,
    }
