from mrcnn.data.checks.damage import KINDS, SEVERITIES, Finding, numbered


def test_every_kind_says_how_bad_it_is_and_what_to_do():
    for name, kind in KINDS.items():
        assert kind.severity in SEVERITIES, name
        assert kind.remedy.endswith("."), name
        assert len(name) <= 36


def test_a_finding_takes_severity_and_remedy_from_its_kind():
    finding = Finding("crowd", "1 crowd of 3 instances.", 4, "image 4")
    assert finding.to_dict() == {
        "severity": "note",
        "kind": "crowd",
        "message": "1 crowd of 3 instances.",
        "image_id": 4,
        "reference": "image 4",
        "remedy": KINDS["crowd"].remedy,
    }


def test_nouns_follow_their_number():
    assert numbered(1, "image") == "1 image"
    assert numbered(0, "image") == "0 images"
    assert numbered(2, "class") == "2 classes"
