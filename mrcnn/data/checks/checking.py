"""A look through a whole dataset before training: `dataset.check()`.

Every image and its masks are loaded once, as training loads them, and everything that
would stop training, poison it or waste it is collected instead of raised.

Shapes: H W the image, N instances.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from mrcnn.config import Config
from mrcnn.data.checks.anchor_report import report_anchors
from mrcnn.data.checks.classes import check_classes, check_left_out, check_sources
from mrcnn.data.checks.damage import Finding, numbered
from mrcnn.data.checks.dataset_report import DatasetReport, sort_findings
from mrcnn.data.checks.images import load_checked_image, real_path
from mrcnn.data.checks.instances import load_checked_instances
from mrcnn.data.dataset import Dataset
from mrcnn.geometry.mini_masks import mini_masks_resized
from mrcnn.geometry.resizing import plan_resize

OnProgress = Callable[[int, int], None]
"""Called with the number of images done and of all."""


class ImageFacts(NamedTuple):
    """What is kept of one image once it was looked at."""

    image_id: int
    findings: list[Finding]

    is_usable: bool
    """Whether training can use it."""

    fingerprint: bytes | None
    """Equal for equal pixels; None where there are none."""

    class_ids: np.ndarray
    """[N], negative for crowds."""

    boxes: np.ndarray
    """[N, 4] in pixels of the molded image."""

    molded_shape: tuple[int, int]


def check_dataset(
    dataset: Dataset,
    config: Config | None = None,
    *,
    image_ids: Sequence[int] | None = None,
    on_progress: OnProgress | None = None,
) -> DatasetReport:
    """What is wrong with a dataset, and how its objects fit the network.

    Args:
        dataset: has been prepared
        config: of the training to come; a ValueError says what is wrong with it. By
            default, the default knobs with the dataset's number of classes
        image_ids: the images to look at; by default all
        on_progress: called after each image with the number done and of all

    Returns:
        The report. A damaged image or annotation is a finding in it, never an error.
    """
    if config is None:
        config = default_config(dataset)
    else:
        config.validate()
    is_whole = image_ids is None
    chosen = [int(i) for i in (dataset.image_ids if image_ids is None else image_ids)]
    facts = []
    for done, image_id in enumerate(chosen, 1):
        facts.append(_look_at(dataset, image_id, config))
        if on_progress is not None:
            on_progress(done, len(chosen))
    findings = [finding for fact in facts for finding in fact.findings]
    findings += check_classes(dataset, config)
    findings += check_sources(dataset)
    findings += check_left_out(dataset)
    findings += _copies(dataset, facts)
    return _report(dataset, config, facts, findings, is_whole=is_whole)


def default_config(dataset: Dataset) -> Config:
    """The default knobs, with what a dataset decides."""
    config = Config()
    config.NUM_CLASSES = dataset.num_classes
    config.IMAGE_CHANNEL_COUNT = dataset.channel_count
    return config


def _look_at(dataset: Dataset, image_id: int, config: Config) -> ImageFacts:
    image, findings = load_checked_image(dataset, image_id, config)
    nothing = np.zeros(0, "int32"), np.zeros((0, 4), "int32"), (0, 0)
    if image is None:
        return ImageFacts(image_id, findings, False, None, *nothing)
    fingerprint = _fingerprint(image)
    masks, class_ids, found = load_checked_instances(
        dataset, image_id, image.shape, config
    )
    findings += found
    is_usable = all(finding.severity != "error" for finding in findings)
    if masks is None:
        return ImageFacts(image_id, findings, False, fingerprint, *nothing)
    plan = plan_resize(
        image.shape,
        min_dim=config.IMAGE_MIN_DIM,
        max_dim=config.IMAGE_MAX_DIM,
        min_scale=config.IMAGE_MIN_SCALE,
        mode=config.IMAGE_RESIZE_MODE,
    )
    # Training takes its boxes from here too; the smallest mini-masks cost nothing.
    boxes, _ = mini_masks_resized(masks, plan, (1, 1))
    # In "crop" mode an object may lie outside the crop.
    kept = boxes[:, 2] > boxes[:, 0]
    molded_shape = plan.image_shape[0], plan.image_shape[1]
    return ImageFacts(
        image_id,
        findings,
        is_usable,
        fingerprint,
        class_ids[kept],
        boxes[kept],
        molded_shape,
    )


def _fingerprint(image: np.ndarray) -> bytes:
    """Equal for images of equal pixels, and for no others."""
    digest = hashlib.blake2b(f"{image.shape} {image.dtype}".encode(), digest_size=16)
    digest.update(image.tobytes())
    return digest.digest()


def _copies(dataset: Dataset, facts: list[ImageFacts]) -> Iterator[Finding]:
    """Images that are the same file or the same picture as one before."""
    by_path: dict[str, int] = {}
    by_pixels: dict[bytes, int] = {}
    for fact in facts:
        path = real_path(dataset.image_info[fact.image_id]["path"])
        # Drawn images may all name the file that they are drawn from.
        pixels = fact.fingerprint or b""
        first_path = by_path.setdefault(path, fact.image_id) if path else fact.image_id
        first = by_pixels.setdefault(pixels, fact.image_id) if pixels else fact.image_id
        reference = dataset.describe_image(fact.image_id)
        if first_path != fact.image_id:
            text = f"It has the file of {dataset.describe_image(first_path)}."
            yield Finding("same file twice", text, fact.image_id, reference)
        elif first != fact.image_id:
            text = f"It has the pixels of {dataset.describe_image(first)}."
            yield Finding("same picture twice", text, fact.image_id, reference)


def _report(
    dataset: Dataset,
    config: Config,
    facts: list[ImageFacts],
    findings: list[Finding],
    *,
    is_whole: bool,
) -> DatasetReport:
    class_ids = np.concatenate([np.zeros(0, "int32")] + [f.class_ids for f in facts])
    boxes = np.concatenate([np.zeros((0, 4), "int32")] + [f.boxes for f in facts])
    counts = [len(fact.class_ids) for fact in facts]
    image_ids = np.repeat([fact.image_id for fact in facts], counts).astype("int64")
    shapes = np.array([fact.molded_shape for fact in facts], "int64").reshape(-1, 2)
    image_shapes = np.repeat(shapes, counts, axis=0)  # [N, 2]

    real = class_ids > 0
    anchors = report_anchors(boxes[real], image_shapes[real], config)
    report = DatasetReport(
        findings=findings,
        num_images=len(facts),
        num_usable_images=sum(fact.is_usable for fact in facts),
        num_empty_images=sum(f.is_usable and not len(f.class_ids) for f in facts),
        num_crowds=int((class_ids < 0).sum()),
        class_counts=_by_name(dataset, class_ids[real]),
        images_per_class=_by_name(
            dataset,
            [n for f in facts for n in np.unique(f.class_ids[f.class_ids > 0])],
        ),
        image_ids=image_ids[real],
        boxes=boxes[real],
        anchors=anchors,
    )
    if is_whole:
        findings += _never_seen(dataset, report)
    findings += _badly_anchored(dataset, config, report)
    report.findings = sort_findings(findings)
    return report


def _by_name(dataset: Dataset, class_ids: Sequence[int] | np.ndarray) -> dict[str, int]:
    """Counts of class ids by class name; classes that do not occur count 0."""
    counts = Counter(dataset.class_names[number] for number in class_ids)
    return {name: counts[name] for name in dataset.class_names[1:]}


def _never_seen(dataset: Dataset, report: DatasetReport) -> Iterator[Finding]:
    if dataset.num_images and not report.num_instances:
        yield Finding("no instances", "No image has a usable instance.")
        return
    for name, count in report.class_counts.items():
        if count == 0:
            yield Finding("class without instances", f"{name!r} has none.")


def _badly_anchored(
    dataset: Dataset, config: Config, report: DatasetReport
) -> Iterator[Finding]:
    """Objects that hardly any anchor overlaps, counted image by image."""
    anchors = report.anchors
    stride, scale = min(anchors.strides), min(anchors.shapes.scales)
    shortest = (report.boxes[:, 2:] - report.boxes[:, :2]).min(axis=1, initial=10**6)
    is_missed = anchors.best_ious < config.RPN_NEGATIVE_IOU
    is_small = (shortest < stride) | (is_missed & (report.sides < scale))
    is_odd = is_missed & ~is_small
    for kind, flags in (
        ("too small after resizing", is_small),
        ("no anchor of its shape", is_odd),
    ):
        for image_id in np.unique(report.image_ids[flags]).tolist():
            rows = np.flatnonzero(flags & (report.image_ids == image_id))
            height, width = report.boxes[rows[0], 2:] - report.boxes[rows[0], :2]
            objects = numbered(len(rows), "object")
            text = f"{objects}, such as one of {width} x {height} molded pixels."
            yield Finding(kind, text, image_id, dataset.describe_image(image_id))
