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
from end2end.utils import clocks


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
    parser.add_argument("--alone", help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    by_name = {row.name: row for row in rows.ROWS}
    if arguments.alone:
        print(json.dumps(dataclasses.asdict(measure(by_name[arguments.alone]))))
        return 0
    unknown = set(arguments.names) - set(by_name)
    if unknown:
        parser.error(f"no row {min(unknown)!r}; expected {', '.join(by_name)}")
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
        return described | dict(error=process.stderr.strip().splitlines()[-1])
    figure = json.loads(process.stdout.splitlines()[-1])
    return described | dict(reached=row.reached(figure["value"])) | figure


if __name__ == "__main__":
    sys.exit(main())
