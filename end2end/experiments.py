"""Programs of experiments: run the rows of a paper by name, table them beside theirs.

A program (`ddsm_train.experiments`, `inbreast.experiments`) gives its rows and how a
row becomes a chain of commands; the command line, the order, what is skipped and the
tables are here, once.
"""

from __future__ import annotations

import argparse
import dataclasses
import pathlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from end2end import reports
from end2end.utils import commands, files, locks, programs, steps

SYNTHETIC = (
    "Ours: synthetic mammograms and a small network (another --scale than paper). "
    "These values say nothing about women and are not the paper's.")
HOURS = (
    "Hours: training alone, on a GPU that sustains 10 TFLOP/s, by counting operations; "
    "not measured.")


@dataclasses.dataclass(frozen=True)
class Scale:
    """How large experiments are.

    Attributes:
        size: height and width of the network input in pixels.
        share: of what the paper has: the side of a patch, the patients of a subset.
        phantoms: flags of `end2end.phantoms`; None for a real download only.
        epochs: in place of the paper's, by patch set; `image` has the end points of the
            two stages of whole images. Empty at the paper's scale.
        prepare: flags of the program that prepares the download.
        flags: of training, after all others.
        flips: whether to test with the mean over four flips too.
        fixed_epochs: whether the number of epochs is fixed where folds would choose it.
    """

    size: tuple[int, int]
    share: float = 1.0
    phantoms: tuple | None = None
    epochs: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    prepare: tuple = ()
    flags: tuple = ()
    flips: bool = True
    fixed_epochs: bool = False


@dataclasses.dataclass(frozen=True)
class Run:
    """Where experiments are made, from what, and how large.

    Attributes:
        out: folder for everything.
        scale: how large.
        seed: of training and phantoms.
        data: folder as downloaded; None for phantoms.
        models: folder of the models that rows start from; None: `out`.
        making: flags of the program that makes a missing one of them.
        beside: the run on the usual split, where this is on another one.
    """

    out: pathlib.Path
    scale: Scale
    seed: int
    data: pathlib.Path | None
    models: pathlib.Path | None = None
    making: tuple = ()
    beside: Run | None = None

    @property
    def demo(self) -> bool:
        """Whether this is on synthetic mammograms, with small networks."""
        return self.scale.phantoms is not None

    @property
    def download(self) -> pathlib.Path:
        """The folder as downloaded, or of the phantoms in its place."""
        return self.data or self.out / "download"

    @property
    def test(self) -> pathlib.Path:
        """Folder of the test images."""
        return self.out / "data" / "images" / "test"

    def model(self, name: str) -> pathlib.Path:
        """Path of the best model of an experiment."""
        return (self.models or self.out) / name / "best.h5"


@dataclasses.dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        heading: of the column.
        published: function of a row to text; None where it is about outcomes.
        outcome: key of the outcomes whose values are shown.
        beside: whether these are of the run on the usual split.
    """

    heading: str
    published: Callable[[Any], str] | None = None
    outcome: str = ""
    beside: bool = False


@dataclasses.dataclass(frozen=True)
class Program:
    """What one program of experiments adds to what all of them do.

    Attributes:
        name: of the module, as typed.
        rows: experiments by name. A row has `name`, `title`, `source`, `published` (a
            dict with accuracy or auc, interval, flipped_auc), `hours` and `needs`, the
            names of those that are done before it.
        groups: names of experiments by table or figure.
        scales: rows of `Scale` by name.
        data: what is downloaded: title of the data set, make variable, metavar and what
            its folder is called.
        help: of `--run` and `--scale`, by flag.
        folder: ending of the default output folder, after the scale.
        steps: function of a row, a `Run` and whether the row is tested, to its steps.
        data_steps: function of a `Run` to the steps before any row.
        outcome: function of a row and a `Run` to a dict of what came out.
        columns: of the tables.
        prefix: of the make targets.
        add_flags: adds flags of this program alone to its parser.
        starts: function of the arguments to folder of models and flags that make them.
        check: function of rows and a `Run`, called before any step.
        split_columns: of the tables of runs on another split (`--split`).
    """

    name: str
    rows: Mapping[str, Any]
    groups: Mapping[str, Sequence[str]]
    scales: Mapping[str, Scale]
    data: tuple[str, str, str, str]
    help: Mapping[str, str]
    folder: str
    steps: Callable[[Any, Run, bool], list[steps.Step]]
    data_steps: Callable[[Run], list[steps.Step]]
    outcome: Callable[[Any, Run], dict]
    columns: tuple[Column, ...]
    prefix: str = ""
    add_flags: Callable[[argparse.ArgumentParser], None] = lambda parser: None
    starts: Callable[[argparse.Namespace], tuple] = lambda arguments: (None, ())
    check: Callable[[list, Run], None] = lambda rows, run: None
    split_columns: tuple[Column, ...] = ()


# The command line -------------------------------------------------------------------


def parser(program: Program, description: str | None) -> commands.Parser:
    """The command line of a program of experiments."""
    title, _, metavar, _ = program.data
    parser = commands.Parser(program=program.name, description=description)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--list", action="store_true", help="print every experiment")
    what.add_argument("--run", metavar="NAME", help=program.help["--run"])
    what.add_argument("--table", metavar="NAME",
                      help="print published and own values of what is done")
    parser.add_argument("--data", metavar=metavar,
                        help=f"folder of {title} as downloaded; with --scale demo "
                             "phantoms where it is not given")
    if program.split_columns:
        parser.add_argument(
            "--split", metavar="NAME",
            help="do everything on this split too, official or official-disjoint, in a "
                 "folder of that name within --out, and table both")
    program.add_flags(parser)
    parser.add_argument("--scale", choices=tuple(program.scales), default="paper",
                        help=program.help["--scale"])
    parser.add_argument("--out", metavar="FOLDER",
                        help="folder for everything (default: runs/SCALE-"
                             f"{program.folder})")
    parser.add_argument("--seed", type=int, nargs="+", default=[12345],
                        help="of training and, in the demo, phantoms (default: 12345); "
                             "several: all in turn, with mean and range in the table")
    return parser


def main(program: Program, arguments: argparse.Namespace) -> None:
    """Lists, runs or tabulates, and prints the table.

    Raises:
        files.InputError: a name or a folder that is not known.
        ChildProcessError: a command failed.
    """
    if arguments.list:
        commands.say(listing(program.rows.values(), prefix=program.prefix))
        return
    names = chosen(program, arguments.run or arguments.table)
    runs = [run_of(program, arguments, seed) for seed in arguments.seed]
    if arguments.run:
        for run in runs:
            perform(program, names, run)
    if names:
        commands.say(table(program, names, runs))


def chosen(program: Program, name: str) -> Sequence[str]:
    """Names of the experiments behind one name, a table, a figure or `paper`.

    Raises:
        files.InputError: there is no such name.
    """
    if name in program.rows:
        return [name]
    if name in program.groups:
        return program.groups[name]
    raise files.InputError(
        f"experiment {name!r} is not known; expected one of "
        f"{', '.join(program.groups)}, or a name of "
        f"{programs.call(program.name)} --list.")


def run_of(program: Program, arguments: argparse.Namespace, seed: int) -> Run:
    """A run from parsed arguments; one of several seeds has folders of its own.

    Raises:
        files.InputError: the download is not there or not given.
    """
    title, variable, _, called = program.data
    scale = program.scales[arguments.scale]
    if arguments.data:
        files.existing_folder(arguments.data, called)
    elif arguments.run and scale.phantoms is None:
        raise files.InputError(
            f"no data given; expected --data with the folder of {title} as "
            f"downloaded (make: {variable}=...), or --scale demo for synthetic images.")
    out = pathlib.Path(arguments.out or f"runs/{arguments.scale}-{program.folder}")
    models, making = program.starts(arguments)
    if len(arguments.seed) > 1:
        out /= f"seed-{seed}"
        if models and (making or (models / f"seed-{seed}").exists()):
            models /= f"seed-{seed}"
    data = pathlib.Path(arguments.data) if arguments.data else None
    run = Run(out, scale, seed, data, models, making)
    split = getattr(arguments, "split", None)
    return on_split(run, split) if split else run


def on_split(run: Run, split: str) -> Run:
    """The same data on another split, beside what a run has made of them."""
    scale = dataclasses.replace(
        run.scale, prepare=(*run.scale.prepare, "--split", split))
    return dataclasses.replace(
        run, out=run.out / split, data=run.download, scale=scale, beside=run)


# Running ----------------------------------------------------------------------------


def perform(program: Program, names: Iterable[str], run: Run) -> None:
    """Does what is missing of several experiments and of those that they need.

    Raises:
        files.InputError: the output folder cannot be written, another call writes to
            it, or a model is missing.
        ChildProcessError: a command failed.
    """
    names = list(names)
    if run.beside:
        perform(program, names, run.beside)
    program.check([program.rows[name] for name in with_needs(program, names)], run)
    with locks.output_folder(run.out):
        for step in program.data_steps(run):
            steps.perform(step, run.out)
        performed = set()
        for name in names:
            _perform_row(program, name, run, performed, tested=True)


def with_needs(program: Program, names: Iterable[str]) -> list[str]:
    """Experiments in the order in which they are done, each once."""
    ordered = {}
    for name in names:
        ordered |= dict.fromkeys(with_needs(program, program.rows[name].needs))
        ordered[name] = None
    return list(ordered)


def _perform_row(program, name, run, performed, *, tested):
    """Does one experiment after those that it needs; `performed` has names of steps."""
    row = program.rows[name]
    for needed in row.needs:
        _perform_row(program, needed, run, performed, tested=False)
    for step in program.steps(row, run, tested):
        if step.name not in performed:
            steps.perform(step, run.out)
            performed.add(step.name)


# Tables -----------------------------------------------------------------------------


def table(program: Program, names: Iterable[str], runs: Sequence[Run]) -> str:
    """The paper's rows with columns for the values found here, as Markdown.

    Args:
        program: whose rows they are.
        names: of experiments.
        runs: at least one; of several, the mean and the range are shown.
    """
    columns = program.split_columns if runs[0].beside else program.columns
    rows = []
    for name in names:
        row = program.rows[name]
        outcomes = {beside: [program.outcome(row, run.beside if beside else run)
                             for run in runs]
                    for beside in {column.beside for column in columns}}
        rows.append(tuple(
            column.published(row) if column.published else
            together([outcome.get(column.outcome) for outcome in
                      outcomes[column.beside]])
            for column in columns))
    return markdown([column.heading for column in columns], rows,
                    synthetic=runs[0].demo)


def measured(results: dict) -> dict[str, tuple]:
    """AUC or accuracy of a file of results.

    Returns:
        (value, interval or None, what to say of few cases) by scheme, `plain` and
        `flips`, where there is one.
    """
    values = {}
    for scheme in ("plain", "flips"):
        part = results.get(scheme, results if scheme == "plain" else {})
        for measure in ("auc", "accuracy"):
            if isinstance(part, dict) and measure in part:
                values[scheme] = (part[measure], part.get(f"{measure}_interval"),
                                  reports.score_tables.few(part))
                break
    return values


def drawn(run: Run, name: str) -> dict[str, str]:
    """The path of a figure, as outcome of the experiment that draws it."""
    path = run.out / "figures" / f"{name}.png"
    return dict(plain=str(path)) if path.exists() else {}


# How what the text of a paper states beside its tables is written.
GAIN, SHARE = "+.3f", ".3f"


def difference(results: dict) -> dict[str, tuple]:
    """What the second of two score files has more or less than the first in AUC, of
    the results of `end2end metrics`; as `measured`, of the scheme that was compared."""
    return dict(plain=_gain(results["comparisons"][0], "difference"))


def flip_gain(results: dict) -> dict[str, tuple]:
    """What the mean over the flips gains in AUC, of the results of an evaluation."""
    gain = results.get("flips", {}).get("gain")
    return dict(plain=_gain(gain, "difference")) if gain else {}


def two_view_gain(results: dict) -> dict[str, tuple]:
    """What the mean of CC and MLO gains over single views in AUC, by scheme."""
    return {scheme: _gain(results[scheme]["breasts"], "gain")
            for scheme in ("plain", "flips") if "breasts" in results.get(scheme, {})}


def _gain(part, name):
    return part[name], part[f"{name}_interval"], "", GAIN


def specificity(results: dict) -> dict[str, tuple]:
    """Specificity at the sensitivity asked for, of the results of `end2end metrics`."""
    point = next(point for point in results["operating_points"]
                 if point["at"] == "sensitivity")
    return dict(plain=(point["specificity"], point["interval"],
                       reports.score_tables.few(results), SHARE))


def shown(value: float | None, interval: Sequence[float] | None = None,
          few: str = "", pattern: str = ".2f") -> str:
    """A value with its interval, two digits, and what to say of few cases."""
    if value is None:
        return "-"
    ends = (f" [{interval[0]:{pattern}}, {interval[1]:{pattern}}]{few}"
            if interval else "")
    return f"{value:{pattern}}{ends}"


# What may be published of an experiment, in the order in which it is looked for.
PUBLISHED = {"accuracy": ".2f", "auc": ".2f", "difference": GAIN, "specificity": SHARE}


def published(row: Any) -> str:
    """The published accuracy, AUC or difference: `0.86 [0.83, 0.89]`."""
    for name, pattern in PUBLISHED.items():
        if row.published.get(name) is not None:
            return shown(row.published[name], row.published.get("interval"),
                         pattern=row.published.get("pattern", pattern))
    return "-"


def published_flips(row: Any) -> str:
    """The published AUC of an experiment with the mean over the flips."""
    return shown(row.published.get("flipped_auc"))


def listing(rows: Iterable, *, prefix: str = "") -> str:
    """Every experiment with source, published value and expected hours, as Markdown.

    Args:
        rows: experiments with name, source, title, published and hours.
        prefix: of the make targets.
    """
    lines = ["| make | source | what | published | hours |", "|---|---|---|---|---|"]
    for row in rows:
        value = published(row)
        if row.published.get("flipped_auc"):
            value += f"; with flips {published_flips(row)}"
        lines.append(
            f"| `{prefix}{row.name}` | {row.source} | {row.title} | "
            f"{value.removeprefix('-; ')} | {row.hours:.1f} |")
    return "\n".join([*lines, "", HOURS])


def together(outcomes: Iterable) -> str:
    """Values of several runs as text: of one with its interval, else mean and range.

    Args:
        outcomes: None, whole numbers, texts, or what `measured` gives of each.
    """
    outcomes = [outcome for outcome in outcomes if outcome is not None]
    if not outcomes:
        return "-"
    if isinstance(outcomes[0], str):
        return ", ".join(dict.fromkeys(outcomes))
    if isinstance(outcomes[0], int):
        return ", ".join(map(str, outcomes))
    if len(outcomes) == 1:
        return shown(*outcomes[0])
    values = [value for value, *_ in outcomes]
    pattern = outcomes[0][3] if len(outcomes[0]) > 3 else ".2f"
    mean, least, most = (format(value, pattern) for value in (
        sum(values) / len(values), min(values), max(values)))
    return f"{mean} ({least} to {most}, {len(values)} seeds)"


def markdown(columns: Sequence[str], rows: Iterable[Sequence[str]], *,
             synthetic: bool) -> str:
    """A table as Markdown, with a warning under it where it is from synthetic images.

    Args:
        columns: headings.
        rows: texts.
        synthetic: whether ours are from phantoms.
    """
    lines = ["", f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join(lines + (["", SYNTHETIC] if synthetic else []))


NAME = Column("experiment", published=lambda row: row.name)
# Published values and ours, in the order in which they stand side by side.
VALUES = (
    Column("published", published=published), Column("ours", outcome="plain"),
    Column("published, flips", published=published_flips),
    Column("ours, flips", outcome="flips"))
