"""Makes the samples' configs tiny, so that tests can run them to the end."""

from pathlib import Path

import pytest
from PIL import Image

from mrcnn.config import Config
from mrcnn.data.shapes import ShapesDataset
from mrcnn.model import MaskRCNN

SIDE = 64

KNOBS = {
    "BACKBONE": "resnet18",
    "IMAGES_PER_GPU": 1,
    "STEPS_PER_EPOCH": 1,
    "IMAGE_MIN_DIM": SIDE,
    "IMAGE_MAX_DIM": SIDE,
    "TOP_DOWN_PYRAMID_SIZE": 16,
    "FPN_CLASSIF_FC_LAYERS_SIZE": 16,
    "RPN_ANCHOR_SCALES": (8, 16, 32, 64, 128),
    "PRE_NMS_LIMIT": 50,
    "POST_NMS_ROIS_TRAINING": 20,
    "POST_NMS_ROIS_INFERENCE": 20,
    "TRAIN_ROIS_PER_IMAGE": 8,
    "DETECTION_MAX_INSTANCES": 5,
    # Whatever the random network finds is taken.
    "DETECTION_MIN_CONFIDENCE": 0.0,
    "DETECTION_PER_CLASS": True,
    "WARMUP_STEPS": 0,
}


def make_tiny(monkeypatch: pytest.MonkeyPatch, *configs: type[Config]) -> None:
    """Sets the knobs of config classes, for one test."""
    for config in configs:
        for name, value in KNOBS.items():
            monkeypatch.setattr(config, name, value)


def write_weights(path: Path, config: Config) -> Path:
    """A file of random weights that a config's network takes."""
    MaskRCNN(config=config).keras_model.save_weights(path)
    return path


def drawn_shapes(num_images: int) -> ShapesDataset:
    """Small images of squares, circles and triangles."""
    dataset = ShapesDataset()
    dataset.load_shapes(num_images, SIDE, SIDE, seed=3)
    dataset.prepare()
    return dataset


def write_image(path: Path, pixels) -> None:
    """Pixels as an image file; its folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
