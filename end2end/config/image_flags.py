"""The image settings as flags that win, where typed, over those stored with a model."""

import argparse
import dataclasses

from end2end.config import options

NAMES = ("size", "height", "stretch_max_to", "intensity_scale", "equalize_histogram",
         "center", "pixel_mean", "breast_only", "remove_pectoral", "crop_breast")


def add(parser: argparse.ArgumentParser) -> None:
    """Adds the flags; one that is not typed leaves no trace in the arguments."""
    section = argparse.ArgumentParser(add_help=False)
    options.add_options(section, options.ImageOptions, only=NAMES)
    group = parser.add_argument_group(
        "Image settings (default: those stored with the model)")
    for action in section._actions:
        action.default = argparse.SUPPRESS
        if action.help != argparse.SUPPRESS:
            action.help = action.help.split(" (default")[0]
        group._add_action(action)


def typed(arguments: argparse.Namespace) -> dict[str, object]:
    """The settings that were typed, as a dict of fields of `ImageOptions`."""
    names = {setting.name for setting in dataclasses.fields(options.ImageOptions)}
    return {name: value for name, value in vars(arguments).items() if name in names}
