import json

import numpy as np

from mrcnn.evaluation.scores import (
    ClassScores,
    CocoScores,
    format_table,
    number,
    plain,
)

NAN = float("nan")
CLASS = {"AP": 0.5, "AP50": 1.0, "AR": NAN}


def scores(masks):
    entry = ClassScores(
        class_id=1,
        class_name="sea horse",
        num_gt=12,
        num_detections=3,
        boxes=CLASS,
        masks=CLASS if masks else None,
        box_precisions=np.zeros(101),
        mask_precisions=None,
    )
    total = {"AP": 0.25, "AR100": NAN}
    return CocoScores(
        num_images=7, boxes=total, masks=total if masks else None, per_class=[entry]
    )


def test_the_tables_are_aligned():
    assert str(scores(masks=True)).splitlines() == [
        "7 images  boxes  masks",
        "AP        0.250  0.250",
        "AR100         –      –",
        "",
        "class      instances  detections  box AP  box AP50  box AR  mask AP  "
        "mask AP50  mask AR",
        "sea horse         12           3   0.500     1.000       –    0.500  "
        "    1.000        –",
    ]


def test_tables_without_masks_have_fewer_columns():
    first, *_, last = str(scores(masks=False)).splitlines()
    assert first == "7 images  boxes"
    assert last.split()[2:] == ["12", "3", "0.500", "1.000", "–"]


def test_dicts_are_ready_for_json():
    content = json.loads(json.dumps(scores(masks=True).to_dict(), allow_nan=False))
    assert content["boxes"] == {"AP": 0.25, "AR100": None}
    assert content["per_class"][0]["masks"] == {"AP": 0.5, "AP50": 1.0, "AR": None}
    assert scores(masks=False).to_dict()["masks"] is None


def test_plain_values_hold_no_arrays_and_no_nan():
    nested = {"a": np.array([1.5, NAN]), "b": (np.int64(3), [NAN]), "c": "x"}
    assert plain(nested) == {"a": [1.5, None], "b": [3, [None]], "c": "x"}
    assert type(plain(np.float32(0.5))) is float


def test_numbers_have_three_decimals():
    assert number(0.12345) == "0.123"
    assert number(NAN) == "–"


def test_a_table_without_rows_is_its_header():
    assert format_table(["a", "bc"], []) == "a  bc"
