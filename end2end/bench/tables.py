"""The table of measurements: rows with a target, figures beside peers and limits."""

import dataclasses
import pathlib
from collections.abc import Sequence

from end2end.utils import files

HEADER = ("what", "target", "measured", "reached", "ours", "simple way", "limit",
          "best peer, times ours")


@dataclasses.dataclass(frozen=True)
class Row:
    """One figure.

    Attributes:
        name: by which it is picked on the command line.
        what: for the table.
        measure: `module.function` without arguments, beside the program of the table;
            returns a `Figure`. Empty where the program measures it otherwise.
        target: number that `Figure.value` is held against.
        most: whether the target is an upper limit; otherwise a lower one.
        unit: of the value and the target.
    """

    name: str
    what: str
    measure: str
    target: float
    most: bool
    unit: str

    def reached(self, value: float) -> bool:
        """Whether a value is on the right side of the target."""
        return value <= self.target if self.most else value >= self.target


@dataclasses.dataclass(frozen=True)
class Figure:
    """What was measured for one row.

    Attributes:
        value: number to hold against the target, in the unit of the row.
        ours: the same work as a plain figure, such as seconds per image.
        simple: a simple well-known way of the same work, measured in the same run;
            None where the row has none.
        limit: the physical limit, measured in the same run; None where there is none.
        unit: of `ours`, `simple` and `limit`.
        simple_way, limit_way: what these two are.
        peers: other programs that do the same, by name, in the same run and unit.
        notes: what else was found, short sentences.
    """

    value: float
    ours: float
    unit: str
    simple: float | None = None
    simple_way: str = ""
    limit: float | None = None
    limit_way: str = ""
    notes: tuple = ()
    peers: dict[str, float] = dataclasses.field(default_factory=dict)


def head() -> str:
    """The first two lines of the table."""
    return "| " + " | ".join(HEADER) + " |\n" + "|---" * len(HEADER) + "|"


def line(row: Row, figure: dict) -> str:
    """A row of the table."""
    target = f"at {'most' if row.most else 'least'} {row.target:g} {row.unit}"
    if "error" in figure:
        return f"| {row.what} | {target} | {figure['error']} " + "|" * (len(HEADER) - 2)
    cells = [row.what, target, f"{figure['value']:.3g} {row.unit}",
             "yes" if figure["reached"] else "no",
             shown(figure["ours"], figure["unit"])]
    cells += [f"{shown(figure[name], figure['unit'])}: {figure[name + '_way']}"
              if figure[name] is not None else "" for name in ("simple", "limit")]
    return "| " + " | ".join([*cells, best_peer(figure)]) + " |" + "".join(
        f"\n  {note}" for note in figure["notes"])


def markdown(rows: Sequence[tuple[Row, dict]]) -> str:
    """The whole table as Markdown, the notes of its rows below it."""
    lines = [line(row, figure).split("\n") for row, figure in rows]
    notes = [f"- {row.what}: {'; '.join(figure['notes'])}"
             for row, figure in rows if figure.get("notes")]
    return "\n".join([head(), *(first for first, *_ in lines), "", *notes])


def not_measured(missing: Sequence[str]) -> str:
    """What was not measured and why, a line each."""
    return "\n".join(["Not measured:", *(f"- {text}" for text in missing)]
                     if missing else ["Everything was measured."])


def best_peer(figure: dict) -> str:
    """The fastest or smallest of the simple way and the peers, and how many times ours
    it is; empty without any."""
    best, ratio = best_and_ratio(figure)
    return f"{best}, {ratio}" if best else ""


def best_and_ratio(figure: dict) -> tuple[str, str]:
    """The two parts of `best_peer`; two empty texts without any."""
    peers = dict(figure["peers"])
    if figure["simple"] is not None:
        peers[figure["simple_way"]] = figure["simple"]
    if not peers:
        return "", ""
    name = min(peers, key=peers.get)
    return (f"{shown(peers[name], figure['unit'])}: {name}",
            f"{peers[name] / figure['ours']:.3g} x")


def shown(number: float, unit: str) -> str:
    """A number with three digits and its unit."""
    return f"{number:.3g} {unit}"


def write(path: str | pathlib.Path, figures: dict[str, dict]) -> None:
    """Writes the rows as JSON, beside those of earlier calls."""
    path = pathlib.Path(path)
    before = files.read_json(path) if path.exists() else {}
    files.write_json(path, before | figures)
