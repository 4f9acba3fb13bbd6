"""A detector run over a dataset, a few images in memory at a time.

Shapes: H W the image, C channels.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial

from mrcnn.data.dataset import Dataset
from mrcnn.evaluation.coco import CocoEvaluator
from mrcnn.evaluation.records import FoundInstances
from mrcnn.evaluation.summary import Evaluation

Detect = Callable[..., Sequence[FoundInstances]]
"""Images [H, W, C], and with `with_proposals` the `proposals` of each -> the instances
in each."""


def evaluate_dataset(
    detect: Detect,
    dataset: Dataset,
    *,
    image_ids: Iterable[int] | None = None,
    batch_size: int = 1,
    on_progress: Callable[[int, int], None] | None = None,
    max_detections: Sequence[int] = (1, 10, 100),
    score_threshold: float = 0.5,
    iou_threshold: float = 0.5,
    min_confidence: float | None = None,
    use_stated_sizes: bool = False,
    with_proposals: bool = False,
) -> Evaluation:
    """What a detector finds in a dataset, held against its ground truth.

    Args:
        detect: finds instances in at most `batch_size` images
        dataset: any prepared Dataset
        image_ids: the images to evaluate, all if None
        batch_size: images that are loaded and handed to `detect` at a time
        on_progress: called after each batch with the number done and of all
        max_detections: see `CocoEvaluator`
        score_threshold: see `Evaluation`
        iou_threshold: see `Evaluation`
        min_confidence: see `Evaluation`
        use_stated_sizes: whether ground truth has the boxes and areas that annotations
            state (`Dataset.stated_sizes`), as in COCO's published numbers; by default
            its masks say them, as in training
        with_proposals: whether the detector is told the dataset's proposals

    Returns:
        the numbers, which are computed when asked for
    """
    if batch_size < 1:
        raise ValueError(f"batch_size is at least 1, but got {batch_size}.")
    ids = dataset.image_ids if image_ids is None else image_ids
    ids = list(dict.fromkeys(int(image_id) for image_id in ids))
    evaluator = CocoEvaluator(dataset.class_names, max_detections=max_detections)
    for start in range(0, len(ids), batch_size):
        batch = ids[start : start + batch_size]
        find = _with_proposals(detect, dataset, batch) if with_proposals else detect
        _evaluate_batch(find, dataset, batch, evaluator, use_stated_sizes)
        if on_progress is not None:
            on_progress(start + len(batch), len(ids))
    return Evaluation(
        evaluator,
        score_threshold=score_threshold,
        iou_threshold=iou_threshold,
        min_confidence=min_confidence,
    )


def _with_proposals(detect: Detect, dataset: Dataset, image_ids: list[int]) -> Detect:
    """The detector as told the proposals of some images, whose turn it is."""
    proposals = [dataset.load_proposals(image_id) for image_id in image_ids]
    return partial(detect, proposals=proposals)


def _evaluate_batch(
    detect: Detect,
    dataset: Dataset,
    image_ids: list[int],
    evaluator: CocoEvaluator,
    use_stated_sizes: bool,
) -> None:
    images = [dataset.load_image(image_id) for image_id in image_ids]
    found = detect(images)
    if len(found) != len(images):
        raise ValueError(
            f"detect() returned {len(found)} results for {len(images)} images: it must "
            "return the instances of each image, in order."
        )
    for image_id, image, instances in zip(image_ids, images, found, strict=True):
        masks, class_ids = dataset.load_mask(image_id)
        stated = dataset.stated_sizes(image_id) if use_stated_sizes else None
        evaluator.add_ground_truth(image_id, masks, class_ids, image.shape, stated)
        evaluator.add_detections(image_id, instances)
