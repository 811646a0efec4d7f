"""Cuts patches from mammograms with outlined lesions, for patch_clf_train.

    end2end ddsm sample-patches-combined ROI_CSV MASK_DIR PAT_TRAIN FULL_DIR \\
        TRAIN_OUT VAL_OUT --target-height 1152 --target-width 896 --no-segment-breast \\
        --patch-size 224 --nb-abn 10 --nb-bkg 10 --nb-hns 0 --pos-cutoff 0.9

The set S10 of the paper; S1 is --nb-abn 1 --nb-bkg 1 without --pos-cutoff. The ids in
PAT_TRAIN are split by patient into TRAIN_OUT and VAL_OUT; with --test-patients and
--test-out the same call cuts the test patches. Calling it again after an interruption
does what is missing.
"""

import argparse
import collections
import contextlib
import dataclasses
import pathlib
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
    parser.add_argument("--val-patients", metavar="FILE",
                        help="patients for validation, one per line, instead of a "
                             "share of PAT_TRAIN (--val-size)")
    parser.add_argument("--test-patients", metavar="FILE",
                        help="patients for testing; their patches go to --test-out")
    parser.add_argument("--test-out", metavar="FOLDER",
                        help="folder of the test patches")
    parser.add_argument("--test-table", metavar="ROI_CSV",
                        help="table of their lesions (default: ROI_CSV)")
    add_running(parser, script)
    return parser


def add_running(parser: argparse.ArgumentParser, script: str) -> None:
    """Adds seed and threads to the parser of a sampler, and sets its defaults."""
    parser.add_argument("--seed", type=int, default=12345,
                        help="seed of --seeding image (default: RANDOM_SEED or 12345)")
    parser.add_argument("--workers", type=int, default=4,
                        help="threads; the patches do not depend on it (default: "
                             "NUM_CPU_CORES or 4)")
    parser.set_defaults(**config.script_defaults(script))


def main(argv: Sequence[str] | None = None) -> int:
    """Samples and says what came out; returns 1 if nothing did."""
    arguments = parser().parse_args(argv)
    return sample(arguments, config.fill(config.SamplingOptions, arguments))


def sample(
        arguments: argparse.Namespace, options: config.SamplingOptions,
        **convention) -> int:
    """Samples as parsed; `convention` is that of `roi_table.Convention`.

    Returns:
        0; 1 if no patch was cut.
    """
    if not cut(arguments, options, **convention):
        return 1
    commands.say(next_step(arguments, options))
    return 0


def cut(arguments: argparse.Namespace, options: config.SamplingOptions, *,
        replacement: "data.patches.sampling.Replacement | None" = None,
        **convention) -> list[pathlib.Path]:
    """Cuts the patches and says what came out.

    Args:
        arguments: as parsed.
        options: how patches are drawn.
        replacement: puts other places for some of those that are drawn.
        convention: of `roi_table.Convention`.

    Returns:
        paths of the patches; none where none was cut, which is said.
    """
    if arguments.workers < 1:
        raise files.InputError(f"--workers {arguments.workers}: expected at least 1.")
    convention = data.patches.roi_table.Convention(**convention)
    with contextlib.ExitStack() as held:
        for out in outputs(arguments, options):
            held.enter_context(locks.output_folder(out))
        parts = plan_parts(arguments, options)
        data.patches.patch_files.check_sizes(
            [part.out for part in parts], data.patches.roi_table.class_folders(options),
            options.patch_size)
        jobs = [job for part in parts for job in data.patches.roi_table.plan(
            part.sources, part.out, arguments.val_out, part.options,
            convention=convention)]
        existing = data.patches.patch_files.Index(
            [job.out for job in jobs], data.patches.roi_table.class_folders(options))
        outcomes = progress(jobs, data.patches.sampling.sample(
            jobs, options, existing=existing, seed=arguments.seed,
            workers=arguments.workers, replacement=replacement))
        report(jobs, outcomes, existing)
    paths = [path for outcome in outcomes for path in outcome.paths]
    if not paths:
        commands.say(
            f"No patches were cut from {len(jobs)} mammograms. Are MASK_DIR and "
            "FULL_DIR given in this order?")
    return paths


@dataclasses.dataclass(frozen=True)
class Part:
    """Patients whose patches go to one folder, or to two by a share.

    Attributes:
        sources: what is sampled.
        out: folder of the patches.
        options: `SamplingOptions`; the share is for validation.
    """

    sources: "data.patches.roi_table.Sources"
    out: str
    options: config.SamplingOptions


def plan_parts(
        arguments: argparse.Namespace, options: config.SamplingOptions) -> list[Part]:
    """The parts that a call asks for: training (with validation), validation, test.

    Raises:
        files.InputError: a patient is in two of them, or a flag lacks its other.
    """
    if bool(arguments.test_patients) != bool(arguments.test_out):
        raise files.InputError(
            "--test-patients FILE and --test-out FOLDER belong together; give both.")
    sources = data.patches.roi_table.Sources(
        arguments.roi_table, arguments.masks, arguments.patients, arguments.images)
    alone = dataclasses.replace(options, validation_share=0.0)
    parts = [Part(sources, arguments.train_out,
                  alone if arguments.val_patients else options)]
    for patients, out, table in (
            (arguments.val_patients, arguments.val_out, None),
            (arguments.test_patients, arguments.test_out, arguments.test_table)):
        if patients:
            parts.append(Part(dataclasses.replace(
                sources, patients=patients, roi_table=table or sources.roi_table),
                out, alone))
    check_apart(parts, by_table=bool(arguments.test_table))
    return parts


def check_apart(parts: Sequence[Part], *, by_table: bool) -> None:
    """Refuses a patient in two parts; with a table of their own the test patients are
    told from the others by it, as in the published lists of CBIS-DDSM.

    Raises:
        files.InputError: see above.
    """
    part_of: dict[str, Part] = {}
    for part in parts[:-1] if by_table else parts:
        for patient in data.patches.roi_table.patient_ids(part.sources.patients):
            if patient in part_of:
                raise files.InputError(
                    f"patient {patient} is in {part_of[patient].sources.patients} and "
                    f"in {part.sources.patients}; take it out of one of them.")
        part_of |= dict.fromkeys(
            data.patches.roi_table.patient_ids(part.sources.patients), part)


def outputs(
        arguments: argparse.Namespace, options: config.SamplingOptions) -> list[str]:
    """The folders that a call writes to; without patients for validation theirs is left
    alone."""
    val = options.validation_share or arguments.val_patients
    return [out for out in (arguments.train_out, arguments.val_out if val else None,
                            arguments.test_out) if out]


def next_step(
        arguments: argparse.Namespace, options: config.SamplingOptions) -> str:
    """The command that trains on the patches, or what is missing for it."""
    outs = outputs(arguments, options)
    if len(outs) < 3:
        return ("For training on patches three sets are needed; one call makes them "
                "all: TRAIN_OUT, VAL_OUT with --val-size above 0 (or --val-patients), "
                "and --test-out with --test-patients.")
    census = pathlib.Path(arguments.images).parent / "census.json"
    known = files.read_json(census, "census") if census.is_file() else {}
    classes = [name for name in data.patches.roi_table.class_folders(options)
               if any(pathlib.Path(outs[0], name).glob("[!.]*.png"))]
    return "next: " + data.patches.training_line.line(
        outs, options, pixel_mean=known.get("pixel_mean"), classes=classes)


def progress(jobs: Sequence, outcomes: Iterable) -> list:
    """Prints the log of each mammogram as it comes, above a progress bar."""
    finished = []
    bar = tqdm.tqdm(outcomes, total=len(jobs), unit="image", disable=None)
    for outcome in bar:
        finished.append(outcome)
        for line in outcome.lines:
            bar.write(commands.printable(line))
    return finished


def report(
        jobs: Sequence, outcomes: Sequence,
        existing: "data.patches.patch_files.Index") -> None:
    """Prints the number of patches by folder, and what was left out."""
    counts = collections.Counter(
        path.parent for outcome in outcomes for path in outcome.paths)
    for folder in sorted({path for job in jobs for path in job.out.iterdir()
                          if path.is_dir()}):
        commands.say(f"{counts[folder]:7d} patches in {folder}")
    problems = [text for outcome in outcomes for text in outcome.problems]
    for text in problems:
        commands.say(f"left out: {text}")
    unchanged = sum(outcome.unchanged for outcome in outcomes)
    commands.say(f"{len(jobs)} mammograms, {unchanged} of them done before, "
                 f"{len(problems)} problems.")
    absent = [folder for folder in sorted({path for job in jobs for path in
                                           job.out.iterdir() if path.is_dir()})
              if not counts[folder]]
    for folder in absent:
        commands.say(
            f"warning: no patches in {folder}; a network learns or is tested without "
            "this class.")
    others = existing.others(path for outcome in outcomes for path in outcome.paths)
    if others:
        commands.say(
            f"warning: {len(others)} patches of other runs lie beside them, such as "
            f"{others[0]}; remove the folders and run again for a clean set.")


if __name__ == "__main__":
    commands.run(main)
