"""Which image stands where: the order of examples over steps, epochs and machines.

The place of every example follows from the seed, the epoch and the step, so training
can start again at any step and any number of workers sees the same batches.

Shapes: N images.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from mrcnn.geometry.arrays import Array


class Place(NamedTuple):
    """One example of a step: which image, and the entropy of its random numbers."""

    image_id: int
    entropy: tuple[int, ...]


def epoch_order(
    num_images: int,
    epoch: int,
    *,
    seed: int,
    shuffle: bool = True,
    shard: tuple[int, int] = (0, 1),
) -> np.ndarray:
    """Positions of images in the order of one pass over them.

    Args:
        num_images: N
        epoch: number of the pass
        seed: passes of different seeds have different orders
        shuffle: False keeps the order they have
        shard: (index, count): every count-th from index on

    Returns:
        int64 [N], or the shard's share of it. Shards of one pass hold each image once.
    """
    order: np.ndarray = np.arange(num_images)
    if shuffle:
        order = np.random.default_rng([seed, epoch]).permutation(num_images)
    index, count = shard
    return order[index::count]


def group_alike(
    order: np.ndarray,
    groups: Array,
    batch_size: int,
    rng: np.random.Generator,
    first: int = 0,
) -> np.ndarray:
    """The order changed so that batches hold images of one group, as far as they can.

    Args:
        order: [N] positions
        groups: [N] number of each position's group
        batch_size: images of a batch
        rng: shuffles the batches
        first: how many of these images complete a batch that is begun already

    Returns:
        [N] the same positions. Inside a group they keep their order; at most one batch
        between two neighbouring groups is mixed.
    """
    alike = order[np.argsort(np.asarray(groups)[order], kind="stable")]
    head, middle = alike[:first], alike[first:]
    whole = len(middle) // batch_size * batch_size
    batches = middle[:whole].reshape(-1, batch_size)  # [batches, batch_size]
    return np.concatenate([head, rng.permutation(batches).ravel(), middle[whole:]])


class ImageOrder:
    """The places of each step of each epoch.

    Without `steps_per_epoch` an epoch is one pass over the images, each once, the last
    batch smaller. With it, passes follow one another without a gap, all batches are
    whole, and an epoch is the next so many steps, be that part of a pass or several.
    """

    def __init__(
        self,
        image_ids: Sequence[int] | np.ndarray,
        *,
        batch_size: int,
        seed: int = 0,
        shuffle: bool = True,
        shard: tuple[int, int] = (0, 1),
        steps_per_epoch: int | None = None,
        groups: Array | None = None,
    ) -> None:
        self.image_ids = np.asarray(image_ids)
        self.batch_size = batch_size
        self.seed = seed
        self.shuffle = shuffle
        self.shard = shard
        self.steps_per_epoch = steps_per_epoch
        self.groups = groups
        self._orders: dict[int, np.ndarray] = {}
        index, count = shard
        if not 0 <= index < count:
            raise ValueError(
                f"The shard is {shard}, but (index, count) with index from 0 to "
                "count - 1 is expected."
            )

    def __len__(self) -> int:
        """Steps of an epoch."""
        if self.steps_per_epoch is not None:
            return self.steps_per_epoch
        index, count = self.shard
        own = len(range(index, len(self.image_ids), count))
        return -(-own // self.batch_size)

    def places(self, epoch: int, step: int) -> list[Place]:
        """The examples of one step. At most `batch_size` of them."""
        index, count = self.shard
        num_images = len(self.image_ids)
        offset = 0
        if self.steps_per_epoch is not None:
            offset = epoch * self.steps_per_epoch * self.batch_size
        numbers = offset + step * self.batch_size + np.arange(self.batch_size)
        numbers = numbers * count + index
        if self.steps_per_epoch is None:
            return [self._place(epoch, int(n)) for n in numbers if n < num_images]
        return [self._place(*divmod(int(n), num_images)) for n in numbers]

    def _place(self, turn: int, position: int) -> Place:
        """Of one pass over the images, which is counted by `turn`."""
        image_id = int(self.image_ids[self._order(turn)[position]])
        # What is not shuffled is a validation set: it is to be the same each time.
        turn = turn if self.shuffle else 0
        return Place(image_id, (self.seed, turn, position))

    def _order(self, turn: int) -> np.ndarray:
        order = self._orders.get(turn)
        if order is None:
            order = self._make_order(turn)
            # A batch spans the end of one pass and the start of the next at most, but
            # for tiny datasets, whose orders cost nothing. Replaced as a whole, as
            # several threads may ask.
            kept = {k: v for k, v in self._orders.items() if k == turn - 1}
            self._orders = {**kept, turn: order}
        return order

    def _make_order(self, turn: int) -> np.ndarray:
        num_images = len(self.image_ids)
        order = epoch_order(num_images, turn, seed=self.seed, shuffle=self.shuffle)
        if self.groups is None or not self.shuffle:
            return order
        size = self.batch_size * self.shard[1]
        first = 0 if self.steps_per_epoch is None else -turn * num_images % size
        rng = np.random.default_rng([self.seed, turn, 1])
        return group_alike(order, self.groups, size, rng, min(first, num_images))
