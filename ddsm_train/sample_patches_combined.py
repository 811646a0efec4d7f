"""Cuts patches from mammograms with outlined lesions, for patch_clf_train.

    python -m ddsm_train.sample_patches_combined ROI_CSV MASK_DIR PAT_TRAIN FULL_DIR \\
        TRAIN_OUT VAL_OUT --target-height 1152 --target-width 896 --no-segment-breast \\
        --patch-size 224 --nb-abn 10 --nb-bkg 10 --nb-hns 0 --pos-cutoff 0.9

The set S10 of the paper; S1 is --nb-abn 1 --nb-bkg 1 without --pos-cutoff. The ids in
PAT_TRAIN are split by patient into TRAIN_OUT and VAL_OUT. Calling it again after an
interruption does what is missing.
"""

import argparse
import collections
import contextlib
from collections.abc import Iterable, Sequence

import tqdm

from end2end import config, data
from end2end.utils import commands, files, locks


def parser(
        script: str = "sample_patches_combined", description: str | None = __doc__,
        only: Sequence[str] | None = None) -> commands.Parser:
    """The command line of a sampler, with the original's flags."""
    parser = commands.Parser(
        program=f"ddsm_train.{script}", description=description)
    for name, shown, text in config.sampling_command.POSITIONAL:
        parser.add_argument(name, metavar=shown, help=text)
    config.add_options(parser, config.SamplingOptions, only=only)
    parser.add_argument("--seed", type=int, default=12345,
                        help="seed of --seeding image (default: RANDOM_SEED or 12345)")
    parser.add_argument("--workers", type=int, default=4,
                        help="threads; the patches do not depend on it (default: "
                             "NUM_CPU_CORES or 4)")
    parser.set_defaults(**config.script_defaults(script))
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Samples and says what came out."""
    arguments = parser().parse_args(argv)
    sample(arguments, config.fill(config.SamplingOptions, arguments))


def sample(
        arguments: argparse.Namespace, options: config.SamplingOptions,
        **convention) -> None:
    """Samples as parsed; `convention` is that of `roi_table.Convention`."""
    if arguments.workers < 1:
        raise files.InputError(f"--workers {arguments.workers}: expected at least 1.")
    # Without patients for validation their folder is left alone.
    outs = [arguments.train_out]
    if options.validation_share:
        outs.append(arguments.val_out)
    with contextlib.ExitStack() as held:
        for out in outs:
            held.enter_context(locks.output_folder(out))
        sources = data.patches.roi_table.Sources(
            arguments.roi_table, arguments.masks, arguments.patients, arguments.images)
        jobs = data.patches.roi_table.plan(
            sources, arguments.train_out, arguments.val_out, options,
            convention=data.patches.roi_table.Convention(**convention))
        existing = data.patches.patch_files.Index(
            [job.out for job in jobs], data.patches.roi_table.class_folders(options))
        outcomes = progress(jobs, data.patches.sampling.sample(
            jobs, options, existing=existing, seed=arguments.seed,
            workers=arguments.workers))
        report(jobs, outcomes, existing)
    print(f"next: python -m ddsm_train.patch_clf_train {arguments.train_out} "
          f"{arguments.val_out} TEST_PATCHES")


def progress(jobs: Sequence, outcomes: Iterable) -> list:
    """Prints the log of each mammogram as it comes, above a progress bar."""
    finished = []
    bar = tqdm.tqdm(outcomes, total=len(jobs), unit="image", disable=None)
    for outcome in bar:
        finished.append(outcome)
        for line in outcome.lines:
            bar.write(line)
    return finished


def report(
        jobs: Sequence, outcomes: Sequence,
        existing: "data.patches.patch_files.Index") -> None:
    """Prints the number of patches by folder, and what was left out."""
    counts = collections.Counter(
        path.parent for outcome in outcomes for path in outcome.paths)
    for folder in sorted({path for job in jobs for path in job.out.iterdir()
                          if path.is_dir()}):
        print(f"{counts[folder]:7d} patches in {folder}")
    problems = [text for outcome in outcomes for text in outcome.problems]
    for text in problems:
        print(f"left out: {text}")
    unchanged = sum(outcome.unchanged for outcome in outcomes)
    print(f"{len(jobs)} mammograms, {unchanged} of them done before, "
          f"{len(problems)} problems.")
    others = existing.others(path for outcome in outcomes for path in outcome.paths)
    if others:
        print(f"warning: {len(others)} patches of other runs lie beside them, such as "
              f"{others[0]}; remove the folders and run again for a clean set.")


if __name__ == "__main__":
    commands.run(main)
