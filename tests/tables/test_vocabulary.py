"""One vocabulary of columns and labels."""

import pytest

from end2end.tables import vocabulary
from end2end.utils import files


def test_no_spelling_means_two_things():
    spellings = [word for words in vocabulary.SPELLINGS.values() for word in words]
    assert len(spellings) == len(set(spellings))


@pytest.mark.parametrize("text, number", [
    ("1", 1), ("pos", 1), ("Malignant", 1), ("0.0", 0), ("BENIGN", 0), ("maybe", None)])
def test_labels_are_words_or_numbers(text, number):
    assert vocabulary.label(text) == number


def test_labels_of_other_classes_are_their_names_and_numbers():
    assert vocabulary.label("calc", ("bkg", "calc")) == 1
    assert vocabulary.label("malignant", ("bkg", "calc")) is None


@pytest.mark.parametrize(("texts", "classes", "numbers", "names"), [
    (["0", "1", "1"], None, [0, 1, 1], ("neg", "pos")),
    (["1", "1"], None, [1, 1], ("neg", "pos")),
    (["pos", "neg", "pos"], None, [1, 0, 1], ("neg", "pos")),
    (["mass", "bkg", "calc"], None, [2, 0, 1], ("bkg", "calc", "mass")),
    (["malignant", "0"], ("neg", "pos"), [1, 0], ("neg", "pos")),
    (["calc", "bkg"], ("calc", "bkg"), [0, 1], ("calc", "bkg"))])
def test_a_column_of_labels_becomes_numbers_and_names(texts, classes, numbers, names):
    found, classes = vocabulary.labels(texts, classes, "t.csv")
    assert found.tolist() == numbers and found.dtype == "int64" and classes == names


def test_a_label_that_no_class_has_is_refused_by_the_first_of_the_alphabet():
    with pytest.raises(files.InputError, match=(
            "manifest t.csv has the label 'maybe'; expected one of .*neg.*pos")):
        vocabulary.labels(["1", "so", "maybe", "0"], ("neg", "pos"), "t.csv")


def test_a_column_stands_for_another_of_the_same_meaning():
    spelled = vocabulary.spelled(
        ["patient_id", "left_or_right_breast", "image_view"],
        ("patient_id", "side", "view", "type"))
    assert spelled == dict(patient_id="patient_id", side="left_or_right_breast",
                           view="image_view")


@pytest.mark.parametrize("text, day", [
    ("20190301", "2019-03-01"), ("2019-03-01", "2019-03-01"), ("20190231", None),
    ("no date", None), ("2019", None), ("2019-3-1 10:15", "2019-03-01"),
    ("1.3.2019", "2019-03-01"), ("2019/03/01T10:15:00", "2019-03-01"),
    ("3/1/2019", None), ("2019-03/01", None)])
def test_only_whole_dates_are_days(text, day):
    parsed = vocabulary.day(text)
    assert (parsed.isoformat() if parsed else None) == day


def test_ml_means_mlo_in_names_of_inbreast():
    name = "20586908_6c613a14b80a8591_MG_R_ML_ANON.png"
    assert vocabulary.inbreast_view(name, "ML") == "MLO"
    assert vocabulary.inbreast_view("a_R_ML.png", "ML") == "ML"


@pytest.mark.parametrize("text, number", [
    ("20586908_6c613a14b80a8591", "6c613a14b80a8591"),
    ("2058690_6c613a14b80a8591", "2058690_6c613a14b80a8591"),
    ("20586908_6c613a14b80a859", "20586908_6c613a14b80a859"),
    ("20586908_6c613a14b80a859x", "20586908_6c613a14b80a859x"),
    ("2058690x_6c613a14b80a8591", "2058690x_6c613a14b80a8591"),
    ("20586908", "20586908"), ("n/a", ""), (" P1 ", "P1")])
def test_only_whole_names_of_inbreast_are_cut_to_the_code_of_the_woman(text, number):
    assert vocabulary.CLEAN["patient"](text) == number


def test_encodings_are_tried_in_their_order(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes("side;größe\nL;3\n".encode("cp1252"))
    with pytest.raises(files.InputError, match="table .*t.csv is no CSV in UTF-8"):
        vocabulary.read_columns(path, "table")
    either = dict(encodings=("utf-8-sig", "cp1252"))
    assert vocabulary.read_columns(path, "table", **either) == {
        "side": ["L"], "größe": ["3"]}
    # The header alone tells the sign.
    path.write_bytes("\ufeffside;größe\nL;4,5,6\n".encode())
    assert vocabulary.read_columns(path, "table", **either)["größe"] == ["4,5,6"]
    for text in ("a,b\n", "a,b\n,\n"):
        path.write_text(text)
        with pytest.raises(files.InputError, match="has no rows; expected a header"):
            vocabulary.read_columns(path, "table")


@pytest.mark.parametrize("text, sentence", [
    ("label,score,Label\n1,0.9,0\n",
     " has 2 columns label; rename or remove all but one of them."),
    ("score_a;score_a\n1;2\n",
     " has 2 columns score_a; rename or remove all but one of them."),
    ("score,label\n0.5,1,\n\n0,9,1\n",
     ", row 4: it has 3 cells, the header 2; put texts with the sign between cells in "
     "quotes, and write numbers with a decimal point.")])
def test_cells_that_would_be_taken_for_others_are_refused(tmp_path, text, sentence):
    path = tmp_path / "t.csv"
    path.write_text(text)
    with pytest.raises(files.InputError) as caught:
        vocabulary.read_columns(path, "table")
    assert str(caught.value) == f"table {path}{sentence}"


def test_headings_that_mean_nothing_and_models_of_other_letters_may_be_alike(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("score_a,score_A,note,note\n1,2,3,4\n")
    assert vocabulary.read_columns(path, "table") == {
        "score_a": ["1"], "score_A": ["2"], "note": ["4"]}


def test_of_many_columns_that_are_left_aside_twenty_are_named(caplog):
    names = ["path", *(f"x{number}" for number in range(20)), "y" * 50]
    vocabulary.say_unknown(names, "t.csv", understood=("path",))
    vocabulary.say_unknown(names[:1], "t.csv", understood=("path",))
    message, = caplog.messages
    assert message.startswith("t.csv: columns are not understood and left aside: x0, ")
    assert message.endswith(
        ", x19. Understood are path (file, filename, file_name).")
    caplog.clear()
    vocabulary.say_unknown(["y" * 50], "t.csv", understood=("path",))
    assert f"column is not understood and left aside: {'y' * 40}. " in caplog.text
