"""What matterport's code takes, for where there is no checkout of it to measure.

Its times on another machine are scaled by what convolutions do there and here. That is
an estimate, and called so where it is printed.
"""

from collections.abc import Mapping

from benchmarks.timing import Timing, num_cores, print_ratios

# Seconds of matterport's code under tf_keras in float32, on a machine where
# convolutions do so many operations a second: 1024 x 1024, 100 detections; and a step
# at 512 x 512, batch 2.
PEAK = 215e9
DETECT = {"resnet50": 4.3, "resnet101": 5.2}
TRAIN = {"all": 11.4, "heads": 10.7}


# By number of detections and precision, and by layers and precision.
AIMS_DETECT = {
    (100, "float32"): 0.75,
    (100, "mixed_bfloat16"): 0.45,
    (10, "float32"): 0.65,
    (10, "mixed_bfloat16"): 0.35,
}
AIMS_TRAIN = {
    ("all", "float32"): 0.5,
    ("heads", "float32"): 0.35,
    ("all", "mixed_bfloat16"): 0.3,
    ("heads", "mixed_bfloat16"): 0.25,
}


def scaled(seconds: float, peak: float) -> Timing:
    """What would be taken where convolutions do `peak` operations a second.

    All cores are taken to be busy all the while.
    """
    here = seconds * PEAK / peak
    return Timing(here, here, here, here * num_cores())


def print_estimates(
    what: str, pairs: Mapping[str, tuple[Timing, Timing]], aims: Mapping[str, float]
) -> None:
    """Prints ratios of our times to scaled ones; see `print_ratios`."""
    title = f"{what}, ours to matterport's code, ESTIMATED from another machine"
    print_ratios(title, pairs, aims)
