import pytest

from mrcnn.weights.report import LoadReport, Mismatch, first_names


def test_the_summary_counts_and_names():
    report = LoadReport(
        path="a.h5",
        loaded=("conv1/kernel", "conv1/bias"),
        missing=("bn/gamma",),
        unexpected=tuple(f"fc{i}/kernel" for i in range(7)),
        mismatched=(Mismatch("mrcnn_mask/bias", (81,), (4,)),),
        excluded=("mrcnn_bbox_fc/bias",),
        hints=("Train the heads.",),
    )

    assert str(report).splitlines() == [
        "a.h5: 2 weights loaded",
        "  1 missing from the file: bn/gamma",
        "  7 in the file only: fc0/kernel, fc1/kernel, fc2/kernel, fc3/kernel, "
        "fc4/kernel and 2 more",
        "  1 of another shape, skipped: mrcnn_mask/bias: file (81,), network (4,)",
        "  1 excluded: mrcnn_bbox_fc/bias",
        "Train the heads.",
    ]


def test_a_complete_report_is_one_line():
    report = LoadReport("a.h5", loaded=("conv1/kernel",), excluded=())

    assert report.is_complete
    assert report.summary() == "a.h5: 1 weights loaded"


@pytest.mark.parametrize(
    "report",
    [
        LoadReport("a.h5", missing=("a/b",)),
        LoadReport("a.h5", unexpected=("a/b",)),
        LoadReport("a.h5", mismatched=(Mismatch("a/b", (1,), (2,)),)),
    ],
)
def test_anything_left_over_makes_a_report_incomplete(report):
    assert not report.is_complete


def test_what_the_file_says_of_itself_is_typed():
    said = {"geometry": "aligned", "class_names": ["BG"], "config": {"NAME": "a"}}
    report = LoadReport("a.h5", attributes=said)

    assert (report.geometry, report.class_names) == ("aligned", ["BG"])
    assert report.config == {"NAME": "a"}


def test_a_file_that_says_nothing_gives_none():
    report = LoadReport("a.h5")

    assert report.geometry is report.class_names is report.config is None


def test_first_names_of_none():
    assert first_names(()) == "none"
