"""Values of options: lists and numbers, with a word on what is wrong with others."""

import argparse
from collections.abc import Callable


def names(text: str) -> list[str]:
    """The names in "A, B"."""
    return [name.strip() for name in text.split(",") if name.strip()]


def whole_number(text: str) -> int:
    """A whole number above 0."""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number above 0")
    return number


def positive(text: str) -> float:
    """A number above 0."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0")
    return number


def share(text: str) -> float:
    """A number from 0 to 1."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 0 to 1")
    return number


def several(kind: Callable[[str], float]) -> Callable[[str], list[float]]:
    """A list of numbers of a kind: "0.75,1,1.5"."""

    def numbers(text: str) -> list[float]:
        found = [kind(part) for part in names(text)]
        if not found:
            raise argparse.ArgumentTypeError(f"{text!r} holds no number")
        return found

    return numbers
