"""Fonts for text in pictures."""

import subprocess
import sys

import pytest

from mrcnn.drawing import fonts
from mrcnn.drawing.fonts import font_file, font_for


@pytest.fixture(autouse=True)
def _fresh_choice():
    font_file.cache_clear()
    yield
    font_file.cache_clear()


@pytest.mark.parametrize("text", ["cat 0.98", "crème brûlée", "кошка", "γάτα"])
def test_most_alphabets_have_letters_of_their_own(text):
    font = font_for(text, 20)
    assert "DejaVuSans" in font.path
    glyphs = {bytes(font.getmask(letter)) for letter in set(text) - {" "}}
    assert len(glyphs) > len(set(text)) / 2
    assert bytes(font.getmask("\ufffe")) not in glyphs


def test_a_text_that_no_font_has_gets_the_first_font(monkeypatch):
    monkeypatch.setattr(fonts, "SYSTEM_FONTS", ("no-such-font.ttf",))
    assert "DejaVuSans" in font_file("\U000f0000")


def test_the_first_font_with_all_letters_is_taken(monkeypatch):
    dejavu = font_file("cat")
    mono = dejavu.replace("Sans.ttf", "SansMono.ttf")
    cursive = dejavu.replace("DejaVuSans.ttf", "cmsy10.ttf")
    monkeypatch.setattr(fonts, "_matplotlib_font", lambda: [cursive])
    monkeypatch.setattr(fonts, "SYSTEM_FONTS", ("no-such-font.ttf", mono))
    assert font_file("кошка") == mono


def test_without_any_font_file_pillow_has_one(monkeypatch):
    monkeypatch.setattr(fonts, "_matplotlib_font", list)
    monkeypatch.setattr(fonts, "SYSTEM_FONTS", ())
    assert font_for("cat", 20).getlength("cat") > 15


def test_letters_grow_with_their_side():
    assert font_for("cat", 40).getlength("cat") > 1.8 * font_for("cat", 20).getlength(
        "cat"
    )


def test_matplotlib_is_not_loaded_for_its_font():
    program = (
        "import sys; from mrcnn.drawing.fonts import font_for; font_for('é', 9);"
        "print('matplotlib' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"
