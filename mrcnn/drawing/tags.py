"""Tags: captions on a filled ground, and the places where they do not collide.

Places are worked out on plain rectangles, so that pictures and figures share them.

Shapes: N tags, K candidate places, H W the picture, h w a tag. A place is the `(y, x)`
of a tag's upper-left corner.
"""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from mrcnn.drawing.colors import Color, readable_on, to_uint8
from mrcnn.drawing.fonts import Font, font_for
from mrcnn.geometry.arrays import Array

# Letters smaller than this cannot be read.
SMALLEST_FONT = 9

# The shares of a picture that tags may cover before their letters shrink, and before
# the last of them are left out.
_SHARE_TO_SHRINK, _SHARE_TO_STOP = 0.15, 0.25

# A tag over more than this share of a box hides what is in it.
_HIDING_SHARE = 0.3

# Tags further from their box than this many of their heights speak of nothing.
_FARTHEST = 1.5


def paint_tags(
    picture: np.ndarray, boxes: Array, captions: Sequence[str], colors: Sequence[Color]
) -> np.ndarray:
    """Writes a caption beside each box, in place.

    Letters grow with the picture and shrink where there are many; a caption wider than
    the picture is cut. Tags keep inside the picture and off one another; those of the
    last instances are left out where there is no room.

    Args:
        picture: [H, W, 3] uint8
        boxes: [N, 4] pixels
        captions: [N]; an empty one gets no tag
        colors: [N] of the ground

    Returns:
        The same picture.
    """
    captions = [" ".join(caption.split()) for caption in captions]
    written = [index for index, caption in enumerate(captions) if caption]
    if not written:
        return picture
    texts = [captions[index] for index in written]
    font = _fitting_font(texts, picture.shape)
    tags = [
        _render_tag(_cut(text, font, picture.shape[1]), font, colors[index])
        for index, text in zip(written, texts, strict=True)
    ]
    shapes = [tag.shape[:2] for tag in tags]
    places = place_tags(np.asarray(boxes)[written], shapes, picture.shape)
    for tag, place in zip(tags, places, strict=True):
        if place is not None:
            y, x = (round(edge) for edge in place)
            picture[y : y + tag.shape[0], x : x + tag.shape[1]] = tag
    return picture


def place_tags(
    boxes: Array, tag_shapes: Array, picture_shape: Array
) -> list[tuple[float, float] | None]:
    """Where tags lie: beside their boxes, inside the picture, apart from each other.

    Args:
        boxes: [N, 4]
        tag_shapes: [N] (h, w), in the boxes' unit
        picture_shape: (H, W) or more

    Returns:
        [N] places; None for a tag that finds no room, earlier ones come first
    """
    height, width = picture_shape[:2]
    boxes = np.asarray(boxes, "float64").reshape(-1, 4)
    placed: np.ndarray = np.zeros((0, 4))
    places: list[tuple[float, float] | None] = []
    room = _SHARE_TO_STOP * height * width
    for box, shape in zip(boxes, tag_shapes, strict=True):
        places.append(None)
        # The first tag has its place even if it covers a small picture.
        has_room = not len(placed) or np.prod(shape) <= room
        if shape[0] > height or shape[1] > width or not has_room:
            continue
        free = _free_place(box, np.array(shape), placed, boxes, (height, width))
        if free is not None:
            places[-1] = (free[0], free[1])
            placed = np.vstack([placed, [*free, *(free + shape)]])
            room -= np.prod(shape)
    return places


def _free_place(
    box: np.ndarray,
    shape: np.ndarray,
    placed: np.ndarray,
    boxes: np.ndarray,
    picture_shape: tuple[float, float],
) -> np.ndarray | None:
    """The best place of one tag that no placed tag covers, or None. -> [2]"""
    last = np.array(picture_shape) - shape
    beside = np.clip(_places_beside(box, *shape), 0, last)
    for places in (beside, _places_around(beside[0], box, shape, last)):
        frames = np.hstack([places, places + shape])  # [K, 4]
        is_free = ~(_shared_areas(frames, placed) > 0).any(axis=1)
        if is_free.any():
            hidden = _count_hidden(frames[is_free], boxes)
            return places[is_free][hidden.argmin()]
    return None


def _count_hidden(frames: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """How many boxes each frame hides. [K, 4], [N, 4] -> [K]"""
    areas = np.maximum((boxes[:, 2:] - boxes[:, :2]).prod(axis=1), 1)
    return (_shared_areas(frames, boxes) > _HIDING_SHARE * areas).sum(axis=1)


def _places_beside(box: np.ndarray, height: float, width: float) -> np.ndarray:
    """Places that touch the box, best first. -> [K, 2]"""
    y1, x1, y2, x2 = box
    return np.array(
        [
            (y1 - height, x1),
            (y2, x1),
            (y1, x1),
            (y1 - height, x2 - width),
            (y2, x2 - width),
            (y2 - height, x1),
            (y1, x2 - width),
            (y1, x2),
            (y1, x1 - width),
        ]
    )


def _places_around(
    first: np.ndarray, box: np.ndarray, shape: np.ndarray, last: np.ndarray
) -> np.ndarray:
    """Places not too far from the box, nearest first. -> [K, 2]"""
    step = shape / (2, 4)
    y, x = (
        np.arange(begin % by, end + 1e-6, by)
        for begin, by, end in zip(first, step, last, strict=True)
    )
    places = np.stack(np.meshgrid(y, x, indexing="ij"), axis=-1).reshape(-1, 2)
    below, above = places - box[2:], box[:2] - places - shape
    gap = np.maximum(np.maximum(below, above), 0).sum(axis=1)
    away = np.abs(places - first).sum(axis=1)
    nearest_first = np.lexsort((away, gap))
    return places[nearest_first][gap[nearest_first] <= _FARTHEST * shape[0]]


def _shared_areas(frames: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Areas that rectangles share. [K, 4], [N, 4] -> [K, N]"""
    top_left = np.maximum(frames[:, None, :2], others[None, :, :2])
    bottom_right = np.minimum(frames[:, None, 2:], others[None, :, 2:])
    return np.maximum(bottom_right - top_left, 0).prod(axis=-1)


def _fitting_font(texts: Sequence[str], picture_shape: Array) -> Font:
    """The largest font that leaves the picture to be seen, but not below legible."""
    height, width = picture_shape[:2]
    letters = "".join(texts)
    side = max(0.022 * (height * width) ** 0.5, SMALLEST_FONT)
    font = font_for(letters, round(side))
    shapes = np.array([_tag_shape(text, font) for text in texts])
    shrink = min(
        (_SHARE_TO_SHRINK * height * width / shapes.prod(axis=1).sum()) ** 0.5,
        width / shapes[:, 1].max(),
        1,
    )
    return font_for(letters, max(int(side * shrink), SMALLEST_FONT))


def _cut(text: str, font: Font, width: int) -> str:
    """The text, or as much of its beginning as fits into a width."""
    if _tag_shape(text, font)[1] <= width:
        return text
    while text and _tag_shape(f"{text}...", font)[1] > width:
        text = text[:-1]
    return f"{text}..."


def _tag_shape(text: str, font: Font) -> tuple[int, int]:
    """(h, w) with a margin around the letters."""
    ascent, descent = font.getmetrics()
    margin = max(round(font.size * 0.2), 2)
    return ascent + descent + 2, round(font.getlength(text)) + 2 * margin


def _render_tag(text: str, font: Font, color: Color) -> np.ndarray:
    """-> uint8 [h, w, 3]"""
    height, width = _tag_shape(text, font)
    ground = tuple(to_uint8(color).tolist())
    tag = Image.new("RGB", (width, height), ground)
    ascent, _ = font.getmetrics()
    place = (max(round(font.size * 0.2), 2), ascent + 1)
    ImageDraw.Draw(tag).text(
        place, text, fill=readable_on(color), font=font, anchor="ls"
    )
    return np.asarray(tag)
