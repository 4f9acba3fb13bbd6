"""Heights and widths of a dataset's images, and groups of images of like aspect ratio.

Batches of like images need less padding between them.

Shapes: N images.
"""

import numpy as np

from mrcnn.data.dataset import Dataset
from mrcnn.data.image_files import read_image_shape

# Groups in a doubling of height over width: two images of a group differ by 1.4 times.
_GROUPS_PER_DOUBLING = 2


def aspect_groups(dataset: Dataset) -> np.ndarray:
    """A number for each image, equal for images of like height over width. int64 [N]

    An image that cannot be loaded counts as square.
    """
    shapes = [image_shape_or(dataset, n, (1, 1)) for n in dataset.image_ids]
    heights, widths = np.reshape(shapes, (-1, 2)).astype("float64").T
    doublings = np.log2(heights / widths)
    return np.floor(doublings * _GROUPS_PER_DOUBLING + 0.5).astype("int64")


def image_shape_of(dataset: Dataset, image_id: int) -> tuple[int, int]:
    """(height, width) of an image, by the cheapest way there is.

    That is the numbers handed to `add_image` as height and width, else the file's
    header, else the image itself.
    """
    info = dataset.image_info[image_id]
    if info.get("height") and info.get("width"):
        return int(info["height"]), int(info["width"])
    try:
        return read_image_shape(info["path"])
    except (OSError, TypeError, ValueError):
        # The path is no image file: then it is load_image that makes the image.
        height, width = np.shape(dataset.load_image(image_id))[:2]
        return height, width


def image_shape_or(
    dataset: Dataset, image_id: int, otherwise: tuple[int, int]
) -> tuple[int, int]:
    """The same, or another shape for an image that cannot be loaded.

    Whoever loads the image is told why.
    """
    try:
        height, width = image_shape_of(dataset, image_id)
    # Users' load_image raises errors of every type.
    except Exception:
        return otherwise
    return (height, width) if height and width else otherwise
