"""A package with matterport's interface at work, for `matterport_peer.py` to time.

Runs in whatever interpreter has what the package needs, of which nothing is used but
what matterport's users know of `mrcnn.config`, `mrcnn.model` and `mrcnn.utils`. Ours is
measured by the same file.
"""

import argparse
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.agreement import rows_of
from benchmarks.pictures import Example, blocks, rectangles
from benchmarks.processes import peak_mb, serve
from benchmarks.timing import spent_in

CLASSES, OBJECTS, WARMUP = 81, 5, 2
LIBRARIES = ("keras", "tf_keras", "tensorflow")


def load_package(path: str) -> None:
    """Makes `mrcnn` the package of a folder.

    Raises:
        ImportError: where it is another one.
    """
    folder = Path(path).resolve()
    sys.path.insert(0, str(folder))
    found = Path(str(import_module("mrcnn").__file__)).resolve()
    if folder not in found.parents:
        raise ImportError(f"{folder} has no package mrcnn: {found} was imported.")


class Server:
    """Answers with how long the package takes."""

    def __init__(self) -> None:
        self.model: Any = None
        self.image = np.empty(0)
        self.dataset: Any = None

    def prepare_detection(self, weights: str, settings: dict[str, Any]) -> None:
        """Builds a network with a file's weights, and a picture for it."""
        self.model = self._build("inference", settings)
        self.model.load_weights(weights, by_name=True)
        self.image = blocks(*[settings["IMAGE_MAX_DIM"]] * 2)

    def detections(self) -> list[list[float]]:
        """[D, 6], see `agreement.py`."""
        return rows_of(self.model.detect([self.image])[0]).tolist()

    def detect(self) -> tuple[float, float]:
        """What it takes to detect, see `spent_in`."""
        return spent_in(lambda: self.model.detect([self.image])[0]["masks"])

    def prepare_training(self, settings: dict[str, Any]) -> None:
        """Builds a network, and a dataset for it."""
        self.model = self._build("training", settings)
        side = settings["IMAGE_MAX_DIM"]
        self.dataset = make_dataset(
            [rectangles(seed, side, OBJECTS, CLASSES - 1) for seed in range(8)]
        )

    def train(self, layers: str) -> tuple[float, float]:
        """What a step takes, the median of an epoch; see `spent_in`."""
        watch = make_watch(self.model.keras_model)
        self.model.train(
            self.dataset,
            self.dataset,
            learning_rate=1e-7,
            epochs=self.model.epoch + 1,
            layers=layers,
            custom_callbacks=[watch],
        )
        wall, processor = np.diff(watch.ends, axis=0)[WARMUP - 1 :].T
        return median(wall.tolist()), median(processor.tolist())

    def _build(self, mode: str, settings: dict[str, Any]) -> Any:
        config = type("Benchmark", (import_module("mrcnn.config").Config,), settings)
        folder = tempfile.mkdtemp()
        return import_module("mrcnn.model").MaskRCNN(mode, config(), folder)


def make_dataset(examples: list[Example]) -> Any:
    """A dataset of the package, of examples in memory."""

    class Pictures(import_module("mrcnn.utils").Dataset):  # type: ignore[misc]
        def load_image(self, image_id: int) -> np.ndarray:
            return examples[image_id].image

        def load_mask(self, image_id: int) -> tuple[np.ndarray, np.ndarray]:
            return examples[image_id].masks, examples[image_id].class_ids

    dataset = Pictures()
    for class_id in range(1, CLASSES):
        dataset.add_class("benchmark", class_id, f"class {class_id}")
    for index in range(len(examples)):
        dataset.add_image("benchmark", index, None)
    dataset.prepare()
    return dataset


def make_watch(network: Any) -> Any:
    """A callback of the network's library that notes when each step ends."""
    roots = [kind.__module__.split(".")[0] for kind in type(network).__mro__]
    library = next(root for root in roots if root in LIBRARIES)
    name = "tensorflow.keras" if library == "tensorflow" else library

    class Watch(import_module(name).callbacks.Callback):  # type: ignore[misc]
        ends: list[tuple[float, float]] = []

        def on_train_begin(self, logs: Any = None) -> None:
            self.ends = []

        # Keras of all versions comes through here.
        def on_batch_end(self, batch: int, logs: Any = None) -> None:
            self.ends.append((time.perf_counter(), time.process_time()))

    return Watch()


def main() -> None:
    """Answers questions about the package of a folder."""
    parser = argparse.ArgumentParser(prog="benchmarks.matterport_worker")
    parser.add_argument("path")
    load_package(parser.parse_args().path)
    server = Server()
    names = ["prepare_detection", "detections", "detect", "prepare_training", "train"]
    functions = {name: getattr(server, name) for name in names}
    serve({**functions, "peak_mb": peak_mb})


if __name__ == "__main__":
    main()
