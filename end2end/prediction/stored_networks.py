"""Converted networks beside their models, so that Keras need not be started.

    best.h5
    best.openvino/float32.xml, .bin, eight_bits.xml, .bin, record.json

`end2end export --to openvino` writes the folder. It is used as long as the model, its
card and OpenVINO are those that it was made with; each is known by content or version.
"""

from __future__ import annotations

import dataclasses
import logging
import pathlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import end2end
from end2end import checkpoints, config
from end2end.checkpoints import card_fields
from end2end.config import model_flags
from end2end.prediction import engines
from end2end.utils import distribution, files, programs

if TYPE_CHECKING:
    import openvino

log = logging.getLogger(__name__)

SUFFIX = ".openvino"
RECORD = "record.json"
EXACT, EIGHT_BITS = "float32", "eight_bits"
# Fields of `ImageOptions` that shape the network's input and so the converted network.
SHAPING = ("size", "height", "channels")


@dataclasses.dataclass(frozen=True)
class Stored:
    """A converted network that is valid for its model.

    Attributes:
        folder: where it lies.
        record: what `write` noted, checked.
        images: as `checkpoints.Classifier.images`.
    """

    folder: pathlib.Path
    record: dict
    images: config.ImageOptions

    @property
    def graph(self) -> str:
        """Name of the graph that is used: eight bits where they were accepted."""
        eight = self.record.get(EIGHT_BITS) or {}
        return EIGHT_BITS if eight.get("accepted") else EXACT

    def digest(self) -> str | None:
        """SHA-256 of a graph that moves scores, None for float32."""
        return (self.record["files"][f"{EIGHT_BITS}.bin"]
                if self.graph == EIGHT_BITS else None)

    def classifier(self) -> checkpoints.Classifier:
        """The classifier, its network compiled for this processor."""
        import openvino

        graph = openvino.Core().read_model(self.folder / f"{self.graph}.xml")
        if self.graph == EIGHT_BITS:
            network = engines.Network(graph, "f32", name=engines.EIGHT_BITS)
        else:
            # What was tried on another processor says nothing of this one.
            known = self.record["capabilities"] == engines.capabilities()
            network = engines.Network(
                graph, self.record["precision"] if known else "f32")
        card = self.record["card"]
        cautions = tuple(card.get("cautions") or ())
        classes = card.get("classes") or checkpoints.outputs.CLASSES
        return checkpoints.Classifier(
            network, self.images, tuple(classes), card["name"], card, cautions)


def load(model: files.Path, stored: Stored | None, **options: Any
         ) -> checkpoints.Classifier:
    """A classifier from what is stored beside its model, else from the model.

    Args:
        model: path.
        stored: as of `find`.
        options: `typed` and `output_options` of `checkpoints.load_classifier`.
    """
    return stored.classifier() if stored else checkpoints.load_classifier(
        model, **options)


def fast(classifier: checkpoints.Classifier, stored: Stored | None
         ) -> checkpoints.Classifier:
    """A classifier with its network by OpenVINO: what is stored beside its model, else
    what `engines.fast` makes of the network of Keras.

    Args:
        classifier: of Keras, or of `stored`.
        stored: as of `find`.
    """
    if isinstance(classifier.model, engines.Network):
        return classifier
    return stored.classifier() if stored else dataclasses.replace(
        classifier, model=engines.fast(classifier.model, classifier.images))


def folder(model: files.Path) -> pathlib.Path:
    """Where the converted network of a model lies: `best.h5` to `best.openvino`."""
    return pathlib.Path(model).with_suffix(SUFFIX)


def key(model: files.Path) -> dict[str, str | None]:
    """What a converted network depends on: contents of the model and of the card beside
    it, versions of the programs."""
    card = checkpoints.config_path(model)
    return dict(
        model=files.sha256(model), card=files.sha256(card) if card.is_file() else None,
        end2end=end2end.__version__,
        openvino=distribution.installed().get("openvino", ""))


def write(place: pathlib.Path, model: files.Path, graphs: Mapping[str, openvino.Model],
          **facts: Any) -> None:
    """Writes graphs and record into a new folder.

    Args:
        place: the folder, which must not exist.
        model: path of the model.
        graphs: by name, `EXACT` and perhaps `EIGHT_BITS`.
        facts: `card`, as of `export.settled_card`; `precision`, of the exact graph on
            this processor; `eight_bits`, a dict of figures, or None.
    """
    import openvino

    place.mkdir()
    for name, graph in graphs.items():
        openvino.save_model(graph, place / f"{name}.xml", compress_to_fp16=False)
    digests = {path.name: files.sha256(path) for path in sorted(place.iterdir())}
    files.write_json(place / RECORD, dict(
        key=key(model), files=digests, capabilities=engines.capabilities(), **facts))


def exact(place: pathlib.Path) -> engines.Network:
    """The float32 network of a folder that `write` wrote, valid or not."""
    import openvino

    return engines.Network(
        openvino.Core().read_model(place / f"{EXACT}.xml"), "f32")


def find(model: files.Path, typed: Mapping[str, Any] | None = None,
         outputs: model_flags.OutputOptions = model_flags.AS_STORED) -> Stored | None:
    """The converted network of a model, None where there is none that is valid.

    What makes one invalid is logged.

    Args:
        model: path.
        typed: fields of `ImageOptions` in place of the model's own.
        outputs: what the user says of the outputs; a converted network is of those
            that the model states.

    Raises:
        files.InputError: its record is damaged.
    """
    place, typed = folder(model), dict(typed or {})
    if not (place / RECORD).is_file():
        return None
    if outputs != model_flags.AS_STORED or set(typed) & set(SHAPING):
        log.info("%s is left aside: size or outputs are typed.", place)
        return None
    record = _read(place / RECORD)
    changed = [name for name, value in key(model).items()
               if record["key"].get(name) != value]
    changed += [name for name, digest in record["files"].items()
                if not (place / name).is_file()
                or files.sha256(place / name) != digest]
    if changed:
        log.warning(
            "%s is not used, since %s changed after it was written; remove it, then: "
            "%s", place, " and ".join(changed),
            programs.line("end2end.export", model, "--to", "openvino"))
        return None
    images = config.from_dict(config.ImageOptions, record["card"]["images"])
    return Stored(place, record, dataclasses.replace(images, **typed))


def _read(path):
    """The record, with the fields that `Stored` needs."""
    record = files.read_json(path, "record of a converted network")
    known = isinstance(record, dict) and all(
        isinstance(record.get(name), kind) for name, kind in (
            ("key", dict), ("files", dict), ("card", dict), ("precision", str),
            ("capabilities", list), (EIGHT_BITS, dict | None)))
    names = [EXACT] + [EIGHT_BITS] * bool(
        known and (record[EIGHT_BITS] or {}).get("accepted"))
    if not (known and record["precision"] in engines.PRECISIONS
            and all(f"{name}{suffix}" in record["files"]
                    for name in names for suffix in (".xml", ".bin"))
            and isinstance(record["card"].get("name"), str)
            and isinstance(record["card"].get("images"), dict)):
        raise files.InputError(
            f"{path} is no record of a converted network; remove {path.parent}.")
    return record | dict(card=card_fields.checked(record["card"], str(path)))
