"""Proposals for datasets of tests, as a caller without an RPN would bring them."""

import numpy as np

from mrcnn.data.dataset import Dataset
from mrcnn.data.random_rois import random_rois
from mrcnn.geometry.masks import mask_bounds


def add_noisy_proposals(dataset: Dataset, count: int = 60, seed: int = 0) -> None:
    """Gives every image the boxes of its instances, moved a little, and random ones."""
    rng = np.random.default_rng(seed)
    proposals = {}
    for image_id in dataset.image_ids:
        masks, _ = dataset.load_mask(image_id)
        shape, boxes = masks.shape, mask_bounds(masks)
        near = boxes + rng.integers(-2, 3, (4, len(boxes), 4))
        near = np.clip(near.reshape(-1, 4), 0, [*shape[:2], *shape[:2]])
        near = near[(near[:, 2:] > near[:, :2]).all(axis=1)]
        anywhere = random_rois(shape, boxes, count, rng)
        proposals[dataset.image_info[image_id]["id"]] = np.concatenate([near, anywhere])
    dataset.add_proposals(proposals)
