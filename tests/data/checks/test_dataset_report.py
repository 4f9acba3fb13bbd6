import json

import pytest

from mrcnn.data.checks.damage import Finding
from mrcnn.data.checks.dataset_report import SHOWN_EXAMPLES, sort_findings
from tests.data.checks.broken_copies import (
    NUM_IMAGES,
    SmallConfig,
    open_coco,
    write_sound_coco,
)


@pytest.fixture
def report(tmp_path):
    content = write_sound_coco(tmp_path)
    content["categories"].append({"id": 3, "name": "cow"})
    content["annotations"][0]["iscrowd"] = 1
    content["annotations"][2]["segmentation"] = [[500, 5, 520, 5, 520, 30]]
    dataset = open_coco(tmp_path, content)
    for number in range(NUM_IMAGES):
        if number != 1:
            (tmp_path / "images" / f"{number}.png").unlink()
    return dataset.check(SmallConfig())


def test_the_worst_comes_first_and_kinds_stay_together():
    findings = [
        Finding("crowd", "", 1),
        Finding("blank image", "", 3),
        Finding("unreadable image", "", 2),
        Finding("blank image", "", 0),
        Finding("wrong number of classes", ""),
    ]
    found = [(finding.kind, finding.image_id) for finding in sort_findings(findings)]
    assert found == [
        ("wrong number of classes", None),
        ("unreadable image", 2),
        ("blank image", 0),
        ("blank image", 3),
        ("crowd", 1),
    ]


def test_the_printed_report_groups_findings_and_tells_the_remedy(report):
    text = str(report)
    assert text.index("ERRORS") < text.index("WARNINGS")
    missing = NUM_IMAGES - 1
    assert f"missing image file ({missing}): Restore the file" in text
    assert text.count("There is no image file") == min(missing, SHOWN_EXAMPLES)
    assert "outside the image (1)" in text
    assert "cow" in text
    assert "4 images: 1 usable" in text
    assert "1 instance of 3 classes, and 0 crowds" in text


def test_of_many_findings_a_few_are_shown(report):
    one = report.of_severity("error")[-1]
    report.findings = [one] * (SHOWN_EXAMPLES + 5)
    assert "and 5 more" in str(report)


def test_of_many_classes_a_few_are_shown(report):
    report.class_counts = {f"class {i}": i for i in range(30)}
    report.images_per_class = dict.fromkeys(report.class_counts, 1)
    text = str(report)
    assert text.index("class 29 ") < text.index("class 28 ")
    assert f"and 10 more with {sum(range(10))} instances" in text


def test_numbers_of_the_report(report):
    assert not report.ok
    assert report.num_errors == NUM_IMAGES
    assert report.class_counts == {"cat": 0, "dog": 1, "cow": 0}
    assert report.counts()["class without instances"] == 2
    content = json.loads(json.dumps(report.to_dict()))
    assert content["num_usable_images"] == 1
    assert content["sides"]["median"] == pytest.approx((30 * 28) ** 0.5)
    assert {f["severity"] for f in content["findings"]} == {"error", "warning"}
