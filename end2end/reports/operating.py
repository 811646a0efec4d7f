"""The threshold that the pages set at first: an operating point of a model's card."""

from collections.abc import Sequence

from end2end import checkpoints
from end2end.reports import report
from end2end.utils import files


def of_models(
        classifiers: Sequence[checkpoints.Classifier], *,
        flips: bool = False) -> report.Operating | None:
    """The first operating point at a sensitivity that a model carries, else its first.

    Thresholds are those of one model, so several models have none, and a model whose
    card holds none has none.

    Args:
        classifiers: the models whose scores are shown.
        flips: whether the scores are means over the flips.
    """
    if len(classifiers) != 1:
        return None
    (classifier,) = classifiers
    scheme = "flips" if flips else "plain"
    rows = [row for row in classifier.card.get("operating_points") or ()
            if row.get("scheme", "plain") == scheme
            and "sensitivity" in row and "specificity" in row]
    if not rows:
        return None
    row = min(rows, key=lambda row: row["at"] != "sensitivity")
    return report.Operating(
        row["threshold"], f"{100 * row[row['at']]:.1f} % {row['at']} on the images of "
        f"{row.get('source') or 'its validation set'}", row["sensitivity"],
        row["specificity"])


def check_prevalence(prevalence: float) -> None:
    """Raises `files.InputError` unless it is a share above 0 and below 1."""
    if not 0 < prevalence < 1:
        raise files.InputError(
            f"--prevalence {prevalence:g}: expected a share above 0 and below 1.")


def predictive_value(
        point: report.Operating, prevalence: float) -> float | None:
    """Share of images at or above the threshold that show cancer, None where there is
    no such image.

    Args:
        point: whose sensitivity and specificity hold.
        prevalence: share of all images that show cancer, above 0, below 1.
    """
    right = point.sensitivity * prevalence
    positive = right + (1 - point.specificity) * (1 - prevalence)
    return right / positive if positive > 0 else None


def sentence(point: report.Operating, prevalence: float) -> str:
    """The threshold, where it comes from and what it means at a prevalence."""
    value = predictive_value(point, prevalence)
    meaning = "" if value is None else (
        f" Where {100 * prevalence:.2g} % show cancer, {100 * value:.1f} % of those at "
        "or above it do (positive predictive value).")
    return (f"Threshold {point.threshold:.6g}: {point.origin}; sensitivity "
            f"{point.sensitivity:.3f}, specificity {point.specificity:.3f} there, of "
            f"single images.{meaning}")
