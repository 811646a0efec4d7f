"""Old command lines run: every flag of the original's programs, with its default."""

import importlib
import json
import pathlib

import pytest

from ddsm_train import image_clf_train, patch_clf_train
from end2end.config import flags, training_command

HERE = pathlib.Path(__file__).parents[1]
ORIGINAL = json.loads((HERE / "fixtures" / "original_flags.json").read_text())
SCRIPTS = ORIGINAL["scripts"]
ROWS = [(script, row) for script, rows in SCRIPTS.items() for row in rows
        if "flags" in row]
SAMPLES = {"int": "7", "float": "0.25", "str": "word"}
# Flags with a closed set of values, and other ways in which ours are stricter.
CHOICES = {"--net": "vgg16", "--patch-net": "vgg16", "--optimizer": "adam",
           "--block-type": "vgg", "--hidden-dropout": "0.5"}
# docs/differences.md, row 40: heatmaps are written in a portable format.
OTHER_DEFAULTS = {"--out": "./output/prob_heatmap.npz"}


def parser(script):
    return importlib.import_module(f"ddsm_train.{script}").parser()


def parse(script, words=()):
    positional = [row["positional"] for row in SCRIPTS[script] if "positional" in row]
    return parser(script).parse_args([*positional, *words])


def destination(script, flag):
    return next(action.dest for action in parser(script)._actions
                if flag in action.option_strings)


def test_there_are_over_a_hundred_flags_to_compare():
    assert len(ROWS) > 100


@pytest.mark.parametrize("script", SCRIPTS)
def test_the_defaults_are_those_of_the_original(script):
    parsed = vars(parse(script))
    compared = 0
    for row in SCRIPTS[script]:
        flag = row.get("flags", [None])[0]
        if flag is None or flag in flags.DEAD_FLAGS:
            continue
        value = parsed[destination(script, flag)]
        value = list(value) if isinstance(value, tuple) else value
        assert value == OTHER_DEFAULTS.get(flag, row["default"]), flag
        compared += 1
    assert compared >= 14


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_flag_is_taken_in_every_spelling(script, caplog):
    for row in SCRIPTS[script]:
        for flag in row.get("flags", ()):
            sample = CHOICES.get(flag, SAMPLES.get(row["type"]))
            count = {None: 1, "+": 2}.get(row["nargs"], row["nargs"])
            words = [flag, *[sample] * count]
            parsed = vars(parse(script, words))
            if flag in flags.DEAD_FLAGS:
                assert f"{flag} has no effect" in caplog.text
                continue
            value = parsed[destination(script, flag)]
            if "stores" in row:
                assert value == row["stores"], flag
            elif count == 1:
                assert str(value) == sample, flag
            else:
                assert [str(number) for number in value] == [sample] * count, flag


@pytest.mark.parametrize("script", ["patch_clf_train", "image_clf_train"])
def test_a_mistyped_or_abbreviated_flag_is_an_error(script, capsys):
    for words in (["--batch-sise", "4"], ["--batch-si", "4"], ["--kept-layer-idx"]):
        with pytest.raises(SystemExit) as stopped:
            parse(script, words)
        assert stopped.value.code == 2
        assert words[0] in capsys.readouterr().err


def words_of(options):
    """The command line that the original's example gives: flags by destination."""
    rows = {}
    for row in SCRIPTS["patch_clf_train"] + SCRIPTS["image_clf_train"]:
        if "dest" in row:
            rows.setdefault(row["dest"], []).append(row)
    words = []
    for name, value in options.items():
        row = next((row for row in rows[name] if row.get("stores", row) == value),
                   rows[name][0])
        words.append(row["flags"][0])
        if "stores" not in row:
            words += map(str, value if isinstance(value, list) else [value])
    return words


TRAINING_EXAMPLES = {
    name: example for name, example in ORIGINAL["examples"].items()
    if example["script"] in ("patch_clf_train.py", "image_clf_train.py")}


@pytest.mark.parametrize("name", TRAINING_EXAMPLES)
def test_the_example_command_lines_parse_without_their_unknown_flags(name):
    example = TRAINING_EXAMPLES[name]
    module = (patch_clf_train if example["script"].startswith("patch")
              else image_clf_train)
    words = [*words_of(example["options"]), "--best-model", "x.h5", "T", "V", "S"]
    folders, images, model, training = training_command.parse(
        module.parser(), words, {})
    assert folders == ("T", "V", "S")
    options = example["options"]
    assert images.size == tuple(options["img_size"])
    assert images.pixel_mean == options["featurewise_mean"]
    assert training.learning_rate == options["init_lr"]
    assert training.first_until_epoch == options["nb_epoch"]
    assert training.all_until_epoch == options["all_layer_epochs"]
    assert model.weight_decay == options["weight_decay"]
    assert training.late_weight_decay == options["weight_decay2"]


@pytest.mark.parametrize("name", [
    name for name, example in TRAINING_EXAMPLES.items() if example["unknown_options"]])
def test_the_unknown_flags_of_the_examples_are_errors(name):
    example = TRAINING_EXAMPLES[name]
    for flag, value in example["unknown_options"].items():
        with pytest.raises(SystemExit):
            parse(example["script"].removesuffix(".py"), [flag, str(value)])


def test_flags_without_effect_are_hidden_from_the_help():
    text = patch_clf_train.parser().format_help()
    assert not any(flag in text for flag in flags.DEAD_FLAGS if len(flag) > 5)
