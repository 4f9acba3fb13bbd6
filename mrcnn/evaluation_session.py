"""What `MaskRCNN.evaluate` sets up: numbers, and a page about them if that is wanted.

The rooms that evaluation needs do not know each other; here they meet.
"""

import logging
import os
from typing import Any

from mrcnn.data.dataset import Dataset
from mrcnn.evaluation.evaluate import Detect, evaluate_dataset
from mrcnn.evaluation.summary import Evaluation
from mrcnn.report.reports import write_evaluation_report

logger = logging.getLogger("mrcnn")


def run_evaluation(
    find: Detect,
    dataset: Dataset,
    *,
    min_confidence: float,
    report: str | os.PathLike | None = None,
    **options: Any,
) -> Evaluation:
    """Finds the instances of a dataset's images and holds them against its own.

    Args:
        find: finds instances from `min_confidence` up
        dataset: prepared
        min_confidence: is logged and stated with the numbers
        report: folder for a page of HTML about it, see `write_evaluation_report`
        options: the others of `evaluate_dataset`
    """
    logger.info("Evaluating detections from a confidence of %s up", min_confidence)
    evaluation = evaluate_dataset(
        find, dataset, min_confidence=min_confidence, **options
    )
    if report is not None:
        path = write_evaluation_report(report, evaluation, dataset)
        logger.info("Wrote %s", path)
    return evaluation
