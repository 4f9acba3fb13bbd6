"""A page of HTML about an evaluation, or about detections alone.

Each is one file that needs nothing beside it: `index.html`, with its pictures inside.
Masks lie over the pictures as outlines, so that a page of 1,000 images stays within
some 40 MB.

Shapes: N images, H W the image, C channels.
"""

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from mrcnn.data.dataset import Dataset
from mrcnn.evaluation.summary import Evaluation
from mrcnn.inference.class_names import ClassNames
from mrcnn.inference.results import Instances
from mrcnn.report.entries import detected_entry, evaluated_entries, image_name
from mrcnn.report.numbers import detection_numbers, evaluation_numbers
from mrcnn.report.page import write_page
from mrcnn.report.thumbnails import bytes_for_each, thumbnail

OnProgress = Callable[[int, int], None]


def write_evaluation_report(
    folder: str | os.PathLike,
    evaluation: Evaluation,
    dataset: Dataset,
    *,
    title: str = "Evaluation",
    max_images: int = 1000,
    on_progress: OnProgress | None = None,
) -> Path:
    """A page of all numbers of an evaluation and a gallery, the worst images first.

    Args:
        folder: where `index.html` is written; made if needed
        evaluation: what `MaskRCNN.evaluate` returned
        dataset: the one that was evaluated, for its pictures
        title: of the page
        max_images: the most pictures in the gallery, which are then the worst; the
            numbers are those of all images
        on_progress: called after each picture with the number done and of all

    Returns:
        path of the page
    """
    entries = evaluated_entries(evaluation, max_images)
    budget = bytes_for_each(len(entries))
    shown = []
    for number, entry in enumerate(entries, 1):
        name = image_name(dataset, entry["id"])
        picture = thumbnail(dataset.load_image(entry["id"]), budget)
        shown.append({"name": name, "picture": picture, **entry})
        if on_progress is not None:
            on_progress(number, len(entries))
    return write_page(
        folder, title, {**evaluation_numbers(evaluation), "images": shown}
    )


def write_detection_report(
    folder: str | os.PathLike,
    images: Iterable[Any],
    results: Iterable[Instances],
    *,
    class_names: ClassNames | None,
    title: str = "Detections",
    max_images: int = 1000,
    on_progress: OnProgress | None = None,
) -> Path:
    """A page with a gallery of images and what was found in them.

    Args:
        folder: where `index.html` is written; made if needed
        images: [N] arrays [H, W] or [H, W, C], pictures of Pillow or paths
        results: [N] what `MaskRCNN.detect` returned for them, in the same order
        class_names: by class id, the background first; or None if not known
        title: of the page
        max_images: the most pictures in the gallery, which are then the first
        on_progress: called after each picture with the number done and of all

    Returns:
        path of the page
    """
    sources, results = list(images), list(results)
    if len(sources) != len(results):
        raise ValueError(
            f"There are {len(sources)} images and {len(results)} results: give the "
            "result of each image, in the same order."
        )
    num_shown = min(len(results), max_images)
    budget = bytes_for_each(num_shown)
    shown = []
    for number in range(num_shown):
        source = sources[number]
        is_file = isinstance(source, str | os.PathLike)
        name = Path(source).name if is_file else f"image {number}"
        entry = detected_entry(number, results[number])
        shown.append({"name": name, "picture": thumbnail(source, budget), **entry})
        if on_progress is not None:
            on_progress(number + 1, num_shown)
    return write_page(
        folder, title, {**detection_numbers(results, class_names), "images": shown}
    )
