"""The paper's experiments as rows: complete, named, and made of flags that parse."""

import ast
import pathlib
import re
import sys

import pytest

from ddsm_train import image_clf_train, patch_clf_train, two_view_train
from ddsm_train.pipeline import named
from end2end import config
from end2end.config import training_command

ROWS = list(named.EXPERIMENTS.values())
# Shen et al. 2019, Tables 1 to 3, in the order of the rows.
PUBLISHED = {
    "table1": [0.97, 0.99, 0.63, 0.89, 0.76, 0.84],
    "table2": [0.63, 0.83, 0.85, 0.86, 0.84, 0.87, 0.80, 0.81, 0.74, 0.72, 0.65],
    "table3": [0.81, 0.85, 0.84, 0.85, 0.71, 0.68, 0.70],
}


@pytest.mark.parametrize("table", PUBLISHED)
def test_every_row_of_the_tables_is_there_with_its_published_value(table):
    rows = [named.EXPERIMENTS[name] for name in named.GROUPS[table]]
    assert [row.published.get("accuracy") or row.published["auc"]
            for row in rows] == PUBLISHED[table]
    assert [row.source for row in rows] == [
        f"Table {table[-1]}, row {number}" for number in range(1, len(rows) + 1)]
    for row in rows:
        low, high = row.published["interval"]
        assert low <= (row.published.get("accuracy") or row.published["auc"]) <= high


def test_what_the_text_states_is_there_with_its_intervals():
    stated = {row.name: row.published for row in named.STATED_ROWS}
    assert [stated[name]["difference"] for name, *_ in named.DIFFERENCES] == [
        -0.023, 0.041, -0.050, -0.044]
    assert [stated[f"two-views-{name}"]["difference"] for name in named.BEST_FOUR] == [
        0.030, 0.027, 0.040, 0.048]
    assert stated["specificity"]["specificity"] == 0.801
    flips = [row["difference"] for name, row in stated.items()
             if name.startswith("flips-")]
    assert flips == [0.01, 0.01, 0.02, 0.01, 0.01, 0.01, 0.02, 0.03]
    for row in stated.values():
        if "interval" in row:
            assert row["interval"][0] < row["difference"] < row["interval"][1]


def test_names_are_unique_and_needs_exist():
    assert len(named.EXPERIMENTS) == len(
        [*named.PATCH_ROWS, *named.IMAGE_ROWS, *named.TWO_VIEW_ROWS,
         *named.PETRINI_ROWS, *named.LATER_ROWS, *named.OTHER_ROWS, *named.STATED_ROWS,
         *named.JOINT_ROWS, *named.FIGURE_ROWS, *named.FURTHER_ROWS,
         *named.HARD_ROWS])
    for row in ROWS:
        assert re.fullmatch(r"[a-z0-9-]+", row.name)
        assert set(row.needs) <= set(named.EXPERIMENTS)
        assert row.hours > 0


def test_the_whole_paper_is_everything_but_our_own_additions():
    left = set(named.EXPERIMENTS) - set(named.GROUPS["paper"])
    assert left == {"patch-resnet50-s1-random", "resnet50-s1-random", "no-patch-stage",
                    "patch-efficientnetb0-ddsm-s10", "patch-efficientnetb3-ddsm-s10",
                    "patch-convnextsmall-s10", *(row.name for row in (
                        *named.TWO_VIEW_ROWS, *named.PETRINI_ROWS, *named.LATER_ROWS,
                        *named.JOINT_ROWS, *named.FURTHER_ROWS, *named.HARD_ROWS))}
    for names in named.GROUPS.values():
        assert set(names) <= set(named.EXPERIMENTS)


@pytest.mark.parametrize("row", named.PATCH_ROWS, ids=lambda row: row.name)
def test_the_flags_of_patch_experiments_parse(row):
    _, images, model, training = training_command.parse(
        patch_clf_train.parser(), ["T", "V", "S", "--experiment", row.name],
        named.PATCH_FLAGS)
    assert images.size[0] == (448 if row.patches == "S1g" else 224)
    assert training.batch_size * training.train_batch_multiplier == 32
    assert model.backbone in row.name


@pytest.mark.parametrize("row", named.IMAGE_ROWS, ids=lambda row: row.name)
def test_the_flags_of_image_experiments_parse(row):
    _, images, model, training = training_command.parse(
        image_clf_train.parser(), ["T", "V", "S", "--experiment", row.name],
        named.IMAGE_FLAGS)
    assert images.size == (1152, 896)
    assert (training.learning_rate, training.first_until_epoch) == (1e-4, 30)
    assert training.all_until_epoch in (50, 250)
    assert (model.weight_decay, training.late_weight_decay) == (0.001, 0.01)


def test_the_four_best_networks_are_those_of_the_paper():
    found = {name: training_command.parse(
        image_clf_train.parser(), ["T", "V", "S", "--experiment", name],
        named.IMAGE_FLAGS)[2] for name in named.BEST_FOUR}
    assert [(model.backbone, model.top_kind, model.top_filters, model.top_repeats)
            for model in found.values()] == [
        ("resnet50", "resnet", (512, 512), (2, 2)),
        ("resnet50", "vgg", (256, 128), (1, 1)),
        ("vgg16", "vgg", (256, 128), (1, 1)),
        ("vgg16", "resnet", (512, 512), (2, 2))]


@pytest.mark.parametrize("folder", ["ddsm_train", "inbreast"])
def test_the_rows_are_read_by_any_python_without_packages(folder):
    path = pathlib.Path(__file__).parents[3] / folder / "pipeline" / "named.py"
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module)
    assert names <= set(sys.stdlib_module_names)


PARSERS = {"image": (image_clf_train, named.IMAGE_FLAGS),
           "two_view": (two_view_train, named.TWO_VIEW_FLAGS)}


def parsed(row):
    program, flags = PARSERS[row.kind]
    return training_command.parse(
        program.parser(), ["T", "V", "S", "--experiment", row.name], flags)[1:]


@pytest.mark.parametrize("row", named.PETRINI_ROWS, ids=lambda row: row.name)
def test_the_recipe_of_petrini_is_as_published(row):
    images, model, training = parsed(row)
    assert (images.size, images.augmentation_recipe) == ((1152, 896), "petrini")
    assert images.intensity_scale * 257 == pytest.approx(1)
    assert model.backbone in ("efficientnetb0-ddsm", "efficientnetb3-ddsm")
    assert (training.optimizer, training.learning_rate,
            training.all_rate_multiplier) == ("adam", 1e-4, 1)
    assert (training.first_until_epoch, training.all_until_epoch) == (0, 30)
    assert (training.warmup_epochs, training.rate_cycle) == (4, 0.1)
    assert (model.top_kind, model.top_repeats, model.expansion) == (
        "mbconv", (1, 1), 2)
    assert row.published["auc"] == {
        "petrini-b0-single-view": 0.8153, "petrini-b0-two-view": 0.8483,
        "petrini-single-view": 0.8343, "petrini-two-view": 0.8658}[row.name]


def test_each_later_row_differs_from_resnet_vgg_in_what_it_is_named_for():
    base = config.to_dict(parsed(named.EXPERIMENTS["resnet-vgg"])[0]), config.to_dict(
        parsed(named.EXPERIMENTS["resnet-vgg"])[2])
    changes = {}
    for row in named.LATER_ROWS[:-1]:
        groups = map(config.to_dict, parsed(row)[::2])
        changes[row.name.removeprefix("resnet-vgg-")] = {
            name for group, plain in zip(groups, base, strict=True)
            for name, value in group.items() if value != plain[name]}
    assert changes == {
        "cosine": {"warmup_epochs", "rate_cycle"}, "average": {"weight_average"},
        "adamw": {"optimizer", "decoupled_decay", "late_weight_decay"},
        "smoothing": {"label_smoothing"}, "mixup": {"mixup"},
        "tone": {"augmentation_recipe"}, "crop": {"crop_breast"}}


def test_every_option_past_the_paper_is_used_by_an_experiment():
    plain = {**config.to_dict(config.ImageOptions()),
             **config.to_dict(config.TrainingOptions())}
    used = {name for row in (*named.PETRINI_ROWS, *named.LATER_ROWS)
            for group in parsed(row)[::2] for name, value in
            config.to_dict(group).items() if value != plain[name]}
    assert {"augmentation_recipe", "crop_breast", "warmup_epochs", "rate_cycle",
            "decoupled_decay", "weight_average", "label_smoothing", "mixup",
            "remat"} <= used
