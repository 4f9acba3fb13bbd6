"""Whether memory stays flat over many images of changing sizes.

A small network, so that it ends soon; what is kept of shapes and images would be kept
of a large one, too. Molded images have 16 shapes, all of which have been seen before.
The kernels of the mask head are kept for each shape and number of detections, so that
the first half still grows; the second is what counts.
"""

from typing import Any

import numpy as np

from benchmarks.options import Options
from benchmarks.processes import answer, measure_apart, resident_mb
from benchmarks.timing import print_cells

NUM_IMAGES, SIDES = 200, (64, 128, 192, 256)
AIM_KB = 100


def run(options: Options) -> None:
    """Prints growth and slope of either half."""
    sizes = measure_apart(__name__)
    half = NUM_IMAGES // 2
    rows = []
    for what, part, aim in (
        ("first half", sizes[:half], ""),
        ("second half", sizes[half:], f"{AIM_KB}"),
    ):
        kilobytes = 1024 * slope(part)
        rows.append(
            [what, f"{part[0]:.0f}", f"{part[-1]:.0f}", f"{kilobytes:.0f}", aim]
        )
    print_cells(
        f"Resident memory over {NUM_IMAGES} images of changing sizes",
        ["", "first, MB", "last, MB", "slope, kB an image", "aim, below"],
        rows,
    )


def slope(values: list[float]) -> float:
    """Growth from one value to the next, of the line that fits them best."""
    return float(np.polyfit(np.arange(len(values)), values, 1)[0])


def measure() -> list[float]:
    """Megabytes that this process holds after each image."""
    model = make_model()
    rng = np.random.default_rng(0)
    for height in SIDES:
        for width in SIDES:
            model.detect([make_image(rng, height, width)])
    sizes = []
    for _ in range(NUM_IMAGES):
        height, width = rng.integers(33, max(SIDES) + 1, 2)
        model.detect([make_image(rng, int(height), int(width))])
        sizes.append(resident_mb())
    return sizes


def make_model() -> Any:
    """A small network that takes images as large as they are, but for padding."""
    from mrcnn.config import Config
    from mrcnn.model import MaskRCNN

    class SmallConfig(Config):
        NAME = "benchmark"
        BACKBONE = "resnet18"
        NUM_CLASSES = 2
        IMAGES_PER_GPU = 1
        IMAGE_RESIZE_MODE = "pad64"
        IMAGE_MIN_DIM = 64
        IMAGE_MAX_DIM = max(SIDES)
        DETECTION_MIN_CONFIDENCE = 0.0

    return MaskRCNN(config=SmallConfig())


def make_image(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """uint8 [H, W, 3]"""
    return rng.integers(0, 256, (height, width, 3), "uint8")


if __name__ == "__main__":
    answer(measure())
