"""Beside torchvision's `maskrcnn_resnet50_fpn`: the same network, weights and images.

Both detect in the same picture and train on the same batch, in turn, each in a process
of its own. That they find the same is checked first. torchvision is timed in each form
that its users run it in; ratios are to the fastest of a precision.
"""

import argparse
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.agreement import count_agreed, rows_of
from benchmarks.options import Options
from benchmarks.peak import PRECISIONS
from benchmarks.pictures import Example, blocks, rectangles
from benchmarks.processes import Worker, answer, measure_apart, peak_mb
from benchmarks.timing import (
    Row,
    Timing,
    measure_in_turn,
    print_ratios,
    print_table,
    spent_in,
)

SIDE, TRAIN_SIDE, BATCH_SIZE, NUM_OBJECTS = 1024, 512, 2, 5
WORKER = "benchmarks.torchvision_worker"
# What their forms compute in, and ours beside them.
FORMS = {"eager": "float32", "fused": "float32", "half": "mixed_bfloat16"}
FORM_NAMES = {
    "eager": "torchvision, float32",
    "fused": "torchvision, channels last, normalizations fused, float32",
    "half": "the same, mixed_bfloat16",
}
AIM_DETECT, AIM_TRAIN = 0.95, 1.0


def run(options: Options) -> None:
    """Prints times side by side, where torchvision is installed."""
    python = options.torchvision
    test = [python, "-c", "import torchvision"]
    if subprocess.run(test, capture_output=True).returncode:
        print(
            f"\ntorchvision: left out, since {python} cannot import it. "
            "--torchvision PYTHON names an interpreter that can."
        )
        return
    repeats = str(options.repeats)
    _print_detection(measure_apart(__name__, "detect", python, repeats))
    found = {}
    for layers in ("all", "heads"):
        for precision in PRECISIONS:
            setting = [python, repeats, layers, precision]
            report = measure_apart(__name__, "train", *setting)
            found[f"{layers}, {precision}"] = report
    _print_training(found)


def _print_detection(report: dict[str, Any]) -> None:
    times = {name: Timing(*timing) for name, timing in report["times"].items()}
    agreed, count = report["agreed"]
    print_table(
        f"Beside {report['versions']}: {SIDE} x {SIDE}, {count} detections, "
        f"{agreed} of them the same",
        [Row(FORM_NAMES.get(name, f"ours, {name}"), times[name]) for name in times],
    )
    pairs = {}
    for precision in PRECISIONS:
        forms = [form for form, theirs in FORMS.items() if theirs == precision]
        best = min((times[form] for form in forms), key=lambda timing: timing.median)
        pairs[precision] = times[precision], best
    aims = dict.fromkeys(pairs, AIM_DETECT)
    print_ratios("Detection, ours to torchvision's fastest form", pairs, aims)


def _print_training(found: dict[str, dict[str, Any]]) -> None:
    rows, pairs = [], {}
    for what, report in found.items():
        ours, theirs = (Timing(*report[who]) for who in ("ours", "theirs"))
        our_mb, their_mb = report["peak_mb"]
        rows.append(Row(f"ours, {what}", ours, peak_mb=our_mb))
        rows.append(Row(f"torchvision, {what}", theirs, peak_mb=their_mb))
        pairs[what] = ours, theirs
    size = f"{TRAIN_SIDE} x {TRAIN_SIDE}, batch {BATCH_SIZE}, 512 rois an image"
    print_table(f"Training step, {size}", rows)
    aims = dict.fromkeys(pairs, AIM_TRAIN)
    print_ratios("Training step, ours to torchvision's", pairs, aims)


# --- In processes of their own --------------------------------------------------------


def measure_detection(python: str, repeats: int) -> dict[str, Any]:
    """Times of ours by precision and of theirs by form, in turn."""
    image = blocks(SIDE, SIDE)
    model = _our_model()

    def ours(precision: str) -> tuple[float, float]:
        model.config.DETECTION_PRECISION = precision
        return spent_in(lambda: model.detect([image])[0].masks)

    with Worker(WORKER, interpreter=python) as worker:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "image.npy"
            np.save(path, image)
            versions = worker.ask("prepare_detection", str(path))
        theirs = np.array(worker.ask("detections"))
        found = rows_of(model.detect([image])[0])
        calls: dict[str, Any] = {
            precision: lambda precision=precision: ours(precision)
            for precision in PRECISIONS
        }
        for form in FORMS:
            calls[form] = lambda form=form: worker.ask("detect", form)
        times = measure_in_turn(calls, repeats)
    return {
        "versions": versions,
        "agreed": (count_agreed(found, theirs), len(found)),
        "times": times,
    }


def measure_training(
    python: str, repeats: int, layers: str, precision: str
) -> dict[str, Any]:
    """Times of steps and peak memory, ours and theirs in turn."""
    from benchmarks.steps import Steps
    from tests.torchvision_networks import fill, recipe_weights

    config = _our_config(TRAIN_SIDE, BATCH_SIZE, precision)
    pictures = [
        rectangles(seed, TRAIN_SIDE, NUM_OBJECTS, config.NUM_CLASSES - 1)
        for seed in range(BATCH_SIZE)
    ]
    steps = Steps(config, layers)
    fill(steps.detecting, recipe_weights("v1"))
    batch = _our_batch(config, pictures)

    with Worker(WORKER, interpreter=python) as worker:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "batch.npz"
            np.savez(path, **_their_batch(pictures))
            worker.ask("prepare_training", str(path), layers, precision)
        times = measure_in_turn(
            {
                "ours": lambda: spent_in(lambda: steps(batch)),
                "theirs": lambda: worker.ask("train"),
            },
            repeats,
        )
        return {**times, "peak_mb": [peak_mb(), worker.ask("peak_mb")]}


def _our_config(side: int, batch_size: int, precision: str = "float32") -> Any:
    from mrcnn.presets import Torchvision

    class BenchmarkConfig(Torchvision):
        """Takes images as they are."""

        IMAGES_PER_GPU = batch_size
        IMAGE_MIN_DIM = side
        IMAGE_MAX_DIM = side
        PRECISION = precision

    return BenchmarkConfig()


def _our_model() -> Any:
    from mrcnn.model import MaskRCNN
    from tests.torchvision_networks import fill, recipe_weights

    model = MaskRCNN(config=_our_config(SIDE, batch_size=1))
    fill(model.keras_model, recipe_weights("v1"))
    return model


def _our_batch(config: Any, examples: Sequence[Example]) -> Any:
    from mrcnn.data.dataset import Dataset
    from mrcnn.data.loader import Loader
    from mrcnn.geometry.conventions import CONVENTIONS

    class Pictures(Dataset):
        """The examples."""

        def load_image(self, image_id: int) -> np.ndarray:
            return examples[image_id].image

        def load_mask(self, image_id: int) -> tuple[np.ndarray, np.ndarray]:
            return examples[image_id].masks, examples[image_id].class_ids

    dataset = Pictures()
    for class_id in range(1, config.NUM_CLASSES):
        dataset.add_class("benchmark", class_id, f"class {class_id}")
    for index in range(len(examples)):
        dataset.add_image("benchmark", index, None)
    dataset.prepare()
    loader = Loader(dataset, config, convention=CONVENTIONS["aligned"], shuffle=False)
    return loader.batch(0, 0)


def _their_batch(examples: Sequence[Example]) -> dict[str, np.ndarray]:
    images = np.stack([one.image.transpose(2, 0, 1) for one in examples])
    batch = {"images": images.astype("float32") / 255}
    for index, one in enumerate(examples):
        batch[f"boxes{index}"] = one.boxes[:, [1, 0, 3, 2]].astype("float32")
        batch[f"labels{index}"] = one.class_ids.astype("int64")
        batch[f"masks{index}"] = one.masks.transpose(2, 0, 1).astype("uint8")
    return batch


def main() -> None:
    """Measures one setting; called by `run`."""
    parser = argparse.ArgumentParser(prog="benchmarks.torchvision_peer")
    parser.add_argument("what", choices=["detect", "train"])
    parser.add_argument("python")
    parser.add_argument("repeats", type=int)
    parser.add_argument("layers", nargs="?")
    parser.add_argument("precision", nargs="?")
    given = parser.parse_args()
    if given.what == "detect":
        answer(measure_detection(given.python, given.repeats))
    else:
        answer(
            measure_training(given.python, given.repeats, given.layers, given.precision)
        )


if __name__ == "__main__":
    main()
