"""Whether 95 % intervals hold the truth in 95 of 100 studies: simulated ones.

Each row of `STUDIES` draws a study of moderate size from a known model; its truths are
computed or measured on a study so large that chance is gone.
"""

import dataclasses
from collections.abc import Callable, Iterator

import numpy as np
from scipy import special

from end2end.metrics import (
    delong,
    localization,
    net_benefit,
    precision,
    readers,
    reading,
    recalibration,
    screening,
    shares,
    subgroups,
)
from end2end.metrics.shares import Estimate

Draw = Callable[[np.random.Generator, int], dict[str, Estimate]]
DISTANCE = 1.4
THRESHOLD = 0.9
LARGE = 400
PREVALENCE = 0.02


@dataclasses.dataclass(frozen=True)
class Study:
    """A kind of study.

    Attributes:
        draw: function of a generator and a factor of its size.
        truths: by name of the estimate, where they are known exactly.
        large: factor of the size of the study that gives the other truths.
    """

    draw: Draw
    truths: dict[str, float] = dataclasses.field(default_factory=dict)
    large: int = LARGE


def covered(
        name: str, *, runs: int, seed: int) -> Iterator[tuple[str, float]]:
    """Share of studies whose interval holds the truth, by estimate.

    Args:
        name: row of `STUDIES`.
        runs: number of studies.
        seed: of the draws.

    Yields:
        name of the estimate and share, 0 to 1.
    """
    study, rng = STUDIES[name], np.random.default_rng(seed)
    truths = {key: estimate.value for key, estimate in study.draw(
        np.random.default_rng(seed + 1), study.large).items()} | study.truths
    hits = dict.fromkeys(truths, 0)
    for _ in range(runs):
        for key, estimate in study.draw(rng, 1).items():
            hits[key] += estimate.low <= truths[key] <= estimate.high
    yield from ((key, count / runs) for key, count in hits.items())


def women(rng: np.random.Generator, count: int, *, share: float = 0.25
          ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two breasts each of some women, with two scores that are alike within a woman.

    Returns:
        labels `(n,)`, scores `(2, n)` and the woman of each breast `(n,)`.
    """
    women = np.repeat(np.arange(count), 2)
    labels = rng.random(2 * count) < share
    common = rng.normal(size=count)[women] * 0.6
    noise = rng.normal(size=(2, 2 * count)) * 0.8
    return labels, common + noise + DISTANCE * labels, women


AREA = float(special.ndtr(DISTANCE / np.sqrt(2)))


def _sites(rng, scale):
    labels, scores, groups = women(rng, 150 * scale)
    areas, matrix = delong.covariance(labels, list(scores), groups)
    first = delong.estimate(labels, scores[0], groups)
    elsewhere = women(rng, 100 * scale)
    return {"AUC of a site": first,
            "difference of models": delong.paired(areas, matrix, 0, 1),
            "difference of sites": shares.difference(first, delong.estimate(
                elsewhere[0], elsewhere[1][0], elsewhere[2]))}


def _points(rng, scale):
    labels, scores, groups = women(rng, 250 * scale)
    rates = screening.at_threshold(
        labels, scores[0], THRESHOLD, prevalence=PREVALENCE, groups=groups)
    del rates["threshold"]
    return {**{name.replace("_", " "): rate for name, rate in rates.items()},
            "sensitivity at specificity 0.9": screening.sensitivity_at_specificity(
                labels, scores[0], 0.9, groups=groups),
            "specificity at sensitivity 0.8": screening.specificity_at_sensitivity(
                labels, scores[0], 0.8, groups=groups),
            "average precision": precision.average_precision(
                labels, scores[0], groups=groups),
            "average precision at a prevalence": precision.average_precision(
                labels, scores[0], prevalence=0.1, groups=groups)}


def _rates():
    found, missed = (float(special.ndtr(distance)) for distance in (
        DISTANCE - THRESHOLD, -THRESHOLD))
    detection, alarms = PREVALENCE * found, (1 - PREVALENCE) * missed
    right = (1 - PREVALENCE) * (1 - missed)
    return {"sensitivity": found, "specificity": 1 - missed,
            "recall rate": detection + alarms, "cancer detection rate": detection,
            "positive predictive value": detection / (detection + alarms),
            "negative predictive value": right / (right + PREVALENCE * (1 - found)),
            "sensitivity at specificity 0.9": float(
                special.ndtr(DISTANCE - special.ndtri(0.9))),
            "specificity at sensitivity 0.8": float(
                special.ndtr(DISTANCE - special.ndtri(0.8)))}


def probabilities(rng: np.random.Generator, count: int
                  ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels drawn from chances, and scores that are too high and too sure.

    Returns:
        labels, scores and women, `(2 count,)` each.
    """
    women = np.repeat(np.arange(count), 2)
    logits = rng.normal(size=count)[women] * 0.9 + rng.normal(size=2 * count) - 1.5
    labels = rng.random(2 * count) < special.expit(logits)
    return labels, special.expit(0.4 + 1.25 * logits), women


def _calibration(rng, scale):
    labels, scores, groups = probabilities(rng, 250 * scale)
    rows = recalibration.summary(labels, scores, groups=groups)
    curves = net_benefit.curve(labels, scores, (0.1, 0.3), groups=groups)
    weighted = net_benefit.curve(labels, scores, (0.05,), prevalence=0.05,
                                 groups=groups)
    return {"calibration intercept": rows["intercept"],
            "calibration slope": rows["slope"],
            "observed over expected": rows["observed_expected"],
            "net benefit at 0.1": curves[0]["model"],
            "net benefit at 0.3": curves[1]["model"],
            "net benefit of recalling all": curves[0]["all"],
            "gain over recalling all or none": curves[0]["gain"],
            "net benefit at a prevalence": weighted[0]["model"]}


# Variances of readers, of readers with a test, of cases, and of what is left (Roe CA,
# Metz CE. Acad Radiol 4, 298-303, 1997); the last three kinds add up to 1.
READER, READER_TEST = 0.03, 0.02
CASE, CASE_TEST, CASE_READER, REST = 0.3, 0.2, 0.2, 0.3


def ratings(rng: np.random.Generator, count: int, *, tests: int = 2,
            readers: int = 6, ever_new: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Ratings of the model of Roe and Metz.

    Args:
        rng: generator.
        count: of cases.
        tests, readers: their numbers.
        ever_new: every case has readers of its own, so that means over many cases are
            means over as many readers.

    Returns:
        labels `(n,)` and ratings `(tests, readers, n)`.
    """
    labels = np.arange(count) % 2 == 0
    def normal(variance, *shape):
        return rng.normal(size=shape) * np.sqrt(variance)
    # Effects of readers differ between cases with and without cancer.
    effects = count if ever_new else 2
    skill = (normal(READER, 1, readers, effects)
             + normal(READER_TEST, tests, readers, effects))
    return labels, (
        DISTANCE * labels + (skill if ever_new else skill[..., labels.astype(int)])
        + normal(CASE, 1, 1, count) + normal(CASE_TEST, tests, 1, count)
        + normal(CASE_READER, 1, readers, count) + normal(REST, tests, readers, count))


def _readers(rng, scale):
    labels, values = ratings(rng, 200, readers=8)
    study = readers.study(labels, values)
    model = rng.normal(size=len(labels)) + DISTANCE * labels
    return {
        "difference of tests (readers and cases)": readers.difference(
            study, 0, 1).estimate,
        "mean of readers": readers.mean(
            study.areas[0], study.matrix[0, :, 0]).estimate,
        "model less mean of readers": readers.against_readers(
            labels, model, values[0]).estimate}


MEAN_READER = float(special.ndtr(DISTANCE / np.sqrt(2 * (1 + READER + READER_TEST))))


def marks(rng: np.random.Generator, count: int) -> localization.Marks:
    """Marks on images, half of them with one or two lesions, of two views a woman."""
    lesions = np.where(np.arange(count) % 4 < 2, rng.integers(1, 3, count), 0)
    lesion_image = np.repeat(np.arange(count), lesions)
    ease = rng.normal(size=(count + 1) // 2).repeat(2)[:count] * 0.6
    rating = rng.normal(size=len(lesion_image)) * 0.8 + 1.2 + ease[lesion_image]
    missed = rng.random(len(rating)) < 0.15
    false_image = np.repeat(np.arange(count), rng.poisson(1.2, count))
    return localization.Marks(
        count, false_image, rng.normal(size=len(false_image)), lesion_image,
        np.where(missed, -np.inf, rating), tuple(np.arange(count) // 2))


def _localization(rng, scale):
    reading = marks(rng, 240 * scale)
    at_rates = localization.sensitivity_at(
        reading, (0.25, 1.0), runs=1000 if scale == 1 else 1)
    return {"JAFROC": localization.jafroc_estimate(reading),
            "FROC at 0.25 false marks": at_rates[0],
            "FROC at 1 false mark": at_rates[1]}


def _groups(rng, scale):
    labels, scores, groups = women(rng, 200 * scale)
    inside = rng.random(200 * scale)[groups] < 0.3
    rows = subgroups.describe(
        labels, scores[0], {"group": np.where(inside, "a", "b")}, threshold=THRESHOLD,
        groups=groups)
    return {"AUC of a group": rows[0].auc, "sensitivity of a group":
            rows[0].sensitivity, "gap of a group": rows[0].gap.difference}


def _reading(rng, scale):
    """Readers who decide by their ratings at a threshold of their own."""
    labels, values = ratings(
        rng, 400 * scale, tests=1, readers=14, ever_new=scale > 1)
    scores = rng.normal(size=len(labels)) + DISTANCE * labels
    ways = reading.simulate(
        labels, scores, values[0] >= THRESHOLD, reading.Plan(
            1.5, below=0.0, above=2.5, prevalence=PREVALENCE))
    names = {"recall_rate": "recall", "cancer_detection_rate": "detection",
             "reads": "reads"}
    return {f"{way}: {text}{kind}": (results["change"] if kind else results)[rate]
            for way, results in ways.items() for rate, text in names.items()
            for kind in ("", ", change")
            if (results["change"] if kind else results)[rate].high
            > (results["change"] if kind else results)[rate].low + 1e-9}


STUDIES = {
    "sites": Study(_sites, {"AUC of a site": AREA, "difference of models": 0.0,
                            "difference of sites": 0.0}, 1),
    "operating points": Study(_points, _rates()),
    "calibration and net benefit": Study(_calibration),
    "readers": Study(_readers, {
        "difference of tests (readers and cases)": 0.0, "mean of readers": MEAN_READER,
        "model less mean of readers": AREA - MEAN_READER}, 1),
    "localization": Study(_localization),
    "groups": Study(_groups, {"AUC of a group": AREA, "gap of a group": 0.0}),
    "reading": Study(_reading, large=500),
}
