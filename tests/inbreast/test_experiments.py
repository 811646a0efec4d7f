"""Fine-tuning, its learning curve, and the paper's INbreast experiments."""

import numpy as np
import pytest

from end2end.training import schedule
from end2end.utils import files
from inbreast import experiments, finetune, learning_curve
from inbreast.pipeline import curve, steps


@pytest.fixture
def model_file(tmp_path):
    path = tmp_path / "best.h5"
    path.write_bytes(b"")
    return path


def parsed(model_file, *flags):
    return finetune.parse(
        ["T", "V", "S", "--resume-from", str(model_file), *map(str, flags)])


def test_the_papers_recipe_is_adam_at_1e_5_for_200_epochs_of_all_layers(model_file):
    _, images, model, options = parsed(model_file)
    rows = schedule.image_stages(options, model, first_top="top")
    assert rows[0].until_epoch == 0
    assert (rows[1].until_epoch, rows[1].weight_decay) == (200, 0.01)
    assert rows[1].learning_rate == pytest.approx(1e-5)
    assert options.optimizer == "adam"
    assert images.intensity_scale == images.pixel_mean == "auto"


def test_flags_typed_win_over_the_recipe(model_file):
    _, images, _, options = parsed(
        model_file, "--all-layer-epochs", 3, "--featurewise-mean", 44.33)
    assert (options.all_until_epoch, images.pixel_mean) == (3, 44.33)


def test_the_image_size_is_that_of_the_model_unless_typed(model_file):
    assert parsed(model_file)[1].size == (1152, 896)
    files.write_json(model_file.with_suffix(".config.json"),
                     dict(images=dict(size=[320, 256])))
    assert parsed(model_file)[1].size == (320, 256)
    assert parsed(model_file, "--img-size", 64, 32)[1].size == (64, 32)


def test_only_the_breast_is_shown_to_a_model_that_learned_so(model_file):
    assert not parsed(model_file)[1].breast_only
    files.write_json(model_file.with_suffix(".config.json"),
                     dict(images=dict(size=[320, 256], breast_only=True)))
    assert parsed(model_file)[1].breast_only
    assert not parsed(model_file, "--no-breast-only")[1].breast_only


def test_fine_tuning_without_a_model_is_refused():
    with pytest.raises(files.InputError, match="--resume-from"):
        finetune.parse(["T", "V", "S"])


def test_all_of_table_4_is_there_with_its_published_values():
    rows = [experiments.EXPERIMENTS[name] for name in experiments.GROUPS["table4"]
            if experiments.EXPERIMENTS[name].recipe]
    values = np.array([row.published["auc"] for row in rows]).reshape(6, 4)
    assert values[0].tolist() == [0.92, 0.88, 0.87, 0.89]
    assert values[-1].tolist() == [0.95] * 4
    assert values.sum() == pytest.approx(22.35)


def test_experiments_need_the_models_of_cbis_ddsm(tmp_path):
    with pytest.raises(files.InputError, match="ddsm_train.experiments --run vgg-vgg"):
        experiments.main(["--run", "vgg-vgg-20", "--data", str(tmp_path), "--models",
                          str(tmp_path), "--out", str(tmp_path / "out")])
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("flags", "words"), [
    (["--scale", "demo"], ["--scale", "demo"]),
    (["--data", ".", "--ddsm", "CBIS"], ["--scale", "paper", "--data", "CBIS"])])
def test_a_missing_model_is_made_first(tmp_path, monkeypatch, flags, words):
    asked = []
    monkeypatch.setattr(steps.steps, "perform",
                        lambda step, out: asked.append(step))
    with pytest.raises(files.InputError, match="does not exist"):
        experiments.main(["--run", "vgg-vgg-20", "--models", str(tmp_path / "models"),
                          "--out", str(tmp_path / "out"), *flags])
    assert [str(word) for word in asked[0].command] == [
        "ddsm_train.experiments", "--run", "vgg-vgg", "--out", str(tmp_path / "models"),
        "--seed", "12345", *words]


def manifest(folder, *, patients=12, split="train"):
    """A manifest of two empty images of each patient; every third one is positive."""
    lines = ["path,label,patient,split"]
    for number in range(patients):
        for view in ("CC", "MLO"):
            (folder / f"p{number}_{view}.png").write_bytes(b"")
            part = "test" if number >= 9 else split
            label = int(number % 3 == 0)
            lines.append(f"p{number}_{view}.png,{label},p{number},{part}")
    (folder / "images.csv").write_text("\n".join(lines) + "\n")
    return folder / "images.csv"


def test_the_test_images_of_a_manifest_are_left_out(tmp_path):
    found = curve.training_images(manifest(tmp_path), ("neg", "pos"))
    assert len(found) == 18
    assert not {"p9", "p10", "p11"} & set(found.patients)


@pytest.fixture
def commands(monkeypatch):
    """The steps that would be run; tests get results of their own."""
    asked = []

    def perform(step, out):
        asked.append(step)
        words = [str(word) for word in step.command]
        if words[0].endswith("evaluate"):
            folder = words[words.index("--out") + 1]
            auc = 0.5 + len(asked) / 100
            files.write_json(f"{folder}/results.json", dict(
                plain=dict(auc=auc, auc_interval=[auc - 0.1, auc + 0.1]),
                flips=dict(auc=auc)))

    monkeypatch.setattr(curve.steps, "perform", perform)
    return asked


def test_a_learning_curve_is_none_the_subsets_and_all(tmp_path, model_file, commands,
                                                      capsys):
    table = manifest(tmp_path)
    (tmp_path / "test" / "neg").mkdir(parents=True)
    (tmp_path / "test" / "neg" / "a.png").write_bytes(b"")
    out = tmp_path / "curve"
    learning_curve.main([str(table), str(tmp_path / "test"), "--model",
                         str(model_file), "--patients", "4", "6", "--out", str(out),
                         "--flags", "--all-layer-epochs 2"])
    tuned = [step for step in commands if step.command[0] == "inbreast.finetune"]
    assert len(tuned) == 3
    assert len(commands) == 7
    for step in tuned:
        train, val = (curve.image_lists.read_manifest(path)
                      for path in step.command[1:3])
        assert not set(train.patients) & set(val.patients)
        assert step.command[-2:] == ("--all-layer-epochs", "2")
    text = capsys.readouterr().out
    assert [line.split("|")[1].strip() for line in text.splitlines()
            if line.startswith("| ")][1:] == ["0", "4", "6", "9"]
    assert (out / "learning_curve.csv").exists()
    assert (out / "learning_curve.png").exists()


def test_an_experiment_fine_tunes_its_subset_of_table_4(tmp_path, commands):
    models = tmp_path / "models"
    files.write_text(models / "resnet-vgg" / "best.h5", "")
    (tmp_path / "data").mkdir()
    manifest(tmp_path / "data", patients=9)
    run = steps.Run(
        tmp_path, models, steps.SCALES["smoke"], 1, tmp_path)
    row = experiments.EXPERIMENTS["resnet-vgg-30"]
    steps.perform_row(row, steps.drawn_subsets(run), run)
    tune, test = commands
    assert tune.name == "resnet-vgg-6"
    assert str(models / "resnet-vgg" / "best.h5") in map(str, tune.command)
    assert tune.command[3] == tmp_path / "data" / "images" / "test"
    assert test.after == ("resnet-vgg-6",)
    text = steps.table(["resnet-vgg-30", "vgg-vgg-30"], [run])
    assert "| 0.94 | 0.52 [0.42, 0.62] | - | 0.52 | 6 |" in text
    assert "| 0.93 | - | - | - | - |" in text


def test_several_seeds_have_folders_and_models_of_their_own(tmp_path):
    words = ["--run", "table4", "--scale", "demo", "--out", str(tmp_path / "out"),
             "--models", str(tmp_path / "models"), "--seed", "1", "2"]
    arguments = experiments.parser().parse_args(words)
    runs = [steps.Run.of(arguments, seed) for seed in arguments.seed]
    assert [run.out.name for run in runs] == ["seed-1", "seed-2"]
    assert [run.models.name for run in runs] == ["seed-1", "seed-2"]
    alone = experiments.parser().parse_args(words[:-1])
    assert steps.Run.of(alone, 1).models == tmp_path / "models"


def test_too_few_patients_or_a_wrong_share_are_refused(tmp_path, model_file):
    table = manifest(tmp_path)
    common = [str(table), str(tmp_path), "--model", str(model_file), "--out",
              str(tmp_path / "out")]
    with pytest.raises(files.InputError, match="--patients 2"):
        learning_curve.main([*common, "--patients", "2"])
    with pytest.raises(files.InputError, match="--val-share 1"):
        learning_curve.main([*common, "--val-share", "1"])
