"""Seconds an image to detect, by stage and by number of detections, and memory.

Weights are the recipe's, which give a photo-like image dozens of boxes; every setting
runs in a process of its own, so that its peak memory is its own.
"""

import argparse
import json
import resource
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.timing import Row, Timing, print_table, time_call

SIDE = 1024
REPEATS, WARMUP = 5, 2
SETTINGS = [("resnet50", 100), ("resnet50", 10), ("resnet101", 100), ("resnet101", 10)]
AIMS_MS = {("resnet50", 100): 3600.0}


def run() -> None:
    """Prints one table for each setting."""
    for backbone, detections in SETTINGS:
        command = [sys.executable, "-m", "benchmarks.inference", backbone]
        done = subprocess.run(
            [*command, str(detections)], capture_output=True, text=True, check=True
        )
        report = json.loads(done.stdout.splitlines()[-1])
        rows = [Row(what, Timing(*timing)) for what, timing in report["stages"]]
        aim = AIMS_MS.get((backbone, detections))
        rows.append(Row("detect", Timing(*report["detect"]), aim))
        rows.append(Row("detect in bfloat16", Timing(*report["half"])))
        print_table(
            f"{backbone}, {SIDE} x {SIDE}, {report['count']} detections, float32; "
            f"peak memory {report['peak_mb']:.0f} MB",
            rows,
        )


def measure(backbone: str, detections: int) -> dict[str, Any]:
    """Times of one setting, in this process."""
    model, image = make_model(backbone, detections)
    results = model.detect([image])  # traces the graph
    whole = time_call(lambda: model.detect([image]), REPEATS, WARMUP)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    stages = list(stage_times(model, image).items())
    model.config.DETECTION_PRECISION = "mixed_bfloat16"
    return {
        "count": len(results[0]),
        "detect": whole,
        "half": time_call(lambda: model.detect([image]), REPEATS, WARMUP),
        "stages": stages,
        "peak_mb": peak_mb,
    }


def make_model(backbone: str, detections: int) -> tuple[Any, np.ndarray]:
    """A network that finds just so many objects in the image beside it."""
    from mrcnn.config import Config
    from mrcnn.model import MaskRCNN
    from tests.recipe import fill_by_recipe

    class BenchmarkConfig(Config):
        NAME = "benchmark"
        BACKBONE = backbone
        NUM_CLASSES = 81
        IMAGES_PER_GPU = 1
        DETECTION_MAX_INSTANCES = detections
        DETECTION_MIN_CONFIDENCE = 0.05

    model = MaskRCNN(config=BenchmarkConfig())
    fill_by_recipe(model.keras_model)
    rng = np.random.default_rng(0)
    blocks = rng.integers(0, 256, (32, 32, 3)).astype("uint8")
    return model, np.kron(blocks, np.ones((24, 32, 1), "uint8"))  # 768 x 1024


def stage_times(model: Any, image: np.ndarray) -> dict[str, Timing]:
    """Time of each stage: of the graph up to its end, less that up to its beginning."""
    import keras

    network = model.keras_model
    molded, metas, windows = model.mold_inputs([image])
    inputs = [molded, metas, model.get_anchors(molded.shape[1:])[None]]

    def up_to(*layers: str) -> Timing:
        outputs = [network.get_layer(name).output for name in layers]
        part = keras.Model(network.inputs, outputs)
        return time_call(lambda: part.predict_on_batch(inputs), REPEATS, WARMUP)

    levels = [f"fpn_p{level}" for level in (2, 3, 4, 5, 6)]
    ends = {
        "backbone": up_to("res5c_out"),
        "pyramid": up_to(*levels),
        "region proposal network": up_to("rpn_class", "rpn_bbox"),
        "proposals": up_to("ROI"),
        "box head": up_to("mrcnn_class", "mrcnn_bbox"),
        "detections": up_to("mrcnn_detection"),
        "mask head": up_to("mrcnn_detection", "mrcnn_mask"),
    }
    times = {"molding": host_time(lambda: model.mold_inputs([image]))}
    before = Timing(0.0, 0.0, 0.0)
    for stage, end in ends.items():
        pairs = zip(end, before, strict=True)
        times[stage] = Timing(*(max(after - earlier, 0.0) for after, earlier in pairs))
        before = end
    detections, patches = network(inputs)[0], network(inputs)[3]
    found = np.asarray(detections)[0], np.asarray(patches)[0]
    shapes = image.shape, molded.shape[1:], windows[0]
    times["unmolding"] = host_time(lambda: model.unmold_detections(*found, *shapes))
    return times


def host_time(function: Callable[[], Any]) -> Timing:
    """Time of work outside the network, which is short and so repeated more."""
    return time_call(function, repeats=20)


def main() -> None:
    """Measures one setting and prints it as JSON; called by `run`."""
    parser = argparse.ArgumentParser(prog="benchmarks.inference")
    parser.add_argument("backbone")
    parser.add_argument("detections", type=int)
    options = parser.parse_args()
    print(json.dumps(measure(options.backbone, options.detections)))


if __name__ == "__main__":
    main()
