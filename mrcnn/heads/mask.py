"""Mask head: from the pooled features of a roi to a mask patch for every class.

After He et al., "Mask R-CNN", section 3: a sigmoid for every class, so that classes
do not compete for a pixel.

Shapes: B images, R rois, S side of the pooled features, `h w` a mask patch, F channels,
C classes with background.
"""

import math
from collections.abc import Sequence

from keras import layers, ops

from mrcnn.geometry.arrays import Array
from mrcnn.layers.batch_norm import BatchNorm
from mrcnn.layers.own_class import OwnClassPatches
from mrcnn.layers.per_roi import PerRoi


class MaskHead:
    """The head's layers; called on several sets of rois, they are shared."""

    def __init__(
        self,
        num_classes: int,
        *,
        kind: str = "conv",
        patch_shape: Sequence[int] = (28, 28),
        channels: int = 256,
        fc_layers_size: int = 1024,
        norm: bool = True,
        train_bn: bool | None = None,
        norm_epsilon: float = 1e-3,
        bias_before_norm: bool = True,
        class_agnostic: bool = False,
    ) -> None:
        """Makes the layers.

        Args:
            num_classes: C
            kind: "conv", four convolutions before the one that doubles the sides;
                "deconv", none before it; "fc", two fully connected layers in place of
                all of them
            patch_shape: (h, w) with "fc"; otherwise twice the sides of the features
            channels: width of the convolutions
            fc_layers_size: width of the fully connected layers
            norm: whether a normalization follows each of the four convolutions
            train_bn: False freezes every normalization; otherwise they follow
                Keras' training flag
            norm_epsilon: what normalizations add to the variance
            bias_before_norm: whether layers with a normalization have a bias, too
            class_agnostic: whether there is one patch for a roi, not one for each class
        """
        self.hidden: list[layers.Layer] = []
        self.deconv: layers.Layer | None = None
        num_masks = 1 if class_agnostic else num_classes
        if kind == "fc":
            self._make_fully_connected(fc_layers_size, (*patch_shape, num_masks))
            return
        for number in (1, 2, 3, 4) if kind == "conv" else ():
            conv = layers.Conv2D(
                channels,
                3,
                padding="same",
                use_bias=bias_before_norm or not norm,
                name=f"mrcnn_mask_conv{number}",
            )
            self.hidden.append(PerRoi(conv))
            if norm:
                norm_layer = BatchNorm(
                    frozen=train_bn is False,
                    epsilon=norm_epsilon,
                    name=f"mrcnn_mask_bn{number}",
                )
                self.hidden.append(norm_layer)
            self.hidden.append(layers.Activation("relu"))
        self.deconv = PerRoi(
            layers.Conv2DTranspose(
                channels, 2, strides=2, activation="relu", name="mrcnn_mask_deconv"
            )
        )
        self.patches = PerRoi(
            layers.Conv2D(
                num_masks, 1, activation="sigmoid", name="mrcnn_mask", dtype="float32"
            )
        )

    def _make_fully_connected(self, size: int, patches_shape: tuple[int, ...]) -> None:
        self.hidden.append(PerRoi(layers.Flatten(name="mrcnn_mask_flatten")))
        for name in ("mrcnn_mask_fc1", "mrcnn_mask_fc2"):
            self.hidden.append(layers.Dense(size, activation="relu", name=name))
        num_pixels = math.prod(patches_shape)
        self.hidden.append(
            layers.Dense(
                num_pixels, activation="sigmoid", name="mrcnn_mask", dtype="float32"
            )
        )
        shape = layers.Reshape(patches_shape, name="mrcnn_mask_patches")
        self.patches = PerRoi(shape, dtype="float32")

    def __call__(self, features: Array) -> Array:
        """Mask patches of every roi, float32 in [0, 1].

        [B, R, S, S, F] -> [B, R, h, w, C], or 1 for C if class-agnostic; R may be
        unknown or zero.
        """
        features = self._see(features)
        if self.deconv is not None:
            features = self.deconv(features)
        return self.patches(features)

    def of_own_class(self, features: Array, class_ids: Array) -> Array:
        """The mask patch of every roi's own class, without those of the others.

        Args:
            features: [B, R, S, S, F]; R may be unknown or zero
            class_ids: int [B, R]

        Returns:
            [B, R, h, w] float32 in [0, 1]
        """
        features = self._see(features)
        if self.deconv is not None:
            end = OwnClassPatches(self.deconv.layer, self.patches.layer)
            return end([features, class_ids])
        patches = self.patches(features)  # [B, R, h, w, C]
        # Masks for all classes alike stand in the only channel.
        channels = ops.minimum(class_ids, patches.shape[-1] - 1)
        channels = channels[:, :, None, None, None]
        return ops.squeeze(ops.take_along_axis(patches, channels, axis=-1), -1)

    def _see(self, features: Array) -> Array:
        for layer in self.hidden:
            features = layer(features)
        return features
