"""Door: matterport's `ParallelModel`, and where its work is done.

Several GPUs need no other model: set `GPU_COUNT` in the Config, and `MaskRCNN.train`
mirrors the network on them; or hand a strategy of `tf.distribute` to `train`.
"""

import logging
from typing import Any

import keras

from mrcnn.compat.lazy_names import names_on_demand

__all__ = ["ParallelModel"]

logger = logging.getLogger("mrcnn")

__getattr__ = names_on_demand(
    __name__,
    {
        "tf": "tensorflow",
        "K": "keras.backend",
        "KL": "keras.layers",
        "KM": "keras.models",
    },
)


class ParallelModel(keras.Model):
    """The model it is made of, with its inputs, outputs and weights.

    What is loaded or saved is loaded or saved by `inner_model`.
    """

    def __init__(self, keras_model: keras.Model, gpu_count: int) -> None:
        logger.warning(
            "ParallelModel computes what its model does, on one device. To train on "
            "%d GPUs set GPU_COUNT = %d in the Config.",
            gpu_count,
            gpu_count,
        )
        super().__init__(inputs=keras_model.input, outputs=keras_model.output)
        self.inner_model = keras_model
        self.gpu_count = gpu_count

    def __getattribute__(self, attrname: str) -> Any:
        is_made = "inner_model" in object.__getattribute__(self, "__dict__")
        if is_made and ("load" in attrname or "save" in attrname):
            return getattr(self.inner_model, attrname)
        return super().__getattribute__(attrname)

    def summary(self, *args: Any, **kwargs: Any) -> None:
        """Prints the summary of the inner model."""
        self.inner_model.summary(*args, **kwargs)

    def make_parallel(self) -> list[Any]:
        """The outputs, of whole batches."""
        return list(self.inner_model.outputs)
