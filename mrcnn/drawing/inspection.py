"""The picture page of a dataset: counts, sides, ratios, recall and some images.

Shapes: H W the image, N instances.
"""

import os
from typing import NamedTuple

import numpy as np

from mrcnn.config import Config
from mrcnn.data.checks.anchor_report import THRESHOLDS
from mrcnn.data.checks.damage import KINDS, numbered
from mrcnn.data.checks.dataset_report import DatasetReport
from mrcnn.data.checks.images import load_checked_image
from mrcnn.data.checks.instances import load_checked_instances
from mrcnn.data.dataset import Dataset
from mrcnn.drawing.charts import (
    Axes,
    Figure,
    draw_counts,
    draw_histogram,
    draw_shares,
    new_page,
    plain_text,
    readable_on,
)
from mrcnn.drawing.colors import Color, indexed_color, to_uint8
from mrcnn.drawing.overlays import draw_box, overlay_masks
from mrcnn.geometry.masks import mask_bounds
from mrcnn.geometry.resizing import apply_resize, plan_resize, resize_masks

COLUMNS, ROWS = 4, 2

# Pixels along a side of a sample, about as many as it gets on the page.
TILE = 384
MAX_LABELS, LABELS_PER_CLASS, LONGEST_LABEL = 8, 3, 16


class Sample(NamedTuple):
    """One image as the page shows it."""

    picture: np.ndarray
    """uint8 [H, W, 3] with masks and boxes drawn in."""

    caption: str

    labels: list[tuple[float, float, str, Color]]
    """(x, y) of a box's upper-left corner, a class name and its colour."""


def save_inspection_page(
    path: str | os.PathLike[str],
    report: DatasetReport,
    dataset: Dataset,
    config: Config,
    *,
    title: str = "",
) -> None:
    """Writes the page as a picture of 1600 pixels' width.

    Args:
        path: of a PNG file
        report: of the dataset
        dataset: for the sample images
        config: the report's
        title: names the dataset on the page
    """
    draw_inspection_page(report, dataset, config, title=title).savefig(path)


def draw_inspection_page(
    report: DatasetReport, dataset: Dataset, config: Config, *, title: str = ""
) -> Figure:
    """The page as a matplotlib figure; see `save_inspection_page`."""
    samples = [sample_of(dataset, i, config) for i in sample_ids(report)]
    num_rows = -(-len(samples) // COLUMNS)
    page = new_page(16, 9 + 4.2 * num_rows)
    heights = [1.3, 3.9, 3.9, *[4.2] * num_rows]
    grid = page.add_gridspec(len(heights), COLUMNS, height_ratios=heights)
    _write_header(page.add_subplot(grid[0, :]), report, title)

    half = COLUMNS // 2
    axes = page.add_subplot(grid[1, :half])
    axes.set_title("Instances of each class", loc="left", fontsize=12)
    draw_counts(axes, report.class_counts)
    anchors = report.anchors
    axes = page.add_subplot(grid[1, half:])
    text = "Sides after resizing, pixels; dashed: RPN_ANCHOR_SCALES"
    axes.set_title(text, loc="left", fontsize=12)
    draw_histogram(axes, report.sides, anchors.shapes.scales)
    axes = page.add_subplot(grid[2, :half])
    text = "Width over height; dashed: RPN_ANCHOR_RATIOS"
    axes.set_title(text, loc="left", fontsize=12)
    draw_histogram(axes, report.ratios, anchors.shapes.ratios)
    _draw_recall(page.add_subplot(grid[2, half:]), report)

    for index, sample in enumerate(samples):
        row, column = divmod(index, COLUMNS)
        _draw_sample(page.add_subplot(grid[3 + row, column]), sample)
    return page


def sample_ids(report: DatasetReport) -> list[int]:
    """Images to show: those with instances, evenly over the dataset."""
    shown = np.unique(report.image_ids)
    count = min(len(shown), ROWS * COLUMNS)
    places = np.linspace(0, len(shown) - 1, count).round().astype(int)
    return [int(image_id) for image_id in shown[places]]


def sample_of(dataset: Dataset, image_id: int, config: Config) -> Sample:
    """An image with its masks, boxes and the names of its largest instances."""
    image, _ = load_checked_image(dataset, image_id, config)
    assert image is not None
    masks, class_ids, _ = load_checked_instances(dataset, image_id, image.shape, config)
    assert masks is not None
    picture = _as_rgb(image)
    plan = plan_resize(picture.shape, min_dim=TILE, max_dim=TILE, mode="square")
    picture = apply_resize(picture, plan)
    y1, x1, y2, x2 = plan.window
    masks = resize_masks(masks, plan)
    colors = [indexed_color(index) for index in range(len(class_ids))]
    picture = overlay_masks(picture, masks, colors)
    boxes = mask_bounds(masks)
    for box, color in zip(boxes, colors, strict=True):
        red, green, blue = to_uint8(color).tolist()
        draw_box(picture, box, (red, green, blue))
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    labels = [
        (
            float(boxes[index, 1] - x1),
            float(boxes[index, 0] - y1),
            dataset.class_names[abs(class_ids[index])],
            colors[index],
        )
        for index in np.argsort(-areas, kind="stable")
        if areas[index] > 0
    ]
    caption = f"image {image_id}: {numbered(len(class_ids), 'instance')}"
    return Sample(picture[y1:y2, x1:x2], caption, labels)


def _as_rgb(image: np.ndarray) -> np.ndarray:
    """The first three channels, or the first alone. [H, W, C] -> uint8 [H, W, 3]"""
    channels = image[..., :3] if image.shape[2] >= 3 else image[..., :1]
    pixels = np.broadcast_to(channels, (*image.shape[:2], 3))
    return np.clip(np.round(pixels), 0, 255).astype("uint8")


def _write_header(axes: Axes, report: DatasetReport, title: str) -> None:
    axes.set_axis_off()
    axes.text(0, 1, plain_text(title, 110), fontsize=17, fontweight="bold", va="top")
    counts = [
        numbered(report.num_images, "image"),
        numbered(report.num_instances, "instance"),
        numbered(report.num_crowds, "crowd"),
        f"{numbered(report.num_empty_images, 'image')} without objects",
    ]
    axes.text(0, 0.55, "  ·  ".join(counts), fontsize=12, va="top")
    kinds = [
        f"{kind} ({count})"
        for kind, count in report.counts().items()
        if KINDS[kind].severity != "note"
    ]
    shown = ", ".join(kinds[:5]) + (f" and {len(kinds) - 5} more" * (len(kinds) > 5))
    text = f"Found: {shown}" if kinds else "No error and no warning"
    color = "#3a7d34" if not kinds else "#a05a10" if report.ok else "#b02020"
    axes.text(0, 0.2, text, fontsize=12, va="top", color=color)


def _draw_recall(axes: Axes, report: DatasetReport) -> None:
    anchors, sides = report.anchors, report.anchors.by_side()
    totals = ", ".join(f"{anchors.recall(t):.1%} at {t:g}" for t in THRESHOLDS)
    text = f"Objects with an anchor, by side in pixels; all: {totals}"
    axes.set_title(text, loc="left", fontsize=12)
    shares = {
        f"IoU {threshold:g}": [side.recalls[index] for side in sides]
        for index, threshold in enumerate(THRESHOLDS)
    }
    names = [f"{side.low:g}..{side.high:g}" for side in sides]
    draw_shares(axes, names, [side.num_objects for side in sides], shares)


def _draw_sample(axes: Axes, sample: Sample) -> None:
    axes.imshow(sample.picture)
    axes.set_axis_off()
    axes.set_anchor("NW")
    axes.set_title(sample.caption, loc="left", fontsize=10)
    for x, y, text, color in place_labels(sample):
        axes.text(
            x + 3,
            y + 2,
            plain_text(text, LONGEST_LABEL),
            fontsize=8,
            va="top",
            color=readable_on(color),
            bbox={"facecolor": color, "edgecolor": "none", "pad": 1.2},
        )


def place_labels(sample: Sample) -> list[tuple[float, float, str, Color]]:
    """Labels with corners at which they cover neither each other nor their box.

    The largest instances come first. A class is named on a few of them only, or else
    many small objects would vanish behind their names.
    """
    height, width = sample.picture.shape[:2]
    placed: list[tuple[float, float, str, Color]] = []
    frames: list[tuple[float, float, float, float]] = []
    for x, y, name, color in sample.labels:
        # The frame of a text of 8 points, in pixels of the picture.
        frame_width, frame_height = 7.0 * min(len(name), LONGEST_LABEL) + 6, 16.0
        x = min(max(x, 0), max(width - frame_width, 0))
        y = min(max(y - frame_height, 0), max(height - frame_height, 0))
        frame = (x, y, x + frame_width, y + frame_height)
        is_told = [text for _, _, text, _ in placed].count(name) >= LABELS_PER_CLASS
        if not is_told and not any(_overlap(frame, other) for other in frames):
            placed.append((x, y, name, color))
            frames.append(frame)
    return placed[:MAX_LABELS]


def _overlap(
    frame: tuple[float, float, float, float], other: tuple[float, float, float, float]
) -> bool:
    x1, y1, x2, y2 = frame
    return x1 < other[2] and other[0] < x2 and y1 < other[3] and other[1] < y2
