"""Memory that the results of a crowded, large image take.

300 detections on 12 megapixels come out of a stand-in for the network, so that all
memory beyond the image is that of molding, unmolding and the results.
"""

import json
import resource
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

HEIGHT, WIDTH, COUNT = 3000, 4000, 300
AIM_MB = 500


def run() -> None:
    """Prints the growth of the process after each step."""
    command = [sys.executable, "-m", "benchmarks.results_memory"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    steps = json.loads(done.stdout.splitlines()[-1])
    print(f"\nResults: {COUNT} detections on {WIDTH} x {HEIGHT}, peak growth in MB")
    for what, megabytes in steps:
        print(f"{what:40} {megabytes:8.0f}   aim below {AIM_MB}")


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


def peak_mb() -> float:
    """Most memory that this process ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    print(json.dumps(measure()))
