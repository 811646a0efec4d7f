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

from benchmarks import rows, timing

HEADER = ("what", "target", "measured", "reached", "ours", "simple way", "limit",
          "best peer, times ours")


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
    print("| " + " | ".join(HEADER) + " |\n" + "|---" * len(HEADER) + "|", flush=True)
    if arguments.busy:
        os.environ.update(timing.BUSY_ENVIRONMENT)
    figures = {}
    for name in arguments.names or by_name:
        figures[name] = in_own_process(by_name[name])
        print(line(by_name[name], figures[name]), flush=True)
    write(arguments.out, figures)
    print(f"written to {arguments.out}")
    return 0


def measure(row: rows.Row) -> rows.Figure:
    """The `rows.Figure` of a row, measured in this process."""
    module, function = row.measure.split(".")
    return getattr(importlib.import_module(f"benchmarks.{module}"), function)()


def in_own_process(row: rows.Row) -> dict:
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


def line(row: rows.Row, figure: dict) -> str:
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


def best_peer(figure: dict) -> str:
    """The fastest or smallest of the simple way and the peers, and how many times ours
    it is; empty without any."""
    peers = dict(figure["peers"])
    if figure["simple"] is not None:
        peers[figure["simple_way"]] = figure["simple"]
    if not peers:
        return ""
    name = min(peers, key=peers.get)
    return (f"{shown(peers[name], figure['unit'])}: {name}, "
            f"{peers[name] / figure['ours']:.3g} x")


def shown(number: float, unit: str) -> str:
    return f"{number:.3g} {unit}"


def write(path: str | pathlib.Path, figures: dict[str, dict]) -> None:
    """Writes the rows as JSON, beside those of earlier calls."""
    from end2end.utils import files

    before = files.read_json(path) if path.exists() else {}
    files.write_json(path, before | figures)


if __name__ == "__main__":
    sys.exit(main())
