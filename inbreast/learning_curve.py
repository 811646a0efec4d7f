"""How many patients fine-tuning needs: Table 4 of the paper, for any set of images.

    end2end inbreast learning-curve TRAIN_CSV TEST --model MODEL.h5 --out runs/curve

TRAIN_CSV is a manifest with the columns path, label and patient, such as images.csv of
inbreast.prepare (of which the training and validation images are used). Subsets of 20
to all patients are drawn, each holding the smaller ones. All of a subset train, as in
the paper; more patients, a fifth as many, choose the epoch, and where the set has no
more, the number of epochs is fixed. Fine-tuning and test are those of
inbreast.finetune; 0 patients is the model as it is. What is done is skipped when
called again.
"""

from collections.abc import Sequence

from end2end import config
from end2end.utils import commands, files, locks
from inbreast import pipeline


def parser() -> commands.Parser:
    """The command line."""
    parser = commands.Parser(program="inbreast.learning_curve",
                             description=__doc__)
    parser.add_argument("train", metavar="TRAIN_CSV",
                        help="manifest with path, label and patient")
    parser.add_argument("test", metavar="TEST", help="class folders, or a CSV manifest")
    parser.add_argument("--model", required=True, nargs="+", metavar="MODEL",
                        help="whole-image models to fine-tune (.h5)")
    parser.add_argument("--out", required=True, metavar="FOLDER",
                        help="folder for models, tables and the figure")
    parser.add_argument("--patients", type=int, nargs="+", metavar="N",
                        default=[20, 30, 40, 50, 60],
                        help="sizes of the subsets besides none and all (default: "
                             "20 30 40 50 60)")
    parser.add_argument("--val-share", type=float, default=0.2,
                        help="of the number of patients in a subset, to choose the "
                             "epoch (default: 0.2)")
    parser.add_argument("--validation", choices=pipeline.named.VALIDATION,
                        default="added",
                        help="added: they are other patients, or the number of epochs "
                             "is fixed; within: they are of the subset, which trains "
                             "without them; folds: all train, to an epoch that is "
                             "found by folds; fixed: all train, for a fixed number of "
                             "epochs (default: added)")
    parser.add_argument("--recipe", choices=("paper", "readme"), default="paper",
                        help="of inbreast.finetune (default: paper)")
    parser.add_argument("--flags", default="", metavar="'FLAGS'",
                        help="more flags of inbreast.finetune, in quotation marks")
    parser.add_argument("--seed", type=int, default=12345,
                        help="of the subsets and of training (default: 12345)")
    config.add_options(parser, config.TrainingOptions, only=("class_list",))
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Runs what is missing of the curve and prints it."""
    arguments = parser().parse_args(argv)
    if min(arguments.patients) < 4:
        raise files.InputError(
            f"--patients {min(arguments.patients)}: expected 4 or more, to train and "
            "to validate with both classes.")
    if not 0 < arguments.val_share < 1:
        raise files.InputError(
            f"--val-share {arguments.val_share}: expected more than 0, less than 1.")
    for path in arguments.model:
        files.existing_file(path, "model")
    with locks.output_folder(arguments.out):
        commands.say(pipeline.curve.run(arguments))


if __name__ == "__main__":
    commands.run(main)
