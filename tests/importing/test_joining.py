"""Joined imports: women stay women, no picture twice, and what the site tells."""

import csv

import cv2
import numpy as np
import pytest

from end2end.importing import __main__ as program
from end2end.importing import joining
from end2end.utils import files


def rows_of(path):
    with open(path, newline="") as stream:
        return list(csv.DictReader(stream))


def imported(folder, name, seed, *, women=12, malignant=4, shared=(), vendor="GE"):
    """Imports a table of two images for each woman; `shared` pictures are copied."""
    source = folder / f"{name}-files"
    source.mkdir()
    rng = np.random.default_rng(seed)
    lines = ["file,patient,side,view,label,vendor,age"]
    for number in range(2 * women):
        path = source / f"{number}.png"
        cv2.imwrite(str(path), rng.integers(0, 255, (40, 30)).astype(np.uint8))
        lines.append(f"{number}.png,w{number // 2},{'LR'[number % 2]},CC,"
                     f"{int(number // 2 < malignant)},{vendor},47")
    for number, picture in shared:
        (source / f"{number}.png").write_bytes(picture.read_bytes())
    (source / "t.csv").write_text("\n".join(lines) + "\n")
    program.main(["table", str(source / "t.csv"), str(folder / name), "--size", "40",
                  "32", "--workers", "1"])
    return folder / name


@pytest.fixture
def two(tmp_path):
    first = imported(tmp_path, "a", 1)
    second = imported(tmp_path, "b", 2, malignant=10, vendor="HOLOGIC", shared=[
        (0, tmp_path / "a-files/0.png")])
    return first, second


def join(out, *words):
    program.main(["join", *map(str, words), "--out", str(out)])
    return rows_of(out / "images.csv")


def test_women_stay_apart_and_a_shared_picture_comes_once(two, tmp_path, capsys):
    rows = join(tmp_path / "out", *two)
    assert len(rows) == 47
    assert len({row["content"] for row in rows}) == 47
    assert {row["patient"].split()[0] for row in rows} == {"a", "b"}
    assert {row["age_band"] for row in rows} == {"40-49"}
    assert "pictures that come twice: 1, by which 1 women" in capsys.readouterr().out
    # Woman 0 of b is woman 0 of a, by the picture that they share.
    parts = {row["split"] for row in rows if row["patient"] in ("a w0", "b w0")}
    assert len(parts) == 1
    assert all((tmp_path / "out" / row["path"]).is_file() for row in rows)


def test_a_site_may_be_left_out_of_training(two, tmp_path):
    rows = join(tmp_path / "out", *two, "--split", "site", "--test-site", "b")
    sites = {part: {row["site"] for row in rows if row["split"] == part}
             for part in ("train", "val", "test")}
    assert sites == {"train": {"a"}, "val": {"a"}, "test": {"b"}} or (
        sites["test"] == {"b", "a"})
    with pytest.raises(files.InputError, match="expected one of a, b"):
        join(tmp_path / "other", *two, "--split", "site", "--test-site", "c")


def test_a_maker_that_tells_the_class_is_warned_of(two, tmp_path, capsys):
    join(tmp_path / "out", *two)
    said = capsys.readouterr().out
    assert "WARNING: the site alone tells the class" in said
    assert "WARNING: the maker alone" in said and "Hologic" in said


def test_makers_that_tell_nothing_are_not_warned_of(tmp_path, capsys):
    first = imported(tmp_path, "a", 1)
    second = imported(tmp_path, "b", 2, vendor="HOLOGIC")
    capsys.readouterr()
    join(tmp_path / "out", first, second)
    assert "WARNING: the" not in capsys.readouterr().out


@pytest.mark.parametrize(("groups", "area"), [
    ({"a": (5, 5), "b": (5, 5)}, 0.5), ({"a": (9, 1), "b": (1, 9)}, 0.9),
    ({"a": (3, 0)}, 0.5), ({}, 0.5), ({"a": (4, 0), "b": (0, 4)}, 1.0)])
def test_what_groups_alone_tell(groups, area):
    assert joining.telling_auc(groups) == pytest.approx(area)


def test_imports_of_one_name_or_of_two_sizes_are_refused(two, tmp_path):
    with pytest.raises(files.InputError, match="one name"):
        join(tmp_path / "out", two[0], two[0])
    census = two[1] / "census.json"
    census.write_text(census.read_text().replace("40,", "48,"))
    with pytest.raises(files.InputError, match="different sizes"):
        join(tmp_path / "out", *two)
    with pytest.raises(files.InputError, match="census.json"):
        join(tmp_path / "out", tmp_path / "a-files")
