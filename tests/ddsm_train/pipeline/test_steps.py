"""The experiments on CBIS-DDSM as chains of commands that parse, and their tables."""

import pytest

from ddsm_train import image_clf_train, patch_clf_train, two_view_train
from ddsm_train.pipeline import named, steps
from end2end import experiments
from end2end.config import training_command
from end2end.utils import files

ROWS = list(named.EXPERIMENTS.values())


@pytest.fixture(params=["paper", "demo", "smoke"])
def run(request, tmp_path):
    files.write_json(tmp_path / "data" / "census.json", {"pixel_mean": 50.0})
    return experiments.Run(
        tmp_path, steps.SCALES[request.param], 1, tmp_path / "download")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_every_experiment_is_a_chain_of_commands_that_parse(row, run):
    chain = steps.KINDS[row.kind](row, run)
    parsers = {"ddsm_train.patch_clf_train": patch_clf_train,
               "ddsm_train.image_clf_train": image_clf_train,
               "ddsm_train.two_view_train": two_view_train}
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


def test_an_experiment_that_is_only_needed_is_trained_and_not_tested(run):
    row = named.EXPERIMENTS["resnet-vgg"]
    tested = [step.name for step in steps.row_steps(row, run, True)]
    needed = [step.name for step in steps.row_steps(row, run, False)]
    assert tested == [*needed, "test-resnet-vgg"]


def test_a_table_has_ours_beside_theirs(tmp_path):
    run = experiments.Run(tmp_path, steps.SCALES["demo"], 1, None)
    files.write_json(tmp_path / "resnet-vgg" / "test" / "results.json", dict(
        plain=dict(auc=0.91, auc_interval=[0.8, 1.0]), flips=dict(auc=0.93)))
    files.write_json(tmp_path / "resnet-vgg" / "best.report.json",
                     dict(best=dict(epoch=4)))
    text = experiments.table(steps.PROGRAM, ["resnet-vgg", "resnet-resnet"], [run])
    assert ("| resnet-vgg | 256 x 1, 128 x 1 | 0.87 [0.84, 0.90] | 0.91 [0.80, 1.00] | "
            "0.88 | 0.93 | 36 | 4 |") in text
    assert "| 0.86 [0.83, 0.89] | - | 0.87 | - | 34 | - |" in text
    assert "say nothing about women" in text


def test_a_table_of_several_seeds_has_mean_and_range(tmp_path):
    runs = []
    for seed, auc in ((1, 0.9), (2, 0.6)):
        runs.append(experiments.Run(
            tmp_path / f"seed-{seed}", steps.SCALES["demo"], seed, None))
        files.write_json(runs[-1].out / "resnet-vgg" / "test" / "results.json", dict(
            plain=dict(auc=auc, auc_interval=[0.5, 1.0])))
    text = experiments.table(steps.PROGRAM, ["resnet-vgg"], runs)
    assert "| 0.75 (0.60 to 0.90, 2 seeds) |" in text
