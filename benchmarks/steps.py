"""Single training steps on given batches, as `MaskRCNN.train` takes them."""

from collections.abc import Mapping

import numpy as np

from mrcnn.config import Config
from mrcnn.network_cache import NetworkCache
from mrcnn.training.forward import Forward
from mrcnn.training.optimizer import build_optimizer, prepare_optimizer
from mrcnn.training.step import TrainingStep
from mrcnn.training.strategy import choose_strategy
from mrcnn.training.trainable import set_trainable

GEOMETRY = "aligned"

Batch = Mapping[str, np.ndarray]


class Steps:
    """A network in training, which takes a step whenever it is called with a batch.

    Args:
        config: of the network
        layers: which learn, see `set_trainable`

    Attributes:
        detecting: the network that detects
        network: the training graph around its layers
    """

    def __init__(self, config: Config, layers: str) -> None:
        self.config = config
        self._cache = NetworkCache()
        self.detecting, self.network = self._cache.training_pair(
            config, GEOMETRY, None, with_own_layers=False
        )
        set_trainable(self.network, layers)
        # So low a rate that all steps are alike.
        optimizer = build_optimizer(
            "sgd", 1e-7, momentum=config.LEARNING_MOMENTUM, weight_decay=0.0
        )
        prepare_optimizer(optimizer, self.network.trainable_variables)
        self._step = TrainingStep(
            Forward(self.network, precision=config.PRECISION),
            optimizer,
            choose_strategy(),
            clip_norm=config.GRADIENT_CLIP_NORM,
            weight_decay=config.WEIGHT_DECAY,
        )

    def __call__(self, batch: Batch) -> None:
        """Takes a step on a batch as `Loader` makes them."""
        result = self._step([self._complete(batch)], seed=0)
        if not result.is_taken:
            raise FloatingPointError(f"The step was lost: {result.losses}")

    def count_positives(self, batch: Batch) -> int:
        """Positive rois of all images of a batch together."""
        whole = self._complete(batch)
        inputs = [whole[one.name] for one in self.network.inputs]
        outputs = self.network(inputs, training=False)
        return round(float(outputs["num_positive_rois"]) * self.config.BATCH_SIZE)

    def _complete(self, batch: Batch) -> dict[str, np.ndarray]:
        images = batch["input_image"]
        anchors = self._cache.anchors(self.config, images.shape[1:3], GEOMETRY)
        anchors = np.broadcast_to(anchors, (len(images), *anchors.shape))
        return {**batch, "input_anchors": anchors}
