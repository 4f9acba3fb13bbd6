"""Generated squares, circles and triangles: a dataset that needs no files.

For demos, tests and first steps. Every image follows from the seed and its number.

Shapes: H W the image, N instances.
"""

from typing import Any, NamedTuple

import numpy as np

from mrcnn.data.dataset import Dataset

CLASS_NAMES = ("square", "circle", "triangle")


class Shape(NamedTuple):
    """One drawn shape; pixels."""

    class_name: str
    color: tuple[int, int, int]
    center: tuple[int, int]
    """(y, x)"""
    radius: int
    """Half the height."""


class ShapesDataset(Dataset):
    """Images of one to four coloured shapes on a coloured ground.

    A shape covers those drawn before it: their masks lose what it hides, and one that
    is hidden altogether is no instance.
    """

    def load_shapes(self, count: int, height: int, width: int, seed: int = 0) -> None:
        """Add generated images.

        Args:
            count: number of images
            height: pixels of each image, at least 32
            width: likewise
            seed: datasets of different seeds have different images
        """
        if min(height, width) < 32:
            raise ValueError(
                f"The images are {height} x {width} pixels; shapes need at least 32."
            )
        for class_id, name in enumerate(CLASS_NAMES, 1):
            self.add_class("shapes", class_id, name)
        for _ in range(count):
            number = len(self.image_info)
            rng = np.random.default_rng([seed, number])
            self.add_image(
                "shapes",
                number,
                None,
                height=height,
                width=width,
                **_random_picture(rng, height, width),
            )

    def load_image(self, image_id: int) -> np.ndarray:
        """The drawn image. -> uint8 [H, W, 3]"""
        info = self._info(image_id)
        image = np.empty((info["height"], info["width"], 3), "uint8")
        image[:] = info["background"]
        for shape in info["shapes"]:
            image[_draw(shape, info["height"], info["width"])] = shape.color
        return image

    def load_mask(self, image_id: int) -> tuple[np.ndarray, np.ndarray]:
        """What is seen of each shape. -> bool [H, W, N], int32 [N]"""
        info = self._info(image_id)
        height, width, shapes = info["height"], info["width"], info["shapes"]
        masks = np.zeros((height, width, len(shapes)), bool)
        is_hidden = np.zeros((height, width), bool)
        for i in reversed(range(len(shapes))):
            drawn = _draw(shapes[i], height, width)
            masks[..., i] = drawn & ~is_hidden
            is_hidden |= drawn
        names = [shape.class_name for shape in shapes]
        class_ids = np.array([self.class_names.index(name) for name in names], "int32")
        is_seen = masks.any(axis=(0, 1))
        return masks[..., is_seen], class_ids[is_seen]

    def image_reference(self, image_id: int) -> Any:
        """The list of shapes drawn."""
        return self._info(image_id)["shapes"]


def _random_picture(
    rng: np.random.Generator, height: int, width: int
) -> dict[str, Any]:
    background = rng.integers(0, 256, 3)
    shortest = min(height, width)
    shapes: list[Shape] = []
    for _ in range(rng.integers(1, 5)):
        radius = int(rng.integers(shortest // 12 + 3, shortest // 4 + 1))
        # Centres keep clear of the border by half a shape, so that some are cut off.
        y = int(rng.integers(radius // 2, height - radius // 2))
        x = int(rng.integers(radius // 2, width - radius // 2))
        # Far from the background in red, green and blue.
        red, green, blue = ((background + rng.integers(64, 193, 3)) % 256).tolist()
        name = CLASS_NAMES[rng.integers(len(CLASS_NAMES))]
        shape = Shape(name, (red, green, blue), (y, x), radius)
        if not any(_is_buried(shape, other) for other in shapes):
            shapes.append(shape)
    return {"background": tuple(background.tolist()), "shapes": shapes}


def _is_buried(shape: Shape, other: Shape) -> bool:
    """Whether two shapes lie so close that one hides most of the other."""
    distances = [abs(a - b) for a, b in zip(shape.center, other.center, strict=True)]
    return max(distances) < max(shape.radius, other.radius)


def _draw(shape: Shape, height: int, width: int) -> np.ndarray:
    """Pixels whose centre lies in the shape. -> bool [H, W]"""
    y = np.arange(height)[:, None] - shape.center[0]
    x = np.arange(width)[None, :] - shape.center[1]
    if shape.class_name == "square":
        return (abs(y) <= shape.radius) & (abs(x) <= shape.radius)
    if shape.class_name == "circle":
        return y**2 + x**2 <= shape.radius**2
    # Equal sides: half the width at the base is the height over the root of three.
    half_width = (y + shape.radius) / np.sqrt(3)
    return (abs(y) <= shape.radius) & (abs(x) <= half_width)
