"""The command line that all training programs share: TRAIN VAL TEST and flags."""

import argparse
import dataclasses
import os
from collections.abc import Collection, Mapping, Sequence

from end2end.config import options
from end2end.utils import commands, files

GROUPS = options.TRAINING_GROUPS
# TensorFlow leaves oneDNN's convolutions off on processors without VNNI. They halve the
# processor time of a training step of the Yaroslav network on 64x64 patches (0.99 to
# 0.48 s on two AVX2 cores) and change that of ResNet50 little (4.7 to 4.3 s).
ENVIRONMENT = {"TF_ENABLE_ONEDNN_OPTS": "1"}


def parser(
        program: str, description: str, *, script: str,
        leave_out: Collection[str] = ()) -> commands.Parser:
    """The parser of a training program.

    Args:
        program: as typed, such as `ddsm_train.patch_clf_train`.
        description: shown by `--help`.
        script: key of `config.SCRIPT_DEFAULTS`, whose defaults hold.
        leave_out: names of fields that this program has no flag for.
    """
    parser = commands.Parser(program=program, description=description)
    for split in ("train", "val", "test"):
        parser.add_argument(f"{split}_dir", metavar=split.upper(),
                            help="class folders, or a CSV manifest")
    parser.add_argument(
        "--experiment", metavar="NAME",
        help="set the flags of a named experiment; those typed beside it win")
    names = [setting.name for group in GROUPS for setting in dataclasses.fields(group)
             if setting.name not in leave_out]
    options.add_options(
        parser, *GROUPS, only=names, defaults=options.script_defaults(script))
    return parser


def parse(
        parser: argparse.ArgumentParser, argv: Sequence[str] | None,
        experiments: Mapping[str, Sequence[object]]
) -> tuple[tuple[str, str, str], options.ImageOptions, options.ModelOptions,
           options.TrainingOptions]:
    """Parses a training command.

    Args:
        parser: from `parser`.
        argv: list of words; None for those of the process.
        experiments: dict of flags, a tuple of words, by name of the experiment.

    Returns:
        (train, val, test), `ImageOptions`, `ModelOptions`, `TrainingOptions`.

    Raises:
        files.InputError: there is no experiment of that name.
    """
    arguments = parser.parse_args(argv)
    set_environment()
    name = arguments.experiment
    if name is not None:
        if name not in experiments:
            raise files.InputError(
                f"experiment {name!r} is not known here; expected one of "
                f"{', '.join(experiments)}.")
        # Later flags win, so those of the experiment come before those typed.
        typed = commands.words(argv)
        arguments = parser.parse_args(
            [*map(str, experiments[name]), "--experiment", name, *typed])
    folders = arguments.train_dir, arguments.val_dir, arguments.test_dir
    return folders, *(options.fill(group, arguments) for group in GROUPS)


def set_environment() -> None:
    """Sets `ENVIRONMENT` but for what a user set; TensorFlow reads it when it is
    imported, which is later."""
    for variable, value in ENVIRONMENT.items():
        os.environ.setdefault(variable, value)
