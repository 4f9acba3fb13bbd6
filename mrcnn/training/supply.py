"""What the loop asks of those who make batches."""

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Protocol

from mrcnn.training.strategy import Batch


class Batches(Protocol):
    """Finite epochs of batches, each a dict of arrays by the network's inputs."""

    def __len__(self) -> int:
        """Batches of an epoch."""
        ...

    def epoch(self, epoch: int, start_step: int = 0) -> Iterator[Batch]:
        """The batches of an epoch, from one of them on."""
        ...


class CompletedBatches:
    """Batches to each of which something is added, such as anchors.

    Args:
        batches: as they come
        complete: from a batch to the whole batch
    """

    def __init__(self, batches: Batches, complete: Callable[[Batch], Batch]) -> None:
        self.batches = batches
        self.complete = complete

    def __len__(self) -> int:
        return len(self.batches)

    def epoch(self, epoch: int, start_step: int = 0) -> Iterator[Batch]:
        """The batches of an epoch, from one of them on."""
        batches = self.batches.epoch(epoch, start_step)
        with closing(batches):  # type: ignore[type-var]
            for batch in batches:
                yield self.complete(batch)
