"""Kills programs at random moments and compares what a last call leaves.

    python -m tests.kills --program sampling prediction --count 50
    python -m tests.kills --signal INT --count 20

Each chain kills a program one to three times, at moments drawn evenly over the
processor time of an unbroken run, and then calls it once more. All files must be those
of the unbroken run: bit for bit, or but for keys, times and places. Processes are
forked from one that has loaded the packages and computed nothing, so that kills fall
into the work. The status is 1 if anything differs.
"""

import argparse
import collections
import contextlib
import importlib
import os
import pathlib
import random
import shlex
import shutil
import signal
import sys
import tempfile
import time

from end2end import repeating
from end2end.utils import checksums, commands
from end2end.utils import programs as table
from tests.kills import programs

LONGEST = 1800
TICKS = os.sysconf("SC_CLK_TCK")
# SIGINT comes twice, as from an impatient user.
SIGNALS = {"KILL": (signal.SIGKILL,), "INT": (signal.SIGINT, signal.SIGINT),
           "TERM": (signal.SIGTERM,)}


def call(program, inputs, out, log):
    """Starts a program in a new process group; returns its number."""
    words = [word.replace("IN/", f"{inputs}/").replace("OUT", str(out))
             for word in shlex.split(program.words)]
    process = os.fork()
    if process:
        return process
    try:  # in the child
        os.setsid()
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for number in (1, 2):
            os.dup2(descriptor, number)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.argv[:] = [str(table.file_of(program.module)), *words]
        commands.run(lambda: table.load(program.module).main(words))
    except SystemExit as end:
        sys.stdout.flush()
        os._exit(end.code or 0)
    except BaseException:  # noqa: BLE001 - a traceback for the log
        import traceback
        traceback.print_exc()
        os._exit(70)
    os._exit(0)


def seconds(process):
    """Seconds of the processor that a process and those below it have taken."""
    place = pathlib.Path("/proc", str(process))
    try:
        fields = (place / "stat").read_text().rpartition(")")[2].split()
        below = (place / "task" / str(process) / "children").read_text().split()
    except OSError:  # it has ended
        return 0.0
    return sum(map(int, fields[11:15])) / TICKS + sum(map(seconds, below))


def end(process, after=None, signals=(signal.SIGKILL,)):
    """Waits for a process, or sends it signals after some seconds of the processor.

    Returns:
        exit status, negative for a signal; and the seconds that it took.
    """
    started, taken = time.monotonic(), 0.0
    while True:
        number, status = os.waitpid(process, os.WNOHANG)
        if number:
            return os.waitstatus_to_exitcode(status), taken
        taken = max(taken, seconds(process))
        if after is not None and taken >= after:
            for sent in signals:
                os.killpg(process, sent)
                time.sleep(0.01)
            after = None
        if time.monotonic() - started > LONGEST:
            os.killpg(process, signal.SIGKILL)
        time.sleep(0.02)


def differences(old, new):
    """Names and verdicts of the files that are not bit for bit the same."""
    first, second = (checksums.Output(path, True) for path in (old, new))
    rows = {name: repeating.verdict(name, old / name, new / name, ())
            for name in first.files()}
    rows |= {name: repeating.Row(name, "extra")
             for name in set(second.files()) - set(rows)}
    hidden = [path for path in new.rglob(".*") if ".part" in path.name]
    rows |= {path.name: repeating.Row(path.name, "left over") for path in hidden}
    return [row for row in rows.values() if row.verdict != repeating.EQUAL]


class Trial:
    """Kills of one program."""

    def __init__(self, name, inputs, folder, seed):
        self.name, self.program = name, programs.PROGRAMS[name]
        self.inputs, self.folder = inputs, folder
        self.rng = random.Random(f"{seed} {name}")
        self.log, self.out = folder / "log", folder / "out"
        self.endings, self.problems = collections.Counter(), []
        # At the very place of later runs: paths stand in many files.
        status, self.duration = end(call(self.program, inputs, self.out, self.log))
        if status:
            raise RuntimeError(f"{name} ended with {status}: {self.said()}")
        self.unbroken = folder / "unbroken"
        shutil.move(self.out, self.unbroken)

    def said(self):
        return self.log.read_text(errors="replace")[-1500:]

    def chain(self, count, signals):
        """Kills the program so many times, then lets it end; compares."""
        for _ in range(count):
            process = call(self.program, self.inputs, self.out, self.log)
            status, _ = end(process, self.rng.uniform(0, self.duration), signals)
            self.endings[status] += 1
            if "Traceback" in self.said():
                self.problems.append(f"traceback: {self.said()[-300:]}")
        status, _ = end(call(self.program, self.inputs, self.out, self.log))
        if status:
            self.problems.append(f"the last call ended with {status}: {self.said()}")
        rows = differences(self.unbroken, self.out) if self.out.exists() else []
        for row in rows:
            if row.verdict not in (repeating.SAME_CONTENT, repeating.OF_ONE_CALL):
                self.problems.append(f"{row.name}: {row.verdict} {row.detail}")
        shutil.rmtree(self.out, ignore_errors=True)
        return rows


def run(name, inputs, arguments):
    """Kills one program and prints a row; returns whether anything differed."""
    for module in programs.PROGRAMS[name].loads:
        importlib.import_module(module)
    table.load(programs.PROGRAMS[name].module)
    with tempfile.TemporaryDirectory() as folder:
        trial = Trial(name, inputs, pathlib.Path(folder), arguments.seed)
        kills, chains, same = 0, 0, set()
        while kills < arguments.count:
            count = min(trial.rng.randint(1, 3), arguments.count - kills)
            same |= {row.name for row in trial.chain(
                count, SIGNALS[arguments.signal])}
            kills, chains = kills + count, chains + 1
    endings = ", ".join(f"{count} x {status}"
                        for status, count in sorted(trial.endings.items()))
    print(f"{name} | {trial.duration:.1f} s | {kills} | {chains} | {endings} | "
          f"{len(trial.problems)} | {' '.join(sorted(same))}", flush=True)
    for problem in trial.problems:
        print(f"    {problem}", flush=True)
    return bool(trial.problems)


def main(argv=None):
    """Kills the programs one after the other."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", nargs="+", choices=programs.PROGRAMS,
                        default=[*programs.PROGRAMS])
    parser.add_argument("--count", type=int, default=50, help="kills of each")
    parser.add_argument("--signal", choices=SIGNALS, default="KILL")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args(argv)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    bad = False
    with tempfile.TemporaryDirectory() as folder:
        inputs = pathlib.Path(folder)
        process = os.fork()
        if not process:
            with open(os.devnull, "w") as nothing, \
                    contextlib.redirect_stdout(nothing):
                programs.write_inputs(inputs, models=any(
                    programs.PROGRAMS[name].loads for name in arguments.program))
            os._exit(0)
        if os.waitpid(process, 0)[1]:
            return 1
        print("program | unbroken | kills | chains | endings | problems | "
              "not bit for bit", flush=True)
        for name in arguments.program:
            bad |= run(name, inputs, arguments)
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())
