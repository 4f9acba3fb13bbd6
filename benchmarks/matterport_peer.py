"""Beside another package with matterport's interface, which `--peer` names.

Both run the same calls, in turn, each in a process of its own: `detect` with weights of
one file, and `train` on pictures in memory. Both our precisions are measured by the
peer's float32.
"""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.agreement import count_agreed
from benchmarks.known_figures import AIMS_DETECT, AIMS_TRAIN
from benchmarks.matterport_worker import CLASSES, WARMUP
from benchmarks.options import Options
from benchmarks.peak import PRECISIONS
from benchmarks.processes import ROOT, Worker
from benchmarks.timing import Row, Timing, measure_in_turn, print_ratios, print_table

SIDE, TRAIN_SIDE, BATCH_SIZE, NUM_STEPS = 1024, 512, 2, 3
WORKER = "benchmarks.matterport_worker"
PEER = "peer, float32"
CONFIDENCE = 0.05

Pairs = dict[str, tuple[Timing, Timing]]


def run(options: Options) -> None:
    """Prints times side by side, where a checkout is named."""
    if options.peer is None:
        print("\nmatterport: left out; --peer PATH names a checkout to measure.")
        return
    with tempfile.TemporaryDirectory() as folder:
        _print_detection(options, str(Path(folder) / "recipe.h5"))
    _print_training(options)


def _print_detection(options: Options, weights: str) -> None:
    from tests.fixtures.recipe_h5 import write

    write(weights, "resnet50", CLASSES)
    rows: list[Row] = []
    pairs: Pairs = {}
    confidence = CONFIDENCE
    for detections in (100, 10):
        with _workers(options) as workers:
            for name, worker in workers.items():
                settings = detection_settings(name, confidence)
                worker.ask("prepare_detection", weights, settings)
            found = {
                name: np.array(worker.ask("detections"))
                for name, worker in workers.items()
            }
            times = _in_turn(workers, options.repeats, "detect")
            for name, timing in times.items():
                memory = workers[name].ask("peak_mb")
                agreed = count_agreed(found[name], found[PEER])
                what = f"{name}, {len(found[name])} detections, {agreed} the peer's"
                rows.append(Row(what, timing, peak_mb=memory))
        # So many of the best are found next.
        confidence = confidence_for(found[PEER][:, 5], 10)
        for precision in PRECISIONS:
            what = f"{detections} detections, {precision}"
            pairs[what] = times[f"ours, {precision}"], times[PEER]
    print_table(f"detect, ResNet-50, {SIDE} x {SIDE}, beside {options.peer}", rows)
    aims = {
        f"{detections} detections, {precision}": aim
        for (detections, precision), aim in AIMS_DETECT.items()
    }
    print_ratios("detect, ours to the peer's in float32", pairs, aims)


def _print_training(options: Options) -> None:
    rows: list[Row] = []
    pairs: Pairs = {}
    for layers in ("all", "heads"):
        with _workers(options) as workers:
            for name, worker in workers.items():
                worker.ask("prepare_training", training_settings(name))
            rounds = max(options.repeats // 2, 1)
            times = _in_turn(workers, rounds, "train", layers, warmup=0)
            for name, timing in times.items():
                memory = workers[name].ask("peak_mb")
                rows.append(Row(f"{name}, {layers}", timing, peak_mb=memory))
        for precision in PRECISIONS:
            pairs[f"{layers}, {precision}"] = times[f"ours, {precision}"], times[PEER]
    size = f"{TRAIN_SIDE} x {TRAIN_SIDE}, batch {BATCH_SIZE}"
    print_table(f"Training step, ResNet-50, {size}, beside {options.peer}", rows)
    aims = {", ".join(setting): aim for setting, aim in AIMS_TRAIN.items()}
    print_ratios("Training step, ours to the peer's in float32", pairs, aims)


@contextmanager
def _workers(options: Options) -> Iterator[dict[str, Worker]]:
    """Processes by name: ours in either precision, and the peer."""
    with ExitStack() as stack:
        workers = {f"ours, {one}": Worker(WORKER, str(ROOT)) for one in PRECISIONS}
        workers[PEER] = Worker(
            WORKER, str(options.peer), interpreter=options.peer_python
        )
        for worker in workers.values():
            stack.enter_context(worker)
        yield workers


def _in_turn(
    workers: dict[str, Worker], repeats: int, *question: Any, warmup: int = 1
) -> dict[str, Timing]:
    """Times that workers answer, asked one after the other."""
    calls: dict[str, Callable[[], Any]] = {
        name: lambda worker=worker: worker.ask(*question)  # type: ignore[misc]
        for name, worker in workers.items()
    }
    return measure_in_turn(calls, repeats, warmup)


def confidence_for(scores: np.ndarray, count: int) -> float:
    """A confidence that just so many of the scores [D] reach."""
    return float(np.sort(scores)[::-1][count - 1 : count + 1].mean())


def detection_settings(name: str, confidence: float) -> dict[str, Any]:
    """Knobs of a worker's config."""
    own = {"DETECTION_PRECISION": name.removeprefix("ours, ")}
    return {
        "NAME": "benchmark",
        "BACKBONE": "resnet50",
        "NUM_CLASSES": CLASSES,
        "IMAGES_PER_GPU": 1,
        "IMAGE_MIN_DIM": SIDE,
        "IMAGE_MAX_DIM": SIDE,
        "DETECTION_MAX_INSTANCES": 100,
        "DETECTION_MIN_CONFIDENCE": confidence,
        **(own if name != PEER else {}),
    }


def training_settings(name: str) -> dict[str, Any]:
    """Knobs of a worker's config."""
    own = {"PRECISION": name.removeprefix("ours, ")}
    return {
        "NAME": "benchmark",
        "BACKBONE": "resnet50",
        "NUM_CLASSES": CLASSES,
        "IMAGES_PER_GPU": BATCH_SIZE,
        "IMAGE_MIN_DIM": TRAIN_SIDE,
        "IMAGE_MAX_DIM": TRAIN_SIDE,
        "STEPS_PER_EPOCH": WARMUP + NUM_STEPS,
        "VALIDATION_STEPS": 1,
        **(own if name != PEER else {}),
    }
