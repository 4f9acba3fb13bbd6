"""Names of other packages that old callers find in matterport's modules.

They are imported when asked for, so that a door stays quick to open.
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def names_on_demand(door: str, targets: Mapping[str, str]) -> Callable[[str], Any]:
    """A module's `__getattr__`, which imports what is asked for.

    Args:
        door: name of the module
        targets: by name, "package.module", or "package.module:attribute"
    """

    def find(name: str) -> Any:
        if name not in targets:
            raise AttributeError(f"module {door!r} has no attribute {name!r}")
        module, _, attribute = targets[name].partition(":")
        try:
            found = import_module(module)
        except ImportError as error:
            raise AttributeError(f"{door}.{name} is not there: {error}") from error
        return getattr(found, attribute) if attribute else found

    return find
