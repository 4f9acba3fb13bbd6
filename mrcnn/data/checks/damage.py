"""What can be wrong with a dataset: every kind of finding, and what to do about it."""

from typing import Any, Literal, NamedTuple

Severity = Literal["error", "warning", "note"]

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
"""An error stops or poisons training; a warning loses instances or time; a note is
worth knowing and needs nothing done."""


class Kind(NamedTuple):
    """What all findings of one kind have in common."""

    severity: Severity
    remedy: str


class Finding(NamedTuple):
    """One thing that is wrong, or worth knowing, about a dataset."""

    kind: str
    """A key of `KINDS`."""

    message: str
    """What was found here."""

    image_id: int | None = None
    """None for a finding about the dataset as a whole."""

    reference: str = ""
    """What leads a reader to the image."""

    @property
    def severity(self) -> Severity:
        """How bad it is."""
        return KINDS[self.kind].severity

    @property
    def remedy(self) -> str:
        """What to do about it."""
        return KINDS[self.kind].remedy

    def to_dict(self) -> dict[str, Any]:
        """All of it in plain values that JSON can hold."""
        return {"severity": self.severity, **self._asdict(), "remedy": self.remedy}


def numbered(count: int, noun: str) -> str:
    """`"1 image"`, `"2 images"`, `"2 classes"`."""
    plural = f"{noun}es" if noun.endswith("s") else f"{noun}s"
    return f"{count} {noun if count == 1 else plural}"


KINDS: dict[str, Kind] = {
    # --- The dataset as a whole -------------------------------------------------
    "no images": Kind("error", "Check the path, and add images before prepare()."),
    "no classes": Kind("error", "Call add_class for every class before prepare()."),
    "no instances": Kind(
        "error", "There is nothing to learn: check class names and annotations."
    ),
    "wrong number of classes": Kind(
        "error", "Set NUM_CLASSES to the dataset's number, background included."
    ),
    "source without classes": Kind(
        "error", "Use one source name in add_image and add_class."
    ),
    "background as a class": Kind(
        "warning", "Background is class 0 by itself: leave its instances out."
    ),
    "class named twice": Kind(
        "warning", "The network keeps both apart: give them one id, or two names."
    ),
    "class without instances": Kind(
        "warning", "It cannot be learnt: add examples, or leave the class out."
    ),
    "gap in class ids": Kind(
        "note", "Ids are renumbered without gaps: use map_source_class_id for them."
    ),
    "left out by the reader": Kind(
        "warning", "Correct the annotations if these were meant to be learnt."
    ),
    "not read by design": Kind("note", "These carry no instance of a known class."),
    # --- Images -----------------------------------------------------------------
    "missing image file": Kind(
        "error", "Restore the file, correct its path, or leave the image out."
    ),
    "unreadable image": Kind(
        "error", "Copy or export the file again, or leave the image out."
    ),
    "wrong image shape": Kind(
        "error", "Let load_image return one array [height, width, channels]."
    ),
    "wrong number of channels": Kind(
        "error",
        "Set IMAGE_CHANNEL_COUNT, MEAN_PIXEL and the dataset's channel_count alike.",
    ),
    "wrong image values": Kind(
        "error", "Bring pixels to 0..255 without NaN, in the file or in load_image."
    ),
    "side not divisible by 64": Kind(
        "error", 'IMAGE_RESIZE_MODE "none" needs it: use "square" or "pad64".'
    ),
    "blank image": Kind("warning", "All pixels are equal: look at the file."),
    "huge image": Kind(
        "warning", "Loading is slow and takes much memory: shrink it or cut it up."
    ),
    "same file twice": Kind(
        "warning", "The network sees it twice as often: remove one entry."
    ),
    "same picture twice": Kind(
        "warning",
        "Remove one; between training and validation, a copy makes results too good.",
    ),
    "same image id twice": Kind("warning", "Ids find images again: make them unique."),
    "no objects": Kind(
        "note", "It trains as background, which is fine if nothing is to be found."
    ),
    # --- Masks of an image ------------------------------------------------------
    "image turned on its side": Kind(
        "error",
        "Height and width are exchanged: transpose the masks, or remove the EXIF tag "
        "that turns the image if it was annotated unturned.",
    ),
    "annotated at another size": Kind(
        "error", "Use the image that was annotated, or scale the annotations."
    ),
    "masks cannot be loaded": Kind("error", "Correct or remove the annotation."),
    "wrong mask shape": Kind(
        "error", "Let load_mask return masks [height, width, instances]."
    ),
    "not one class id per mask": Kind(
        "error", "Let load_mask return as many class ids as masks."
    ),
    "class id out of range": Kind(
        "error", "Class ids are positions in class_names: use map_source_class_id."
    ),
    "wrong mask values": Kind("error", "Let load_mask return bool masks."),
    # --- Instances --------------------------------------------------------------
    "NaN in outline": Kind("error", "Draw the outline again, or remove it."),
    "degenerate outline": Kind(
        "warning", "It has no area and is left out: draw it again, or remove it."
    ),
    "degenerate box": Kind(
        "warning", "Boxes are [x, y, width, height] with sides above 0: correct it."
    ),
    "box and outline disagree": Kind(
        "warning", "Masks come from the outline: check which is right."
    ),
    "outside the image": Kind(
        "warning", "It is left out: correct its coordinates, or remove it."
    ),
    "partly outside the image": Kind(
        "warning", "It is cut off at the edge: check that the outline fits the image."
    ),
    "empty mask": Kind(
        "warning", "It is left out: draw the object again, or remove it."
    ),
    "mask covers the image": Kind(
        "warning", "Check that object and background are not exchanged."
    ),
    "same instance twice": Kind(
        "warning", "Remove one: the copy counts as missed or as a false detection."
    ),
    "more than MAX_GT_INSTANCES": Kind(
        "warning", "A random choice is trained on: raise MAX_GT_INSTANCES."
    ),
    "more than DETECTION_MAX_INSTANCES": Kind(
        "warning", "They cannot all be detected: raise DETECTION_MAX_INSTANCES."
    ),
    "too small after resizing": Kind(
        "warning", "Raise IMAGE_MIN_DIM and IMAGE_MAX_DIM, or lower RPN_ANCHOR_SCALES."
    ),
    "no anchor of its shape": Kind(
        "warning", "Add larger RPN_ANCHOR_SCALES or more extreme RPN_ANCHOR_RATIOS."
    ),
    "crowd": Kind("note", "Crowds are neither learnt nor taken for background."),
}
