"""Many calls of one function: here, in processes, or on a Dask cluster."""

import concurrent.futures
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from end2end.utils import distribution, files, processes

AHEAD = 3  # tasks in hand per worker: what is sent ahead is what memory holds


def run(function: Callable[[Any], Any], tasks: Iterable[Any], *,
        scheduler: str | None = None, workers: int = 1) -> Iterator[Any]:
    """Calls a function on each task, some tasks ahead, whatever their number.

    Args:
        function: picklable; may be called twice on a task whose worker died.
        tasks: iterable, read as results come.
        scheduler: address of a Dask scheduler (`tcp://host:8786`, `tls://...`), or
            None: this machine.
        workers: processes of this machine; 1 works in this process.

    Yields:
        results, as they come.

    Raises:
        files.InputError: Dask is not installed, or no scheduler answers.
        OSError: a process was killed.
    """
    if scheduler:
        yield from on_dask(function, tasks, scheduler)
    elif workers == 1:
        yield from map(function, tasks)
    else:
        try:
            with processes.pool(workers) as pool:
                yield from _windowed(
                    lambda task: pool.submit(function, task), tasks,
                    ahead=AHEAD * workers, wait=_first_done)
        except concurrent.futures.BrokenExecutor as error:
            raise OSError("a worker process was killed; call the command again for "
                          "the missing shards") from error


def on_dask(function: Callable[[Any], Any], tasks: Iterable[Any], address: str
            ) -> Iterator[Any]:
    """`run` on the workers of a Dask scheduler; a dead worker's tasks go to others."""
    distribution.require("distributed", purpose="--scheduler", extra="cluster")
    import distributed

    try:
        client = distributed.Client(address, timeout="5s")
    except (OSError, ValueError, TimeoutError) as error:
        raise files.InputError(
            f"no Dask scheduler answers at {address}; start one with `dask scheduler` "
            "and give its address.") from error

    def first_done(futures):
        return distributed.wait(futures, return_when="FIRST_COMPLETED").done

    with client:
        ahead = AHEAD * max(1, sum(client.nthreads().values()))
        yield from _windowed(
            lambda task: client.submit(function, task, pure=False, retries=2), tasks,
            ahead=ahead, wait=first_done)


def _first_done(futures):
    return concurrent.futures.wait(
        futures, return_when=concurrent.futures.FIRST_COMPLETED).done


def _windowed(submit, tasks, *, ahead, wait):
    waiting = set()
    for task in tasks:
        waiting.add(submit(task))
        if len(waiting) >= ahead:
            finished = set(wait(waiting))
            waiting -= finished
            yield from (future.result() for future in finished)
    while waiting:
        finished = set(wait(waiting))
        waiting -= finished
        yield from (future.result() for future in finished)
