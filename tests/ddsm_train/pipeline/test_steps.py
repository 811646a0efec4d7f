"""The experiments on CBIS-DDSM as chains of commands that parse, and their tables."""

import pytest
import recorded

from ddsm_train import image_clf_train, mine_patches, patch_clf_train, two_view_train
from ddsm_train.pipeline import named, steps
from end2end import experiments, models, paper_figures
from end2end.config import training_command
from end2end.utils import files

ROWS = list(named.EXPERIMENTS.values())


def phantoms(folder, scale):
    files.write_json(folder / "data" / "census.json", {"pixel_mean": 50.0})
    return experiments.Run(folder, steps.SCALES[scale], 1, None)


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
    assert {row.name, f"test-{row.name}"} & set(names) or (
        row.kind in steps.STATED and names == [f"test-{row.needs[0]}"])


def test_demo_layers_are_a_share_of_the_papers():
    flags = ("--top-depths", 512, 64, "--block-type", "vgg", "--hm-pool-size", 5, 1)
    assert steps.demo_shares(flags) == [
        "--top-depths", 64, 8, "--hm-pool-size", 4, 1]


@pytest.mark.parametrize("arm", ["hard", "plain"])
def test_a_round_trains_on_from_the_one_before_with_the_same_tests(arm, run):
    row = named.EXPERIMENTS[f"patch-resnet50-s10-{arm}-2"]
    chain = {step.name: step for step in steps.row_steps(row, run, True)}
    command = [str(word).replace(f"{run.out}/", "")
               for word in chain[row.name].command]
    start = f"patch-resnet50-s10-{arm}-1"
    assert command[command.index("--resume-from") + 1] == f"{start}/best.h5"
    train = f"patches/{row.name}" if arm == "hard" else "patches/S10"
    assert command[1:4] == [f"{train}/train", "patches/S10/val", "patches/S10/test"]
    assert start in chain[row.name].after
    mining = chain.get(f"mine-{row.name}")
    assert (mining is not None) == (arm == "hard")
    if mining:
        words = [str(word).replace(f"{run.out}/", "") for word in mining.command]
        arguments = mine_patches.parser().parse_args(words[1:])
        assert arguments.patients == "patches/S10/train/pat_lst.txt"
        assert arguments.patch_model == f"{start}/best.h5"
        assert set(mining.after) == {start, "sample-S10"}
        assert mining.name in chain[row.name].after


@pytest.mark.parametrize(("name", "rate"), [
    ("patch-resnet50-s10", 0.001), ("patch-resnet50-s10-hard-1", 0.0001)])
def test_a_round_on_phantoms_has_a_tenth_of_the_rate_of_its_start(name, rate, tmp_path):
    flags = map(str, steps.demo_patch_flags(
        named.EXPERIMENTS[name], phantoms(tmp_path, "small")))
    *_, training = training_command.parse(
        patch_clf_train.parser(), ["T", "V", "S", *flags], {})
    assert training.learning_rate == rate


@pytest.mark.parametrize(("scale", "name"), [
    ("small", "resnet50-s10-hard"), ("one-view", "resnet-vgg"),
    ("one-view", "two-view-resnet-vgg")])
def test_the_networks_of_phantoms_fit_the_size_of_their_scale(scale, name, tmp_path):
    row, at_scale = named.EXPERIMENTS[name], phantoms(tmp_path, scale)
    training_step = steps.row_steps(row, at_scale, False)[0]
    _, images, model, _ = training_command.parse(
        image_clf_train.parser(), list(map(str, training_step.command[1:])), {})
    build = (models.two_view_classifier if row.kind == "two_view"
             else models.whole_image_classifier)
    network = build(models.patch_classifier("yaroslav", 5, dropout=0), model,
                    size=images.size)
    assert network.output_shape == (None, 2)


def test_an_experiment_that_is_only_needed_is_trained_and_not_tested(run):
    row = named.EXPERIMENTS["resnet-vgg"]
    tested = [step.name for step in steps.row_steps(row, run, True)]
    needed = [step.name for step in steps.row_steps(row, run, False)]
    assert tested == [*needed, "test-resnet-vgg"]


@pytest.mark.parametrize(("name", "words"), [
    ("heatmap-less-none", ["resnet-resnet/test/scores.csv",
                           "resnet50-heatmap/test/scores.csv"]),
    ("specificity", ["ensemble/test/scores_flips.csv", "--at", "0.861"])])
def test_what_the_text_states_is_made_of_the_tests_of_its_designs(name, words, run):
    row = named.EXPERIMENTS[name]
    *tests, last = steps.row_steps(row, run, True)
    assert [step.name for step in tests] == [f"test-{need}" for need in row.needs]
    command = [str(word).replace(f"{run.out}/", "") for word in last.command]
    assert command == ["end2end.metrics", *words, "--out", name]
    assert set(last.after) == {step.name for step in tests}


def test_the_text_has_its_values_beside_the_papers(tmp_path):
    run = experiments.Run(tmp_path, steps.SCALES["paper"], 1, tmp_path)
    files.write_json(tmp_path / "heatmap-less-none" / "results.json", dict(
        comparisons=[dict(difference=-0.0312, difference_interval=[-0.07, 0.01])]))
    files.write_json(tmp_path / "vgg-vgg" / "test" / "results.json", dict(
        plain=dict(auc=0.8, breasts=dict(gain=0.0414, gain_interval=[0.03, 0.05])),
        flips=dict(auc=0.8, gain=dict(difference=0.012,
                                      difference_interval=[-0.004, 0.02]))))
    files.write_json(tmp_path / "specificity" / "results.json", dict(
        count=400, positive=150, operating_points=[
            dict(at="specificity", specificity=0.9),
            dict(at="sensitivity", specificity=0.7777, interval=[0.7, 0.85])]))
    text = experiments.table(steps.PROGRAM, named.GROUPS["text"], [run])
    lines = {line.split(" | ")[0][2:]: line for line in text.splitlines()
             if " | " in line}
    assert ("| -0.050 [-0.088, -0.012] | -0.031 [-0.070, +0.010] |"
            in lines["heatmap-less-none"])
    assert "| +0.040 [+0.028, +0.051] | +0.041 [+0.030, +0.050] |" in lines[
        "two-views-vgg-vgg"]
    assert "| +0.01 | +0.012 [-0.004, +0.020] |" in lines["flips-vgg-vgg"]
    assert "| 0.801 | 0.778 [0.700, 0.850] |" in lines["specificity"]
    assert "| -0.023 [-0.061, +0.016] | - |" in lines["s1g-less-s10"]


@pytest.mark.parametrize("name", ["fig2", "fig3", "fig4"])
def test_a_figure_ends_with_its_file(name, run):
    last = named.EXPERIMENTS[named.GROUPS[name][-1]]
    chain = steps.row_steps(last, run, True)
    words = [str(word) for word in chain[-1].command[1:]]
    arguments = paper_figures.parser().parse_args(words)
    assert arguments.figure == name
    assert steps.outcome(last, run) == {}
    files.write_text(f"{arguments.out}.png", "")
    assert steps.outcome(last, run) == dict(plain=f"{arguments.out}.png")


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


def text_of(chain):
    """Steps as lines: name, title, command, and after which others they come."""
    return "\n".join(f"{step.name}: {step.title}: {' '.join(map(str, step.command))} "
                     f"after {' '.join(step.after)}" for step in chain)


def test_the_chains_of_all_experiments_are_as_recorded(tmp_path):
    """One of each kind in full, of the others what tells them apart."""
    files.write_json(tmp_path / "data" / "census.json", {"pixel_mean": 50.0})
    lines = []
    for name, scale in steps.SCALES.items():
        run = experiments.Run(tmp_path, scale, 7, tmp_path / "download"
                              if name == "paper" else None)
        lines += [f"== {name}", text_of(steps.data_steps(run))]
        kinds = set()
        for row in ROWS:
            text = text_of(steps.row_steps(row, run, True)).replace(
                str(tmp_path), "OUT")
            kind = row.kind, row.mined, len(row.needs), row.name in steps.FIGURES
            lines.append(f"{row.name}: {recorded.exact(text.encode())}"
                         if kind in kinds or name in ("one-view", "smoke") else text)
            kinds.add(kind)
    recorded.check("experiments-ddsm", "\n".join(lines), dict(OUT=tmp_path))


def test_tables_without_and_with_results_are_as_recorded(tmp_path):
    usual = experiments.Run(tmp_path / "usual", steps.SCALES["paper"], 1, None)
    run = experiments.Run(tmp_path / "run", steps.SCALES["paper"], 1, None,
                          beside=usual)
    texts = [experiments.table(steps.PROGRAM, list(named.EXPERIMENTS), [run])]
    for number, (place, name) in enumerate((
            (run, "resnet-vgg"), (usual, "resnet-vgg"), (run, "petrini-two-view"),
            (usual, "petrini-single-view"), (run, "two-step"))):
        auc = 0.5 + number / 16
        files.write_json(place.out / name / "test" / (
            "report.json" if name == "two-step" else "results.json"), dict(
                auc=auc, interval=[auc - 0.1, auc + 0.2], cases=dict(test=9),
                cancers=dict(test=4), plain=dict(
                    auc=auc, auc_interval=[auc - 0.1, auc + 0.2], count=30,
                    positive=10 + number), flips=dict(auc=auc + 0.01)))
    files.write_json(run.out / "resnet-vgg" / "best.report.json",
                     dict(best=dict(epoch=4)))
    names = ["resnet-vgg", *named.GROUPS["petrini"], "two-step"]
    texts += [experiments.table(steps.PROGRAM, names, [run])]
    recorded.check("experiments-ddsm-tables", "\n".join(texts), dict(OUT=tmp_path))
