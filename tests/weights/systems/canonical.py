"""A tiny detector under our names, and how its weights lie in other systems.

What `systems/` undoes is done here in plain steps, so that a round trip shows whether
every number arrives where it belongs.

Four classes with background, three anchors, two channels of features, rois of 3 x 3
cells, ResNet-50 of two channels everywhere.
"""

import string
from collections.abc import Mapping

import numpy as np

CLASSES, ANCHORS, CHANNELS, SIDE, WIDTH = 4, 3, 2, 3, 5
BLOCKS = {2: 3, 3: 4, 4: 6, 5: 3}
NORM_LEAVES = {
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}

Weights = dict[str, np.ndarray]


def make_detector(rng: np.random.Generator) -> Weights:
    """All weights of a Mask R-CNN with a pyramid and a head of two dense layers."""
    shapes: dict[str, tuple[int, ...]] = {"conv1/kernel": (7, 7, 3, CHANNELS)}
    add_norm(shapes, "bn_conv1")
    for stage, block, branch in conv_places():
        side = 3 if branch == "2b" else 1
        name = f"{stage}{block}_branch{branch}"
        shapes[f"res{name}/kernel"] = (side, side, CHANNELS, CHANNELS)
        add_norm(shapes, f"bn{name}")
    for level in (2, 3, 4, 5):
        add_layer(shapes, f"fpn_c{level}p{level}", (1, 1, CHANNELS, CHANNELS))
        add_layer(shapes, f"fpn_p{level}", (3, 3, CHANNELS, CHANNELS))
    add_layer(shapes, "rpn_conv_shared", (3, 3, CHANNELS, CHANNELS))
    add_layer(shapes, "rpn_class_raw", (1, 1, CHANNELS, ANCHORS))
    add_layer(shapes, "rpn_bbox_pred", (1, 1, CHANNELS, 4 * ANCHORS))
    add_layer(shapes, "mrcnn_class_conv1", (SIDE, SIDE, CHANNELS, WIDTH))
    add_layer(shapes, "mrcnn_class_conv2", (1, 1, WIDTH, WIDTH))
    add_layer(shapes, "mrcnn_class_logits", (WIDTH, CLASSES))
    add_layer(shapes, "mrcnn_bbox_fc", (WIDTH, 4 * CLASSES))
    for number in (1, 2, 3, 4):
        add_layer(shapes, f"mrcnn_mask_conv{number}", (3, 3, CHANNELS, CHANNELS))
    shapes["mrcnn_mask_deconv/kernel"] = (2, 2, WIDTH, CHANNELS)  # out before in
    shapes["mrcnn_mask_deconv/bias"] = (WIDTH,)
    add_layer(shapes, "mrcnn_mask", (1, 1, WIDTH, CLASSES))
    return {
        name: rng.uniform(0.1, 1, shape).astype("float32")
        for name, shape in shapes.items()
    }


def conv_places() -> list[tuple[int, str, str]]:
    """(stage, letter of the block, branch) of every convolution in the blocks."""
    return [
        (stage, string.ascii_lowercase[index], branch)
        for stage, count in BLOCKS.items()
        for index in range(count)
        for branch in ("2a", "2b", "2c", *(["1"] if index == 0 else []))
    ]


def with_conv_head(weights: Weights, rng: np.random.Generator) -> Weights:
    """The same detector with a box head of four convolutions and one dense layer."""
    shapes: dict[str, tuple[int, ...]] = {}
    for number in (1, 2, 3, 4):
        name = f"mrcnn_class_conv{number}/kernel"
        shapes[name] = (3, 3, CHANNELS, CHANNELS)
        add_norm(shapes, f"mrcnn_class_bn{number}")
    add_layer(shapes, "mrcnn_class_fc1", (SIDE, SIDE, CHANNELS, WIDTH))
    kept = {n: v for n, v in weights.items() if not n.startswith("mrcnn_class_conv")}
    added = {n: rng.uniform(size=shape).astype("f4") for n, shape in shapes.items()}
    return kept | added


def over_stage_4(weights: Weights) -> Weights:
    """The same detector without a pyramid, whose heads share the last stage (C4)."""
    left_out = ("fpn_", "mrcnn_class_conv", "mrcnn_mask_conv")
    return {n: values for n, values in weights.items() if not n.startswith(left_out)}


def without_masks(weights: Weights) -> Weights:
    """The same detector as a Faster R-CNN."""
    return {n: v for n, v in weights.items() if not n.startswith("mrcnn_mask")}


def without_background(weights: Weights) -> Weights:
    """The same detector, whose box and mask of the background are zero."""
    weights = dict(weights)
    for name in ("mrcnn_bbox_fc", "mrcnn_mask"):
        rows = 4 if name == "mrcnn_bbox_fc" else 1
        for leaf in ("kernel", "bias"):
            values = weights[f"{name}/{leaf}"].copy()
            values[..., :rows] = 0
            weights[f"{name}/{leaf}"] = values
    return weights


def add_layer(shapes: dict, name: str, kernel: tuple[int, ...]) -> None:
    shapes[f"{name}/kernel"] = kernel
    shapes[f"{name}/bias"] = kernel[-1:]


def add_norm(shapes: dict, name: str) -> None:
    shapes.update({f"{name}/{leaf}": (CHANNELS,) for leaf in NORM_LEAVES})


# --- How they lie elsewhere -------------------------------------------------------


def export(
    weights: Weights,
    modules: Mapping[str, str],
    *,
    background_last: bool = False,
    is_bgr: bool = False,
) -> Weights:
    """The weights as another system's file has them.

    Args:
        weights: by our names
        modules: our layer -> its name there
        background_last: whether the background is the last class, and has neither
            box nor mask
        is_bgr: whether images are BGR there
    """
    state = {}
    for name, values in weights.items():
        layer, _, leaf = name.rpartition("/")
        if name == "conv1/kernel" and is_bgr:
            values = values[:, :, [2, 1, 0]]
        values = output_rows_first(layer, leaf, values)
        if layer in ("rpn_bbox_pred", "mrcnn_bbox_fc"):
            values = boxes_in_xywh(values)
        if background_last and layer == "mrcnn_class_logits":
            values = np.concatenate([values[1:], values[:1]])
        if background_last and layer in ("mrcnn_bbox_fc", "mrcnn_mask"):
            values = values[4:] if layer == "mrcnn_bbox_fc" else values[1:]
        leaf = NORM_LEAVES.get(leaf, "weight" if leaf == "kernel" else leaf)
        state[f"{modules[layer]}.{leaf}"] = np.ascontiguousarray(values)
    return state


def output_rows_first(layer: str, leaf: str, values: np.ndarray) -> np.ndarray:
    """Kernels with their outputs on the first axis, dense ones flat."""
    if leaf != "kernel":
        return values
    if values.ndim == 2:
        return values.T
    moved = np.moveaxis(values, (3, 2), (0, 1))  # also swaps a transposed one's
    is_flat = layer.startswith("mrcnn_class_") and values.shape[-1] == WIDTH
    return moved.reshape(len(moved), -1) if is_flat else moved


def boxes_in_xywh(values: np.ndarray) -> np.ndarray:
    """Rows of (y, x, h, w) as rows of (x, y, w, h), box after box."""
    values = values.copy()
    for start in range(0, len(values), 4):
        y, x, h, w = values[start : start + 4].copy()
        values[start : start + 4] = [x, y, w, h]
    return values


def resnet_modules(prefix: str) -> dict[str, str]:
    """Our layers -> the modules of torchvision's ResNet."""
    modules = {"conv1": f"{prefix}conv1", "bn_conv1": f"{prefix}bn1"}
    for stage, letter, branch in conv_places():
        block = f"{prefix}layer{stage - 1}.{string.ascii_lowercase.index(letter)}."
        number = "_abc".index(branch[-1]) if branch != "1" else 0
        conv = f"conv{number}" if number else "downsample.0"
        norm = f"bn{number}" if number else "downsample.1"
        modules[f"res{stage}{letter}_branch{branch}"] = block + conv
        modules[f"bn{stage}{letter}_branch{branch}"] = block + norm
    return modules


def assert_same(converted: Mapping[str, np.ndarray], expected: Weights) -> None:
    """Both hold the same weights, number for number, and nothing else."""
    assert sorted(converted) == sorted(expected)
    for name, values in expected.items():
        assert converted[name].dtype == np.float32
        np.testing.assert_array_equal(converted[name], values, err_msg=name)
