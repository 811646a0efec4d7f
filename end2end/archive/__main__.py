"""Scores, converts, samples and evaluates archives of any length, in shards.

    end2end archive predict manifest.csv --models best.h5 --out scores/
    end2end archive prepare manifest.parquet --out s3://bucket/png
    end2end archive evaluate scores/
    end2end archive sample ROI_CSV MASK_DIR PAT_TRAIN FULL_DIR TRAIN VAL \\
        --out patches/ [flags of ddsm_train.sample_patches_combined]

Manifests are CSV or Parquet with a column `path`, or folders of such files; names may
be URLs, and relative image paths start from the manifest's folder. A second call does
only missing shards. `--scheduler tcp://host:8786` hands the same work to Dask.
Research use only.
"""

import argparse
from collections.abc import Sequence

import tqdm

from end2end import archive, config, data, reports
from end2end.config import import_flags, model_flags
from end2end.utils import commands, files, programs

# Tasks whose rows say who the images show.
SETTLED = ("predict", "prepare")
SUFFIXES = {"csv": ".csv", "parquet": ".parquet"}


def parser() -> commands.Parser:
    """The command line."""
    parser = commands.Parser(program="end2end.archive", description=__doc__)
    tasks = parser.add_subparsers(dest="task", required=True)
    # A task without help is none to those who complete words in a shell.
    for name, text in (("predict", "score images"), ("prepare", "write them as PNG"),
                       ("sample", "cut patches of them")):
        task = tasks.add_parser(name, help=text)
        if name == "sample":
            config.sampling_command.add_arguments(task)
        else:
            task.add_argument("table", metavar="MANIFEST")
        task.add_argument("--out", required=True, help="folder, path or URL")
        task.add_argument("--rows", type=int, default=1000,
                          help="rows of one shard (default: 1000)")
        task.add_argument("--format", choices=SUFFIXES, default="csv",
                          help="of the shards (default: csv)")
        task.add_argument("--workers", type=int, default=1,
                          help="processes (default: 1)")
        task.add_argument("--scheduler", metavar="ADDRESS",
                          help="of Dask, such as tcp://host:8786")
        if name == "predict":
            task.add_argument("--models", nargs="+", required=True, metavar="MODEL")
            task.add_argument("--flips", action="store_true",
                              help="average over the four flips")
            config.add_refuse_unfit(task)
            task.add_argument("--batch-size", type=int, default=4)
            task.add_argument("--fast", action="store_true",
                              help="networks by OpenVINO, as end2end.predict --fast")
            model_flags.add(task)
        if name in SETTLED:
            task.add_argument("--keep-ids", action="store_true",
                              help="write patients' numbers of DICOM files as they are")
            task.add_argument("--pseudonym-key", metavar="FILE",
                              help="key of the pseudonyms of patients, so that other "
                                   "archives and calls with it give the same ones")
            task.add_argument("--views", choices=("standard", "all"),
                              default="standard",
                              help="what counts for a breast, as end2end.predict")
        if name == "prepare":
            import_flags.add_size(task)
    task = tasks.add_parser("evaluate", help="AUC and operating points of scores")
    task.add_argument("table", metavar="SCORES")
    config.add_draws(task, runs=1000, seed=config.BOOTSTRAP_SEED)
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Does the work and says where it is."""
    arguments = parser().parse_args(argv)
    for name in ("rows", "workers", "batch_size"):
        if getattr(arguments, name, 1) < 1:
            raise files.InputError(
                f"--{name.replace('_', '-')}: expected a number from 1.")
    if arguments.task == "evaluate":
        results = archive.streamed.describe(
            arguments.table, runs=arguments.runs, seed=arguments.seed)
        count = results["positive"] + results["negative"]
        few = reports.score_tables.few(results | dict(count=count))
        for name, value in results.items():
            commands.say(f"{name}: {value}{few if name == 'auc_interval' else ''}")
        if results["order_unknown"]:
            commands.say("of these rows nobody says which output of the model is "
                         "cancer; if it is the other, the AUC is 1 minus this. "
                         "Give archive predict --class-list.")
        return
    total, unit = 0, "mammograms" if arguments.task == "sample" else "rows"
    with archive.leases.output_folders(outputs(arguments)) as check:
        with tqdm.tqdm(unit=f" {unit}", disable=None) as bar:
            for count in _shards(arguments):
                check()
                total += count
                bar.update(count)
        account = archive.work.settle(arguments) if arguments.task in SETTLED else ()
    commands.say(f"{total} {unit} done in this call; shards are in {arguments.out}; "
                 "what failed says why in the column error")
    for line in account:
        commands.say(line)
    if arguments.task in NEXT:
        commands.say(NEXT[arguments.task](arguments))


def after_predict(arguments: argparse.Namespace) -> str:
    """The command that evaluates the scores."""
    return "next: " + programs.line("end2end.archive", "evaluate", arguments.out)


def after_sample(arguments: argparse.Namespace) -> str:
    """The command that trains on the patches, which needs a set for testing."""
    return ("with a set of test patches, cut likewise, in place of TEST:\n  "
            + data.patches.training_line.line(
                (arguments.train_out, arguments.val_out, "TEST"),
                config.fill(config.SamplingOptions, arguments)))


NEXT = {"predict": after_predict, "sample": after_sample}


def outputs(arguments: argparse.Namespace) -> list[str]:
    """The folders, paths or URLs, that a task writes to.

    Raises:
        files.InputError: a name is empty, as that of a variable that is not set.
    """
    names = [arguments.out]
    if arguments.task == "sample":
        names += [arguments.train_out, arguments.val_out]
    if not all(map(str, names)):
        raise files.InputError(
            "an output folder has no name; give --out a path or URL.")
    return list(map(str, names))


def _shards(arguments):
    """Does the work; yields the number of rows of each shard."""
    suffix = SUFFIXES[arguments.format]
    if arguments.task == "sample":
        return archive.sampling.run(arguments, suffix=suffix)
    archive.work.check_manifest(arguments.table)
    return archive.shards.run(
        arguments.table, arguments.out, archive.work.WORK[arguments.task](arguments),
        rows_per_shard=arguments.rows, suffix=suffix, scheduler=arguments.scheduler,
        workers=arguments.workers)


if __name__ == "__main__":
    commands.run(main)
