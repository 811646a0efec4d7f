"""Interrupts programs at random moments and compares what a last call leaves.

    python -m tests.kills --program sampling prediction
    python -m tests.kills --kill 0 --int 0 --term 20

Each chain sends a program one to eight signals, in calls one after the other and at
moments drawn evenly over the processor time of an unbroken run, and then lets it end.
Programs that run others step by step go on after each, so they get more, at moments
from the first part of that time. All files must be those of the unbroken run: bit for
bit, or but for keys, times and places. A signal other than SIGKILL must end in a line
and its status. Processes are forked from one that has loaded the packages and computed
nothing, so that signals fall into the work. The status is 1 if anything differs.
"""

import argparse
import collections
import contextlib
import importlib
import os
import pathlib
import random
import re
import shlex
import shutil
import signal
import sys
import tempfile
import time

from end2end import repeating
from end2end.utils import checksums, files, interruption
from end2end.utils import programs as table
from tests.kills import forked, programs

LONGEST, LONGEST_CHAIN = 1800, 8
TICKS = os.sysconf("SC_CLK_TCK")
PATIENCE = 30


def kill(rng):
    """SIGKILL to the program and all processes that it began."""
    return lambda process: os.killpg(process, signal.SIGKILL)


def interrupt(rng):
    """SIGINT twice, to all as from a terminal; up to half a second between them."""
    pause = rng.choice((0.01, 0.1, 0.5))

    def send(process):
        os.killpg(process, signal.SIGINT)
        time.sleep(pause)
        os.killpg(process, signal.SIGINT)
    return send


def terminate(rng):
    """SIGTERM, to all or to the program alone."""
    function = rng.choice((os.killpg, os.kill))
    return lambda process: function(process, signal.SIGTERM)


SIGNALS = {"KILL": kill, "INT": interrupt, "TERM": terminate}
# Statuses that may follow; that of the signal itself after the second or very late.
ENDINGS = {"KILL": (-9,), "INT": (130, -2), "TERM": (143, -15)}
SENTENCE = re.compile("|".join(
    f"^{re.escape(text)}$" for text in interruption.SENTENCES.values()), re.MULTILINE)


def call(program, inputs, out, log):
    """Starts a program in a new process group; returns its number."""
    words = [word.replace("IN/", f"{inputs}/").replace("OUT", str(out))
             for word in shlex.split(program.words)]
    process = os.fork()
    if process:
        return process
    try:  # in the child
        os.setsid()
        forked.to(log)
        forked.work(program.module, words)
    finally:
        os._exit(70)


def seconds(process):
    """Seconds of the processor that a process and those below it have taken."""
    place = pathlib.Path("/proc", str(process))
    try:
        fields = (place / "stat").read_text().rpartition(")")[2].split()
        below = [child for task in (place / "task").iterdir()
                 for child in (task / "children").read_text().split()]
    except OSError:  # it has ended
        return 0.0
    return sum(map(int, fields[11:15])) / TICKS + sum(map(seconds, below))


def end(process, after=None, send=lambda process: None):
    """Waits for a process, or sends it signals after some seconds of the processor.

    Returns:
        exit status, negative for a signal; the seconds that it took; and whether the
        signals were sent.
    """
    started, sent = time.monotonic(), False
    # Watching costs what the program could use: a fiftieth of the time is exact enough.
    pause = min(0.1, max(0.01, (after or 1) / 50))
    while True:
        number, status, usage = os.wait4(process, os.WNOHANG)
        if number:
            return (os.waitstatus_to_exitcode(status),
                    usage.ru_utime + usage.ru_stime, sent)
        if after is not None and not sent and seconds(process) >= after:
            send(process)
            sent = True
        if time.monotonic() - started > LONGEST:
            os.killpg(process, signal.SIGKILL)
        time.sleep(pause)


def living(group):
    """Numbers of the processes of a group that run."""
    numbers = []
    for place in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            fields = (place / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == group and fields[0] not in "ZX":
            numbers.append(int(place.name))
    return numbers


def left_behind(group):
    """Waits until no process of a group runs; those that do not end are killed.

    Returns:
        their numbers.
    """
    until = time.monotonic() + PATIENCE
    while (numbers := living(group)) and time.monotonic() < until:
        time.sleep(0.02)
    for number in numbers:
        os.kill(number, signal.SIGKILL)
    return numbers


def differences(old, new):
    """Names and verdicts of the files that are not bit for bit the same."""
    first, second = (checksums.Output(path, True) for path in (old, new))
    # A card names the model that it began with by its checksum, and models hold
    # numbers of one call.
    names = [name for name in first.files() if name in second.files()]
    digests = [(files.sha256(new / name), (files.sha256(old / name),))
               for name in names if name.endswith(".h5")]
    rows = {name: repeating.verdict(name, old / name, new / name, digests)
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
        with forked.noting(folder / "modules"):
            self.unbroken_run(folder / "first")
        forked.load_noted(folder / "modules")
        self.unbroken = folder / "unbroken"
        self.duration = self.unbroken_run(self.unbroken)
        self.compare(folder / "first", self.unbroken)

    def unbroken_run(self, place):
        """Runs the program and moves its output; returns its seconds of processor.

        At the very place of later runs, since paths stand in many files.
        """
        status, taken, _ = end(call(self.program, self.inputs, self.out, self.log))
        if status:
            raise RuntimeError(f"{self.name} ended with {status}: {self.said()}")
        shutil.move(self.out, place)
        return taken

    def compare(self, old, new):
        """Notes what differs; returns names of files that are not bit for bit equal."""
        rows = differences(old, new)
        for row in rows:
            if row.verdict not in (repeating.SAME_CONTENT, repeating.OF_ONE_CALL):
                self.problems.append(f"{row.name}: {row.verdict} {row.detail}")
        return {row.name for row in rows}

    def said(self):
        return self.log.read_text(errors="replace")[-1500:]

    def chain(self, names):
        """Sends a program signals one after the other, then lets it end; compares.

        Args:
            names: of the signals; those that were sent are taken out.

        Returns:
            names of the files that are not bit for bit those of the unbroken run.
        """
        while names and self.interrupted(names[-1]):
            names.pop()
        status, *_ = end(call(self.program, self.inputs, self.out, self.log))
        if status:
            self.problems.append(f"the last call ended with {status}: {self.said()}")
        unlike = self.compare(self.unbroken, self.out)
        shutil.rmtree(self.out, ignore_errors=True)
        return unlike

    def interrupted(self, name):
        """Runs the program until signals are sent; whether it had not ended before."""
        process = call(self.program, self.inputs, self.out, self.log)
        latest = self.duration * self.program.share
        status, _, sent = end(
            process, self.rng.uniform(0, latest), SIGNALS[name](self.rng))
        if not sent or status == 0:  # it had come to its end
            return False
        self.judge(name, status, left_behind(process))
        return True

    def judge(self, name, status, left):
        """Notes what is wrong with how a program ended after a signal."""
        self.endings[name, status] += 1
        said = self.log.read_text(errors="replace")
        if left:
            self.problems.append(f"{len(left)} processes went on: {said[-300:]}")
        if "Traceback" in said:
            self.problems.append(f"traceback: {said[-2000:]}")
        if status not in ENDINGS[name]:
            self.problems.append(f"ended with {status}: {said[-300:]}")
        if status > 0 and SENTENCE.search(said) is None:
            self.problems.append(f"ended with {status} without a line: {said[-300:]}")


def run(name, inputs, arguments):
    """Sends signals to one program and prints a row; whether anything differed."""
    program = programs.PROGRAMS[name]
    for module in program.loads:
        importlib.import_module(module)
    table.load(program.module)
    program.adjust()
    with tempfile.TemporaryDirectory() as folder:
        trial = Trial(name, inputs, pathlib.Path(folder), arguments.seed)
        names = [signal for signal in SIGNALS
                 for _ in range(getattr(arguments, signal.lower()))]
        trial.rng.shuffle(names)
        sent, chains, same = len(names), 0, set()
        longest = round(LONGEST_CHAIN / program.share)
        while names and chains < 3 * sent:
            taken = [names.pop() for _ in range(min(
                trial.rng.randint(1, longest), len(names)))]
            same |= trial.chain(taken)
            names, chains = names + taken, chains + 1
    endings = ", ".join(f"{count} x {name} {status}"
                        for (name, status), count in sorted(trial.endings.items()))
    print(f"{name} | {trial.duration:.1f} s | {chains} | {endings} | "
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
    for name, count in (("KILL", 50), ("INT", 20), ("TERM", 20)):
        parser.add_argument(f"--{name.lower()}", type=int, default=count, metavar="N",
                            help=f"{SIGNALS[name].__doc__} (default: {count})")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args(argv)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    bad = False
    models = any(programs.PROGRAMS[name].loads for name in arguments.program)
    if models:
        importlib.import_module("keras")
    with tempfile.TemporaryDirectory() as folder:
        inputs = pathlib.Path(folder)
        process = os.fork()
        if not process:
            with open(os.devnull, "w") as nothing, \
                    contextlib.redirect_stdout(nothing):
                programs.write_inputs(inputs, models=models)
            os._exit(0)
        if os.waitpid(process, 0)[1]:
            return 1
        print("program | unbroken | chains | endings | problems | "
              "not bit for bit", flush=True)
        for name in arguments.program:
            try:
                bad |= run(name, inputs, arguments)
            except RuntimeError as error:
                print(f"    {error}", flush=True)
                bad = True
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())
