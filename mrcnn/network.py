"""The network on one page: a Config becomes a Keras model.

    image ─ backbone ─ C2..C5 ─ pyramid ─ P2..P6 ─ rpn head ─ ProposalLayer ─ proposals
    proposals  ─ PyramidROIAlign ─ box head  ─ DetectionLayer ─ detections
    detections ─ PyramidROIAlign ─ mask head ─ mask patches

Systems leave parts out: C4 or C5 may stand for the pyramid, boxes may do without masks,
and the caller may bring the proposals.
How each part follows from the config is told in `network_layers.py`; what becomes of
the parts in training, in `training_network.py`.

Shapes: B images, H W molded height and width, A anchors over all levels, R proposals,
D detection slots, C classes with background, S side of a patch.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
from keras import ops

from mrcnn import network_layers
from mrcnn.config import Config
from mrcnn.geometry.arrays import Array
from mrcnn.geometry.boxes import is_padding, normalize_boxes
from mrcnn.geometry.conventions import CONVENTIONS, GeometryName
from mrcnn.heads.box import BoxHead
from mrcnn.heads.mask import MaskHead
from mrcnn.heads.rpn import join_levels
from mrcnn.heads.stage import StageHead
from mrcnn.image_meta import parse_image_meta
from mrcnn.layers.per_roi import PadRois, TrimRois
from mrcnn.layers.proposals import ProposalLayer
from mrcnn.layers.roi_align import PyramidROIAlign
from mrcnn.layers.tensorflow_ops import KERNELS_ARE_USABLE
from mrcnn.network_initial import initialize_by_role


class RpnParts(NamedTuple):
    """What proposes boxes: the region proposal network at every anchor."""

    anchors: Array  # input [B, A, 4] normalized
    logits: Array  # [B, A, 2]
    probs: Array  # [B, A, 2]
    deltas: Array  # [B, A, 4]
    level_probs: Sequence[Array]  # the parts of probs, level by level

    def propose(self, layer: ProposalLayer, image_meta: Array) -> Array:
        """What a layer makes of the scored anchors. -> [B, R, 4] normalized"""
        outputs = [self.probs, self.deltas, self.anchors, image_meta]
        return layer([*outputs, *self.level_probs] if layer.per_level else outputs)


class NetworkParts(NamedTuple):
    """What a network that detects shares with the one that trains it."""

    image: Array  # input [B, H, W, channels]
    image_meta: Array  # input [B, 12 + C]
    rois: Array | None  # input [B, R, 4] pixels, zero where unused; None with an RPN
    stages: Sequence[Array]  # the backbone's features, finest first
    levels: Sequence[Array]  # P2 and coarser, or a single map
    rpn: RpnParts | None  # None where the caller brings the proposals
    roi_stage: StageHead | None  # what both heads look through, if anything
    align_boxes: PyramidROIAlign
    box_head: BoxHead
    align_masks: PyramidROIAlign
    mask_head: MaskHead | None  # None without masks

    @property
    def inputs(self) -> list[Array]:
        """Those of every graph of the network."""
        given = self.rois if self.rpn is None else self.rpn.anchors
        return [self.image, self.image_meta, given]

    def seen_by_heads(self, pooled: Array) -> Array:
        """What the heads make of pooled features. [B, R, S, S, F] -> [B, R, ...]"""
        return pooled if self.roi_stage is None else self.roi_stage(pooled)


class Found(NamedTuple):
    """What the second stage makes of proposals."""

    detections: Array  # [B, D, 6]
    probs: Array  # [B, R, C]
    deltas: Array  # [B, R, C, 4]
    slots: Array  # [B, D', 6] detections without the slots that are never used
    slot_features: Array | None  # [B, D', S, S, F] what the mask head sees, if any
    proposals: Array  # [B, R, 4]


def build_network(
    config: Config, geometry: GeometryName, **options: Any
) -> keras.Model:
    """The inference graph alone; see `assemble_network`."""
    model, _ = assemble_network(config, geometry, **options)
    return model


def assemble_network(
    config: Config,
    geometry: GeometryName,
    *,
    class_names: Sequence[str] | None = None,
    portable: bool = False,
    model_class: type[keras.Model] = keras.Model,
) -> tuple[keras.Model, NetworkParts]:
    """The inference graph, and its parts for the training graph.

    Args:
        config: has been validated
        geometry: which conventions boxes, anchors and rois follow
        class_names: needed where DETECTION_MIN_CONFIDENCE names classes
        portable: kernels in plain `keras.ops` with static shapes, for export and XLA,
            instead of TensorFlow's own; always so with another backend of Keras
        model_class: what to make of the graph

    Returns:
        A model of three inputs and up to seven outputs, under matterport's names:
            input_image [B, H, W, channels], molded; H and W multiples of 64, or of 32
                where P6 may round up
            input_image_meta [B, 12 + C]
            input_anchors [B, A, 4], normalized; see `network_anchors.py`. Without
                RPN_BRANCH, input_rois [B, R, 4] in pixels in its place
        and
            detections [B, D, 6] (y1, x1, y2, x2, class id, score), normalized
            class probabilities [B, R, C], box deltas [B, R, C, 4] of all proposals
            mask patches [B, D, S, S, C], left out without MASK_BRANCH
            proposals [B, R, 4], normalized
            RPN probabilities [B, A, 2], RPN deltas [B, A, 4], left out without
                RPN_BRANCH
        Unused rows are zero. And the parts that training shares.
    """
    portable = portable or not KERNELS_ARE_USABLE
    parts = make_parts(config, geometry, portable=portable)
    found = second_stage(config, geometry, parts, class_names, portable=portable)
    patches = None
    if parts.mask_head is not None:
        patches = parts.mask_head(found.slot_features)
    if patches is not None and not portable:
        patches = PadRois(config.DETECTION_MAX_INSTANCES, name="pad_rois")(patches)
    outputs = [
        found.detections,
        found.probs,
        found.deltas,
        patches,
        found.proposals,
    ]
    if parts.rpn is not None:
        outputs += [parts.rpn.probs, parts.rpn.deltas]
    model = model_class(
        parts.inputs,
        [output for output in outputs if output is not None],
        name="mask_rcnn",
    )
    if config.INITIALIZERS == "role":
        initialize_by_role(model)
    return model, parts


def make_parts(
    config: Config, geometry: GeometryName, *, portable: bool = False
) -> NetworkParts:
    """Inputs, backbone, pyramid and RPN as tensors, and the layers that come after."""
    image = keras.Input([None, None, config.IMAGE_CHANNEL_COUNT], name="input_image")
    stages = network_layers.stages(config, image)
    levels = network_layers.levels(config, stages)
    rpn, rois = None, None
    if config.RPN_BRANCH:
        rpn = make_rpn(config, levels)
    else:
        # What is made for export has as many rois as an RPN would propose.
        num_rois = config.POST_NMS_ROIS_INFERENCE if portable else None
        rois = keras.Input([num_rois, 4], name="input_rois")
    return NetworkParts(
        image=image,
        image_meta=keras.Input([config.IMAGE_META_SIZE], name="input_image_meta"),
        rois=rois,
        stages=stages,
        levels=levels,
        rpn=rpn,
        roi_stage=network_layers.roi_stage(config, levels[0].shape[-1]),
        box_head=network_layers.box_head(config),
        mask_head=network_layers.mask_head(config),
        **_aligners(config, geometry, portable),
    )


def make_rpn(config: Config, levels: Sequence[Array]) -> RpnParts:
    """The region proposal network upon the maps that are searched for objects."""
    rpn_head = network_layers.rpn_head(config, levels[0].shape[-1])
    by_level = [rpn_head(level) for level in levels]
    logits, probs, deltas = join_levels(by_level)
    return RpnParts(
        anchors=keras.Input([None, 4], name="input_anchors"),
        logits=logits,
        probs=probs,
        deltas=deltas,
        level_probs=[probs for _, probs, _ in by_level],
    )


def second_stage(
    config: Config,
    geometry: GeometryName,
    parts: NetworkParts,
    class_names: Sequence[str] | None,
    *,
    portable: bool = False,
) -> Found:
    """From proposals to boxes with classes, and to what masks are made from."""
    if parts.rpn is None:
        proposals = given_proposals(parts.rois, parts.image_meta, geometry)
    else:
        propose = network_layers.proposal_layer(config, geometry, portable=portable)
        proposals = parts.rpn.propose(propose, parts.image_meta)

    levels = network_layers.roi_levels(config, parts.levels)
    pooled = parts.align_boxes([proposals, parts.image_meta, *levels])
    _, probs, deltas = parts.box_head(parts.seen_by_heads(pooled))
    select = network_layers.detection_layer(
        config, geometry, class_names, portable=portable
    )
    detections = select([proposals, probs, deltas, parts.image_meta])

    # The mask head costs most per roi, so it sees the slots in use only.
    slots = detections if portable else TrimRois(name="trim_rois")(detections)
    features = None
    if parts.mask_head is not None:
        pooled = parts.align_masks([slots[..., :4], parts.image_meta, *levels])
        features = parts.seen_by_heads(pooled)
    return Found(detections, probs, deltas, slots, features, proposals)


def given_proposals(rois: Array, image_meta: Array, geometry: GeometryName) -> Array:
    """The caller's boxes as proposals. [B, R, 4] pixels -> [B, R, 4] normalized"""
    image_shape = parse_image_meta(image_meta).image_shape[:, None]  # [B, 1, 3]
    shift = CONVENTIONS[geometry].edge_shift
    proposals = normalize_boxes(rois, image_shape, edge_shift=shift)
    return ops.where(is_padding(rois)[..., None], 0.0, proposals)


def detector_of(
    config: Config,
    geometry: GeometryName,
    parts: NetworkParts,
    *,
    class_names: Sequence[str] | None = None,
    masks: bool = True,
) -> keras.Model:
    """What `detect` needs of a network, with thresholds of its own.

    Args:
        config: may differ from the network's in what leaves its weights alone
        geometry: likewise
        parts: of the network; its heads are shared
        class_names: needed where DETECTION_MIN_CONFIDENCE names classes
        masks: False leaves the mask head out, if there is one

    Returns:
        A model from the network's inputs to detections [B, D, 6] and, with masks, the
        patches of each detection's own class [B, D', S, S], where D' is the largest
        number of detections in the batch, or 1; without TensorFlow's kernels, D.
    """
    portable = not KERNELS_ARE_USABLE
    parts = parts._replace(**_aligners(config, geometry, portable))
    found = second_stage(config, geometry, parts, class_names, portable=portable)
    if not masks or parts.mask_head is None:
        return keras.Model(parts.inputs, found.detections)
    class_ids = ops.cast(found.slots[..., 4], "int32")
    patches = parts.mask_head.of_own_class(found.slot_features, class_ids)
    return keras.Model(parts.inputs, [found.detections, patches])


def _aligners(
    config: Config, geometry: GeometryName, portable: bool
) -> dict[str, PyramidROIAlign]:
    return {
        "align_boxes": network_layers.roi_align(
            config, geometry, config.POOL_SIZE, "roi_align_classifier", portable
        ),
        "align_masks": network_layers.roi_align(
            config, geometry, config.MASK_POOL_SIZE, "roi_align_mask", portable
        ),
    }
