"""Memory that a long epoch of batches leaves behind, worker processes included."""

import multiprocessing
from pathlib import Path

from benchmarks.processes import resident_mb
from benchmarks.timing import print_cells
from mrcnn.config import Config
from mrcnn.data.loader import Loader
from mrcnn.data.shapes import ShapesDataset
from mrcnn.data.transforms import HorizontalFlip
from mrcnn.geometry.conventions import CONVENTIONS

STEPS, WARMUP, AIM_MB = 2000, 200, 10


class BenchmarkConfig(Config):
    """Small images, so that the epoch ends soon."""

    NAME = "benchmark"
    NUM_CLASSES = 4
    IMAGE_MIN_DIM = 64
    IMAGE_MAX_DIM = 64
    RPN_ANCHOR_SCALES = (8, 16, 32, 64, 128)


def run() -> None:
    """Prints one line for each way of making batches."""
    if not Path("/proc/self/statm").exists():
        print("\nThe memory of processes is read from /proc, which is missing here.")
        return
    ways = {"no workers": (0, False), "2 threads": (2, False), "2 processes": (2, True)}
    rows = [[what, f"{measure(*way):.1f}", f"{AIM_MB}"] for what, way in ways.items()]
    print_cells(
        f"Growth from batch {WARMUP} to {STEPS}, resident memory",
        ["", "MB", "aim, below"],
        rows,
    )


def measure(workers: int, use_processes: bool) -> float:
    """Megabytes that this process and its workers grow by after some batches."""
    dataset = ShapesDataset()
    dataset.load_shapes(16, 64, 64)
    dataset.prepare()
    loader = Loader(
        dataset,
        BenchmarkConfig(),
        convention=CONVENTIONS["aligned"],
        augmentation=HorizontalFlip(),
        steps_per_epoch=STEPS,
        workers=workers,
        use_processes=use_processes,
    )
    before = now = 0.0
    for step, _ in enumerate(loader.epoch(0), 1):
        if step == WARMUP:
            before = _resident_mb()
        # While the last batches are made, workers are still there.
        if step == STEPS:
            now = _resident_mb()
    return now - before


def _resident_mb() -> float:
    return resident_mb([child.pid for child in multiprocessing.active_children()])


if __name__ == "__main__":
    run()
