"""The experiments on INbreast as chains of commands, and their table."""

import re

import noted_steps
import pytest
import recorded

from end2end import experiments as shared
from end2end import paper_figures
from end2end.utils import files
from end2end.utils import steps as end2end_steps
from inbreast import experiments, finetune
from inbreast.pipeline import named, steps


@pytest.fixture
def commands(monkeypatch):
    """The steps that would be run."""
    return noted_steps.results_of(monkeypatch, end2end_steps)


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
    monkeypatch.setattr(
        end2end_steps, "perform", lambda step, out: asked.append(step))
    with pytest.raises(files.InputError, match="does not exist"):
        experiments.main(["--run", "vgg-vgg-20", "--models", str(tmp_path / "models"),
                          "--out", str(tmp_path / "out"), *flags])
    assert [str(word) for word in asked[0].command] == [
        "ddsm_train.experiments", "--run", "vgg-vgg", "--out", str(tmp_path / "models"),
        "--seed", "12345", *words]


def test_an_experiment_fine_tunes_its_subset_of_table_4(tmp_path, commands):
    models = tmp_path / "models"
    files.write_text(models / "resnet-vgg" / "best.h5", "")
    (tmp_path / "data").mkdir()
    noted_steps.write_manifest(tmp_path / "data", patients=9)
    run = shared.Run(tmp_path, steps.SCALES["smoke"], 1, tmp_path, models)
    shared.perform(steps.PROGRAM, ["resnet-vgg-30"], run)
    prepare, tune, test = commands
    assert prepare.command[:2] == ("inbreast.prepare", tmp_path)
    assert tune.name == "resnet-vgg-6"
    assert str(models / "resnet-vgg" / "best.h5") in map(str, tune.command)
    assert tune.command[3] == tmp_path / "data" / "images" / "test"
    assert test.after == ("resnet-vgg-6",)
    text = shared.table(steps.PROGRAM, ["resnet-vgg-30", "vgg-vgg-30"], [run])
    assert ("| 0.94 | 0.53 [0.43, 0.63] (few: 10 with cancer) | - | 0.53 | 6 | 2 more |"
            in text)
    assert "| 0.93 | - | - | - | - | - |" in text


def test_several_seeds_have_folders_and_models_of_their_own(tmp_path):
    words = ["--run", "table4", "--scale", "demo", "--out", str(tmp_path / "out"),
             "--models", str(tmp_path / "models"), "--seed", "1", "2"]
    arguments = experiments.parser().parse_args(words)
    runs = [shared.run_of(steps.PROGRAM, arguments, seed) for seed in arguments.seed]
    assert [run.out.name for run in runs] == ["seed-1", "seed-2"]
    assert [run.models.name for run in runs] == ["seed-1", "seed-2"]
    alone = experiments.parser().parse_args(words[:-1])
    assert shared.run_of(steps.PROGRAM, alone, 1).models == tmp_path / "models"


def test_benchmark_and_figure_3b_are_made_of_the_scores_of_all_women(
        tmp_path, commands):
    models = tmp_path / "models"
    for name in named.BEST_FOUR:
        files.write_text(models / name / "best.h5", "")
    (tmp_path / "data").mkdir()
    noted_steps.write_manifest(tmp_path / "data", patients=9)
    run = shared.Run(tmp_path, steps.SCALES["smoke"], 1, tmp_path, models)
    shared.perform(steps.PROGRAM, ["specificity", "figure3b"], run)
    point, curves = commands[-2].command, commands[-1].command
    assert point == ("end2end.metrics", tmp_path / "ensemble" / "test"
                     / "scores_flips.csv", "--at", 0.867, "--out",
                     tmp_path / "specificity")
    arguments = paper_figures.parser().parse_args([str(word) for word in curves[1:]])
    assert arguments.panel == [["INbreast", *(
        str(tmp_path / name / "9-patients" / "test" / "scores_flips.csv")
        for name in named.BEST_FOUR)]]
    files.write_text(f"{arguments.out}.png", "")
    assert f"| - | {arguments.out}.png |" in shared.table(
        steps.PROGRAM, ["figure3b"], [run])


def test_figure_5_has_the_films_that_are_made_where_they_are_missing(
        tmp_path, commands):
    models = tmp_path / "models"
    words = ["--run", "fig5", "--scale", "demo", "--models", str(models), "--out",
             str(tmp_path / "out")]
    with pytest.raises(files.InputError, match=r"images/test does not exist"):
        experiments.main(words)
    assert [str(word) for word in commands[0].command[:3]] == [
        "ddsm_train.experiments", "--run", "data"]
    films = models / "data" / "images" / "test"
    films.mkdir(parents=True)
    experiments.main(words)
    arguments = paper_figures.parser().parse_args(
        [str(word) for word in commands[-1].command[1:]])
    assert arguments.images == [
        str(films), str(tmp_path / "out" / "data" / "images" / "test")]


def test_a_mean_is_made_after_its_networks_which_are_tested_too(tmp_path, commands):
    models = tmp_path / "models"
    for name in named.BEST_FOUR:
        files.write_text(models / name / "best.h5", "")
    (tmp_path / "data").mkdir()
    noted_steps.write_manifest(tmp_path / "data", patients=9)
    run = shared.Run(tmp_path, steps.SCALES["smoke"], 1, tmp_path, models)
    shared.perform(steps.PROGRAM, ["ensemble", "vgg-vgg-all"], run)
    names = [step.name for step in commands]
    assert names == ["prepare", *(
        f"{name}-9{ending}" for name in named.BEST_FOUR for ending in ("", "-test")),
        "ensemble"]
    assert [str(word) for word in commands[-1].command[1:5]] == [
        str(tmp_path / name / "9-patients" / "best.h5") for name in named.BEST_FOUR]


def test_small_phantoms_are_women_of_their_own_and_train_for_a_fixed_number_of_epochs(
        tmp_path, commands):
    models = tmp_path / "models"
    files.write_text(models / "resnet50-s10" / "best.h5", "")
    (tmp_path / "data").mkdir()
    noted_steps.write_manifest(tmp_path / "data", patients=20)
    run = shared.Run(tmp_path, steps.SCALES["small"], 1, None, models)
    shared.perform(steps.PROGRAM, ["adapt-last-stage-5", "adapt-none"], run)
    phantoms, prepare, tune, test, before = commands
    # Those of CBIS-DDSM, which the models were trained on, have seed 1.
    assert phantoms.command[phantoms.command.index("--seed") + 1] == 101
    assert prepare.command[-2:] == ("--test-share", 0.5)
    assert tune.name == "resnet50-s10-last-stage-5"
    arguments = finetune.parser().parse_args(list(map(str, tune.command[1:])))
    assert arguments.folds == 0 and arguments.keep_epoch == "last"
    assert arguments.adapt == "last-stage" and arguments.all_until_epoch == 25
    assert all("--flips" not in step.command for step in (test, before))
    assert before.command[-1] == tmp_path / "resnet50-s10-none/0-patients/test"
    files.write_json(before.command[-1] / "results.json", dict(
        plain=dict(auc=0.625, auc_interval=[0.5, 0.75], positive=30, count=90)))
    assert "| adapt-none | not published: no fine-tuning | - | 0.62 [0.50, 0.75] " in (
        shared.table(steps.PROGRAM, ["adapt-none"], [run]))
    assert steps.part_of(named.EXPERIMENTS["adapt-all-5"], run).validation == (
        "nobody: fixed epochs")


def test_folds_choose_the_epoch_at_the_scales_of_the_paper_and_of_the_demo(tmp_path):
    (tmp_path / "data").mkdir()
    noted_steps.write_manifest(tmp_path / "data", patients=20)
    for scale in ("paper", "demo"):
        run = shared.Run(tmp_path, steps.SCALES[scale], 1, None, None)
        part = steps.part_of(named.EXPERIMENTS["adapt-all-5"], run)
        assert part.validation == "all of these, in folds"


@pytest.mark.parametrize("scale", ["paper", "small"])
def test_all_commands_and_the_table_are_as_recorded(tmp_path, commands, scale):
    models = tmp_path / "models"
    (models / "data" / "images" / "test").mkdir(parents=True)
    for row in named.ROWS:
        if row.model:
            files.write_text(models / row.model / "best.h5", "")
    (tmp_path / "data").mkdir()
    noted_steps.write_manifest(tmp_path / "data", patients=30)
    run = shared.Run(tmp_path, steps.SCALES[scale], 7, tmp_path if scale == "paper"
                     else None, models)
    shared.perform(steps.PROGRAM, list(named.EXPERIMENTS), run)
    lines = [f"{step.name}: {step.title}: {' '.join(map(str, step.command))} after "
             f"{' '.join(step.after)}" for step in commands]
    lines.append(shared.table(steps.PROGRAM, list(named.EXPERIMENTS), [run]))
    # The names of manifests have a hash of their absolute paths.
    text = re.sub(r"-[0-9a-f]{8}\.csv", "-HASH.csv", "\n".join(lines))
    recorded.check(f"experiments-inbreast-{scale}", text, dict(OUT=tmp_path))


def test_the_models_that_rows_start_from_and_how_they_are_made(tmp_path):
    texts = []
    for words in (["--scale", "small"], ["--scale", "paper", "--data", "D"],
                  ["--scale", "paper", "--data", "D", "--ddsm", "C"],
                  ["--scale", "demo", "--models", "M"]):
        arguments = experiments.parser().parse_args(["--run", "table4", *words])
        texts.append(steps.starts(arguments))
    assert [(str(models), *flags) for models, flags in texts] == [
        ("runs/small-experiments", "--scale", "small"), ("runs/paper-experiments",),
        ("runs/paper-experiments", "--scale", "paper", "--data", "C"),
        ("M", "--scale", "demo")]
