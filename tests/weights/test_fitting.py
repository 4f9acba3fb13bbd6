import numpy as np
import pytest

from mrcnn.weights.fitting import (
    Pairing,
    check_fit,
    compare,
    counts_classes,
    hints_for,
    pair_by_name,
    part_of,
)
from mrcnn.weights.legacy_h5 import FileTensor
from mrcnn.weights.report import LoadReport, Mismatch
from mrcnn.weights.safe_h5 import StoredTensor, WeightsFileError

CONV1 = Mismatch("conv1/kernel", (7, 7, 3, 64), (7, 7, 4, 64))
LOGITS = Mismatch("mrcnn_class_logits/kernel", (1024, 81), (1024, 4))
BBOX = Mismatch("mrcnn_bbox_fc/bias", (324,), (16,))
BODY = ("conv1/bias", "bn_conv1/beta", "fpn_p2/kernel", "fpn_p2/bias")


def stored(*names: str, shape: tuple[int, ...] = (2,)) -> FileTensor:
    values = np.zeros(shape)
    return FileTensor(names, StoredTensor(names[0], shape, values.dtype, values.copy))


def test_a_literal_name_goes_before_a_guessed_one():
    numbered = stored("conv1_1/bias", "conv1/bias")
    literal = stored("conv1/bias")

    pairing = pair_by_name([numbered, literal], {"conv1/bias": 0})

    assert pairing.found == {"conv1/bias": literal.stored}
    assert pairing.unexpected == [numbered]


def test_a_guessed_name_is_taken_where_nothing_else_claims_it():
    numbered = stored("conv1_1/bias", "conv1/bias")

    pairing = pair_by_name([numbered], {"conv1/bias": 0})

    assert pairing.found == {"conv1/bias": numbered.stored}


def test_a_name_stored_twice_is_an_error():
    with pytest.raises(WeightsFileError, match="'conv1/bias' twice"):
        pair_by_name([stored("conv1/bias"), stored("conv1/bias")], {"conv1/bias": 0})


def test_every_weight_stands_under_one_heading():
    found = {"a/bias": stored("a/bias").stored, "b/bias": stored("b/bias").stored}
    pairing = Pairing(found, [stored("d/bias"), stored("anchors/Variable")])

    report = compare(pairing, {"a/bias": (2,), "b/bias": (3,), "c/bias": (2,)}, "f.h5")

    assert report.loaded == ("a/bias",)
    assert report.mismatched == (Mismatch("b/bias", (2,), (3,)),)
    assert report.missing == ("c/bias",)
    assert report.unexpected == ("d/bias",)


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("conv1/kernel", "backbone"),
        ("res2a_branch1/kernel", "backbone"),
        ("fpn_c5p5/kernel", "pyramid"),
        ("rpn_conv_shared/kernel", "region proposal network"),
        ("mrcnn_mask/kernel", "heads"),
    ],
)
def test_the_part_is_told_by_the_name(name, part):
    assert part_of(name) == part


@pytest.mark.parametrize(
    ("loaded", "missing"),
    [
        (("conv1/kernel",), ("fpn_p2/kernel", "mrcnn_mask/kernel")),
        (("conv1/kernel", "fpn_p2/bias"), ("conv1/bias", "fpn_p2/kernel")),
        (("mrcnn_mask/bias",), ("conv1/kernel", "fpn_p2/kernel")),
    ],
    ids=["backbone only", "half of all", "heads only"],
)
def test_a_whole_part_or_half_of_all_weights_fits(loaded, missing):
    check_fit(LoadReport("f", loaded, missing), by_name=True, skip_mismatch=False)


def test_almost_nothing_does_not_fit_and_both_sides_are_named():
    report = LoadReport("f.h5", ("conv1/bias",), BODY[1:], ("dense_1/kernel",))

    with pytest.raises(ValueError, match=r"bn_conv1/beta, .*offers dense_1/kernel"):
        check_fit(report, by_name=True, skip_mismatch=False)


def test_nothing_to_load_does_not_fit():
    with pytest.raises(ValueError, match="does not fit"):
        check_fit(LoadReport("f.h5"), by_name=True, skip_mismatch=False)


def test_class_heads_may_differ_in_classes():
    report = LoadReport("f.h5", BODY, mismatched=(LOGITS, BBOX))

    check_fit(report, by_name=False, skip_mismatch=False)
    (hint,) = hints_for(report)

    assert "The file has 81 classes, the network 4" in hint
    assert "mrcnn_class_logits, mrcnn_bbox_fc keep" in hint


def test_class_heads_of_another_width_are_no_question_of_classes():
    assert counts_classes(LOGITS)
    assert not counts_classes(LOGITS._replace(model_shape=(512, 4)))
    assert not counts_classes(CONV1)


def test_any_other_shape_raises_with_both_shapes_and_a_remedy():
    report = LoadReport("f.h5", BODY, mismatched=(CONV1, LOGITS))

    with pytest.raises(ValueError, match=r"\(7, 7, 3, 64\), network") as caught:
        check_fit(report, by_name=True, skip_mismatch=False)

    assert 'exclude=["conv1"]' in str(caught.value)
    assert "images of 3 channels, the network for 4" in str(caught.value)
    assert "mrcnn_class_logits" not in str(caught.value)


def test_several_other_shapes_are_all_listed():
    wrong = (CONV1, Mismatch("fpn_p2/bias", (256,), (128,)))
    report = LoadReport("f.h5", BODY, mismatched=wrong)

    with pytest.raises(ValueError, match=r"exclude=\['conv1', 'fpn_p2'\]"):
        check_fit(report, by_name=True, skip_mismatch=False)


def test_other_shapes_can_be_skipped_but_not_all_of_them():
    check_fit(
        LoadReport("f.h5", BODY, mismatched=(CONV1,)), by_name=True, skip_mismatch=True
    )

    with pytest.raises(ValueError, match="does not fit"):
        check_fit(
            LoadReport("f.h5", mismatched=(CONV1,)), by_name=True, skip_mismatch=True
        )


@pytest.mark.parametrize(
    "report",
    [
        LoadReport("f", BODY, missing=("a/b",)),
        LoadReport("f", BODY, unexpected=("a/b",)),
    ],
)
def test_without_by_name_file_and_network_must_agree(report):
    check_fit(report, by_name=True, skip_mismatch=False)

    with pytest.raises(ValueError, match="by_name=True loads what they share"):
        check_fit(report, by_name=False, skip_mismatch=False)


def test_a_part_filled_in_part_is_hinted_at():
    report = LoadReport("f.h5", ("conv1/kernel",), ("res4g/kernel", "fpn_p2/kernel"))

    assert hints_for(report) == (
        "Only 1 of 2 weights of the backbone are in the file; is it made for this "
        "network?",
    )
