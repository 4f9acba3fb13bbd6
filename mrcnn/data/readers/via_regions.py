"""What the json files of VGG Image Annotator say, whatever its version.

Version 1 keeps regions in an object, version 2 in a list, either of them alone or
inside a project; version 3 has a structure of its own, with numbered shapes.
"""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from mrcnn.data.readers.outlines import ellipse, polygon, rectangle

# How version 3 numbers its shapes.
_SHAPE_NAMES = {
    1: "point",
    2: "rect",
    3: "circle",
    4: "ellipse",
    5: "line",
    6: "polyline",
    7: "polygon",
    8: "extreme_rect",
    9: "extreme_circle",
}


class Region(NamedTuple):
    """One region of an image."""

    shape_name: str
    outline: list[float] | None
    """Polygon in pixels; None for a shape without area."""
    attributes: dict[str, str]
    """Values of the region's attributes; empty ones are left out."""


class ViaImage(NamedTuple):
    """One image and its regions."""

    file_name: str
    regions: list[Region]


def is_via(content: Any) -> bool:
    """Whether a json's content is that of any version of VIA."""
    if not isinstance(content, dict) or not content:
        return False
    if "_via_img_metadata" in content or _is_version_3(content):
        return True
    return all(
        isinstance(entry, dict) and {"filename", "regions"} <= entry.keys()
        for entry in content.values()
    )


def via_images(content: dict[str, Any]) -> list[ViaImage]:
    """Images in the file's order, of a content for which `is_via` holds."""
    if _is_version_3(content):
        return _version_3_images(content)
    entries = content.get("_via_img_metadata", content)
    images = []
    for entry in entries.values():
        with _named(entry["filename"]):
            regions = [_region(region) for region in _values(entry["regions"])]
        images.append(ViaImage(entry["filename"], regions))
    return images


@contextmanager
def _named(file_name: str) -> Iterator[None]:
    """Whatever is wrong with a region becomes a ValueError that names its image."""
    try:
        yield
    except (AttributeError, KeyError, IndexError, TypeError, ValueError) as error:
        raise ValueError(
            f"A region of the image {file_name!r} is damaged: {error!r}. Draw it again "
            "in VIA, or remove it from the file."
        ) from error


def _is_version_3(content: dict[str, Any]) -> bool:
    return {"metadata", "file", "view"} <= content.keys()


def _values(regions: Any) -> list[dict[str, Any]]:
    return list(regions.values() if isinstance(regions, Mapping) else regions or [])


def _region(region: dict[str, Any]) -> Region:
    shape = region["shape_attributes"]
    given = region.get("region_attributes") or {}
    attributes = {name: _text(value) for name, value in given.items()}
    return Region(
        shape.get("name", "unnamed"),
        _outline(shape),
        {name: value for name, value in attributes.items() if value},
    )


def _text(value: Any) -> str:
    """An attribute's value; of a checkbox, the option that alone is ticked."""
    if isinstance(value, Mapping):
        ticked = [option for option, is_ticked in value.items() if is_ticked]
        return ticked[0] if len(ticked) == 1 else ""
    return "" if value is None else str(value).strip()


def _outline(shape: dict[str, Any]) -> list[float] | None:
    """Polygon of a shape of version 1 or 2."""
    name = shape.get("name")
    # A line through three or more points goes round something: it is closed.
    if name in ("polygon", "polyline"):
        return _closed(polygon(shape["all_points_x"], shape["all_points_y"]))
    if name == "rect":
        x, y = shape["x"], shape["y"]
        return rectangle(x, y, x + shape["width"], y + shape["height"])
    if name == "circle":
        return ellipse(shape["cx"], shape["cy"], shape["r"], shape["r"])
    if name == "ellipse":
        # `theta` is in radians and missing in older files.
        radii = shape["rx"], shape["ry"]
        return ellipse(shape["cx"], shape["cy"], *radii, shape.get("theta") or 0.0)
    return None


def _closed(corners: list[float]) -> list[float] | None:
    return corners if len(corners) >= 6 else None


def _version_3_images(content: dict[str, Any]) -> list[ViaImage]:
    files = {}
    for view_id, view in content["view"].items():
        file = content["file"].get(str(view["fid_list"][0]), {})
        files[view_id] = file.get("fname") or file.get("src", "")
    regions: dict[str, list[Region]] = {view_id: [] for view_id in files}
    for view_id, region in _version_3_regions(content):
        if view_id in regions:
            regions[view_id].append(region)
    return [ViaImage(name, regions[view_id]) for view_id, name in files.items()]


def _version_3_regions(content: dict[str, Any]) -> Iterator[tuple[str, Region]]:
    """View id and region, one after another."""
    definitions = content.get("attribute", {})
    for entry in content["metadata"].values():
        # Without coordinates it says something about the file as a whole.
        if not entry.get("xy"):
            continue
        attributes = {}
        for attribute_id, value in entry.get("av", {}).items():
            definition = definitions.get(attribute_id, {})
            name = definition.get("aname", attribute_id)
            attributes[name] = _text(definition.get("options", {}).get(value, value))
        shape_name = _SHAPE_NAMES.get(entry["xy"][0], f"number {entry['xy'][0]}")
        with _named(f"of view {entry['vid']}"):
            outline = _version_3_outline(shape_name, entry["xy"][1:])
        region = Region(
            shape_name,
            outline,
            {name: value for name, value in attributes.items() if value},
        )
        yield str(entry["vid"]), region


def _version_3_outline(name: str, numbers: list[float]) -> list[float] | None:
    if name in ("polygon", "polyline"):
        return _closed([float(number) for number in numbers])
    if name == "rect":
        x, y, width, height = numbers[:4]
        return rectangle(x, y, x + width, y + height)
    if name == "extreme_rect":
        xs, ys = numbers[0::2], numbers[1::2]
        return rectangle(min(xs), min(ys), max(xs), max(ys))
    if name == "circle":
        return ellipse(numbers[0], numbers[1], numbers[2], numbers[2])
    if name == "extreme_circle":
        return _circle_through(*numbers[:6])
    if name == "ellipse":
        return ellipse(*numbers[:4])
    return None


def _circle_through(
    x1: float, y1: float, x2: float, y2: float, x3: float, y3: float
) -> list[float] | None:
    """The circle through three points; None where they lie on a line."""
    # Relative to the first point, the centre solves two linear equations.
    ax, ay, bx, by = x2 - x1, y2 - y1, x3 - x1, y3 - y1
    determinant = 2 * (ax * by - ay * bx)
    if determinant == 0:
        return None
    a, b = ax * ax + ay * ay, bx * bx + by * by
    x, y = (by * a - ay * b) / determinant, (ax * b - bx * a) / determinant
    return ellipse(x1 + x, y1 + y, math.hypot(x, y), math.hypot(x, y))
