import json
import re

import pytest

from mrcnn.report.page import embedded_json, page_text, write_page

NASTY = "</script><script>alert('1')</script><!-- & \u2028 {{data}} {{title}}"


def test_what_comes_in_stays_text():
    text = page_text(NASTY, {"names": [NASTY], NASTY: 1})
    assert text.count("<script") == 2
    assert text.count("</script>") == 2
    assert "alert('1')</script>" not in text
    assert "<!--" not in text
    assert "&lt;/script&gt;" in text


def test_the_data_come_back_as_they_were():
    data = {"name": NASTY, "number": 1.5, "nothing": None, "letters": "äß漢"}
    assert json.loads(embedded_json(data)) == data
    assert not set("<>&\u2028") & set(embedded_json(data))


def test_the_page_asks_nobody_for_anything():
    text = page_text("Title", {})
    assert "default-src 'none'" in text
    addresses = set(re.findall(r"https?://[^\s\"']+", text))
    assert addresses == {"http://www.w3.org/2000/svg"}  # a name, which nobody opens
    for word in ("<link", "<img", "src=", "@import", "url(", "innerHTML", "fetch("):
        assert word not in text.lower(), word


def test_every_place_is_filled():
    text = page_text("Title", {})
    assert "{{" not in text
    assert "<title>Title</title>" in text
    assert "prefers-color-scheme: dark" in text


def test_the_file_lies_in_a_folder_of_its_own(tmp_path):
    path = write_page(tmp_path / "a" / "b", "T", {"name": "caf\udce9"})
    assert path == tmp_path / "a" / "b" / "index.html"
    assert path.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_nan_is_refused_before_it_breaks_the_page():
    with pytest.raises(ValueError, match="not JSON compliant"):
        embedded_json({"number": float("nan")})
