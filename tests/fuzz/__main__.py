"""Reads thousands of damaged files of every kind and says how that ended.

    python -m tests.fuzz --count 10000 --seed 0 [--kind dicom png] [--workers 2]
    python -m tests.fuzz --kind dicom --first 2500 --count 2500
    python -m tests.fuzz --kind dicom --only 4711 --keep broken/
    python -m tests.fuzz --kind run-predict run-metrics --count 1000

A file may be read or refused with one sentence; a traceback, a crash, more than 10
seconds or 2 GB, code that runs and files elsewhere are findings. Kinds that begin with
`run-` are whole calls of a program with damaged files, names and flags (`calls`). The
status is 1 if there are any findings.
"""

import os
import pathlib
import shutil
import sys
import tempfile

from end2end.utils import commands


def parser():
    """The command line."""
    from tests.fuzz import calls, readers

    made = commands.Parser(prog="python -m tests.fuzz", description=__doc__)
    made.add_argument("--count", type=int, default=10_000, help="files of each kind")
    made.add_argument("--first", type=int, default=0, metavar="NUMBER",
                      help="of the first file, to go on with an earlier run")
    made.add_argument("--seed", type=int, default=0)
    made.add_argument("--kind", nargs="+", choices=[*readers.KINDS, *calls.CALLS],
                      default=list(readers.KINDS),
                      help="of files (default: all of them), or run-PROGRAM")
    made.add_argument("--workers", type=int, default=os.cpu_count(), help="processes")
    made.add_argument("--seconds", type=float, metavar="N",
                      help="of the clock for each kind; the rest is left out")
    made.add_argument("--only", type=int, nargs="+", metavar="NUMBER",
                      help="only these cases")
    made.add_argument("--keep", type=pathlib.Path, metavar="FOLDER",
                      help="write the files that were findings, or those of --only")
    return made


def main(argv=None):
    """Runs the cases kind by kind; returns 1 if there was a finding."""
    arguments = parser().parse_args(argv)
    import tqdm

    from tests.fuzz import runner

    bad = 0
    print("kind          tried   read  refused  findings  slowest  memory", flush=True)
    for kind in arguments.kind:
        numbers = arguments.only or range(
            arguments.first, arguments.first + arguments.count)
        with tqdm.tqdm(total=len(numbers), desc=kind, disable=None, leave=False) as bar:
            result = runner.run([(kind, numbers)], seed=arguments.seed,
                                workers=arguments.workers, progress=bar.update,
                                seconds=arguments.seconds)[kind]
        bad += len(result.findings)
        print(f"{kind:12} {sum(result.endings.values()):6d} "
              f"{result.endings['read']:6d}  {result.endings['refused']:7d}  "
              f"{len(result.findings):8d}  {result.slowest:5.1f} s  "
              f"{result.most >> 20:4d} MB", flush=True)
        for text, numbers in grouped(result.findings):
            print(f"    {len(numbers)} x {text} (cases {listed(numbers)})", flush=True)
        if arguments.keep:
            chosen = arguments.only or [number for number, *_ in result.findings]
            keep(kind, chosen, arguments)
    return 1 if bad else 0


def grouped(findings):
    """Findings of one kind and place together, most frequent first."""
    groups = {}
    for number, ending, text in findings:
        key = ending, text.partition(":")[0]
        groups.setdefault(key, (f"{ending}: {text}"[:240], []))[1].append(number)
    return sorted(groups.values(), key=lambda group: -len(group[1]))[:40]


def listed(numbers):
    """Numbers in one line, the first hundred of them."""
    return " ".join(map(str, numbers[:100])) + " ..." * (len(numbers) > 100)


def keep(kind, numbers, arguments):
    """Writes the files of some cases."""
    from tests.fuzz import calls, worker

    arguments.keep.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        cases = worker.cases_of(kind, arguments.seed, pathlib.Path(folder))
        for number in numbers:
            if kind in calls.CALLS:
                keep_call(cases, kind, number, arguments.keep)
                continue
            name, data, _ = cases.make(number)
            path = arguments.keep / f"{kind}-{number}-{pathlib.Path(name).name}"
            path.write_bytes(data)
            print(f"    {path}: {len(data)} bytes")


def keep_call(cases, kind, number, folder):
    """Copies the inputs of a call and prints its words."""
    from tests.fuzz import calls

    words, *_ = cases.make(number)
    target = folder / f"{kind}-{number}"
    shutil.copytree(cases.folder, target, symlinks=True,
                    ignore_dangling_symlinks=True, copy_function=copied)
    print(f"    {target}: {calls.described(words, cases.folder, cases.out)}")


def copied(source, target):
    """Copies a regular file; pipes and files of gigabytes without content are named."""
    path = pathlib.Path(source)
    if path.is_file() and path.stat().st_size < 1 << 28:
        shutil.copyfile(source, target)
    else:
        print(f"    not copied: {source!r}")


if __name__ == "__main__":
    sys.exit(main())
