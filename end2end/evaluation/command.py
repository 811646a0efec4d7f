"""The command line that both testing programs share: models and a test set."""

import argparse
import contextlib
import pathlib

import tqdm

from end2end import config, evaluation
from end2end.config import image_flags, model_flags, patch_flags
from end2end.explanation import methods, scales
from end2end.utils import commands, files, locks, programs


def parser(
        program: str, description: str | None, *,
        flips: bool = False) -> commands.Parser:
    """The command line.

    Args:
        program: name of the program.
        description: of the program, for its help.
        flips: whether flips are on unless turned off.
    """
    parser = commands.Parser(program=program, description=description)
    parser.add_argument("models", nargs="+", metavar="MODEL",
                        help="saved model (.h5); several are averaged")
    parser.add_argument("test", metavar="TEST_DIR",
                        help="folder of class folders, or CSV with path and label")
    parser.add_argument("--out", metavar="FOLDER",
                        help="for scores, results, figures and report "
                             "(default: MODEL.test beside the first model)")
    parser.add_argument("--flips", action=argparse.BooleanOptionalAction, default=flips,
                        help="also average the scores of the four flips of each image")
    parser.add_argument("--batch-size", "-bs", type=int, default=4,
                        help="images at once; does not change the result (default: 4)")
    config.add_draws(parser, runs=config.BOOTSTRAP_RUNS, seed=config.BOOTSTRAP_SEED)
    parser.add_argument("--pictures", action=argparse.BooleanOptionalAction,
                        default=True, help="show the images in the report")
    parser.add_argument("--layers", nargs="+", default=[],
                        choices=methods.names(),
                        help="maps in the report; each takes several times as long as "
                             "a score")
    scales.add_flag(parser)
    parser.add_argument("--rois", metavar="FILE",
                        help="outlines: roi_mask_path.csv or outlines.json")
    parser.add_argument("--store", action="store_true",
                        help="this is the validation set: keep calibration, operating "
                             "points and the scale of maps with the model, for "
                             "end2end.predict")
    config.add_refuse_unfit(parser)
    image_flags.add(parser)
    model_flags.add(parser)
    patch_flags.add(parser, "for --layers heatmap")
    return parser


def run(parsed: argparse.Namespace) -> None:
    """Evaluates and prints the results.

    Args:
        parsed: arguments of `parser`.

    Raises:
        files.InputError: before any work, if an input cannot be used.
    """
    arguments, typed = vars(parsed), image_flags.typed(parsed)
    models = [files.existing_file(path, "model") for path in arguments["models"]]
    out = arguments["out"] or models[0].with_suffix(".test")
    if arguments["store"] and len(models) > 1:
        raise files.InputError(
            "--store with several models: calibration and operating points belong to "
            "one; give the models one by one.")
    if arguments["batch_size"] < 1:
        raise files.InputError(
            f"--batch-size {arguments['batch_size']}: expected a number from 1.")

    pictures, shown = evaluation.cases.picture_options(parsed), []
    with contextlib.ExitStack() as stack:
        stack.enter_context(locks.output_folder(out))
        if arguments["store"]:  # not while the model is trained further
            stack.enter_context(locks.output_file(*models))
        bar = stack.enter_context(tqdm.tqdm(unit=" images", disable=None))

        def say(line):
            shown.append(line)
            bar.write(commands.printable(line))
        options = evaluation.EvaluationOptions(
            flips=arguments["flips"], batch_size=arguments["batch_size"],
            runs=arguments["runs"], seed=arguments["seed"], images=typed,
            outputs=model_flags.typed(parsed),
            progress=bar.update, say=say, pictures=pictures,
            store=arguments["store"], refuse_unfit=arguments["refuse_unfit"])
        results = evaluation.run(models, arguments["test"], out, options)
    commands.say(*(line for line in evaluation.summary(results) if line not in shown))
    out = pathlib.Path(out)
    scores = [out / "scores.csv", *[out / "scores_flips.csv"] * ("flips" in results)]
    commands.say(f"scores, results.json, figure and report.html are in {out}\n"
                 f"next: {programs.line('end2end.metrics', *scores)}")
