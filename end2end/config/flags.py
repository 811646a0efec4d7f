"""Fields of option dataclasses as command-line flags, and the flags of the past."""

import argparse
import dataclasses
import logging
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

log = logging.getLogger(__name__)

# Flags that the original's programs took and never used.
DEAD_FLAGS = (
    "--nb-init-filter", "-nif", "--init-filter-size", "-ifs", "--init-conv-stride",
    "-ics",
    "--max-pooling-size", "-mps", "--max-pooling-stride", "-mpr", "--alpha",
    "--l1-ratio",
    "--inp-dropout", "-id",
)


def one_of(names: Iterable[str]) -> str:
    """Choices as words of help: `a, b or c`."""
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last


def option(
        default: Any, *flags: str, off: Sequence[str] = (), help: str = "",
        limits: tuple[float | None, float | None] = (None, None),
        **keywords: Any) -> Any:
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


def number_or_auto(text: str) -> float | str:
    """A finite number, or the word `auto` (found from the images)."""
    return text if text == "auto" else _number(float, None, None)(text)


class _Dead(argparse.Action):
    """Takes a flag that never had an effect, and says so."""

    def __call__(self, parser, namespace, values, flag=None):
        log.warning(
            "%s has no effect (nor had it in the original); remove it.", flag)


def add_options(
        parser: argparse.ArgumentParser, *groups: type,
        only: Collection[str] | None = None,
        defaults: Mapping[str, object] | None = None) -> None:
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


# More would change the third digit of an interval only, and take days.
MOST_RUNS = 1_000_000


def add_draws(
        parser: argparse.ArgumentParser, *, runs: int, seed: int | None = None,
        what: str = "draws of the bootstrap") -> None:
    """Adds `--runs` and, with a seed, `--seed`: how often is drawn, and from where.

    Args:
        parser: gets the flags.
        runs: default number of draws; 1 to `MOST_RUNS` are taken.
        seed: default, a whole number from 0; None adds no flag for it.
        what: is drawn.
    """
    parser.add_argument("--runs", type=_number(int, 1, MOST_RUNS), default=runs,
                        help=f"{what} (default: {runs})")
    if seed is not None:
        parser.add_argument("--seed", type=_number(int, 0, None), default=seed,
                            help=f"of the draws (default: {seed})")


def add_refuse_unfit(parser: argparse.ArgumentParser) -> None:
    """Adds `--refuse-unfit`, which all programs that score mammograms have."""
    parser.add_argument(
        "--refuse-unfit", action="store_true",
        help="give no score to pictures flagged as 'do not use the score' (inverted, "
             "turned, cropped, implant, no breast, ...); docs/pictures.md has the list")


def add_dead_flags(parser: argparse.ArgumentParser) -> None:
    """Accepts the flags that never had an effect, hidden from the help."""
    for flag in DEAD_FLAGS:
        parser.add_argument(flag, action=_Dead, nargs=1, dest="_dead",
                            default=argparse.SUPPRESS, help=argparse.SUPPRESS)


def words_of(setting: dataclasses.Field, value: object) -> list[str]:
    """The words of a command line that give a setting a value.

    Args:
        setting: field of a dataclass, made by `option`.
        value: of that field.

    Returns:
        list of words; empty where the field has no flag, or none that stores None.
    """
    if not setting.metadata["flags"]:
        return []
    flag = setting.metadata["flags"][0]
    if value is None:
        return list(setting.metadata["off"][:1])
    if isinstance(value, bool):
        return [flag if value else f"--no-{flag.removeprefix('--')}"]
    if isinstance(value, (tuple, list)):
        return [flag, *map(str, value)]
    # Such a value would be taken for a flag.
    return [f"{flag}={value}"] if str(value).startswith("-") else [flag, str(value)]


def shown(value: object) -> str:
    """A default as a user would type it."""
    if isinstance(value, (tuple, list)):
        return " ".join(map(str, value))
    return str(value)
