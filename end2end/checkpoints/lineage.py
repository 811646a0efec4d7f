"""Where a model comes from: its parent by content, and what the network is."""

import json
import logging
import pathlib
from typing import TYPE_CHECKING

from end2end import config
from end2end.checkpoints import published, saved_models
from end2end.model_files import safe_loading
from end2end.utils import files

if TYPE_CHECKING:
    import keras

log = logging.getLogger(__name__)

NOT_RECORDED = "not recorded"
DERIVED = "derived from a model under {}, which holds for this model too"


def parent(path: str | pathlib.Path) -> dict:
    """What a card says of the model that training started from.

    Args:
        path: of its file.

    Returns:
        dict with `file`, `sha256`, `trained_on`, `licence` and, as far as known,
        `name` and the `parent` of that model; `not recorded` for what nobody says.

    Raises:
        files.InputError: the file cannot be read, or its card is damaged.
    """
    path = pathlib.Path(path)
    with safe_loading.opened(path) as stored:
        inside = stored.card
    card = saved_models.card_beside(path, inside) or published.by_name(path.stem)
    names = {name: card[name] for name in ("name", "parent") if card.get(name)}
    return dict(
        names, file=path.name, sha256=files.sha256(path),
        trained_on=card.get("trained_on", NOT_RECORDED),
        licence=card.get("licence", NOT_RECORDED))


def licence(parent: dict) -> str:
    """The licence that a model inherits; empty where none is recorded."""
    text = parent.get("licence", NOT_RECORDED)
    return "" if text == NOT_RECORDED else (
        text if text.startswith("derived") else DERIVED.format(text))


def network(model: "keras.Model", options: config.ModelOptions) -> dict:
    """The settings of a network, read off its layers where these can be known.

    Args:
        model: the network that is trained.
        options: what was asked for; holds for what the layers do not tell.

    Returns:
        fields of `ModelOptions` as dict.
    """
    plan = config.to_dict(options) | published.read_plan(model)
    return json.loads(json.dumps(plan))
