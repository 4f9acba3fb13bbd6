"""Wrappers are taken off, and names tell the system."""

import numpy as np
import pytest

from mrcnn import presets
from mrcnn.weights.recognition import SYSTEMS, find_state, find_system
from mrcnn.weights.safe_h5 import StoredTensor, WeightsFileError
from tests.weights.systems import (
    test_detectron,
    test_detectron2,
    test_maskrcnn_benchmark,
    test_mmdetection,
    test_torchvision,
)
from tests.weights.systems.canonical import export, make_detector, resnet_modules

PLENTY = 10**6


def tensor(shape=(2,)):
    values = np.zeros(shape, "float32")
    return StoredTensor("path", shape, values.dtype, lambda: values)


STATE = {"a.weight": tensor(), "b.weight": tensor()}

WRAPPED = {
    "bare": STATE,
    "state_dict": {"state_dict": STATE, "meta": {"epoch": 3}, "optimizer": {}},
    "model": {"model": STATE, "optimizer": {"state": {}}, "__author__": "someone"},
    "model_state": {"model_state": STATE},
    "blobs": {"blobs": STATE, "cfg": "text"},
    "twice": {"model": {"state_dict": STATE}},
    "parallel": {"model": {f"module.{name}": t for name, t in STATE.items()}},
    "prefixed twice": {f"module.model.{name}": t for name, t in STATE.items()},
    "with other things": {**STATE, "epoch": 3, 7: tensor(), "classes": ["a"]},
}


@pytest.mark.parametrize("value", WRAPPED.values(), ids=WRAPPED)
def test_the_weights_are_found_in_every_wrapper(value):
    state = find_state(value, PLENTY)
    assert list(state) == list(STATE)
    assert len(state) == 2
    np.testing.assert_array_equal(state["a.weight"], [0, 0])


def test_a_prefix_of_some_names_is_part_of_them():
    value = {"module.a": tensor(), "b": tensor()}
    assert list(find_state(value, PLENTY)) == ["module.a", "b"]


@pytest.mark.parametrize(
    "value", [None, 3, [], {}, {"a": 1}, {"model": {"a": [tensor()]}}]
)
def test_a_value_without_tensors_by_name_is_refused(value):
    with pytest.raises(WeightsFileError, match="no tensors by name"):
        find_state(value, PLENTY)


def test_a_wrapper_round_itself_is_no_trap():
    value: dict = {}
    value["model"] = value
    with pytest.raises(WeightsFileError, match="no tensors by name"):
        find_state(value, PLENTY)


def test_a_small_file_of_large_tensors_is_refused():
    many = {f"w{number}": tensor((100,)) for number in range(100)}
    assert find_state(many, 40_000)
    with pytest.raises(WeightsFileError, match="claim 40000 bytes"):
        find_state(many, 4_000)


EXAMPLES = {
    "torchvision": test_torchvision.modules,
    "detectron2": test_detectron2.modules,
    "maskrcnn-benchmark": test_maskrcnn_benchmark.modules,
    "MMDetection": test_mmdetection.modules,
    "Detectron.pytorch": test_detectron.modules,
    "torchvision's ResNet": lambda: resnet_modules(""),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_names_tell_the_system(rng, name):
    modules = EXAMPLES[name]()
    weights = make_detector(rng)
    known = {n: v for n, v in weights.items() if n.rpartition("/")[0] in modules}
    assert find_system(export(known, modules)).name == name


def test_blobs_tell_detectron(rng):
    assert find_system(test_detectron.blobs(make_detector(rng))).name == "Detectron"


def test_each_system_has_an_example():
    assert {system.name for system in SYSTEMS} == {*EXAMPLES, "Detectron"}


def test_the_presets_of_all_systems_and_their_variants_exist():
    named = [one.preset for system in SYSTEMS for one in (system, *system.variants)]
    assert {name for name in named if name} <= set(vars(presets))


def test_a_head_of_convolutions_is_told_from_one_without():
    names = [
        "neck.lateral_convs.0.conv.weight",
        "rpn_head.rpn_cls.weight",
        "roi_head.bbox_head.fc_cls.weight",
    ]
    convs = [*names, "roi_head.bbox_head.shared_convs.0.conv.weight"]
    assert find_system(names).rules != find_system(convs).rules


def test_names_of_no_system_are_an_error_that_lists_what_is_known():
    with pytest.raises(WeightsFileError, match=r"encoder\.0.*torchvision, detectron2"):
        find_system(["encoder.0", "decoder.0"])
