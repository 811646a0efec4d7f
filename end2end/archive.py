"""Scores, converts and evaluates archives of any length, in shards.

    python -m end2end.archive predict manifest.csv --models best.h5 --out scores/
    python -m end2end.archive prepare manifest.parquet --out s3://bucket/png
    python -m end2end.archive evaluate scores/

Manifests are CSV or Parquet with a column `path`, or folders of such files; names may
be URLs, and relative image paths start from the manifest's folder. A second call does
only missing shards. `--scheduler tcp://host:8786` hands the same work to Dask.
Research use only.
"""

from end2end import commands, files

SUFFIXES = {"csv": ".csv", "parquet": ".parquet"}


def parser():
    """The command line."""
    made = commands.Parser(prog="python -m end2end.archive", description=__doc__)
    tasks = made.add_subparsers(
        dest="task", required=True, parser_class=commands.Parser)
    for name in ("predict", "prepare"):
        task = tasks.add_parser(name)
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
            task.add_argument("--batch-size", type=int, default=4)
        else:
            task.add_argument("--size", type=int, nargs=2, default=(1152, 896),
                              metavar=("HEIGHT", "WIDTH"))
    task = tasks.add_parser("evaluate")
    task.add_argument("table", metavar="SCORES")
    task.add_argument("--runs", type=int, default=1000,
                      help="draws of the bootstrap (default: 1000)")
    task.add_argument("--seed", type=int, default=12345)
    return made


def main(argv=None):
    """Does the work and says where it is."""
    arguments = parser().parse_args(argv)
    for name in ("rows", "workers", "batch_size", "runs"):
        if getattr(arguments, name, 1) < 1:
            raise files.InputError(
                f"--{name.replace('_', '-')}: expected a number from 1.")
    if arguments.task == "evaluate":
        from end2end import streamed
        for name, value in streamed.describe(
                arguments.table, runs=arguments.runs, seed=arguments.seed).items():
            commands.say(f"{name}: {value}")
        return
    import tqdm

    from end2end import archive_work, shards
    work = archive_work.WORK[arguments.task](arguments)
    done = 0
    with tqdm.tqdm(unit=" rows", disable=None) as bar:
        for count in shards.run(
                arguments.table, arguments.out, work, rows_per_shard=arguments.rows,
                suffix=SUFFIXES[arguments.format], scheduler=arguments.scheduler,
                workers=arguments.workers):
            done += count
            bar.update(count)
    commands.say(f"{done} rows done in this call; shards are in {arguments.out}")
    if arguments.task == "predict":
        commands.say(f"next: python -m end2end.archive evaluate {arguments.out}")


if __name__ == "__main__":
    commands.run(main)
