"""A process that reads damaged files one after the other and is watched.

It reports each case before and after, so that the parent knows which file killed it or
made it hang. Memory is limited; what would run code or write elsewhere is recorded.
"""

import ctypes
import faulthandler
import gc
import logging
import multiprocessing
import os
import pathlib
import random
import resource
import shutil
import sys
import time

MEMORY = 2 << 30
LONGEST_MESSAGE = 2000
# Python's own events (sys.addaudithook) by which code from a file would show.
FORBIDDEN = (
    "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty",
    "os.startfile", "pty.spawn", "subprocess.Popen", "socket.connect", "socket.bind",
    "socket.getaddrinfo", "pickle.find_class", "urllib.Request", "webbrowser.open",
    "ftplib.connect", "http.client.connect")
# What a whole call may do: worker processes, and the sockets of the page's loop.
OF_CALLS = ("os.fork", "os.posix_spawn", "socket.bind", "socket.getaddrinfo")
# `platform.processor` asks the system so.
ASKED_BY_PLATFORM = ("uname", ["uname", "-p"])
# What worker processes of a call send back is of these modules.
SENT_BY_WORKERS = ("concurrent.futures.process", "multiprocessing.", "end2end.",
                   "ddsm_train.", "inbreast.", "pathlib")
CHANGING = (
    "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink",
    "os.chmod", "os.chown", "os.truncate", "os.utime", "shutil.copyfile",
    "shutil.move", "shutil.rmtree", "tempfile.mkstemp", "tempfile.mkdtemp")
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Watch:
    """Records what no reader may do, by Python's audit events."""

    def __init__(self, allowed):
        self.allowed, self.found, self.active = str(allowed), [], False
        self.calls = False
        prefixes = (sys.prefix, sys.base_prefix, os.getcwd())
        self.code = tuple(map(os.path.realpath, prefixes)) + prefixes
        sys.addaudithook(self.hook)

    def hook(self, event, arguments):
        if not self.active:
            return
        if event in FORBIDDEN and not (self.calls and event in OF_CALLS) and (
                "end2end.utils.isolated" not in str(arguments)) and (
                arguments[:2] != ASKED_BY_PLATFORM) and not (
                self.calls and event == "pickle.find_class"
                and str(arguments[0]).startswith(SENT_BY_WORKERS)):
            self.found.append(f"{event} {arguments!r:.200}")
        elif event == "open":
            path, mode, flags = arguments
            if flags & WRITING or (mode and set(mode) & set("wax+")):
                self._check_place(event, path)
        elif event in CHANGING:
            self._check_place(event, arguments[0])
        elif event == "exec":
            self._check_code(event, arguments[0].co_filename)
        elif event in ("import", "code.__new__") and arguments[1]:
            self._check_code(event, arguments[1])

    def _check_place(self, event, path):
        if isinstance(path, (str, bytes, os.PathLike)):
            place = os.path.realpath(os.fsdecode(path))
            if not place.startswith((self.allowed, "/dev/")):
                self.found.append(f"{event} {place}")

    def _check_code(self, event, name):
        # Programs write small classes of their own (dataclass, namedtuple): "<string>".
        if not str(name).startswith((*self.code, "<frozen", "<string>", "<attrs")):
            self.found.append(f"{event} {name!r:.200}")


def chain(error):
    """An exception and those from which it came."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def peak():
    """Greatest memory held since `forget_peak`, in bytes."""
    with open("/proc/self/status") as stream:
        line = next(line for line in stream if line.startswith("VmHWM"))
    return int(line.split()[1]) << 10


def forget_peak():
    """Starts measuring the peak anew."""
    with open("/proc/self/clear_refs", "w") as stream:
        stream.write("5")


def size(name):
    """A size of this process in bytes, by its name in /proc/self/status."""
    with open("/proc/self/status") as stream:
        return int(next(line for line in stream if line.startswith(name)).split()[1]
                   ) << 10


class Cases:
    """The cases of one kind; each a pure function of seed, kind and number."""

    places = frozenset(("in", "out"))

    def __init__(self, name, seed, folder):
        from tests.fuzz import bombs, readers, seeds

        self.name, self.seed, self.kind = name, seed, readers.KINDS[name]
        self.folder, self.out = folder / name / "in", folder / name / "out"
        self.folder.mkdir(parents=True)
        if self.kind.folder:
            self.kind.folder(self.folder)
            self.seeds = None
        else:
            self.seeds = seeds.of(name)
        self.bombs = bombs.of(name)

    def make(self, number):
        """File name and bytes of a case, and its stream."""
        from tests.fuzz import mutations

        rng = random.Random(f"{self.seed} {self.name} {number}")
        name = self.kind.names[number % len(self.kind.names)]
        if number < len(self.bombs):
            if self.name == "cbis":  # the first is packed
                name = self.kind.names[3 if number == 0 else number]
            return name, self.bombs[number], rng
        seeds = self.seeds or [(self.folder / one).read_bytes()
                               for one in self.kind.names]
        data = rng.choice(seeds) if self.seeds else (self.folder / name).read_bytes()
        packed = self.kind.packed
        if packed and (self.kind.always or rng.random() < 0.6) and (
                self.name != "cbis" or name.endswith(".gz")):
            return name, packed(data, rng, seeds), rng
        return name, mutations.damaged(
            data, rng, others=seeds, text=self.kind.text, start=self.kind.start), rng

    def run(self, number, data=None, begin=lambda: None):
        """Reads one case.

        Args:
            number: of the case.
            data: what is read in place of its file.
            begin: called when the file is there, before it is read.

        Returns:
            "read" or "refused", and the message.
        """
        name, made, rng = self.make(number)
        return self.read(name, made if data is None else data, rng, begin)

    def read(self, name, data, rng, begin=lambda: None):
        """Reads a file of this name and content, and takes it away."""
        from tests.fuzz import readers

        file = self.folder / name
        before = file.read_bytes() if self.kind.folder else None
        file.write_bytes(data)
        shutil.rmtree(self.out, ignore_errors=True)
        self.out.mkdir()
        begin()
        try:
            self.kind.read(readers.Place(self.folder, file, self.out, rng))
            return "read", ""
        except readers.REFUSALS as error:
            hidden = [one for one in chain(error) if isinstance(one, MemoryError)
                      or "nsufficient memory" in str(one)]
            if hidden:
                raise MemoryError(f"memory was taken before the check: {error}"
                                  ) from None
            return "refused", str(error)
        finally:
            if before is None:
                for path in self.folder.iterdir():
                    path.unlink()
            else:
                file.write_bytes(before)

    def warm_up(self):
        """Reads the whole files, so that what is imported late is there."""
        if self.seeds is None:
            name = self.kind.names[0]
            self.run(10**9, (self.folder / name).read_bytes())
            return
        endings = [self.run(10**9 + i, data)[0] for i, data in enumerate(self.seeds)]
        assert endings.count("read") >= max(1, len(endings) // 3), (self.name, endings)


def cases_of(name, seed, folder):
    """The cases of a kind of file, or of a program that is called as a whole."""
    from tests.fuzz import calls

    return (calls.Calls if name in calls.CALLS else Cases)(name, seed, folder)


def work(connection, seed, jobs, folder):
    """Runs cases; sends ("begin", kind, number) and ("end", kind, number, ending,
    text, seconds, bytes).

    Args:
        connection: of `multiprocessing`.
        seed: of the run.
        jobs: list of (kind, numbers).
        folder: new; everything happens below it.
    """
    folder = pathlib.Path(folder)
    watch = _prepare(folder)
    for kind, numbers in jobs:
        cases = cases_of(kind, seed, folder)
        watch.calls = not isinstance(cases, Cases)
        if watch.calls:  # they may have workers
            multiprocessing.current_process()._config["daemon"] = False
        for number in [None, *numbers]:
            if number is None:
                cases.warm_up()
                # What is imported stays: without looking through it each time, Keras
                # forgets a model ten times as fast.
                gc.freeze()
                os.chdir(folder / "cwd")
                # Above what is allowed: what fails at the very limit would not show.
                limit = size("VmSize") + 4 * MEMORY
                resource.setrlimit(resource.RLIMIT_AS, (limit, -1))
                continue
            connection.send(("begin", kind, number))
            connection.send(("end", kind, number, *_watched(cases, number, watch)))
        resource.setrlimit(resource.RLIMIT_AS, (-1, -1))
        shutil.rmtree(folder / kind)
    connection.send(("done",))


def _prepare(folder):
    """Quiets the process and gives it an empty working folder."""
    (folder / "cwd").mkdir(parents=True)
    os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="-1",
                      TMPDIR=str(folder))
    # Native libraries write there too, and Python where it crashed.
    log = os.open(f"{folder}.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for descriptor in (1, 2):
        os.dup2(log, descriptor)
    faulthandler.enable()
    logging.disable(logging.CRITICAL)
    watch = Watch(folder)
    from tests.fuzz import readers, seeds  # noqa: F401 - before the folder changes
    return watch


def _watched(cases, number, watch):
    """Ending, text, seconds and bytes of one case.

    What it took to make the file, which may hold a network of Keras, does not count.
    """
    started = base = 0

    def begin():
        nonlocal started, base
        # What the making of the file has left would hide what the reader takes.
        ctypes.CDLL(None).malloc_trim(0)
        forget_peak()
        watch.found.clear()
        # Of the processor: the machine may be busy with other work.
        started, base, watch.active = time.process_time(), size("VmRSS"), True

    try:
        ending, text = cases.run(number, begin=begin)
    except BaseException as error:  # noqa: BLE001 - any other ending is a finding
        ending, text = "raised", _where(error)
    watch.active = False
    seconds, most = time.process_time() - started, peak() - base
    return (*_judged(cases, ending, text, watch), seconds, most)


def _judged(cases, ending, text, watch):
    from end2end.utils import commands

    if watch.found:
        return "forbidden", "; ".join(watch.found[:3])
    strange = set(os.listdir(cases.out.parent)) - cases.places
    if "cwd" not in cases.places:
        strange |= set(os.listdir())
    strange |= {path.name for path in cases.out.parent.parent.glob("*escaped*")}
    if strange:
        return "escaped", str(strange)
    if ending == "refused":
        line = commands.one_line(text)
        if len(line) > LONGEST_MESSAGE or not line.isprintable():
            return "message", f"{len(line)} characters: {line[:100]!r}"
    return ending, text


def _where(error):
    """Kind of an exception, its message, and the last places of the project in it."""
    import traceback

    frames = traceback.extract_tb(error.__traceback__)
    places = [f"{pathlib.Path(one.filename).name}:{one.lineno}" for one in frames
              if "/end2end/" in one.filename or "/ddsm_train/" in one.filename
              or "/inbreast/" in one.filename or one is frames[-1]]
    return f"{type(error).__name__} at {' > '.join(places[-3:])}: {str(error)[:160]}"
