"""The patch classifier of a heatmap as flags: its file and, where typed, its settings.

A published patch classifier or one without settings beside it is described by these
flags; those of the whole-image models do not reach it.
"""

import argparse

from end2end.config import flags, model_flags, options
from end2end.utils import files

MODEL = "--patch-model"
# Fields of `ImageOptions`.
NAMES = ("size", "intensity_scale", "pixel_mean")
_START = "patch_"


def add(parser: argparse.ArgumentParser, use: str) -> None:
    """Adds `--patch-model` and the flags of its settings.

    Args:
        parser: an `argparse` parser.
        use: what the heatmap of the classifier is for, for the help.
    """
    group = parser.add_argument_group(
        "Patch classifier (settings by default: those stored with it, or those of the "
        "published ones)")
    group.add_argument(MODEL, metavar="FILE", help=f"patch classifier {use}")
    add_settings(group)


def add_settings(group: argparse._ActionsContainer) -> None:
    """Adds the flags of the settings alone, to a parser or a group of one."""
    section = argparse.ArgumentParser(add_help=False)
    flags.add_options(section, options.ImageOptions, only=NAMES)
    for action in section._actions:
        if action.help == argparse.SUPPRESS:
            continue
        action.dest = _START + action.dest
        action.option_strings = [f"--patch-{action.option_strings[0].lstrip('-')}"]
        action.default = argparse.SUPPRESS
        action.help = f"of patches: {action.help.split(' (default')[0]}"
        group._add_action(action)
    group.add_argument("--patch-class-list", nargs="+", default=(), metavar="CLASS",
                       help="names of the patch classifier's outputs in their order")
    group.add_argument("--patch-output", choices=model_flags.OUTPUTS,
                       default=model_flags.OUTPUTS[0],
                       help="logits: the patch classifier ends without softmax")


def typed(arguments: argparse.Namespace) -> dict[str, object]:
    """The typed image settings of patches, a dict of fields of `ImageOptions`."""
    return {name: getattr(arguments, _START + name) for name in NAMES
            if hasattr(arguments, _START + name)}


def outputs(arguments: argparse.Namespace) -> model_flags.OutputOptions:
    """What was typed of the outputs."""
    return model_flags.OutputOptions(
        tuple(arguments.patch_class_list), arguments.patch_output)


def check(arguments: argparse.Namespace) -> None:
    """Raises `files.InputError` for settings without a patch model."""
    if not arguments.patch_model and (
            typed(arguments) or outputs(arguments) != model_flags.AS_STORED):
        raise files.InputError(
            f"settings of patches (--patch-img-size, ...) are typed without {MODEL} "
            "FILE; give both or neither.")
