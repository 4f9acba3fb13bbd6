"""Configs of networks that tests build."""

from mrcnn.config import Config


class GoldenConfig(Config):
    """The network of the golden file of matterport's numbers."""

    NAME = "golden"
    BACKBONE = "resnet50"
    NUM_CLASSES = 81
    IMAGE_MIN_DIM = 256
    IMAGE_MAX_DIM = 256
    DETECTION_MIN_CONFIDENCE = 0.9


class TinyConfig(Config):
    """As little as a network can be; its outputs are noise, but not degenerate."""

    NAME = "tiny"
    BACKBONE = "resnet18"
    NUM_CLASSES = 3
    IMAGE_MIN_DIM = 64
    IMAGE_MAX_DIM = 64
    TOP_DOWN_PYRAMID_SIZE = 16
    FPN_CLASSIF_FC_LAYERS_SIZE = 32
    POST_NMS_ROIS_INFERENCE = 20
    DETECTION_MAX_INSTANCES = 10
    DETECTION_MIN_CONFIDENCE = 0.0
    DETECTION_PER_CLASS = True
    RPN_ANCHOR_SCALES = (8, 16, 32, 64, 128)
