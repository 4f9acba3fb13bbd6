"""Rules for one value of a config: each builder makes a check.

A check takes a value and returns the remedy, or None where all is well.
"""

import difflib
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Check = Callable[..., str | None]

WHOLE = int | np.integer
REAL = WHOLE | float | np.floating


def whole_number(low: int, high: int | None = None, hint: str = "") -> Check:
    """A check for an integer of any kind but bool, both ends included."""
    limits = f"from {low} up" if high is None else f"from {low} to {high}"
    upper = math.inf if high is None else high

    def check(value: Any) -> str | None:
        fits = _is_number(value, WHOLE) and low <= value <= upper
        return None if fits else f"give a whole number {limits}{hint}"

    return check


def number(low: float, high: float = math.inf, *, above: bool = False) -> Check:
    """A check for a finite number from `low`, or `above` it, up to `high`."""
    limits = f"above {low}" if above else f"of {low} or more"
    limits += "" if high == math.inf else f" and up to {high}"

    def check(value: Any) -> str | None:
        fits = _is_number(value, REAL) and low <= value <= high
        is_open_end = above and value == low
        return f"give a number {limits}" if not fits or is_open_end else None

    return check


def numbers(rule: Check, length: int | None = None, hint: str = "") -> Check:
    """A check for a list, tuple or array whose items each pass a rule."""
    amount = "one or more" if length is None else str(length)

    def check(value: Any) -> str | None:
        is_row = isinstance(value, list | tuple) or getattr(value, "ndim", 0) == 1
        if not is_row or not len(value) or length not in (None, len(value)):
            return f"give a list of {amount} numbers{hint}"
        remedies = [remedy for item in value if (remedy := rule(item)) is not None]
        return f"for each item, {remedies[0]}" if remedies else None

    return check


def number_or_numbers(rule: Check) -> Check:
    """A check for one number, or a list of them, that pass a rule."""

    def check(value: Any) -> str | None:
        if isinstance(value, list | tuple) or getattr(value, "ndim", 0) == 1:
            return numbers(rule)(value)
        remedy = rule(value)
        return remedy and f"{remedy}, or a list of such numbers"

    return check


def truth(value: Any) -> str | None:
    """A check for Python's own True and False, so that `is False` may be asked."""
    return None if isinstance(value, bool) else "give True or False"


def name_of(names: Sequence[str], otherwise: str = "") -> Check:
    """A check for one of the names; the remedy suggests the nearest."""

    def check(value: Any) -> str | None:
        if isinstance(value, str) and value in names:
            return None
        return f"{nearest(value, names)}give one of {quoted(names)}{otherwise}"

    return check


def none_or(rule: Check) -> Check:
    """A check for None and whatever another check lets through."""

    def check(value: Any) -> str | None:
        remedy = None if value is None else rule(value)
        return None if remedy is None else f"{remedy}, or None"

    return check


def text(value: Any) -> str | None:
    """A check for a string that can be the name of a folder."""
    fits = isinstance(value, str) and value.strip() and not set(value) & set("/\\\0")
    return None if fits else "give a short name in quotes, without slashes"


def function(value: Any) -> str | None:
    """A check for anything that can be called."""
    return None if callable(value) else "give a function"


def confidence(value: Any) -> str | None:
    """A check for a score, or a dict of class names or ids to scores."""
    score = number(0, 1)
    if not isinstance(value, dict):
        remedy = score(value)
        return remedy and f"{remedy}, or a dict of classes to such numbers"
    for key, item in value.items():
        if not isinstance(key, str) and whole_number(1)(key) is not None:
            return f"{key!r} is no class: use class names, or class ids from 1 up"
        if score(item) is not None:
            return f"for the class {key!r}, {score(item)}"
    return None


def class_weights(value: Any) -> str | None:
    """A check for a dict of class names or ids to factors."""
    if not isinstance(value, dict):
        return "give a dict of classes to factors"
    for key, item in value.items():
        if not isinstance(key, str) and whole_number(0)(key) is not None:
            return f"{key!r} is no class: use class names, or class ids from 0 up"
        if number(0)(item) is not None:
            return f"for the class {key!r}, {number(0)(item)}"
    return None


def nearest(value: Any, names: Sequence[str]) -> str:
    """A question that suggests the likeliest of the names, if any is like it."""
    likely = difflib.get_close_matches(str(value).lower(), names, n=1, cutoff=0.5)
    return f"did you mean {likely[0]!r}? " if likely else ""


def quoted(names: Sequence[str]) -> str:
    """The names in quotes, with commas between."""
    return ", ".join(repr(name) for name in names)


def _is_number(value: Any, kinds: Any) -> bool:
    """Of one of the kinds, and neither bool, NaN nor infinite."""
    if isinstance(value, bool) or not isinstance(value, kinds):
        return False
    return isinstance(value, int) or math.isfinite(value)
