# Everything by its full name. Three classes taken from COCO, class names set by hand.
import os
import mrcnn
import mrcnn.config
import mrcnn.model
import mrcnn.utils
import mrcnn.visualize
import cv2
import numpy

CLASS_NAMES = ['BG', 'person', 'bicycle', 'car']


class SimpleConfig(mrcnn.config.Config):
    # Give the configuration a recognizable name
    NAME = "coco_inference"
    GPU_COUNT = 1
    IMAGES_PER_GPU = 1
    NUM_CLASSES = len(CLASS_NAMES)
    DETECTION_MIN_CONFIDENCE = 0


class BoxesDataset(mrcnn.utils.Dataset):
    def load(self, n):
        for number, name in enumerate(CLASS_NAMES[1:]):
            self.add_class(source="boxes", class_id=number + 1, class_name=name)
        for i in range(n):
            self.add_image(source='boxes', image_id="img%d" % i, path="", seed=i)

    def load_image(self, image_id):
        image = numpy.zeros((90, 130, 3), dtype=numpy.uint8)
        image[20:70, 30:100] = (200, 30, 40)
        return image

    def load_mask(self, image_id):
        masks = numpy.zeros([90, 130, 1], dtype='uint8')
        masks[20:70, 30:100, 0] = 3
        return masks, numpy.asarray([2], dtype="int64")


train_set = BoxesDataset()
train_set.load(4)
train_set.prepare()
valid_set = BoxesDataset()
valid_set.load(1)
valid_set.prepare()

config = SimpleConfig()
model = mrcnn.model.MaskRCNN(mode='training', model_dir='./logs', config=config)
model.load_weights(filepath='mask_rcnn_coco.h5', by_name=True,
                   exclude=["mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_bbox", "mrcnn_mask"])
model.train(train_dataset=train_set, val_dataset=valid_set,
            learning_rate=config.LEARNING_RATE, epochs=1, layers='heads')
model_path = 'boxes_mask_rcnn_trained.h5'
model.keras_model.save_weights(model_path)

model = mrcnn.model.MaskRCNN(mode="inference", config=SimpleConfig(), model_dir=os.getcwd())
model.load_weights(filepath=model_path, by_name=True)
model.keras_model.summary()
image = cv2.cvtColor(cv2.imread("balloons/val/balloon_0.jpg"), cv2.COLOR_BGR2RGB)
r = model.detect(images=[image], verbose=0)
r = r[0]
print(r.keys(), r['masks'].shape, len(r['rois']))
mrcnn.visualize.display_instances(image=image,
                                  boxes=r['rois'],
                                  masks=r['masks'],
                                  class_ids=r['class_ids'],
                                  class_names=CLASS_NAMES,
                                  scores=r['scores'])
