# colour splash and labelled boxes on every frame of a video, with the COCO weights
import os
import cv2
import time
import random
import datetime
import colorsys
import numpy as np
import skimage.color
from mrcnn import utils
from mrcnn import model as modellib
from mrcnn import visualize
from mrcnn.config import Config

ROOT_DIR = os.path.abspath(".")
MODEL_DIR = os.path.join(ROOT_DIR, "logs")
VIDEO = os.path.join(ROOT_DIR, "clip.avi")
COCO_MODEL_PATH = os.path.join(ROOT_DIR, "mask_rcnn_coco.h5")
if not os.path.exists(COCO_MODEL_PATH):
    utils.download_trained_weights(COCO_MODEL_PATH)

batch_size = 2


class InferenceConfig(Config):
    NAME = "coco"
    GPU_COUNT = 1
    IMAGES_PER_GPU = batch_size
    NUM_CLASSES = 81
    DETECTION_MIN_CONFIDENCE = 0.05


class_names = ['BG'] + ['thing %d' % i for i in range(1, 81)]
colors = [tuple(255 * c for c in colorsys.hsv_to_rgb(i / 81, 1, 1)) for i in range(81)]
class_dict = {name: color for name, color in zip(class_names, colors)}


def display_on(frame, boxes, masks, ids, names, scores):
    n_instances = boxes.shape[0]
    if not n_instances:
        print('NO INSTANCES TO DISPLAY')
    else:
        assert boxes.shape[0] == masks.shape[-1] == ids.shape[0]
    for i in range(n_instances):
        if not np.any(boxes[i]):
            continue
        y1, x1, y2, x2 = boxes[i]
        label = names[ids[i]]
        color = class_dict[label]
        score = scores[i] if scores is not None else None
        caption = '{} {:.2f}'.format(label, score) if score else label
        mask = masks[:, :, i]
        frame = visualize.apply_mask(frame, mask, [c / 255 for c in color])
        frame = cv2.rectangle(frame, (x1, y1), (x2, y2), color, 2)
        frame = cv2.putText(frame, caption, (x1, y1), cv2.FONT_HERSHEY_COMPLEX, 0.7, color, 2)
    return frame


def color_splash(image, mask):
    gray = skimage.color.gray2rgb(skimage.color.rgb2gray(image)) * 255
    if mask.shape[0] > 0:
        mask = (np.sum(mask, -1, keepdims=True) >= 1)
        return np.where(mask, image, gray).astype(np.uint8)
    return gray


config = InferenceConfig()
config.display()
model = modellib.MaskRCNN(mode="inference", model_dir=MODEL_DIR, config=config)
model.load_weights(COCO_MODEL_PATH, by_name=True)

capture = cv2.VideoCapture(VIDEO)
width = int(capture.get(cv2.CAP_PROP_FRAME_WIDTH))
height = int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
fps = capture.get(cv2.CAP_PROP_FPS)
file_name = "splash_{:%Y%m%dT%H%M%S}.avi".format(datetime.datetime.now())
vwriter = cv2.VideoWriter(file_name, cv2.VideoWriter_fourcc(*'MJPG'), fps, (width, height))

frames = []
count = 0
success = True
while success:
    success, image = capture.read()
    if not success:
        break
    # OpenCV returns images as BGR, convert to RGB
    frames.append(image[..., ::-1])
    count += 1
    if len(frames) == batch_size:
        t = time.time()
        results = model.detect(frames, verbose=0)
        print('Predicted frame {} in {:.1f} s'.format(count, time.time() - t))
        for frame, r in zip(frames, results):
            splash = color_splash(frame, r['masks'])
            splash = display_on(np.ascontiguousarray(splash), r['rois'], r['masks'], r['class_ids'],
                                class_names, r['scores'])
            vwriter.write(splash[..., ::-1])
        frames = []
vwriter.release()
capture.release()
print("Saved to ", file_name)
assert os.path.getsize(file_name) > 1000
