"""The optimizer of a config, and what it may not do by itself.

Gradients are summed over devices and micro-batches, cut to a norm and pulled by weight
decay before the optimizer sees them, so the optimizer has to leave these to the loop.
"""

from collections.abc import Iterable
from typing import Any

import keras


def build_optimizer(
    name: str, learning_rate: float, *, momentum: float, weight_decay: float
) -> keras.optimizers.Optimizer:
    """The optimizer that a config names.

    Args:
        name: "sgd" or "adamw"
        learning_rate: base rate
        momentum: of "sgd"
        weight_decay: of "adamw", which takes it apart from the gradient
    """
    if name == "adamw":
        return keras.optimizers.AdamW(learning_rate, weight_decay=weight_decay)
    return keras.optimizers.SGD(learning_rate, momentum=float(momentum))


def check_optimizer(optimizer: Any) -> None:
    """Refuses an optimizer that would do the loop's work a second time.

    Raises:
        TypeError: where it is no optimizer of Keras.
        ValueError: where it cuts, accumulates, scales or averages.
    """
    if not isinstance(optimizer, keras.optimizers.Optimizer):
        raise TypeError(
            f"optimizer is {optimizer!r:.80}. Give an instance of a Keras optimizer."
        )
    knobs = {
        "clipnorm": "GRADIENT_CLIP_NORM",
        "clipvalue": "GRADIENT_CLIP_NORM",
        "global_clipnorm": "GRADIENT_CLIP_NORM",
        "gradient_accumulation_steps": "ACCUMULATE_STEPS",
        "loss_scale_factor": "PRECISION",
        "use_ema": "EMA_DECAY",
    }
    settings = optimizer.get_config()
    for setting, knob in knobs.items():
        if settings.get(setting):
            raise ValueError(
                f"The optimizer has {setting}={settings[setting]}. Leave it out and "
                f"set Config.{knob}, which counts all devices and micro-batches."
            )
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        raise ValueError(
            "Hand in the inner optimizer: PRECISION = 'mixed_float16' scales losses."
        )


def prepare_optimizer(
    optimizer: keras.optimizers.Optimizer, variables: Iterable[keras.Variable]
) -> None:
    """Makes the optimizer's own variables for those that learn."""
    variables = list(variables)
    if getattr(optimizer, "weight_decay", None):
        resting = [variable for variable in variables if not is_decayed(variable)]
        optimizer.exclude_from_weight_decay(var_list=resting)
    optimizer.build(variables)


def is_decayed(variable: keras.Variable) -> bool:
    """Whether weight decay pulls at it: at kernels, not at biases and BatchNorm."""
    return len(variable.shape) > 1
