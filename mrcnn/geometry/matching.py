"""Which box answers for which ground truth: the step from boxes to training targets.

Anchors and rois are matched to the gt boxes they overlap, then a fixed number of them
is drawn for the losses. Crowds are regions of uncounted objects: nothing is matched to
them, and what overlaps them is not background either. Units are the caller's; they
only have to agree.

Shapes: A anchors, R rois, G gt slots, N boxes of any kind, K drawn boxes; `...` is any
number of leading axes.
"""

from mrcnn.geometry.arrays import (
    Array,
    array_namespace,
    cast,
    if_any,
    take_values,
    top_k,
)
from mrcnn.geometry.boxes import is_padding, pairwise_cover, pairwise_iou

NEGATIVE, NEUTRAL, POSITIVE = -1, 0, 1

# What two IoUs may differ by and still be equal, in parts of the larger. Anchors tie
# for an object by the dozen, and rounding splits them by 1e-5 where boxes are small
# and in units of the image; what really differs does so by 1e-4 and more.
TIE = 5e-5


def match_anchors(
    anchors: Array,
    gt_boxes: Array,
    gt_class_ids: Array,
    *,
    positive_iou: float,
    negative_iou: float,
    crowd_iou: float,
    forced_iou: float = 0.0,
    forced_keep_own: bool = False,
) -> tuple[Array, Array]:
    """Matches of anchors for the region proposal network.

    Each gt box also takes the anchors that overlap it most, however little, and from
    whatever gt box they overlap more. An anchor taken by several goes to the one it
    overlaps most, of equals to the first.

    Args:
        anchors: [A, 4] or [..., A, 4], unused rows zero
        gt_boxes: [..., G, 4], unused rows zero
        gt_class_ids: [..., G] 0 for padding, negative for crowds
        positive_iou: from here on with a gt box, an anchor is positive
        negative_iou: below this with every gt box, an anchor is negative
        crowd_iou: over this with a crowd, an anchor is not negative
        forced_iou: a gt box takes no anchors that overlap it by less
        forced_keep_own: whether what is taken becomes positive, but still belongs to
            the gt box it overlaps most

    Returns:
        match: int32 [..., A] POSITIVE, NEGATIVE or NEUTRAL; padding is neutral
        gt_indices: int32 [..., A] row of the matched gt box; for an anchor that is
            not positive, of the one it overlaps most, or 0

        A gt box that overlaps no anchor takes none, and without any gt box all
        anchors are negative.
    """
    match, iou, is_taken = _match_anchors(
        anchors,
        gt_boxes,
        gt_class_ids,
        limits=(positive_iou, negative_iou, crowd_iou, forced_iou),
    )
    return match, _gt_of_anchors(iou, is_taken, forced_keep_own)


def draw_anchors(
    anchors: Array,
    gt_boxes: Array,
    gt_class_ids: Array,
    priorities: Array,
    *,
    positive_iou: float,
    negative_iou: float,
    crowd_iou: float,
    count: int,
    positive_share: float,
    forced_iou: float = 0.0,
    forced_keep_own: bool = False,
) -> tuple[Array, Array, Array]:
    """A sample of matched anchors, without asking where all the others belong.

    Args:
        anchors: [A, 4] or [..., A, 4], unused rows zero
        gt_boxes: [..., G, 4], unused rows zero
        gt_class_ids: [..., G] 0 for padding, negative for crowds
        priorities: [..., A] see `sample_matches`
        positive_iou: see `match_anchors`
        negative_iou: see `match_anchors`
        crowd_iou: see `match_anchors`
        count: K
        positive_share: see `sample_matches`
        forced_iou: see `match_anchors`
        forced_keep_own: see `match_anchors`

    Returns:
        indices: int32 [..., K] of the drawn anchors, as `sample_matches` has them
        match: int32 [..., K] theirs
        gt_indices: int32 [..., K] what `match_anchors` has for them
    """
    match, iou, is_taken = _match_anchors(
        anchors,
        gt_boxes,
        gt_class_ids,
        limits=(positive_iou, negative_iou, crowd_iou, forced_iou),
    )
    indices, match = sample_matches(
        match, priorities, count=count, positive_share=positive_share
    )
    xp = array_namespace(indices)
    columns = indices[..., None, :]  # [..., 1, K]
    iou = xp.take_along_axis(iou, columns, axis=-1)  # [..., G + 1, K]
    is_taken = xp.take_along_axis(is_taken, columns, axis=-1)  # [..., G + 1, K]
    return indices, match, _gt_of_anchors(iou, is_taken, forced_keep_own)


def match_rois(
    rois: Array,
    gt_boxes: Array,
    gt_class_ids: Array,
    *,
    positive_iou: float,
    negative_iou_low: float,
    negative_iou_high: float,
    crowd_iou: float,
) -> tuple[Array, Array]:
    """Matches of rois for the second-stage heads.

    Args:
        rois: [..., R, 4], unused rows zero
        gt_boxes: [..., G, 4], unused rows zero
        gt_class_ids: [..., G] 0 for padding, negative for crowds
        positive_iou: from here on with a gt box, a roi is positive
        negative_iou_low: a negative's highest IoU is at least this
        negative_iou_high: and less than this
        crowd_iou: over this with a crowd, a roi is not negative

    Returns:
        match: int32 [..., R] POSITIVE, NEGATIVE or NEUTRAL; padding is neutral
        gt_indices: int32 [..., R] row of the gt box overlapped most, or 0
    """
    xp = array_namespace(rois, gt_boxes)
    iou = _overlaps(rois, gt_boxes, gt_class_ids > 0)  # [..., G + 1, R]
    best_iou = xp.max(iou, axis=-2, initial=0.0)  # [..., R]
    in_range = (best_iou >= negative_iou_low) & (best_iou < negative_iou_high)
    is_negative = in_range & xp.logical_not(is_padding(rois))
    is_negative = _outside_crowds(is_negative, rois, gt_boxes, gt_class_ids, crowd_iou)
    match = _as_match(best_iou >= positive_iou, is_negative)
    return match, cast(xp.argmax(iou, axis=-2), "int32")


def without_straddling(anchors: Array, window: Array) -> Array:
    """The anchors, zero where they reach over a window's edges.

    [..., A, 4], [..., 4] -> [..., A, 4]
    """
    xp = array_namespace(anchors, window)
    window = window[..., None, :]  # [..., 1, 4]
    starts_inside = xp.all(anchors[..., :2] >= window[..., :2], axis=-1, keepdims=True)
    ends_inside = xp.all(anchors[..., 2:] <= window[..., 2:], axis=-1, keepdims=True)
    return xp.where(starts_inside & ends_inside, anchors, 0)


def without_crowded(
    boxes: Array, gt_boxes: Array, gt_class_ids: Array, *, crowd_cover: float
) -> Array:
    """The boxes, zero where more than a share of one lies in a crowd.

    Args:
        boxes: [..., N, 4]
        gt_boxes: [..., G, 4], unused rows zero
        gt_class_ids: [..., G] 0 for padding, negative for crowds
        crowd_cover: the share; 1 leaves all as they are

    Returns:
        [..., N, 4]
    """
    if crowd_cover >= 1:
        return boxes
    xp = array_namespace(boxes, gt_boxes)
    is_crowd = gt_class_ids < 0

    def uncovered() -> Array:
        crowds = xp.where(is_crowd[..., None], gt_boxes, 0)
        cover = pairwise_cover(boxes, crowds)  # [..., N, G]
        most = xp.max(cover, axis=-1, keepdims=True, initial=0.0)
        return xp.where(most > crowd_cover, 0, boxes)

    return if_any(is_crowd, uncovered, lambda: boxes)


def sample_matches(
    match: Array, priorities: Array, *, count: int, positive_share: float
) -> tuple[Array, Array]:
    """A fixed number of positives and negatives, those of the highest priority.

    Positives fill at most `positive_share` of the places, rounded down; negatives
    take all that positives leave.

    Args:
        match: [..., N] POSITIVE, NEGATIVE or NEUTRAL
        priorities: [..., N] in [0, 1); uniform random numbers for a random choice
        count: K
        positive_share: 0..1

    Returns:
        indices: int32 [..., K] rows of the drawn, positives first, both kinds by
            falling priority; 0 in unused places, which come last
        match: int32 [..., K] theirs; NEUTRAL in unused places
    """
    xp = array_namespace(match, priorities)
    # Neutral rows, so that there are enough whatever N is.
    padding = [(0, 0)] * (len(match.shape) - 1) + [(0, count)]
    match = xp.pad(match, padding)  # [..., N + K]
    priorities = xp.pad(priorities, padding)
    # Shares such as 0.29 of 100 come out just below the whole number they mean.
    max_positives = int(count * positive_share + 1e-6)

    def best_of(kind: int, places: int) -> tuple[Array, Array]:
        ranks = xp.where(xp.equal(match, kind), priorities, -1.0)
        ranks, indices = top_k(ranks, places)  # [..., places]
        return indices, xp.where(ranks >= 0, kind, NEUTRAL)

    kinds = [best_of(POSITIVE, max_positives), best_of(NEGATIVE, count)]
    indices = xp.concatenate([indices for indices, _ in kinds], axis=-1)
    drawn = cast(xp.concatenate([drawn for _, drawn in kinds], axis=-1), "int32")
    # Among equals the first come first: this closes the gap after the positives.
    is_used, order = top_k(cast(xp.not_equal(drawn, NEUTRAL), "int32"), count)
    return take_values(indices, order) * is_used, take_values(drawn, order)


def _match_anchors(
    anchors: Array,
    gt_boxes: Array,
    gt_class_ids: Array,
    *,
    limits: tuple[float, float, float, float],
) -> tuple[Array, Array, Array]:
    """Match [..., A]; IoU with gt boxes and whether these take it, [..., G + 1, A]"""
    positive_iou, negative_iou, crowd_iou, forced_iou = limits
    xp = array_namespace(anchors, gt_boxes)
    iou = _overlaps(anchors, gt_boxes, gt_class_ids > 0)  # [..., G + 1, A]
    best_iou = xp.max(iou, axis=-2, initial=0.0)  # [..., A]
    taken_iou = xp.max(iou, axis=-1, keepdims=True, initial=0.0)  # [..., G + 1, 1]
    # A gt box that takes none asks for more than there is.
    may_take = (taken_iou > 0) & (taken_iou >= forced_iou)
    is_taken = iou >= xp.where(may_take, taken_iou * (1 - TIE), float("inf"))
    is_positive = (best_iou >= positive_iou) | xp.any(is_taken, axis=-2)
    is_negative = (best_iou < negative_iou) & xp.logical_not(is_padding(anchors))
    is_negative = _outside_crowds(
        is_negative, anchors, gt_boxes, gt_class_ids, crowd_iou
    )
    return _as_match(is_positive, is_negative), iou, is_taken


def _gt_of_anchors(iou: Array, is_taken: Array, keep_own: bool) -> Array:
    """The gt box that each anchor belongs to. Two of [..., G + 1, N] -> [..., N]"""
    xp = array_namespace(iou)
    gt_indices = xp.argmax(iou, axis=-2)
    if not keep_own:
        taker = xp.argmax(xp.where(is_taken, iou, 0.0), axis=-2)
        gt_indices = xp.where(xp.any(is_taken, axis=-2), taker, gt_indices)
    return cast(gt_indices, "int32")


def _overlaps(boxes: Array, gt_boxes: Array, is_meant: Array) -> Array:
    """IoU with the gt boxes that are meant. [..., N, 4], [..., G, 4], [..., G]

    Returns:
        [..., G + 1, N], a row for each gt box: with boxes by the hundred thousand, rows
        as long as these are the quicker layout. The others' rows are zero, and so is
        the last, which makes sure that there is one where there are no gt boxes.
    """
    xp = array_namespace(boxes, gt_boxes)
    gt_boxes = xp.where(is_meant[..., None], gt_boxes, 0)
    padding = [(0, 0)] * (len(gt_boxes.shape) - 2) + [(0, 1), (0, 0)]
    return pairwise_iou(xp.pad(gt_boxes, padding), boxes)


def _outside_crowds(
    is_negative: Array,
    boxes: Array,
    gt_boxes: Array,
    gt_class_ids: Array,
    crowd_iou: float,
) -> Array:
    """The negatives that overlap no crowd by more than that. bool [..., N]"""
    xp = array_namespace(boxes, gt_boxes)
    is_crowd = gt_class_ids < 0

    def outside() -> Array:
        overlap = xp.max(_overlaps(boxes, gt_boxes, is_crowd), axis=-2, initial=0.0)
        return is_negative & (overlap <= crowd_iou)

    # Most images have none, and looking for overlaps is what takes the time.
    return if_any(is_crowd, outside, lambda: is_negative)


def _as_match(is_positive: Array, is_negative: Array) -> Array:
    xp = array_namespace(is_positive)
    match = xp.where(is_negative, NEGATIVE, NEUTRAL)
    return cast(xp.where(is_positive, POSITIVE, match), "int32")
