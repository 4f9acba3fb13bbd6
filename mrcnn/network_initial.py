"""What the layers start from that detection adds to a backbone, before any weights.

Keras draws all kernels alike, after Glorot and Bengio. Detectron and its heirs do so by
what a layer is for: predictions begin near zero, so that the first steps of training
are small; what a ReLU follows keeps the size of its input. After He et al., "Delving
Deep into Rectifiers".
"""

import re

import keras
from keras import ops
from keras.initializers import Initializer, RandomNormal, VarianceScaling


def initialize_by_role(model: keras.Model) -> None:
    """Draws the kernels of pyramid, RPN and heads anew; those of zeros stay so."""
    for variable in model.trainable_variables:
        layer, _, weight = variable.path.rpartition("/")
        layer = layer.rpartition("/")[2]
        initializer = initializer_of(layer) if weight == "kernel" else None
        if initializer is not None and ops.any(ops.not_equal(variable, 0)):
            variable.assign(initializer(variable.shape, dtype=variable.dtype))


def initializer_of(layer: str) -> Initializer | None:
    """What a layer's kernel is drawn from, by its name; None for any distribution."""
    if re.fullmatch(r"fpn_\w+|mrcnn_class_(conv|fc)\d", layer):
        return VarianceScaling(1.0, mode="fan_in", distribution="uniform")
    if re.fullmatch(r"rpn_\w+|mrcnn_class_logits", layer):
        return RandomNormal(stddev=0.01)
    if layer == "mrcnn_bbox_fc":
        return RandomNormal(stddev=0.001)
    if re.fullmatch(r"mrcnn_mask\w*", layer):
        return VarianceScaling(2.0, mode="fan_out", distribution="untruncated_normal")
    return None
