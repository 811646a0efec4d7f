"""The paper's experiments as rows: complete, named, and made of flags that parse."""

import ast
import pathlib
import re
import sys

import pytest

from ddsm_train import image_clf_train, patch_clf_train
from ddsm_train.pipeline import named
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
         *named.OTHER_ROWS, *named.STATED_ROWS, *named.FIGURE_ROWS])
    for row in ROWS:
        assert re.fullmatch(r"[a-z0-9-]+", row.name)
        assert set(row.needs) <= set(named.EXPERIMENTS)
        assert row.hours > 0


def test_the_whole_paper_is_everything_but_our_own_additions():
    left = set(named.EXPERIMENTS) - set(named.GROUPS["paper"])
    assert left == {"patch-resnet50-s1-random", "resnet50-s1-random", "no-patch-stage",
                    *(row.name for row in named.TWO_VIEW_ROWS)}
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
