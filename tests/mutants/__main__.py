"""Plants faults at random, one at a time, and says which the tests notice.

    python -m tests.mutants --count 100 --seed 0 --at-least 95
    python -m tests.mutants --count 40 --only end2end/images end2end/dicom/reading.py

The tests of a module are its mirrored file and those named in `choosing.BESIDE`, then
all quick tests that run the line. Which test runs which line is noted once per file of
tests, a quarter of an hour for all, and kept. The status is 1 where a smaller share is
noticed than `--at-least` asks.
"""

import argparse
import collections
import dataclasses
import json
import pathlib
import sys
import tempfile
import time

from tests.mutants import choosing, judging, planting

ROOT = pathlib.Path(__file__).resolve().parents[2]


def parser():
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.mutants", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="+", default=(), metavar="PATH",
                        help="modules or folders (default: all)")
    parser.add_argument("--near", action="store_true",
                        help="run no tests but those named after the module and the "
                             "register of constants")
    parser.add_argument("--seconds", type=float, default=float("inf"),
                        help="begin no fault later than this")
    parser.add_argument("--notes", type=pathlib.Path, metavar="FOLDER",
                        default=ROOT / "runs" / "mutants",
                        help="where it is kept which test runs which lines")
    parser.add_argument("--at-least", type=float, default=0, metavar="PERCENT")
    parser.add_argument("--record", type=pathlib.Path, metavar="FILE",
                        help="add a line of JSON per fault")
    parser.add_argument("--again", type=pathlib.Path, metavar="FILE",
                        help="try the survivors of such a record again, where their "
                             "modules have not changed")
    return parser


def survivors(path):
    """The faults of a record that no test noticed."""
    rows = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    names = [field.name for field in dataclasses.fields(planting.Mutant)]
    return [planting.Mutant(**{name: row[name] for name in names})
            for row in rows if row["ending"] == judging.SURVIVED
            and (row["operator"], row["change"]) in _changes(row)]


def _changes(row):
    """Operator and lines of the fault that its number stands for now."""
    mutant = planting.Mutant(row["module"], row["operator"], row["occurrence"], 0)
    text = planting.code(ROOT, mutant)
    before = (ROOT / row["module"]).read_text(encoding="utf-8")
    return [] if text is None else [(row["operator"], planting.change(before, text))]


def main(argv=None):
    """Plants and judges; returns 1 where too few faults are noticed."""
    arguments = parser().parse_args(argv)
    if arguments.again:
        mutants = survivors(arguments.again)
    else:
        mutants = planting.draw(ROOT, choosing.modules(ROOT, arguments.only),
                                arguments.count, arguments.seed)
    return report(judged(mutants, arguments), arguments.at_least)


def judged(mutants, arguments):
    """Counts of endings by folder; prints each ending and its lines."""
    endings = collections.defaultdict(collections.Counter)
    start = time.monotonic()
    record = arguments.record and arguments.record.resolve()
    with tempfile.TemporaryDirectory() as folder:
        judge = judging.Judge(ROOT, folder, arguments.notes)
        for mutant in mutants:
            if time.monotonic() - start > arguments.seconds:
                break
            text = planting.code(ROOT, mutant)
            change = planting.change(
                (ROOT / mutant.module).read_text(encoding="utf-8"), text)
            stages = choosing.stages(ROOT, mutant.module)
            outcome = judge.judge(
                mutant, text, stages[:2] if arguments.near else stages)
            endings[pathlib.PurePosixPath(mutant.module).parent.as_posix()][
                outcome.ending] += 1
            print(f"{outcome.ending:8} {outcome.seconds:5.1f} s  {mutant.module}:"
                  f"{mutant.line} {outcome.by}\n{change}", flush=True)
            if record:
                with open(record, "a", encoding="utf-8") as stream:
                    stream.write(json.dumps(dict(
                        vars(mutant), ending=outcome.ending, change=change,
                        by=outcome.by, seconds=round(outcome.seconds, 1))) + "\n")
    return endings


def report(endings, at_least):
    """Prints the shares per folder and of all; 1 where that of all is too small."""
    endings = dict(sorted(endings.items()))
    endings["all"] = sum(endings.values(), collections.Counter())
    for folder, counts in endings.items():
        noticed, planted = counts[judging.NOTICED], counts.total()
        print(f"{folder:32} {noticed:5d} of {planted:5d} noticed, "
              f"{100 * noticed / max(planted, 1):5.1f} %")
    return int(100 * noticed < at_least * planted)


if __name__ == "__main__":
    sys.exit(main())
