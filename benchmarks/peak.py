"""The most that this machine's convolutions do in a second.

A few convolutions like those that the network spends its time in are run alone, and the
fastest counts. Its time is what all cores together spent, shared among them, so that
other work of the machine does not make it look slower than it is. The floor that
follows is what the network's convolutions take when they are computed as such; one that
takes fewer multiplications (`mrcnn/layers/winograd.py`) can fall below it.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from benchmarks.operations import OPERATIONS
from benchmarks.options import Options
from benchmarks.timing import Row, Timing, num_cores, print_table, time_in_turn

PRECISIONS = {"float32": "float32", "mixed_bfloat16": "bfloat16"}


class Convolution(NamedTuple):
    """One with as many places as its input, in a batch of images or rois."""

    num_images: int
    side: int
    channels: int
    filters: int
    kernel_side: int

    @property
    def multiply_adds(self) -> int:
        """Of one call."""
        kernel = self.kernel_side**2 * self.channels * self.filters
        return math.prod([self.num_images, self.side, self.side, kernel])


CONVOLUTIONS = {
    "RPN on P3": Convolution(1, 128, 256, 512, 3),
    "3x3 of C3": Convolution(1, 128, 128, 128, 3),
    "1x1 of C4": Convolution(1, 64, 1024, 256, 1),
    "1x1 out of C2": Convolution(1, 256, 64, 256, 1),
    "mask head": Convolution(100, 14, 256, 256, 3),
}


def run(options: Options) -> None:
    """Prints the operations a second of each convolution, in both precisions."""
    for precision in PRECISIONS:
        timings = _time(precision, repeats=4 * options.repeats)
        rows = [
            Row(f"{name}, {speed_of(name, timing) / 1e9:.0f} GFLOP/s", timing)
            for name, timing in timings.items()
        ]
        print_table(f"Convolutions alone, {precision}", rows)


def measured_peak(precision: str, repeats: int = 10) -> float:
    """Operations a second of the fastest convolution."""
    timings = _time(precision, repeats)
    return max(speed_of(name, timing) for name, timing in timings.items())


def speed_of(name: str, timing: Timing) -> float:
    """Operations a second of one of `CONVOLUTIONS`, had it the machine to itself."""
    assert timing.processor
    operations = OPERATIONS * CONVOLUTIONS[name].multiply_adds
    return operations * num_cores() / timing.processor


def _time(precision: str, repeats: int) -> dict[str, Timing]:
    calls = {name: burst(one, precision) for name, one in CONVOLUTIONS.items()}
    return time_in_turn(calls, repeats, warmup=2)


def burst(convolution: Convolution, precision: str) -> Callable[[], Any]:
    """A function that computes a convolution once."""
    import tensorflow as tf

    rng = np.random.default_rng(0)
    count, side, channels, filters, kernel_side = convolution
    image_shape = (count, side, side, channels)
    kernel_shape = (kernel_side, kernel_side, channels, filters)
    images, kernel = (
        tf.cast(rng.standard_normal(shape, "float32"), PRECISIONS[precision])
        for shape in (image_shape, kernel_shape)
    )

    @tf.function
    def convolve(images: Any, kernel: Any) -> Any:
        return tf.nn.conv2d(images, kernel, strides=1, padding="SAME")

    # Reading a number waits for the result.
    return lambda: convolve(images, kernel)[0, 0, 0, 0].numpy()
