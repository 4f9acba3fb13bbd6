"""The network that is trained, where the strategy wants it.

Without a strategy, training shares the layers of the user's network. Variables that
live on several devices have to be made for them, so a strategy gets a network of its
own, whose weights are brought back when somebody looks.
"""

from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from mrcnn.training.strategy import is_chief, is_default, sum_over_workers

Pair = tuple[keras.Model, keras.Model]


class Networks(NamedTuple):
    """A training network and its way back to the user's."""

    training: keras.Model
    """From a batch to losses."""

    publish: Callable[[], None]
    """Brings the weights into the user's network."""


def make_networks(
    keras_model: keras.Model,
    build_networks: Callable[[bool], Pair],
    strategy: tf.distribute.Strategy,
) -> Networks:
    """A training network that begins with the weights of the user's.

    Args:
        keras_model: the user's
        build_networks: see `train`
        strategy: under which the network trains
    """
    if is_default(strategy):
        _, training = build_networks(False)
        return Networks(training, lambda: None)
    # Layers that begin at random do so differently on every machine.
    share = float(is_chief(strategy))
    own = [weight * share for weight in keras_model.get_weights()]
    with strategy.scope():
        detecting, training = build_networks(True)
        detecting.set_weights(sum_over_workers(strategy, own))

    def publish() -> None:
        keras_model.set_weights([np.asarray(one) for one in detecting.get_weights()])

    return Networks(training, publish)
