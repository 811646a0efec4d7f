"""A small network learns from what each import writes: the AUC of women whom it never
saw is above chance with its whole interval. Minutes each."""

import messy_sheet
import pytest

from benchmarks import import_learning
from end2end.importing import __main__ as program


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    """A patch network of the boxes of one set, and its import."""
    out = import_learning.imported("vindr", tmp_path_factory.mktemp("vindr"))
    return import_learning.patch_network(out, import_learning.LAYOUTS["vindr"].patches)


def above_chance(row):
    assert row["auc"] > 0.75 and row["auc_interval"][0] > 0.5, row


@pytest.mark.slow
def test_boxes_of_vindr_teach_patches_and_then_whole_images(start):
    above_chance(import_learning.test_auc(
        start.model.parents[1], start, import_learning.LAYOUTS["vindr"].images))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["rsna", "cmmd"])
def test_sets_without_regions_learn_from_the_patch_network_of_another(
        start, name, tmp_path):
    out = import_learning.imported(name, tmp_path)
    above_chance(import_learning.test_auc(
        out, start, import_learning.LAYOUTS[name].images))


@pytest.mark.slow
def test_circles_of_mini_mias_teach_patches_and_then_whole_images(tmp_path):
    above_chance(import_learning.learned(["mini-mias"], tmp_path)["mini-mias"])


@pytest.mark.slow
def test_a_messy_sheet_is_learnt_from_after_its_faults_were_decided(start, tmp_path):
    path, _ = messy_sheet.write(
        tmp_path, women=import_learning.WOMEN, size=import_learning.DRAWN_SIZE)
    program.main([
        "table", str(path), str(tmp_path / "out"), "--size",
        *map(str, import_learning.SIZE), "--column", "label=Befund", "--label",
        "malignant=bösartig", "--label", "benign=gutartig", "--leave-out", "two-labels",
        "--workers", "1"])
    above_chance(import_learning.test_auc(tmp_path / "out", start, epochs=2))
