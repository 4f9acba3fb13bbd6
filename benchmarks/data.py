"""What data cost: images a second alone and with workers, memory, RPN targets."""

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks import loader_memory, rpn_targets
from benchmarks.options import Options
from benchmarks.timing import Row, Timing, print_table
from mrcnn.config import Config
from mrcnn.data.annotations import AnnotatedImage, AnnotationDataset, Outline
from mrcnn.data.augmentation import Compose
from mrcnn.data.dataset import Dataset
from mrcnn.data.loader import Loader
from mrcnn.data.transforms import ColorJitter, HorizontalFlip, LargeScaleJitter
from mrcnn.geometry.conventions import CONVENTIONS

HEIGHT, WIDTH, OBJECTS, IMAGES, STEPS = 480, 640, 20, 16, 16


class BenchmarkConfig(Config):
    """480 x 640 to 1024 x 1024, two images a batch."""

    NAME = "benchmark"
    NUM_CLASSES = 2


class InMemory(Dataset):
    """A dataset whose images and masks take no time to load."""

    def __init__(self, rng: np.random.Generator) -> None:
        super().__init__()
        self.add_class("memory", 1, "ellipse")
        y, x = np.ogrid[:HEIGHT, :WIDTH]
        self.pixels, self.masks = [], []
        for number in range(IMAGES):
            self.add_image("memory", number, None)
            self.pixels.append(_picture(rng))
            scaled = [
                (y - cy) ** 2 / ry**2 + (x - cx) ** 2 / rx**2
                for cy, cx, ry, rx in _ellipses(rng, OBJECTS)
            ]
            self.masks.append(np.stack(scaled, axis=-1) <= 1)
        self.prepare()

    def load_image(self, image_id: int) -> np.ndarray:
        """uint8 [H, W, 3]"""
        return self.pixels[image_id]

    def load_mask(self, image_id: int) -> tuple[np.ndarray, np.ndarray]:
        """Bool [H, W, N], int32 [N]"""
        return self.masks[image_id], np.ones(OBJECTS, "int32")


def run(options: Options) -> None:
    """Prints the tables of this file."""
    rng = np.random.default_rng(0)
    title = "Milliseconds an image, 480 x 640 to 1024 x 1024, 20 objects, batches of 2"
    with tempfile.TemporaryDirectory() as folder:
        datasets = {
            "in memory": InMemory(rng),
            "JPEG and polygons": make_dataset(rng, Path(folder)),
        }
        for name, dataset in datasets.items():
            print_table(f"{title}, {name}", _rows(dataset))
    loader_memory.run()
    # Last, since it loads TensorFlow, and workers are forked from what is loaded.
    rpn_targets.run()


def _rows(dataset: Dataset) -> list[Row]:
    flip = HorizontalFlip()
    heavy = Compose(flip, LargeScaleJitter(), ColorJitter())
    with _one_core():
        rows = [
            Row("one core", _time(dataset), 25),
            Row("one core, flipped", _time(dataset, augmentation=flip), 25),
            Row("one core, scale and colours too", _time(dataset, augmentation=heavy)),
        ]
    for processes, kind in ((False, "thread"), (True, "process")):
        for workers in (1, 2):
            timing = _time(
                dataset, augmentation=flip, workers=workers, use_processes=processes
            )
            speed = f"{1 / timing.median:.0f} images/s"
            rows.append(Row(f"{workers} {kind}{'es' * processes}, {speed}", timing))
    return rows


def make_dataset(
    rng: np.random.Generator, folder: Path, objects: int = OBJECTS, classes: int = 1
) -> AnnotationDataset:
    """JPEG files with ellipses as polygons of 40 corners.

    All are of one class; `classes` is how many the dataset knows.
    """
    angles = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    images = []
    for number in range(IMAGES):
        path = folder / f"{number}.jpg"
        Image.fromarray(_picture(rng)).save(path)
        outlines = []
        for cy, cx, ry, rx in _ellipses(rng, objects):
            points = np.stack([cx + rx * np.cos(angles), cy + ry * np.sin(angles)], -1)
            outlines.append(Outline("ellipse", [points.ravel().tolist()]))
        shape = (HEIGHT, WIDTH)
        images.append(AnnotatedImage(str(number), str(path), shape, outlines))
    dataset = AnnotationDataset()
    names = ["ellipse", *(f"class {number}" for number in range(2, classes + 1))]
    dataset.add_annotated_images("disk", images, names)
    dataset.prepare()
    return dataset


def _time(dataset: Dataset, **options: object) -> Timing:
    """Seconds an image over epochs, workers started and all."""
    loader = Loader(
        dataset,
        BenchmarkConfig(),
        convention=CONVENTIONS["aligned"],
        steps_per_epoch=STEPS,
        **options,
    )
    seconds = []
    for epoch in range(6):
        start = time.perf_counter()
        for _ in loader.epoch(epoch):
            pass
        seconds.append(
            (time.perf_counter() - start) / (STEPS * loader.config.BATCH_SIZE)
        )
    # The first epoch warms caches.
    return Timing(float(np.median(seconds[1:])), min(seconds[1:]), max(seconds[1:]))


@contextmanager
def _one_core() -> Iterator[None]:
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def _picture(rng: np.random.Generator) -> np.ndarray:
    """Soft colours with some noise, as a photo has. -> uint8 [H, W, 3]"""
    y, x = np.mgrid[:HEIGHT, :WIDTH][..., None] / 50
    waves = np.sin(y + rng.uniform(0, 6, 3)) + np.cos(x + rng.uniform(0, 6, 3))
    noise = rng.normal(0, 4, (HEIGHT, WIDTH, 3))
    return np.clip(128 + 50 * waves + noise, 0, 255).astype("uint8")


def _ellipses(rng: np.random.Generator, count: int) -> np.ndarray:
    """(centre y, centre x, radius y, radius x) up to 300 pixels wide. -> [N, 4]"""
    centers = rng.uniform((0, 0), (HEIGHT, WIDTH), (count, 2))
    return np.concatenate([centers, rng.uniform(20, 150, (count, 2))], axis=1)
