"""Mask head: from the pooled features of a roi to a mask patch for every class.

After He et al., "Mask R-CNN", section 3: a sigmoid for every class, so that classes
do not compete for a pixel.

Shapes: B images, R rois, S side of the pooled features, F channels, C classes with
background.
"""

from keras import layers

from mrcnn.geometry.arrays import Array
from mrcnn.layers.batch_norm import BatchNorm
from mrcnn.layers.per_roi import PerRoi


class MaskHead:
    """The head's layers; called on several sets of rois, they are shared."""

    def __init__(
        self,
        num_classes: int,
        *,
        channels: int = 256,
        train_bn: bool | None = None,
        class_agnostic: bool = False,
    ) -> None:
        """Makes the layers.

        Args:
            num_classes: C
            channels: width of the hidden layers
            train_bn: False freezes every normalization; otherwise they follow
                Keras' training flag
            class_agnostic: whether there is one patch for a roi, not one for each class
        """
        self.hidden = []
        for number in (1, 2, 3, 4):
            conv = layers.Conv2D(
                channels, 3, padding="same", name=f"mrcnn_mask_conv{number}"
            )
            norm = BatchNorm(frozen=train_bn is False, name=f"mrcnn_mask_bn{number}")
            self.hidden += [PerRoi(conv), norm, layers.Activation("relu")]
        deconv = layers.Conv2DTranspose(
            channels, 2, strides=2, activation="relu", name="mrcnn_mask_deconv"
        )
        self.hidden.append(PerRoi(deconv))
        self.patches = PerRoi(
            layers.Conv2D(
                1 if class_agnostic else num_classes,
                1,
                activation="sigmoid",
                name="mrcnn_mask",
                dtype="float32",
            )
        )

    def __call__(self, features: Array) -> Array:
        """Mask patches of every roi, float32 in [0, 1].

        [B, R, S, S, F] -> [B, R, 2 * S, 2 * S, C], or 1 for C if class-agnostic; R may
        be unknown or zero.
        """
        for layer in self.hidden:
            features = layer(features)
        return self.patches(features)
