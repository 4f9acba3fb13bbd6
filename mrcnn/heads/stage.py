"""A backbone's last stage as a head: it runs on each roi, for boxes and masks alike.

After He et al., "Deep Residual Learning for Image Recognition", appendix A: where the
region proposal network looks at C4, what makes C5 of it looks at the rois alone.

Shapes: B images, R rois, S side of the pooled features, F channels.
"""

from collections.abc import Callable

import keras

from mrcnn.geometry.arrays import Array
from mrcnn.layers.per_roi import FoldRois, UnfoldRois


class StageHead:
    """The stage's layers; called on several sets of rois, they are shared."""

    def __init__(self, build_stage: Callable[[Array], Array], channels: int) -> None:
        """Makes the layers.

        Args:
            build_stage: [any, S, S, F] -> [any, S', S', F']
            channels: F
        """
        # A nested model casts what it is given to the dtype of its input.
        precision = keras.config.dtype_policy().compute_dtype
        shape = (None, None, channels)
        features = keras.Input(shape, dtype=precision, name="input_roi_features")
        self.model = keras.Model(features, build_stage(features), name="roi_stage")

    def __call__(self, features: Array) -> Array:
        """[B, R, S, S, F] -> [B, R, S', S', F']; R may be unknown, but is not zero."""
        return UnfoldRois()([self.model(FoldRois()(features)), features])
