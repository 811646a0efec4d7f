"""Measures how fast this machine does the work.

    python -m benchmarks [NAME ...] [--out runs/benchmarks.json]

Each row is measured in a process of its own, beside a simple well-known way of doing
the same and the physical limit, both measured in that process too.
"""

import argparse
import dataclasses
import importlib
import json
import os
import pathlib
import subprocess
import sys
from collections.abc import Sequence

from benchmarks import rows
from end2end.bench import tables
from end2end.utils import clocks, files


def main(argv: Sequence[str] | None = None) -> int:
    """Prints the table line by line and writes it as JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME",
                        help="rows (default: all): "
                             + ", ".join(row.name for row in rows.ROWS))
    parser.add_argument("--out", type=pathlib.Path,
                        default=pathlib.Path("runs/benchmarks.json"))
    parser.add_argument("--busy", action="store_true",
                        help="for a machine that others use: one thread for each "
                             "program, the processor's clock, and no peers that take "
                             "minutes to build")
    parser.add_argument("--page", action="store_true",
                        help="measure nothing, print the rows of --out as the table of "
                             "docs/speed.md")
    parser.add_argument("--alone", help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    by_name = {row.name: row for row in rows.ROWS}
    if arguments.alone:
        print(json.dumps(dataclasses.asdict(measure(by_name[arguments.alone]))))
        return 0
    unknown = set(arguments.names) - set(by_name)
    if unknown:
        parser.error(f"no row {min(unknown)!r}; expected {', '.join(by_name)}")
    if arguments.page:
        print(page(files.read_json(arguments.out), arguments.names))
        return 0
    print(tables.head(), flush=True)
    if arguments.busy:
        os.environ.update(clocks.BUSY_ENVIRONMENT)
    figures = {}
    for name in arguments.names or by_name:
        figures[name] = in_own_process(by_name[name])
        print(tables.line(by_name[name], figures[name]), flush=True)
    tables.write(arguments.out, figures)
    print(f"written to {arguments.out}")
    return 0


def page(figures: dict[str, dict], names: Sequence[str] = ()) -> str:
    """Measured rows as the table of docs/speed.md, a row without figures left out."""
    header = ("row", "target", "measured", "ours", "limit", "best peer", "its ratio",
              "reached")
    lines = [header, ("---",) * len(header)]
    for row in rows.ROWS:
        figure = figures.get(row.name)
        if not figure or "error" in figure or (names and row.name not in names):
            continue
        unit, limit = figure["unit"], figure["limit"]
        lines.append((
            f"`{row.name}`, {row.what}",
            f"{'at most' if row.most else 'at least'} {row.target:g} {row.unit}",
            tables.shown(figure["value"], row.unit), tables.shown(figure["ours"], unit),
            f"{tables.shown(limit, unit)}: {figure['limit_way']}" if limit else "",
            *tables.best_and_ratio(figure), "yes" if figure["reached"] else "no"))
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def measure(row: tables.Row) -> tables.Figure:
    """The `tables.Figure` of a row, measured in this process."""
    module, function = row.measure.split(".")
    return getattr(importlib.import_module(f"benchmarks.{module}"), function)()


def in_own_process(row: tables.Row) -> dict:
    """A row and its figure as a dict; `error` where it failed."""
    process = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--alone", row.name], text=True,
        capture_output=True, env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"})
    described = dict(what=row.what, target=row.target, most=row.most,
                     target_unit=row.unit)
    if process.returncode:
        return described | dict(error=f"status {process.returncode}: " + "".join(
            process.stderr.strip().splitlines()[-1:]))
    figure = json.loads(process.stdout.splitlines()[-1])
    return described | dict(reached=row.reached(figure["value"])) | figure


if __name__ == "__main__":
    sys.exit(main())
