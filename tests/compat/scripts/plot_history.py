# train in two stages and plot what keras_model.history holds
import os
import csv
import numpy as np
from mrcnn import utils
from mrcnn.config import Config
import mrcnn.model as modellib
import matplotlib.pyplot as plt


class TwoConfig(Config):
    NAME = "two_stage"
    IMAGES_PER_GPU = 1
    NUM_CLASSES = 3
    STEPS_PER_EPOCH = 20
    IMAGE_SHAPE = [512, 512, 3]
    VALIDATION_SPLIT = 0.1


class RandomDataset(utils.Dataset):
    def load(self, count, seed):
        self.add_class("rnd", 1, "one")
        self.add_class("rnd", 2, "two")
        self.rs = np.random.RandomState(seed)
        for i in range(count):
            box = self.rs.randint(0, 60, 2)
            self.add_image("rnd", image_id=i, path=None, box=box)

    def load_image(self, image_id):
        y, x = self.image_info[image_id]["box"]
        image = np.full((128, 128, 3), 90, np.uint8)
        image[y:y + 50, x:x + 60] = 230
        return image

    def load_mask(self, image_id):
        y, x = self.image_info[image_id]["box"]
        m = np.zeros((128, 128, 1), dtype=np.float32)
        m[y:y + 50, x:x + 60] = 1.0
        return m, np.array([1 + image_id % 2])


train, val = RandomDataset(), RandomDataset()
train.load(6, 0)
train.prepare()
val.load(2, 1)
val.prepare()

config = TwoConfig()
model = modellib.MaskRCNN(mode="training", config=config, model_dir=os.path.join(os.getcwd(), "logs"))
model.load_weights("mask_rcnn_coco.h5", by_name=True, exclude=[
    "mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_bbox", "mrcnn_mask"])

model.train(train, val, learning_rate=config.LEARNING_RATE, epochs=1, layers="heads")
history_heads = model.keras_model.history.history
model.train(train, val, learning_rate=config.LEARNING_RATE / 10., epochs=2, layers="all")
history_all = model.keras_model.history.history
print("epoch", model.epoch, "log dir", model.log_dir)

keys = ["loss", "rpn_class_loss", "rpn_bbox_loss", "mrcnn_class_loss", "mrcnn_bbox_loss", "mrcnn_mask_loss"]
fig = plt.figure(figsize=(17, 5))
for i, key in enumerate(keys[:3]):
    plt.subplot(1, 3, i + 1)
    total = history_heads[key] + history_all[key]
    val_total = history_heads["val_" + key] + history_all["val_" + key]
    epochs = range(1, len(total) + 1)
    plt.plot(epochs, total, label="Train " + key)
    plt.plot(epochs, val_total, label="Valid " + key)
    plt.legend()
plt.savefig("losses.png")

with open("history.csv", "w") as f:
    writer = csv.writer(f)
    writer.writerow(history_all.keys())
    writer.writerows(zip(*history_all.values()))

best_epoch = np.argmin(history_heads["val_loss"] + history_all["val_loss"]) + 1
print("Best epoch:", best_epoch)
path = model.checkpoint_path.replace("*epoch*", "{:04d}".format(best_epoch))
print(path, os.path.exists(path))
model.load_weights(path, by_name=True)
# goes on after the first checkpoint
print(model.epoch)

class InfConfig(TwoConfig):
    GPU_COUNT = 1
    IMAGES_PER_GPU = 1
model = modellib.MaskRCNN(mode="inference", config=InfConfig(), model_dir="logs")
model.load_weights(model.find_last(), by_name=True)
scores = []
for image_id in val.image_ids:
    molded, meta, ids, boxes, masks = modellib.load_image_gt(val, InfConfig(), image_id)
    r = model.detect_molded(np.expand_dims(modellib.mold_image(molded, config), 0), np.expand_dims(meta, 0))[0]
    scores.append(utils.compute_ap(boxes, ids, masks, r["rois"], r["class_ids"], r["scores"], r["masks"])[0])
print("AP", np.mean(scores))
plt.close("all")
