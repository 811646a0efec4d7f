"""Patch sampling in shards of mammograms: `python -m end2end.archive sample`.

The same files as `ddsm_train.sample_patches_combined`, name by name and byte by byte:
the draws of a mammogram depend on no other. The shards are tables of the patches.
"""

import functools
import hashlib
import pathlib

from end2end import config, files, shards

POSITIONAL = (
    ("roi_table", "ROI_CSV", "table of the lesions, as ddsm_train.prepare writes it"),
    ("masks", "MASK_DIR", "folder of the lesion masks"),
    ("patients", "PAT_TRAIN", "patient ids, one per line"),
    ("images", "FULL_DIR", "folder of the full mammograms"),
    ("train_out", "TRAIN_OUT", "folder of the training patches, made where missing"),
    ("val_out", "VAL_OUT", "folder of the validation patches"),
)
COLUMNS = ("path", "label", "patient", "laterality", "view", "error")


def add_arguments(task):
    """Adds the sampler's arguments and flags to a parser."""
    for name, shown, text in POSITIONAL:
        task.add_argument(name, metavar=shown, help=text)
    config.add_options(task, config.SamplingOptions)
    task.add_argument("--seed", type=int, default=12345,
                      help="seed of --seeding image (default: 12345)")


def run(arguments, *, suffix):
    """Samples; yields the number of mammograms of each shard just done.

    Args:
        arguments: of `archive.parser`.
        suffix: of the shards, `.csv` or `.parquet`.

    Raises:
        files.InputError: as `roi_table.plan` and `shards.run`.
    """
    from end2end import roi_table

    options = config.fill(config.SamplingOptions, arguments)
    # Workers with other current folders read and write the same files.
    places = {name: pathlib.Path(getattr(arguments, name)).absolute()
              for name, _, _ in POSITIONAL}
    for name in places:
        if "://" in getattr(arguments, name):
            raise files.InputError(
                f"{getattr(arguments, name)}: sampling reads and writes plain files; "
                "give a path on a file system that all workers share.")
    jobs = roi_table.plan(
        roi_table.Sources(*(places[name] for name, _, _ in POSITIONAL[:4])),
        places["train_out"], places["val_out"], options)

    def hashed(name):
        tables = places["roi_table"], places["patients"]
        return hashlib.sha256("|".join(map(files.sha256, tables)).encode()).hexdigest()

    source = shards.Rows(str(places["roi_table"]), hashed, lambda name: iter(jobs))
    function = functools.partial(
        sample_rows, options=options, seed=arguments.seed)
    settings = dict(task="sample", options=config.to_dict(options), seed=arguments.seed,
                    out=[str(places["train_out"]), str(places["val_out"])])
    yield from shards.run_rows(
        source, arguments.out, shards.Work(function, COLUMNS, settings),
        rows_per_shard=arguments.rows, suffix=suffix, scheduler=arguments.scheduler,
        workers=arguments.workers)


def sample_rows(jobs, *, options, seed):
    """Samples some mammograms; a row per patch, and one per problem."""
    from end2end import sampling

    rows = []
    for job in jobs:
        known = dict(zip(("patient", "laterality", "view"), job.key, strict=True))
        outcome = sampling.sample_image(job, options, seed=seed)
        rows += [dict(known, path=str(path), label=path.parent.name)
                 for path in outcome.paths]
        rows += [dict(known, error=problem) for problem in outcome.problems]
    return rows
