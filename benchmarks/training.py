"""Seconds a training step and peak memory, data loading included.

512 × 512, batch 2, ResNet-50, 81 classes, 200 rois, 5 objects an image. Every setting
runs in a process of its own, so that its peak memory is its own.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from statistics import median
from typing import Any

import numpy as np

from benchmarks.timing import Row, Timing, print_table

SIDE, NUM_OBJECTS, NUM_STEPS, WARMUP = 512, 5, 7, 2
SETTINGS = [
    ("all", "float32"),
    ("heads", "float32"),
    ("all", "mixed_bfloat16"),
    ("heads", "mixed_bfloat16"),
]
AIMS_MS = {("all", "float32"): 6000.0, ("heads", "float32"): 4000.0}


def run() -> None:
    """Prints one line for each setting."""
    rows = []
    for layers, precision in SETTINGS:
        command = [sys.executable, "-m", "benchmarks.training", layers, precision]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        report = json.loads(done.stdout.splitlines()[-1])
        what = f"{layers}, {precision}, peak {report['peak_mb']:.0f} MB"
        aim = AIMS_MS.get((layers, precision))
        rows.append(Row(what, Timing(*report["seconds"]), aim))
    print_table(f"Training step, ResNet-50, {SIDE} x {SIDE}, batch 2", rows)


def measure(layers: str, precision: str) -> dict[str, Any]:
    """Time of single steps and peak memory, in this process."""
    import keras

    from mrcnn.model import MaskRCNN

    class StepTimes(keras.callbacks.Callback):
        """Notes when each step ends."""

        def on_train_begin(self, logs: Any = None) -> None:
            self.ends = [time.perf_counter()]

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            self.ends.append(time.perf_counter())

    watch = StepTimes()
    with tempfile.TemporaryDirectory() as folder:
        model = MaskRCNN("training", make_config(precision), folder)
        model.train(
            make_dataset(),
            epochs=1,
            layers=layers,
            custom_callbacks=[watch],
            verbose=0,
            tensorboard=False,
        )
    seconds = np.diff(watch.ends)[WARMUP:].tolist()
    return {
        "seconds": [median(seconds), min(seconds), max(seconds)],
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def make_config(precision: str) -> Any:
    """The setting that other systems were measured in."""
    from mrcnn.config import Config

    class BenchmarkConfig(Config):
        NAME = "benchmark"
        BACKBONE = "resnet50"
        NUM_CLASSES = 81
        IMAGES_PER_GPU = 2
        IMAGE_MIN_DIM = SIDE
        IMAGE_MAX_DIM = SIDE
        STEPS_PER_EPOCH = NUM_STEPS
        PRECISION = precision

    return BenchmarkConfig()


def make_dataset() -> Any:
    """Images of noise with rectangles for objects."""
    from mrcnn.data.dataset import Dataset

    class Rectangles(Dataset):
        """Objects all over the image, of one of 80 classes each."""

        def load_image(self, image_id: int) -> np.ndarray:
            rng = np.random.default_rng(image_id)
            return rng.integers(0, 256, (SIDE, SIDE, 3), "uint8")

        def load_mask(self, image_id: int) -> tuple[np.ndarray, np.ndarray]:
            rng = np.random.default_rng(image_id)
            masks = np.zeros((SIDE, SIDE, NUM_OBJECTS), bool)
            for index in range(NUM_OBJECTS):
                y, x = rng.integers(0, SIDE - 200, 2)
                height, width = rng.integers(40, 200, 2)
                masks[y : y + height, x : x + width, index] = True
            return masks, rng.integers(1, 81, NUM_OBJECTS)

    dataset = Rectangles()
    for class_id in range(1, 81):
        dataset.add_class("benchmark", class_id, f"class {class_id}")
    for image_id in range(16):
        dataset.add_image("benchmark", image_id, None)
    dataset.prepare()
    return dataset


def main() -> None:
    """Measures one setting and prints it as JSON; called by `run`."""
    parser = argparse.ArgumentParser(prog="benchmarks.training")
    parser.add_argument("layers")
    parser.add_argument("precision")
    options = parser.parse_args()
    print(json.dumps(measure(options.layers, options.precision)))


if __name__ == "__main__":
    main()
