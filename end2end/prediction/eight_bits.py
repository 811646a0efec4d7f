"""A converted network in eight-bit integers, taken only where its scores stay.

    images = eight_bits.trial(classifier, "validation/")
    graph, figures = eight_bits.quantized(graph, images)
    if not figures.refusals: ...                    # the graph may be used

NNCF finds the range of each layer on images. Where the scores then move too far, the
layers that move them most for what they save compute in float32 again, as many as are
needed. Whether that suffices is measured on the same images with the compiled network.
"""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from end2end import images
from end2end.data import image_lists
from end2end.metrics import roc
from end2end.prediction import engines, integer_layers, scoring
from end2end.utils import distribution, files

if TYPE_CHECKING:
    import openvino

    from end2end import checkpoints

# What eight bits may change: AUC on the images of the trial, either way (a rise of AUC
# that no training brought is chance), and the share of these images whose score gets to
# the other side of a threshold that the card states.
MOST_CHANGE = 0.002
MOST_CROSSING = 0.005
# A threshold that was found on these images is the score of one of them, which has no
# side: any engine would move half of such images. They are told apart and not counted.
ON_THRESHOLD = 1e-4
# A model without operating points is held to the threshold of its accuracy.
USUAL_THRESHOLD = 0.5
# With fewer images a change of AUC or a crossing says little.
FEWEST = 20
# Images on which the layers are ranked by how far they move the scores; each layer
# takes a pass over them for each rule of ranges.
RANKING = 16
# Probabilities nearer to 0 or 1 than this are moved there before their logarithm.
CLIP = 1e-6
# Turns of both networks in which their speed is compared.
TURNS = 9
SCHEMES = ("plain", "flips")


@dataclasses.dataclass(frozen=True, eq=False)
class Trial:
    """Labelled images on which eight bits are tried.

    Attributes:
        inputs: float32 arrays `(height, width, channels)`, as the network takes them.
        labels: integer array `(n,)`, 1 for cancer.
        thresholds: by scheme (`SCHEMES`), numbers; the schemes whose scores are held.
        position: of cancer among the outputs.
    """

    inputs: Sequence[NDArray[np.float32]]
    labels: NDArray[np.integer]
    thresholds: Mapping[str, Sequence[float]]
    position: int = 1

    def scores(self, network: Callable, numbers: Iterable[int] | None = None
               ) -> dict[str, NDArray[np.float32]]:
        """Probabilities of cancer `(n,)` by scheme.

        Args:
            network: as of `engines.Network`.
            numbers: of the images; None: all.
        """
        chosen = range(len(self.inputs)) if numbers is None else numbers
        flips = scoring.FLIPS if "flips" in self.thresholds else scoring.FLIPS[:1]
        values = np.concatenate([scoring.predict_inputs(
            network, self.inputs[number][None], flips=flips)[..., self.position]
            for number in chosen])
        averages = dict(plain=values[:, 0], flips=values.mean(axis=1))
        return {scheme: averages[scheme] for scheme in self.thresholds}


@dataclasses.dataclass(frozen=True)
class Figures:
    """What eight bits did to the scores of a trial.

    Attributes:
        images, cancers: number of images, and of those with cancer.
        auc: by scheme, of float32.
        change: of AUC, the greatest of the schemes; negative where it falls.
        crossing: images whose score crosses a threshold.
        on_threshold: images whose float32 score is a threshold; not among `crossing`
            for that one.
        move: greatest change of a score.
        layers, in_float32: convolutions and matrix products, and those of them that
            stay in float32.
        seconds: of one image in float32 and in eight bits, medians of turns.
    """

    images: int
    cancers: int
    auc: dict[str, float]
    change: float
    crossing: int
    on_threshold: int
    move: float
    layers: int = 0
    in_float32: int = 0
    seconds: tuple[float, float] = (0.0, 0.0)

    @property
    def excess(self) -> float:
        """How many times the greatest permitted change; above 1 is refused."""
        return max(abs(self.change) / MOST_CHANGE,
                   self.crossing / self.images / MOST_CROSSING)

    @property
    def refusals(self) -> tuple[str, ...]:
        """Why eight bits are not taken, sentences; empty where they are."""
        reasons = []
        if abs(self.change) > MOST_CHANGE:
            reasons.append(
                f"AUC changes by {self.change:+.4f}, more than {MOST_CHANGE}")
        if self.crossing > MOST_CROSSING * self.images:
            reasons.append(
                f"{self.crossing} of {self.images} scores cross a threshold, more than "
                f"{100 * MOST_CROSSING} %")
        if self.layers == self.in_float32:
            reasons.append("no layer keeps the scores")
        elif self.seconds[1] >= self.seconds[0] > 0:
            reasons.append("it is not faster than float32 on this processor")
        return tuple(reasons)

    def sentences(self) -> list[str]:
        """The figures, for a reader."""
        auc = ", ".join(f"{value:.4f} ({scheme})" for scheme, value in self.auc.items())
        # With no crossing among n images the true share may still be 3 / n.
        limit = 3 / self.images if not self.crossing else None
        bound = "" if limit is None else (
            f" (so, with 95 % confidence, less than {100 * limit:.2g} % of all)")
        return [
            f"{self.images} images, {self.cancers} with cancer; AUC in float32 {auc}",
            f"AUC changes by {self.change:+.4f}; {self.crossing} scores cross a "
            f"threshold{bound}, {self.on_threshold} lie on one; scores move by at most "
            f"{self.move:.4f}",
            f"{self.layers - self.in_float32} of {self.layers} layers in eight bits, "
            f"{self.in_float32} in float32",
            f"{1000 * self.seconds[1]:.3g} ms per image, {self.speed:.2f} times as "
            f"fast as float32 ({1000 * self.seconds[0]:.3g} ms), on this processor"]

    @property
    def speed(self) -> float:
        """How many times as fast as float32."""
        return self.seconds[0] / self.seconds[1] if self.seconds[1] else 0.0


def check() -> None:
    """Raises files.InputError unless the packages that do the work are installed."""
    distribution.require("openvino", "nncf", purpose="--eight-bits", extra="fast")


def thresholds(card: Mapping[str, Any]) -> dict[str, list[float]]:
    """The thresholds of a card by scheme; the scores of single images always count."""
    by_scheme = {scheme: [] for scheme in SCHEMES}
    for row in card.get("operating_points") or ():
        if row.get("scheme", "plain") in SCHEMES:
            by_scheme[row.get("scheme", "plain")].append(float(row["threshold"]))
    if not any(by_scheme.values()):
        by_scheme["plain"] = [USUAL_THRESHOLD]
    return {scheme: values for scheme, values in by_scheme.items()
            if values or scheme == "plain"}


def trial(classifier: checkpoints.Classifier, source: files.Path) -> Trial:
    """Labelled images for a classifier.

    Args:
        classifier: of the classes `neg` and `pos`.
        source: manifest, or folder with the folders `neg` and `pos`; the validation
            images of the model, say. In memory an image takes 4 bytes per pixel and
            channel of the network's input.

    Raises:
        files.InputError: an image cannot be read, or see `check_labels`.
    """
    scoring.check_classes(classifier)
    listed = image_lists.find_images(source, classifier.classes)
    check_labels(listed.labels, source)
    position = classifier.classes.index("pos")
    inputs = [scoring.network_input(images.read(path), classifier.images)[0]
              for path in listed.paths]
    return Trial(inputs, (listed.labels == position).astype(int),
                 thresholds(classifier.card), position)


def check_labels(labels: NDArray[np.integer] | None, source: object) -> None:
    """Refuses images on which nothing can be decided.

    Args:
        labels: class numbers, below 0 where unknown.
        source: of the images, for the message.

    Raises:
        files.InputError: too few, without labels, or all of one class.
    """
    if labels is None or (np.asarray(labels) < 0).any():
        raise files.InputError(
            f"--eight-bits {source}: not every image has a label; expected a manifest "
            "with the column label, or the folders neg and pos.")
    if len(labels) < FEWEST or len(set(np.asarray(labels).tolist())) < 2:
        raise files.InputError(
            f"--eight-bits {source}: {len(labels)} images of "
            f"{len(set(np.asarray(labels).tolist()))} classes; expected {FEWEST} or "
            "more, with and without cancer. Give more images.")


def quantized(graph: openvino.Model, trial: Trial) -> tuple[openvino.Model, Figures]:
    """A graph in eight bits, with float32 where the scores need it.

    Args:
        graph: as of `engines.converted`; it stays as it is.
        trial: `Trial`.

    Returns:
        The graph and `Figures`, whose `refusals` say whether it may be used.
    """
    exact = engines.Network(graph, "f32")
    expected = trial.scores(exact)
    graphs = integer_layers.quantized(graph, trial.inputs)
    order = ranked(graph, graphs, trial, exact)

    def first(count):
        """The first groups in eight bits, and what they do to the scores."""
        result = integer_layers.mixed(graph, graphs, dict(order[:count]))
        rounded = engines.Network(result, "f32")
        return result, rounded, compared(expected, trial.scores(rounded), trial)

    result, rounded, figures = _most(first, len(order))
    layers, in_float32 = integer_layers.count(result)
    return result, dataclasses.replace(
        figures, layers=layers, in_float32=in_float32,
        seconds=alternating(trial.inputs[0][None], exact, rounded))


def ranked(graph: openvino.Model, graphs: Mapping[str, openvino.Model], trial: Trial,
           exact: engines.Network) -> list[tuple[str, str]]:
    """Names of groups of layers, each with the rule of ranges that moves scores less;
    first those that move them least for the arithmetic that they save.

    Args:
        graph: in float32.
        graphs: as of `integer_layers.quantized`.
        trial: `Trial`.
        exact: the compiled `graph`.
    """
    count = len(trial.inputs)
    numbers = range(0, count, max(1, count // RANKING))
    trial = dataclasses.replace(trial, thresholds={"plain": []})

    def odds(network):
        scores = np.clip(trial.scores(network, numbers)["plain"], CLIP, 1 - CLIP)
        return np.log(scores / (1 - scores))

    def move(name, rule):
        mixed = integer_layers.mixed(graph, graphs, {name: rule})
        return float(np.mean((odds(engines.Network(mixed, "f32")) - expected) ** 2))

    expected = odds(exact)
    rows = []
    for group in integer_layers.groups(graphs):
        least, rule = min((move(group.name, rule), rule) for rule in graphs)
        rows.append((least / group.operations, group.name, rule))
    return [(name, rule) for _, name, rule in sorted(rows)]


def _most(first, count):
    """`first` of the greatest number of groups that is permitted, by halving; of 0,
    float32, where none is."""
    best, low, high = first(count), 0, count
    if best[-1].excess <= 1:
        return best
    best = first(0)
    while high - low > 1:
        middle = (low + high) // 2
        tried = first(middle)
        if tried[-1].excess <= 1:
            best, low = tried, middle
        else:
            high = middle
    return best


def compared(expected: Mapping[str, NDArray[np.float32]],
             scores: Mapping[str, NDArray[np.float32]], trial: Trial) -> Figures:
    """`Figures` of scores by scheme against those of float32, without the layers."""
    crossing, lying = np.zeros((2, len(trial.labels)), bool)
    for scheme, limits in trial.thresholds.items():
        before, after = expected[scheme], scores[scheme]
        for limit in limits:
            lies = np.abs(before - limit) <= ON_THRESHOLD
            crossing |= ((before >= limit) != (after >= limit)) & ~lies
            lying |= lies
    auc = {scheme: roc.auc(trial.labels, expected[scheme]) for scheme in expected}
    changes = [roc.auc(trial.labels, scores[scheme]) - auc[scheme] for scheme in auc]
    return Figures(
        images=len(trial.labels), cancers=int(np.sum(trial.labels)), auc=auc,
        change=max(changes, key=abs), crossing=int(crossing.sum()),
        on_threshold=int(lying.sum()),
        move=max(float(np.abs(expected[scheme] - scores[scheme]).max())
                 for scheme in expected))


def alternating(inputs: NDArray[np.float32], *networks: Callable) -> tuple[float, ...]:
    """Median seconds of networks that take turns, since a machine's speed drifts."""
    times = [[] for _ in networks]
    for _ in range(TURNS):
        for network, seconds in zip(networks, times, strict=True):
            started = time.perf_counter()
            network(inputs)
            seconds.append(time.perf_counter() - started)
    return tuple(map(statistics.median, times))
