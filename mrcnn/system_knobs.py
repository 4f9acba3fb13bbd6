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

    # True puts a BatchNorm after each convolution of the pyramid, which helps where
    # it trains from scratch with large batches.
    FPN_NORM = False

    # --- Region proposal network ------------------------------------------------

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

    # Where in a roi's level ROIAlign takes a cell's value to lie: True in the middle of
    # the cell, which is exact; False at its upper-left corner, as the paper's code
    # did. It has no effect in the geometry "matterport".
    ROI_HALF_PIXEL = False

    # Hidden layers of the box head: "conv", two fully connected ones with BatchNorm;
    # "2fc", the same without; "4conv1fc", four convolutions of 3x3 with BatchNorm and
    # one fully connected layer, slower and more accurate. FPN_CLASSIF_FC_LAYERS_SIZE
    # is the width of the fully connected ones.
    BOX_HEAD = "conv"

    # Whether a BatchNorm follows each of the mask head's four convolutions.
    MASK_HEAD_NORM = True

    # How mask patches become masks: False as GEOMETRY says; True gives them a border
    # of zeros and pastes them into whole pixels, as Detectron and torchvision do,
    # which makes the masks of small objects up to a pixel larger.
    PASTE_WITH_BORDER = False
