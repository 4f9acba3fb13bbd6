"""Defects of several kinds, annotated with VIA: the kind is a region attribute."""
import os
import sys
import json
import numpy as np
import skimage.draw
import skimage.io
import matplotlib.pyplot as plt
import imgaug

ROOT_DIR = os.path.abspath("../../")
sys.path.append(ROOT_DIR)
from mrcnn.config import Config
from mrcnn import model as modellib, utils, visualize
from mrcnn.visualize import display_images

DATA = os.path.abspath("defects")
LOGS = os.path.abspath("logs")
name_dict = {"scratch": 1, "dent": 2, "stain": 3}


class DefectConfig(Config):
    NAME = "Defect"
    IMAGES_PER_GPU = 1
    NUM_CLASSES = 1 + 3
    STEPS_PER_EPOCH = 100 / 3
    LEARNING_RATE = 0.002
    DETECTION_MIN_CONFIDENCE = 0.0
    IMAGE_MIN_DIM = 800
    IMAGE_MAX_DIM = 512
    MAX_GT_INSTANCES = 50
    IMAGE_PER_GPU = 2   # old habit


class DefectDataset(utils.Dataset):
    def load_defects(self, subset):
        for name in name_dict:
            self.add_class("defect", name_dict[name], name)
        folder = os.path.join(DATA, subset)
        with open(os.path.join(folder, "via_region_data.json")) as f:
            annotations = list(json.load(f).values())
        for a in annotations:
            if not a["regions"]:
                continue
            polygons = [r['shape_attributes'] for r in a['regions'].values()]
            objects = [r['region_attributes'] for r in a['regions'].values()]
            num_ids = [name_dict[o['name']] for o in objects]
            path = os.path.join(folder, a['filename'])
            height, width = skimage.io.imread(path).shape[:2]
            self.add_image("defect", a['filename'], path, width=width, height=height,
                           polygons=polygons, num_ids=num_ids)

    def load_mask(self, image_id):
        info = self.image_info[image_id]
        num_ids = info['num_ids']
        mask = np.zeros([info["height"], info["width"], len(info["polygons"])], dtype=np.uint8)
        for i, p in enumerate(info["polygons"]):
            rr, cc = skimage.draw.polygon(p['all_points_y'], p['all_points_x'], shape=mask.shape[:2])
            mask[rr, cc, i] = 1
        return mask, num_ids


dataset_train, dataset_val = DefectDataset(), DefectDataset()
dataset_train.load_defects("train")
dataset_val.load_defects("val")
for d in (dataset_train, dataset_val):
    d.prepare()
    print("Image Count: {}".format(len(d.image_ids)))
    print("Class Count: {}".format(d.num_classes))
    for i, info in enumerate(d.class_info):
        print("{:3}. {:50}".format(i, info['name']))

config = DefectConfig()
model = modellib.MaskRCNN(mode="training", config=config, model_dir=LOGS)
model.load_weights(os.path.abspath("mask_rcnn_coco.h5"), by_name=True,
                   exclude=["mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_bbox", "mrcnn_mask"])
augmentation = imgaug.augmenters.Sometimes(0.5, [
    imgaug.augmenters.Fliplr(0.5),
    imgaug.augmenters.GaussianBlur(sigma=(0.0, 5.0)),
])
model.train(dataset_train, dataset_val, learning_rate=config.LEARNING_RATE, epochs=20,
            layers='heads', augmentation=augmentation)
model.train(dataset_train, dataset_val, learning_rate=config.LEARNING_RATE / 10, epochs=40,
            layers='all', augmentation=augmentation)

# look at the data
image_id = dataset_train.image_ids[0]
image, meta, class_ids, bbox, mask = modellib.load_image_gt(
    dataset_train, config, image_id, augment=False, use_mini_mask=True)
display_images([image] + [mask[:, :, i] for i in range(min(mask.shape[-1], 7))])
mask = utils.expand_mask(bbox, mask, image.shape)
visualize.display_instances(image, bbox, mask, class_ids, dataset_train.class_names)


class InferenceConfig(DefectConfig):
    GPU_COUNT = 1
    IMAGES_PER_GPU = 1
    DETECTION_NMS_THRESHOLD = 0.2


config = InferenceConfig()
model = modellib.MaskRCNN(mode="inference", model_dir=LOGS, config=config)
model.load_weights(model.find_last(), by_name=True)

gt_all, pred_all = np.array([]), np.array([])
APs = []
for image_id in dataset_val.image_ids:
    image, image_meta, gt_class_id, gt_bbox, gt_mask = modellib.load_image_gt(
        dataset_val, config, image_id, use_mini_mask=False)
    r = model.detect([image], verbose=0)[0]
    gt_match, pred_match, overlaps = utils.compute_matches(
        gt_bbox, gt_class_id, gt_mask, r['rois'], r['class_ids'], r['scores'], r['masks'])
    gt_all = np.append(gt_all, gt_class_id)
    pred_all = np.append(pred_all, r['class_ids'])
    APs.append(utils.compute_ap_range(gt_bbox, gt_class_id, gt_mask, r['rois'], r['class_ids'],
                                      r['scores'], r['masks'], verbose=0))
    visualize.display_differences(image, gt_bbox, gt_class_id, gt_mask, r['rois'], r['class_ids'],
                                  r['scores'], r['masks'], dataset_val.class_names)
    visualize.plot_overlaps(gt_class_id, r['class_ids'], r['scores'], overlaps,
                            dataset_val.class_names)
    AP, precisions, recalls, overlaps = utils.compute_ap(
        gt_bbox, gt_class_id, gt_mask, r['rois'], r['class_ids'], r['scores'], r['masks'],
        iou_threshold=0.5)
    visualize.plot_precision_recall(AP, precisions, recalls)
    recall, positive_ids = utils.compute_recall(r['rois'], gt_bbox, 0.5)
    print("recall %.2f" % recall)
print("mAP @ IoU=50..95: ", np.mean(APs))
plt.close("all")
