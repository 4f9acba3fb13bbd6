"""The choices in which detectors of this family differ from each other.

Their defaults are matterport's. Each stands for itself; `presets.py` sets those of
other systems together. Weights fit the choices they were trained with, so change one
when you load weights of such a system, or train from scratch.
"""

from mrcnn.geometry.arrays import Array
from mrcnn.knobs import Knobs


class SystemKnobs(Knobs):
    """The knobs of `Config` that tell one system from another."""

    # --- Images -----------------------------------------------------------------

    # Standard deviation that images are divided by after the mean pixel is
    # subtracted, in units of 0..255: one number, or one for each channel. 1.0 leaves
    # values as they are; weights of PyTorch's model zoo need (58.395, 57.12, 57.375).
    PIXEL_STD: float | Array = 1.0

    # True gives resized images the fractions between whole grey levels, as systems do
    # that resize after subtracting the mean; images take four times the memory then.
    # False rounds resized images of whole numbers to whole numbers.
    RESIZE_TO_FLOAT = False

    # Order in which the network sees the channels of colour images: "RGB", or "BGR" as
    # networks do that were trained in Caffe. Images, MEAN_PIXEL and PIXEL_STD are RGB
    # either way, and first layers of files are turned round as needed.
    IMAGE_CHANNEL_ORDER = "RGB"

    # --- Backbone and pyramid ---------------------------------------------------

    # Which convolution of a ResNet's bottleneck halves the map: True for the first,
    # of 1x1, as in the paper; False for the 3x3 one, which loses less and is what
    # PyTorch's weights were trained with.
    STRIDE_IN_1X1 = True

    # True pads the maps that a ResNet halves alike on all sides, as PyTorch does;
    # False as TensorFlow does, which shifts features by up to half a cell.
    SYMMETRIC_PADDING = False

    # Whether convolutions that a BatchNorm follows have a bias as well. It learns
    # nothing that BatchNorm would not; take False where weights come without.
    BIAS_BEFORE_NORM = True

    # What BatchNorm layers add to the variance before they divide by its root.
    # PyTorch's weights need 0.00001.
    NORM_EPSILON = 0.001

    # Pixels of the image that a cell of a ResNet's first map covers: 4; 2 without the
    # pooling, 1 without any shrinking. All maps are finer by that, which finds smaller
    # objects and takes 4 or 16 times as long. Divide BACKBONE_STRIDES alike.
    STEM_STRIDE = 4

    # Where the region proposal network and the heads look: "pyramid", the levels from
    # P2 on; "C4" or "C5", the single map of 16 or 32 pixels a cell that the backbone
    # has. A single map has all RPN_ANCHOR_SCALES on every cell and one number as
    # BACKBONE_STRIDES.
    FEATURES = "pyramid"

    # True keeps the map's size in a ResNet's last stage and spreads its convolutions
    # out instead, so that "C5" has 16 pixels a cell, or a head of "res5" sees twice
    # the cells. Not for a pyramid.
    DILATED_STAGE5 = False

    # How levels beyond P5 are made, as many as BACKBONE_STRIDES has: "pool", every
    # second cell of the level before; "conv_p5" or "conv_c5", by convolutions of the
    # level before, the first of them on P5 or C5.
    EXTRA_LEVELS = "pool"

    # True starts the pyramid's lateral convolutions but the topmost at zero, so that
    # training begins with what the deepest stage knows.
    ZERO_INIT_LATERALS = False

    # True puts a BatchNorm after each convolution of the pyramid, which helps where
    # it trains from scratch with large batches.
    FPN_NORM = False

    # --- Region proposal network ------------------------------------------------

    # False leaves out the region proposal network, its anchors and its losses, which
    # makes it Fast R-CNN: the boxes to look at are the caller's, from `proposals=` of
    # `detect` and from `Dataset.load_proposals` in training and evaluation. Training
    # takes the first POST_NMS_ROIS_TRAINING of an image. Weights of an RPN in a file
    # are not used then.
    RPN_BRANCH = True

    # Channels of the region proposal network's hidden convolutions, and how many
    # there are, one after the other.
    RPN_CHANNELS = 512
    RPN_NUM_CONVS = 1

    # How an anchor is scored: "softmax" over object and background, two numbers for
    # each anchor, or "sigmoid" of one. Both learn the same; weights decide.
    RPN_OBJECTNESS = "softmax"

    # Where the distance between anchors of a level comes from: False takes
    # BACKBONE_STRIDES; True divides the image's sides by the cells of the level's
    # map, down to whole pixels, which is less where a map was rounded up.
    ANCHOR_STRIDES_FROM_MAPS = False

    # Where anchors are centred: so many cells, 0 to 1, down and right of their cell's
    # upper-left corner. 0.5 is the middle of the cell.
    ANCHOR_OFFSET = 0.0

    # Whether the corners of anchors are rounded to whole pixels about their centre.
    # None does as GEOMETRY says: "aligned" rounds them.
    ROUND_ANCHORS: bool | None = None

    # False ranks and suppresses the anchors of all levels together. True does so in
    # each level by itself, with PRE_NMS_LIMIT for each, so that large objects are
    # not crowded out by the many small anchors.
    RPN_PER_LEVEL = False

    # PRE_NMS_LIMIT in training; None for the same as in detection.
    PRE_NMS_LIMIT_TRAINING: int | None = None

    # True cuts proposals off where the picture ends; False lets them reach over the
    # padding of the molded image.
    RPN_CLIP_TO_WINDOW = False

    # --- Heads ------------------------------------------------------------------

    # How features of a roi are cut out: "align" samples them between cells, as the
    # paper does; "max" takes the largest of whole cells, as Faster R-CNN did, which is
    # less accurate, most of all for masks.
    ROI_POOLING = "align"

    # Where in a roi's level ROIAlign takes a cell's value to lie: True in the middle of
    # the cell, which is exact; False at its upper-left corner, as the paper's code
    # did. It has no effect in the geometry "matterport".
    ROI_HALF_PIXEL = False

    # Samples that ROIAlign takes along each side of a cell of a roi, and averages; 0
    # takes as many as that spans cells of the level, rounded up, which is slower and
    # more accurate for large rois. It has no effect in the geometry "matterport".
    ROI_BIN_SAMPLES = 2

    # How many levels rois take features from, P2 and coarser: 4 ends with P5, 1 takes
    # P2 alone, which is finest and serves where all objects are small.
    ROI_NUM_LEVELS = 4

    # Hidden layers of the box head: "conv", two fully connected ones with BatchNorm;
    # "2fc", the same without; "4conv1fc", four convolutions of 3x3 with BatchNorm and
    # one fully connected layer, slower and more accurate. FPN_CLASSIF_FC_LAYERS_SIZE
    # is the width of the fully connected ones. "res5" is a ResNet's last stage on each
    # roi, which the mask head shares; it goes with FEATURES = "C4", a POOL_SIZE of 14
    # and training from layers="5+" up.
    BOX_HEAD = "conv"

    # Share of what each fully connected layer of the box head puts out that a step of
    # training drops at random, 0..1. 0.5 keeps wide layers from learning small
    # datasets by heart; it wants longer training. "res5" has no such layers.
    BOX_HEAD_DROPOUT = 0.0

    # False leaves out the mask head, its loss and the masks of detections, which makes
    # it Faster R-CNN. Weights of masks in a file are not used then.
    MASK_BRANCH = True

    # Layers of the mask head: "conv", four convolutions, then one that doubles the
    # sides; "deconv", the latter alone, for features that a head has seen already;
    # "fc", two fully connected ones, which need no certain MASK_SHAPE and are less
    # accurate.
    MASK_HEAD = "conv"

    # Whether a BatchNorm follows each of the mask head's four convolutions.
    MASK_HEAD_NORM = True

    # How mask patches become masks: False as GEOMETRY says; True gives them a border
    # of zeros and pastes them into whole pixels, as Detectron and torchvision do,
    # which makes the masks of small objects up to a pixel larger.
    PASTE_WITH_BORDER = False

    # --- Training ---------------------------------------------------------------

    # What pyramid, RPN and heads start from without weights: "glorot", Keras' own
    # draw for all layers; "role", a draw for each layer's purpose as in Detectron,
    # in which predictions begin near zero and larger learning rates hold from the
    # first step on.
    INITIALIZERS = "glorot"

    # Pixels by which an anchor may reach over the picture's edges and still be used in
    # training the RPN; 0 takes those inside alone, as Detectron does. None takes all.
    RPN_STRADDLE_THRESHOLD: float | None = None

    # An object's best anchors are positive whatever their IoU, from this one up.
    # Raise it where poor anchors of odd objects hurt more than they help.
    RPN_FORCED_MIN_IOU = 0.0

    # Which object such an anchor learns if it overlaps another one more: False, the
    # object whose best it is, so that none goes without; True, the one it overlaps
    # most, as Detectron and torchvision have it.
    RPN_FORCED_KEEP_OWN = False

    # Share of a proposal, 0..1, that may lie in a crowd; of which more does is not used
    # in training the heads, neither as an object nor as background. 1 uses all.
    ROI_CROWD_COVER = 1.0

    # What the mask head learns of a cell of its patch: "share", how much of it the
    # ground-truth mask covers; "binary", whether that is half or more; "samples", the
    # mean of bilinear samples of the mask, half a pixel off, as torchvision does. It
    # has no effect in the geometry "matterport".
    MASK_TARGETS = "share"
