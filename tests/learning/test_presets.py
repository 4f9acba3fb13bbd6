"""Other systems learn: twenty steps on drawn shapes, then there and back in a file."""

import keras
import numpy as np
import pytest

from mrcnn.data.shapes import ShapesDataset
from mrcnn.mask_rcnn import MaskRCNN
from tests.proposing import add_noisy_proposals
from tests.small_presets import PRESETS, tiny_preset

NUM_STEPS = 20


class Losses(keras.callbacks.Callback):
    """Remembers the loss of each step."""

    def __init__(self):
        super().__init__()
        self.values = []

    def on_train_batch_end(self, batch, logs=None):
        self.values.append(float(logs["loss"]))


@pytest.mark.slow
@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_trains_detects_and_comes_back_from_its_file(preset, tmp_path):
    keras.utils.set_random_seed(0)
    dataset = ShapesDataset()
    dataset.load_shapes(4, 96, 128)
    dataset.prepare()
    add_noisy_proposals(dataset)
    config = tiny_preset(preset, IMAGES_PER_GPU=4, STEPS_PER_EPOCH=NUM_STEPS)
    model, losses = MaskRCNN(config=config, model_dir=tmp_path), Losses()

    model.train(
        dataset,
        epochs=1,
        layers="all",
        augmentation=False,
        verbose=0,
        custom_callbacks=[losses],
    )

    # Every batch holds the same four images.
    assert np.mean(losses.values[-3:]) < np.mean(losses.values[:3])
    image = dataset.load_image(0)
    boxes = None if preset.RPN_BRANCH else [dataset.load_proposals(0)]
    (found,) = model.detect([image], proposals=boxes)
    model.keras_model.save_weights(tmp_path / "weights.h5")
    again = MaskRCNN(config=config, model_dir=tmp_path)
    assert again.load_weights(tmp_path / "weights.h5").is_complete
    (found_again,) = again.detect([image], proposals=boxes)
    np.testing.assert_allclose(found_again.boxes, found.boxes, atol=1e-3)
    np.testing.assert_allclose(found_again.scores, found.scores, atol=1e-4)
