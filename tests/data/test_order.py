import numpy as np
import pytest

from mrcnn.data.order import ImageOrder, epoch_order, group_alike


def ids_of(order: ImageOrder, epoch: int, first: int = 0) -> list[list[int]]:
    steps = range(first, len(order))
    return [[p.image_id for p in order.places(epoch, step)] for step in steps]


def flat(batches: list[list[int]]) -> list[int]:
    return [number for batch in batches for number in batch]


def test_an_epoch_holds_each_image_once_in_an_order_of_its_own():
    first, second = (epoch_order(50, epoch, seed=3) for epoch in (0, 1))
    assert sorted(first) == sorted(second) == list(range(50))
    assert first.tolist() != second.tolist()
    assert first.tolist() == epoch_order(50, 0, seed=3).tolist()
    assert first.tolist() != epoch_order(50, 0, seed=4).tolist()
    assert epoch_order(4, 1, seed=3, shuffle=False).tolist() == [0, 1, 2, 3]


def test_shards_share_out_the_images():
    whole = epoch_order(10, 2, seed=0)
    shards = [epoch_order(10, 2, seed=0, shard=(i, 3)) for i in range(3)]
    assert [len(shard) for shard in shards] == [4, 3, 3]
    assert sorted(np.concatenate(shards)) == sorted(whole)


def test_without_a_number_of_steps_an_epoch_is_one_pass_with_a_smaller_last_batch():
    order = ImageOrder([10, 11, 12, 13, 14], batch_size=2, shuffle=False)
    assert len(order) == 3
    assert ids_of(order, 0) == ids_of(order, 7) == [[10, 11], [12, 13], [14]]
    # A validation set has the same random numbers in each epoch.
    assert order.places(0, 1) == order.places(7, 1)


def test_more_steps_than_images_go_on_with_the_next_pass():
    order = ImageOrder([10, 11, 12], batch_size=2, shuffle=False, steps_per_epoch=4)
    assert ids_of(order, 0) == [[10, 11], [12, 10], [11, 12], [10, 11]]
    assert ids_of(order, 1) == [[12, 10], [11, 12], [10, 11], [12, 10]]


def test_fewer_steps_than_images_leave_none_out_over_the_epochs():
    order = ImageOrder(np.arange(7), batch_size=2, steps_per_epoch=2)
    seen = [number for epoch in range(7) for number in flat(ids_of(order, epoch))]
    assert np.bincount(seen).tolist() == [4] * 7
    assert sorted(seen[:7]) == list(range(7))


def test_each_example_has_entropy_of_its_own():
    order = ImageOrder(np.arange(5), batch_size=3, seed=9, steps_per_epoch=4)
    places = [
        p for epoch in range(3) for step in range(4) for p in order.places(epoch, step)
    ]
    assert len({place.entropy for place in places}) == len(places) == 36


@pytest.mark.parametrize("steps", [None, 3])
def test_shards_together_make_the_batches_of_one_machine(steps):
    whole = ImageOrder(np.arange(8), batch_size=4, seed=1, steps_per_epoch=steps)
    shards = [
        ImageOrder(
            np.arange(8), batch_size=2, seed=1, steps_per_epoch=steps, shard=(i, 2)
        )
        for i in range(2)
    ]
    for step in range(len(whole)):
        parts = [place for shard in shards for place in shard.places(1, step)]
        assert sorted(parts) == sorted(whole.places(1, step))


def test_a_place_does_not_depend_on_what_was_asked_before():
    asked = ImageOrder(np.arange(11), batch_size=2, seed=1, steps_per_epoch=9)
    in_order = [asked.places(2, step) for step in range(9)]
    for step in reversed(range(9)):
        fresh = ImageOrder(np.arange(11), batch_size=2, seed=1, steps_per_epoch=9)
        assert fresh.places(2, step) == asked.places(2, step) == in_order[step]


def test_groups_fill_batches_of_their_own(rng):
    groups = np.array([0, 1] * 10)
    order = group_alike(rng.permutation(20), groups, 5, rng)
    assert sorted(order) == list(range(20))
    for batch in order.reshape(-1, 5):
        assert len({*groups[batch]}) == 1


def test_a_batch_that_is_begun_shifts_the_groups(rng):
    groups = np.array([0] * 7 + [1] * 4)
    order = group_alike(rng.permutation(11), groups, 4, rng, first=3)
    assert {*groups[order[:3]]} == {0}
    assert [len({*groups[order[i : i + 4]]}) for i in (3, 7)] == [1, 1]


def test_grouped_batches_are_shuffled_and_mix_their_images_anew():
    groups = np.repeat([0, 1, 2], 20)
    order = ImageOrder(np.arange(60), batch_size=4, seed=2, groups=groups)
    epochs = [ids_of(order, epoch) for epoch in range(2)]
    for batches in epochs:
        assert sorted(flat(batches)) == list(range(60))
        assert all(len({*groups[batch]}) == 1 for batch in batches)
    firsts = [groups[batch[0]] for batch in epochs[0]]
    assert firsts != sorted(firsts)
    assert {frozenset(b) for b in epochs[0]} != {frozenset(b) for b in epochs[1]}


def test_grouped_passes_keep_in_step_with_the_batches():
    groups = np.array([0] * 6 + [1] * 5)
    order = ImageOrder(
        np.arange(11), batch_size=2, seed=2, groups=groups, steps_per_epoch=11
    )
    mixed = sum(len({*groups[batch]}) > 1 for batch in ids_of(order, 0))
    # Two passes make one batch each between the groups and one between the passes.
    assert mixed <= 3
    assert np.bincount(flat(ids_of(order, 0))).tolist() == [2] * 11


@pytest.mark.parametrize("shard", [(2, 2), (-1, 2), (0, 0)])
def test_a_shard_that_does_not_exist_is_refused(shard):
    with pytest.raises(ValueError, match="shard"):
        ImageOrder([1, 2], batch_size=1, shard=shard)
