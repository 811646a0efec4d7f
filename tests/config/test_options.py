"""Every setting once; flags to dataclasses and back."""

import dataclasses
import itertools
import math
import shlex
import subprocess

import pytest
import recorded

from end2end import config
from end2end.config import model_flags
from end2end.config import options as config_options
from end2end.utils import files


def from_flags(*flags, group=config.TrainingOptions, script="image_clf_train"):
    return config.from_flags(group, flags, script=script)


def test_no_two_groups_share_the_name_of_a_setting_or_a_flag():
    names, flags = [], []
    for group in config_options.GROUPS:
        for setting in dataclasses.fields(group):
            names.append(setting.name)
            flags += [*setting.metadata["flags"], *setting.metadata["off"]]
    assert len(names) == len(set(names))
    assert len(flags) == len(set(flags))


def test_settings_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.ImageOptions().size = (1, 1)


def test_flags_fill_one_dataclass_and_leave_those_of_others_aside():
    words = ["--img-size", "64", "32", "--top-depths", "8", "4", "--batch-size", "2"]
    assert from_flags(*words, group=config.ImageOptions).size == (64, 32)
    assert from_flags(*words, group=config.ModelOptions).top_filters == (8, 4)
    assert from_flags(*words).batch_size == 2


def test_the_defaults_are_those_of_the_program_asked_for():
    assert from_flags(group=config.ImageOptions).pixel_mean == 52.16
    assert from_flags(group=config.ImageOptions, script="patch_clf_train"
                      ).pixel_mean == 59.6


def test_a_negative_flag_stores_none_or_false():
    assert from_flags("--img-scale", "255", "-nic", group=config.ImageOptions
                      ).stretch_max_to is None
    assert from_flags("--no-augmentation", group=config.ImageOptions).augment is False


def test_the_rescale_factor_may_be_auto():
    assert from_flags("--rescale-factor", "auto", group=config.ImageOptions
                      ).intensity_scale == "auto"


@pytest.mark.parametrize(("words", "message"), [
    (["--batch-sise", "4"], "--batch-sise"),
    (["--batch", "4"], "--batch"),
    (["--batch-size", "four"], "invalid int value: 'four'"),
    (["--batch-size", "0"], "0: expected a number from 1"),
    (["--init-learningrate", "nan"], "expected a number from 0"),
    (["--hidden-dropout", "1"], "from 0 to 0.99"),
    (["--optimizer", "sdg"], "choose from"),
    (["--seed", "-3"], "-3"),
])
def test_a_wrong_word_is_refused_by_name(words, message):
    with pytest.raises(files.InputError, match=message):
        from_flags(*words)


def test_the_environment_gives_seed_and_workers(monkeypatch):
    monkeypatch.setenv("RANDOM_SEED", "7")
    monkeypatch.setenv("NUM_CPU_CORES", "2")
    options = from_flags()
    assert (options.seed, options.workers) == (7, 2)
    assert from_flags("--seed", "8").seed == 8
    monkeypatch.setenv("RANDOM_SEED", "")
    monkeypatch.delenv("NUM_CPU_CORES")
    assert (from_flags().seed, from_flags().workers) == (12345, 4)


def test_a_word_in_the_environment_where_a_number_belongs_is_refused(monkeypatch):
    monkeypatch.setenv("RANDOM_SEED", "seven")
    with pytest.raises(files.InputError, match="RANDOM_SEED='seven'"):
        from_flags()


@pytest.mark.parametrize("group", config_options.GROUPS)
def test_settings_come_back_from_a_dict(group):
    options = group()
    assert config.from_dict(group, config.to_dict(options)) == options


def test_an_unknown_setting_in_a_dict_is_refused_by_name():
    with pytest.raises(files.InputError) as caught:
        config.from_dict(model_flags.OutputOptions, {"sise": 3, "kind": "", "age": 1})
    assert str(caught.value) == (
        "settings: unknown setting 'age' for OutputOptions; expected some of "
        "classes, kind.")


TYPED = (
    config.ImageOptions(size=(40, 30), intensity_scale=0.003891, pixel_mean="auto",
                        stretch_max_to=255.0, augment=False, shared_shift=True),
    config.ModelOptions(patch_model_path="a folder/it's.h5", top_filters=(8, 4, 2),
                        convolutional=False, pretrained=False, backbone="vgg19"),
    config.TrainingOptions(class_list=("not cancer", "cancer"), resume_from="-m.h5",
                           first_trainable="46", learning_rate=1e-05,
                           statistics_momentum=0.9, trained_on="$ 12 films; `all`"),
    config.SamplingOptions(target_width=None, background_count=0, verbose=False))


@pytest.mark.parametrize("script", config.SCRIPT_DEFAULTS)
@pytest.mark.parametrize("options", [
    *TYPED, config.ImageOptions(height=96), config.ModelOptions(),
    config.TrainingOptions(), config.SamplingOptions(target_width=896)])
def test_printed_settings_give_the_same_settings_when_typed(options, script):
    words = shlex.split(config.as_lines(options).replace(" \\\n", " "))
    assert from_flags(*words, group=type(options), script=script) == options


def test_a_shell_reads_printed_settings_as_the_words_of_a_command():
    printed = subprocess.run(
        ["sh", "-c", f"printf '%s\\0' {config.as_lines(*TYPED[:3])}"],
        capture_output=True, text=True, check=True).stdout
    assert printed.split("\0")[:-1] == [
        word for words in config.as_flags(*TYPED[:3]) for word in words]


def test_printed_settings_are_those_flags_that_a_user_types():
    text = config.as_lines(*TYPED)
    assert "--rescale-factor 0.003891" in text and "--no-augmentation" in text
    assert "--class-list 'not cancer' cancer" in text and "channels" not in text
    lines = text.splitlines()
    assert all(line.startswith("  --") and len(line) <= 88 for line in lines)
    assert all(line.endswith(" \\") for line in lines[:-1])


@pytest.mark.parametrize("width", [30, 60, 88])
def test_lines_are_as_full_as_their_width_allows(width):
    lines = config.as_lines(*TYPED, width=width).splitlines()
    words = [shlex.join(flag) for flag in config.as_flags(*TYPED)]
    plain = [line.removesuffix(" \\").strip() for line in lines]
    assert " ".join(plain) == " ".join(words)
    for line, following in itertools.pairwise(lines):
        first = next(word for word in words if following.strip().startswith(word))
        assert len(line) <= width or line.removesuffix(" \\").strip() in words
        assert len(line) + 1 + len(first) > width
    assert "--seed" not in config.as_lines(TYPED[2], leave_out=("seed",))
    assert config.as_lines(TYPED[0], width=4).startswith("  --img-size 40 30 \\\n  --")


def test_settings_saved_before_a_setting_was_added_still_load():
    stored = config.to_dict(config.ImageOptions(size=(4, 3)))
    for name in ("breast_only", "shared_shift", "shear"):
        del stored[name]
    assert config.from_dict(config.ImageOptions, stored).size == (4, 3)


def test_every_setting_has_help_and_every_default_is_finite():
    for group in config_options.GROUPS:
        for setting in dataclasses.fields(group):
            assert setting.metadata["help"]
            if isinstance(setting.default, float):
                assert math.isfinite(setting.default)


def test_flags_limits_and_choices_of_all_settings_are_as_recorded():
    rows = []
    for group in config_options.GROUPS:
        for setting in dataclasses.fields(group):
            facts = {name: getattr(value, "__name__", value)
                     for name, value in setting.metadata.items()
                     if name not in ("help", "default")}
            rows.append(f"{group.__name__}.{setting.name} {setting.type} "
                        f"{facts}")
    recorded.check("settings", "\n".join(rows))
