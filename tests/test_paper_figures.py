"""Figures 2 to 5 of the paper, from saved results alone."""

import dataclasses

import cv2
import figure_values
import numpy as np
import pytest
import recorded
import saved_models

from end2end import paper_figures, reports
from end2end.evaluation import detection
from end2end.explanation import maps, patch_maps
from end2end.reports import figures
from end2end.tables import scores
from end2end.utils import files


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Score files of two models and of patches, saved maps, and images."""
    folder = tmp_path_factory.mktemp("figures")
    rng = np.random.default_rng(0)
    labels = np.arange(40) % 2
    for name in ("a", "b"):
        scores.write_scores(folder / name / "scores.csv", scores.Scores(
            tuple(f"{i}.png" for i in range(40)),
            np.clip(rng.normal(0.4 + 0.2 * labels, 0.2), 0, 1), labels))
    scores.write_scores(folder / "patch" / "scores.csv", scores.Scores(
        tuple(f"{i}.png" for i in range(40)), rng.dirichlet(np.ones(5), 40),
        np.arange(40) % 5, saved_models.CLASSES))
    saved_models.write_images(folder / "test", women=4)
    for label, name in enumerate(("neg", "pos")):
        for i, path in enumerate(sorted((folder / "test" / name).glob("*.png"))):
            save_map(folder / "saliency" / "maps" / f"{path.stem}.npz", path, label, i)
    return folder


def save_map(out, path, label, i):
    grey = cv2.imread(str(path), 0)
    strength = np.zeros(grey.shape, np.float32)
    strength[i, i] = 1
    cells = patch_maps.PatchMap(
        np.random.default_rng(i).normal(size=(5, 4, 5)).astype(np.float32),
        (4.0, 4.0), (8.0, 8.0), saved_models.CLASSES)
    maps.save(out, maps.Explained(
        str(path), grey, 0.2 + 0.2 * label + 0.05 * i, dict(guided=strength), label,
        1.0 + i, cells))


def draw(folder, *words, capsys):
    paper_figures.main([*map(str, words), "--out", str(folder / "out" / words[0])])
    for kind in ("png", "svg"):
        assert (folder / "out" / f"{words[0]}.{kind}").stat().st_size > 5000
    return capsys.readouterr().out


def test_figure_2_has_the_accuracy_of_each_classifier(folder, capsys):
    said = draw(folder, "fig2", folder / "patch", folder / "patch", "--names", "One",
                "Two", capsys=capsys)
    assert "a One: accuracy" in said and "b Two: accuracy" in said
    assert "40 patches" in said


def test_figure_3_has_each_model_and_their_mean_in_each_panel(folder, capsys):
    said = draw(folder, "fig3", "--panel", "A", folder / "a", folder / "b", "--panel",
                "B", folder / "b/scores.csv", capsys=capsys)
    assert "A, a: AUC" in said and "A, mean of these: AUC" in said
    assert "B, scores: AUC" not in said and "B, b: AUC" in said
    assert "B, mean of these" not in said
    assert "mean of these: sensitivity 90.0%" in said


def test_figure_4_picks_the_surest_cancer_and_the_worst_errors(folder, capsys):
    said = draw(folder, "fig4", folder / "saliency", "--rois",
                folder / "test/rois.csv", capsys=capsys)
    saved = [maps.load(path)
             for path in (folder / "saliency" / "maps").glob("*.npz")]
    surest = max((one for one in saved if one.label == 1), key=lambda one: one.score)
    assert f"a true positive: {surest.path}" in said
    assert "b no false positive; nearest" in said, "all negatives score below 0.5"
    assert "c false negative: " in said and "score 0.400" in said
    assert "d activation after ReLU of patches over image a" in said


def test_figure_4_names_the_mean_over_the_flips_as_such(folder, tmp_path, capsys):
    (tmp_path / "maps").mkdir()
    for path in (folder / "saliency" / "maps").glob("*.npz"):
        maps.save(tmp_path / "maps" / path.name,
                  dataclasses.replace(maps.load(path), flips=True))
    said = draw(folder, "fig4", tmp_path, capsys=capsys)
    assert said.count(", mean score of four flips 0.") == 3


def test_figure_5_shows_an_image_of_each_set(folder, capsys):
    said = draw(folder, "fig5", folder / "test/neg", folder / "test/pos", "--names",
                "Film", "Digital", capsys=capsys)
    assert "a Film: 4 images, median grey value" in said and "b Digital" in said


@pytest.mark.parametrize("words, message", [
    (["fig2", "patch", "--names", "One", "Two"], "2 names for 1 inputs"),
    (["fig3", "--panel", "A"], "names no score file"),
    (["fig3", "--panel", "A", "patch"], "needs the column score"),
    (["fig3", "--panel", "A", "a", "--at", "86"], "--at 86 is not a share"),
    (["fig4", "a"], "maps"),
    (["fig4", "saliency", "--method", "gradcam"], "has no maps of gradcam"),
])
def test_what_cannot_be_drawn_is_refused_in_one_sentence(folder, words, message):
    words = [str(folder / word) if (folder / word).exists() else word for word in words]
    with pytest.raises(files.InputError, match=message):
        paper_figures.main([*words, "--out", str(folder / "out" / "x")])


def test_panels_with_other_settings_are_as_recorded(folder, monkeypatch):
    drawn = []
    monkeypatch.setattr(reports.figures, "save", lambda figure, out: drawn.append(
        figure) or [out])
    said = []
    monkeypatch.setattr(paper_figures.commands, "say",
                        lambda *lines: said.append("\n".join(lines)))
    bare = folder / "bare" / "maps"
    bare.mkdir(parents=True)
    for path in sorted((folder / "saliency" / "maps").glob("*.npz"))[1:]:
        maps.save(bare / path.name, dataclasses.replace(maps.load(path), cells=None))
    # Of two women whose lesions are seen, with scores of three of the four images.
    table = scores.Scores(
        tuple(map(str, sorted((folder / "test" / "pos").glob("*"))[:3]))
        + tuple(map(str, sorted((folder / "test" / "neg").glob("*")))),
        np.array([0.9, 0.35, 0.6, 0.1, 0.5, 0.3, 0.2]), np.repeat([1, 0], (3, 4)))
    scores.write_scores(folder / "some" / "scores.csv", table)
    rows = files.read_csv(folder / "test/rois.csv")
    files.write_csv(folder / "test/lesions.csv", detection.COLUMNS, [
        row | dict(abn_num=1, full_path=f"pos/{row['mask_path'].split('/')[1]}")
        for row in rows if row["pathology"] == "MALIGNANT"])
    for words in (
            ["fig4", folder / "saliency", "--heatmap", "softmax", "--scale", "set",
             "--rois", folder / "test/rois.csv"],
            ["fig4", bare.parent, "--threshold", "0.3"],
            ["detection", folder / "some", "--rois", folder / "test/lesions.csv",
             "--specificity", "0.75", "--names", "some"]):
        paper_figures.main([*map(str, words), "--out", str(folder / words[0])])
        said += [figure_values.words(axes) for axes in drawn[-1].axes]
    said += [figure_values.lines(axes) for axes in drawn[-1].axes]
    recorded.check("paper-figures", "\n".join(map(str, said)), dict(FOLDER=folder))


def test_the_same_results_give_the_same_bytes():
    made = [figures.encoded(figures.confusion([[3, 1], [0, 2]], ["a", "b"]), "png")
            for _ in range(2)]
    assert made[0] == made[1]
