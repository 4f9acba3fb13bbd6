# Balloons again, with an export of VIA 2 (regions are a list there, and several kinds
# of shapes), and weights found the way that the first releases of the package did it.
import os, sys, json, argparse, glob
import numpy as np
import skimage.io
from skimage.draw import polygon, ellipse
import matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt

from mrcnn.config import Config
from mrcnn import utils
from mrcnn import visualize
import mrcnn.model as modellib
from mrcnn.model import log

ROOT_DIR = os.getcwd()
MODEL_DIR = os.path.join(ROOT_DIR, "logs")
COCO_MODEL_PATH = os.path.join(ROOT_DIR, "mask_rcnn_coco.h5")
if not os.path.exists(COCO_MODEL_PATH):
    utils.download_trained_weights(COCO_MODEL_PATH)


class CustomConfig(Config):
    """Derives from the base Config class and overrides some values."""
    NAME = "object"
    GPU_COUNT = 1
    IMAGES_PER_GPU = 1
    NUM_CLASSES = 1 + 1
    STEPS_PER_EPOCH = 10
    VALIDATION_STEPS = 5
    IMAGE_MAX_DIM = 512
    DETECTION_MIN_CONFIDENCE = 0.0
    DETECTION_MAX_INSTANCES = 10


class CustomDataset(utils.Dataset):
    def load_custom(self, dataset_dir, subset):
        self.add_class("object", 1, "balloon")
        dataset_dir = os.path.join(dataset_dir, subset)
        annotations1 = json.load(open(os.path.join(dataset_dir, "via_export_json.json")))
        annotations = list(annotations1.values())
        annotations = [a for a in annotations if a['regions']]
        for a in annotations:
            if type(a['regions']) is dict:
                shapes = [r['shape_attributes'] for r in a['regions'].values()]
            else:
                shapes = [r['shape_attributes'] for r in a['regions']]
            image_path = os.path.join(dataset_dir, a['filename'])
            image = skimage.io.imread(image_path)
            height, width = image.shape[:2]
            self.add_image("object", image_id=a['filename'], path=image_path,
                           width=width, height=height, polygons=shapes,
                           num_ids=[1] * len(shapes))

    def load_mask(self, image_id):
        info = self.image_info[image_id]
        if info["source"] != "object":
            return super(self.__class__, self).load_mask(image_id)
        mask = np.zeros([info["height"], info["width"], len(info["polygons"])], dtype=np.uint8)
        for i, p in enumerate(info["polygons"]):
            if p['name'] == 'polygon':
                rr, cc = polygon(p['all_points_y'], p['all_points_x'])
            elif p['name'] == 'rect':
                rr, cc = polygon([p['y'], p['y'], p['y'] + p['height'], p['y'] + p['height']],
                                 [p['x'], p['x'] + p['width'], p['x'] + p['width'], p['x']])
            elif p['name'] == 'circle':
                rr, cc = ellipse(p['cy'], p['cx'], p['r'], p['r'])
            rr[rr > mask.shape[0] - 1] = mask.shape[0] - 1
            cc[cc > mask.shape[1] - 1] = mask.shape[1] - 1
            mask[rr, cc, i] = 255
        num_ids = np.array(info['num_ids'], dtype=np.int32)
        return mask, num_ids


def get_ax(rows=1, cols=1, size=8):
    _, ax = plt.subplots(rows, cols, figsize=(size * cols, size * rows))
    return ax


ap = argparse.ArgumentParser()
ap.add_argument("command")
ap.add_argument("--dataset")
ap.add_argument("--images")
args = ap.parse_args()

if args.command == "train":
    config = CustomConfig()
    model = modellib.MaskRCNN(mode="training", config=config, model_dir=MODEL_DIR)
    model.load_weights(COCO_MODEL_PATH, by_name=True,
                       exclude=["mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_bbox", "mrcnn_mask"])
    dataset_train = CustomDataset()
    dataset_train.load_custom(args.dataset, "train")
    dataset_train.prepare()
    dataset_val = CustomDataset()
    dataset_val.load_custom(args.dataset, "val")
    dataset_val.prepare()
    print("Train: %d images, classes %s" % (len(dataset_train.image_ids), dataset_train.class_names))
    model.train(dataset_train, dataset_val, config.LEARNING_RATE, 10, 'heads')
    model.train(dataset_train, dataset_val, config.LEARNING_RATE / 10, 20, 'all')

if args.command == "detect":
    class InferenceConfig(CustomConfig):
        GPU_COUNT = 1
        IMAGES_PER_GPU = 1
    config = InferenceConfig()
    with __import__("tensorflow").device("/cpu:0"):
        model = modellib.MaskRCNN(mode="inference", model_dir=MODEL_DIR, config=config)
    # 1 is the path, 0 the folder
    weights_path = model.find_last()[1]
    print("Loading weights ", weights_path)
    model.load_weights(weights_path, by_name=True)

    dataset = CustomDataset()
    dataset.load_custom(args.dataset, "val")
    dataset.prepare()
    image_id = np.random.choice(dataset.image_ids)
    image, image_meta, gt_class_id, gt_bbox, gt_mask = \
        modellib.load_image_gt(dataset, config, image_id, use_mini_mask=False)
    info = dataset.image_info[image_id]
    print("image ID: {}.{} ({}) {}".format(info["source"], info["id"], image_id,
                                           dataset.image_reference(image_id)))
    results = model.detect([image], verbose=1)
    ax = get_ax(1)
    r = results[0]
    visualize.display_instances(image, r['rois'], r['masks'], r['class_ids'],
                                dataset.class_names, r['scores'], ax=ax,
                                title="Predictions")
    plt.savefig("prediction.png")
    log("gt_class_id", gt_class_id)
    log("gt_bbox", gt_bbox)
    log("gt_mask", gt_mask)
    for path in glob.glob(os.path.join(args.images, "*.jpg")):
        image1 = skimage.io.imread(path)
        print(len([image1]))
        results1 = model.detect([image1], verbose=1)
        r1 = results1[0]
        r1['rois'] = r1['rois'][r1['scores'] > 0.01]
        r1['masks'] = r1['masks'][:, :, r1['scores'] > 0.01]
        r1['class_ids'] = r1['class_ids'][r1['scores'] > 0.01]
        r1['scores'] = r1['scores'][r1['scores'] > 0.01]
        visualize.display_instances(image1, r1['rois'], r1['masks'], r1['class_ids'],
                                    dataset.class_names, r1['scores'], ax=get_ax(1))
        plt.close('all')
