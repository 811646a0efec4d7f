"""Tests of end2end.scores and end2end.ensembles."""

import csv
import dataclasses
import pathlib

import deformed
import numpy as np
import pytest
import recorded

from end2end.data import image_lists
from end2end.metrics import ensembles
from end2end.tables import scores, vocabulary
from end2end.utils import files

NAMES = [f"{patient}_{side}_{view}.png" for patient in ("P_1", "P_2")
         for side in ("LEFT", "RIGHT") for view in ("CC", "MLO")]


def table(values, labels=None, names=NAMES):
    images = image_lists.ImageList(
        tuple(map(pathlib.Path, names)),
        None if labels is None else np.array(labels), ("neg", "pos"))
    return scores.of_images(images, np.array(values, float), ("neg", "pos"))


@pytest.mark.parametrize("name, found", [
    ("P_00001_LEFT_CC.png", ("P_00001", "L", "CC")),
    ("a/b/Mass-Training_P_00001_RIGHT_MLO_2.png", ("P_00001", "R", "MLO")),
    ("20586908_6c613a14b80a8591_MG_R_ML_ANON.dcm", ("6c613a14b80a8591", "R", "MLO")),
    ("1-280.dcm", ("", "", "")),
])
def test_patient_side_and_view_are_read_from_file_names(name, found):
    assert tuple(vocabulary.from_name(name).values()) == found


def test_a_score_file_comes_back_as_it_was(tmp_path):
    values = np.random.default_rng(0).random(8).astype(np.float32)
    one = table(values, [0, 0, 1, 1, 0, 1, 0, 1])
    one = dataclasses.replace(
        one, models={"vgg": values / 2}, others={"density": tuple("12341234")})
    scores.write_scores(tmp_path / "scores.csv", one)
    back = scores.read_scores(tmp_path / "scores.csv")
    assert back.values.astype(np.float32).tobytes() == values.tobytes()
    assert back.models["vgg"].astype(np.float32).tobytes() == (values / 2).tobytes()
    for name in ("paths", "patients", "lateralities", "views", "others"):
        assert getattr(back, name) == getattr(one, name)
    assert back.labels.tolist() == one.labels.tolist()


def test_scores_of_several_classes_come_back_with_their_names(tmp_path):
    images = image_lists.ImageList(
        tuple(map(pathlib.Path, "ab")), np.array([0, 2]), ("x", "y", "z"))
    one = scores.of_images(images, [[0.5, 0.25, 0.25], [0, 1, 0]], images.classes)
    scores.write_scores(tmp_path / "scores.csv", one)
    back = scores.read_scores(tmp_path / "scores.csv")
    assert back.classes == ("x", "y", "z")
    assert back.labels.tolist() == [0, 2] and back.predicted.tolist() == [0, 1]
    with open(tmp_path / "scores.csv", newline="") as stream:
        assert next(csv.DictReader(stream))["predicted"] == "x"


def test_a_foreign_score_file_is_understood(tmp_path):
    (tmp_path / "a.csv").write_text(
        "File;Cancer;Probability\na.png;negative;0.25\nb.png;Malignant;0.75\nc;;0.5\n")
    found = scores.read_scores(tmp_path / "a.csv")
    assert found.paths == ("a.png", "b.png", "c")
    assert found.labels.tolist() == [0, 1, scores.UNKNOWN]
    assert found.labelled().values.tolist() == [0.25, 0.75]


def test_a_view_of_inbreast_is_read_as_its_names_say_and_a_woman_called_so_is_not(
        tmp_path):
    (tmp_path / "a.csv").write_text(
        "path,patient,view,score\n"
        "20586908_6c613a14b80a8591_MG_R_ML_ANON.dcm,ML,ML,0.5\nb.png,2,ML,0.25\n")
    table = scores.read_scores(tmp_path / "a.csv")
    assert table.views == ("MLO", "ML") and table.patients == ("ML", "2")


@pytest.mark.parametrize("text, words", [
    ("path,score\n", "no rows"),
    ("path,label\na,1\n", "no column 'score'"),
    ("path,score\na,high\n", "row 2: score is 'high'"),
    ("path,score\na,nan\n", "expected a finite number"),
    ("path,label,score\na,maybe,0.5\n", "unknown label 'maybe'"),
    ("path,score\na\n", "row 2: score is ''"),
    ("path,score\n\na,1\n,\n\nb,0.1_5\n", "row 6: score is '0.1_5'; expected a fin"),
    ("path,label,score\n\na,1,1\n,,\nb,2,0\n", "row 5: unknown label '2'; expected "),
    ("path,score\n\na,1,5\n", "row 3: it has 3 cells, the header 2; put texts with"),
])
def test_a_wrong_score_file_is_refused_by_name(tmp_path, text, words):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(files.InputError, match=words):
        scores.read_scores(tmp_path / "a.csv")


def test_an_ensemble_is_the_mean_whatever_the_order_of_the_rows():
    first = table(np.arange(8) / 8)
    second = table(np.arange(8)[::-1] / 16, names=["x/" + n for n in NAMES[::-1]])
    mean = ensembles.ensemble([first, second], ["a", "b"])
    np.testing.assert_allclose(mean.values, np.arange(8) * 0.75 / 8)
    np.testing.assert_allclose(mean.models["b"], np.arange(8) / 16)


def test_scores_of_other_images_or_labels_are_not_averaged():
    first = table(np.zeros(8), [0] * 8)
    for names, said in ((NAMES[:6], f"{NAMES[6]} (2 in all)"),
                        ([*NAMES[:7], NAMES[0]], f"{NAMES[7]} (1 in all)"),
                        ([*NAMES, NAMES[0]], "some of them twice (1 in all)")):
        with pytest.raises(files.InputError) as caught:
            ensembles.ensemble([first, table(np.zeros(len(names)), names=names)], "ab")
        assert str(caught.value) == (
            f"b has other images than the first; differing: {said}. Score the same "
            "images with each model.")
    with pytest.raises(files.InputError, match="b has another label for P_1_LEFT_MLO"):
        ensembles.ensemble([first, table(np.zeros(8), [0, 1] + [0] * 6)], ["a", "b"])


def test_a_breast_is_the_mean_of_its_views_and_a_woman_her_higher_breast():
    one = table([0.1, 0.3, 0.5, 0.9, 0.2, 0.2, 0.6, 0.0], [0, 0, 0, 1, 0, 0, 0, 0])
    found = ensembles.breasts(one)
    assert found.paths == ("P_1_L", "P_1_R", "P_2_L", "P_2_R")
    np.testing.assert_allclose(found.values, [0.2, 0.7, 0.2, 0.3])
    assert found.labels.tolist() == [0, 1, 0, 0]
    women = ensembles.women(one)
    assert women.paths == ("P_1", "P_2") and women.labels.tolist() == [1, 0]
    np.testing.assert_allclose(women.values, [0.7, 0.3])


def test_breasts_with_one_view_are_left_out_and_repeated_views_weigh_once():
    names = ["A_L_CC.png", "A_L_CC_2.png", "A_L_MLO.png", "B_L_CC.png"]
    found = ensembles.breasts(table([0.0, 1.0, 0.1, 0.9], names=names))
    assert found.paths == ("A_L",)
    np.testing.assert_allclose(found.values, [0.3])


def test_columns_of_a_table_of_lesions_are_joined(tmp_path):
    (tmp_path / "roi.csv").write_text(
        "patient_id,side,view,abn_num,type\nP_1,LEFT,CC,1,mass\nP_1,LEFT,CC,2,calc\n"
        "P_2,RIGHT,MLO,1,mass\n")
    found = scores.joined(table(np.zeros(8)), tmp_path / "roi.csv")
    assert found.others["type"] == ("calc+mass", "", "", "", "", "", "", "mass")
    (tmp_path / "other.csv").write_text("patient_id,side,view\nX,LEFT,CC\n")
    with pytest.raises(files.InputError) as caught:
        scores.joined(table(np.zeros(8)), tmp_path / "other.csv")
    assert str(caught.value) == (
        f"table {tmp_path / 'other.csv'} knows none of the images; expected rows such "
        "as P_1, L, CC.")
    (tmp_path / "other.csv").write_text("side\nLEFT\n")
    with pytest.raises(files.InputError) as caught:
        scores.joined(table(np.zeros(8)), tmp_path / "other.csv")
    assert str(caught.value) == (
        f"table {tmp_path / 'other.csv'} has no column patient; expected patient_id, "
        "side and view.")


SCORE_FILE = """path,label,score,score_vgg,patient,laterality,view,density
P_1_LEFT_CC.png,1,0.75,0.5,P_1,L,CC,A
P_1_LEFT_MLO.png,malignant,0.5,0.25,P_1,left,MLO,B
b.png,0,0.25,1,P_2,,,
c.png,,0.125,0,P_3,R,ML,A
"""


def test_score_files_deformed_in_any_cell_are_read_or_refused_as_recorded(
        tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = pathlib.Path("s.csv")

    def read(text):
        path.write_text(text, encoding="utf-8")
        table = scores.read_scores(path)
        return {**vars(table), "values": table.values.tolist(), "labels": (
            None if table.labels is None else table.labels.tolist()), "models": {
                name: values.tolist() for name, values in table.models.items()},
            "rows": scores.rows(table), "columns": scores.score_columns(table)}

    said = deformed.table(read, SCORE_FILE) + deformed.table(
        read, "path,label,predicted,score_neg,score_ben,score_mal\n"
              "a.png,mal,mal,0.125,0.25,0.625\nb.png,neg,neg,0.5,0.25,0.25\n")
    recorded.check("score-files", said)


def test_where_cancer_is_the_first_class_labels_and_classes_are_turned():
    images = image_lists.ImageList(("a", "b", "c"), np.array([0, 1, 1]), ("pos", "neg"))
    turned = scores.of_images(images, np.array([[0.75, 0.25], [0.5, 0.5], [0.1, 0.9]]),
                              ("pos", "neg"))
    assert turned.classes == ("neg", "pos") and turned.labels.tolist() == [1, 0, 0]
    assert turned.values.tolist() == [0.75, 0.5, 0.1]
    assert turned.predicted.tolist() == [1, 1, 0]
    alone = scores.of_images(image_lists.ImageList(("a",), None, ("pos", "neg")),
                             np.array([0.5]), ("pos", "neg"))
    assert alone.labels is None and len(alone.labelled()) == 0
    several = dataclasses.replace(turned, labels=np.array([1, -1, 0]))
    assert several.labelled().paths == ("a", "c")


@pytest.mark.parametrize("missing", ["patient_id", "side", "view"])
def test_a_table_to_join_needs_all_that_tells_a_view(tmp_path, missing):
    names = [name for name in ("patient_id", "side", "view") if name != missing]
    (tmp_path / "t.csv").write_text(f"{','.join(names)},density\nL,CC,3\n")
    with pytest.raises(files.InputError, match="expected patient_id, side and view"):
        scores.joined(table([0.5] * 8), tmp_path / "t.csv")


def test_two_columns_of_scores_are_two_classes_and_one_is_none(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("path,label,score_x,score_y\na,y,0.25,0.75\nb,0,0.5,0.5\n")
    found = scores.read_scores(path)
    assert found.classes == ("x", "y") and found.labels.tolist() == [1, 0]
    assert found.values.tolist() == [[0.25, 0.75], [0.5, 0.5]]
    path.write_text("path,label,score_x\na,1,0.25\n")
    with pytest.raises(files.InputError) as caught:
        scores.read_scores(path)
    assert str(caught.value) == (
        f"score file {path} has no column 'score'; expected path, label and score, "
        "found path, label, score_x.")
    path.write_text("score,age\n0.25,40\n\n0.5,50\n")
    assert scores.read_scores(path).paths == ("row 2", "row 4")
