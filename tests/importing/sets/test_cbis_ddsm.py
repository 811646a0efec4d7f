"""CBIS-DDSM as a row of the common importer."""

import pathlib

import pytest

from end2end import phantoms
from end2end.importing import converting, records
from end2end.importing.sets import cbis_ddsm, cbis_downloads, cbis_tables
from end2end.utils import files


@pytest.fixture
def root(tmp_path):
    phantoms.write_cbis_ddsm(tmp_path / "in", patients=8, seed=3, size=(96, 72))
    return tmp_path / "in"


def settings(tmp_path):
    return records.Settings(tmp_path / "out", size=(48, 36))


def test_films_are_read_with_the_split_of_the_published_lists(root, tmp_path):
    pictures = list(cbis_ddsm.read(root, settings(tmp_path)))
    films = cbis_tables.merge(cbis_tables.read_tables(root))
    assert [picture.key for picture in pictures] == [film.name for film in films]
    assert {picture.split for picture in pictures} <= {"train", "test", ""}
    for picture, film in zip(pictures, films, strict=True):
        assert picture.label == film.malignant
        assert len(picture.regions) == len(film.findings)


def test_masks_are_known_by_their_content(root, tmp_path):
    picture = next(picture for picture in cbis_ddsm.read(root, settings(tmp_path))
                   if picture.regions[0].kind == "mass")
    row = dict(key="k", position=1, source=picture.source, name="n", bits=None,
               further=picture.further, regions=picture.regions)
    facts = cbis_ddsm.convert(converting.make_job(row, settings(tmp_path)))
    assert facts["masks"][0][1:4] == ["Mass-Training_n_1.png", "mask", "mass"]
    assert (tmp_path / "out/mask/Mass-Training_n_1.png").is_file()


def test_a_missing_mask_is_noted_and_stops_nothing(root, tmp_path):
    picture = next(iter(cbis_ddsm.read(root, settings(tmp_path))))
    for path in picture.further["masks"][0]["files"]:
        pathlib.Path(path).unlink()
    row = dict(key="k", position=1, source=picture.source, name="n", bits=None,
               further=picture.further, regions=picture.regions)
    facts = cbis_ddsm.convert(converting.make_job(row, settings(tmp_path)))
    assert len(facts["masks"]) == len(picture.regions) - 1
    assert any("mask left out" in note for note in facts["notes"])


def test_of_a_film_without_a_file_the_first_name_in_the_tables_is_said(tmp_path):
    film = cbis_tables.Mammogram("P_1", "LEFT", "CC", ("a/b/c/1.dcm", "d/e/f/2"), ())
    index = cbis_downloads.Index(tmp_path, skip=None)
    picture = cbis_ddsm._picture(film, index, "", settings(tmp_path))
    assert (picture.key, picture.source) == ("P_1_LEFT_CC", "a/b/c/1.dcm")


def test_tables_without_films_are_refused(root, tmp_path):
    (root / "CBIS-DDSM").rename(tmp_path / "elsewhere")
    films = cbis_tables.merge(cbis_tables.read_tables(root))
    with pytest.raises(files.InputError) as caught:
        list(cbis_ddsm.read(root, settings(tmp_path)))
    assert len({film.images for film in films}) == len(films) > 1
    assert str(caught.value) == (
        f"none of the {len(films)} mammograms of the tables is in {root}; expected "
        f"folders such as {films[0].images[0]}.")
