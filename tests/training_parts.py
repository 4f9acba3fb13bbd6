"""A small network's parts and a drawn batch to train it on.

Shapes: B images, G gt slots.
"""

import numpy as np

from mrcnn import network, network_anchors
from mrcnn.config import Config
from mrcnn.geometry.conventions import GeometryName
from mrcnn.geometry.mini_masks import minimize_masks
from mrcnn.image_meta import compose_image_meta
from mrcnn.network import NetworkParts
from tests.scenes import Scene, rectangle_scene


class TrainingConfig(Config):
    NAME = "training"
    BACKBONE = "resnet18"
    NUM_CLASSES = 4
    IMAGE_MIN_DIM = 128
    IMAGE_MAX_DIM = 128
    TOP_DOWN_PYRAMID_SIZE = 16
    FPN_CLASSIF_FC_LAYERS_SIZE = 32
    POST_NMS_ROIS_TRAINING = 50
    POST_NMS_ROIS_INFERENCE = 20
    TRAIN_ROIS_PER_IMAGE = 24
    RPN_TRAIN_ANCHORS_PER_IMAGE = 64
    RPN_ANCHOR_SCALES = (8, 16, 32, 64, 128)
    MINI_MASK_SHAPE = (28, 28)


SIDE = TrainingConfig.IMAGE_MAX_DIM

SCENES = [
    rectangle_scene((SIDE, SIDE), [[8, 16, 56, 60], [70, 30, 120, 118]], [1, 3]),
    rectangle_scene((SIDE, SIDE), [[20, 20, 100, 110]], [2]),
]
EMPTY = rectangle_scene((SIDE, SIDE), [], [])


def parts_of(config: Config, geometry: GeometryName) -> NetworkParts:
    """A network's parts."""
    _, parts = network.assemble_network(config, geometry)
    return parts


def batch_of(
    config: Config,
    geometry: GeometryName,
    scenes: list[Scene],
    *,
    slots: int = 4,
    active: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
    """The inputs of the training graph for drawn scenes, by name."""
    mask_shape = config.MINI_MASK_SHAPE if config.USE_MINI_MASK else (SIDE, SIDE)
    class_ids = np.zeros((len(scenes), slots), "int32")
    boxes = np.zeros((len(scenes), slots, 4), "float32")
    masks = np.zeros((len(scenes), *mask_shape, slots), bool)
    for i, scene in enumerate(scenes):
        count = len(scene.boxes)
        class_ids[i, :count], boxes[i, :count] = scene.class_ids, scene.boxes
        masks[i, ..., :count] = (
            minimize_masks(scene.masks, scene.boxes, mask_shape)
            if config.USE_MINI_MASK
            else scene.masks
        )
    if active is None:
        active = np.ones((len(scenes), config.NUM_CLASSES))
    shape = (SIDE, SIDE, 3)
    metas = [
        compose_image_meta(0, shape, shape, (0, 0, *shape[:2]), 1, a) for a in active
    ]
    anchors = network_anchors.anchors_for_image(config, shape, geometry)
    images = np.stack([scene.image - config.MEAN_PIXEL for scene in scenes])
    return {
        "input_image": images.astype("float32"),
        "input_image_meta": np.array(metas, "float32"),
        "input_anchors": np.repeat(anchors[None], len(scenes), axis=0),
        "input_gt_class_ids": class_ids,
        "input_gt_boxes": boxes,
        "input_gt_masks": masks,
    }
