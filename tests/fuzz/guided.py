"""Damages files by what they reach: one that runs new lines is damaged further.

    pip install -e '.[guided]'
    python -m tests.fuzz.guided --kind manifest scores dicom --seconds 600
    python -m tests.fuzz.guided --kind dicom --again broken/dicom-1f2e3d4c

Coverage is that of the packages of the project and of pydicom; atheris (libFuzzer)
chooses. Files, limits and oracle are those of `python -m tests.fuzz`. The status is 1
if there are any findings.
"""

import argparse
import ctypes
import hashlib
import importlib.util
import multiprocessing
import os
import pathlib
import random
import re
import sys
import tempfile

INSTRUMENTED = ("end2end", "ddsm_train", "inbreast", "pydicom")
# libFuzzer ends the process beyond these; `runner` judges what comes back before.
SECONDS, MEGABYTES = 180, 8192
LARGEST = 1 << 16
ENDINGS = ("read", "refused", "findings")


def parser():
    """The command line."""
    from tests.fuzz import readers

    options = argparse.ArgumentParser(
        prog="python -m tests.fuzz.guided", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--kind", nargs="+", choices=list(readers.KINDS),
                         default=[name for name, kind in readers.KINDS.items()
                                  if not kind.slow])
    options.add_argument("--seconds", type=int, default=60,
                         help="of the clock for each kind")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--keep", type=pathlib.Path, metavar="FOLDER",
                         help="write the files that were findings")
    options.add_argument("--again", type=pathlib.Path, metavar="FILE",
                         help="read one file of the first kind")
    return options


class Guided:
    """A file, read as `worker._watched` asks a case to be read."""

    def __init__(self, cases, data):
        self.cases, self.data = cases, data
        self.out, self.places = cases.out, cases.places

    def run(self, number, begin):
        """Name and choices of the reader follow from the content alone."""
        names = self.cases.kind.names
        return self.cases.read(names[number % len(names)], self.data,
                               random.Random(number), begin)


def outcome(cases, data, watch):
    """Ending and text of one file: "read", "refused", or a finding."""
    from tests.fuzz import runner, worker

    number = int(digest(data), 16)
    result = runner.Result()
    ending, text, seconds, most = worker._watched(Guided(cases, data), number, watch)
    result.add(number, ending, text, seconds, most)
    return result.findings[0][1:] if result.findings else (ending, text)


def digest(data):
    """Eight signs that stand for a content."""
    return hashlib.sha256(data).hexdigest()[:8]


def work(kind, folder, keep, arguments, counts):
    """Reads files of one kind in a process of its own until the time is up."""
    import atheris

    with atheris.instrument_imports(
            include=list(INSTRUMENTED), enable_loader_override=False):
        from tests.fuzz import worker

        watch = worker._prepare(folder)
        cases = worker.Cases(kind, arguments.seed, folder)
        cases.warm_up()
    os.chdir(folder / "cwd")
    corpus = folder / "corpus"
    corpus.mkdir()
    for number in range(len(cases.bombs), len(cases.bombs) + 60):
        (corpus / str(number)).write_bytes(cases.make(number)[1][:LARGEST])
    for data in cases.seeds or ():
        (corpus / digest(data)).write_bytes(data)
    known = set()

    def read(data):
        ending, text = outcome(cases, data, watch)
        counts[ENDINGS.index(ending) if ending in ENDINGS else 2] += 1
        place = text.partition(":")[0]
        if ending not in ENDINGS and (ending, place) not in known:
            known.add((ending, place))
            (keep / f"{kind}-{digest(data)}").write_bytes(data)
            (keep / f"{kind}-{digest(data)}.txt").write_text(f"{ending}: {text}")

    atheris.Setup([
        sys.argv[0], f"-max_total_time={arguments.seconds}", f"-timeout={SECONDS}",
        f"-rss_limit_mb={MEGABYTES}", f"-max_len={LARGEST}",
        f"-seed={arguments.seed + 1}", f"-artifact_prefix={keep}/{kind}-",
        str(corpus)], read)
    atheris.Fuzz()


def guide(kind, keep, arguments):
    """Runs one kind; prints its row and returns the number of findings."""
    context = multiprocessing.get_context("spawn")
    counts = context.Array(ctypes.c_uint64, len(ENDINGS), lock=False)
    before = set(keep.iterdir())
    with tempfile.TemporaryDirectory() as folder:
        place = pathlib.Path(folder, "1")
        process = context.Process(
            target=work, args=(kind, place, keep.resolve(), arguments, counts))
        process.start()
        process.join()
        said = pathlib.Path(f"{place}.log").read_text(errors="replace")
    reached = re.findall(r"cov: (\d+) .*corp: (\d+)", said)
    first, last = (reached[0][0], reached[-1]) if reached else ("-", ("-", "-"))
    kept = sorted(set(keep.iterdir()) - before)
    print(f"{kind:10} {sum(counts):9d} {counts[0]:9d} {counts[1]:9d} {counts[2]:9d}  "
          f"{first:>6} to {last[0]:>6}  {last[1]:>6}", flush=True)
    for path in kept:
        if path.suffix == ".txt":
            print(f"    {path.stem}: {path.read_text()[:300]}", flush=True)
    ended = process.exitcode and not any(counts[2:])
    if process.exitcode:
        print(f"    the process ended with {process.exitcode}: "
              f"{' | '.join(said.strip().splitlines()[-3:])}", flush=True)
    return counts[2] + bool(ended)


def main(argv=None):
    """Guides the kinds one after the other; returns 1 if there was a finding."""
    arguments = parser().parse_args(argv)
    if arguments.again:
        return again(arguments)
    if not importlib.util.find_spec("atheris"):
        print("error: atheris is not installed: pip install -e '.[guided]'",
              file=sys.stderr)
        return 2
    bad = 0
    print("kind           tried      read   refused  findings  edges reached  "
          "files kept", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        keep = arguments.keep or pathlib.Path(folder)
        keep.mkdir(parents=True, exist_ok=True)
        for kind in arguments.kind:
            bad += guide(kind, keep, arguments)
    return 1 if bad else 0


def again(arguments):
    """Reads one file again and prints what comes of it."""
    from tests.fuzz import worker

    with tempfile.TemporaryDirectory() as folder:
        cases = worker.Cases(arguments.kind[0], arguments.seed, pathlib.Path(folder))
        data = arguments.again.read_bytes()
        print(*Guided(cases, data).run(int(digest(data), 16), lambda: None))
    return 0


if __name__ == "__main__":
    sys.exit(main())
