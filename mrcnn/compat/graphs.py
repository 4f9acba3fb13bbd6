"""Parts of the network as functions, under matterport's names and parameters.

They compute in matterport's geometry and give layers the names of its checkpoints, so a
network that is put together from them reads its files. `train_bn` may be None or True,
where batch normalization follows Keras' training flag, or False, where it rests.

Shapes: B images, H W molded height and width, h w a feature map, A anchors, R rois, G
gt slots, T drawn rois, D detection slots, C classes with background, S side of a mask
patch, F channels.
"""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from mrcnn.backbones.resnet import ResnetStyle, build_block, build_resnet
from mrcnn.compat.layers import DetectionLayer, DetectionTargetLayer, PyramidROIAlign
from mrcnn.config import Config
from mrcnn.geometry.arrays import Array
from mrcnn.heads.box import BoxHead
from mrcnn.heads.mask import MaskHead
from mrcnn.heads.rpn import build_rpn_head


def resnet_graph(
    input_image: Array,
    architecture: str,
    stage5: bool = False,
    train_bn: bool | None = True,
) -> list[Array]:
    """C1 to C5 of an image [B, H, W, any]; C5 is None without `stage5`."""
    return build_resnet(input_image, architecture, stage5=stage5, train_bn=train_bn)


def identity_block(
    input_tensor: Array,
    kernel_size: int,
    filters: Sequence[int],
    stage: int,
    block: str,
    use_bias: bool = True,
    train_bn: bool | None = True,
) -> Array:
    """A residual block beside a plain shortcut. [B, h, w, F] -> [B, h, w, F]"""
    return build_block(
        input_tensor,
        list(filters),
        stage,
        block,
        kernel_size=kernel_size,
        train_bn=train_bn,
        style=ResnetStyle(bias_before_norm=use_bias),
    )


def conv_block(
    input_tensor: Array,
    kernel_size: int,
    filters: Sequence[int],
    stage: int,
    block: str,
    strides: tuple[int, int] = (2, 2),
    use_bias: bool = True,
    train_bn: bool | None = True,
) -> Array:
    """A residual block beside a convolution.

    [B, h, w, any] -> [B, h / strides, w / strides, filters[-1]]
    """
    return build_block(
        input_tensor,
        list(filters),
        stage,
        block,
        kernel_size=kernel_size,
        strides=strides,
        project=True,
        train_bn=train_bn,
        style=ResnetStyle(bias_before_norm=use_bias),
    )


def build_rpn_model(
    anchor_stride: int, anchors_per_location: int, depth: int
) -> keras.Model:
    """The RPN's head for maps of `depth` channels; see `build_rpn_head`."""
    return build_rpn_head(depth, anchors_per_location, anchor_stride)


def rpn_graph(
    feature_map: Array, anchors_per_location: int, anchor_stride: int
) -> list[Array]:
    """Logits [B, A, 2], probs [B, A, 2] and deltas [B, A, 4] of a map [B, h, w, F]."""
    channels = feature_map.shape[-1]
    head = build_rpn_model(anchor_stride, anchors_per_location, channels)
    return list(head(feature_map))


def fpn_classifier_graph(
    rois: Array,
    feature_maps: Sequence[Array],
    image_meta: Array,
    pool_size: int,
    num_classes: int,
    train_bn: bool | None = True,
    fc_layers_size: int = 1024,
) -> tuple[Array, Array, Array]:
    """The box head on rois.

    Args:
        rois: [B, R, 4] normalized
        feature_maps: P2 to P5, [B, h, w, F] each
        image_meta: [B, 12 + C]
        pool_size: side of a roi's features
        num_classes: C
        train_bn: see above
        fc_layers_size: width of the hidden layers

    Returns:
        logits [B, R, C], probs [B, R, C], deltas [B, R, C, 4]
    """
    align = PyramidROIAlign([pool_size, pool_size], name="roi_align_classifier")
    head = BoxHead(
        pool_size, num_classes, fc_layers_size=fc_layers_size, train_bn=train_bn
    )
    return head(align([rois, image_meta, *feature_maps]))


def build_fpn_mask_graph(
    rois: Array,
    feature_maps: Sequence[Array],
    image_meta: Array,
    pool_size: int,
    num_classes: int,
    train_bn: bool | None = True,
) -> Array:
    """The mask head on rois; see `fpn_classifier_graph`.

    Returns:
        mask patches [B, R, 2 * pool_size, 2 * pool_size, C] in [0, 1]
    """
    align = PyramidROIAlign([pool_size, pool_size], name="roi_align_mask")
    head = MaskHead(num_classes, train_bn=train_bn)
    return head(align([rois, image_meta, *feature_maps]))


def detection_targets_graph(
    proposals: Array,
    gt_class_ids: Array,
    gt_boxes: Array,
    gt_masks: Array,
    config: Config,
) -> tuple[Array, ...]:
    """What `DetectionTargetLayer` makes of one image.

    Args:
        proposals: [R, 4] normalized; unused rows zero
        gt_class_ids: [G]; 0 for padding, negative for crowds
        gt_boxes: [G, 4] normalized
        gt_masks: [h, w, G], mini-masks with USE_MINI_MASK
        config: thresholds and numbers

    Returns:
        rois [T, 4], class ids int32 [T], deltas [T, 4], mask patches [T, S, S]
    """
    inputs = _as_batch(proposals, gt_class_ids, gt_boxes, gt_masks)
    targets = DetectionTargetLayer(config)(inputs)
    return tuple(one[0] for one in targets)


def refine_detections_graph(
    rois: Array, probs: Array, deltas: Array, window: Array, config: Config
) -> Array:
    """What `DetectionLayer` makes of one image.

    Args:
        rois: [R, 4] normalized
        probs: [R, C]
        deltas: [R, C, 4]
        window: [4] normalized; detections are clipped to it
        config: thresholds and numbers; DETECTION_MIN_SIZE, which counts pixels, has no
            part here

    Returns:
        detections [D, 6], best first; unused rows are zero
    """
    layer = DetectionLayer(config, min_size=0.0)
    meta = _meta_of_window(window, layer.edge_shift, probs.shape[-1])
    return layer(_as_batch(rois, probs, deltas, meta))[0]


def _meta_of_window(window: Array, edge_shift: int, num_classes: int) -> Array:
    """An image meta that says no more than a normalized window. [4] -> [12 + C]"""
    # In an image so small, pixels count as the unit square does, but for the shift.
    side = 1.0 + edge_shift
    window = ops.cast(ops.convert_to_tensor(window), "float32")
    corner_shift = ops.convert_to_tensor([0.0, 0.0, edge_shift, edge_shift])
    before = ops.convert_to_tensor([0.0, side, side, 3.0, side, side, 3.0])
    after = ops.ones([1 + num_classes])
    return ops.concatenate([before, window + corner_shift, after])


def _as_batch(*arrays: Any) -> list[Array]:
    """Each array as the only image of a batch. [...] -> [1, ...]"""
    return [ops.convert_to_tensor(array)[None] for array in arrays]
