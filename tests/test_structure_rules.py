import pytest

from mrcnn.config import Config
from mrcnn.config_checks import check_config

C4 = {
    "FEATURES": "C4",
    "BACKBONE_STRIDES": [16],
    "BOX_HEAD": "res5",
    "MASK_HEAD": "deconv",
    "MASK_SHAPE": [14, 14],
}


def changed(**knobs):
    config = Config()
    for name, value in knobs.items():
        setattr(config, name, value)
    return config


@pytest.mark.parametrize(
    "knobs",
    [
        {},
        C4,
        {**C4, "DILATED_STAGE5": True, "MASK_SHAPE": [28, 28]},
        {"FEATURES": "C5", "BACKBONE_STRIDES": [32]},
        {"FEATURES": "C5", "BACKBONE_STRIDES": [16], "DILATED_STAGE5": True},
        {"FEATURES": "C4", "BACKBONE_STRIDES": [8], "STEM_STRIDE": 2},
        {"FEATURES": "C4", "BACKBONE_STRIDES": [16], "RPN_ANCHOR_SCALES": [64]},
        {"BACKBONE_STRIDES": [4, 8, 16, 32], "RPN_ANCHOR_SCALES": [8, 16, 32, 64]},
        {"STEM_STRIDE": 1, "BACKBONE_STRIDES": [1, 2, 4, 8, 16]},
        {"MASK_HEAD": "fc", "MASK_SHAPE": [20, 30]},
        {"MASK_BRANCH": False},
        {"RPN_BRANCH": False},
        {"RPN_BRANCH": False, "BACKBONE_STRIDES": [4, 8, 16, 32]},
        {"RPN_BRANCH": False, "BACKBONE": lambda image, stage5, train_bn: None},
        {"CHECKPOINT_MONITOR": "val_rpn_bbox_loss"},
        {"MASK_BRANCH": False, "CHECKPOINT_MONITOR": "val_rpn_bbox_loss"},
    ],
)
def test_choices_that_fit_each_other_are_legal(knobs):
    check_config(changed(**knobs))


@pytest.mark.parametrize(
    ("knobs", "remedy"),
    [
        ({**C4, "BACKBONE_STRIDES": [32]}, r"BACKBONE_STRIDES .* give \[16\]"),
        ({"FEATURES": "C5", "BACKBONE_STRIDES": [16]}, r"give \[32\]"),
        ({"STEM_STRIDE": 2}, r"BACKBONE_STRIDES .* give \[2, 4, 8, 16, 32\]"),
        ({"BACKBONE_STRIDES": [4, 8, 16, 32, 64, 128]}, "RPN_ANCHOR_SCALES .* 6 num"),
        ({**C4, "MASK_SHAPE": [28, 28]}, r"MASK_SHAPE .* \[14, 14\], as large as"),
        ({"MASK_SHAPE": [14, 14]}, r"MASK_SHAPE .* \[28, 28\], twice"),
        ({"BOX_HEAD": "res5"}, "BOX_HEAD .* set FEATURES to 'C4'"),
        (
            {"RPN_BRANCH": False, "USE_RPN_ROIS": False},
            "USE_RPN_ROIS .* give True, as RPN_BRANCH = False trains on the proposals",
        ),
        (
            {"RPN_BRANCH": False, "CHECKPOINT_MONITOR": "val_rpn_class_loss"},
            "CHECKPOINT_MONITOR .* such as 'val_loss', as RPN_BRANCH is False",
        ),
        (
            {"MASK_BRANCH": False, "CHECKPOINT_MONITOR": "mrcnn_mask_loss"},
            "CHECKPOINT_MONITOR .* as MASK_BRANCH is False",
        ),
        ({"DILATED_STAGE5": True}, "levels of a pyramid halve"),
        (
            {"IMAGE_CHANNEL_ORDER": "BGR", "BACKBONE": "VGG16"},
            "IMAGE_CHANNEL_ORDER .* give 'RGB', as VGG16 turns",
        ),
        (
            {
                "IMAGE_CHANNEL_ORDER": "BGR",
                "IMAGE_CHANNEL_COUNT": 1,
                "MEAN_PIXEL": [120.0],
            },
            "IMAGE_CHANNEL_ORDER .* give 'RGB', as IMAGE_CHANNEL_COUNT = 1",
        ),
        (
            {**C4, "BOX_HEAD": "2fc", "DILATED_STAGE5": True, "MASK_SHAPE": [28, 28]},
            "DILATED_STAGE5 .* the head 'res5' alone",
        ),
    ],
)
def test_choices_that_do_not_fit_are_told_with_a_remedy(knobs, remedy):
    with pytest.raises(ValueError, match=remedy):
        check_config(changed(**knobs))


def test_only_the_built_in_resnets_have_other_stems_and_dilation():
    config = changed(
        BACKBONE=lambda image, **options: None,
        COMPUTE_BACKBONE_SHAPE=lambda shape: None,
        STEM_STRIDE=2,
        FEATURES="C5",
        BACKBONE_STRIDES=[32],
        DILATED_STAGE5=True,
    )
    with pytest.raises(ValueError, match="2 problems") as raised:
        check_config(config)
    assert "STEM_STRIDE = 2: give 4" in str(raised.value)
    assert "DILATED_STAGE5 = True: give False" in str(raised.value)
