"""Prints docs/flags.md: every flag of the training and sampling programs.

    end2end config > docs/flags.md
"""

import argparse
import importlib
import re
from collections.abc import Sequence

from end2end.config.flags import DEAD_FLAGS, shown
from end2end.utils import commands, programs

PROGRAMS = (
    "ddsm_train.patch_clf_train", "ddsm_train.image_clf_train",
    "ddsm_train.sample_patches_combined", "ddsm_train.sample_patches_main",
    "ddsm_train.heatmap_score")
PREFACE = """# Flags

Printed by `end2end config`; do not edit. Every flag of the original's
programs is here with its default, so an old command runs with its first words changed:
`python image_clf_train.py` becomes `end2end ddsm image-clf-train`, or
`python -m ddsm_train.image_clf_train`.

- A flag is not to be abbreviated; a mistyped flag is an error.
- Epoch flags are end points of the run and not counts: `--nb-epoch 3
  --top-layer-epochs 13 --all-layer-epochs 50` trains 3, 10 and 37 epochs.
- `--experiment NAME` sets the flags of a named experiment; flags typed beside it win.
- The environment variables `RANDOM_SEED` (12345) and `NUM_CPU_CORES` (4) are the
  defaults of `--seed` and `--workers`.
- Flags that never had an effect in the original are taken with a warning by
  `patch_clf_train`: {dead}.
"""
ENDING = """
**Next:** [training](training.md), [settings](reference/settings.md).
"""


def document() -> str:
    """The text of docs/flags.md, from the parsers of the programs."""
    dead = ", ".join(f"`{flag}`" for flag in DEAD_FLAGS)
    parts = [PREFACE.format(dead=dead)]
    for program in PROGRAMS:
        parser = importlib.import_module(program).parser()
        parts += [f"## `end2end {programs.words(program)}`\n", table(parser)]
    return "\n".join(parts) + ENDING


def table(parser: argparse.ArgumentParser) -> str:
    """The flags of a parser as a Markdown table."""
    off, rows = {}, ["| flag | default | meaning |", "|---|---|---|"]
    for action in parser._actions:
        if action.help is argparse.SUPPRESS and action.dest != "_dead":
            off.setdefault(action.dest, []).extend(action.option_strings)
    for action in parser._actions:
        if action.dest in ("help", "version") or action.help is argparse.SUPPRESS:
            continue
        flags = ", ".join(f"`{flag}`" for flag in (
            *action.option_strings, *off.get(action.dest, ())))
        meaning = re.sub(r" \(default: .*\)$", "", action.help or "")
        if not action.option_strings:
            rows.append(f"| {action.metavar or action.dest} | required | {meaning} |")
        else:
            rows.append(f"| {flags} | {shown(action.default)} | {meaning} |")
    return "\n".join(rows) + "\n"


def parser() -> commands.Parser:
    """The command line, which has no flags."""
    return commands.Parser(program="end2end.config", description=__doc__)


def main(argv: Sequence[str] | None = None) -> None:
    """Prints docs/flags.md: `end2end config > docs/flags.md`."""
    parser().parse_args(argv)
    print(document(), end="")


if __name__ == "__main__":
    commands.run(main)
