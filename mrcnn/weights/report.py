"""What became of every tensor when a weights file was loaded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

SHOWN = 5


class Mismatch(NamedTuple):
    """A weight that file and network hold in different shapes."""

    name: str
    file_shape: tuple[int, ...]
    model_shape: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.name}: file {self.file_shape}, network {self.model_shape}"


@dataclass(frozen=True)
class LoadReport:
    """Every weight of file and network under one heading, by full weight name."""

    path: str
    loaded: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    """In the network but not in the file; they keep their values."""
    unexpected: tuple[str, ...] = ()
    """In the file but not in the network."""
    mismatched: tuple[Mismatch, ...] = ()
    """In both, in different shapes; they keep their values."""
    inflated: tuple[str, ...] = ()
    """Among those loaded: for RGB images in the file, fitted to the network's."""
    excluded: tuple[str, ...] = ()
    """Left out because the caller asked for it; they keep their values."""
    hints: tuple[str, ...] = ()
    """Sentences on what the caller may want to know or do."""
    attributes: Mapping[str, object] = field(default_factory=dict)
    """What the file says of itself; empty for files of other programs."""

    @property
    def geometry(self) -> str | None:
        """The geometry the weights were trained with, where the file says so."""
        value = self.attributes.get("geometry")
        return value if isinstance(value, str) else None

    @property
    def class_names(self) -> list[str] | None:
        """Class names in order of class ids, where the file says so."""
        value = self.attributes.get("class_names")
        return value if isinstance(value, list) else None

    @property
    def config(self) -> dict[str, object] | None:
        """The config the weights were trained with, where the file says so."""
        value = self.attributes.get("config")
        return value if isinstance(value, dict) else None

    @property
    def is_complete(self) -> bool:
        """Whether file and network hold the same weights, but for excluded ones."""
        return not (self.missing or self.unexpected or self.mismatched)

    def summary(self) -> str:
        """A few lines: counts, and the first names of what was not loaded."""
        lines = [f"{self.path}: {len(self.loaded)} weights loaded"]
        mismatched = [str(mismatch) for mismatch in self.mismatched]
        lines += _list_names("inflated to the channels of images", self.inflated)
        lines += _list_names("missing from the file", self.missing)
        lines += _list_names("in the file only", self.unexpected)
        lines += _list_names("of another shape, skipped", mismatched)
        lines += _list_names("excluded", self.excluded)
        return "\n".join([*lines, *self.hints])

    __str__ = summary


def first_names(names: Sequence[str]) -> str:
    """The first few of many names, as a phrase."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more if names else "none"


def _list_names(heading: str, names: Sequence[str]) -> list[str]:
    return [f"  {len(names)} {heading}: {first_names(names)}"] if names else []
