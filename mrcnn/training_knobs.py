"""How a training run steps from weights to better ones, and what it keeps.

They change nothing of the network: the same files load whatever these say.
"""

from collections.abc import Sequence

from mrcnn.knobs import Knobs


class TrainingKnobs(Knobs):
    """The knobs of `Config` for the course of a training run."""

    # --- Optimization -----------------------------------------------------------

    # Step of stochastic gradient descent, and the share of the last step that is
    # carried over. The paper's rate is 0.02 for batches of 16; larger rates tend to
    # blow weights up here. Lower the rate tenfold to fine-tune all layers.
    LEARNING_RATE = 0.001
    LEARNING_MOMENTUM = 0.9

    # Images of a step that LEARNING_RATE is meant for: the rate is multiplied by the
    # real number over this one. Set it when the number of GPUs varies, with a
    # warm-up. None takes the rate as it is.
    LEARNING_RATE_BATCH_SIZE: int | None = None

    # How the rate goes on: "constant"; "step", a tenth from each of the epochs in
    # LEARNING_RATE_DROPS on (parts of epochs count too); "cosine", down to zero at
    # the last step.
    LEARNING_RATE_SCHEDULE = "constant"
    LEARNING_RATE_DROPS: Sequence[float] | None = None

    # Steps at the beginning in which the rate rises from next to nothing. Training
    # from scratch and large rates need some hundreds.
    WARMUP_STEPS = 0

    # "sgd", with momentum, or "adamw", which wants a rate of about 0.0001.
    OPTIMIZER = "sgd"

    # Batches whose gradients make up one step: 4 train as with a batch of four times
    # the size, in the memory of one and four times the time.
    ACCUMULATE_STEPS = 1

    # Strength of the pull of weights towards zero. Raise it when a small dataset is
    # learnt by heart.
    WEIGHT_DECAY = 0.0001

    # Length that the gradient over all weights together is cut to; None cuts
    # nothing. Lower it when the loss jumps or turns into NaN.
    GRADIENT_CLIP_NORM: float | None = 5.0

    # What convolutions compute in: "float32", "mixed_bfloat16" or "mixed_float16".
    # Mixed is faster and smaller on GPUs; older ones than NVIDIA's Ampere need float16.
    PRECISION = "float32"

    # True keeps only some of the backbone's features and computes the others once
    # more: a quarter less memory for its gradient, and a third more time in it.
    RECOMPUTE_FEATURES = False

    # Share of the average of weights that a step leaves, below 1, such as 0.999;
    # the averages are validated and saved. None averages nothing.
    EMA_DECAY: float | None = None

    # Factor of each loss in the sum; a loss that is left out counts once. Raise the
    # mask's, say, when outlines matter more to you than class names.
    LOSS_WEIGHTS: dict[str, float] = {
        "rpn_class_loss": 1.0,
        "rpn_bbox_loss": 1.0,
        "mrcnn_class_loss": 1.0,
        "mrcnn_bbox_loss": 1.0,
        "mrcnn_mask_loss": 1.0,
    }

    # --- The run ----------------------------------------------------------------

    # Number from which all that is left to chance in training follows, but for the
    # random weights of a new network: keras.utils.set_random_seed, before it is made.
    SEED = 0

    # Newest checkpoints to keep, and the one with the best CHECKPOINT_MONITOR, a
    # column of training_log.csv: lowest of a loss, highest of others. None keeps all.
    KEEP_CHECKPOINTS: int | None = None
    CHECKPOINT_MONITOR = "val_loss"
