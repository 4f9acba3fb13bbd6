"""Memory and time of a backbone's gradient: features kept, and computed once more.

1024 × 1024, batch 2. The peak is that of the process, less what it held before the
first step; `RECOMPUTE_FEATURES` is the knob.
"""

import argparse
from typing import Any

from benchmarks.options import Options
from benchmarks.processes import answer, measure_apart, peak_mb
from benchmarks.timing import Row, Timing, print_table, time_call

SIDE, BATCH_SIZE = 1024, 2
WAYS = {"kept": False, "computed once more": True}


def run(options: Options) -> None:
    """Prints one line for each way."""
    backbones = ["resnet50", "resnet101"] if options.full else ["resnet101"]
    for backbone in backbones:
        rows = []
        for way, recompute in WAYS.items():
            words = [backbone, str(int(recompute)), str(min(options.repeats, 3))]
            timing, peak = measure_apart(__name__, *words)
            rows.append(Row(way, Timing(*timing), peak_mb=peak))
        print_table(
            f"Features of {backbone}, {SIDE} x {SIDE}, batch {BATCH_SIZE}: a gradient",
            rows,
        )


def measure(backbone: str, recompute: bool, repeats: int) -> tuple[Timing, float]:
    """Time of a gradient, and the memory that it takes, in this process."""
    import keras
    import tensorflow as tf

    from mrcnn.backbones.resnet import build_resnet
    from mrcnn.network_folding import fold_norms
    from mrcnn.network_recompute import recompute_backbone

    image = keras.Input((SIDE, SIDE, 3))
    stages = build_resnet(image, backbone, train_bn=False)[1:]
    model = keras.Model(image, stages)
    if recompute:
        model = recompute_backbone(model, image, stages)
    model = fold_norms(model, only_frozen=True)  # as training does
    weights = [weight.value for weight in model.trainable_weights]
    pictures = tf.random.uniform((BATCH_SIZE, SIDE, SIDE, 3))

    @tf.function
    def gradient() -> Any:
        with tf.GradientTape() as tape:
            maps = model(pictures, training=True)
            loss = tf.add_n([tf.reduce_mean(features**2) for features in maps])
        return tape.gradient(loss, weights)

    before = peak_mb()
    timing = time_call(gradient, repeats, warmup=1)
    return timing, peak_mb() - before


def main() -> None:
    """Measures one way; called by `run`."""
    parser = argparse.ArgumentParser(prog="benchmarks.recompute")
    parser.add_argument("backbone")
    parser.add_argument("recompute", type=int)
    parser.add_argument("repeats", type=int)
    given = parser.parse_args()
    answer(measure(given.backbone, bool(given.recompute), given.repeats))


if __name__ == "__main__":
    main()
