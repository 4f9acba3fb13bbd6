"""How long one waits for a first detection, and for one in images of another shape.

Times are those of a fresh process, from the moment that it is started, in float32 with
weights as they are after building. The files of the libraries are in the system's
cache, as they are when a program starts for the second time.
"""

import argparse
import importlib
import time
from collections.abc import Callable
from typing import Any

from benchmarks.options import Options
from benchmarks.processes import answer, measure_apart
from benchmarks.timing import Row, print_table, spent_in, timing_of

STEPS_AND_AIMS_MS: dict[str, float | None] = {
    "import mrcnn": 200.0,
    "build the network": 4000.0,
    "first detection from the start of the process": 12000.0,
    "first detection in a second shape": None,
    "the same once more": None,
    "what the second shape costs once": 3000.0,
}


def run(options: Options) -> None:
    """Prints one line for each step."""
    repeats = range(min(options.repeats, 3))
    reports = [measure_apart(__name__, f"{time.time()}") for _ in repeats]
    rows = [
        Row(step, timing_of(*zip(*[one[step] for one in reports], strict=True)), aim)
        for step, aim in STEPS_AND_AIMS_MS.items()
    ]
    print_table("Start of a ResNet-50 model, 1024 x 1024", rows)


def measure(started: float) -> dict[str, tuple[float, float]]:
    """What each step takes in this process, started at `started`; see `spent_in`."""
    times: dict[str, tuple[float, float]] = {}

    def note(step: str, function: Callable[[], Any]) -> None:
        times[step] = spent_in(function)

    # First of all, since it stands for all that it loads.
    note("import mrcnn", lambda: importlib.import_module("mrcnn"))
    import numpy as np

    from mrcnn.config import Config
    from mrcnn.model import MaskRCNN

    class BenchmarkConfig(Config):
        NAME = "benchmark"
        BACKBONE = "resnet50"
        NUM_CLASSES = 81
        IMAGES_PER_GPU = 1
        IMAGE_RESIZE_MODE = "pad64"
        IMAGE_MIN_DIM = 768

    model = MaskRCNN(config=BenchmarkConfig())
    note("build the network", lambda: model.keras_model)
    model.detect([np.zeros((1024, 1024, 3), "uint8")])
    whole = time.time() - started, time.process_time()
    times["first detection from the start of the process"] = whole
    image = np.zeros((1024, 768, 3), "uint8")
    first, second = "first detection in a second shape", "the same once more"
    note(first, lambda: model.detect([image]))
    note(second, lambda: model.detect([image]))
    wall, processor = np.subtract(times[first], times[second]).tolist()
    times["what the second shape costs once"] = wall, processor
    return times


def main() -> None:
    """Measures once; called by `run`."""
    parser = argparse.ArgumentParser(prog="benchmarks.startup")
    parser.add_argument("started", type=float)
    answer(measure(parser.parse_args().started))


if __name__ == "__main__":
    main()
