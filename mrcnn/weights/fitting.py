"""Which tensor of a file belongs to which weight of a network, and whether they fit.

Pure comparison of names and shapes: nothing is read from the file or written to the
network here.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from mrcnn.weights.legacy_h5 import FileTensor
from mrcnn.weights.report import LoadReport, Mismatch, first_names
from mrcnn.weights.safe_h5 import StoredTensor, WeightsFileError

# The layers whose last axis counts classes, and its length for each class.
CLASS_HEADS = {"mrcnn_class_logits": 1, "mrcnn_bbox_fc": 4, "mrcnn_mask": 1}

# The parts of the network that a file may fill alone; the backbone is the rest.
PARTS = {"fpn_": "pyramid", "rpn_": "region proposal network", "mrcnn_": "heads"}
BACKBONE = "backbone"

# Files of some training graphs store the anchors, which are computed, not learnt.
COMPUTED_LAYERS = ("anchors",)

Shape = tuple[int, ...]


class Pairing(NamedTuple):
    """Stored tensors by the weight they belong to, and those without a weight."""

    found: dict[str, StoredTensor]
    unexpected: list[FileTensor]


def pair_by_name(tensors: Sequence[FileTensor], names: Mapping[str, object]) -> Pairing:
    """Gives every weight the stored tensor of its name, the most literal name first."""
    found: dict[str, StoredTensor] = {}
    waiting = list(tensors)
    for rank in range(max(len(tensor.names) for tensor in tensors)):
        rest = []
        for tensor in waiting:
            name = tensor.names[rank] if rank < len(tensor.names) else ""
            if name not in names or (name in found and rank > 0):
                rest.append(tensor)
            elif name in found:
                raise WeightsFileError(
                    f"The file holds {name!r} twice, in {found[name].path!r} and in "
                    f"{tensor.stored.path!r}."
                )
            else:
                found[name] = tensor.stored
        waiting = rest
    return Pairing(found, waiting)


def compare(pairing: Pairing, shapes: Mapping[str, Shape], path: str) -> LoadReport:
    """What would be loaded, what is missing, unexpected or of another shape.

    Args:
        pairing: the file's tensors
        shapes: of the network's weights, those to leave out not among them
        path: the file's, for the report
    """
    mismatched = [
        Mismatch(name, stored.shape, shapes[name])
        for name, stored in pairing.found.items()
        if name in shapes and stored.shape != shapes[name]
    ]
    wrong = {mismatch.name for mismatch in mismatched}
    unexpected = [tensor.names[0] for tensor in pairing.unexpected]
    return LoadReport(
        path=path,
        loaded=tuple(n for n in shapes if n in pairing.found and n not in wrong),
        missing=tuple(name for name in shapes if name not in pairing.found),
        unexpected=tuple(n for n in unexpected if layer_of(n) not in COMPUTED_LAYERS),
        mismatched=tuple(mismatched),
    )


def check_fit(report: LoadReport, *, by_name: bool, skip_mismatch: bool) -> None:
    """Raises a ValueError where loading would leave the network half filled.

    A file fits when it fills one whole part of the network (a backbone's weights do)
    or half of all weights. Weights that count classes may differ in shape.
    """
    wrong = [m for m in report.mismatched if not counts_classes(m)]
    by_shape = () if skip_mismatch else [m.name for m in report.mismatched]
    if not _fills_a_part(report, {*report.loaded, *by_shape}):
        raise ValueError(
            f"{report.path} does not fit the network: of its weights only "
            f"{len(report.loaded)} are in the file. The network looks for "
            f"{first_names(report.missing)}; the file offers "
            f"{first_names(report.unexpected)}. Check that both have the same backbone."
        )
    if wrong and not skip_mismatch:
        listed = "\n  ".join(str(mismatch) for mismatch in wrong)
        raise ValueError(
            f"{report.path} holds weights of other shapes than the network:\n  "
            f"{listed}\n{_remedy(wrong)}"
        )
    if not by_name and (report.missing or report.unexpected):
        raise ValueError(
            f"{report.path} and the network differ. Missing from the file: "
            f"{first_names(report.missing)}; in the file only: "
            f"{first_names(report.unexpected)}. by_name=True loads what they share."
        )


def hints_for(report: LoadReport) -> tuple[str, ...]:
    """Sentences on heads that were skipped and on parts that are filled in part."""
    hints = []
    heads = [m for m in report.mismatched if counts_classes(m)]
    if heads:
        layers = list(dict.fromkeys(layer_of(mismatch.name) for mismatch in heads))
        share = CLASS_HEADS[layers[0]]
        hints.append(
            f"The file has {heads[0].file_shape[-1] // share} classes, the network "
            f"{heads[0].model_shape[-1] // share}, background included: "
            f"{', '.join(layers)} keep their values and need training."
        )
    for part in dict.fromkeys(map(part_of, report.missing)):
        loaded = sum(part_of(name) == part for name in report.loaded)
        missing = sum(part_of(name) == part for name in report.missing)
        if loaded:
            hints.append(
                f"Only {loaded} of {loaded + missing} weights of the {part} are in the "
                "file; is it made for this network?"
            )
    return tuple(hints)


def counts_classes(mismatch: Mismatch) -> bool:
    """Whether file and network differ in nothing but their number of classes."""
    is_head = layer_of(mismatch.name) in CLASS_HEADS
    return is_head and mismatch.file_shape[:-1] == mismatch.model_shape[:-1]


def part_of(name: str) -> str:
    """The part of the network that a weight belongs to."""
    named = (part for prefix, part in PARTS.items() if name.startswith(prefix))
    return next(named, BACKBONE)


def layer_of(name: str) -> str:
    """The layer's name in a full weight name."""
    return name.rpartition("/")[0]


def _fills_a_part(report: LoadReport, present: set[str]) -> bool:
    wrong = [mismatch.name for mismatch in report.mismatched]
    wanted = [*report.loaded, *report.missing, *wrong]
    absent = {part_of(name) for name in wanted if name not in present}
    whole = {part_of(name) for name in present} - absent
    return bool(whole) or (bool(present) and 2 * len(present) >= len(wanted))


def _remedy(wrong: Sequence[Mismatch]) -> str:
    layers = list(dict.fromkeys(layer_of(mismatch.name) for mismatch in wrong))
    first = wrong[0]
    is_kernel = first.name.endswith("/kernel") and len(first.file_shape) == 4
    if len(wrong) == 1 and is_kernel and part_of(first.name) == BACKBONE:
        return (
            f"The file is for images of {first.file_shape[2]} channels, the network "
            f'for {first.model_shape[2]}: exclude=["{layers[0]}"] loads the rest, '
            "and that layer is then trained anew."
        )
    return f"exclude={layers} loads the rest and leaves these as they are."
