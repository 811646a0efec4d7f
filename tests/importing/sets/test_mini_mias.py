"""mini-MIAS: lines of Info.txt, circles from the bottom left, pairs of numbers."""

import pathlib

import cv2
import numpy as np
import pytest

from end2end.data import conversion
from end2end.importing import records
from end2end.importing.sets import mini_mias
from end2end.utils import files

SETTINGS = records.Settings(pathlib.Path("."))
LINES = ("INFORMATION", "mdb001 G CIRC B 535 425 197", "mdb002 G NORM",
         "mdb003 D CALC M *NOTE 3*", "mdb004 D SPIC M 100 200 30",
         "mdb004 D CIRC B 300 1000 20")


def info(tmp_path, *lines):
    (tmp_path / "Info.txt").write_text("\r\n".join(lines) + "\r\n")
    return tmp_path


def test_lines_become_pictures_of_pairs_with_circles_from_the_bottom(tmp_path):
    info(tmp_path, *LINES)
    with open(tmp_path / "Info.txt", "ab") as stream:
        stream.write("Angström\n".encode("latin-1"))
    first, second, third, fourth = mini_mias.read(tmp_path, SETTINGS)
    assert [picture.label for picture in (first, second, third, fourth)] == [0, 0, 1, 1]
    assert [picture.row for picture in (first, second, third, fourth)] == [2, 3, 4, 5]
    assert first.patient == second.patient != third.patient
    assert (first.laterality, second.laterality) == ("R", "L")
    assert first.regions[0].points == ((535, 1023 - 425), (197, 197))
    assert not third.regions and third.source_label == "M"
    assert [region.malignant for region in fourth.regions] == [True, False]
    assert fourth.lesion_type == "CIRC+SPIC" and first.density == "fatty-glandular"
    assert first.further == dict(side=1024)
    accepting = records.Settings(pathlib.Path("."), accept=("size-1024",))
    assert next(mini_mias.read(tmp_path, accepting)).further == {}


@pytest.mark.parametrize(("line", "name"), [
    ("mdb001 X NORM", "lines"), ("mdb001 G CIRC B 1 2", "lines"),
    ("mdb001 G CIRC", "severity"), ("mdb001 G NORM B", "severity")])
def test_a_line_that_is_not_understood_is_refused_by_name(tmp_path, line, name):
    with pytest.raises(files.InputError, match=f"'{name}' does not hold"):
        list(mini_mias.read(info(tmp_path, line), SETTINGS))
    with pytest.raises(files.InputError, match=f"line 1 is 'mdb001{'x' * 54}'; expect"):
        list(mini_mias.read(info(tmp_path, f"mdb001{'x' * 99}"), SETTINGS))


def test_a_file_without_such_lines_is_refused(tmp_path):
    with pytest.raises(files.InputError, match="has no line"):
        list(mini_mias.read(info(tmp_path, "hello"), SETTINGS))


def job(tmp_path, shape, circle):
    pixels = np.zeros(shape, np.uint8)
    pixels[shape[0] * 3 // 4:, :shape[1] // 2] = 90
    pixels[-5:, :5] = 200
    cv2.imwrite(str(tmp_path / "mdb001.pgm"), pixels)
    (x, y), radius = circle
    return dict(sources=[str(tmp_path / "mdb001.pgm")], further=dict(side=1024), out="",
                settings=[[64, 48]], bits=None, name="n", regions=[dict(
                    shape="circle", points=((x, y), (radius, radius)), kind="mass",
                    name="CIRC", malignant=True)])


def test_pictures_of_another_size_are_no_basis_for_circles(tmp_path):
    with pytest.raises(conversion.Unreadable, match=(
            "^size-1024: 900 x 1024 pixels; the circles are those of pictures of "
            "1024 x 1024$")):
        mini_mias.convert(job(tmp_path, (1024, 900), ((100, 900), 20)))


def test_a_circle_in_the_black_that_would_lie_on_the_breast_from_the_top_is_noted(
        tmp_path):
    right = mini_mias.convert(job(tmp_path, (1024, 1024), ((100, 900), 20)))
    assert not right["notes"]
    wrong = mini_mias.convert(job(tmp_path, (1024, 1024), ((100, 100), 20)))
    assert wrong["notes"][0].startswith("origin-bottom-left")
    for place, noted in (((100, 0), True), ((0, 100), True), ((100, 1023), False),
                         ((100, 255), True), ((100, 256), False),
                         ((100, 1024), False), ((1024, 100), False),
                         ((100, -1), False), ((-1, 100), False)):
        notes = mini_mias.convert(job(tmp_path, (1024, 1024), (place, 20)))["notes"]
        assert any(note.startswith("origin") for note in notes) == noted, place
    # Where another size is accepted, height and width differ.
    for shape, place in (((100, 200), (20, 150)), ((200, 100), (150, 20))):
        accepted = job(tmp_path, shape, (place, 5)) | dict(further={})
        assert not any(note.startswith("origin")
                       for note in mini_mias.convert(accepted)["notes"])


def test_the_census_counts_images_women_and_circles(tmp_path):
    counts = mini_mias.census(info(tmp_path, *LINES), SETTINGS)
    assert counts == {"images": 4, "women": 2, "lesions with a circle": 3,
                      "malignant images": 2, "normal images": 1}


def test_lines_that_are_not_understood_are_passed_over_where_that_is_accepted(tmp_path):
    accepting = records.Settings(pathlib.Path("."), accept=(
        "lines", "tissue-of-image", "severity"))
    root = info(tmp_path, "mdb001 X NORM", "notes", "mdb002 G NORM", "mdb004 G CIRC",
                "mdb004 D SPIC M 100 200 30")
    rows = list(mini_mias.lines(root, accepting))
    assert [(number, row["image"]) for number, row in rows] == [
        (3, "mdb002"), (4, "mdb004"), (5, "mdb004")]
    assert [(picture.key, picture.density) for picture in mini_mias.read(
            root, accepting)] == [
        ("mdb002", "fatty-glandular"), ("mdb004", "fatty-glandular")]
    with pytest.raises(files.InputError, match="mdb004 has two tissues in .*: D, G"):
        list(mini_mias.read(info(tmp_path, "mdb004 G NORM", "mdb004 D SPIC M 1 2 3"),
                            SETTINGS))
