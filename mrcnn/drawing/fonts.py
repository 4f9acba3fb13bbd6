"""Fonts for text in pictures, found without a network.

Matplotlib brings one for most alphabets; for the rest, fonts that systems use to have
are tried.
"""

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from PIL import ImageFont

# A font of Pillow, which has several classes for them.
Font = Any

# Fonts of Linux, Windows and macOS with Chinese, Japanese, Korean and more.
SYSTEM_FONTS = (
    "NotoSansCJK-Regular.ttc",
    "DroidSansFallbackFull.ttf",
    "wqy-microhei.ttc",
    "msyh.ttc",
    "malgun.ttf",
    "YuGothM.ttc",
    "Hiragino Sans GB.ttc",
    "Arial Unicode.ttf",
    "Nirmala.ttf",
)

# A code point that never is a character shows what fonts draw for those they lack.
_NO_CHARACTER = "\ufffe"


def font_for(text: str, side: int) -> Font:
    """A font that has all characters of a text, or else most alphabets.

    Args:
        text: all that will be written with it
        side: height of the letters' line in pixels
    """
    path = font_file(text)
    if path is None:
        return ImageFont.load_default(size=side)
    return ImageFont.truetype(path, side)


@lru_cache(maxsize=64)
def font_file(text: str) -> str | None:
    """Path of the first font that has all characters of a text.

    If none has, that of the first font; None where no font is found at all.
    """
    files = [*_matplotlib_font(), *SYSTEM_FONTS]
    first = None
    for font in filter(None, map(_load, files)):
        if _has_all(font, text):
            return font.path
        first = first or font.path
    return first


def _matplotlib_font() -> list[str]:
    """DejaVu Sans where matplotlib keeps it; matplotlib itself is not loaded."""
    spec = find_spec("matplotlib")
    if spec is None or spec.origin is None:
        return []
    folder = Path(spec.origin).parent / "mpl-data" / "fonts" / "ttf"
    return [str(folder / "DejaVuSans.ttf")]


def _load(name: str) -> Font | None:
    try:
        return ImageFont.truetype(name, 16)
    except OSError:
        return None


def _has_all(font: Font, text: str) -> bool:
    missing = _glyph(font, _NO_CHARACTER)
    return all(
        _glyph(font, letter) != missing for letter in set(text) if not letter.isspace()
    )


def _glyph(font: Font, letter: str) -> tuple[tuple[int, int], bytes]:
    mask = font.getmask(letter)
    return mask.size, bytes(mask)
