"""What a look through a dataset found: damage, counts, sides and the anchor report.

Shapes: N instances that are no crowds.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np

from mrcnn.data.checks.anchor_report import AnchorReport
from mrcnn.data.checks.damage import KINDS, SEVERITIES, Finding, Severity, numbered

# Examples of a kind of finding, and classes, that the printed report shows.
SHOWN_EXAMPLES = 3
SHOWN_CLASSES = 20

_QUANTILES = {"least": 0.0, "10 %": 0.1, "median": 0.5, "90 %": 0.9, "most": 1.0}


@dataclass
class DatasetReport:
    """What `dataset.check()` returns; `print` shows it."""

    findings: list[Finding]
    """Worst first, findings of one kind together."""

    num_images: int
    """Images that were looked at."""

    num_usable_images: int
    """Those that training can use."""

    num_empty_images: int
    """Usable images without an instance."""

    num_crowds: int

    class_counts: dict[str, int]
    """Instances by class name, crowds left out."""

    images_per_class: dict[str, int]
    """Images that show a class, by its name."""

    image_ids: np.ndarray
    """[N] the image that each instance is in."""

    boxes: np.ndarray
    """[N, 4] pixels of the molded image."""

    anchors: AnchorReport

    @property
    def ok(self) -> bool:
        """Whether nothing was found that stops or poisons training."""
        return self.num_errors == 0

    @property
    def num_errors(self) -> int:
        """Findings that stop or poison training."""
        return len(self.of_severity("error"))

    @property
    def num_instances(self) -> int:
        """Usable instances, crowds left out."""
        return len(self.boxes)

    @property
    def sides(self) -> np.ndarray:
        """[N] square root of each box's area after resizing, in pixels."""
        return self.anchors.sides

    @property
    def ratios(self) -> np.ndarray:
        """[N] width over height of each box after resizing."""
        heights, widths = (self.boxes[:, 2:] - self.boxes[:, :2]).T
        return widths / np.maximum(heights, 1)

    def of_severity(self, severity: Severity) -> list[Finding]:
        """The findings that are so bad."""
        return [finding for finding in self.findings if finding.severity == severity]

    def counts(self) -> dict[str, int]:
        """Number of findings by kind."""
        return dict(Counter(finding.kind for finding in self.findings))

    def to_dict(self) -> dict[str, Any]:
        """All of it in plain values that JSON can hold."""
        return {
            "ok": self.ok,
            "num_images": self.num_images,
            "num_usable_images": self.num_usable_images,
            "num_empty_images": self.num_empty_images,
            "num_instances": self.num_instances,
            "num_crowds": self.num_crowds,
            "class_counts": self.class_counts,
            "images_per_class": self.images_per_class,
            "sides": _quantiles(self.sides),
            "ratios": _quantiles(self.ratios),
            "anchors": self.anchors.to_dict(),
            "counts": self.counts(),
            "findings": [finding.to_dict() for finding in self.findings],
        }

    def __str__(self) -> str:
        sections = [_summary(self), _classes(self), _sides(self), _findings(self)]
        return "\n\n".join(
            ["\n".join(lines) for lines in sections] + [str(self.anchors)]
        )


def sort_findings(findings: Sequence[Finding]) -> list[Finding]:
    """Worst first, then kind by kind, then image by image."""
    kinds = list(KINDS)

    def rank(finding: Finding) -> tuple[int, int, int]:
        image_id = -1 if finding.image_id is None else finding.image_id
        severity = SEVERITIES.index(finding.severity)
        return severity, kinds.index(finding.kind), image_id

    return sorted(findings, key=rank)


def _summary(report: DatasetReport) -> Iterator[str]:
    found = [numbered(len(report.of_severity(s)), s) for s in SEVERITIES]
    yield f"Found {', '.join(found)}."
    yield (
        f"{numbered(report.num_images, 'image')}: {report.num_usable_images} usable, "
        f"{report.num_empty_images} of them without objects"
    )
    yield (
        f"{numbered(report.num_instances, 'instance')} of "
        f"{numbered(len(report.class_counts), 'class')}, "
        f"and {numbered(report.num_crowds, 'crowd')}"
    )


def _classes(report: DatasetReport) -> Iterator[str]:
    by_count = sorted(report.class_counts.items(), key=lambda item: -item[1])
    width = max([len("class"), *(len(name) for name, _ in by_count[:SHOWN_CLASSES])])
    yield f"{'class':<{width}}  instances  images"
    for name, count in by_count[:SHOWN_CLASSES]:
        yield f"{name:<{width}}{count:>11}{report.images_per_class[name]:>8}"
    if len(by_count) > SHOWN_CLASSES:
        rest = by_count[SHOWN_CLASSES:]
        count = sum(count for _, count in rest)
        yield f"and {len(rest)} more with {count} instances"


def _sides(report: DatasetReport) -> Iterator[str]:
    yield " " * 22 + "".join(f"{name:>9}" for name in _QUANTILES)
    if report.num_instances:
        for name, values in (
            ("side after resizing", report.sides),
            ("width over height", report.ratios),
        ):
            numbers = _quantiles(values).values()
            yield f"{name:<22}" + "".join(f"{number:>9.4g}" for number in numbers)


def _findings(report: DatasetReport) -> Iterator[str]:
    if not report.findings:
        yield "Nothing wrong was found."
    for severity in SEVERITIES:
        found = report.of_severity(severity)
        if found:
            yield f"{severity.upper()}S"
        for kind, group in groupby(found, key=lambda finding: finding.kind):
            findings = list(group)
            yield f"  {kind} ({len(findings)}): {KINDS[kind].remedy}"
            for finding in findings[:SHOWN_EXAMPLES]:
                place = f"{finding.reference}: " if finding.reference else ""
                yield f"    - {place}{finding.message}"
            if len(findings) > SHOWN_EXAMPLES:
                yield f"    and {len(findings) - SHOWN_EXAMPLES} more"


def _quantiles(values: np.ndarray) -> dict[str, float]:
    if not len(values):
        return {}
    numbers = np.quantile(values, list(_QUANTILES.values())).tolist()
    return dict(zip(_QUANTILES, numbers, strict=True))
