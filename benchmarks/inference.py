"""Seconds an image to detect, by stage, precision and number of detections, and memory.

Weights are the recipe's, which give a photo-like image dozens of boxes; every setting
runs in a process of its own, so that its peak memory is its own. A stage's floor counts
the stage's operations.
"""

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.known_figures import AIMS_DETECT, DETECT, print_estimates, scaled
from benchmarks.operations import count_multiply_adds, floor_seconds
from benchmarks.options import Options
from benchmarks.peak import PRECISIONS, measured_peak
from benchmarks.pictures import blocks
from benchmarks.processes import answer, measure_apart, peak_mb
from benchmarks.timing import Row, Timing, print_table, time_call, time_in_turn

SIDE = 1024
SETTINGS = [("resnet50", 100), ("resnet50", 10), ("resnet101", 100), ("resnet101", 10)]


def run(options: Options) -> None:
    """Prints one table for each setting, of ResNet-50 alone unless all are wanted."""
    with tempfile.TemporaryDirectory() as folder:
        _run(options, folder)


def _run(options: Options, folder: str) -> None:
    from tests.fixtures.recipe_h5 import write

    pairs, aims = {}, {}
    for backbone, detections in SETTINGS if options.full else SETTINGS[:2]:
        weights = Path(folder) / f"{backbone}.h5"
        if not weights.exists():
            write(weights, backbone)
        repeats, with_stages = str(options.repeats), str(int(detections == 100))
        report = measure_apart(
            __name__, backbone, str(detections), str(weights), repeats, with_stages
        )
        rows = [Row(what, Timing(*t), floor=f) for what, t, f in report["stages"]]
        for precision, (timing, floor, peak) in report["detect"].items():
            what = f"detect, {precision}"
            rows.append(Row(what, Timing(*timing), floor=floor, peak_mb=peak))
            known = scaled(DETECT[backbone], report["peaks"]["float32"])
            what = f"{backbone}, {detections} detections, {precision}"
            pairs[what] = Timing(*timing), known
            aims[what] = AIMS_DETECT[detections, precision]
        speeds = " and ".join(f"{peak / 1e9:.0f}" for peak in report["peaks"].values())
        print_table(
            f"{backbone}, {SIDE} x {SIDE}, {report['count']} detections; convolutions "
            f"alone {speeds} GFLOP/s",
            rows,
        )
    print_estimates("detect", pairs, aims)


def measure(
    backbone: str, detections: int, weights: str, repeats: int, with_stages: bool
) -> dict[str, Any]:
    """Times of one setting, in this process."""
    model, image = make_model(backbone, detections, weights)

    def detect(precision: str) -> Any:
        model.config.DETECTION_PRECISION = precision
        return model.detect([image])

    count, memory = 0, {}
    for precision in PRECISIONS:
        count = len(detect(precision)[0])  # traces the graph
        memory[precision] = peak_mb()
    # One after the other, as they are used: a change of precision costs a slow call.
    times = {
        precision: time_call(lambda p=precision: detect(p), repeats)
        for precision in PRECISIONS
    }
    peaks = {precision: measured_peak(precision) for precision in PRECISIONS}
    work = count_multiply_adds(model.keras_model, (1, SIDE, SIDE), rois=count).total()
    return {
        "count": count,
        "peaks": peaks,
        "detect": {
            precision: (
                times[precision],
                floor_seconds(work, peaks[precision]),
                memory[precision],
            )
            for precision in PRECISIONS
        },
        "stages": stage_rows(model, image, count, peaks["float32"], repeats)
        if with_stages
        else [],
    }


def make_model(backbone: str, detections: int, weights: str) -> tuple[Any, np.ndarray]:
    """A network that finds just so many objects in the image beside it."""
    from mrcnn.config import Config
    from mrcnn.model import MaskRCNN

    class BenchmarkConfig(Config):
        NAME = "benchmark"
        BACKBONE = backbone
        NUM_CLASSES = 81
        IMAGES_PER_GPU = 1
        DETECTION_MAX_INSTANCES = detections
        DETECTION_MIN_CONFIDENCE = 0.05

    model = MaskRCNN(config=BenchmarkConfig())
    model.load_weights(weights, by_name=True)
    return model, blocks(768, SIDE)


def stage_rows(
    model: Any, image: np.ndarray, count: int, peak: float, repeats: int
) -> list[tuple[str, Timing, float | None]]:
    """Stages of `detect` in float32: name, time and floor.

    A stage takes what the graph takes up to its end, less that up to its beginning. The
    mask head's patches are those of all classes here, not of a detection's own alone.
    """
    from mrcnn.network_folding import build_detector

    molded, metas, windows = model.mold_inputs([image])
    inputs = [molded, metas, model.get_anchors(molded.shape[1:])[None]]
    parts = stage_ends(model.keras_model)
    detectors = {name: build_detector(part) for name, part in parts.items()}
    calls = {
        name: lambda part=part: part.predict_on_batch(inputs)
        for name, part in detectors.items()
    }
    times = time_in_turn(calls, repeats)
    work = {
        name: count_multiply_adds(part, (1, SIDE, SIDE), rois=count).total()
        for name, part in parts.items()
    }
    rows: list[tuple[str, Timing, float | None]] = [
        ("molding", host_time(lambda: model.mold_inputs([image])), None)
    ]
    before, done = Timing(0.0, 0.0, 0.0, 0.0), 0
    for name, end in times.items():
        pairs = zip(end, before, strict=True)
        timing = Timing(*(max(after - earlier, 0.0) for after, earlier in pairs))
        floor = floor_seconds(work[name] - done, peak) or None
        rows.append((name, timing, floor))
        before, done = end, work[name]
    detections, patches = (
        detectors["mask head"].predict_on_batch(inputs)[i] for i in (0, 1)
    )
    found, shapes = (detections[0], patches[0]), (image.shape, molded.shape[1:])
    unmold = host_time(lambda: model.unmold_detections(*found, *shapes, windows[0]))
    return [*rows, ("unmolding", unmold, None)]


def stage_ends(network: Any) -> dict[str, Any]:
    """The network up to the end of each stage."""
    import keras

    levels = [f"fpn_p{level}" for level in (2, 3, 4, 5, 6)]
    ends = {
        "backbone": ["res5c_out"],
        "pyramid": levels,
        "region proposal network": ["rpn_class", "rpn_bbox"],
        "proposals": ["ROI"],
        "box head": ["mrcnn_class", "mrcnn_bbox"],
        "choice of detections": ["mrcnn_detection"],
        "mask head": ["mrcnn_detection", "mrcnn_mask"],
    }
    return {
        stage: keras.Model(
            network.inputs, [network.get_layer(name).output for name in names]
        )
        for stage, names in ends.items()
    }


def host_time(function: Callable[[], Any]) -> Timing:
    """Time of work outside the network, which is short and so repeated more."""
    return time_call(function, repeats=20)


def main() -> None:
    """Measures one setting; called by `run`."""
    parser = argparse.ArgumentParser(prog="benchmarks.inference")
    parser.add_argument("backbone")
    parser.add_argument("detections", type=int)
    parser.add_argument("weights")
    parser.add_argument("repeats", type=int)
    parser.add_argument("with_stages", type=int)
    options = parser.parse_args()
    answer(
        measure(
            options.backbone,
            options.detections,
            options.weights,
            options.repeats,
            bool(options.with_stages),
        )
    )


if __name__ == "__main__":
    main()
