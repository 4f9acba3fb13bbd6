"""Every knob of the system, its unit, its default and when to change it.

A config is a class: subclass `Config`, override the knobs that differ, and hand an
instance to `MaskRCNN`. Those in which whole systems differ are in `system_knobs.py`,
and those of a training run, its steps and its files, in `training_knobs.py`.
Values that follow from knobs (the last section) are computed when an instance is made.
How configs print, save and load is told in `knobs.py`, and what values are legal in
`config_checks.py`; `Config().validate()` checks them all.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from mrcnn.geometry.arrays import Array
from mrcnn.geometry.conventions import GeometryName
from mrcnn.knobs import Knobs
from mrcnn.system_knobs import SystemKnobs
from mrcnn.training_knobs import TrainingKnobs


class Config(SystemKnobs, TrainingKnobs, Knobs):
    """All knobs with their defaults, made to be subclassed."""

    # --- The experiment ---------------------------------------------------------

    # Short name of the experiment; the log folder and checkpoints are called after
    # it. Give each of your subclasses its own.
    NAME: str | None = None

    # Number of GPUs that share the work of a training step. Leave 1 on a CPU.
    GPU_COUNT = 1

    # Images that each GPU handles at once. A 12 GB GPU trains on two images of
    # 1024 x 1024; lower it when memory runs out, raise it for small images.
    IMAGES_PER_GPU = 2

    # Training steps in an epoch, each on one batch, rounded up. It need not match the
    # number of images: checkpoints are written and validation runs at the end of an
    # epoch, so lower it to see results more often.
    STEPS_PER_EPOCH = 1000

    # For configs of old: validation runs over the whole set, in order, whatever this
    # says, so that the losses of two epochs can be compared.
    VALIDATION_STEPS = 50

    # Which box conventions to compute with: "matterport" for weights that were
    # trained with that system, "aligned" for the paper's more accurate ones. None
    # follows the loaded weights (a file in matterport's layout that does not say
    # means "matterport") and is "aligned" without weights.
    GEOMETRY: GeometryName | None = None

    # --- Backbone and pyramid ---------------------------------------------------

    # The network that turns an image into features: "resnet18", "resnet34",
    # "resnet50" or "resnet101"; smaller ones are faster and less accurate. Or one of
    # keras.applications by its name there, such as "MobileNetV3Small" or "VGG16". Or a
    # function of your own, called as backbone(image, stage5=True, train_bn=TRAIN_BN),
    # that returns the stages [C1, C2, C3, C4, C5].
    BACKBONE: str | Callable[..., Any] = "resnet101"

    # With a function as BACKBONE: a function from the molded image's shape to the
    # [5, 2] heights and widths of the levels P2..P6. Not used otherwise.
    COMPUTE_BACKBONE_SHAPE: Callable[..., Any] | None = None

    # Pixels of the molded image that one cell covers on each of the levels P2..P6, or
    # to P5 or P7 with fewer or more of them. They belong to the backbone, FEATURES and
    # STEM_STRIDE; change them only with these or with a backbone of your own.
    BACKBONE_STRIDES: Sequence[int] = [4, 8, 16, 32, 64]

    # Channels of every pyramid level. Halve it for a light network that is trained
    # from scratch; published weights need 256.
    TOP_DOWN_PYRAMID_SIZE = 256

    # Width of the two fully connected layers of the box head, in units. Published
    # weights need 1024.
    FPN_CLASSIF_FC_LAYERS_SIZE = 1024

    # What BatchNorm layers do. False keeps the statistics and factors that came
    # with the weights, the right choice for small batches; None or True lets them
    # train like other layers, which pays from about 16 images a batch.
    TRAIN_BN: bool | None = False

    # Share of their old statistics that BatchNorm layers that train keep in a step.
    # Detection uses these statistics, so lower it to 0.9 for a few hundred steps from
    # scratch, in which 0.99 would not keep up.
    BATCH_NORM_MOMENTUM = 0.99

    # --- Classes ----------------------------------------------------------------

    # Number of classes, with the background as class 0: a dataset of cats and dogs
    # has 3. Every subclass has to set it.
    NUM_CLASSES = 1

    # --- Images -----------------------------------------------------------------

    # How an image becomes the network's input, the molded image:
    # "square"  resized between the two sides below, padded to IMAGE_MAX_DIM squared;
    # "pad64"   resized likewise, padded to the next multiples of 64, which spares
    #           the work on padding where images are long and narrow;
    # "crop"    enlarged where needed, then a random square of IMAGE_MIN_DIM is cut
    #           out, for training on small parts of large images;
    # "none"    left as it is; both sides must be multiples of 64;
    # "shorter_side"  resized up or down, so that the shorter side has IMAGE_MIN_DIM
    #           pixels or the longer one IMAGE_MAX_DIM, whichever is less, and padded
    #           at the bottom and the right to the next multiples of 32.
    IMAGE_RESIZE_MODE = "square"

    # Pixels that the image's shorter side is enlarged to at least, as far as
    # IMAGE_MAX_DIM allows. Raise it when objects are small.
    IMAGE_MIN_DIM = 800

    # Pixels that the image's longer side has at most. In "square" mode it is the
    # side of the molded image and a multiple of 64. Time and memory grow with its
    # square.
    IMAGE_MAX_DIM = 1024

    # Factor by which images are enlarged at least, even beyond IMAGE_MIN_DIM; 0 asks
    # for none, as the mode "shorter_side" does. Above 1 it makes small objects larger
    # than the smallest anchors.
    IMAGE_MIN_SCALE = 0

    # In place of IMAGE_MIN_DIM, sides of which training takes one at random for each
    # image, such as (640, 672, 704, 736, 768, 800). It makes up for few sizes of
    # objects in the data. None takes IMAGE_MIN_DIM; so does validation.
    TRAIN_SCALES: Sequence[int] | None = None

    # True makes up each training batch of images of like width over height, which
    # saves the padding between them in the modes that do not make all images alike.
    ASPECT_GROUPING = False

    # Channels of an image: 3 for colour, 1 for grey, 4 with an extra band. The first
    # layer of published weights, which is for RGB, is fitted to them when loaded.
    IMAGE_CHANNEL_COUNT = 3

    # Mean of each channel, 0..255 in RGB order, that is subtracted from images.
    # Needs one number for every channel. Keep it with published weights.
    MEAN_PIXEL: Array = np.array([123.7, 116.8, 103.9])

    # --- Anchors ----------------------------------------------------------------

    # Side in pixels of the square anchor of each of the levels P2..P6, or of all on a
    # single map. Bring them down when your objects, after resizing, are smaller than
    # the smallest.
    RPN_ANCHOR_SCALES: Sequence[float] = (32, 64, 128, 256, 512)

    # Width over height of the anchors of a cell. Add extreme ratios for very long
    # objects, such as poles or text lines.
    RPN_ANCHOR_RATIOS: Sequence[float] = [0.5, 1, 2]

    # Cells from one anchor to the next: 1 puts anchors on every cell, 2 on every
    # other one, which is faster and misses small objects.
    RPN_ANCHOR_STRIDE = 1

    # --- Proposals --------------------------------------------------------------

    # Anchors with the best scores that go into non-maximum suppression; the number
    # of an image. Lower is faster and may miss objects.
    PRE_NMS_LIMIT = 6000

    # IoU above which the worse of two proposals is dropped. Raise it to keep more
    # proposals of crowded objects.
    RPN_NMS_THRESHOLD = 0.7

    # Pixels of the molded image; proposals with a shorter side are dropped. 0 keeps
    # all, which small objects need.
    RPN_MIN_SIZE: float = 0

    # Proposals of an image after suppression, in training and in inference. Fewer
    # make the second stage faster; a few hundred do for images with few objects.
    POST_NMS_ROIS_TRAINING = 2000
    POST_NMS_ROIS_INFERENCE = 1000

    # --- Training the region proposal network -----------------------------------

    # Anchors of an image that the two RPN losses look at.
    RPN_TRAIN_ANCHORS_PER_IMAGE = 256

    # Share of these anchors, above 0 and up to 1, that may be positive. Negatives
    # fill the rest.
    RPN_POSITIVE_RATIO = 0.5

    # IoU with a ground-truth box from which an anchor is positive. An object's best
    # anchors are positive whatever their IoU. Lower it for objects of odd shapes
    # that few anchors match.
    RPN_POSITIVE_IOU = 0.7

    # IoU below which an anchor is negative; between the two it is not used.
    RPN_NEGATIVE_IOU = 0.3

    # An anchor or proposal that overlaps a crowd (an annotation that stands for many
    # instances) by more than this IoU is not used as background. 1 ignores crowds.
    CROWD_IOU = 0.001

    # Standard deviations of the RPN's deltas (dy, dx, log dh, log dw), by which
    # they are divided for training. Published weights need these.
    RPN_BBOX_STD_DEV: Array = np.array([0.1, 0.1, 0.2, 0.2])

    # Error of a delta, in standard deviations, up to which the RPN's box loss is a
    # parabola, and a line from there on; 0 makes it a line throughout. Smaller makes
    # the last bit of precision count for more; 1/9 is common.
    RPN_SMOOTH_L1_BETA = 1.0

    # --- Training the heads -----------------------------------------------------

    # True trains the heads on the RPN's proposals. False takes rois that the data
    # pipeline makes up, for debugging or for training the heads before the RPN.
    USE_RPN_ROIS = True

    # Ground-truth instances of an image that training can hold; a random choice of
    # so many is used where there are more. It costs memory, so raise it only if
    # your images need it.
    MAX_GT_INSTANCES = 100

    # Rois of an image that the heads train on. The paper uses 512; 200 leaves the
    # RPN enough positives to offer for the ratio below.
    TRAIN_ROIS_PER_IMAGE = 200

    # Share of these rois, above 0 and up to 1, that may be positive. Masks train on
    # positive rois only.
    ROI_POSITIVE_RATIO = 0.33

    # IoU with a ground-truth box from which a roi is positive and learns its class.
    ROI_POSITIVE_IOU = 0.5

    # Range of IoU, lower end included, in which a roi counts as background. A lower
    # end of 0.1 keeps to rois that touch an object, a cheap way of hard negatives.
    ROI_NEGATIVE_IOU_LOW = 0.0
    ROI_NEGATIVE_IOU_HIGH = 0.5

    # True adds the ground-truth boxes to the proposals that rois are drawn from, so
    # that the heads have positives before the RPN finds any. False trains on what
    # the RPN finds alone, as in detection.
    ROI_ADD_GT = True

    # Standard deviations of the box head's deltas, as RPN_BBOX_STD_DEV.
    BBOX_STD_DEV: Array = np.array([0.1, 0.1, 0.2, 0.2])

    # The same as RPN_SMOOTH_L1_BETA, for the box head.
    SMOOTH_L1_BETA = 1.0

    # What the two box losses are divided by: "positives" averages over the numbers
    # of positives; "sampled" divides their sum by all anchors or rois that were
    # drawn, as Detectron does, so that images with few objects teach boxes less.
    BOX_LOSS_NORM = "positives"

    # Dict of class names or class ids, 0 being the background, to the weight of a
    # roi of that class in the class loss; a class that is left out weighs 1, and
    # only ratios matter. Raise it for rare classes. None treats all alike.
    CLASS_WEIGHTS: dict[str | int, float] | None = None

    # How much less a roi whose class is right already counts in the class loss: its
    # loss is multiplied by its error to this power. 0 is plain cross entropy; 2, the
    # usual focal loss, helps where background drowns the objects.
    FOCAL_GAMMA = 0.0

    # True cuts each ground-truth mask to its box and shrinks it to MINI_MASK_SHAPE
    # (height, width) pixels, which saves most of the memory that large images with
    # many instances take. False, or a larger shape, keeps fine outlines.
    USE_MINI_MASK = True
    MINI_MASK_SHAPE: Sequence[int] = (56, 56)

    # --- Heads ------------------------------------------------------------------

    # Cells along a side of the features that the box head and the mask head see of
    # a roi.
    POOL_SIZE = 7
    MASK_POOL_SIZE = 14

    # Height and width of the mask head's patches in pixels, twice MASK_POOL_SIZE, or
    # just that with BOX_HEAD = "res5": change both together.
    MASK_SHAPE: Sequence[int] = [28, 28]

    # True predicts one box, or one mask, for a roi whatever its class, instead of one
    # for each class. It saves weights where there are many classes, and helps where
    # classes look alike or have few examples. Published weights need False.
    CLASS_AGNOSTIC_BOXES = False
    CLASS_AGNOSTIC_MASKS = False

    # Which level a roi takes its features from: one with a side of
    # ROI_CANONICAL_SCALE pixels from level ROI_CANONICAL_LEVEL (4 is P4), each
    # halving of the side from one level finer. Lower the scale where objects are
    # small in images of high resolution.
    ROI_CANONICAL_SCALE = 224
    ROI_CANONICAL_LEVEL = 4

    # --- Detection --------------------------------------------------------------

    # Detections of an image at most, best scores first. The mask head's time grows
    # with the number that is really found.
    DETECTION_MAX_INSTANCES = 100

    # Score, 0..1, that a detection needs; or a dict of class names or class ids to
    # scores, in which a class that is left out needs 0.7. For COCO's average
    # precision take 0.05 or less; for pictures, 0.7 or more.
    DETECTION_MIN_CONFIDENCE: float | dict[str | int, float] = 0.7

    # IoU above which the worse of two detections of a class is dropped. Raise it
    # (0.5 is common) where instances of a class overlap.
    DETECTION_NMS_THRESHOLD = 0.3

    # True lets detections of different classes suppress each other as well, so that
    # an object is not found under two names.
    DETECTION_CLASS_AGNOSTIC_NMS = False

    # False gives each roi its best class only. True lets it become a detection of
    # every class that scores high enough, as Detectron does; it gains a little
    # average precision.
    DETECTION_PER_CLASS = False

    # Pixels of the molded image; detections with a shorter side are dropped.
    DETECTION_MIN_SIZE: float = 0

    # The same as PRECISION, for detection; "mixed_bfloat16" takes two thirds of the
    # time where processors compute in it.
    DETECTION_PRECISION = "float32"

    # Probability, 0..1, from which a pixel belongs to a detection's mask. Lower
    # makes masks fatter.
    MASK_THRESHOLD = 0.5

    # --- Computed from the above ------------------------------------------------

    # Images of a training step over all GPUs: IMAGES_PER_GPU times GPU_COUNT.
    BATCH_SIZE: int

    # (height, width, channels) of the molded image: squares of IMAGE_MIN_DIM in
    # "crop" mode, of IMAGE_MAX_DIM otherwise; where molded images differ, as they do in
    # the mode "pad64", it is no more than a typical shape.
    IMAGE_SHAPE: Array

    # Numbers in an image's meta vector: 12 and one for each class.
    IMAGE_META_SIZE: int
