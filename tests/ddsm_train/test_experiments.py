"""The paper's experiments as rows: complete, named, and made of flags that parse."""

import re

import pytest

from ddsm_train import experiments, image_clf_train, patch_clf_train
from ddsm_train.pipeline import steps, walk
from end2end.config import training_command
from end2end.utils import files

ROWS = list(experiments.EXPERIMENTS.values())
# Shen et al. 2019, Tables 1 to 3, in the order of the rows.
PUBLISHED = {
    "table1": [0.97, 0.99, 0.63, 0.89, 0.76, 0.84],
    "table2": [0.63, 0.83, 0.85, 0.86, 0.84, 0.87, 0.80, 0.81, 0.74, 0.72, 0.65],
    "table3": [0.81, 0.85, 0.84, 0.85, 0.71, 0.68, 0.70],
}


@pytest.mark.parametrize("table", PUBLISHED)
def test_every_row_of_the_tables_is_there_with_its_published_value(table):
    rows = [experiments.EXPERIMENTS[name] for name in experiments.GROUPS[table]]
    assert [row.published.get("accuracy") or row.published["auc"]
            for row in rows] == PUBLISHED[table]
    assert [row.source for row in rows] == [
        f"Table {table[-1]}, row {number}" for number in range(1, len(rows) + 1)]
    for row in rows:
        low, high = row.published["interval"]
        assert low <= (row.published.get("accuracy") or row.published["auc"]) <= high


def test_names_are_unique_and_needs_exist():
    assert len(experiments.EXPERIMENTS) == len(
        [*experiments.PATCH_ROWS, *experiments.IMAGE_ROWS, *experiments.OTHER_ROWS])
    for row in ROWS:
        assert re.fullmatch(r"[a-z0-9-]+", row.name)
        assert set(row.needs) <= set(experiments.EXPERIMENTS)
        assert row.hours > 0


def test_the_whole_paper_is_everything_but_our_own_additions():
    left = set(experiments.EXPERIMENTS) - set(experiments.GROUPS["paper"])
    assert left == {"patch-resnet50-s1-random", "resnet50-s1-random", "no-patch-stage"}
    for names in experiments.GROUPS.values():
        assert set(names) <= set(experiments.EXPERIMENTS)


@pytest.mark.parametrize("row", experiments.PATCH_ROWS, ids=lambda row: row.name)
def test_the_flags_of_patch_experiments_parse(row):
    _, images, model, training = training_command.parse(
        patch_clf_train.parser(), ["T", "V", "S", "--experiment", row.name],
        experiments.PATCH_FLAGS)
    assert images.size[0] == (448 if row.patches == "S1g" else 224)
    assert training.batch_size * training.train_batch_multiplier == 32
    assert model.backbone in row.name


@pytest.mark.parametrize("row", experiments.IMAGE_ROWS, ids=lambda row: row.name)
def test_the_flags_of_image_experiments_parse(row):
    _, images, model, training = training_command.parse(
        image_clf_train.parser(), ["T", "V", "S", "--experiment", row.name],
        experiments.IMAGE_FLAGS)
    assert images.size == (1152, 896)
    assert (training.learning_rate, training.first_until_epoch) == (1e-4, 30)
    assert training.all_until_epoch in (50, 250)
    assert (model.weight_decay, training.late_weight_decay) == (0.001, 0.01)


def test_the_four_best_networks_are_those_of_the_paper():
    found = {name: training_command.parse(
        image_clf_train.parser(), ["T", "V", "S", "--experiment", name],
        experiments.IMAGE_FLAGS)[2] for name in experiments.BEST_FOUR}
    assert [(model.backbone, model.top_kind, model.top_filters, model.top_repeats)
            for model in found.values()] == [
        ("resnet50", "resnet", (512, 512), (2, 2)),
        ("resnet50", "vgg", (256, 128), (1, 1)),
        ("vgg16", "vgg", (256, 128), (1, 1)),
        ("vgg16", "resnet", (512, 512), (2, 2))]


@pytest.fixture(params=["paper", "demo", "smoke"])
def run(request, tmp_path):
    files.write_json(tmp_path / "data" / "census.json", {"pixel_mean": 50.0})
    return steps.Run(
        tmp_path, steps.SCALES[request.param], 1, tmp_path / "download")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_every_experiment_is_a_chain_of_commands_that_parse(row, run):
    chain = steps.KINDS[row.kind](row, run)
    parsers = {"ddsm_train.patch_clf_train": patch_clf_train,
               "ddsm_train.image_clf_train": image_clf_train}
    for step in chain:
        module, *words = map(str, step.command)
        if module in parsers:
            folders, images, model, training = training_command.parse(
                parsers[module].parser(), words, {})
            assert training.best_model == str(run.model(row.name))
            if run.demo:
                assert model.backbone == "yaroslav"
                assert images.size[0] <= 320
                assert training.first_until_epoch <= 20
                assert row.kind == "patch" or training.all_until_epoch <= 20
    names = [step.name for step in chain]
    assert len(names) == len(set(names))
    assert row.name in names or f"test-{row.name}" in names


def test_demo_layers_are_a_share_of_the_papers():
    flags = ("--top-depths", 512, 64, "--block-type", "vgg", "--hm-pool-size", 5, 1)
    assert steps.demo_shares(flags) == [
        "--top-depths", 64, 8, "--hm-pool-size", 4, 1]


def test_a_table_has_ours_beside_theirs(tmp_path):
    run = steps.Run(tmp_path, steps.SCALES["demo"], 1, None)
    files.write_json(tmp_path / "resnet-vgg" / "test" / "results.json", dict(
        plain=dict(auc=0.91, auc_interval=[0.8, 1.0]), flips=dict(auc=0.93)))
    files.write_json(tmp_path / "resnet-vgg" / "best.report.json",
                     dict(best=dict(epoch=4)))
    text = steps.table(["resnet-vgg", "resnet-resnet"], [run])
    assert ("| resnet-vgg | 256 x 1, 128 x 1 | 0.87 [0.84, 0.90] | 0.91 [0.80, 1.00] | "
            "0.88 | 0.93 | 36 | 4 |") in text
    assert "| 0.86 [0.83, 0.89] | - | 0.87 | - | 34 | - |" in text
    assert "say nothing about women" in text


def test_a_table_of_several_seeds_has_mean_and_range(tmp_path):
    runs = []
    for seed, auc in ((1, 0.9), (2, 0.6)):
        runs.append(steps.Run(
            tmp_path / f"seed-{seed}", steps.SCALES["demo"], seed, None))
        files.write_json(runs[-1].out / "resnet-vgg" / "test" / "results.json", dict(
            plain=dict(auc=auc, auc_interval=[0.5, 1.0])))
    text = steps.table(["resnet-vgg"], runs)
    assert "| 0.75 (0.60 to 0.90, 2 seeds) |" in text


def test_an_unknown_experiment_is_refused_by_name():
    with pytest.raises(files.InputError, match="'table9' is not known"):
        experiments.chosen("table9")


def test_a_run_without_data_is_refused_before_any_work(tmp_path):
    with pytest.raises(files.InputError, match="--data"):
        experiments.main(["--run", "table2", "--out", str(tmp_path / "out")])
    assert not (tmp_path / "out").exists()


def test_the_classes_of_the_patches_are_five():
    assert len(walk.CLASSES) == 5


@pytest.mark.slow
def test_an_experiment_runs_from_nothing_to_its_row_of_the_table(tmp_path, capfd):
    experiments.main(["--run", "yaroslav-heatmap", "--scale", "smoke", "--out",
                      str(tmp_path)])
    text = capfd.readouterr().out
    assert re.search(r"\| yaroslav-heatmap \|.*\| 0\.83 \| [01]\.\d\d \[", text)
    experiments.main(["--run", "yaroslav-heatmap", "--scale", "smoke", "--out",
                      str(tmp_path)])
    assert "done before" in capfd.readouterr().out
