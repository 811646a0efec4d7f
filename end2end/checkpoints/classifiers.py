"""A saved model with what is needed to use it: image settings, classes, card."""

import dataclasses
import logging
import pathlib
from typing import TYPE_CHECKING

from end2end import config
from end2end.checkpoints import outputs, published, saved_models, trials
from end2end.config import model_flags
from end2end.model_files import safe_loading
from end2end.utils import files

if TYPE_CHECKING:
    import keras

log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Classifier:
    """A model with what is needed to use it.

    Attributes:
        model: `keras.Model`; float32 `(b, height, width, channels)`, of a model of two
            views a pair of such, to probabilities.
        images: how a file becomes its input.
        classes: names of the outputs, in order.
        name: of the model, for reports.
        card: everything that travels with the model (docs/models.md).
        cautions: sentences on what nobody says of the model, such as which output is
            cancer; they are flags of every score.
    """

    model: "keras.Model"
    images: config.ImageOptions
    classes: tuple
    name: str
    card: dict
    cautions: tuple = ()

    @property
    def takes_breasts(self) -> bool:
        """Whether it takes CC and MLO of a breast at once."""
        return self.card.get("kind") == outputs.TWO_VIEWS


def load_classifier(
        path: str | pathlib.Path, images: config.ImageOptions | None = None, *,
        typed: dict | None = None,
        output_options: model_flags.OutputOptions = model_flags.AS_STORED,
        breasts: bool = False) -> Classifier:
    """Reads a model with the image settings that it was trained with.

    Args:
        path: as for `load_model`.
        images: settings that win over those stored.
        typed: fields of `ImageOptions` by name, as typed by a user, that replace
            those stored with the model.
        output_options: what the user says of the outputs.
        breasts: whether a model of two views can be used where it is asked for.

    Raises:
        files.InputError: as `load_model`, or nobody says how images must be prepared,
            or the outputs are no probabilities.
    """
    path = safe_loading.existing_model(path)
    model, card = saved_models.read(path)
    is_foreign = saved_models.is_foreign(path, card)
    card = saved_models.card_beside(path, card)
    outputs.check_ends(model, path.name, card)
    if card.get("kind") == outputs.TWO_VIEWS and not breasts:
        raise files.InputError(
            f"model {path.name} takes CC and MLO of a breast at once, which evaluate, "
            "predict and export do; give a model of one image here.")
    card = card or published.card(model, path.stem, by_structure=images is None)
    cut = published.cut_before_end(model)
    if cut:
        log.info("%s was cut by the original before the end of its trunk, at %s; it is "
                 "used as it was trained.", path.name, cut)
    images = _fitted(_settings(path, images, typed or {}, card), model, path)
    settled = outputs.settled(model, card, output_options, path.name)
    if settled.caution:
        log.warning("%s.", settled.caution)
    elif settled.reason:
        log.info("%s: %s.", path.name, settled.reason)
    if not is_foreign:
        trials.check(settled.model, path.name, _sides(images))
    elif not saved_models.has_fixed_size(model):
        trials.in_isolation(path, _sides(images))
    return Classifier(
        settled.model, images, settled.classes, card.get("name") or path.stem, card,
        (settled.caution,) if settled.caution else ())


def _settings(path, images, typed, card):
    """Image settings: those given, those stored, or those typed alone."""
    if images is None and card.get("images"):
        images = config.from_dict(config.ImageOptions, card["images"])
    if images is None and typed:
        # A model without settings of its own is described by the flags alone.
        return config.fill(config.ImageOptions, typed)
    if images is None:
        raise files.InputError(
            f"model {path}: nothing says how its images were prepared; expected "
            f"{saved_models.config_path(path).name} beside it, a published model, or "
            "the settings as flags (--img-size, --rescale-factor, "
            "--featurewise-mean).")
    return dataclasses.replace(images, **typed)


def _fitted(images, model, path):
    """The settings with the channels of the model, checked against its input size."""
    *size, channels = model.inputs[0].shape[1:]
    expected = [side for side, fixed in zip(images.size, size, strict=True)
                if fixed is not None and side != fixed]
    if images.height is None and expected:
        raise files.InputError(
            f"model {path} takes images of {_size(size)}, but they would be "
            f"prepared at {_size(images.size)}; correct --img-size or "
            f"{saved_models.config_path(path).name}.")
    if images.height is not None and size != [None, None]:
        raise files.InputError(
            f"model {path} takes images of {_size(size)} only, but --img-height asks "
            "for their natural width; give --img-size.")
    return dataclasses.replace(images, channels=channels)


def _size(sides):
    return "x".join("any" if side is None else str(side) for side in sides)


def _sides(images):
    """Height and width of an image as it is prepared, of the usual aspect if free."""
    if images.height is None:
        return tuple(images.size)
    return images.height, max(1, images.height * 3 // 4)
