"""The two geometries as a table."""

from typing import get_args

from mrcnn.geometry.conventions import (
    CONVENTIONS,
    Convention,
    GeometryName,
    rounds_anchors,
)


def test_every_name_of_a_geometry_has_its_convention():
    assert set(CONVENTIONS) == set(get_args(GeometryName))


def test_the_geometries_differ_in_every_field():
    matterport, aligned = CONVENTIONS["matterport"], CONVENTIONS["aligned"]
    for field in Convention._fields:
        assert getattr(matterport, field) != getattr(aligned, field), field


def test_a_field_has_one_type_in_both_geometries():
    matterport, aligned = CONVENTIONS["matterport"], CONVENTIONS["aligned"]
    for field in Convention._fields:
        assert type(getattr(matterport, field)) is type(getattr(aligned, field)), field


def test_anchors_are_rounded_as_stated_and_else_as_in_the_geometry():
    assert rounds_anchors(None, "aligned")
    assert not rounds_anchors(None, "matterport")
    assert rounds_anchors(True, "matterport")
    assert not rounds_anchors(False, "aligned")
