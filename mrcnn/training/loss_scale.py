"""Losses large enough for the gradients of half precision."""

import tensorflow as tf

# A half-precision gradient under 6e-8 is zero, so losses are scaled up as far as
# gradients stay finite.
FIRST_SCALE = 2.0**15
STEPS_TO_GROW = 2000


class LossScale:
    """A factor of float16 losses that grows until gradients overflow.

    An overflow halves it and the step is skipped; so many steps without one double it.
    """

    def __init__(self) -> None:
        self.scale = tf.Variable(FIRST_SCALE, trainable=False, dtype="float32")
        self.steps = tf.Variable(0, trainable=False, dtype="int32")

    def update(self, is_finite: tf.Tensor) -> None:
        """Follows one step, of which `is_finite` tells whether it could be taken."""
        steps = tf.where(is_finite, self.steps + 1, 0)
        grows = steps >= STEPS_TO_GROW
        factor = tf.where(is_finite, tf.where(grows, 2.0, 1.0), 0.5)
        self.scale.assign(self.scale * factor)
        self.steps.assign(tf.where(grows, 0, steps))
