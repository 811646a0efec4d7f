"""The two-step baseline on heatmaps whose answer is known."""

import dataclasses

import numpy as np
import pytest

from ddsm_train import two_step as command
from end2end import metrics
from end2end.heatmaps import heatmap_files, two_step
from end2end.tables import scores
from end2end.utils import files


def heatmap(rng, cancer):
    """Background, and a square in the class of cancer (2) or of benign (1)."""
    heatmap = np.zeros((12, 10, 3), np.float32)
    top, left = rng.integers(0, 6, 2)
    heatmap[top:top + 4, left:left + 4, 2 if cancer else 1] = rng.uniform(0.92, 1)
    heatmap[..., 0] = 1 - heatmap[..., 1:].sum(-1)
    return heatmap


def breasts(count, seed=0, missing=True):
    """Breasts with and without cancer in turn; some lack a view."""
    rng = np.random.default_rng(seed)
    return [heatmap_files.Case(
        f"P_{number}", "LEFT", number % 2, heatmap(rng, number % 2),
        None if missing and number % 5 == 0 else heatmap(rng, number % 2))
        for number in range(count)]


@pytest.fixture
def sets(tmp_path):
    for name, count, seed in (("train", 60, 0), ("test", 40, 1)):
        heatmap_files.write_cases(tmp_path / f"{name}.npz", breasts(count, seed))
    return tmp_path


def run(folder, *flags):
    command.main([str(word) for word in (
        folder / "train.npz", folder / "test.npz", "--out", folder / "out",
        "--trees", 20, *flags)])
    return scores.read_scores(folder / "out" / "scores.csv")


def test_features_of_all_cutoffs_classes_and_views_are_joined():
    features = two_step.features_of(breasts(6), largest=2)
    assert features.values.shape == (6, 2 * 4 * 2 * (3 + 2 * 16))
    column = features.names.index("cc_class2_0.9_top1_area")
    np.testing.assert_array_equal(features.values[:, column], [0, 16, 0, 16, 0, 16])


def test_a_missing_view_is_nan_and_no_case_of_its_own():
    features = two_step.features_of(breasts(6))
    missing = np.isnan(features.values)
    np.testing.assert_array_equal(missing.any(axis=1), [1, 0, 0, 0, 0, 1])
    assert all(name.startswith("mlo_") for name in
               np.array(features.names)[missing.any(axis=0)])
    images = two_step.features_of(breasts(6), by="image")
    assert images.views == ("CC", *("CC", "MLO") * 4, "CC")
    assert images.patients == tuple(f"P_{number}" for number in (
        0, 1, 1, 2, 2, 3, 3, 4, 4, 5))
    assert images.labels.tolist() == [0, 1, 1, 0, 0, 1, 1, 0, 0, 1]
    assert images.values.shape == (10, 4 * 2 * (3 + 16))
    assert set(images.sides) == {"LEFT"} and set(features.views) == {""}


def test_the_forest_is_that_of_the_paper_but_for_what_is_changed():
    forest = two_step.train_forest(
        two_step.features_of(breasts(6)), seed=7, n_estimators=2, min_samples_split=5)
    settings = forest.get_params()
    assert [settings[name] for name in (
        "n_estimators", "max_depth", "min_samples_split", "random_state")] == [
            2, 9, 5, 7]


@pytest.mark.parametrize("label", [0, 1])
def test_a_forest_of_one_class_is_refused_with_the_class(label):
    features = two_step.features_of(
        [dataclasses.replace(case, cancer=label) for case in breasts(3)])
    with pytest.raises(files.InputError) as caught:
        two_step.train_forest(features, seed=7)
    assert str(caught.value) == (
        f"all 3 training cases have the label {label}; a forest needs both.")


@pytest.mark.parametrize("by, cases", [("breast", 40), ("image", 72)])
def test_the_forest_tells_separable_heatmaps_apart(sets, capsys, by, cases):
    results = run(sets, "--min-samples-split", 2, "--by", by)
    assert len(results) == cases
    assert metrics.auc(results.labels, results.values) == 1
    assert "AUC 1.000 [1.000, 1.000]" in capsys.readouterr().out
    report = files.read_json(sets / "out" / "report.json")
    assert report["auc"] == 1 and report["cases"]["test"] == cases


def test_too_few_cases_for_the_papers_forest_are_noted(sets, capsys):
    assert len(set(run(sets).values.tolist())) == 1
    assert "fewer than --min-samples-split 300" in capsys.readouterr().out


def test_the_same_seed_gives_the_same_scores_on_any_number_of_threads(sets):
    runs = [run(sets, "--min-samples-split", 20, "--workers", workers).values
            for workers in (1, 2)]
    np.testing.assert_array_equal(*runs)


def test_heatmaps_of_another_model_are_refused(sets):
    other = [heatmap_files.Case("P", "LEFT", 1, np.zeros((4, 4, 5), np.float32), None)]
    heatmap_files.write_cases(sets / "test.npz", other)
    with pytest.raises(files.InputError, match="different classes"):
        run(sets)


def test_one_class_of_cases_is_refused(sets):
    benign = [case for case in breasts(20) if not case.cancer]
    heatmap_files.write_cases(sets / "train.npz", benign)
    with pytest.raises(files.InputError, match="needs both"):
        run(sets)


@pytest.mark.parametrize("flags", [
    ("--cutoffs", "0"), ("--min-samples-split", 1), ("--largest", 0)])
def test_impossible_values_are_refused(sets, flags):
    with pytest.raises(files.InputError):
        run(sets, *flags)


def test_heatmaps_of_several_models_and_none_at_all_are_refused():
    def case(*classes):
        maps = [np.zeros((2, 3, count)) for count in classes] + [None, None]
        return heatmap_files.Case("P", "L", 1, cc=maps[0], mlo=maps[1])
    read = dict(cutoffs=(0.5,), largest=1, by="breast")
    with pytest.raises(files.InputError, match="the heatmaps have 3 and 5 classes"):
        two_step.features_of([case(5), case(3)], **read)
    with pytest.raises(files.InputError, match="the heatmaps have no classes"):
        two_step.features_of([case()], **read)
