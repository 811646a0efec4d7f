"""A real Dask scheduler with two workers, as processes of this machine."""

import contextlib
import os
import signal
import socket
import subprocess
import sys

import pytest


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@contextlib.contextmanager
def running(folder, *, seconds=90, **environment):
    """Gives the scheduler's address and the processes, the scheduler first.

    Args:
        folder: current folder of all.
        seconds: that the workers have to come.
        environment: variables of all.
    """
    distributed = pytest.importorskip("distributed")
    port = str(free_port())
    address = f"tcp://127.0.0.1:{port}"

    def start(*words):
        return subprocess.Popen(
            [sys.executable, "-m", "dask", *words], cwd=folder,
            env=dict(os.environ, **environment),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    started = [start("scheduler", "--host", "127.0.0.1", "--no-dashboard", "--port",
                     port)]
    started += [start("worker", address, "--nthreads", "1", "--no-dashboard",
                      "--no-nanny") for _ in range(2)]
    try:
        with distributed.Client(address, timeout=f"{seconds}s",
                                set_as_default=False) as client:
            client.wait_for_workers(2, timeout=seconds)
        yield address, started
    finally:
        for process in reversed(started):
            process.kill()
            process.wait()


def with_a_kill(work, started):
    """All that `work` yields; a worker is killed after the first of it."""
    found = [next(work)]
    started[1].send_signal(signal.SIGKILL)
    return [*found, *work]
