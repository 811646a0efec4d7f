"""The command that describes score files: checks, short names, a page."""

import argparse
import json
import pathlib

import figure_values
import numpy as np
import pytest
import recorded

from end2end.reports import figures, report, score_report
from end2end.tables import scores
from end2end.utils import files


def arguments(*paths, **changes):
    return argparse.Namespace(**(dict(
        scores=list(map(str, paths)), at=[0.86], runs=50, seed=1, out=None, mean=None,
        table=None, threshold=[], by="image") | changes))


@pytest.fixture
def score_files(tmp_path):
    labels = np.array([0, 1, 0, 1, 0, 1])
    paths = []
    for name, values in (("a", [0.1, 0.9, 0.2, 0.8, 0.3, 0.7]),
                         ("b", [0.1, 0.9, 0.2, 0.8, 0.75, 0.7])):
        path = tmp_path / name / "scores.csv"
        scores.write_scores(path, scores.Scores(
            tuple(f"{i}.png" for i in range(6)), np.array(values), labels))
        paths.append(path)
    return paths


def test_files_are_named_by_as_much_of_the_path_as_tells_them_apart():
    name = score_report.file_names
    assert name([pathlib.Path("x/a.csv"), pathlib.Path("x/b.csv")]) == ["a", "b"]
    assert name([pathlib.Path("x/s.csv"), pathlib.Path("y/s.csv")]) == ["x/s", "y/s"]
    assert name([pathlib.Path("x/s.csv")] * 2) == ["x/s", "x/s"]


def test_two_files_are_described_compared_and_written(score_files, tmp_path):
    lines = score_report.run(arguments(*score_files, out=str(tmp_path / "out")))
    results = files.read_json(tmp_path / "out" / "results.json")
    assert results["auc"] == 1.0
    assert results["comparisons"][0]["difference"] == pytest.approx(-1 / 9)
    assert any("1.0000" in line for line in lines)
    assert {path.name for path in (tmp_path / "out").iterdir()} >= {
        "results.json", "report.html", "roc.png", "roc.svg"}
    assert "<title>Scores compared</title>" in (
        tmp_path / "out" / "report.html").read_text()


def test_a_table_beside_the_scores_gives_groups(tmp_path):
    count = 24
    labels, women = np.arange(count) % 2, tuple(f"P{i}" for i in range(count))
    scores.write_scores(tmp_path / "s.csv", scores.Scores(
        tuple(f"{i}.png" for i in range(count)),
        np.where(np.arange(count) < 20, labels, 0.5), labels, patients=women,
        lateralities=("L",) * count, views=("CC",) * count))
    (tmp_path / "t.csv").write_text("patient_id,side,view,density\n" + "".join(
        f"{woman},L,CC,{'AB'[number // 12]}\n" for number, woman in enumerate(women)))
    lines = score_report.run(arguments(
        tmp_path / "s.csv", table=str(tmp_path / "t.csv"), runs=5))
    rows = lines[lines.index("By density") + 2:][:2]
    assert [line.split()[:4] for line in rows] == [
        ["A", "12", "6", "1.0000"], ["B", "12", "6", "0.9444"]]


def test_scores_of_several_classes_have_a_matrix_alone(monkeypatch):
    monkeypatch.setattr(figures, "confusion", lambda *what: what)
    assert score_report.pictures(
        dict(confusion=[[1, 0], [2, 3]], classes=["a", "b"]), {}) == [
            ("confusion", "Confusion matrix; rows sum to one.",
             ([[1, 0], [2, 3]], ["a", "b"]))]


def test_shares_out_of_range_are_refused(score_files):
    for wrong in (86.0, 0.0, 1.01):
        with pytest.raises(files.InputError, match=f"--at {wrong:g} is not a share"):
            score_report.run(arguments(*score_files, at=[0.5, wrong, 7]))
    assert score_report.checked(arguments(at=[1])).runs == 50


@pytest.mark.parametrize("output", ["out", "mean"])
def test_an_output_that_cannot_be_is_refused_before_a_file_is_read(tmp_path, output):
    (tmp_path / "file").touch()
    place = tmp_path / "file" / ("m.csv" if output == "mean" else "")
    with pytest.raises(files.InputError) as caught:
        score_report.run(arguments(tmp_path / "none.csv", **{output: str(place)}))
    assert "none.csv" not in str(caught.value) and "file" in str(caught.value)


def test_scores_without_labels_are_refused(tmp_path):
    (tmp_path / "s.csv").write_text("path,label,score\na.png,1,0.5\nb.png,,0.25\n")
    with pytest.raises(files.InputError, match="1 of 2"):
        score_report.run(arguments(tmp_path / "s.csv"))


def test_a_network_of_two_views_is_compared_with_the_mean_of_views(tmp_path):
    # Of the last woman there is a single view.
    women, sides = [f"P{i // 2}" for i in range(11)], ["L"] * 11
    labels = np.repeat([0, 1, 0, 1, 0, 1], 2)[:11]
    views = [*["CC", "MLO"] * 5, "CC"]
    values = np.array([0.1, 0.2, 0.9, 0.1, 0.2, 0.5, 0.9, 0.9, 0.5, 0.6, 0.4])
    paths = tuple(f"{woman}_{view}.png" for woman, view in zip(
        women, views, strict=True))
    scores.write_scores(tmp_path / "images.csv", scores.Scores(
        paths, values, labels, patients=tuple(women), lateralities=tuple(sides),
        views=tuple(views)))
    scores.write_scores(tmp_path / "joint.csv", scores.Scores(
        paths[::2], np.array([0.1, 0.8, 0.2, 0.9, 0.3, 0.7]), labels[::2],
        patients=tuple(women[::2]), lateralities=tuple(sides[::2]),
        views=tuple(views[::2])))
    files_of_both = tmp_path / "images.csv", tmp_path / "joint.csv"
    score_report.run(arguments(*files_of_both, by="breast", out=str(tmp_path / "out")))
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert results["count"] == 6
    comparison, = results["comparisons"]
    assert comparison["auc"] == 1
    # Of nine pairs the mean of views has two in the wrong order: 0.5 and 0.4 of women
    # with cancer against 0.55 of one without.
    assert comparison["difference"] == pytest.approx(2 / 9)
    with pytest.raises(files.InputError, match="^joint has other images"):
        score_report.run(arguments(*files_of_both))


def test_all_that_is_said_and_drawn_of_score_files_is_as_recorded(
        score_files, tmp_path, monkeypatch):
    lines = score_report.run(arguments(
        *score_files, threshold=[0.25, 0.75], mean=str(tmp_path / "mean.csv")))
    kept = []
    monkeypatch.setattr(figures, "save", lambda figure, path: kept.append(
        f"{path.name}\n{figure_values.described(figure)}"))
    monkeypatch.setattr(figures, "encoded", lambda figure, kind: b"<svg/>")
    monkeypatch.setattr(report, "write_report", lambda path, sections, **facts: (
        kept.append(f"{path.name} {facts} {[str(row) for row in sections[-4:]]}")))
    rng = np.random.default_rng(3)
    scores.write_scores(tmp_path / "long.csv", scores.Scores(
        tuple(f"{i}.png" for i in range(40)), rng.random(40), np.arange(40) % 3 % 2))
    lines += score_report.run(arguments(tmp_path / "long.csv", at=[0.5, 0.9],
                                        out=str(tmp_path / "out")))
    recorded.check("score-report", "\n".join([
        *lines, *kept, (tmp_path / "mean.csv").read_text(),
        (tmp_path / "out" / "results.json").read_text()]), dict(FOLDER=tmp_path))
