"""Box head: from the pooled features of a roi to its class and a better box.

After Ren et al., "Faster R-CNN"; fully connected layers are convolutions as in
matterport's checkpoints, the first of them over the whole roi.

Shapes: B images, R rois, S side of the pooled features, F channels, C classes with
background.
"""

from typing import NamedTuple

import keras
from keras import layers

from mrcnn.geometry.arrays import Array
from mrcnn.layers.batch_norm import BatchNorm
from mrcnn.layers.per_roi import PerRoi


class Hidden(NamedTuple):
    """A hidden layer."""

    name: str
    looks_around: bool  # 3x3 over the map, or one number over all that is left of it
    norm: str | None = None  # name of the normalization that follows


HIDDEN = {
    "conv": [
        Hidden("conv1", False, norm="bn1"),
        Hidden("conv2", False, norm="bn2"),
    ],
    "2fc": [Hidden("conv1", False), Hidden("conv2", False)],
    "4conv1fc": [
        *(Hidden(f"conv{i}", True, norm=f"bn{i}") for i in (1, 2, 3, 4)),
        Hidden("fc1", False),
    ],
    "res5": [],
}


class BoxHead:
    """The head's layers; called on several sets of rois, they are shared."""

    def __init__(
        self,
        pool_side: int,
        num_classes: int,
        *,
        kind: str = "conv",
        fc_layers_size: int = 1024,
        conv_channels: int = 256,
        train_bn: bool | None = None,
        norm_epsilon: float = 1e-3,
        bias_before_norm: bool = True,
        class_agnostic: bool = False,
        dropout: float = 0.0,
    ) -> None:
        """Makes the layers.

        Args:
            pool_side: S
            num_classes: C
            kind: a key of `HIDDEN`; "res5" has no layers of its own, as its features
                come from a backbone's last stage, see `heads/stage.py`
            fc_layers_size: width of the fully connected layers
            conv_channels: width of the convolutions that look around
            train_bn: False freezes every normalization; otherwise they follow
                Keras' training flag
            norm_epsilon: what normalizations add to the variance
            bias_before_norm: whether layers with a normalization have a bias, too
            class_agnostic: whether there is one box for a roi, not one for each class
            dropout: share of what each fully connected layer puts out that is dropped
                at random in training
        """
        self.hidden: list[keras.layers.Layer] = []
        side = pool_side
        for name, looks_around, norm in HIDDEN[kind]:
            conv = layers.Conv2D(
                conv_channels if looks_around else fc_layers_size,
                3 if looks_around else side,
                padding="same" if looks_around else "valid",
                use_bias=bias_before_norm or norm is None,
                name=f"mrcnn_class_{name}",
            )
            self.hidden.append(PerRoi(conv))
            if norm:
                norm_layer = BatchNorm(
                    frozen=train_bn is False,
                    epsilon=norm_epsilon,
                    name=f"mrcnn_class_{norm}",
                )
                self.hidden.append(norm_layer)
            self.hidden.append(layers.Activation("relu"))
            if dropout and not looks_around:
                self.hidden.append(layers.Dropout(dropout))
            side = side if looks_around else 1
        # Layers that look at the whole roi leave one cell of it; of others, the mean.
        squeeze = (
            layers.Reshape((fc_layers_size,), name="pool_squeeze")
            if self.hidden
            else layers.GlobalAveragePooling2D(name="pool_squeeze")
        )
        self.hidden.append(PerRoi(squeeze))
        # Scores and boxes are too fine for half precision.
        self.logits = layers.Dense(
            num_classes, name="mrcnn_class_logits", dtype="float32"
        )
        self.probs = layers.Softmax(name="mrcnn_class", dtype="float32")
        num_boxes = 1 if class_agnostic else num_classes
        self.deltas = [
            layers.Dense(4 * num_boxes, name="mrcnn_bbox_fc", dtype="float32"),
            PerRoi(layers.Reshape((num_boxes, 4), name="mrcnn_bbox", dtype="float32")),
        ]

    def __call__(self, features: Array) -> tuple[Array, Array, Array]:
        """Predictions for every roi.

        Args:
            features: [B, R, S, S, F]; R may be unknown

        Returns:
            logits [B, R, C], probs [B, R, C] and deltas [B, R, C, 4], float32, or
            [B, R, 1, 4] if they are class-agnostic
        """
        for layer in self.hidden:
            features = layer(features)
        logits = self.logits(features)
        deltas = features
        for layer in self.deltas:
            deltas = layer(deltas)
        return logits, self.probs(logits), deltas
