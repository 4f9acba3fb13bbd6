"""Memory that a long epoch of batches leaves behind, worker processes included."""

import multiprocessing
import os
from pathlib import Path

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
    print(f"\nGrowth from batch {WARMUP} to {STEPS}, resident memory in MB")
    for workers, use_processes in ((0, False), (2, False), (2, True)):
        kind = "processes" if use_processes else "threads"
        what = f"{workers} {kind}" if workers else "no workers"
        growth = measure(workers, use_processes)
        print(f"{what:14} {growth:8.1f}   aim below {AIM_MB}")


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
            before = resident_mb()
        # While the last batches are made, workers are still there.
        if step == STEPS:
            now = resident_mb()
    return now - before


def resident_mb() -> float:
    """Memory of this process and of those it has started."""
    ids = [os.getpid(), *(child.pid for child in multiprocessing.active_children())]
    pages = [int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in ids]
    return sum(pages) * os.sysconf("SC_PAGE_SIZE") / 2**20


if __name__ == "__main__":
    run()
