"""Learning: a network that sees one scene over and over gives it back.

Shapes: N instances, H W the image.
"""

import keras
import numpy as np
import pytest

from mrcnn.data.shapes import Shape, ShapesDataset
from mrcnn.geometry.boxes import pairwise_iou
from mrcnn.geometry.masks import mask_bounds, pairwise_mask_iou
from mrcnn.mask_rcnn import MaskRCNN
from tests.small_configs import TinyConfig

SIDE = 128


class OverfitConfig(TinyConfig):
    NUM_CLASSES = 4
    IMAGES_PER_GPU = 2
    STEPS_PER_EPOCH = 120
    IMAGE_MIN_DIM = SIDE
    IMAGE_MAX_DIM = SIDE
    TOP_DOWN_PYRAMID_SIZE = 64
    FPN_CLASSIF_FC_LAYERS_SIZE = 128
    RPN_ANCHOR_SCALES = (16, 32, 64, 96, 128)
    ROI_CANONICAL_SCALE = 64
    POST_NMS_ROIS_TRAINING = 100
    RPN_TRAIN_ANCHORS_PER_IMAGE = 64
    TRAIN_ROIS_PER_IMAGE = 32
    DETECTION_MIN_CONFIDENCE = 0.7
    DETECTION_PER_CLASS = False
    TRAIN_BN = None
    BATCH_NORM_MOMENTUM = 0.9
    OPTIMIZER = "adamw"
    LEARNING_RATE = 0.001
    LEARNING_RATE_SCHEDULE = "cosine"
    WARMUP_STEPS = 20


def one_scene() -> ShapesDataset:
    """A single image with one shape of every class, in the classes' order."""
    dataset = ShapesDataset()
    dataset.load_shapes(0, SIDE, SIDE)
    dataset.add_image(
        "shapes",
        0,
        None,
        height=SIDE,
        width=SIDE,
        background=(40, 60, 90),
        shapes=[
            Shape("square", (220, 60, 60), center=(34, 32), radius=20),
            Shape("circle", (60, 200, 80), center=(40, 90), radius=26),
            Shape("triangle", (230, 210, 70), center=(94, 52), radius=28),
        ],
    )
    dataset.prepare()
    return dataset


@pytest.mark.slow
@pytest.mark.parametrize("geometry", ["aligned", "matterport"])
def test_a_network_that_sees_one_scene_only_gives_it_back(geometry, tmp_path):
    keras.utils.set_random_seed(0)
    dataset = one_scene()
    image, (masks, class_ids) = dataset.load_image(0), dataset.load_mask(0)
    config = OverfitConfig()
    config.GEOMETRY = geometry
    model = MaskRCNN(config=config, model_dir=tmp_path)
    history = model.train(
        dataset, epochs=1, layers="all", augmentation=False, verbose=0
    )
    assert np.isfinite(history.history["loss"][0])

    found = model.detect([image])[0]
    order = np.argsort(found.class_ids)
    np.testing.assert_array_equal(found.class_ids[order], class_ids)
    boxes = mask_bounds(masks).astype("float32")
    box_ious = pairwise_iou(boxes, found.rois[order].astype("float32"))
    assert box_ious.diagonal().min() > 0.9
    mask_ious = pairwise_mask_iou(masks, found.masks[..., order])
    assert mask_ious.diagonal().min() > 0.85

    scores = {}
    for precision in ("float32", "mixed_bfloat16"):
        model.config.DETECTION_PRECISION = precision
        scores[precision] = model.evaluate(dataset).coco.to_dict()
    for kind in ("boxes", "masks"):
        full, half = (found[kind]["AP"] for found in scores.values())
        assert full > 0.8
        assert half == pytest.approx(full, abs=0.05)
