"""The tables of CBIS-DDSM: findings, films, census and the official lists."""

import pathlib

import pytest

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


@pytest.mark.parametrize("extra", [0, 1])
def test_a_table_beyond_any_size_is_refused(tmp_path, monkeypatch, extra):
    monkeypatch.setattr(cbis_ddsm, "GREATEST_TABLE", 3 << 20)
    path = tmp_path / "calc_case_description_train_set.csv"
    path.write_bytes(b"\n" * ((3 << 20) + extra))
    if not extra:
        assert cbis_ddsm._rows(path) == []
        return
    with pytest.raises(files.InputError) as caught:
        cbis_ddsm._rows(path)
    assert str(caught.value) == (
        f"{path} is larger than 3 MB, a hundred times the size of such a table; "
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
