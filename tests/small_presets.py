"""Presets of other systems, with networks as small as tests need them."""

from mrcnn.config import Config
from mrcnn.presets import (
    Detectron,
    Detectron2,
    Detectron2C4,
    DetectronC4,
    DetectronFasterRCNN,
    DetectronFastRCNN,
    FastRCNN,
    MaskRCNNBenchmark,
    MaskRCNNBenchmarkC4,
    Matterport,
    MMDetection,
    MMDetectionFasterRCNN,
    PyFasterRCNN,
    Torchvision,
    TorchvisionV2,
)

PRESETS: list[type[Config]] = [
    Matterport,
    Torchvision,
    TorchvisionV2,
    Detectron,
    DetectronFasterRCNN,
    DetectronFastRCNN,
    DetectronC4,
    PyFasterRCNN,
    FastRCNN,
    MaskRCNNBenchmark,
    MaskRCNNBenchmarkC4,
    Detectron2,
    Detectron2C4,
    MMDetection,
    MMDetectionFasterRCNN,
]

SMALL = {
    "BACKBONE": "resnet18",
    "NUM_CLASSES": 4,
    "TRAIN_SCALES": None,
    "RPN_ANCHOR_SCALES": (16, 32, 48, 64, 128),
    "TOP_DOWN_PYRAMID_SIZE": 32,
    "FPN_CLASSIF_FC_LAYERS_SIZE": 64,
    "RPN_CHANNELS": 32,
    "PRE_NMS_LIMIT": 200,
    "PRE_NMS_LIMIT_TRAINING": 200,
    "POST_NMS_ROIS_TRAINING": 100,
    "POST_NMS_ROIS_INFERENCE": 50,
    "TRAIN_ROIS_PER_IMAGE": 32,
}


def tiny_preset(preset: type[Config], **knobs: object) -> Config:
    """A preset for images of 96 x 128 pixels and three classes of objects."""
    shorter = 128 if preset.IMAGE_RESIZE_MODE == "square" else 96
    sides = {"IMAGE_MIN_DIM": shorter, "IMAGE_MAX_DIM": 128}
    return type("Tiny", (preset,), {**SMALL, **sides, **knobs})()
