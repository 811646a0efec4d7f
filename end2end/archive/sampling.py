"""Patch sampling in shards of mammograms: `end2end archive sample`.

The same files as `ddsm_train.sample_patches_combined`, name by name and byte by byte:
the draws of a mammogram depend on no other. The shards are tables of the patches. Every
file and folder may be a URL; what lies behind one is fetched for its mammogram.
"""

import argparse
import contextlib
import dataclasses
import functools
import hashlib
import pathlib
import shutil
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from end2end import config
from end2end.archive import roi_streamed, shards, storage, work
from end2end.config import sampling_command
from end2end.data.patches import roi_table
from end2end.data.patches import sampling as patch_sampling
from end2end.utils import files, temporary

COLUMNS = ("path", "label", "patient", "laterality", "view", "error")


def run(arguments: argparse.Namespace, *, suffix: str) -> Iterator[int]:
    """Samples; yields the number of mammograms of each shard just done.

    Args:
        arguments: of `end2end archive`.
        suffix: of the shards, `.csv` or `.parquet`.

    Raises:
        files.InputError: as `roi_table.plan` and `shards.run`.
    """
    options = config.fill(config.SamplingOptions, arguments)
    # Workers with other current folders read and write the same files.
    places = {name: work.whole_name(getattr(arguments, name))
              for name, _, _ in sampling_command.POSITIONAL}
    sources = roi_table.Sources(
        *(places[name] for name, _, _ in sampling_command.POSITIONAL[:4]))
    outs = places["train_out"], places["val_out"]

    def hashed(name):
        tables = shards.table_hash(name), shards.bytes_hash(sources.patients)
        return hashlib.sha256("|".join(tables).encode()).hexdigest()

    function = functools.partial(
        sample_rows, options=options, seed=arguments.seed)
    settings = dict(task="sample", options=config.to_dict(options), seed=arguments.seed,
                    out=list(outs))
    with roi_streamed.planned(sources, outs, options) as jobs:
        yield from shards.run_rows(
            shards.Rows(sources.roi_table, hashed, lambda name: jobs()), arguments.out,
            shards.Work(function, COLUMNS, settings, sources=True, outputs=True),
            rows_per_shard=arguments.rows, suffix=suffix,
            scheduler=arguments.scheduler, workers=arguments.workers)


def sample_rows(jobs: Iterable[roi_table.Job], *, options: config.SamplingOptions,
                seed: int) -> list[dict[str, Any]]:
    """Samples some mammograms; a row per patch, and one per problem."""
    rows, states = [], []
    for job in jobs:
        known = dict(zip(("patient", "laterality", "view"), job.key, strict=False))
        states += [(str(path), storage.state(str(path)))
                   for path in (job.image, *job.masks)]
        with at_hand(job) as (local, as_named):
            outcome = patch_sampling.sample_image(local, options, seed=seed)
            paths = [uploaded(path, local, job) for path in outcome.paths]
        rows += [dict(known, path=path, label=label) for path, label in paths]
        rows += [dict(known, error=as_named(problem)) for problem in outcome.problems]
    for row in rows[:1]:
        row[shards.SOURCES] = states
    return rows


@contextlib.contextmanager
def at_hand(job: roi_table.Job
            ) -> Iterator[tuple[roi_table.Job, Callable[[str], str]]]:
    """Gives a job whose files are local, and a function that names them as before.

    What cannot be fetched stays missing, and is then reported as missing.
    """
    with temporary.folder("copy") as folder:
        names = {}

        def fetched(path):
            if not storage.is_url(path):
                return path
            copy = pathlib.Path(
                folder, f"copy-{len(names)}{pathlib.PurePath(path).suffix}")
            names[str(copy)] = path
            with contextlib.suppress(files.InputError, OSError), \
                    storage.local(path) as source:
                shutil.copyfile(source, copy)
            return copy

        def as_named(text):
            for copy, path in names.items():
                text = text.replace(copy, path)
            return text

        out = pathlib.Path(folder, "out") if storage.is_url(job.out) else job.out
        yield dataclasses.replace(
            job, image=fetched(job.image), masks=tuple(map(fetched, job.masks)),
            out=out), as_named


def uploaded(path: pathlib.Path, local: roi_table.Job, job: roi_table.Job
             ) -> tuple[str, str]:
    """Name and class folder of a patch where the job puts it; uploads it to a URL."""
    label = path.parent.name
    if local.out == job.out:
        return str(path), label
    name = storage.join(job.out, path.relative_to(local.out).as_posix())
    with storage.replacing(name) as part:
        shutil.copyfile(path, part)
    return name, label
