"""What the outputs of a model stand for, as flags for what its file does not say."""

import argparse
import dataclasses

OUTPUTS = ("probabilities", "logits")


@dataclasses.dataclass(frozen=True)
class OutputOptions:
    """What the outputs of a model stand for.

    Attributes:
        classes: their names in order, or the name of a single one; empty where its
            card says it.
        kind: one of `OUTPUTS`; of `logits` the softmax is taken, or the sigmoid of a
            single one.
    """

    classes: tuple[str, ...] = ()
    kind: str = OUTPUTS[0]


AS_STORED = OutputOptions()


def add(parser: argparse.ArgumentParser) -> None:
    """Adds `--class-list` and `--output`; typed, they win over what a model says."""
    group = parser.add_argument_group(
        "Outputs of models (default: what the card beside the model says)")
    group.add_argument(
        "--class-list", nargs="+", default=(), metavar="CLASS",
        help="names of the model's outputs in their order: neg pos, or pos neg; of a "
             "single output the class whose probability it is")
    group.add_argument(
        "--output", choices=OUTPUTS, default=OUTPUTS[0],
        help="logits: the model ends without softmax or sigmoid, which is then taken")


def typed(arguments: argparse.Namespace) -> OutputOptions:
    """The options that were typed."""
    return OutputOptions(tuple(arguments.class_list), arguments.output)
