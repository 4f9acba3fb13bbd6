"""Memory that the results of a crowded, large image take.

300 detections on 12 megapixels come out of a stand-in for the network, so that all
memory beyond the image is that of molding, unmolding and the results.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.options import Options
from benchmarks.processes import answer, measure_apart, peak_mb
from benchmarks.timing import print_cells

HEIGHT, WIDTH, COUNT = 3000, 4000, 300
AIM_MB = 500


def run(options: Options) -> None:
    """Prints the growth of the process after each step."""
    rows = [
        [what, f"{megabytes:.0f}", f"{AIM_MB}"]
        for what, megabytes in measure_apart(__name__)
    ]
    title = f"Results: {COUNT} detections on {WIDTH} x {HEIGHT}, growth of the peak"
    print_cells(title, ["", "MB", "aim, below"], rows)


def measure() -> list[tuple[str, float]]:
    """Peak growth of this process after each step, in megabytes."""
    from mrcnn.config import Config
    from mrcnn.geometry.conventions import CONVENTIONS
    from mrcnn.inference.detect import detect

    class LargeConfig(Config):
        NUM_CLASSES = 2
        DETECTION_MAX_INSTANCES = COUNT + 1

    image = np.zeros((HEIGHT, WIDTH, 3), "uint8")
    before = peak_mb()
    steps = []

    def note(what: str, step: Callable[[], Any]) -> Any:
        value = step()
        steps.append((what, peak_mb() - before))
        return value

    result = note(
        "detect",
        lambda: detect(
            [image],
            config=LargeConfig(),
            predict=stand_in,
            convention=CONVENTIONS["aligned"],
        ),
    )[0]
    assert len(result) == COUNT
    note("run-length codes", result.rle)
    note("polygons", result.polygons)
    note("COCO results", lambda: result.to_coco(1))
    note("one mask after the other", lambda: [one.areas() for one in result])
    return steps


def stand_in(molded: np.ndarray, metas: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Boxes all over the image, with a round patch in each."""
    rng = np.random.default_rng(0)
    corner = rng.uniform(0.15, 0.7, (COUNT, 2))
    sides = rng.uniform(0.03, 0.15, (COUNT, 2))
    fixed = np.tile([1.0, 0.9], (COUNT, 1))  # class id, score
    detections = np.concatenate([corner, corner + sides, fixed], axis=-1)
    y, x = np.ogrid[-1:1:28j, -1:1:28j]
    patches = np.tile(1.2 - np.hypot(y, x), (COUNT, 1, 1)).astype("float32")
    return detections[None].astype("float32"), patches[None]


if __name__ == "__main__":
    answer(measure())
