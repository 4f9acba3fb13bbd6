"""Box head: from the pooled features of a roi to its class and a better box.

After Ren et al., "Faster R-CNN"; the two hidden layers are convolutions as in
matterport's checkpoints, the first of them over the whole roi.

Shapes: B images, R rois, S side of the pooled features, F channels, C classes with
background.
"""

from keras import layers

from mrcnn.geometry.arrays import Array
from mrcnn.layers.batch_norm import BatchNorm
from mrcnn.layers.per_roi import PerRoi


class BoxHead:
    """The head's layers; called on several sets of rois, they are shared."""

    def __init__(
        self,
        pool_side: int,
        num_classes: int,
        *,
        fc_layers_size: int = 1024,
        train_bn: bool | None = None,
        class_agnostic: bool = False,
    ) -> None:
        """Makes the layers.

        Args:
            pool_side: S
            num_classes: C
            fc_layers_size: width of the two hidden layers
            train_bn: False freezes every normalization; otherwise they follow
                Keras' training flag
            class_agnostic: whether there is one box for a roi, not one for each class
        """
        frozen = train_bn is False
        self.hidden = [
            PerRoi(layers.Conv2D(fc_layers_size, pool_side, name="mrcnn_class_conv1")),
            BatchNorm(frozen=frozen, name="mrcnn_class_bn1"),
            layers.Activation("relu"),
            PerRoi(layers.Conv2D(fc_layers_size, 1, name="mrcnn_class_conv2")),
            BatchNorm(frozen=frozen, name="mrcnn_class_bn2"),
            layers.Activation("relu"),
            PerRoi(layers.Reshape((fc_layers_size,), name="pool_squeeze")),
        ]
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
