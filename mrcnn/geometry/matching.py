"""Which box answers for which ground truth: the step from boxes to training targets.

Anchors and rois are matched to the gt boxes they overlap, then a fixed number of them
is drawn for the losses. Crowds are regions of uncounted objects: nothing is matched to
them, and what overlaps them is not background either. Units are the caller's; they
only have to agree.

Shapes: A anchors, R rois, G gt slots, N boxes of any kind, K drawn boxes; `...` is any
number of leading axes.
"""

from mrcnn.geometry.arrays import Array, array_namespace, cast, take_values, top_k
from mrcnn.geometry.boxes import is_padding, pairwise_iou

NEGATIVE, NEUTRAL, POSITIVE = -1, 0, 1


def match_anchors(
    anchors: Array,
    gt_boxes: Array,
    gt_class_ids: Array,
    *,
    positive_iou: float,
    negative_iou: float,
    crowd_iou: float,
    forced: bool = True,
) -> tuple[Array, Array]:
    """Matches of anchors for the region proposal network.

    Args:
        anchors: [A, 4] or [..., A, 4]
        gt_boxes: [..., G, 4], unused rows zero
        gt_class_ids: [..., G] 0 for padding, negative for crowds
        positive_iou: from here on with a gt box, an anchor is positive
        negative_iou: below this with every gt box, an anchor is negative
        crowd_iou: over this with a crowd, an anchor is not negative
        forced: whether each gt box also takes the anchors that overlap it most,
            however little, and from whatever gt box they overlap more; an anchor
            taken by several goes to the one it overlaps most, of equals to the first

    Returns:
        match: int32 [..., A] POSITIVE, NEGATIVE or NEUTRAL
        gt_indices: int32 [..., A] row of the matched gt box; for an anchor that is
            not positive, of the one it overlaps most, or 0

        A gt box that overlaps no anchor takes none, and without any gt box all
        anchors are negative.
    """
    xp = array_namespace(anchors, gt_boxes)
    iou, crowd_overlap = _overlaps(anchors, gt_boxes, gt_class_ids)  # [..., A, G + 1]
    best_iou = xp.max(iou, axis=-1, initial=0.0)  # [..., A]
    gt_indices = xp.argmax(iou, axis=-1)
    is_positive = best_iou >= positive_iou
    if forced:
        gt_best_iou = xp.max(iou, axis=-2, keepdims=True, initial=0.0)  # [..., 1, G+1]
        # A function, since `==` on symbolic tensors compares the objects.
        taken_iou = xp.where(xp.equal(iou, gt_best_iou), iou, 0.0)
        is_taken = xp.any(taken_iou > 0, axis=-1)  # [..., A]
        gt_indices = xp.where(is_taken, xp.argmax(taken_iou, axis=-1), gt_indices)
        is_positive = is_positive | is_taken
    is_negative = (best_iou < negative_iou) & (crowd_overlap <= crowd_iou)
    return _as_match(is_positive, is_negative), cast(gt_indices, "int32")


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
    iou, crowd_overlap = _overlaps(rois, gt_boxes, gt_class_ids)  # [..., R, G + 1]
    best_iou = xp.max(iou, axis=-1, initial=0.0)  # [..., R]
    in_range = (best_iou >= negative_iou_low) & (best_iou < negative_iou_high)
    is_real = xp.logical_not(is_padding(rois))
    is_negative = in_range & (crowd_overlap <= crowd_iou) & is_real
    match = _as_match(best_iou >= positive_iou, is_negative)
    return match, cast(xp.argmax(iou, axis=-1), "int32")


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


def _overlaps(
    boxes: Array, gt_boxes: Array, gt_class_ids: Array
) -> tuple[Array, Array]:
    """IoU with real gt boxes [..., N, G + 1], and the highest with a crowd [..., N].

    Crowds and padding count 0, and so does the last column, which makes sure that
    there is one where there are no gt boxes.
    """
    xp = array_namespace(boxes, gt_boxes)
    leading = [(0, 0)] * (len(gt_boxes.shape) - 2)
    gt_boxes = xp.pad(gt_boxes, [*leading, (0, 1), (0, 0)])  # [..., G + 1, 4]
    gt_class_ids = xp.pad(gt_class_ids, [*leading, (0, 1)])[..., None, :]
    iou = pairwise_iou(boxes, gt_boxes)  # [..., N, G + 1]
    crowd_iou = xp.where(gt_class_ids < 0, iou, 0.0)
    real_iou = xp.where(gt_class_ids > 0, iou, 0.0)
    # The initial value lets the highest of no boxes be asked for.
    return real_iou, xp.max(crowd_iou, axis=-1, initial=0.0)


def _as_match(is_positive: Array, is_negative: Array) -> Array:
    xp = array_namespace(is_positive)
    match = xp.where(is_negative, NEGATIVE, NEUTRAL)
    return cast(xp.where(is_positive, POSITIVE, match), "int32")
