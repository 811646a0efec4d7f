"""The tables of CBIS-DDSM: findings, films, census and the official lists."""

import dataclasses
import gzip
import pathlib

import pytest
import recorded

from end2end.data import splits
from end2end.importing.sets import cbis_tables as cbis_ddsm
from end2end.utils import files

REAL_TABLES = pathlib.Path(__file__).parents[2] / "fixtures" / "cbis-ddsm"


@pytest.fixture(scope="module")
def findings():
    """Those of the real tables. Read only."""
    return cbis_ddsm.read_tables(REAL_TABLES)


@pytest.fixture(scope="module")
def films(findings):
    """The mammograms of the real tables. Read only."""
    return cbis_ddsm.merge(findings)


def test_the_real_tables_hold_what_is_known_of_the_set(findings):
    assert cbis_ddsm.census(findings) == cbis_ddsm.WHOLE_SET
    tables = cbis_ddsm.census_by_table(findings)
    assert tables["calc train"] == {
        "abnormalities": 1546, "mammogram files": 1227, "women": 602,
        "malignant mammogram files": 509}
    assert tables["mass test"]["women"] == 201


def test_the_numbers_of_a_film_with_both_kinds_are_unique(films):
    for film in films:
        numbers = [number for number, _ in film.findings]
        assert len(set(numbers)) == len(numbers)


def test_the_splits_of_the_real_set_have_the_known_sizes(films):
    def women(parts, part):
        return {film.patient_id for film, own in parts.items() if own == part}

    paper, trained = cbis_ddsm.SPLITS["paper"](films, 12345)
    assert [len(women(paper, part)) for part in splits.PARTS] == [1197, 134, 235]
    assert len(trained) == 1331
    official, trained = cbis_ddsm.SPLITS["official"](films, 12345)
    assert sum(part == "test" for part in official.values()) == 641
    assert len(official) == 3032 and len(women(official, "test") & set(trained)) > 0
    disjoint, trained = cbis_ddsm.SPLITS["official-disjoint"](films, 12345)
    assert not women(disjoint, "test") & set(trained)
    assert sum(part == "test" for part in disjoint.values()) == 641


def test_a_folder_without_the_tables_is_refused(tmp_path):
    with pytest.raises(files.InputError, match="calc_case_description_train_set.csv"):
        cbis_ddsm.read_tables(tmp_path)


def test_the_series_of_a_path_is_its_folder():
    assert cbis_ddsm.series_of("subject/study/series/1-1.dcm") == "subject/study/series"


def test_the_splits_of_the_real_set_are_as_recorded(films):
    said = {}
    for name, split in cbis_ddsm.SPLITS.items():
        parts, women = split(films, 7)
        said[name] = {part: [film.name for film, own in parts.items() if own == part][
            ::60] for part in splits.PARTS} | dict(women=women[::80])
    recorded.check("cbis-splits", said)


def test_the_numbers_of_findings_of_a_film_are_free_ones(films):
    first, *_ = films
    _, finding = first.findings[0]
    findings = [dataclasses.replace(finding, abnormality=number, image=image)
                for number, image in ((4, "a"), (4, "b"), (2, "a"), (4, "b"))]
    film, = cbis_ddsm.merge(findings)
    assert [number for number, _ in film.findings] == [4, 5, 2, 6]
    assert film.images == ("a", "b")
    assert not cbis_ddsm.is_whole_set({"abnormalities": 3000})
    assert cbis_ddsm.is_whole_set({"abnormalities": 3001})


@pytest.mark.parametrize("suffix", ["csv", "csv.gz"])
def test_columns_and_cells_have_one_spelling(tmp_path, suffix):
    columns = sorted(cbis_ddsm.NEEDED.values())
    lines = [",".join(name.replace("_", " ").upper() for name in columns),
             ",".join(f'" {number}\n"' for number in range(len(columns)))]
    path = tmp_path / f"t.{suffix}"
    with (gzip.open if suffix.endswith("gz") else open)(path, "wb") as stream:
        stream.write("\r\n".join(lines).encode("utf-8-sig"))
    assert cbis_ddsm._rows(path) == [
        {name: str(number) for number, name in enumerate(columns)}]
    path.write_bytes(b"\xff")
    with pytest.raises(files.InputError, match="is no CSV table in UTF-8 .*; download"):
        cbis_ddsm._rows(path)
    path = tmp_path / "u.csv"
    path.write_text("image view\nCC\n")
    with pytest.raises(files.InputError, match=(
            r"u.csv has no column 'abnormality_id' \(underscores or spaces\); found "
            r"image_view\. Download the table again\.$")):
        cbis_ddsm._rows(path)


def test_values_that_cannot_be_are_refused_with_their_record():
    row = dict(patient_id="P_00001", left_or_right_breast="LEFT", image_view="CC",
               abnormality_id="3", abnormality_type="mass", pathology="BENIGN",
               image_file_path="a/b/c/d", cropped_image_file_path="",
               roi_mask_file_path="a/b/c/e", breast_density="4")
    assert set(cbis_ddsm.NEEDED.values()) <= set(row)
    finding = cbis_ddsm._finding(row, "t.csv", 7, "train")
    assert (finding.abnormality, finding.density, finding.crop) == (3, "4", "")
    # A row that comes again with another density is the same finding.
    assert cbis_ddsm._finding(row | dict(breast_density="2"), "t", 8, "train"
                              ) == finding
    assert cbis_ddsm._finding(row | dict(breast_density="0"), "t", 7, "test"
                              ).density == ""
    for column, value, expected in (
            ("patient_id", "P" * 65, "such as P_00001"), ("patient_id", "P__1", "such"),
            ("left_or_right_breast", "L", "LEFT or RIGHT"), ("image_view", "", "CC or"),
            ("abnormality_id", "12345", "a number"), ("abnormality_type", "x", "mass "),
            ("pathology", "B", "MALIGNANT, BENIGN, BENIGN_WITHOUT_CALLBACK"),
            *((f"{name}_file_path", "a/b/c", "subject/study/series/file")
              for name in ("image", "cropped_image", "roi_mask"))):
        with pytest.raises(files.InputError) as caught:
            cbis_ddsm._finding(row | {column: value}, "t.csv", 7, "train")
        assert str(caught.value).startswith(
            f"t.csv, record 7: {column} is {value!r}; expected {expected}")
    assert cbis_ddsm._finding(row | dict(patient_id="P" * 64), "t", 7, "test")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_table_may_have_the_line_ends_of_any_system(tmp_path, end):
    path = tmp_path / "mass_case_description_train_set.csv"
    lines = [",".join(cbis_ddsm.NEEDED.values()), *(
        ",".join(f"{number}{name}" for name in cbis_ddsm.NEEDED) for number in (1, 2))]
    path.write_bytes((end.join(lines) + end).encode())
    assert cbis_ddsm._rows(path) == [
        {column: f"{number}{name}" for name, column in cbis_ddsm.NEEDED.items()}
        for number in (1, 2)]


@pytest.mark.parametrize("extra", [0, 1])
def test_a_table_beyond_any_size_is_refused(tmp_path, monkeypatch, extra):
    monkeypatch.setattr(cbis_ddsm, "GREATEST_TABLE", 1 << 20)
    path = tmp_path / "calc_case_description_train_set.csv"
    path.write_bytes(b"\n" * ((1 << 20) + extra))
    if not extra:
        assert cbis_ddsm._rows(path) == []
        return
    with pytest.raises(files.InputError) as caught:
        cbis_ddsm._rows(path)
    assert str(caught.value) == (
        f"{path} is larger than 1 MB, a hundred times the size of such a table; "
        "download it again.")


def test_a_split_file_that_names_no_film_is_refused(films, tmp_path):
    path = tmp_path / "split.csv"
    path.write_text(f"patient_id,split\n{films[0].patient_id},val\n")
    parts, women = cbis_ddsm.split_from_file(films, path)
    assert women == [films[0].patient_id]
    assert list(parts.values()) == ["val"] * sum(
        film.patient_id == women[0] for film in films)
    path.write_text("patient_id,split\nsomebody,val\n")
    with pytest.raises(files.InputError) as caught:
        cbis_ddsm.split_from_file(films, path)
    assert str(caught.value) == (
        f"split file {path} names none of the {len(films)} mammograms; expected ids "
        f"such as {films[0].patient_id}.")
