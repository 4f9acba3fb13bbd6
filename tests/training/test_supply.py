"""Batches that are made whole."""

from mrcnn.training.supply import CompletedBatches
from tests.training.toys import ToyBatches


def test_each_batch_is_completed_and_the_maker_is_closed():
    inner = ToyBatches(steps=3)
    batches = CompletedBatches(inner, lambda batch: {**batch, "more": 1})
    assert len(batches) == 3
    epoch = batches.epoch(0, 1)
    assert next(epoch)["more"] == 1
    epoch.close()
    assert inner.closed == 1
    assert len(list(batches.epoch(0, 1))) == 2
