# -*- coding: utf-8 -*-
# labelme json files, one per image, several classes; masks as a list that gets stacked
import os
import glob
import json
import cv2
import numpy as np
import random
from mrcnn import model as modellib, utils
from mrcnn.config import Config
from mrcnn import visualize

CLASSES = ['bolt', 'nut']
iter_num = 0


class PartsConfig(Config):
    NAME = "parts"
    GPU_COUNT = 1
    IMAGES_PER_GPU = 1
    NUM_CLASSES = 1 + len(CLASSES)
    IMAGE_MIN_DIM = 320
    IMAGE_MAX_DIM = 384
    RPN_ANCHOR_SCALES = (8 * 6, 16 * 6, 32 * 6, 64 * 6, 128 * 6)
    TRAIN_ROIS_PER_IMAGE = 100
    STEPS_PER_EPOCH = 50
    VALIDATION_STEPS = 10
    USE_MINI_MASK = False


class PartsDataset(utils.Dataset):
    def __init__(self, folder):
        super().__init__(self)
        self.folder = folder
        for number, name in enumerate(CLASSES, 1):
            self.add_class("parts", number, name)
        for json_path in sorted(glob.glob(os.path.join(folder, "*.json"))):
            with open(json_path) as f:
                data = json.load(f)
            self.add_image("parts", image_id=os.path.basename(json_path).split('.')[0],
                           path=os.path.join(folder, data["imagePath"]),
                           width=data["imageWidth"], height=data["imageHeight"],
                           shapes=data["shapes"])

    def load_image(self, image_id):
        # opencv gives BGR
        image = cv2.imread(self.image_info[image_id]["path"])
        return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)

    def load_mask(self, image_id):
        global iter_num
        iter_num += 1
        info = self.image_info[image_id]
        masks, ids = [], []
        for shape in info["shapes"]:
            mask = np.zeros((info["height"], info["width"]), np.uint8)
            cv2.fillPoly(mask, [np.array(shape["points"], dtype=np.int32)], 255)
            masks.append(mask)
            ids.append(self.class_names.index(shape["label"]))
        if not masks:
            return np.empty((info["height"], info["width"], 0)), np.array([])
        return np.stack(masks, axis=2), np.array(ids)


if __name__ == "__main__":
    ROOT_DIR = os.getcwd()
    MODEL_DIR = os.path.join(ROOT_DIR, "logs")
    config = PartsConfig()
    train_set = PartsDataset("parts")
    train_set.prepare()
    val_set = PartsDataset("parts")
    val_set.prepare()

    model = modellib.MaskRCNN(mode="training", config=config, model_dir=MODEL_DIR)
    model.load_weights("mask_rcnn_coco.h5", by_name=True, exclude=[
        "mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_bbox", "mrcnn_mask"])
    model.train(train_set, val_set, learning_rate=config.LEARNING_RATE, epochs=10, layers='heads')
    model.train(train_set, val_set, learning_rate=config.LEARNING_RATE / 10, epochs=30, layers="5+")
    model.keras_model.save_weights(os.path.join(MODEL_DIR, "parts_final.h5"))
    print("load_mask was called %d times" % iter_num)

    class InferenceConfig(config.__class__):
        GPU_COUNT = 1
        IMAGES_PER_GPU = 1
        DETECTION_MIN_CONFIDENCE = 0.5

    config = InferenceConfig()
    config.DETECTION_MIN_CONFIDENCE = 0.0
    config.__init__()
    model = modellib.MaskRCNN("inference", config, MODEL_DIR)
    model.load_weights(os.path.join(MODEL_DIR, "parts_final.h5"), by_name=True)
    image_id = random.choice(list(val_set.image_ids))
    image = val_set.load_image(image_id)
    r = model.detect([image])[0]
    found = {name: 0 for name in CLASSES}
    for i in range(r['rois'].shape[0]):
        y1, x1, y2, x2 = r['rois'][i]
        label = val_set.class_names[r['class_ids'][i]]
        found[label] += 1
        mask = r['masks'][:, :, i]
        contours = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[-2]
        cv2.drawContours(image, contours, -1, (0, 255, 0), 1)
        image = visualize.apply_mask(image, mask, visualize.random_colors(3)[0])
        cv2.rectangle(image, (x1, y1), (x2, y2), (255, 0, 0), 1)
        cv2.putText(image, "{} {:.3f}".format(label, r['scores'][i]), (x1, y1),
                    cv2.FONT_HERSHEY_SIMPLEX, 0.5, (255, 255, 255), 1)
    print(found)
    cv2.imwrite("parts.png", image[:, :, ::-1])
