"""Names of classes, found by id and ids found by name."""

import difflib
from collections.abc import Iterable, Sequence

ClassNames = Sequence[str]
"""Name of each class id, the background first."""


def name_of(class_id: int, class_names: ClassNames | None) -> str:
    """A class's name, or "class 3" where it is not known."""
    if class_names is not None and 0 <= class_id < len(class_names):
        return class_names[class_id]
    return f"class {class_id}"


def ids_of(wanted: str | Iterable[str], class_names: ClassNames | None) -> list[int]:
    """Ids of the classes with one of the names; an unknown name is an error."""
    if class_names is None:
        raise ValueError(
            f"Cannot choose the class {wanted!r}: class names are not known here. "
            "Choose by class_ids."
        )
    names = {wanted} if isinstance(wanted, str) else set(wanted)
    for name in sorted(names - set(class_names)):
        near = difflib.get_close_matches(name, class_names)
        hint = f"Nearest: {', '.join(near)}." if near else f"Known: {class_names}."
        raise ValueError(f"No class has the name {name!r}. {hint}")
    return [class_id for class_id, name in enumerate(class_names) if name in names]
