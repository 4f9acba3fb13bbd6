"""Which values are legal of the knobs that say what a network is put together from.

The tables of `config_checks.py` take in those here; a check works as told there.
"""

from collections.abc import Sequence
from typing import Any

from mrcnn.backbone_names import APPLICATIONS, RESNETS
from mrcnn.config_rules import Check, name_of, truth, whole_number

# Pixels of the image that a cell covers, on the single maps there are.
SINGLE_MAPS = {"C4": 16, "C5": 32}
FEATURES = ["pyramid", *SINGLE_MAPS]
STEM_STRIDES = [1, 2, 4]
BOX_HEADS = ["conv", "2fc", "4conv1fc", "res5"]
MASK_HEADS = ["conv", "deconv", "fc"]
ROI_POOLINGS = ["align", "max"]
EXTRA_LEVELS = ["pool", "conv_c5", "conv_p5"]
CHANNEL_ORDERS = ["RGB", "BGR"]


def stem_stride(value: Any) -> str | None:
    """A check for a number of pixels that a stem can shrink to a cell."""
    fits = whole_number(1)(value) is None and value in STEM_STRIDES
    return None if fits else f"give one of {', '.join(map(str, STEM_STRIDES))}"


STRUCTURE_RULES: dict[str, Check] = {
    "MASK_BRANCH": truth,
    "RPN_BRANCH": truth,
    "IMAGE_CHANNEL_ORDER": name_of(CHANNEL_ORDERS),
    "FEATURES": name_of(FEATURES),
    "STEM_STRIDE": stem_stride,
    "DILATED_STAGE5": truth,
    "EXTRA_LEVELS": name_of(EXTRA_LEVELS),
    "ZERO_INIT_LATERALS": truth,
    "ROI_NUM_LEVELS": whole_number(1),
    "ROI_POOLING": name_of(ROI_POOLINGS),
    "BOX_HEAD": name_of(BOX_HEADS),
    "MASK_HEAD": name_of(MASK_HEADS),
    "MASK_HEAD_NORM": truth,
}


def channel_order_fits_images(order: str, channels: int, network: Any) -> str | None:
    """Only colour images can be turned round; applications do so themselves."""
    if order == "RGB":
        return None
    if channels != 3:
        return f"give 'RGB', as IMAGE_CHANNEL_COUNT = {channels} is no colour image"
    if network in APPLICATIONS:
        return f"give 'RGB', as {network} turns images round where it needs to"
    return None


def stem_fits_backbone(stride: int, network: Any) -> str | None:
    """Only the ResNets here have a stem that can be changed."""
    fits = stride == 4 or network in RESNETS
    return None if fits else "give 4, as only the built-in ResNets have another stem"


def dilation_fits_backbone(
    dilated: bool, network: Any, features: str, box_head: str
) -> str | None:
    """Only the ResNets here dilate, and a pyramid needs maps that halve."""
    if not dilated:
        return None
    if network not in RESNETS:
        return "give False, as only the built-in ResNets can be dilated"
    if features == "pyramid":
        return "give False, as the levels of a pyramid halve from one to the next"
    if features == "C4" and box_head != "res5":
        return (
            "give False, as FEATURES = 'C4' has a last stage in the head 'res5' alone"
        )
    return None


def strides_fit_backbone(
    strides: Sequence[int], network: Any, features: str, stem: int, dilated: bool
) -> str | None:
    """The built-in backbones have strides of their own; those of others rise."""
    if callable(network):
        is_rising = sorted({*strides}) == [*strides]
        return None if is_rising else "give rising numbers, the finest level first"
    if features != "pyramid":
        stride = SINGLE_MAPS[features] * stem // 4
        stride //= 2 if dilated and features == "C5" else 1
        fits = [*strides] == [stride]
        why = f"the stride of {network!r} with FEATURES = {features!r}"
        return None if fits else f"give [{stride}], {why}"
    expected = [stem * 2**level for level in range(max(4, len(strides)))]
    if [*strides] == expected:
        return None
    expected = [stem * 2**level for level in range(5)]
    more = "; fewer or more levels are each twice the one before"
    return f"give {expected}, the strides of {network!r}{more}"


def scales_fit_strides(
    scales: Sequence[float], strides: Sequence[int], features: str, rpn_branch: bool
) -> str | None:
    """Each level has an anchor scale and a stride; a single map has many scales."""
    has_levels = rpn_branch and features == "pyramid"
    fits = len(scales) == len(strides) or not has_levels
    levels = f"{len(strides)} numbers, as BACKBONE_STRIDES has {len(strides)} levels"
    return None if fits else f"give {levels}"


def rois_come_from_one_place(use_rpn_rois: bool, rpn_branch: bool) -> str | None:
    """Without an RPN, rois are the data's proposals and not made up."""
    if use_rpn_rois or rpn_branch:
        return None
    return "give True, as RPN_BRANCH = False trains on the proposals of the data"


def monitor_is_computed(
    monitor: str, rpn_branch: bool, mask_branch: bool
) -> str | None:
    """Losses of a branch that is left out cannot choose checkpoints."""
    loss = monitor.removeprefix("val_")
    if not rpn_branch and loss.startswith("rpn_"):
        return "give another, such as 'val_loss', as RPN_BRANCH is False"
    if not mask_branch and loss.startswith("mrcnn_mask_"):
        return "give another, such as 'val_loss', as MASK_BRANCH is False"
    return None


def box_head_fits_features(box_head: str, features: str, network: Any) -> str | None:
    """The last stage of a ResNet is a head where nothing else uses it."""
    if box_head != "res5" or (features == "C4" and network in RESNETS):
        return None
    return "set FEATURES to 'C4' and BACKBONE to a built-in ResNet, or give another"


def mask_shape_fits_pool(
    mask_shape: Sequence[int],
    pool_size: int,
    mask_head: str,
    box_head: str,
    dilated: bool,
) -> str | None:
    """The mask head doubles what it is given, unless it is fully connected."""
    if mask_head == "fc":
        return None
    # The last stage of a ResNet comes before it, which halves.
    halves = box_head == "res5" and not dilated
    side = 2 * (-(-pool_size // 2) if halves else pool_size)
    fits = [*mask_shape] == [side, side]
    how = "as large as" if halves else "twice"
    return None if fits else f"give {[side, side]}, {how} MASK_POOL_SIZE = {pool_size}"


STRUCTURE_RELATIONS: list[tuple[tuple[str, ...], Check]] = [
    (
        ("IMAGE_CHANNEL_ORDER", "IMAGE_CHANNEL_COUNT", "BACKBONE"),
        channel_order_fits_images,
    ),
    (("STEM_STRIDE", "BACKBONE"), stem_fits_backbone),
    (("DILATED_STAGE5", "BACKBONE", "FEATURES", "BOX_HEAD"), dilation_fits_backbone),
    (
        ("BACKBONE_STRIDES", "BACKBONE", "FEATURES", "STEM_STRIDE", "DILATED_STAGE5"),
        strides_fit_backbone,
    ),
    (
        ("RPN_ANCHOR_SCALES", "BACKBONE_STRIDES", "FEATURES", "RPN_BRANCH"),
        scales_fit_strides,
    ),
    (("USE_RPN_ROIS", "RPN_BRANCH"), rois_come_from_one_place),
    (("CHECKPOINT_MONITOR", "RPN_BRANCH", "MASK_BRANCH"), monitor_is_computed),
    (("BOX_HEAD", "FEATURES", "BACKBONE"), box_head_fits_features),
    (
        ("MASK_SHAPE", "MASK_POOL_SIZE", "MASK_HEAD", "BOX_HEAD", "DILATED_STAGE5"),
        mask_shape_fits_pool,
    ),
]
