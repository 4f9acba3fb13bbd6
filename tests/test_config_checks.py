import math

import numpy as np
import pytest

from mrcnn.config import Config
from mrcnn.config_checks import RELATIONS, RULES, check_config, find_problems
from mrcnn.knobs import DERIVED
from mrcnn.system_knobs import SystemKnobs
from mrcnn.training_knobs import TrainingKnobs

NAN = math.nan


def shape_function(image_shape):
    return [image_shape]


def changed(**knobs) -> Config:
    config = Config()
    for name, value in knobs.items():
        setattr(config, name, value)
    return config


COUNTS = [
    "GPU_COUNT",
    "IMAGES_PER_GPU",
    "TOP_DOWN_PYRAMID_SIZE",
    "FPN_CLASSIF_FC_LAYERS_SIZE",
    "NUM_CLASSES",
    "IMAGE_MIN_DIM",
    "IMAGE_MAX_DIM",
    "IMAGE_CHANNEL_COUNT",
    "RPN_ANCHOR_STRIDE",
    "PRE_NMS_LIMIT",
    "POST_NMS_ROIS_TRAINING",
    "POST_NMS_ROIS_INFERENCE",
    "RPN_TRAIN_ANCHORS_PER_IMAGE",
    "MAX_GT_INSTANCES",
    "TRAIN_ROIS_PER_IMAGE",
    "POOL_SIZE",
    "MASK_POOL_SIZE",
    "DETECTION_MAX_INSTANCES",
    "ROI_CANONICAL_LEVEL",
    "BATCH_SIZE",
    "ACCUMULATE_STEPS",
    "RPN_CHANNELS",
    "RPN_NUM_CONVS",
]
UNIT_RANGES = [
    "RPN_NMS_THRESHOLD",
    "RPN_POSITIVE_IOU",
    "RPN_NEGATIVE_IOU",
    "RPN_FORCED_MIN_IOU",
    "CROWD_IOU",
    "ROI_POSITIVE_IOU",
    "ROI_NEGATIVE_IOU_LOW",
    "ROI_NEGATIVE_IOU_HIGH",
    "RPN_POSITIVE_RATIO",
    "ROI_POSITIVE_RATIO",
    "DETECTION_MIN_CONFIDENCE",
    "DETECTION_NMS_THRESHOLD",
    "MASK_THRESHOLD",
    "LEARNING_MOMENTUM",
    "BATCH_NORM_MOMENTUM",
    "ANCHOR_OFFSET",
    "BOX_HEAD_DROPOUT",
    "ROI_CROWD_COVER",
]
NOT_NEGATIVE = [
    "VALIDATION_STEPS",
    "IMAGE_MIN_SCALE",
    "RPN_MIN_SIZE",
    "DETECTION_MIN_SIZE",
    "WEIGHT_DECAY",
    "RPN_SMOOTH_L1_BETA",
    "SMOOTH_L1_BETA",
    "FOCAL_GAMMA",
    "NORM_EPSILON",
]
ABOVE_ZERO = [
    "STEPS_PER_EPOCH",
    "ROI_CANONICAL_SCALE",
    "LEARNING_RATE",
    "GRADIENT_CLIP_NORM",
]
QUOTAS = ["RPN_POSITIVE_RATIO", "ROI_POSITIVE_RATIO"]
SWITCHES = [
    "USE_MINI_MASK",
    "USE_RPN_ROIS",
    "ROI_ADD_GT",
    "CLASS_AGNOSTIC_BOXES",
    "CLASS_AGNOSTIC_MASKS",
    "DETECTION_PER_CLASS",
    "DETECTION_CLASS_AGNOSTIC_NMS",
    "TRAIN_BN",
    "ASPECT_GROUPING",
    "RESIZE_TO_FLOAT",
    "STRIDE_IN_1X1",
    "SYMMETRIC_PADDING",
    "BIAS_BEFORE_NORM",
    "FPN_NORM",
    "ANCHOR_STRIDES_FROM_MAPS",
    "ROI_HALF_PIXEL",
    "ROUND_ANCHORS",
    "RPN_PER_LEVEL",
    "RPN_CLIP_TO_WINDOW",
    "MASK_HEAD_NORM",
    "MASK_BRANCH",
    "RPN_BRANCH",
    "ZERO_INIT_LATERALS",
    "PASTE_WITH_BORDER",
    "RPN_FORCED_KEEP_OWN",
]
ROWS = [
    "BACKBONE_STRIDES",
    "MEAN_PIXEL",
    "RPN_ANCHOR_SCALES",
    "RPN_ANCHOR_RATIOS",
    "RPN_BBOX_STD_DEV",
    "BBOX_STD_DEV",
    "MINI_MASK_SHAPE",
    "MASK_SHAPE",
    "IMAGE_SHAPE",
]
NO_NUMBERS = ["7", NAN, math.inf, True, np.bool_(True), [7], np.float32(NAN), 1j]

BAD_VALUES = [
    *[(name, bad) for name in COUNTS for bad in [0, -1, 2.5, None, *NO_NUMBERS]],
    *[(name, bad) for name in UNIT_RANGES for bad in [-0.1, 1.1, None, *NO_NUMBERS]],
    *[(name, bad) for name in NOT_NEGATIVE for bad in [-0.1, None, *NO_NUMBERS]],
    *[(name, bad) for name in ABOVE_ZERO for bad in [0, -1, *NO_NUMBERS]],
    *[(name, 0) for name in QUOTAS],
    *[(name, bad) for name in SWITCHES for bad in [0, 1, "yes", NAN, np.bool_(1)]],
    *[(name, bad) for name in ROWS for bad in [7, None, [], "7", [[7], [7, 8]], {}]],
    *[(name, [bad] * 3) for name in ROWS for bad in ["7", NAN, True, None]],
    *[(name, np.array([NAN] * 4)) for name in ("RPN_BBOX_STD_DEV", "BBOX_STD_DEV")],
    ("NAME", ""),
    ("NAME", "a/b"),
    ("NAME", 7),
    ("GEOMETRY", "paper"),
    ("BACKBONE", "resnet"),
    ("BACKBONE", None),
    ("COMPUTE_BACKBONE_SHAPE", "function"),
    ("BACKBONE_STRIDES", [4, 8, 16]),
    ("BACKBONE_STRIDES", [2, 4, 8, 16, 32]),
    ("IMAGE_RESIZE_MODE", "squared"),
    ("IMAGE_RESIZE_MODE", None),
    ("IMAGE_MAX_DIM", 1000),
    ("TRAIN_SCALES", 800),
    ("TRAIN_SCALES", []),
    ("TRAIN_SCALES", [640, 0]),
    ("TRAIN_SCALES", [640, 1025]),
    ("MEAN_PIXEL", [1.0]),
    ("MEAN_PIXEL", np.zeros((1, 3))),
    *[("PIXEL_STD", bad) for bad in (0, -1, None, NAN, [], [1, 0, 1], [1, 2], "1")],
    ("PRE_NMS_LIMIT_TRAINING", 0),
    ("PRE_NMS_LIMIT_TRAINING", 0.5),
    ("RPN_OBJECTNESS", "logistic"),
    *[("RPN_STRADDLE_THRESHOLD", bad) for bad in (-1, NAN, "0", [0])],
    ("MASK_TARGETS", "polygons"),
    ("MASK_TARGETS", None),
    ("INITIALIZERS", "normal"),
    ("STEM_STRIDE", 3),
    ("STEM_STRIDE", True),
    ("FEATURES", "P4"),
    ("FEATURES", None),
    ("DILATED_STAGE5", True),
    ("EXTRA_LEVELS", "conv"),
    ("MASK_HEAD", "mlp"),
    ("ROI_NUM_LEVELS", 0),
    ("ROI_POOLING", "average"),
    *[("ROI_BIN_SAMPLES", bad) for bad in (-1, 0.5, None, True)],
    *[("IMAGE_CHANNEL_ORDER", bad) for bad in ("bgr", "GRB", None, 3)],
    ("BOX_HEAD", "res5"),
    ("BOX_HEAD", "3fc"),
    ("BOX_HEAD", None),
    ("RPN_ANCHOR_SCALES", (32, 64)),
    ("RPN_ANCHOR_SCALES", (0, 64, 128, 256, 512)),
    ("RPN_ANCHOR_RATIOS", [0.5, -1]),
    ("RPN_BBOX_STD_DEV", [0.1, 0.1, 0.2]),
    ("BBOX_STD_DEV", [0.1, 0.1, 0.2, 0]),
    ("MINI_MASK_SHAPE", (56, 0)),
    ("MASK_SHAPE", [28, 14]),
    ("MASK_SHAPE", [28, 28, 1]),
    ("RPN_NEGATIVE_IOU", 0.8),
    ("ROI_NEGATIVE_IOU_LOW", 0.6),
    ("ROI_NEGATIVE_IOU_HIGH", 0.6),
    ("ROI_CANONICAL_LEVEL", 6),
    ("DETECTION_MIN_CONFIDENCE", {0: 0.5}),
    ("DETECTION_MIN_CONFIDENCE", {1: 0.5}),
    ("DETECTION_MIN_CONFIDENCE", {"cat": 7}),
    ("DETECTION_MIN_CONFIDENCE", {"cat": NAN}),
    ("DETECTION_MIN_CONFIDENCE", {None: 0.5}),
    ("BOX_LOSS_NORM", "rois"),
    ("CLASS_WEIGHTS", [1.0]),
    ("CLASS_WEIGHTS", {1: 2.0}),
    ("CLASS_WEIGHTS", {-1: 2.0}),
    ("CLASS_WEIGHTS", {"cat": -2.0}),
    ("LEARNING_RATE_BATCH_SIZE", 0),
    ("LEARNING_RATE_SCHEDULE", "linear"),
    ("LEARNING_RATE_SCHEDULE", None),
    ("LEARNING_RATE_DROPS", 30),
    ("LEARNING_RATE_DROPS", [0, 30]),
    ("LEARNING_RATE_DROPS", [30]),
    ("WARMUP_STEPS", -1),
    ("WARMUP_STEPS", 0.5),
    ("OPTIMIZER", "adam"),
    ("PRECISION", "float16"),
    ("DETECTION_PRECISION", "bfloat16"),
    ("RECOMPUTE_FEATURES", "yes"),
    ("EMA_DECAY", 1),
    ("EMA_DECAY", -0.5),
    ("SEED", None),
    ("SEED", -1),
    ("KEEP_CHECKPOINTS", 0),
    ("CHECKPOINT_MONITOR", None),
    ("LOSS_WEIGHTS", [1.0]),
    ("LOSS_WEIGHTS", {"mask_loss": 1.0}),
    ("LOSS_WEIGHTS", {"mrcnn_mask_loss": -1.0}),
    ("LOSS_WEIGHTS", {"mrcnn_mask_loss": NAN}),
    ("IMAGE_SHAPE", [512, 512]),
    ("IMAGE_SHAPE", [512, 512, 1]),
    ("IMAGE_META_SIZE", 20),
    ("IMAGE_META_SIZE", None),
]


@pytest.mark.parametrize(("knob", "value"), BAD_VALUES)
def test_a_bad_value_is_reported_once_under_its_name(knob, value):
    config = changed(**{knob: value})

    problems = find_problems(config)

    assert [problem[0] for problem in problems] == [knob]
    with pytest.raises(ValueError, match=rf"1 problem:\n  {knob} = .+: \w+"):
        config.validate()


GOOD_VALUES = [
    *[(name, np.int64(2)) for name in ("GPU_COUNT", "NUM_CLASSES", "BATCH_SIZE")],
    *[(name, np.float32(0.5)) for name in ("RPN_POSITIVE_RATIO", "LEARNING_RATE")],
    *[(name, 1) for name in ("RPN_POSITIVE_RATIO", "ROI_POSITIVE_RATIO", "CROWD_IOU")],
    ("NUM_CLASSES", 1),
    ("TRAIN_BN", None),
    ("TRAIN_BN", True),
    ("GEOMETRY", "matterport"),
    ("GEOMETRY", "aligned"),
    ("BACKBONE", "resnet18"),
    ("BACKBONE_STRIDES", (4, 8, 16, 32, 64)),
    ("IMAGE_MIN_DIM", 777),
    ("IMAGE_MIN_DIM", 1088),
    ("STEPS_PER_EPOCH", 100 / 3),
    ("VALIDATION_STEPS", 0),
    ("IMAGE_SHAPE", [512, 512, 3]),
    ("IMAGE_SHAPE", np.array([512, 640, 3])),
    ("TRAIN_SCALES", (640, 800)),
    ("TRAIN_SCALES", np.array([800])),
    ("MEAN_PIXEL", [0, 0, 0]),
    ("MEAN_PIXEL", (-1.5, 0.0, 2)),
    ("PIXEL_STD", np.float32(58)),
    ("PIXEL_STD", (58, 57, 57.5)),
    ("PIXEL_STD", np.ones(3)),
    ("PRE_NMS_LIMIT_TRAINING", None),
    ("ROI_BIN_SAMPLES", 0),
    ("IMAGE_CHANNEL_ORDER", "BGR"),
    ("BOX_HEAD", "4conv1fc"),
    ("RPN_ANCHOR_SCALES", np.array([8, 16, 32, 64, 128])),
    ("RPN_ANCHOR_RATIOS", (1,)),
    ("MASK_SHAPE", (28, 28)),
    ("MASK_SHAPE", np.array([28, 28])),
    ("GRADIENT_CLIP_NORM", None),
    ("LEARNING_RATE_SCHEDULE", "cosine"),
    ("EMA_DECAY", 0.999),
    ("KEEP_CHECKPOINTS", 1),
    ("LOSS_WEIGHTS", {"mrcnn_mask_loss": 0}),
    ("LOSS_WEIGHTS", {}),
    ("BOX_LOSS_NORM", "sampled"),
    ("CLASS_WEIGHTS", {0: 0.5, "cat": 2}),
    ("DETECTION_MIN_CONFIDENCE", 0),
    ("DETECTION_MIN_CONFIDENCE", {"cat": 0.5, "dog": 1}),
    ("WEIGHT_DECAY", 0),
    ("TRAIN_ROIS_PER_IMAGE", 10**400),
]


@pytest.mark.parametrize(("knob", "value"), GOOD_VALUES)
def test_a_legal_value_passes(knob, value):
    changed(**{knob: value}).validate()


def test_every_knob_and_every_computed_value_is_checked():
    owners = [vars(Config), vars(SystemKnobs), vars(TrainingKnobs)]
    assert RULES.keys() == {
        name for owner in owners for name in owner if name.isupper()
    }
    assert {blamed for (blamed, *_), _ in RELATIONS} >= DERIVED.keys()


def test_every_knob_has_a_bad_value_in_the_table():
    assert {knob for knob, _ in BAD_VALUES} == RULES.keys() | DERIVED.keys()


def test_all_problems_are_found_at_once():
    config = changed(NUM_CLASSES=0, LEARNING_RATE=-1, IMAGE_MAX_DIM=1000)
    with pytest.raises(ValueError, match="Config has 3 problems") as caught:
        check_config(config)
    lines = str(caught.value).splitlines()
    assert lines == [
        "Config has 3 problems:",
        "  NUM_CLASSES = 0: give a whole number from 1 up: "
        "your classes and 1 for the background",
        "  LEARNING_RATE = -1: give a number above 0",
        "  IMAGE_MAX_DIM = 1000: give a multiple of 64, such as 960 or 1024",
    ]


@pytest.mark.parametrize(
    ("knob", "value", "nearest"),
    [
        ("IMAGE_RESIZE_MODE", "Squared", "square"),
        ("IMAGE_RESIZE_MODE", "pad32", "pad64"),
        ("IMAGE_RESIZE_MODE", None, "none"),
        ("BACKBONE", "ResNet-50", "resnet50"),
        ("GEOMETRY", "align", "aligned"),
    ],
)
def test_a_name_that_is_nearly_right_is_corrected(knob, value, nearest):
    with pytest.raises(ValueError, match=f"did you mean '{nearest}'"):
        changed(**{knob: value}).validate()


@pytest.mark.parametrize(
    ("mode", "min_dim", "max_dim", "wrong"),
    [
        ("square", 100, 1024, []),
        ("square", 100, 1000, ["IMAGE_MAX_DIM"]),
        ("square", 1100, 1000, ["IMAGE_MAX_DIM"]),
        ("crop", 512, 500, []),
        ("crop", 500, 1024, ["IMAGE_MIN_DIM"]),
        ("pad64", 500, 1000, []),
        ("none", 500, 333, []),
        ("shorter_side", 500, 999, []),
        ("shorter_side", 1000, 999, ["IMAGE_MIN_DIM"]),
    ],
)
def test_sides_are_checked_where_the_molded_image_depends_on_them(
    mode, min_dim, max_dim, wrong
):
    config = changed(
        IMAGE_RESIZE_MODE=mode, IMAGE_MIN_DIM=min_dim, IMAGE_MAX_DIM=max_dim
    )
    assert [problem[0] for problem in find_problems(config)] == wrong


@pytest.mark.parametrize(
    ("mode", "scales", "is_wrong"),
    [
        ("square", (640, 1000), False),
        ("square", (640, 2000), True),
        ("shorter_side", (641, 1024), False),
        ("shorter_side", (640, 1025), True),
        ("pad64", (640, 2048), False),
        ("pad64", (640, 1000), True),
        ("crop", (640,), True),
        ("none", (640,), True),
        ("none", None, False),
    ],
)
def test_train_scales_have_to_fit_the_mode(mode, scales, is_wrong):
    config = changed(IMAGE_RESIZE_MODE=mode, TRAIN_SCALES=scales, IMAGE_MIN_DIM=832)
    assert [problem[0] for problem in find_problems(config)] == (
        ["TRAIN_SCALES"] * is_wrong
    )


@pytest.mark.parametrize(
    ("schedule", "drops", "remedy"),
    [
        ("step", [30, 40.5], None),
        ("step", None, "give epochs, as LEARNING_RATE_SCHEDULE = 'step'"),
        ("cosine", [30], "give None, as LEARNING_RATE_SCHEDULE = 'cosine'"),
    ],
)
def test_the_step_schedule_alone_has_drops(schedule, drops, remedy):
    config = changed(LEARNING_RATE_SCHEDULE=schedule, LEARNING_RATE_DROPS=drops)
    assert [problem[2] for problem in find_problems(config)] == [remedy][: bool(remedy)]


def test_a_side_below_64_is_corrected_upwards_only():
    config = changed(IMAGE_MIN_DIM=32, IMAGE_MAX_DIM=40)
    ((_, _, remedy),) = find_problems(config)
    assert remedy == "give a multiple of 64, such as 64"


def test_a_backbone_of_ones_own_needs_shapes_and_may_have_other_strides():
    own = {"BACKBONE": shape_function, "BACKBONE_STRIDES": [8, 16]}
    own["RPN_ANCHOR_SCALES"] = [32, 64]

    changed(**own, COMPUTE_BACKBONE_SHAPE=shape_function).validate()
    with pytest.raises(ValueError, match="COMPUTE_BACKBONE_SHAPE = None: with a func"):
        changed(**own).validate()

    own["BACKBONE_STRIDES"] = [16, 8]
    with pytest.raises(ValueError, match=r"BACKBONE_STRIDES = \[16, 8\]: give rising"):
        changed(**own, COMPUTE_BACKBONE_SHAPE=shape_function).validate()


def test_class_ids_of_a_confidence_dict_are_below_the_number_of_classes():
    config = changed(NUM_CLASSES=3, DETECTION_MIN_CONFIDENCE={1: 0.5, np.int64(2): 0.6})
    config.validate()
    config.NUM_CLASSES = 2
    with pytest.raises(ValueError, match="remove the class 2, as NUM_CLASSES is 2"):
        config.validate()


def test_a_meta_size_that_missed_a_change_of_its_class_is_stale():
    class Late(Config):
        NUM_CLASSES = 2

    config = Late()
    Late.NUM_CLASSES = 3
    with pytest.raises(ValueError, match=r"IMAGE_META_SIZE = 14: has to be 15, .*init"):
        config.validate()
    config.__init__()
    config.validate()


def test_a_long_value_is_cut_in_the_message():
    config = changed(DETECTION_MIN_CONFIDENCE={f"class {n}": 2 for n in range(999)})
    with pytest.raises(ValueError, match="DETECTION_MIN_CONFIDENCE") as caught:
        config.validate()
    assert len(str(caught.value)) < 300


class Balloon(Config):
    NAME = "balloon"
    IMAGES_PER_GPU = 2
    NUM_CLASSES = 1 + 1
    STEPS_PER_EPOCH = 100
    DETECTION_MIN_CONFIDENCE = 0.9


class Coco(Config):
    NAME = "coco"
    NUM_CLASSES = 1 + 80


class Shapes(Config):
    NAME = "shapes"
    IMAGES_PER_GPU = 8
    NUM_CLASSES = 1 + 3
    IMAGE_MIN_DIM = 128
    IMAGE_MAX_DIM = 128
    RPN_ANCHOR_SCALES = (8, 16, 32, 64, 128)
    TRAIN_ROIS_PER_IMAGE = 32
    STEPS_PER_EPOCH = 100
    VALIDATION_STEPS = 5


class Nucleus(Config):
    NAME = "nucleus"
    IMAGES_PER_GPU = 6
    NUM_CLASSES = 1 + 1
    STEPS_PER_EPOCH = (664 - 25) // 6
    VALIDATION_STEPS = max(1, 25 // 6)
    DETECTION_MIN_CONFIDENCE = 0
    BACKBONE = "resnet50"
    IMAGE_RESIZE_MODE = "crop"
    IMAGE_MIN_DIM = 512
    IMAGE_MAX_DIM = 512
    IMAGE_MIN_SCALE = 2.0
    RPN_ANCHOR_SCALES = (8, 16, 32, 64, 128)
    POST_NMS_ROIS_TRAINING = 1000
    POST_NMS_ROIS_INFERENCE = 2000
    RPN_NMS_THRESHOLD = 0.9
    RPN_TRAIN_ANCHORS_PER_IMAGE = 64
    MEAN_PIXEL = np.array([43.53, 39.56, 48.22])
    USE_MINI_MASK = True
    MINI_MASK_SHAPE = (56, 56)
    TRAIN_ROIS_PER_IMAGE = 128
    MAX_GT_INSTANCES = 200
    DETECTION_MAX_INSTANCES = 400


class NucleusInference(Nucleus):
    IMAGES_PER_GPU = 1
    IMAGE_RESIZE_MODE = "pad64"
    RPN_NMS_THRESHOLD = 0.7


@pytest.mark.parametrize("config", [Balloon, Coco, Shapes, Nucleus, NucleusInference])
def test_what_the_well_known_samples_set_is_legal(config):
    config().validate()
