"""Tests of end2end.tables.columns."""

import gzip
import pathlib
import tracemalloc

import deformed
import evidence_tables
import numpy as np
import pytest
import recorded

from end2end.tables import columns, scores
from end2end.utils import files, mapped


def table(tmp_path, text, *, name="a.csv", **wanted):
    (tmp_path / name).write_text(text, encoding="utf-8")
    return columns.read(tmp_path / name, columns.Wanted(**wanted))


def test_a_table_is_read_as_the_reader_of_score_files_does(tmp_path):
    path = evidence_tables.write(tmp_path / "a.csv", evidence_tables.scored(60))
    read, expected = columns.read(path), scores.read_scores(path)
    np.testing.assert_array_equal(read.labels, expected.labels == 1)
    np.testing.assert_array_equal(read.scores["score"], expected.values)
    assert len(set(read.women.tolist())) == len(set(expected.patients)) == 30
    assert read.name == "a" and read.left_out == {}


def test_a_compressed_table_is_the_same(tmp_path):
    path = evidence_tables.write(tmp_path / "a.csv", evidence_tables.scored(20))
    with gzip.open(tmp_path / "a.csv.gz", "wb") as stream:
        stream.write(path.read_bytes())
    read = columns.read(tmp_path / "a.csv.gz")
    np.testing.assert_array_equal(
        read.scores["score"], columns.read(path).scores["score"])
    assert read.name == "a"


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
def test_a_line_of_any_length_is_not_taken_into_memory(tmp_path, name):
    path = tmp_path / name
    with (gzip.open if name.endswith("gz") else open)(path, "wb") as stream:
        stream.write(b"path,label,score\n")
        stream.write(bytes(40 << 20))
    tracemalloc.start()
    try:
        with pytest.raises(files.InputError, match="a line has more than 1048576 char"):
            columns.read(path)
        assert tracemalloc.get_traced_memory()[1] < 20 << 20
    finally:
        tracemalloc.stop()


def test_columns_are_chosen_by_patterns_and_words_of_labels_are_known(tmp_path):
    read = table(tmp_path, "cancer;AI_a;AI_b;density\nyes;1;2;A\nbenign;3;4;\n",
                 scores=("AI_*",), texts=("density",))
    assert read.labels.tolist() == [True, False]
    assert list(read.scores) == ["AI_a", "AI_b"]
    assert read.texts["density"].tolist() == ["A", ""]
    assert read.women is None and read.keys is None


def test_rows_without_label_or_score_are_counted(tmp_path):
    read = table(tmp_path, "label,score\n1,0.5\n,0.4\n0,\n0,0.1\n0\n")
    assert len(read) == 2
    assert read.left_out == {"without a label": 1, "without a score": 2}


def test_women_that_are_not_known_are_each_one_of_her_own(tmp_path):
    read = table(tmp_path, "patient,label,score\nP1,1,1\nP1,0,0\n,0,0\nunknown,1,1\n")
    assert len(set(read.women.tolist())) == 3


def test_women_with_one_row_each_are_no_groups(tmp_path):
    read = table(tmp_path, "patient,label,score\nP1,1,1\nP2,0,0\n")
    assert read.women is None


def test_rows_with_the_path_of_another_are_counted(tmp_path):
    text = "path,label,score\na,1,1\n,0,0\n,0,0.2\na ,1,1\nb,0,0\na,0,0\n"
    assert table(tmp_path, text).repeated == 2
    assert table(tmp_path, text, keys=False).repeated == 2
    assert table(tmp_path, text, keys=False).keys is None
    assert table(tmp_path, "label,score\n1,1\n1,1\n").repeated == 0


def test_empty_lines_before_the_header_are_passed_over(tmp_path):
    assert len(table(tmp_path, "\n  \nlabel,score\n1,1\n0,0\n")) == 2


@pytest.mark.parametrize("head", ("label,score", "path,label,score,patient"))
def test_a_long_table_is_that_of_memory_with_and_without_paths(
        tmp_path, monkeypatch, head):
    cells = {"label": lambda i: i % 3 == 0, "score": lambda i: i / 7,
             "path": lambda i: i // 2 * 2, "patient": lambda i: f"P{i // 5}"}
    text = "\n".join([head, *(",".join(
        f"{cells[name](i)}" if name == "patient" else f"{float(cells[name](i)):g}"
        for name in head.split(",")) for i in range(40))]) + "\n"
    short = table(tmp_path, text)
    monkeypatch.setattr(columns.chunks, "LENGTH", 8)
    long = table(tmp_path, text)
    assert mapped.file_of(long.scores["score"]) and long.repeated == short.repeated
    np.testing.assert_array_equal(long.labels, short.labels)
    np.testing.assert_array_equal(long.scores["score"], short.scores["score"])
    for name in ("women", "keys"):
        np.testing.assert_array_equal(getattr(long, name), getattr(short, name))


def test_a_part_of_a_table_has_its_rows(tmp_path):
    read = table(
        tmp_path, "patient,label,score,view\nP1,1,1,CC\nP1,0,2,MLO\nP2,0,3,CC\n",
        texts=("*",))
    part = read.subset(read.texts["view"] == "CC", "CC")
    assert part.scores["score"].tolist() == [1, 3] and part.women is None
    assert part.name == "CC" and part.texts["view"].tolist() == ["CC", "CC"]
    none = read.subset(read.texts["view"] == "ML")
    assert len(none) == 0 and none.women is None and none.name == "a"


def test_texts_beyond_those_that_are_remembered_mean_the_same(tmp_path, monkeypatch):
    asked = []
    label = columns.vocabulary.label
    monkeypatch.setattr(columns.vocabulary, "label", lambda text: (
        asked.append(text), label(text))[1])
    monkeypatch.setattr(columns, "MOST_VALUES", 1)
    read = table(tmp_path, "label,score\n" + "".join(
        f"{text},1\n" for text in ("1", "0", "yes", "no", "yes", "1", "no", "0")))
    assert read.labels.tolist() == [True, False] * 2 + [True, True, False, False]
    assert asked == ["1", "0", "yes", "no", "yes", "no"]


def test_a_table_beyond_any_length_is_refused_with_its_name(tmp_path, monkeypatch):
    monkeypatch.setattr(columns, "MOST_ROWS", 3)
    assert len(table(tmp_path, "label,score\n1,1\n0,0\n")) == 2
    with pytest.raises(files.InputError) as caught:
        table(tmp_path, "label,score\n1,1\n0,0\n0,1\n")
    assert str(caught.value) == (
        f"score table {tmp_path / 'a.csv'} has more than 3 rows; divide it.")


@pytest.mark.parametrize("text, wanted, message", (
    ("score\n1\n", {}, "no column 'label'"),
    ("label,points\n1,2\n", {}, "no column of scores"),
    ("label,score\n1,many\n", {}, "the score is 'many'"),
    ("label,score\n1,inf\n", {}, "the score is 'inf'"),
    ("label,score\nmaybe,1\n", {}, "unknown label 'maybe'"),
    ("label,score\n,1\n", {}, "no row with label and score"),
    ("label,score\n", {}, "no row"), ("", {}, "is empty"), ("\n\n", {}, "is empty"),
    ("path,label,score\na,1,1\nb;0;0.5\n", {}, "row 3: 'b;0;0.5' is not divided"),
    ("\n\nlabel,score\n1,1\n\n0,x\n", {}, "row 6: the score is 'x'"),
    ("label,score\n1,0.1_5\n", {}, "row 2: the score is '0.1_5'; expected a finite "),
    ("label;score\n1;0,5\n", {}, "with a decimal point"),
    ("path,label,score\na,1,0,9\n", {}, "row 2: it has 4 cells, the header 3; put "),
    ("label,score,score\n1,1,0\n", {}, "has 2 columns score; rename or remove all "),
    ("label,label,score\n1,0,1\n", {}, "has 2 columns label; rename "),
    ("Label,label,score\n1,0,1\n", {}, "has 2 columns label; rename "),
    ("label,score,Patient ID,patient_id\n1,1,a,b\n", {}, "has 2 columns patient_id; "),
    ("File,label,score,file\na,1,1,b\n", dict(woman="label"), "has 2 columns file; "),
    ("label,score,SCORE\n1,1,0\n", dict(label="label"), "has 2 columns score; rena"),
    ("label,score\n1,1\n", dict(texts=("age",)), "no column 'age'"),
    ("label,score\n1,1\n", dict(woman="who"), "no column 'who'"),
    ("label,score\n1,1\n", dict(scores=("AI*",)), "no column of scores")))
def test_what_cannot_be_used_is_refused_by_name(tmp_path, text, wanted, message):
    with pytest.raises(files.InputError, match=message):
        table(tmp_path, text, **wanted)


@pytest.mark.parametrize(("wanted", "start", "end"), [
    (dict(label="who"), "no column 'who'; expected one of label, score, c2, ",
     ", c39. Name it with --label."),
    (dict(woman="who"), "no column 'who'; expected one of label, score, c2, ",
     ", c39. Name it with --patient."),
    (dict(scores=("AI", "B*")), "no column of scores (AI or B*); its columns are label"
     ", score, c2, ", ", c39. Name them with --score."),
    (dict(texts=("c2", "who", "when")), "no column 'who'; its columns are label, "
     "score, c2, ", ", c39.")])
def test_of_many_columns_forty_are_named(tmp_path, wanted, start, end):
    names = ["label", "score", *(f"c{number}" for number in range(2, 45))]
    with pytest.raises(files.InputError) as caught:
        table(tmp_path, ",".join(names) + "\n", **wanted)
    assert str(caught.value).startswith(f"score table {tmp_path / 'a.csv'} has {start}")
    assert str(caught.value).endswith(end)


def test_a_row_of_one_cell_is_quoted_to_eighty_signs(tmp_path):
    with pytest.raises(files.InputError) as caught:
        table(tmp_path, "path,label,score\na,1,1\n" + "b;" * 50 + "\n")
    assert str(caught.value) == (
        f"score table {tmp_path / 'a.csv'}, row 3: '{'b;' * 40}' is not divided as the "
        "header is; expected the same sign between all cells.")


@pytest.mark.parametrize("data, name", (
    (b"\xff\xfe\x00,\x01\n", "a.csv"), (b"no gzip", "a.csv.gz"),
    (gzip.compress(b"label,score\n" + b"1,1\n" * 999, mtime=0)[:-9], "a.csv.gz"),
    (gzip.compress(b"label,score\n1,1\n", mtime=0)[:7], "a.csv.gz")),
    ids=("other text", "not compressed", "cut off", "cut off at the header"))
def test_files_that_are_no_table_are_refused(tmp_path, data, name):
    (tmp_path / name).write_bytes(data)
    for read in (columns.read, columns.header):
        if read is columns.header and len(data) > 20:
            assert read(tmp_path / name) == ["label", "score"]  # no more is read
            continue
        with pytest.raises(files.InputError) as caught:
            read(tmp_path / name)
        said = str(caught.value)
        assert said.startswith(f"score table {tmp_path / name} is not CSV in UTF-8 (")
        assert said.endswith("); save it as one.")
    with pytest.raises(files.InputError):
        columns.header(tmp_path / "missing.csv")


@pytest.mark.slow
def test_a_million_rows_take_few_bytes_each(tmp_path):
    import tracemalloc

    path = tmp_path / "large.csv"
    with open(path, "w", encoding="utf-8") as stream:
        stream.write("path,patient,label,score\n")
        stream.writelines(f"{i}.png,P{i // 4},{i % 9 == 0:d},{i % 997 / 997:.6f}\n"
                          for i in range(50_000))
    tracemalloc.start()
    read = columns.read(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(read) == 50_000 and peak < 100 * len(read)


TABLE = """path;patient;label;score;score_b;site
a.png;P1;1;0.75;0.5;X
b.png;P1;benign;0.25;0.125;Y
c.png;P2;yes;1.5;-3;
d.png;;0;0.5;0.5;X
"""


def test_tables_deformed_in_any_cell_are_read_or_refused_as_recorded(
        tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = pathlib.Path("s.csv")

    def read(text):
        path.write_text(text, encoding="utf-8")
        found = {name: {key: np.asarray(part).tolist() for key, part in value.items()}
                 if isinstance(value, dict) else np.asarray(value).tolist()
                 for name, value in vars(columns.read(
                     path, columns.Wanted(texts=("*",)))).items()}
        # Their numbers differ from call to call.
        return found | {name: found[name] and [found[name].index(number)
                                               for number in found[name]]
                        for name in ("women", "keys")}

    recorded.check("tables", deformed.table(read, TABLE, ";"))


@pytest.mark.parametrize(("path", "name"), [
    ("a/b.csv", "b"), ("b.csv.gz", "b"), ("b.v2.csv", "b.v2"), ("b.txt", "b.txt")])
def test_a_table_has_the_name_of_its_file_without_suffixes(path, name):
    assert columns.stem(path) == name


def test_women_of_a_part_are_numbered_anew_where_some_are_gone(tmp_path):
    read = table(tmp_path, "patient,path,label,score\n" + "".join(
        f"P{i // 2},{i},{i % 2},{i}\n" for i in range(6)))
    numbers = [read.women.tolist().index(woman) for woman in read.women]
    assert numbers == [0, 0, 2, 2, 4, 4] and read.women.dtype == np.int32
    first, second, third = read.women[::2].tolist()
    for chosen, women in (
            (np.array([5, 0, 1]), [third > first, first > third, first > third]),
            (np.arange(6) > 1, [second > third] * 2 + [third > second] * 2)):
        part = read.subset(chosen)
        assert part.women.tolist() == women and part.women.dtype == np.int32
        assert part.keys.tolist() == read.keys[chosen].tolist()
    assert read.subset(np.arange(6) >= 0).women.tolist() == read.women.tolist()
    assert read.subset(np.array([0, 2, 5])).women is None


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
def test_line_ends_within_a_cell_are_those_of_the_file(tmp_path, name):
    text = 'label,score,note\r\n1,1,"x\r\ny"\r\n0,0.5,"x\ny"\r\n'
    (tmp_path / name).write_bytes(
        gzip.compress(text.encode()) if name.endswith("gz") else text.encode())
    read = columns.read(tmp_path / name, columns.Wanted(texts=("note",)))
    assert read.texts["note"].tolist() == ["x\r\ny", "x\ny"]
    assert read.scores["score"].tolist() == [1, 0.5]
