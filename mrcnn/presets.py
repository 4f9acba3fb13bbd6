"""Other systems of the field, each described by what it does otherwise than matterport.

A preset is a `Config` to be subclassed like any other. Knobs that it does not mention
are as in `Config`, which is matterport's own system. Ratios of anchors are width over
height here, so that a system's (0.5, 1, 2) of height over width reads [2, 1, 0.5]: the
same anchors in the order of its weights. Images are RGB here; weights that were trained
on BGR ones are turned round when they are read.
"""

from collections.abc import Sequence

import numpy as np

from mrcnn.config import Config
from mrcnn.geometry.arrays import Array


class Matterport(Config):
    """Mask R-CNN of matterport: ResNet-FPN in its own geometry.

    Square images, anchors of all levels ranked together, BatchNorm in the heads, a
    roi's best class only.
    """

    NAME = "matterport"
    GEOMETRY = "matterport"
    NUM_CLASSES = 81


class _Paper(Config):
    """What the systems after the paper have in common: Faster R-CNN with a pyramid.

    Images are scaled by their shorter side and padded at the bottom and the right. The
    statistics of a ResNet-50 stay as they are. The RPN has one logit for each anchor
    and treats each level by itself; the box head has two fully connected layers, the
    mask head four convolutions, none of them normalized. A roi may be a detection of
    several classes.
    """

    GEOMETRY = "aligned"
    NUM_CLASSES = 81

    IMAGE_RESIZE_MODE = "shorter_side"
    IMAGE_MIN_DIM = 800
    IMAGE_MAX_DIM = 1333

    BACKBONE = "resnet50"
    SYMMETRIC_PADDING = True
    BIAS_BEFORE_NORM = False
    NORM_EPSILON = 1e-5

    RPN_ANCHOR_RATIOS: Sequence[float] = [2, 1, 0.5]
    RPN_CHANNELS = 256
    RPN_OBJECTNESS = "sigmoid"
    RPN_BBOX_STD_DEV = np.array([1.0, 1.0, 1.0, 1.0])
    RPN_PER_LEVEL = True
    RPN_CLIP_TO_WINDOW = True
    PRE_NMS_LIMIT = 1000
    PRE_NMS_LIMIT_TRAINING = 2000

    BOX_HEAD = "2fc"
    MASK_HEAD_NORM = False
    DETECTION_PER_CLASS = True
    DETECTION_MIN_CONFIDENCE = 0.05
    DETECTION_NMS_THRESHOLD = 0.5

    TRAIN_ROIS_PER_IMAGE = 512
    ROI_POSITIVE_RATIO = 0.25
    RPN_SMOOTH_L1_BETA = 1 / 9
    BOX_LOSS_NORM = "sampled"
    INITIALIZERS = "role"
    RPN_FORCED_KEEP_OWN = True
    CROWD_IOU = 1.0
    MASK_TARGETS = "binary"
    USE_MINI_MASK = False
    LEARNING_RATE = 0.02
    LEARNING_RATE_BATCH_SIZE = 16


class _C4(_Paper):
    """What the systems after the paper have in common without a pyramid.

    The region proposal network looks at C4 with anchors of all scales; the last stage
    of the ResNet runs on each roi, for the box head and the mask head alike.
    """

    FEATURES = "C4"
    BACKBONE_STRIDES: Sequence[int] = [16]
    RPN_CHANNELS = 1024
    PRE_NMS_LIMIT = 6000
    PRE_NMS_LIMIT_TRAINING = 12000
    BOX_HEAD = "res5"
    POOL_SIZE = 14
    ROI_BIN_SAMPLES = 0
    MASK_HEAD = "deconv"
    MASK_SHAPE: Sequence[int] = [14, 14]


class Torchvision(_Paper):
    """`maskrcnn_resnet50_fpn` of torchvision.

    Images are standardized and keep fractions of grey levels; the ResNet halves its
    maps in convolutions of 3x3; anchors are closer together where a map was rounded
    up; boxes without area are dropped; mask patches get a border before they are
    pasted.

    Weights that torchvision publishes as COCO_V1 were trained with a NORM_EPSILON of 0.
    """

    NAME = "torchvision"
    NUM_CLASSES = 91

    RESIZE_TO_FLOAT = True
    MEAN_PIXEL = np.array([123.675, 116.28, 103.53])
    PIXEL_STD: float | Array = np.array([58.395, 57.12, 57.375])
    STRIDE_IN_1X1 = False
    ANCHOR_STRIDES_FROM_MAPS = True
    RPN_MIN_SIZE = 0.001
    SMOOTH_L1_BETA = 1 / 9
    DETECTION_MIN_SIZE = 0.01
    PASTE_WITH_BORDER = True
    MASK_TARGETS = "samples"


class TorchvisionV2(Torchvision):
    """`maskrcnn_resnet50_fpn_v2` of torchvision, trained longer with larger heads.

    As `Torchvision`, with BatchNorm that learns in the backbone, the pyramid and both
    heads, an RPN of two convolutions and a box head of four and one fully connected
    layer.
    """

    NAME = "torchvision_v2"
    TRAIN_BN = True
    BATCH_NORM_MOMENTUM = 0.9
    FPN_NORM = True
    RPN_NUM_CONVS = 2
    BOX_HEAD = "4conv1fc"
    MASK_HEAD_NORM = True


class Detectron(_Paper):
    """Detectron and its port to PyTorch: Mask R-CNN with R-50-FPN.

    Images minus the mean pixel, a ResNet that halves its maps in convolutions of 1x1
    and in which BatchNorm is a mere scale and shift, anchors in the middle of their
    cells, mask patches that get a border before they are pasted.
    """

    NAME = "detectron"
    MEAN_PIXEL = np.array([122.7717, 115.9465, 102.9801])
    NORM_EPSILON = 0.0
    ANCHOR_OFFSET = 0.5
    PASTE_WITH_BORDER = True
    RPN_STRADDLE_THRESHOLD = 0
    ROI_CROWD_COVER = 0.7


class DetectronFasterRCNN(Detectron):
    """Detectron's Faster R-CNN with R-50-FPN: the same without masks."""

    NAME = "detectron_faster_rcnn"
    MASK_BRANCH = False


class DetectronFastRCNN(DetectronFasterRCNN):
    """Detectron's Fast R-CNN with R-50-FPN: without an RPN as well."""

    NAME = "detectron_fast_rcnn"
    RPN_BRANCH = False


class DetectronC4(_C4, Detectron):
    """Detectron's Mask R-CNN with R-50-C4."""

    NAME = "detectron_c4"


class MaskRCNNBenchmark(Detectron):
    """maskrcnn-benchmark: Detectron's Mask R-CNN with R-50-FPN, written in PyTorch.

    It trains on data without crowds.
    """

    NAME = "maskrcnn_benchmark"
    ROI_CROWD_COVER = 1.0


class MaskRCNNBenchmarkC4(_C4, MaskRCNNBenchmark):
    """maskrcnn-benchmark's Mask R-CNN with R-50-C4."""

    NAME = "maskrcnn_benchmark_c4"


class PyFasterRCNN(Config):
    """py-faster-rcnn: Faster R-CNN with VGG-16, for the 20 classes of Pascal VOC.

    Images of 600 pixels minus the mean pixel; one map of 16 pixels a cell, the last
    that VGG-16 convolves, with anchors of 8, 16 and 32 times 16 pixels; two fully
    connected layers of 4096 on each roi, of which training drops half.
    """

    NAME = "py_faster_rcnn"
    GEOMETRY = "aligned"
    NUM_CLASSES = 21

    IMAGE_RESIZE_MODE = "shorter_side"
    IMAGE_MIN_DIM = 600
    IMAGE_MAX_DIM = 1000
    MEAN_PIXEL = np.array([122.7717, 115.9465, 102.9801])

    BACKBONE = "VGG16"
    FEATURES = "C4"
    BACKBONE_STRIDES: Sequence[int] = [16]
    MASK_BRANCH = False

    RPN_ANCHOR_SCALES: Sequence[float] = (128, 256, 512)
    RPN_ANCHOR_RATIOS: Sequence[float] = [2, 1, 0.5]
    ANCHOR_OFFSET = 0.5
    RPN_BBOX_STD_DEV = np.array([1.0, 1.0, 1.0, 1.0])
    RPN_STRADDLE_THRESHOLD = 0
    RPN_MIN_SIZE = 16
    RPN_CLIP_TO_WINDOW = True
    RPN_FORCED_KEEP_OWN = True
    CROWD_IOU = 1.0
    PRE_NMS_LIMIT_TRAINING = 12000
    POST_NMS_ROIS_INFERENCE = 300

    ROI_POOLING = "max"
    BOX_HEAD = "2fc"
    FPN_CLASSIF_FC_LAYERS_SIZE = 4096
    BOX_HEAD_DROPOUT = 0.5
    DETECTION_PER_CLASS = True
    DETECTION_MIN_CONFIDENCE = 0.05

    TRAIN_ROIS_PER_IMAGE = 128
    ROI_POSITIVE_RATIO = 0.25
    RPN_SMOOTH_L1_BETA = 1 / 9
    BOX_LOSS_NORM = "sampled"
    INITIALIZERS = "role"
    WEIGHT_DECAY = 0.0005


class FastRCNN(PyFasterRCNN):
    """Fast R-CNN with VGG-16: py-faster-rcnn on proposals of the caller.

    Rois that overlap no object at all are not background to learn from.
    """

    NAME = "fast_rcnn"
    RPN_BRANCH = False
    ROI_NEGATIVE_IOU_LOW = 0.1


class Detectron2(_Paper):
    """detectron2: Mask R-CNN with R-50-FPN.

    Images minus the mean pixel, a ResNet that halves its maps in convolutions of 1x1,
    anchors with fractions, ROIAlign about the middle of cells with more samples for
    larger rois, losses of boxes that are lines throughout, several scales in training.
    """

    NAME = "detectron2"
    MEAN_PIXEL = np.array([123.675, 116.28, 103.53])
    TRAIN_SCALES: Sequence[int] | None = (640, 672, 704, 736, 768, 800)
    ROUND_ANCHORS = False
    ROI_HALF_PIXEL = True
    ROI_BIN_SAMPLES = 0
    POST_NMS_ROIS_TRAINING = 1000
    RPN_SMOOTH_L1_BETA = 0.0
    SMOOTH_L1_BETA = 0.0


class Detectron2C4(_C4, Detectron2):
    """detectron2's Mask R-CNN with R-50-C4."""

    NAME = "detectron2_c4"
    POST_NMS_ROIS_TRAINING = 2000


class MMDetection(_Paper):
    """MMDetection 2 and 3: Mask R-CNN with R-50-FPN in its style "pytorch".

    Images are standardized, a ResNet that halves its maps in convolutions of 3x3,
    anchors with fractions, ROIAlign about the middle of cells with more samples for
    larger rois, losses of boxes that are lines throughout.
    """

    NAME = "mmdetection"
    MEAN_PIXEL = np.array([123.675, 116.28, 103.53])
    PIXEL_STD: float | Array = np.array([58.395, 57.12, 57.375])
    STRIDE_IN_1X1 = False
    ROUND_ANCHORS = False
    ROI_HALF_PIXEL = True
    ROI_BIN_SAMPLES = 0
    POST_NMS_ROIS_TRAINING = 1000
    RPN_FORCED_MIN_IOU = 0.3
    RPN_FORCED_KEEP_OWN = False
    RPN_SMOOTH_L1_BETA = 0.0
    SMOOTH_L1_BETA = 0.0


class MMDetectionFasterRCNN(MMDetection):
    """MMDetection's Faster R-CNN with R-50-FPN: the same without masks."""

    NAME = "mmdetection_faster_rcnn"
    MASK_BRANCH = False
