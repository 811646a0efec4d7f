"""Asks a real page much at once: many uploads, slow clients, clients that leave, odd
names and headers.

    python -m tests.serve.load --uploads 1000 --clients 50
"""

import argparse
import collections
import concurrent.futures
import contextlib
import dataclasses
import http.client
import json
import os
import pathlib
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

ROOT = pathlib.Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests/helpers"))
# Seconds of the clock for one answer; the machine may be busy.
PATIENCE = 300
NAMES = ("a.png", "%00", "%0d%0aSet-Cookie:%20a=b", "..%2f..%2fescaped.png", "%ff%fe",
         "%F0%9F%A9%BA.png", "a" * 4000, "%1b[2J.png", "=1+1.png", "%2e%2e", "%20",
         "CON.png", ".hidden", "-rf", "a.dcm", "a.h5", "%E2%80%AEgnp.exe")
RAW = (
    b"GET / HTTP/1.0\r\n\r\n", b"GARBAGE\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00",
    b"GET / HTTP/1.1\r\nHost: evil.test\r\n\r\n",
    b"POST /score HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -1\r\n\r\n",
    b"POST /score HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n"
    b"Transfer-Encoding: chunked\r\nX-Name: a\r\n\r\nzz\r\n",
    b"POST /score HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Name: a\r\n"
    b"Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\nabc",
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"a" * 200_000 + b"\r\n\r\n",
    b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    b"GET /picture/%00 HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: session-1=\xff\r\n\r\n",
    b"POST /account HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Name: a\r\nContent-Length: 50000"
    b"\r\n\r\n" + b"[" * 50_000,
    b"PUT /score HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 3\r\n\r\nabc",
    b"GET /results HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: http://evil.test\r\n\r\n")


@dataclasses.dataclass
class Account:
    """What the clients were told.

    Attributes:
        statuses: counts by what the client did and the status.
        problems: sentences.
        answered: sound files with a score.
    """

    statuses: collections.Counter = dataclasses.field(
        default_factory=collections.Counter)
    problems: list = dataclasses.field(default_factory=list)
    answered: int = 0
    lock: threading.Lock = dataclasses.field(default_factory=threading.Lock)

    def add(self, kind, status, problem=""):
        with self.lock:
            self.statuses[kind, status] += 1
            if problem or status == 500:
                self.problems.append(f"{kind}: {status} {problem}")


class Page:
    """A real process that serves a small network.

    Args:
        folder: for the model and all that the process writes.
    """

    def __init__(self, folder):
        import tiny_classifier

        self.folder = folder
        (folder / "tmp").mkdir()
        tiny_classifier.save(folder / "best.h5")
        self.log = (folder / "log").open("w")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "end2end", "serve", str(folder / "best.h5"),
             "--port", "0", "--no-browser"], cwd=ROOT, stdout=subprocess.PIPE,
            stderr=self.log, text=True,
            env=dict(os.environ, TMPDIR=str(folder / "tmp")))
        for line in self.process.stdout:
            if match := re.search(r"http://127\.0\.0\.1:(\d+)/", line):
                self.port = int(match[1])
                return
        self.process.kill()
        raise RuntimeError(f"the page was not served: {self.said()[-1000:]}")

    def memory(self):
        """Bytes that the process holds."""
        text = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", text)[1]) << 10

    def said(self):
        return pathlib.Path(self.log.name).read_text(errors="replace")

    def end(self):
        """Ends it as Ctrl-C does; returns what is left in its temporary folder."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(60)
        return [path.name for path in (self.folder / "tmp").rglob("*")]


# Clients --------------------------------------------------------------------------


def upload(page, data, name, **headers):
    """Status and answer to one file."""
    connection = http.client.HTTPConnection("127.0.0.1", page.port, timeout=PATIENCE)
    with contextlib.closing(connection):
        connection.request("POST", "/score", data, {"X-Name": name, **headers})
        reply = connection.getresponse()
        text = reply.read()
    return reply.status, json.loads(text) if text[:1] == b"{" else {}


def patient_upload(page, data, name):
    """As `upload`, again while the page asks to wait."""
    started = time.monotonic()
    while True:
        status, answer = upload(page, data, name)
        if status != 503 or time.monotonic() - started > PATIENCE:
            return status, answer
        time.sleep(random.random() / 5)


def sound(page, account, rng, pictures):
    """Uploads a whole picture, whose score is known."""
    data, score = rng.choice(pictures)
    status, answer = patient_upload(page, data, rng.choice(NAMES))
    right = status == 200 and abs(answer["score"] - score) < 1e-6
    account.add("sound", status, "" if right else str(answer)[:200])
    account.answered += right


def damaged(page, account, rng, pictures):
    from tests.fuzz import mutations

    data = mutations.damaged(rng.choice(pictures)[0], rng, others=[b"x" * 99])
    status, answer = patient_upload(page, data, rng.choice(NAMES))
    account.add("damaged", status, "" if status in (200, 422) else str(answer)[:200])


def slow(page, account, rng, pictures):
    """Sends a picture in ten pieces with pauses."""
    data, score = rng.choice(pictures)
    step = len(data) // 10 + 1

    def pieces():
        for start in range(0, len(data), step):
            time.sleep(0.1)
            yield data[start:start + step]
    status, answer = upload(page, pieces(), "slow.png",
                            **{"Content-Length": str(len(data))})
    right = status == 503 or status == 200 and abs(answer["score"] - score) < 1e-6
    account.add("slow", status, "" if right else str(answer)[:200])


def leaving(page, account, rng, pictures):
    """Ends the connection in the middle of a file, or before the answer."""
    data = rng.choice(pictures)[0]
    head = (f"POST /score HTTP/1.1\r\nHost: 127.0.0.1:{page.port}\r\nX-Name: a.png\r\n"
            f"Content-Length: {len(data)}\r\n\r\n").encode()
    part = data if rng.random() < 0.5 else data[:rng.randrange(len(data))]
    with socket.create_connection(("127.0.0.1", page.port), PATIENCE) as connection:
        connection.sendall(head + part)
    account.add("left", 0)


def raw(page, account, rng, pictures):
    """Sends what no browser sends; reads what comes."""
    number = rng.randrange(len(RAW))
    with socket.create_connection(("127.0.0.1", page.port), 5) as connection, \
            contextlib.suppress(OSError):
        connection.sendall(RAW[number].replace(
            b"Host: 127.0.0.1", f"Host: 127.0.0.1:{page.port}".encode()))
        connection.settimeout(5)
        line = connection.recv(4096).split(b"\r\n")[0].decode("latin-1")
        status = int(line.split()[1]) if line[:5] == "HTTP/" else -1
        account.add("raw", status)
        return
    account.add("raw", -1)


def asking(page, account, rng, pictures):
    """A browser without a cookie asks for its views."""
    connection = http.client.HTTPConnection("127.0.0.1", page.port, timeout=PATIENCE)
    with contextlib.closing(connection):
        connection.request("GET", rng.choice(("/results", "/about", "/", "/page.js")))
        reply = connection.getresponse()
        reply.read()
    account.add("asked", reply.status, "" if reply.status == 200 else "no page")


# Kind of client and how many of hundred.
CLIENTS = ((sound, 50), (damaged, 20), (slow, 5), (leaving, 10), (raw, 8), (asking, 7))


def known_pictures(page, count=12):
    """Pictures as PNG with the score that the page gives them alone."""
    import cv2
    import tiny_classifier

    pictures = []
    for seed in range(count):
        data = cv2.imencode(".png", tiny_classifier.picture(seed))[1].tobytes()
        status, answer = upload(page, data, urllib.parse.quote(f"P_{seed}_L_CC.png"))
        assert status == 200, answer
        pictures.append((data, answer["score"]))
    return pictures


def run(uploads, clients, seed=0):
    """Asks a page so often; returns the account, and memory first, last and highest."""
    with tempfile.TemporaryDirectory() as folder:
        page = Page(pathlib.Path(folder))
        try:
            pictures, account = known_pictures(page), Account()
            memory = [page.memory()]

            def client(number):
                rng = random.Random(f"{seed} {number}")
                kind, = rng.choices([row[0] for row in CLIENTS],
                                    [row[1] for row in CLIENTS])
                try:
                    kind(page, account, rng, pictures)
                except (OSError, http.client.HTTPException) as error:
                    account.add(kind.__name__, type(error).__name__, str(error))
                if number % 20 == 0:
                    memory.append(page.memory())

            with concurrent.futures.ThreadPoolExecutor(clients) as pool:
                list(pool.map(client, range(uploads)))
            status, answer = patient_upload(page, pictures[0][0], "last.png")
            account.add("last", status, "" if status == 200 else str(answer))
            memory.append(page.memory())
            said = page.said()
            if "Traceback" in said or "Exception" in said:
                account.problems.append(said[said.find("Traceback"):][:6000])
            if left := page.end():
                account.problems.append(f"left: {left[:5]}")
        finally:
            page.process.kill()
            page.process.wait()
            page.process.stdout.close()
            page.log.close()
    return account, memory


def main(argv=None):
    """Prints the account; status 1 if anything was wrong."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--uploads", type=int, default=1000)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args(argv)
    account, memory = run(arguments.uploads, arguments.clients, arguments.seed)
    for (kind, status), count in sorted(account.statuses.items(), key=str):
        print(f"{kind:10} {status!s:6} {count:6d}")
    first, last, most = (
        value >> 20 for value in (memory[0], memory[-1], max(memory)))
    print(f"{account.answered} sound files answered; memory {first} MB at first, "
          f"{last} MB at the end, {most} MB at most; {len(account.problems)} problems")
    for problem in account.problems[:20]:
        print(f"    {problem}")
    return 1 if account.problems or most - first > 200 else 0


if __name__ == "__main__":
    sys.exit(main())
