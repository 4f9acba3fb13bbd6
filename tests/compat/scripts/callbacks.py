# custom_callbacks of every kind that keras has
import os
import numpy as np
import keras
from keras.callbacks import (ModelCheckpoint, EarlyStopping, ReduceLROnPlateau, TensorBoard, CSVLogger,
                             LearningRateScheduler, LambdaCallback, Callback, TerminateOnNaN)
from keras import backend as K
from mrcnn import utils, visualize
import mrcnn.model as modellib
from mrcnn.config import Config
import matplotlib.pyplot as plt


class CallbackConfig(Config):
    NAME = "callbacks"
    GPU_COUNT = 1
    IMAGES_PER_GPU = 1
    NUM_CLASSES = 2
    STEPS_PER_EPOCH = 50
    VALIDATION_STEPS = 0


class OneDataset(utils.Dataset):
    def __init__(self):
        utils.Dataset.__init__(self)
        self.add_class("one", 1, "one")
        for i in range(3):
            self.add_image("one", i, None)
        self.prepare()

    def load_image(self, image_id):
        image = np.zeros((120, 120, 3), np.uint8)
        image[20:90, 30:80] = [30, 200, 90]
        return image

    def load_mask(self, image_id):
        mask = np.zeros((120, 120, 1), bool)
        mask[20:90, 30:80] = 1
        return mask, np.ones(1, "uint8")


class MeanAveragePrecision(Callback):
    """Evaluates a second model on the validation set after each epoch."""

    def __init__(self, train_model, inference_model, dataset, every=1):
        super().__init__()
        self.train_model = train_model
        self.inference_model = inference_model
        self.dataset = dataset
        self.every = every
        self.maps = []

    def on_epoch_end(self, epoch, logs=None):
        if epoch % self.every:
            return
        self.train_model.keras_model.save_weights("tmp_map.h5")
        self.inference_model.load_weights("tmp_map.h5", by_name=True)
        APs = []
        for image_id in self.dataset.image_ids[:1]:
            image, meta, ids, bbox, mask = modellib.load_image_gt(
                self.dataset, self.inference_model.config, image_id, use_mini_mask=False)
            r = self.inference_model.detect([image], verbose=0)[0]
            APs.append(utils.compute_ap(bbox, ids, mask, r["rois"], r["class_ids"], r["scores"], r["masks"])[0])
        self.maps.append(np.mean(APs))
        logs["mAP"] = np.mean(APs)
        print("mAP at epoch {0} is: {1}".format(epoch + 1, np.mean(APs)))


def schedule(epoch, lr):
    return float(lr * 0.9)


train_set, val_set = OneDataset(), OneDataset()
config = CallbackConfig()
model = modellib.MaskRCNN(mode="training", config=config, model_dir="logs")
model.load_weights("mask_rcnn_coco.h5", by_name=True,
                   exclude=["mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_bbox", "mrcnn_mask"])


class InferenceConfig(CallbackConfig):
    DETECTION_MIN_CONFIDENCE = 0.0


model_inference = modellib.MaskRCNN(mode="inference", config=InferenceConfig(), model_dir="logs")
mean_ap = MeanAveragePrecision(model, model_inference, val_set)

seen = []
losses = []
callbacks = [
    mean_ap,
    ModelCheckpoint("best_{epoch:02d}.h5", monitor="val_loss", save_best_only=True, mode="min", verbose=1),
    EarlyStopping(monitor="val_loss", patience=5, verbose=1),
    ReduceLROnPlateau(monitor="val_loss", factor=0.1, patience=2, min_lr=1e-6, verbose=1),
    CSVLogger("log.csv", append=True, separator=";"),
    LearningRateScheduler(schedule, verbose=1),
    LambdaCallback(on_epoch_begin=lambda epoch, logs: seen.append(epoch),
                   on_batch_end=lambda batch, logs: losses.append(logs["loss"])),
    TerminateOnNaN(),
]
try:
    import tensorboard
    callbacks.append(TensorBoard(log_dir="tb", histogram_freq=0, write_graph=False, write_images=False))
except ImportError:
    print("no tensorboard")
print(len(model.keras_model.layers), "layers")
model.train(train_set, val_set, learning_rate=config.LEARNING_RATE, epochs=1, layers="all",
            custom_callbacks=callbacks)
print(seen, losses, mean_ap.maps)
assert os.path.exists("best_01.h5")
assert seen == [0], seen
print(model.keras_model.history.history.keys())
model.load_weights(model.find_last(), by_name=True)
model.keras_model.save("final.h5")
K.clear_session()

model = modellib.MaskRCNN(mode="inference", config=InferenceConfig(), model_dir="logs")
model.load_weights("best_01.h5", by_name=True)
model.load_weights("final.h5", by_name=True)
r = model.detect([val_set.load_image(0)])[0]
visualize.display_instances(val_set.load_image(0), r['rois'], r['masks'], r['class_ids'],
                            val_set.class_names, r['scores'])
plt.close('all')
