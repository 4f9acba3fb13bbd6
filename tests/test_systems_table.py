"""The page of systems: written from the presets, with all that they differ in."""

from tests.small_presets import PRESETS
from tests.systems_table import COLUMNS, FORMS, NOT_CHOICES, PATH, TABLES, page, table

KNOBS = {knob for rows in TABLES.values() for row in rows for knob in row.knobs}


def test_the_page_is_the_presets():
    why = "run python -m tests.systems_table"
    assert PATH.read_text(encoding="utf-8") == page(), why


def test_every_preset_is_on_it():
    shown = {*COLUMNS.values(), *(preset for preset, _ in FORMS.values())}
    assert shown == {*PRESETS}


def test_every_knob_in_which_presets_differ_is_behind_a_row():
    values = [preset().to_dict() for preset in PRESETS]
    different = {
        knob for knob in values[0] if len({repr(one[knob]) for one in values}) > 1
    }
    assert different - NOT_CHOICES <= KNOBS


def test_a_choice_is_told_for_each_system():
    text = table(["", "a"], [["Size", "7"]])
    assert text == "|  | a |\n| --- | --- |\n| Size | 7 |\n"
    rows = [line for line in page().splitlines() if line.startswith("| ")]
    assert {row.count(" |") for row in rows} == {2, len(COLUMNS) + 1}
