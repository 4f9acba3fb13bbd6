# Walk through the stages of the detector, like in the notebooks.
import os
import sys
import random
import numpy as np
import tensorflow as tf
import matplotlib
import matplotlib.pyplot as plt
import matplotlib.patches as patches

from mrcnn import utils
from mrcnn import visualize
from mrcnn.visualize import display_images
import mrcnn.model as modellib
from mrcnn.model import log
from mrcnn.config import Config

MODEL_DIR = os.path.abspath("logs")
MODEL_PATH = os.path.abspath("mask_rcnn_coco.h5")


class ToyDataset(utils.Dataset):
    def load_toy(self):
        for i in range(1, 81):
            self.add_class("toy", i, "class %d" % i)
        for i in range(2):
            self.add_image("toy", i, "http://example.com/%d" % i)

    def load_image(self, image_id):
        rng = np.random.RandomState(image_id)
        image = rng.randint(0, 255, (100, 140, 3)).astype(np.uint8)
        image[30:80, 40:100] = 220
        return image

    def load_mask(self, image_id):
        mask = np.zeros((100, 140, 2), bool)
        mask[30:80, 40:100, 0] = True
        mask[10:20, 10:60, 1] = True
        return mask, np.array([1, 17], np.int32)


class InspectConfig(Config):
    NAME = "toy"
    GPU_COUNT = 1
    IMAGES_PER_GPU = 1
    NUM_CLASSES = 81
    DETECTION_MIN_CONFIDENCE = 0.0


config = InspectConfig()
config.display()
DEVICE = "/cpu:0"
TEST_MODE = "inference"


def get_ax(rows=1, cols=1, size=16):
    _, ax = plt.subplots(rows, cols, figsize=(size*cols, size*rows))
    return ax


dataset = ToyDataset()
dataset.load_toy()
dataset.prepare()
print("Images: {}\nClasses: {}".format(len(dataset.image_ids), dataset.class_names))

with tf.device(DEVICE):
    model = modellib.MaskRCNN(mode="inference", model_dir=MODEL_DIR, config=config)
model.load_weights(MODEL_PATH, by_name=True)

image_id = random.choice(dataset.image_ids)
image, image_meta, gt_class_id, gt_bbox, gt_mask = \
    modellib.load_image_gt(dataset, config, image_id, use_mini_mask=False)
info = dataset.image_info[image_id]
print("image ID: {}.{} ({}) {}".format(info["source"], info["id"], image_id,
                                       dataset.image_reference(image_id)))
results = model.detect([image], verbose=1)
ax = get_ax(1)
r = results[0]
visualize.display_instances(image, r['rois'], r['masks'], r['class_ids'], dataset.class_names,
                            r['scores'], ax=ax, title="Predictions")
log("gt_class_id", gt_class_id)

AP, precisions, recalls, overlaps = utils.compute_ap(gt_bbox, gt_class_id, gt_mask,
                                                     r['rois'], r['class_ids'], r['scores'], r['masks'])
visualize.plot_precision_recall(AP, precisions, recalls)

# --- RPN targets
target_rpn_match, target_rpn_bbox = modellib.build_rpn_targets(
    image.shape, model.anchors, gt_class_id, gt_bbox, model.config)
log("target_rpn_match", target_rpn_match)
log("target_rpn_bbox", target_rpn_bbox)
positive_anchor_ix = np.where(target_rpn_match[:] == 1)[0]
negative_anchor_ix = np.where(target_rpn_match[:] == -1)[0]
positive_anchors = model.anchors[positive_anchor_ix]
log("positive_anchors", positive_anchors)
refined_anchors = utils.apply_box_deltas(
    positive_anchors, target_rpn_bbox[:positive_anchors.shape[0]] * model.config.RPN_BBOX_STD_DEV)
log("refined_anchors", refined_anchors)
visualize.draw_boxes(image, boxes=positive_anchors, refined_boxes=refined_anchors, ax=get_ax())

# --- RPN predictions
pillar = model.keras_model.get_layer("ROI").output
nms_node = model.ancestor(pillar, "ROI/rpn_non_max_suppression:0")
if nms_node is None:
    nms_node = model.ancestor(pillar, "ROI/rpn_non_max_suppression/NonMaxSuppressionV2:0")
if nms_node is None:
    nms_node = model.ancestor(pillar, "ROI/rpn_non_max_suppression/NonMaxSuppressionV3:0")
rpn = model.run_graph([image], [
    ("rpn_class", model.keras_model.get_layer("rpn_class").output),
    ("pre_nms_anchors", model.ancestor(pillar, "ROI/pre_nms_anchors:0")),
    ("refined_anchors", model.ancestor(pillar, "ROI/refined_anchors:0")),
    ("refined_anchors_clipped", model.ancestor(pillar, "ROI/refined_anchors_clipped:0")),
    ("post_nms_anchor_ix", nms_node),
    ("proposals", model.keras_model.get_layer("ROI").output),
])
limit = 20
sorted_anchor_ids = np.argsort(rpn['rpn_class'][:, :, 1].flatten())[::-1]
visualize.draw_boxes(image, boxes=model.anchors[sorted_anchor_ids[:limit]], ax=get_ax())
ax = get_ax(1, 2)
pre_nms_anchors = utils.denorm_boxes(rpn["pre_nms_anchors"][0], image.shape[:2])
refined_anchors = utils.denorm_boxes(rpn["refined_anchors"][0], image.shape[:2])
refined_anchors_clipped = utils.denorm_boxes(rpn["refined_anchors_clipped"][0], image.shape[:2])
visualize.draw_boxes(image, boxes=pre_nms_anchors[:limit], refined_boxes=refined_anchors[:limit], ax=ax[0])
visualize.draw_boxes(image, refined_boxes=refined_anchors_clipped[:limit], ax=ax[1])
ixs = rpn["post_nms_anchor_ix"][:limit]
visualize.draw_boxes(image, refined_boxes=refined_anchors_clipped[ixs], ax=get_ax())
h, w = config.IMAGE_SHAPE[:2]
proposals = rpn['proposals'][0, :limit] * np.array([h, w, h, w])

# --- classification
mrcnn = model.run_graph([image], [
    ("proposals", model.keras_model.get_layer("ROI").output),
    ("probs", model.keras_model.get_layer("mrcnn_class").output),
    ("deltas", model.keras_model.get_layer("mrcnn_bbox").output),
    ("masks", model.keras_model.get_layer("mrcnn_mask").output),
    ("detections", model.keras_model.get_layer("mrcnn_detection").output),
])
det_class_ids = mrcnn['detections'][0, :, 4].astype(np.int32)
det_count = np.where(det_class_ids == 0)[0][0] if (det_class_ids == 0).any() else len(det_class_ids)
det_class_ids = det_class_ids[:det_count]
detections = mrcnn['detections'][0, :det_count]
print("{} detections: {}".format(det_count, np.array(dataset.class_names)[det_class_ids]))
captions = ["{} {:.3f}".format(dataset.class_names[int(c)], s) if c > 0 else ""
            for c, s in zip(detections[:, 4], detections[:, 5])]
visualize.draw_boxes(image, refined_boxes=utils.denorm_boxes(detections[:, :4], image.shape[:2]),
                     visibilities=[2] * len(detections), captions=captions, title="Detections",
                     ax=get_ax())
proposals = utils.denorm_boxes(mrcnn["proposals"][0], image.shape[:2])
roi_class_ids = np.argmax(mrcnn["probs"][0], axis=1)
roi_scores = mrcnn["probs"][0, np.arange(roi_class_ids.shape[0]), roi_class_ids]
roi_positive_ixs = np.where(roi_class_ids > 0)[0]
print("{} Valid proposals out of {}".format(np.sum(np.any(proposals, axis=1)), proposals.shape[0]))
roi_bbox_specific = mrcnn["deltas"][0, np.arange(proposals.shape[0]), roi_class_ids]
log("roi_bbox_specific", roi_bbox_specific)
refined_proposals = utils.apply_box_deltas(
    proposals, roi_bbox_specific * config.BBOX_STD_DEV).astype(np.int32)
keep = np.where(roi_class_ids > 0)[0]
keep = np.intersect1d(keep, np.where(roi_scores >= config.DETECTION_MIN_CONFIDENCE)[0])
if len(keep):
    pre_nms_boxes = refined_proposals[keep]
    ixs = utils.non_max_suppression(pre_nms_boxes, roi_scores[keep], config.DETECTION_NMS_THRESHOLD)
    print("kept", len(ixs))

# --- masks
det_boxes = utils.denorm_boxes(mrcnn["detections"][0, :, :4], image.shape[:2])
det_mask_specific = np.array([mrcnn["masks"][0, i, :, :, c] for i, c in enumerate(det_class_ids)])
det_masks = np.array([utils.unmold_mask(m, det_boxes[i], image.shape)
                      for i, m in enumerate(det_mask_specific)])
log("det_mask_specific", det_mask_specific)
log("det_masks", det_masks)
if len(det_masks):
    display_images(det_mask_specific[:4] * 255, cmap="Blues", interpolation="none")

# --- activations
activations = model.run_graph([image], [
    ("input_image", model.keras_model.get_layer("input_image").output),
    ("res2b_out", model.keras_model.get_layer("res2b_out").output),
    ("res3b_out", model.keras_model.get_layer("res3b_out").output),
    ("rpn_bbox", model.keras_model.get_layer("rpn_bbox").output),
    ("roi", model.keras_model.get_layer("ROI").output),
])
plt.imshow(modellib.unmold_image(activations["input_image"][0], config))
display_images(np.transpose(activations["res2b_out"][0, :, :, :4], [2, 0, 1]), cols=4)

# --- weights
LAYER_TYPES = ['Conv2D', 'Dense', 'Conv2DTranspose']
layers = model.get_trainable_layers()
layers = list(filter(lambda l: l.__class__.__name__ in LAYER_TYPES, layers))
print(len(layers), "layers")
for l in layers[:2]:
    for i, weight in enumerate(l.get_weights()):
        print(l.name, l.weights[i].name, weight.mean())
visualize.display_weight_stats(model)

# --- the data generator
g = modellib.data_generator(dataset, config, shuffle=True, random_rois=20, batch_size=1,
                            detection_targets=True)
[normalized_images, image_metas, rpn_match, rpn_bbox, gt_class_ids, gt_boxes, gt_masks,
 rpn_rois, rois], [mrcnn_class_ids, mrcnn_bbox, mrcnn_mask] = next(g)
log("rois", rois)
image_id = modellib.parse_image_meta(image_metas)["image_id"][0]
sample_image = modellib.unmold_image(normalized_images[0], config)
mrcnn_class_ids = mrcnn_class_ids[:, :, 0]
b = 0
bbox_specific = mrcnn_bbox[b, np.arange(mrcnn_bbox.shape[1]), mrcnn_class_ids[b], :]
refined_rois = utils.apply_box_deltas(rois[b].astype(np.float32), bbox_specific[:, :4] * config.BBOX_STD_DEV)
roi_mask_specific = mrcnn_mask[b, np.arange(mrcnn_mask.shape[1]), :, :, mrcnn_class_ids[b]]
visualize.draw_rois(sample_image, rois[b], refined_rois, roi_mask_specific, mrcnn_class_ids[b],
                    dataset.class_names)
plt.close("all")
