"""Seconds a training step and peak memory; and what data cost in it.

512 × 512, batch 2, ResNet-50, 81 classes, 200 rois, 5 objects an image. Every setting
runs in a process of its own, so that its peak memory is its own.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.data import make_dataset
from benchmarks.known_figures import AIMS_TRAIN, TRAIN, print_estimates, scaled
from benchmarks.operations import count_multiply_adds, floor_seconds
from benchmarks.options import Options
from benchmarks.peak import measured_peak
from benchmarks.processes import answer, measure_apart, peak_mb
from benchmarks.timing import (
    Row,
    Timing,
    measure_in_turn,
    print_ratios,
    print_table,
    time_call,
)
from mrcnn.config import Config
from mrcnn.data.loader import Loader
from mrcnn.data.transforms import HorizontalFlip
from mrcnn.geometry.conventions import CONVENTIONS

SIDE, BATCH_SIZE, NUM_OBJECTS, WARMUP = 512, 2, 5, 2
SETTINGS = [
    ("all", "float32"),
    ("heads", "float32"),
    ("all", "mixed_bfloat16"),
    ("heads", "mixed_bfloat16"),
]
# The shortest step, in which data weigh most.
DATA_SETTING = ("heads", "mixed_bfloat16")
EPOCH_STEPS = 5
AIM_DATA = 1.05


class BenchmarkConfig(Config):
    """The setting that other systems were measured in."""

    NAME = "benchmark"
    BACKBONE = "resnet50"
    NUM_CLASSES = 81
    IMAGES_PER_GPU = BATCH_SIZE
    IMAGE_MIN_DIM = SIDE
    IMAGE_MAX_DIM = SIDE


def run(options: Options) -> None:
    """Prints one line for each setting, and what data cost."""
    rows, positives = [], 0
    pairs, aims = {}, {}
    for layers, precision in SETTINGS:
        report = measure_apart(
            __name__, "steps", layers, precision, str(options.repeats)
        )
        positives = report["positives"]
        rows.append(
            Row(
                f"{layers}, {precision}",
                Timing(*report["timing"]),
                floor=report["floor"],
                peak_mb=report["peak_mb"],
            )
        )
        pairs[f"{layers}, {precision}"] = (
            Timing(*report["timing"]),
            scaled(TRAIN[layers], report["peak"]),
        )
        aims[f"{layers}, {precision}"] = AIMS_TRAIN[layers, precision]
    size = f"{SIDE} x {SIDE}, batch {BATCH_SIZE}, {positives} positive rois"
    print_table(f"Training step, ResNet-50, {size}", rows)
    print_estimates("Training step", pairs, aims)
    what = ", ".join(DATA_SETTING)
    found = measure_apart(__name__, "data", *DATA_SETTING, str(options.repeats))
    print_ratios(
        "Training step with JPEG files and polygons to one with a batch at hand",
        {what: (Timing(*found["from files"]), Timing(*found["at hand"]))},
        {what: AIM_DATA},
    )


def measure_steps(layers: str, precision: str, repeats: int) -> dict[str, Any]:
    """Time of single steps and peak memory, in this process."""
    from benchmarks.steps import Steps

    config = make_config(precision)
    with tempfile.TemporaryDirectory() as folder:
        (batch,) = make_loader(config, Path(folder), num_steps=1).epoch(0)
    steps = Steps(config, layers)
    timing = time_call(lambda: steps(batch), repeats, WARMUP)
    memory = peak_mb()
    positives = steps.count_positives(batch)
    work = count_multiply_adds(
        steps.network, (BATCH_SIZE, SIDE, SIDE), rois=positives, training=True
    )
    return {
        "timing": timing,
        "floor": floor_seconds(work.total(), measured_peak(precision)),
        "peak": measured_peak("float32"),
        "peak_mb": memory,
        "positives": positives,
    }


def measure_data(layers: str, precision: str, repeats: int) -> dict[str, Timing]:
    """Time of a step with data made meanwhile, and with the same batches at hand."""
    from benchmarks.steps import Steps

    config = make_config(precision)
    steps = Steps(config, layers)
    with tempfile.TemporaryDirectory() as folder:
        loader = make_loader(config, Path(folder), EPOCH_STEPS)
        batches = list(loader.epoch(0))
        return measure_in_turn(
            {
                "from files": lambda: spent_in_step(steps, loader.epoch(0)),
                "at hand": lambda: spent_in_step(steps, batches),
            },
            repeats,
        )


def spent_in_step(
    step: Callable[[Any], Any], batches: Iterable[Any]
) -> tuple[float, float]:
    """What a step takes after the first, its batch included; see `spent_in`."""
    ends = []
    for batch in batches:
        step(batch)
        ends.append((time.perf_counter(), time.process_time()))
    wall, processor = (np.subtract(ends[-1], ends[0]) / (len(ends) - 1)).tolist()
    return wall, processor


def make_config(precision: str) -> Config:
    """The setting in a precision."""
    config = BenchmarkConfig()
    config.PRECISION = precision
    return config


def make_loader(config: Config, folder: Path, num_steps: int) -> Loader:
    """Of pictures with outlined objects in JPEG files, with one thread."""
    dataset = make_dataset(
        np.random.default_rng(0),
        folder,
        objects=NUM_OBJECTS,
        classes=config.NUM_CLASSES - 1,
    )
    return Loader(
        dataset,
        config,
        convention=CONVENTIONS["aligned"],
        augmentation=HorizontalFlip(),
        steps_per_epoch=num_steps,
        workers=1,
    )


def main() -> None:
    """Measures one setting; called by `run`."""
    parser = argparse.ArgumentParser(prog="benchmarks.training")
    parser.add_argument("what", choices=["steps", "data"])
    parser.add_argument("layers")
    parser.add_argument("precision")
    parser.add_argument("repeats", type=int)
    given = parser.parse_args()
    measure = measure_steps if given.what == "steps" else measure_data
    answer(measure(given.layers, given.precision, given.repeats))


if __name__ == "__main__":
    main()
