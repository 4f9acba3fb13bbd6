"""Instances as matplotlib figures: masks, boxes and captions that stay sharp.

Shapes: N instances, H W the image. Pixels lie around whole numbers, as `imshow` has
them, so the edges of boxes lie half a pixel lower.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from mrcnn.drawing.colors import Color, ColorChoice, instance_colors, readable_on
from mrcnn.drawing.figures import Axes, plain, show_image, write_title
from mrcnn.drawing.fonts import font_file
from mrcnn.drawing.instance_parts import (
    ClassNames,
    InstanceParts,
    captions_of,
    painting_order,
)
from mrcnn.drawing.overlays import apply_mask
from mrcnn.drawing.pictures import as_picture
from mrcnn.drawing.tags import place_tags
from mrcnn.geometry.arrays import Array
from mrcnn.geometry.masks import mask_bounds

# Around a caption, as a share of its letters' height.
PADDING = 0.25


class Tag(NamedTuple):
    """A caption at a box."""

    box: Array  # [4] pixels
    text: str
    color: Color


def show_instances(
    axes: Axes,
    image: Any,
    parts: InstanceParts,
    *,
    title: str = "",
    class_names: ClassNames | None = None,
    captions: Sequence[str | None] | None = None,
    colors: ColorChoice = None,
    show_masks: bool = True,
    show_boxes: bool = True,
) -> None:
    """The image on some axes, with its instances' masks, boxes and captions.

    Args:
        axes: to draw on
        image: [H, W] or [H, W, C]
        parts: of the instances; those whose box is all zero are padding
        title: over the image
        class_names: by class id
        captions: [N] texts in place of class name and score
        colors: see `instance_colors`
        show_masks: tint the masks
        show_boxes: draw the boxes
    """
    picture = as_picture(image)
    count = len(parts.boxes)
    ids = parts.class_ids if parts.class_ids is not None else np.zeros(count)
    chosen_colors = instance_colors(colors, ids)
    texts = captions_of(parts, class_names, captions)
    shown = np.flatnonzero(parts.boxes.any(axis=1)).tolist()
    for index in painting_order(parts.boxes, shown):
        color = chosen_colors[index]
        if show_masks and parts.mask_of is not None:
            mask = parts.mask_of(index)
            apply_mask(picture, mask, color)
            add_outline(axes, mask, color)
        if show_boxes:
            add_box(axes, parts.boxes[index], color, alpha=0.8)
    show_picture(axes, picture, title)
    add_tags(axes, [Tag(parts.boxes[i], texts[i], chosen_colors[i]) for i in shown])


def show_picture(
    axes: Axes, picture: np.ndarray, title: str, *, margin: float = 0.005
) -> None:
    """A picture under its title, with a margin in which lines at its border show.

    Args:
        axes: to draw on
        picture: [H, W, 3] uint8
        title: may have several lines
        margin: as a share of the picture's longer side
    """
    show_image(axes, picture)
    height, width = picture.shape[:2]
    margin = margin * max(height, width) + 0.5
    axes.set_xlim(-margin, width - 1 + margin)
    axes.set_ylim(height - 1 + margin, -margin)
    write_title(axes, title)


def add_box(axes: Axes, box: Array, color: Any, **style: Any) -> None:
    """The frame of a box; `style` goes to matplotlib's `Rectangle`."""
    from matplotlib.patches import Rectangle

    y1, x1, y2, x2 = (float(edge) for edge in box)
    style = {"linewidth": 2, "fill": False, "edgecolor": color, **style}
    axes.add_patch(Rectangle((x1 - 0.5, y1 - 0.5), x2 - x1, y2 - y1, **style))


def add_outline(axes: Axes, mask: np.ndarray, color: Any, **style: Any) -> None:
    """The outline of a mask, holes included. [H, W] bool"""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path
    from skimage.measure import find_contours

    y1, x1, y2, x2 = mask_bounds(mask[..., None])[0].tolist()
    # A margin of nothing closes outlines at the image's border.
    part = np.pad(mask[y1:y2, x1:x2], 1).astype("float32")
    contours = find_contours(part, 0.5) if part.shape > (2, 2) else []
    if contours:
        paths = [Path(c[:, ::-1] + (x1 - 1, y1 - 1), closed=True) for c in contours]
        style = {"linewidth": 1, "fill": False, "edgecolor": color, **style}
        axes.add_patch(PathPatch(Path.make_compound_path(*paths), **style))


def add_tags(axes: Axes, tags: Sequence[Tag]) -> None:
    """Captions on grounds of their colour, inside the axes and off one another.

    Those of the last instances are left out where there is no room. The axes have
    their image and title already, which decide how large it is seen.
    """
    tags = [tag for tag in tags if tag.text]
    if not tags:
        return
    figure = axes.get_figure()
    # Places are found in dots of the figure, so it has to have its layout.
    if figure.get_layout_engine() is not None:
        figure.draw_without_rendering()
    axes.apply_aspect()
    (left, right), (top, bottom) = sorted(axes.get_xlim()), sorted(axes.get_ylim())
    seen = axes.get_window_extent()
    scale = np.array([seen.height / (bottom - top), seen.width / (right - left)])
    corner = np.array([top, left])

    per_point = figure.dpi / 72
    fontsize = float(np.clip(max(seen.height, seen.width) / per_point / 60, 6, 14))
    texts = [_add_text(axes, tag, fontsize) for tag in tags]
    margin = PADDING * fontsize * per_point
    extents = [text.get_window_extent() for text in texts]
    # A little wider than measured: letters are rounded otherwise at another dpi.
    shapes = [(e.height + 2 * margin, e.width * 1.06 + 2 * margin) for e in extents]
    edges = np.array([tag.box for tag in tags]).reshape(-1, 2, 2) - 0.5
    boxes = ((edges - corner) * scale).reshape(-1, 4)
    for text, place in zip(
        texts, place_tags(boxes, shapes, (seen.height, seen.width)), strict=True
    ):
        if place is None:
            text.remove()
        else:
            y, x = (np.array(place) + margin) / scale + corner
            text.set_position((x, y))


def _add_text(axes: Axes, tag: Tag, fontsize: float) -> Any:
    from matplotlib.font_manager import FontProperties

    font = FontProperties(size=fontsize)
    if not tag.text.isascii():
        font.set_file(font_file(tag.text))
    return axes.text(
        0,
        0,
        plain(tag.text),
        font=font,
        va="top",
        color=readable_on(tag.color),
        bbox={
            "facecolor": tag.color,
            "edgecolor": "none",
            "boxstyle": f"square,pad={PADDING}",
        },
    )
