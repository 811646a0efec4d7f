"""Fields of option dataclasses as command-line flags, and the flags of the past."""

import argparse
import dataclasses
import importlib
import logging
import math
import re

log = logging.getLogger(__name__)

# Flags that the original's programs took and never used.
DEAD_FLAGS = (
    "--nb-init-filter", "-nif", "--init-filter-size", "-ifs", "--init-conv-stride",
    "-ics",
    "--max-pooling-size", "-mps", "--max-pooling-stride", "-mpr", "--alpha",
    "--l1-ratio",
    "--inp-dropout", "-id",
)


def option(default, *flags, off=(), help="", limits=(None, None), **keywords):
    """A dataclass field that is also a command-line flag.

    Args:
        default: the value without the flag.
        flags: its spellings; none for a field that no command line sets.
        off: spellings that store None (the original's `--no-img-scale`).
        help: one sentence for `--help` and docs/flags.md.
        limits: least and greatest value of a number, None where there is none.
        keywords: passed to `argparse` (`type`, `nargs`, `choices`).
    """
    return dataclasses.field(
        default=default,
        metadata=dict(flags=flags, off=off, help=help, limits=limits, **keywords)
    )


def number_or_auto(text):
    """A finite number, or the word `auto` (found from the images)."""
    return text if text == "auto" else _number(float, None, None)(text)


class _Dead(argparse.Action):
    """Takes a flag that never had an effect, and says so."""

    def __call__(self, parser, namespace, values, flag=None):
        log.warning(
            "%s has no effect (nor had it in the original); remove it.", flag)


def add_options(parser, *groups, only=None, defaults=None):
    """Adds one flag per field of each dataclass.

    Args:
        parser: an `argparse` parser.
        groups: option dataclasses.
        only: names of the fields to add; all where None.
        defaults: values by field name, where they differ from the dataclass.
    """
    defaults = defaults or {}
    for group in groups:
        section = parser.add_argument_group(group.__doc__.rstrip("."))
        for setting in dataclasses.fields(group):
            if setting.metadata["flags"] and (only is None or setting.name in only):
                _add_flag(section, setting, defaults.get(
                    setting.name, setting.default))


def _add_flag(section, setting, default):
    keywords = dict(setting.metadata)
    flags, off = keywords.pop("flags"), keywords.pop("off")
    limits = keywords.pop("limits")
    if keywords.get("type") in (int, float):
        keywords["type"] = _number(keywords["type"], *limits)
    if isinstance(setting.default, bool):
        keywords["action"] = argparse.BooleanOptionalAction
    keywords["help"] += f" (default: {shown(default)})"
    section.add_argument(*flags, dest=setting.name, default=default, **keywords)
    if off:
        section.add_argument(*off, dest=setting.name, action="store_const", const=None,
                             help=argparse.SUPPRESS)


def _number(kind, least, most):
    """A converter for argparse that takes finite numbers within limits."""
    def convert(text):
        value = kind(text)
        if (not math.isfinite(value) or (least is not None and value < least)
                or (most is not None and value > most)):
            upper = "" if most is None else f" to {most}"
            lower = "a finite number" if least is None else f"a number from {least}"
            raise argparse.ArgumentTypeError(f"{text}: expected {lower}{upper}")
        return value
    convert.__name__ = kind.__name__
    return convert


def add_dead_flags(parser):
    """Accepts the flags that never had an effect, hidden from the help."""
    for flag in DEAD_FLAGS:
        parser.add_argument(flag, action=_Dead, nargs=1, dest="_dead",
                            default=argparse.SUPPRESS, help=argparse.SUPPRESS)


def shown(value):
    """A default as a user would type it."""
    if isinstance(value, (tuple, list)):
        return " ".join(map(str, value))
    return str(value)


PROGRAMS = (
    "ddsm_train.patch_clf_train", "ddsm_train.image_clf_train",
    "ddsm_train.sample_patches_combined", "ddsm_train.sample_patches_main",
    "ddsm_train.heatmap_score")
PREFACE = """# Flags

Printed by `python -m end2end.config`; do not edit. Every flag of the original's
programs is here with its default, so an old command runs with its first words changed:
`python image_clf_train.py` becomes `python -m ddsm_train.image_clf_train`.

- A flag is not to be abbreviated; a mistyped flag is an error.
- Epoch flags are end points of the run and not counts: `--nb-epoch 3
  --top-layer-epochs 13 --all-layer-epochs 50` trains 3, 10 and 37 epochs.
- `--experiment NAME` sets the flags of a named experiment; flags typed beside it win.
- The environment variables `RANDOM_SEED` (12345) and `NUM_CPU_CORES` (4) are the
  defaults of `--seed` and `--workers`.
- Flags that never had an effect in the original are taken with a warning by
  `patch_clf_train`: {dead}.
"""


def document():
    """The text of docs/flags.md, from the parsers of the programs."""
    dead = ", ".join(f"`{flag}`" for flag in DEAD_FLAGS)
    parts = [PREFACE.format(dead=dead)]
    for program in PROGRAMS:
        parser = importlib.import_module(program).parser()
        parts += [f"## python -m {program}\n", table(parser)]
    return "\n".join(parts)


def table(parser):
    """The flags of a parser as a Markdown table."""
    off, rows = {}, ["| flag | default | meaning |", "|---|---|---|"]
    for action in parser._actions:
        if action.help is argparse.SUPPRESS and action.dest != "_dead":
            off.setdefault(action.dest, []).extend(action.option_strings)
    for action in parser._actions:
        if action.dest == "help" or action.help is argparse.SUPPRESS:
            continue
        flags = ", ".join(f"`{flag}`" for flag in (
            *action.option_strings, *off.get(action.dest, ())))
        meaning = re.sub(r" \(default: .*\)$", "", action.help or "")
        if not action.option_strings:
            rows.append(f"| {action.metavar or action.dest} | required | {meaning} |")
        else:
            rows.append(f"| {flags} | {shown(action.default)} | {meaning} |")
    return "\n".join(rows) + "\n"
